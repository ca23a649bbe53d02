"""Ensembles of small networks: against slow NumPy, and each cell by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import reference
from linflow import Status, stop
from linflow._core import ensemble as core
from linflow._core import network

if TYPE_CHECKING:
    from linflow._core import Record

STEPS = 12
# Square, flat and tall; sizes that blocks of 2 to 5 divide and do not; on both sides of
# the largest that is batched (50 with AVX-512 and on ARM, elsewhere 32).
SHAPES = [
    (1, 1),
    (2, 3),
    (4, 4),
    (7, 11),
    (13, 5),
    (20, 20),
    (3, 50),
    (50, 41),
    (9, 51),
]


def make(shape: tuple[int, int], count: int, step: float = 0.02) -> dict[str, Any]:
    """Return the arguments of an ensemble of two tasks and networks of all widths."""
    rng = np.random.default_rng(3)
    d_out, d_in = shape
    n = d_in + d_out
    widths = np.resize([n + 0.5, 1.0, max(1, n // 2), 1e9, n - 1, 2.0], count)
    return {
        "targets": [np.asfortranarray(rng.normal(size=shape)) for _ in range(2)],
        "noises": [np.asfortranarray(rng.normal(size=shape)) for _ in range(2)],
        "task": np.arange(count) % 2,
        "seed": rng.integers(0, 2**63, size=(count, 4), dtype=np.uint64),
        "width": widths,
        "variance1": 0.5 / widths,
        "variance2": 1.5 / widths,
        "step_size": step * rng.uniform(0.5, 1.0, size=count) / np.sqrt(n),
        "order": list(range(count)),
        "stop": stop.combine(stop.max_steps(STEPS), None, has_truth=True),
        "dynamics": "gradient_descent",
        "distance_to": None,
        "n_threads": 2,
        "progress": None,
    }


def run(case: dict[str, Any], float32: bool = False) -> Record:
    """Run an ensemble."""
    words = case.copy()
    pairs = zip(words.pop("targets"), words.pop("noises"), strict=True)
    tasks = [core.Task(target, noise, float32) for target, noise in pairs]
    return core.run(tasks=tasks, **words)


def expected(
    case: dict[str, Any], cell: int, steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """Train and test errors of a cell at every step, from the weights as drawn."""
    target = case["targets"][case["task"][cell]]
    maps = reached(case, cell, steps)
    truth = target - case["noises"][case["task"][cell]]
    return (
        np.array([reference.mean_square(A - target) for A in maps]),
        np.array([reference.mean_square(A - truth) for A in maps]),
    )


def reached(case: dict[str, Any], cell: int, steps: int) -> list[np.ndarray]:
    """Output maps of a cell up to a step, from the weights as drawn."""
    target = case["targets"][case["task"][cell]]
    d_out, d_in = target.shape
    X, Y = network.draw_gaussian(
        case["seed"][cell], d_in, d_out, *(case[k][cell] for k in _LAW)
    )
    follow = (
        reference.gradient_descent
        if case["dynamics"] == "gradient_descent"
        else reference.runge_kutta
    )
    return follow(X.T, Y, target, step_size=case["step_size"][cell], steps=steps)


_LAW = ("width", "variance1", "variance2")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("float32", "rel"), [(False, 1e-12), (True, 2e-5)])
@pytest.mark.parametrize("dynamics", ["gradient_descent", "gradient_flow_rk4"])
def test_errors_are_those_of_slow_numpy(
    shape: tuple[int, int], float32: bool, rel: float, dynamics: str
) -> None:
    case = make(shape, 19) | {"dynamics": dynamics}
    case["step_size"] *= 1 if dynamics == "gradient_descent" else 2
    # More than two batches of doubles, less than two of floats.
    record = run(case, float32)
    assert set(record["status"]) == {Status.REACHED_END}
    for cell in range(19):
        train, test = expected(case, cell)
        assert record["first_train_error"][cell] == pytest.approx(train[0], rel=rel)
        assert record["final_train_error"][cell] == pytest.approx(train[-1], rel=rel)
        assert record["min_test_error"][cell] == pytest.approx(test.min(), rel=rel)
        if not float32:
            assert record["best_step"][cell] == test.argmin()
    assert np.all(record["duration"] > 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("float32", "rel"), [(False, 1e-12), (True, 2e-5)])
def test_ranks_are_those_of_all_singular_values(
    shape: tuple[int, int], float32: bool, rel: float
) -> None:
    """Whether all values are asked for or only these two."""
    case = make(shape, 19)
    record = run(case | {"values": False}, float32)
    in_lanes = core.lanes("gradient_descent", *shape, float32) > 1
    assert np.isnan(record["nuclear_norm"]).all() == in_lanes
    for cell in range(19):
        best = reached(case, cell, int(record["best_step"][cell]))[-1]
        values = np.linalg.svd(best, compute_uv=False)
        assert record["rank"][cell] == np.sum(values > values[0] / 5)
        stable_rank = np.sum(values**2) / values[0] ** 2
        assert record["stable_rank"][cell] == pytest.approx(stable_rank, rel=rel)


@pytest.mark.parametrize(
    "shape", [(2, 3), (7, 11), (20, 20), (50, 41), (9, 51)], ids=str
)
@pytest.mark.parametrize(
    ("float32", "size", "digits"),
    [(False, 1e-8, 1e-12), (True, 1e-6, 1e-5)],
)
@pytest.mark.parametrize("dynamics", ["gradient_descent", "gradient_flow_rk4"])
def test_maps_far_smaller_than_the_target(
    shape: tuple[int, int], float32: bool, size: float, digits: float, dynamics: str
) -> None:
    """Whether the first step is best, the last, or by rounding one between."""
    case = make(shape, 19) | {"dynamics": dynamics}
    case["noises"] = [0 * case["targets"][0], 2 * case["targets"][1]]
    case["variance1"] *= size
    case["variance2"] *= size
    record = run(case, float32)
    best = record["best_step"]
    assert {0.0, float(STEPS)} <= set(best)
    for cell in range(19):
        maps = reached(case, cell, int(best[cell]))
        target = case["targets"][case["task"][cell]]
        assert np.linalg.norm(maps[-1]) < 1e-3 * np.linalg.norm(target)
        values = np.linalg.svd(maps[-1], compute_uv=False)
        near: dict[str, Any] = {"rel": digits, "abs": 0}
        assert record["operator_norm"][cell] == pytest.approx(values[0], **near)
        assert record["nuclear_norm"][cell] == pytest.approx(values.sum(), **near)
        assert record["rank"][cell] == np.sum(values > values[0] / 5)
        stable_rank = np.sum(values**2) / values[0] ** 2
        assert record["stable_rank"][cell] == pytest.approx(stable_rank, **near)


@pytest.mark.parametrize("size", [1e-160, 1.0, 1e150])
@pytest.mark.parametrize("map_size", [1e-90, 1.0, 1e85])
def test_ranks_of_maps_of_any_size(size: float, map_size: float) -> None:
    """One direction of the target learned from zero; nothing learned has no rank."""
    case = make((6, 4), 9) | {"values": False}
    case["stop"] = stop.combine(stop.max_steps(1), None, has_truth=True)
    case["noises"] = [np.zeros_like(noise, order="F") for noise in case["noises"]]
    case["targets"] = [map_size * target for target in case["targets"]]
    case["width"] = np.ones(9)
    case["variance1"] = np.full(9, size)
    case["variance2"] = np.zeros(9)
    case["step_size"] = np.array([1e-3 / size, 0.0, 1e-4 / size] * 3)
    record = run(case)
    assert record["rank"].tolist() == [1.0, 0.0, 1.0] * 3
    assert record["stable_rank"][[0, 2]] == pytest.approx(1.0, rel=1e-14)
    assert np.isnan(record["stable_rank"][1::3]).all()


@pytest.mark.parametrize("dynamics", ["gradient_descent", "gradient_flow_rk4"])
def test_a_cell_does_not_feel_its_neighbours(dynamics: str) -> None:
    """Bitwise alone or in company, of cells that blow up or hardly learn, too."""
    case = make((10, 7), 23) | {"dynamics": dynamics}
    case["step_size"][[2, 3, 11]] = 1e3
    case["variance1"][3:9] *= 1e-12
    case["variance2"][3:9] *= 1e-12
    together = run(case)
    assert set(together["status"][[2, 3, 11]]) == {Status.DIVERGED}
    for order in ([5], [11], [22, 2, 5], list(range(23))[::-1]):
        some = run(case | {"order": order})
        for name in together.keys() - {"duration", "raised"}:
            np.testing.assert_array_equal(some[name][order], together[name][order])


def test_cells_of_very_different_lengths_all_end() -> None:
    """Lanes are refilled at different times."""
    case = make((6, 6), 40, step=0.5)
    case["stop"] = stop.combine(
        [stop.max_steps(300), stop.train_below(0.05)], None, has_truth=True
    )
    steps = run(case)["steps"]
    assert steps.min() < 100
    assert steps.max() == 300


@pytest.mark.parametrize("float32", [False, True])
def test_cells_end_where_the_published_rules_say(float32: bool) -> None:
    most = 40
    case = make((8, 6), 40, step=0.3)
    rules = [stop.max_steps(most), *stop.published[1:]]
    case["stop"] = stop.combine(rules, None, has_truth=True)
    record = run(case, float32)
    assert set(record["status"]) == {
        Status.REACHED_END,
        Status.TRAIN_BELOW,
        Status.TRAIN_STALLED,
        Status.TEST_RISING,
    }
    rel = 1e-4 if float32 else 1e-10
    for cell in range(40):
        train, test = expected(case, cell, most)
        try:
            steps = reference.published_stop(list(train), list(test))
        except AssertionError:  # they would end later
            steps = most
        assert record["steps"][cell] == steps
        assert record["best_step"][cell] == test[: steps + 1].argmin()
        assert record["final_train_error"][cell] == pytest.approx(train[steps], rel=rel)
        assert record["min_test_error"][cell] == pytest.approx(
            test[: steps + 1].min(), rel=rel
        )


def test_observing_more_changes_no_bit() -> None:
    case = make((8, 8), 11)
    plain = run(case)
    more = run(
        case | {"distance_to": "stepped_self_consistent", "crossings": True, "modes": 2}
    )
    less = run(case | {"values": False})
    for name in ("min_test_error", "steps", "final_train_error", "stable_rank"):
        np.testing.assert_array_equal(more[name], plain[name])
        np.testing.assert_array_equal(less[name], plain[name])
    assert np.all(more["distance"] > 0)
