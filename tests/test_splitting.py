"""Gradient flow in long steps about the closed form, against short steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gram_runs
import linflow as lf
from gram_runs import TASK, methods, run_errors
from reference_flow import relative

STARTS = {
    "active": lf.Gaussian(60, 1e-4),
    "mixed": lf.Gaussian(1e4, 1e-4),
    "lazy": lf.Gaussian(1e3, 0.1),
    "unequal": lf.Gaussian(300, (1e-2, 1e-3)),
    "barely wide": lf.Gaussian(24, 0.01),
}


def run(init: Any, task: lf.Task = TASK, **keywords: Any) -> lf.Trajectory:
    return gram_runs.run(init, task, **{"method": "splitting"} | keywords)


@pytest.fixture(scope="module", params=STARTS)
def problem(request: pytest.FixtureRequest) -> tuple[lf.Network, lf.Trajectory]:
    network = STARTS[request.param].sample(TASK, 0)
    exact = run(network, method="dop853", rtol=1e-11, save_weights=True)
    return network, exact


@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-6])
def test_keeps_its_tolerance_at_every_save_point(
    problem: tuple[lf.Network, lf.Trajectory], rtol: float
) -> None:
    network, exact = problem
    found = run(network, rtol=rtol)
    assert methods(found) == ["splitting"]
    assert found.attrs["form"] == "gram"
    assert found.product is not None
    assert exact.product is not None
    assert relative(found.product, exact.product) < rtol
    for name, allowed in (("test_error", 20 * rtol), ("singular_values", 40 * rtol)):
        ours, theirs = getattr(found, name), getattr(exact, name)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=allowed)


@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize(
    "times", [np.linspace(0, 3.0, 150), np.geomspace(1e-3, 300.0, 150)]
)
def test_keeps_it_where_many_points_lie_in_a_step(
    problem: tuple[lf.Network, lf.Trajectory], times: Any, rtol: float
) -> None:
    """Most are then read off polynomials."""
    network, _ = problem
    found = run(network, times=times, rtol=rtol)
    exact = run(network, times=times, rtol=1e-10, method="dop853")
    assert found.product is not None
    assert exact.product is not None
    assert relative(found.product, exact.product) < rtol


def test_the_last_network_goes_on(problem: tuple[lf.Network, lf.Trajectory]) -> None:
    network, exact = problem
    found = run(network, rtol=1e-6)
    assert isinstance(found.network, lf.Network)
    np.testing.assert_allclose(found.network.product, found.last_product, atol=1e-6)
    assert isinstance(exact.network, lf.Network)
    assert found.steps is not None
    assert relative(found.network.gram, exact.network.gram) < 1e-6 * found.steps


def test_the_last_network_where_errors_exceed_the_least_eigenvalue_of_p() -> None:
    task = lf.low_rank_task((24, 32), rank=2, noise=0.2, rng=0)
    network = lf.Gaussian(60, 1e-3).sample(task, 0)
    found = run(network, task, rtol=1e-6)
    exact = run(network, task, rtol=1e-10, method="dop853")
    assert run_errors(found, exact)[1] < 1e-6 * found.steps


def test_a_target_without_noise() -> None:
    """Its singular basis is completed by few reflections."""
    task = lf.low_rank_task((24, 32), rank=2, noise=0.0, rng=0)
    network = lf.Gaussian(1e4, 1e-4).sample(task, 0)
    found = run(network, task, rtol=1e-5)
    exact = run(network, task, rtol=1e-10, method="dop853")
    assert found.product is not None
    assert exact.product is not None
    assert relative(found.product, exact.product) < 1e-5


def test_matrices_that_are_inverted_by_halves() -> None:
    task = lf.low_rank_task((40, 75), rank=2, rng=0)
    network = lf.Gaussian(1e3, 1e-3).sample(task, 0)
    found = run(network, task, rtol=1e-6, times=[0.0, 0.05, 0.2])
    exact = run(network, task, rtol=1e-10, times=[0.0, 0.05, 0.2], method="dop853")
    of_product, of_network = run_errors(found, exact)
    assert of_product < 1e-6
    assert of_network < 1e-6 * found.steps


def test_order_four() -> None:
    """Of the extrapolated solution, by steps of equal size: one for each save point."""
    network = lf.Gaussian(40, 0.05).sample(TASK, 0)
    end = 0.2
    exact = run(network, method="dop853", times=[end], rtol=1e-12).last_product
    errors = []
    for count in (4, 8, 16):
        state: Any = network
        for _ in range(count):
            state = run(state, times=[end / count], rtol=0.9, atol=1.0)
            assert state.steps == 1
        errors.append(np.linalg.norm(state.last_product - exact))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.abs(orders - 4.0).max() < 0.5, orders


def test_few_steps_where_short_ones_are_held_up_by_stability() -> None:
    network = STARTS["active"].sample(TASK, 0)
    times = [0.0, 100.0]
    long = run(network, times=times, rtol=1e-4)
    short = run(network, times=times, rtol=1e-4, method="rkc2")
    assert long.steps is not None
    assert short.rhs_evaluations is not None
    assert long.steps < short.rhs_evaluations / 20
    np.testing.assert_allclose(long.last_product, TASK.target, atol=1e-3)


def test_auto_takes_it_where_it_pays() -> None:
    active = lf.Gaussian(60, 1e-8)
    assert methods(run(active, method="auto", rtol=1e-4)) == ["splitting"]
    short = run(STARTS["lazy"], method="auto", rtol=1e-4, times=np.linspace(0, 0.01, 9))
    assert "splitting" not in methods(short)
    event = lf.events.mode_crosses(1.0)
    assert "splitting" not in methods(run(active, method="auto", events=[event]))


def test_auto_gives_up_where_the_closed_form_is_far_off() -> None:
    """A hidden layer of which one half has learned another task, the other nothing."""
    rng = np.random.default_rng(0)
    W1 = rng.normal(size=(40, 9)) * np.repeat([3.0, 1e-3], 20)[:, None]
    W2 = 1e-3 * rng.normal(size=(12, 40))
    network = lf.Network(W1, W2)
    exact = run(network, method="dop853", rtol=1e-11, save_weights=True)
    found = run(network, method="auto", rtol=1e-5)
    assert "splitting" not in methods(found)
    assert found.product is not None
    assert exact.product is not None
    assert relative(found.product, exact.product) < 1e-4


def test_runs_share_the_decomposition_but_not_more() -> None:
    first = run(STARTS["active"], rtol=1e-5)
    again = run(STARTS["active"], rtol=1e-5)
    np.testing.assert_array_equal(first.product, again.product)
    copy = lf.Task(TASK.target, truth=TASK.truth)
    other = run(STARTS["active"], copy, rtol=1e-5)
    np.testing.assert_array_equal(other.product, first.product)


def test_float32() -> None:
    network = STARTS["mixed"].sample(TASK, 0)
    single = run(network, rtol=1e-3, dtype="float32")
    double = run(network, rtol=1e-8, method="dop853")
    assert single.product is not None
    assert double.product is not None
    assert relative(single.product, double.product) < 1e-3


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"learning_rates": (1.0, 2.0)}, r"learning_rates must be 1 .*\(1.0, 2.0\)"),
        ({"scale": 2.0}, "scale must be 1 .* not 2.0"),
        ({"save_weights": True}, "save_weights must be False"),
        ({"save_gram": True}, "save_gram must be False"),
        ({"step_size": 1e-3}, "step_size must be None .* not 0.001"),
        ({"events": [lf.events.mode_crosses(1.0, mode=0)]}, r"events must be \(\)"),
        ({"observe": ("crossing_times",)}, "observe must be without 'crossing_times'"),
        ({"init": lf.Gaussian(20, 0.1)}, "init must have 21 hidden units .* not 20"),
        ({"init": lf.Gaussian(1e3, 1e-30)}, "init must be larger beside the target"),
        ({"init": lf.Gaussian(1e3, 1e80)}, "init must not be so large"),
        ({"init": lf.Gaussian((30, 30), 0.1)}, "init must have two layers .* not 3"),
        (
            {"task": lf.Task(np.eye(3), input_covariance=np.diag([1.0, 2.0, 3.0]))},
            "task must have the plain mean squared error .* input covariance",
        ),
    ],
)
def test_refused_where_it_does_not_suit(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        run(**{"init": STARTS["mixed"]} | keywords)
    assert "'splitting'" in str(refusal.value)


def test_short_spans_and_last_times_that_rounding_misses() -> None:
    mixed = STARTS["mixed"].sample(TASK, 0)
    for end, rtol in ((1e-9, 1e-8), (1e-12, 1e-6), (1e-7, 1e-10)):
        assert run(mixed, times=[0.0, end], rtol=rtol).status > 0
    rng = np.random.default_rng(72)
    task = lf.Task(rng.normal(size=(5, 7)))
    variance, end = 1e-4 * 10 ** rng.uniform(-1, 2), rng.uniform(1, 10)
    found = run(lf.Gaussian(15, variance), task, times=[0, end / 2, end], rtol=1e-3)
    assert found.times[-1] == end


def test_between_save_points_the_train_error_never_rises() -> None:
    """Where K comes near to singular within a step that is fine at its ends."""
    task = lf.Task(np.random.default_rng(10949).normal(size=(1, 8)))
    times = np.concatenate([[0.0], np.geomspace(1e-3, 100.0, 60)])
    for method in ("splitting", "auto"):
        found = run(
            lf.Gaussian(14, 0.3), task, times=times, rtol=0.05, rng=10949, method=method
        )
        assert found.train_error is not None
        assert (np.diff(found.train_error) < 1e-3 * found.train_error[0]).all()


def test_save_points_are_told_once() -> None:
    """Though auto finds out late that the run has to be made in another form."""
    rng = np.random.default_rng(54)
    task = lf.Task(rng.normal(size=(5, 7)))
    variance, end = 1e-4 * 10 ** rng.uniform(-1, 2), rng.uniform(1, 10)
    times, told = [0.0, end / 2, end], []
    run(
        lf.Gaussian(15, variance),
        task,
        times=times,
        rtol=1e-3,
        rng=54,
        method="auto",
        callback=lambda time, _: told.append(time),
    )
    assert told == times


def test_zero_target_and_another_target() -> None:
    zero = lf.Task(np.zeros((5, 3)))
    found = run(lf.Gaussian(20, 0.1), zero, times=[0.0, 1e3], rtol=1e-4)
    exact = run(
        lf.Gaussian(20, 0.1), zero, times=[0.0, 1e3], rtol=1e-10, method="dop853"
    )
    np.testing.assert_allclose(found.last_product, exact.last_product, atol=1e-3)
    task = lf.Task(np.diag([3.0, 2.0, 1.0]))
    network = lf.Gaussian(20, 1e-2).sample(task, 0)
    run(network, task, times=[0.0, 30.0])
    task.target = np.array([[0.0, 5.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    again = run(network, task, times=[0.0, 30.0])
    np.testing.assert_allclose(again.last_product, task.target, atol=1e-4)
