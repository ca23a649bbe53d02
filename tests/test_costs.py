"""Costs beyond the plain one: covariance, mask, a user's own; for flow and descent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf

RNG = np.random.default_rng(7)
TARGET = RNG.standard_normal((3, 5))


def test_regression_converges_to_least_squares_at_condition_1e4() -> None:
    inputs = RNG.standard_normal((80, 5)) * np.geomspace(1, 1e-2, 5)
    inputs[:, -1] *= 0.7
    outputs = inputs @ TARGET.T + 0.1 * RNG.standard_normal((80, 3))
    task = lf.regression_task(inputs, outputs)
    assert task.input_covariance is not None
    assert np.linalg.cond(task.input_covariance) > 1e4
    run = lf.gradient_flow(task, lf.Gaussian(20, 0.3), times=[1e6], rng=0)
    least = np.linalg.lstsq(inputs, outputs, rcond=None)[0].T
    np.testing.assert_allclose(run.last_product, least, atol=1e-6 * np.abs(least).max())


def test_rank_deficient_regression_keeps_what_no_sample_sees() -> None:
    """Directions that the inputs do not span stay where the small start put them."""
    inputs = RNG.standard_normal((3, 5))
    outputs = RNG.standard_normal((3, 3))
    task = lf.regression_task(inputs, outputs)
    run = lf.gradient_flow(task, lf.Gaussian(1e3, 1e-12), times=[200.0], rng=0)
    minimal = np.linalg.lstsq(inputs, outputs, rcond=None)[0].T
    np.testing.assert_allclose(run.last_product, minimal, atol=1e-3)


def test_completion_from_a_small_start_is_of_minimal_rank() -> None:
    truth = RNG.standard_normal((12, 2)) @ RNG.standard_normal((2, 12))
    mask = RNG.random((12, 12)) < 0.75
    task = lf.Task(np.where(mask, truth, 5.0), truth=truth, mask=mask)
    small = lf.gradient_flow(task, lf.Gaussian(24, 1e-12), times=[500.0], rng=0)
    large = lf.gradient_flow(task, lf.Gaussian(24, 0.5), times=[500.0], rng=0)
    for run in (small, large):
        assert run.train_error is not None
        assert run.train_error[-1] < 1e-6
    assert small.test_error is not None
    assert large.test_error is not None
    assert small.test_error[-1] < 1e-4
    assert large.test_error[-1] > 0.1
    assert small.singular_values is not None
    assert small.singular_values[-1, 2] < 1e-2 * small.singular_values[-1, 1]


def test_train_error_counts_observed_entries() -> None:
    mask = np.zeros((3, 5), bool)
    mask[0, 0] = True
    task = lf.Task(TARGET, mask=mask)
    run = lf.gradient_flow(task, lf.Gaussian(20, 1e-30), times=[0.0], rng=0)
    assert run.train_error is not None
    np.testing.assert_allclose(run.train_error[0], TARGET[0, 0] ** 2)
    covariance = np.diag([4.0, 1, 1, 1, 1])
    task = lf.Task(TARGET, input_covariance=covariance)
    run = lf.gradient_flow(task, lf.Gaussian(20, 1e-30), times=[0.0], rng=0)
    assert run.train_error is not None
    np.testing.assert_allclose(
        run.train_error[0], np.trace(TARGET @ covariance @ TARGET.T) / 15
    )


@pytest.mark.parametrize("kind", ["plain", "covariance", "mask"])
def test_a_callable_is_the_same_cost(kind: str) -> None:
    covariance = np.diag([2.0, 1.0, 1.0, 0.5, 0.1])
    mask = RNG.random((3, 5)) < 0.7
    tasks: dict[str, tuple[lf.Task, Any]] = {
        "plain": (lf.Task(TARGET), lambda A: A - TARGET),
        "covariance": (
            lf.Task(TARGET, input_covariance=covariance),
            lambda A: (A - TARGET) @ covariance,
        ),
        "mask": (lf.Task(TARGET, mask=mask), lambda A: mask * (A - TARGET)),
    }
    task, gradient = tasks[kind]
    own = lf.custom_task(
        (3, 5),
        gradient,
        cost=lambda A: np.sum((A - TARGET) * gradient(A)),
        truth=TARGET,
    )
    init = lf.Gaussian(30, 0.05)
    times = np.linspace(0, 4, 9)
    flows = [
        lf.gradient_flow(t, init, times=times, rng=0, rtol=1e-9, save_product=True)
        for t in (task, own)
    ]
    assert flows[0].product is not None
    assert flows[1].product is not None
    np.testing.assert_allclose(flows[0].product, flows[1].product, atol=1e-7)
    descents = [
        lf.gradient_descent(t, init, step_size=0.05, max_steps=50, rng=0)
        for t in (task, own)
    ]
    np.testing.assert_allclose(
        descents[0].last_product, descents[1].last_product, atol=1e-12
    )
    for runs in (flows, descents):
        mse, custom = (run.train_error for run in runs)
        assert mse is not None
        assert custom is not None
        np.testing.assert_allclose(custom / custom[0], mse / mse[0], atol=1e-6)


def test_a_gradient_alone_has_no_train_error() -> None:
    task = lf.custom_task((3, 5), lambda A: A - TARGET)
    init = lf.Gaussian(30, 0.05)
    flow = lf.gradient_flow(task, init, times=[1.0], rng=0)
    descent = lf.gradient_descent(task, init, step_size=0.05, max_steps=5, rng=0)
    assert flow.train_error is None
    assert descent.train_error is None
    assert descent.status is lf.Status.REACHED_END


@pytest.mark.parametrize(
    ("gradient", "error", "match"),
    [
        (lambda A: A[1:], ValueError, r"shape \(3, 5\), not \(2, 5\)"),
        (lambda A: A.sum(), ValueError, r"shape \(3, 5\), not \(\)"),
        (lambda _: "steep", ValueError, "convert"),
        (lambda A: A + 1j, ValueError, "real numbers, not complex"),
        (lambda _: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_what_a_callable_does_wrong_reaches_the_user(
    gradient: Any, error: type[Exception], match: str
) -> None:
    task = lf.custom_task((3, 5), gradient)
    with pytest.raises(error, match=match) as caught:
        lf.gradient_flow(task, lf.Gaussian(9, 0.1), times=[1.0], rng=0)
    assert caught.value.trajectory.status is lf.Status.USER_ERROR  # type: ignore[attr-defined]
    with pytest.raises(error, match=match):
        lf.gradient_descent(
            task, lf.Gaussian(9, 0.1), step_size=0.1, max_steps=3, rng=0
        )


def test_a_callable_that_fails_on_the_way_leaves_what_was_done() -> None:
    def gradient(A: Any) -> Any:
        if np.linalg.norm(A - TARGET) < 0.5 * np.linalg.norm(TARGET):
            message = "half way"
            raise RuntimeError(message)
        return A - TARGET

    task = lf.custom_task((3, 5), gradient)
    with pytest.raises(RuntimeError, match="half way") as caught:
        lf.gradient_flow(
            task, lf.Gaussian(50, 0.01), times=np.linspace(0, 9, 200), rng=0
        )
    trajectory = caught.value.trajectory  # type: ignore[attr-defined]
    assert trajectory.times.size > 1
    assert np.isfinite(trajectory.last_product).all()


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        ({"mask": np.zeros((3, 5), bool)}, ValueError, "mask"),
        ({"mask": np.ones((5, 3), bool)}, ValueError, "mask"),
        ({"mask": np.ones((3, 5))}, TypeError, "mask"),
        ({"input_covariance": np.ones((3, 3))}, ValueError, "input_covariance"),
        ({"input_covariance": np.triu(np.ones((5, 5)))}, ValueError, "symmetric"),
        ({"input_covariance": -np.eye(5)}, ValueError, "positive semidefinite"),
        ({"input_covariance": np.zeros((5, 5))}, ValueError, "positive semidefinite"),
        (
            {"input_covariance": np.eye(5), "mask": np.ones((3, 5), bool)},
            ValueError,
            "mask",
        ),
    ],
)
def test_bad_tasks(keywords: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        lf.Task(TARGET, **keywords)


def test_other_bad_tasks() -> None:
    with pytest.raises(ValueError, match="outputs"):
        lf.regression_task(np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(TypeError, match="gradient"):
        lf.custom_task((2, 2), np.eye(2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cost"):
        lf.custom_task((2, 2), lambda A: A, cost=3)  # type: ignore[arg-type]


def test_formulas_refuse_other_costs() -> None:
    task = lf.Task(TARGET, input_covariance=np.eye(5))
    with pytest.raises(ValueError, match="plain"):
        lf.self_consistent(
            task, lf.Gaussian(99, 0.1), step_size=0.1, max_steps=1, rng=0
        )
    custom = lf.custom_task((3, 5), lambda A: A)
    with pytest.raises(ValueError, match="target"):
        _ = custom.singular_values
