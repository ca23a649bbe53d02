"""Gradient flow: bad input, failed runs and interruption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf

TASK = lf.low_rank_task(6, rank=2, rng=0)
DEEP_TASK = lf.Task(TASK.target / 3, truth=TASK.truth)


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        ({"times": [1.0, 0.5]}, ValueError, "times"),
        ({"times": [-1.0, 0.5]}, ValueError, "times"),
        ({"times": []}, ValueError, "times"),
        ({"times": [np.nan]}, ValueError, "times"),
        ({"times": "soon"}, TypeError, "times"),
        ({"rtol": 0.0}, ValueError, "rtol"),
        ({"rtol": -1e-3}, ValueError, "rtol"),
        ({"rtol": 1e4}, ValueError, "rtol must be a real number > 0 and <= 1"),
        ({"conserve": "no"}, TypeError, "conserve must be True or False, not 'no'"),
        ({"save_product": "no"}, TypeError, "save_product must be True or False"),
        ({"save_weights": None}, TypeError, "save_weights must be True or False"),
        ({"save_gram": 2}, TypeError, "save_gram must be True or False"),
        ({"top": -3, "observe": "train_error"}, ValueError, "top must be"),
        ({"atol": -1.0}, ValueError, "atol"),
        ({"method": "magic"}, ValueError, "method"),
        ({"step_size": 0.0}, ValueError, "step_size"),
        ({"atol": 1e-9, "step_size": 0.1}, ValueError, "atol must be None with step"),
        ({"learning_rates": (1, 1, 1)}, ValueError, "learning_rates"),
        ({"learning_rates": (0, 0)}, ValueError, "learning_rates"),
        ({"scale": 0.0}, ValueError, "scale"),
        ({"conserve": True, "method": "rk4"}, ValueError, "conserve"),
        ({"top": 7}, ValueError, "top"),
        ({"observe": "loss"}, ValueError, "observe"),
        ({"dtype": "float16"}, ValueError, "dtype"),
        ({"times": np.arange(1e6), "save_weights": True, "top": 1}, MemoryError, "GiB"),
    ],
)
def test_bad_input(
    keywords: dict[str, Any], error: type[Exception], match: str
) -> None:
    arguments: dict[str, Any] = {"times": [0.0, 1.0], **keywords}
    task = lf.Task(np.eye(1200)) if error is MemoryError else TASK
    with pytest.raises(error, match=match):
        lf.gradient_flow(task, lf.Gaussian(1e5, 1e-5), rng=0, **arguments)


def test_conserve_takes_two_layers() -> None:
    with pytest.raises(ValueError, match="conserve"):
        lf.gradient_flow(
            DEEP_TASK, lf.Gaussian((8, 8), 0.1), times=[1.0], conserve=True
        )


def test_divergence_of_fixed_steps_is_a_result() -> None:
    run = lf.gradient_flow(
        TASK,
        lf.Gaussian(1e4, 1e-2),
        times=[0.0, 100.0],
        step_size=1.0,
        method="euler",
        rng=0,
        raise_on_failure=False,
    )
    assert run.status is lf.Status.DIVERGED
    assert "at time" in run.message
    with pytest.raises(lf.RunFailed, match="diverged") as caught:
        lf.gradient_flow(
            TASK,
            lf.Gaussian(1e4, 1e-2),
            times=[100.0],
            step_size=1.0,
            method="euler",
            rng=0,
        )
    assert caught.value.trajectory.status is lf.Status.DIVERGED


def test_step_underflow_is_a_result() -> None:
    """A gradient that blows up at a finite time cannot be integrated through it."""
    task = lf.custom_task((1, 1), lambda A: -(A**3) if abs(A) < 1e6 else A * np.nan)
    with pytest.raises(lf.RunFailed, match="at time") as caught:
        lf.gradient_flow(task, lf.Weights([[1.0]], [[1.0]]), times=[0.0, 10.0])
    assert caught.value.trajectory.status is lf.Status.STEP_UNDERFLOW
    assert caught.value.trajectory.times.size > 0


def test_progress_and_interruption() -> None:
    seen: list[int] = []
    task = lf.low_rank_task(60, rank=3, rng=0)
    lf.gradient_flow(
        task, lf.Gaussian(1e3, 1e-4), times=[10.0], rng=0, progress=seen.append
    )
    assert seen == sorted(seen)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(lf.Interrupted) as caught:
        lf.gradient_flow(
            lf.low_rank_task(80, rank=3, rng=0),
            lf.Gaussian(1e3, 1e-4),
            times=[1.0, 1e4],
            method="dopri5",
            rng=0,
            progress=stop,
        )
    assert caught.value.partial.steps > 0
    assert caught.value.partial.status is lf.Status.PENDING

    def interrupted(_: object) -> object:
        raise KeyboardInterrupt

    with pytest.raises(lf.Interrupted) as caught:
        lf.gradient_flow(
            lf.custom_task((2, 2), interrupted),  # type: ignore[arg-type]
            lf.Gaussian(9, 0.1),
            times=[1.0],
            rng=0,
        )
    assert caught.value.partial.status is lf.Status.PENDING


def test_the_least_time_is_a_time() -> None:
    """A save point below the resolution of anything is a step of that length."""
    task = lf.low_rank_task(4, rank=1, rng=0)
    for keep in ({}, {"save_weights": True}, {"method": "rkc2"}, {"step_size": 0.1}):
        run = lf.gradient_flow(
            task, lf.Gaussian(30, 0.1), times=[1e-320, 1.0], rng=0, **keep
        )
        assert run.status is lf.Status.REACHED_END
        assert run.train_error is not None
        start = lf.gradient_flow(task, lf.Gaussian(30, 0.1), times=[0.0], rng=0)
        assert start.train_error is not None
        np.testing.assert_allclose(run.train_error[0], start.train_error[0], rtol=1e-12)
