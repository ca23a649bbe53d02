"""Events of a flow: found, located, ordered, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import linflow as lf

TASK = lf.low_rank_task(8, rank=2, rng=0)
INIT = lf.Gaussian(1e5, 1e-6)
SCALAR = lf.Task([[2.0]])
BALANCED = lf.Weights([[0.1]], [[0.1]])  # s(0) = 0.01, s' = 2 s (2 - s)


def reach(level: float) -> float:
    """Time at which the balanced single mode reaches a level."""
    return float(np.log(level * (2 - 0.01) / (0.01 * (2 - level))) / 4)


@pytest.mark.parametrize("method", ["dopri5", "tsit5", "dop853", "rkc2", "rk4", "auto"])
def test_times_agree_with_the_closed_form(method: str) -> None:
    for rtol in (1e-5, 1e-8):
        run = lf.gradient_flow(
            SCALAR,
            BALANCED,
            times=[3.0],
            rtol=rtol,
            method=method,
            events=[lf.events.mode_crosses(level) for level in (0.5, 1.0, 1.5)],
        )
        assert [event["level"] for event in run.events] == [0.5, 1.0, 1.5]
        for event in run.events:
            assert abs(event["time"] - reach(event["level"])) < 100 * rtol
            assert event["direction"] == 1


def test_terminal_event_ends_the_run_there() -> None:
    times = [0.0, 0.5, 1.0, 3.0]
    run = lf.gradient_flow(
        SCALAR,
        BALANCED,
        times=times,
        rtol=1e-9,
        events=[
            lf.events.mode_crosses(1.0, terminal=True),
            lf.events.mode_crosses(1.5),
        ],
    )
    assert run.status is lf.Status.EVENT
    assert len(run.events) == 1
    assert run.times[:-1].tolist() == [0.0, 0.5, 1.0]
    assert run.times[-1] == run.events[0]["time"]
    assert abs(run.last_product[0, 0] - 1.0) < 1e-9
    assert run.network is not None
    assert abs(run.network.product[0, 0] - 1.0) < 1e-9


def test_mode_crossings_of_kappa_in_order() -> None:
    """Against SciPy's own event location, on A of the same flow."""
    network = INIT.sample(TASK, 0)
    run = lf.gradient_flow(
        TASK, network, times=[3.0], rtol=1e-9, events=lf.events.mode_crosses()
    )
    assert run.kappa is not None
    crossed = [event["mode"] for event in run.events]
    assert crossed == sorted(crossed)
    assert crossed[0] == 0
    W1, W2 = network.W1, network.W2

    def rhs(_: float, y: Any) -> Any:
        V1, V2 = y[: W1.size].reshape(W1.shape), y[W1.size :].reshape(W2.shape)
        G = V2 @ V1 - TASK.target
        return np.concatenate([-(V2.T @ G).ravel(), -(G @ V1.T).ravel()])

    def second_mode(_: float, y: Any) -> float:
        V1, V2 = y[: W1.size].reshape(W1.shape), y[W1.size :].reshape(W2.shape)
        return float(np.linalg.svd(V2 @ V1)[1][1] - run.kappa)

    start = np.concatenate([W1.ravel(), W2.ravel()])
    solution = solve_ivp(
        rhs, (0, 3), start, "DOP853", events=second_mode, rtol=1e-11, atol=1e-14
    )
    np.testing.assert_allclose(
        run.events[1]["time"], solution.t_events[0][0], atol=1e-6
    )


def test_minimum_of_the_test_error() -> None:
    run = lf.gradient_flow(
        TASK, INIT, times=[5.0], rtol=1e-9, events=lf.events.test_minimum(), rng=0
    )
    (event,) = run.events
    around = event["time"] * np.linspace(0.98, 1.02, 41)
    fine = lf.gradient_flow(TASK, INIT, times=around, rtol=1e-10, rng=0)
    assert fine.test_error is not None
    assert (
        abs(around[np.argmin(fine.test_error)] - event["time"]) < 0.001 * event["time"]
    )


def test_functions_directions_and_order() -> None:
    def rising(t: float, A: Any) -> float:
        assert A.shape == TASK.shape
        return float(np.sin(20 * t))

    rising.direction = 1  # type: ignore[attr-defined]
    run = lf.gradient_flow(
        TASK,
        INIT,
        times=[1.0],
        rng=0,
        rtol=1e-10,
        events=[
            lf.events.function(lambda t, _: np.sin(20 * t), direction=-1, name="down"),
            rising,
            lambda t, _: t - 0.5,
        ],
    )
    assert [event["time"] for event in run.events] == sorted(
        event["time"] for event in run.events
    )
    times = {
        name: [e["time"] for e in run.events if e["name"] == name]
        for name in ("down", "rising", "<lambda>")
    }
    np.testing.assert_allclose(
        times["down"], np.pi / 20 * np.array([1, 3, 5]), atol=1e-9
    )
    np.testing.assert_allclose(
        times["rising"], np.pi / 20 * np.array([2, 4, 6]), atol=1e-9
    )
    np.testing.assert_allclose(times["<lambda>"], [0.5], atol=1e-12)


def test_two_events_in_one_step_and_an_event_at_a_save_point() -> None:
    run = lf.gradient_flow(
        SCALAR,
        BALANCED,
        times=[0.0, 0.3, 0.6],
        method="rk4",
        step_size=0.3,
        events=[lambda t, _: t - 0.3, lambda t, _: t - 0.31, lambda t, _: t - 0.32],
    )
    np.testing.assert_allclose(
        [event["time"] for event in run.events], [0.3, 0.31, 0.32], atol=1e-12
    )
    assert run.times.tolist() == [0.0, 0.3, 0.6]
    assert run.steps == 2


def test_no_events() -> None:
    run = lf.gradient_flow(
        SCALAR, BALANCED, times=[1.0], events=[lf.events.mode_crosses(100.0)]
    )
    assert run.events == []
    assert run.status is lf.Status.REACHED_END


def test_train_below() -> None:
    run = lf.gradient_flow(
        TASK,
        INIT,
        times=[50.0],
        rng=0,
        events=lf.events.train_below(0.01, terminal=True),
    )
    assert run.train_error is not None
    assert abs(run.train_error[-1] - 0.01) < 1e-9
    assert run.status is lf.Status.EVENT


def test_what_an_event_function_raises_reaches_the_user() -> None:
    def broken(t: float, _: Any) -> float:
        if t > 0.1:
            message = "no further"
            raise LookupError(message)
        return 1.0

    with pytest.raises(LookupError, match="no further") as caught:
        lf.gradient_flow(TASK, INIT, times=[0.0, 1.0], rng=0, events=broken)
    trajectory = caught.value.trajectory  # type: ignore[attr-defined]
    assert trajectory.status is lf.Status.USER_ERROR
    assert trajectory.times.tolist() == [0.0]


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: [3], TypeError, "events"),
        (lambda: "kappa", TypeError, "events"),
        (lambda: lf.events.mode_crosses(-1.0), ValueError, "level"),
        (lambda: lf.events.mode_crosses(1.0, 8), ValueError, "mode"),
        (lambda: lf.events.mode_crosses(1.0, direction=2), ValueError, "direction"),
        (lambda: lf.events.mode_crosses(1.0, terminal="no"), ValueError, "terminal"),  # type: ignore[arg-type]
        (lambda: lf.events.test_minimum(terminal=2), ValueError, "terminal"),  # type: ignore[arg-type]
        (lambda: _marked(terminal=np.int64(2)), ValueError, "terminal must be True"),
        (lambda: _marked(terminal=3), ValueError, "terminal must be True"),
        (lambda: _marked(direction="up"), TypeError, "direction must be a real"),
        (lambda: lf.events.train_below(0.0), ValueError, "level"),
        (lambda: lf.events.function(3), TypeError, "g must be"),  # type: ignore[arg-type]
    ],
)
def test_bad_input(make: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        lf.gradient_flow(TASK, INIT, times=[1.0], rng=0, events=make())


def _marked(**attributes: Any) -> Any:
    """Return a function that rises through zero at 0.3 and falls at 0.6."""

    def event(t: float, _: Any) -> float:
        return (t - 0.3) * (0.6 - t)

    for name, value in attributes.items():
        setattr(event, name, value)
    return event


@pytest.mark.parametrize(
    ("direction", "times"),
    [(5, [0.3]), (0.5, [0.3]), (-0.5, [0.6]), (-3, [0.6]), (0, [0.3, 0.6])],
)
def test_the_sign_of_a_direction_counts(direction: float, times: list[float]) -> None:
    """As in SciPy."""
    event = _marked(direction=direction)
    run = lf.gradient_flow(TASK, INIT, times=[1.0], rng=0, events=event)
    found = [one["time"] for one in run.events]
    np.testing.assert_allclose(found, times, atol=1e-9)


@pytest.mark.parametrize("terminal", [1, True, np.True_, np.int64(1), np.uint8(1)])
def test_terminal_may_be_any_integer_of_that_value(terminal: Any) -> None:
    run = lf.gradient_flow(
        TASK, INIT, times=[1.0], rng=0, events=_marked(terminal=terminal)
    )
    assert run.status is lf.Status.EVENT
    assert len(run.events) == 1


def test_a_direction_may_be_any_number_of_that_value() -> None:
    event = lf.events.mode_crosses(0.5, 0, direction=1.0)  # type: ignore[arg-type]
    run = lf.gradient_flow(TASK, INIT, times=[1.0], rng=0, events=event)
    assert len(run.events) == 1


def test_events_that_the_task_cannot_tell() -> None:
    bare = lf.Task(TASK.target)
    with pytest.raises(ValueError, match="truth"):
        lf.gradient_flow(bare, INIT, times=[1.0], events=lf.events.test_minimum())
    start = lf.Weights(np.ones((2, 8)), np.ones((8, 2)))
    with pytest.raises(ValueError, match="kappa"):
        lf.gradient_flow(bare, start, times=[1.0], events=lf.events.mode_crosses())
    custom = lf.custom_task((8, 8), lambda A: A)
    with pytest.raises(ValueError, match="cost"):
        lf.gradient_flow(custom, INIT, times=[1.0], events=lf.events.train_below(0.1))
