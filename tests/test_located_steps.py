"""Flows solved at few times: where runs end and are best, as in a scan of all steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import linflow as lf
from linflow import stop
from linflow._core import ensemble as core

if TYPE_CHECKING:
    import xarray as xr

RULES: dict[str, Any] = {
    "published": "published",
    "fine": {
        "step_size": 2e-5,
        "max_steps": 6000,
        "stop": stop.test_rising(times=2, after=3),
    },
    "coarse": {"step_size": 4e-2, "max_steps": 30},
    "train": {"step_size": 1e-3, "max_steps": 900, "stop": stop.train_below(0.5)},
    "stalled": {
        "step_size": 1e-3,
        "max_steps": 900,
        "stop": stop.train_stalled(change=1e-3, drop=0.05),
    },
    "one": {"step_size": 1e-3, "max_steps": 1},
}
NAMES = (
    "min_test_error",
    "best_step",
    "steps",
    "first_train_error",
    "final_train_error",
    "rank",
    "status",
)


def both(**words: Any) -> tuple[xr.Dataset, xr.Dataset]:
    """Return a diagram at few times and one with a look at every step."""
    grid: dict[str, Any] = {
        "d": 20,
        "rank": 3,
        "gamma_sigma2": np.linspace(-3.0, 0.3, 7),
        "gamma_w": [0.4, 1.0, 1.6, 2.2, 2.8],
        "dynamics": "closed_form",
        "progress": False,
    }
    words = grid | words
    return lf.phase_diagram(**words), lf.phase_diagram(**words, distance_to="lazy")


@pytest.mark.parametrize("rule", RULES)
def test_few_times_tell_what_all_steps_tell(rule: str) -> None:
    """From noisy starts to saddles: the same steps, and errors that are true.

    Once all is learned the test error stands still, and rounding decides on the steps.
    """
    located, scanned = both(protocol=RULES[rule])
    moves = scanned.final_train_error > 1e-20 * scanned.first_train_error
    for name in NAMES:
        if name.endswith("error"):
            np.testing.assert_allclose(located[name], scanned[name], 1e-14, 1e-24)
        else:
            differs = located[name] != scanned[name]
            assert not (differs & moves).any(), name
            assert differs.sum() <= 1, name
    np.testing.assert_allclose(located.stable_rank, scanned.stable_rank, rtol=1e-9)


@pytest.mark.parametrize("name", ["self_consistent", "lazy", "balanced"])
def test_formulas_as_flows(name: str) -> None:
    rng = np.random.default_rng(5)
    target, noise = (np.asfortranarray(rng.normal(size=(5, 8))) for _ in "12")
    variance = np.geomspace(1e-4, 1.0, 12)
    words: dict[str, Any] = {
        "tasks": [core.Task(4.0 * target, noise)],
        "task": np.zeros(12, np.int64),
        "seed": rng.integers(0, 2**63, size=(12, 4), dtype=np.uint64),
        "width": np.full(12, 20.0),
        "variance1": variance,
        "variance2": variance,
        "step_size": np.full(12, 1e-3),
        "order": list(range(12)),
        "stop": stop.combine(stop.published, None, has_truth=True),
        "dynamics": name,
        "distance_to": None,
        "n_threads": 1,
        "progress": None,
    }
    located, scanned = core.run(**words), core.run(**words, modes=1, crossings=True)
    assert scanned["steps"].max() > 20
    for one in NAMES:
        np.testing.assert_array_equal(located[one], scanned[one], err_msg=one)


def test_float32() -> None:
    located, scanned = both(dtype="float32")
    near = np.abs(located.steps - scanned.steps) <= 1 + 0.02 * scanned.steps
    assert near.mean() > 0.95
    np.testing.assert_allclose(
        located.min_test_error, scanned.min_test_error, rtol=2e-3
    )
