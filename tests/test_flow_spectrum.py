"""The spectrum along integrated flows, deep networks and other costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf

NAMES = ("singular_values", "alignment", "rank", "stable_rank", "effective_rank")
NORMS = ("nuclear_norm", "operator_norm")


def deep() -> lf.Gaussian:
    return lf.Gaussian(width=(30, 40), variance=(0.02, 0.02, 0.03))


def runs() -> list[Any]:
    task = lf.low_rank_task((14, 11), 2, rng=0)
    wide = lf.Gaussian(1e4, 14**-1.6)
    masked = lf.Task(task.target, mask=np.random.default_rng(0).random((14, 11)) < 0.7)
    words: dict[str, Any] = {"rng": 0, "observe": NAMES + NORMS, "save_product": True}
    times = np.linspace(0, 0.3, 9)
    steps: dict[str, Any] = {"step_size": 1e-3, "max_steps": 60, "save_every": 10}
    return [
        (task, lf.gradient_flow(task, wide, times=times, **words)),
        (task, lf.gradient_flow(task, deep(), times=times, **words)),
        (task, lf.gradient_descent(task, deep(), **steps, **words)),
        (masked, lf.gradient_flow(masked, wide, times=times, **words)),
        (masked, lf.gradient_descent(masked, deep(), **steps, **words)),
    ]


def test_observables_are_those_of_the_output_map() -> None:
    for task, run in runs():
        for i, A in enumerate(run.product):
            values = np.linalg.svd(A, compute_uv=False)
            np.testing.assert_allclose(run.singular_values[i], values, rtol=1e-8)
            assert run.rank[i] == lf.spectrum.rank(A, relative=0.2)
            for name in ("stable_rank", "effective_rank", *NORMS):
                expected = getattr(lf.spectrum, name)(A)
                assert getattr(run, name)[i] == pytest.approx(expected, rel=1e-8)
            aligned = lf.spectrum.alignment(A, task.target)
            np.testing.assert_allclose(
                run.alignment_left[i] * run.alignment_right[i],
                aligned.left * aligned.right,
                atol=1e-7,
            )


def test_modes_of_a_flow_go_through_a_crossing() -> None:
    """Two modes of a balanced network whose sizes change places."""
    task = lf.Task(np.diag([1.0, 3.0]))
    start = lf.Weights(np.diag([0.5, 1e-3]), np.diag([0.5, 1e-3]))
    times = np.linspace(0, 8, 60)
    run = lf.gradient_flow(task, start, times=times, track="modes", rtol=1e-8)
    expected = lf.modes.curves(times, [1e-6, 0.25], [3.0, 1.0], 0.0)
    assert run.singular_values is not None
    np.testing.assert_allclose(run.singular_values, expected, atol=1e-5)


@pytest.mark.parametrize("track", ["order", "modes"])
@pytest.mark.parametrize("scale", [1.0, -2.0])
def test_crossings_are_located(track: str, scale: float) -> None:
    """At the time that was found the exact solution stands at the threshold."""
    task = lf.Task(np.diag([4.0, 2.0, 0.2]))
    init = lf.Balanced(width=3, lam=1.0, size=1e-2)
    words: dict[str, Any] = {"rng": 0, "scale": scale}
    run = lf.gradient_flow(
        task, init, times=[0.0, 1.0, 20.0], rtol=1e-10,
        observe=("singular_values", "crossing_times"), track=track, **words,
    )  # fmt: skip
    found = run.crossing_times
    assert found is not None
    assert np.isnan(found[2])
    assert 0 < found[0] < found[1]
    exact = lf.closed_form(task, init, times=found[:2], **words)
    assert exact.singular_values is not None
    assert run.kappa == exact.kappa
    for mode in (0, 1):
        assert exact.singular_values[mode, mode] == pytest.approx(run.kappa, rel=1e-8)
    assert "located_crossings" in run.to_xarray()
    assert run.events == []  # one's own only


def test_a_mode_that_starts_above_has_crossed_at_once() -> None:
    init = lf.Balanced(width=2, lam=0.1, size=3.0)
    run = lf.gradient_flow(
        lf.Task(np.diag([4.0, 2.0])), init, times=[0, 1], rng=0,
        observe="crossing_times", events=[lf.events.mode_crosses(3.2, mode=0)],
    )  # fmt: skip
    assert run.crossing_times is not None
    assert run.crossing_times.tolist() == [0.0, 0.0]
    assert {event["name"] for event in run.events} <= {"mode_crosses"}


def test_what_cannot_be_observed_is_refused() -> None:
    task = lf.custom_task((3, 2), lambda A: A - 1.0)
    start = lf.Gaussian(10, 0.1)
    flow: dict[str, Any] = {"times": [0, 1], "rng": 0}
    descent: dict[str, Any] = {"step_size": 0.1, "max_steps": 2, "rng": 0}
    for name, reason in (
        ("alignment", "target"),
        ("active_modes", "kappa"),
        ("crossing_times", "kappa"),
    ):
        with pytest.raises(ValueError, match=reason):
            lf.gradient_flow(task, start, observe=name, **flow)
    for name, reason in (("alignment", "target"), ("active_modes", "kappa")):
        with pytest.raises(ValueError, match=reason):
            lf.gradient_descent(task, start, observe=name, **descent)
    with pytest.raises(ValueError, match="observe"):
        lf.gradient_descent(task, start, observe="crossing_times", **descent)
    with pytest.raises(ValueError, match="track"):
        lf.gradient_flow(task, start, track="colour", **flow)
