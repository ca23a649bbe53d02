"""Gradient flow: order, accuracy, conservation, and what goes in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import linflow as lf
from linflow.flow import METHODS
from reference_flow import amplification, flow, relative

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

D = 6
TASK = lf.low_rank_task(D, rank=2, rng=0)
WIDE = lf.low_rank_task((4, 7), rank=2, rng=1)
DEEP_TASK = lf.Task(TASK.target / 3, truth=TASK.truth)
COVARIANCE = np.diag(np.geomspace(1, 0.05, D))
MASK = np.random.default_rng(0).random((D, D)) < 0.6


def plain(task: lf.Task) -> Callable[[Any], Any]:
    return lambda A: A - task.target


# name: task, start, gradient; every method and tolerance is run on each
CASES: dict[str, tuple[lf.Task, Any, Callable[[Any], Any]]] = {
    "mixed": (TASK, lf.Gaussian(1e4, 1e-5), plain(TASK)),
    "small": (TASK, lf.Gaussian(1e3, 1e-9), plain(TASK)),
    "lazy": (TASK, lf.Gaussian(1e6, 1e-4), plain(TASK)),
    "narrow": (TASK, lf.Gaussian(2, 1e-2), plain(TASK)),
    "unequal": (TASK, lf.Gaussian(1e3, (1e-7, 1e-2)), plain(TASK)),
    "not square": (WIDE, lf.Gaussian(50, 1e-3), plain(WIDE)),
    "three layers": (DEEP_TASK, lf.Gaussian((8, 30), 0.04), plain(DEEP_TASK)),
    "four layers": (DEEP_TASK, lf.Gaussian((8, 5, 9), 0.1), plain(DEEP_TASK)),
    "covariance": (
        lf.Task(TASK.target, input_covariance=COVARIANCE),
        lf.Gaussian(1e3, 1e-5),
        lambda A: (A - TASK.target) @ COVARIANCE,
    ),
    "mask": (
        lf.Task(TASK.target, mask=MASK),
        lf.Gaussian(1e3, 1e-5),
        lambda A: MASK * (A - TASK.target),
    ),
}
TIMES = np.linspace(0.0, 3.0, 13)


def layers_of(network: Any) -> list[Any]:
    deep = isinstance(network, lf.DeepNetwork)
    return list(network.layers) if deep else [network.W1, network.W2]


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_scipy_within_the_tolerance(name: str) -> None:
    """Global error at most 10 rtol S at every tolerance, 1e-10 included."""
    task, init, gradient = CASES[name]
    network = init.sample(task, 0)
    layers = layers_of(network)
    expected, _ = flow(layers, gradient, TIMES, rtol=3e-14)
    S = amplification(layers, gradient, TIMES, expected)
    for rtol in (1e-3, 1e-5, 1e-6, 1e-8, 1e-10):
        run = lf.gradient_flow(
            task, network, times=TIMES, rtol=rtol, save_product=True, observe=()
        )
        assert run.product is not None
        assert relative(run.product, expected) <= 10 * rtol * S, (rtol, S)


@pytest.mark.parametrize("name", ["mixed", "lazy", "three layers", "mask"])
def test_agrees_with_scipy_to_1e_12(name: str) -> None:
    task, init, gradient = CASES[name]
    network = init.sample(task, 0)
    expected, _ = flow(layers_of(network), gradient, TIMES, rtol=3e-14)
    run = lf.gradient_flow(
        task, network, times=TIMES, rtol=1e-13, method="dop853", save_product=True
    )
    assert run.product is not None
    # A lazy start has ‖W‖² ≈ 40 ‖T‖: rounding of the weights is all of the rest.
    assert relative(run.product, expected) < (5e-12 if name == "lazy" else 1e-12)


@pytest.mark.parametrize("lam", [0.0, 0.7, -0.7])
def test_agrees_with_the_closed_form_where_it_is_exact(lam: float) -> None:
    """Balanced starts; random ones fill the directions that grow from nothing."""
    task = lf.low_rank_task(D, rank=2, rng=0)
    init = lf.Balanced(D, lam=lam, size=0.5)
    keep: dict[str, Any] = {"times": TIMES, "rng": 0, "save_product": True}
    exact = lf.closed_form(task, init, **keep)
    run = lf.gradient_flow(task, init, rtol=1e-11, **keep)
    assert exact.exact
    assert run.product is not None
    assert exact.product is not None
    assert relative(run.product, exact.product) < 1e-8


def saddle_free(time: float) -> float:
    """s(1) of the balanced single mode s' = 2 s (2 - s), s(0) = 1/2."""
    growth = np.exp(4 * time)
    return float(2 * growth / (growth - 1 + 4))


@pytest.mark.parametrize(
    ("method", "order", "steps"),
    [
        ("euler", 1, (1600, 3200)),
        ("rk4", 4, (80, 160)),
        ("dopri5", 5, (64, 128)),
        ("tsit5", 5, (64, 128)),
        ("dop853", 8, (12, 16)),
        ("rkc2", 2, (800, 1600)),
    ],
)
def test_empirical_order(method: str, order: int, steps: tuple[int, int]) -> None:
    """On the balanced scalar flow with its closed form."""
    task = lf.Task([[2.0]])
    init = lf.Weights([[np.sqrt(0.5)]], [[np.sqrt(0.5)]])
    errors = []
    for count in steps:
        run = lf.gradient_flow(
            task, init, times=[1.0], method=method, step_size=1.0 / count
        )
        assert run.steps == count
        errors.append(abs(run.last_product[0, 0] - saddle_free(1.0)))
    slope = np.log(errors[0] / errors[1]) / np.log(steps[1] / steps[0])
    assert abs(slope - order) < 0.2


def test_empirical_order_of_the_conserving_method() -> None:
    network = lf.Gaussian(10, 0.2).sample(TASK, 0)
    exact = lf.gradient_flow(TASK, network, times=[0.5], rtol=1e-12)
    errors = []
    for count in (40, 80):
        run = lf.gradient_flow(
            TASK, network, times=[0.5], conserve=True, step_size=0.5 / count
        )
        errors.append(np.abs(run.last_product - exact.last_product).max())
    assert abs(np.log2(errors[0] / errors[1]) - 4) < 0.2


@pytest.mark.parametrize("method", METHODS)
def test_save_points_do_not_depend_on_steps(method: str) -> None:
    """Dense output is as good as steps that end at the save points."""
    network = lf.Gaussian(1e4, 1e-5).sample(TASK, 0)
    exact = lf.gradient_flow(TASK, network, times=TIMES, rtol=1e-12, save_product=True)
    rtol = 1e-3 if method == "euler" else 1e-5
    run = lf.gradient_flow(
        TASK, network, times=TIMES, rtol=rtol, method=method, save_product=True
    )
    assert run.product is not None
    assert exact.product is not None
    assert relative(run.product, exact.product) < 100 * rtol
    assert run.times.tolist() == TIMES.tolist()


def test_balance_is_kept() -> None:
    for init in (lf.Gaussian(1e4, 1e-5), lf.Gaussian(30, (1e-3, 0.1))):
        network = init.sample(TASK, 0)
        for conserve, allowed in ((False, 1e-6), (True, 1e-12)):
            run = lf.gradient_flow(
                TASK, network, times=TIMES, conserve=conserve, save_weights=True
            )
            assert run.weights is not None
            for W1, W2 in zip(*run.weights, strict=True):
                drift = np.linalg.norm(W2.T @ W2 - W1 @ W1.T - network.balance)
                size = np.linalg.norm(W1) ** 2 + np.linalg.norm(W2) ** 2
                assert drift <= allowed * size


def test_conserves_the_weighted_balance() -> None:
    network = lf.Gaussian(30, 0.1).sample(TASK, 0)
    run = lf.gradient_flow(
        TASK, network, times=[2.0], learning_rates=(0.3, 2.0), conserve=True
    )

    def balance(W1: Any, W2: Any) -> Any:
        return W2.T @ W2 / 2.0 - W1 @ W1.T / 0.3

    assert isinstance(run.network, lf.Network)
    np.testing.assert_allclose(
        balance(run.network.W1, run.network.W2),
        balance(network.W1, network.W2),
        atol=1e-12,
    )


@pytest.mark.parametrize("name", CASES)
def test_loss_never_rises(name: str) -> None:
    task, init, _ = CASES[name]
    run = lf.gradient_flow(task, init, times=np.linspace(0, 20, 400), rng=0)
    assert run.train_error is not None
    assert (np.diff(run.train_error) <= 1e-6 * run.train_error[0]).all()


def test_rates_and_scale() -> None:
    network = lf.Gaussian(20, 0.1).sample(WIDE, 0)
    rates, scale = (0.5, 2.0), -1.5
    expected, states = flow(
        [network.W1, network.W2], plain(WIDE), TIMES, rates=rates, scale=scale
    )
    run = lf.gradient_flow(
        WIDE,
        network,
        times=TIMES,
        rtol=1e-11,
        learning_rates=rates,
        scale=scale,
        save_product=True,
        save_weights=True,
    )
    assert run.product is not None
    assert run.weights is not None
    assert relative(run.product, expected) < 1e-9
    np.testing.assert_allclose(run.weights[0][-1], states[-1][0], atol=1e-9)
    np.testing.assert_allclose(run.weights[1][-1], states[-1][1], atol=1e-9)


def test_frozen_layer_stays() -> None:
    network = lf.Gaussian(20, 0.1).sample(TASK, 0)
    run = lf.gradient_flow(TASK, network, times=[1.0], learning_rates=(0, 1))
    assert isinstance(run.network, lf.Network)
    assert (run.network.W1 == network.W1).all()
    assert (run.network.W2 != network.W2).any()


def test_descent_with_small_steps_follows_the_flow() -> None:
    init = lf.Gaussian(1e4, 1e-5)
    descent = lf.gradient_descent(
        TASK, init, step_size=1e-4, max_steps=10_000, save_every=1000, rng=3
    )
    run = lf.gradient_flow(TASK, init, times=descent.times, rng=3)
    assert run.train_error is not None
    assert descent.train_error is not None
    np.testing.assert_allclose(run.train_error, descent.train_error, rtol=2e-3)


def test_auto_switches_and_pays_less_to_convergence() -> None:
    task = lf.low_rank_task(30, rank=3, rng=0)
    network = lf.Gaussian(1e3, 1e-4).sample(task, 0)
    times = np.linspace(0, 20, 11)
    keep: dict[str, Any] = {"times": times, "rtol": 1e-4, "save_product": True}
    auto = lf.gradient_flow(task, network, save_weights=True, **keep)  # no splitting
    explicit = lf.gradient_flow(task, network, method="dopri5", **keep)
    exact = lf.gradient_flow(
        task, network, times=times, rtol=1e-11, method="dop853", save_product=True
    )
    assert [segment["method"] for segment in auto.segments][-1] == "rkc2"
    assert auto.rhs_evaluations is not None
    assert explicit.rhs_evaluations is not None
    assert 3 * auto.rhs_evaluations < explicit.rhs_evaluations
    assert auto.product is not None
    assert exact.product is not None
    assert relative(auto.product, exact.product) < 1e-3
    assert auto.rhs_evaluations == sum(s["rhs_evaluations"] for s in auto.segments)
    assert auto.steps == sum(s["steps"] for s in auto.segments)
    ends = [s["end"] for s in auto.segments]
    assert ends == sorted(ends)
    assert ends[-1] == times[-1]


def test_goes_on_from_a_trajectory() -> None:
    first = lf.gradient_flow(TASK, lf.Gaussian(1e4, 1e-5), times=[0.3], rng=0)
    second = lf.gradient_flow(TASK, first, times=[0.0, 0.7])
    whole = lf.gradient_flow(TASK, lf.Gaussian(1e4, 1e-5), times=[1.0], rng=0)
    np.testing.assert_allclose(second.last_product, whole.last_product, atol=1e-5)
    assert second.kappa == first.kappa


def test_a_huge_horizon_ends_at_rest() -> None:
    run = lf.gradient_flow(TASK, lf.Gaussian(1e4, 1e-5), times=[1.0, 1e12], rng=0)
    assert run.status is lf.Status.REACHED_END
    np.testing.assert_allclose(run.last_product, TASK.target, atol=1e-10)
    assert run.times[-1] == 1e12


def test_nothing_to_learn_and_nothing_moving() -> None:
    zero = lf.gradient_flow(
        TASK, lf.Weights(np.zeros((3, D)), np.zeros((D, 3))), times=[0, 5]
    )
    assert not zero.last_product.any()
    assert zero.status is lf.Status.REACHED_END
    done = lf.gradient_flow(
        lf.Task(np.zeros((2, 2))),
        lf.Weights(np.zeros((1, 2)), np.zeros((2, 1))),
        times=[1],
    )
    assert done.train_error is not None
    assert done.train_error[-1] == 0


def test_float32() -> None:
    init = lf.Gaussian(1e4, 1e-5)
    single = lf.gradient_flow(
        TASK, init, times=TIMES, rtol=1e-4, rng=0, dtype="float32"
    )
    double = lf.gradient_flow(TASK, init, times=TIMES, rtol=1e-8, rng=0)
    assert single.last_product.dtype == np.float32
    assert single.train_error is not None
    assert double.train_error is not None
    np.testing.assert_allclose(
        single.train_error, double.train_error, atol=1e-3 * double.train_error[0]
    )


def test_same_seed_same_bits() -> None:
    runs = [
        lf.gradient_flow(TASK, lf.Gaussian(50, 0.1), times=TIMES, rng=5)
        for _ in range(2)
    ]
    assert (runs[0].last_product == runs[1].last_product).all()


def test_saves_and_loads(tmp_path: Path) -> None:
    run = lf.gradient_flow(
        TASK,
        lf.Gaussian((8, 30), 0.04),
        times=TIMES,
        rng=0,
        save_weights=True,
        events=lf.events.test_minimum(),
    )
    loaded = lf.Trajectory.load(run.save(tmp_path / "run"))
    assert loaded.segments == run.segments
    assert loaded.events == run.events
    assert isinstance(loaded.network, lf.DeepNetwork)
    assert loaded.weights is not None
    assert run.weights is not None
    assert all((a == b).all() for a, b in zip(loaded.weights, run.weights, strict=True))
    assert "segments" in run.to_xarray().attrs
