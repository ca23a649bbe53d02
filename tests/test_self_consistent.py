"""The self-consistent dynamics, stepped and as a flow, against obvious versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import linflow as lf
import reference
import reference_riccati as ref
from linflow._core import closed_form as core

if TYPE_CHECKING:
    from linflow._core import Array


@pytest.mark.parametrize("shape", [(6, 6), (4, 7), (7, 4), (1, 5), (5, 1)])
@pytest.mark.parametrize("kappa", [0.0, 1e-6, 0.3, 5.0, 1e5])
def test_steps_equal_reference(
    shape: tuple[int, int], kappa: float, rng: np.random.Generator
) -> None:
    d_out, d_in = shape
    target = rng.normal(size=shape)
    W1, W2 = 0.2 * rng.normal(size=(9, d_in)), 0.2 * rng.normal(size=(d_out, 9))
    step_size = 0.02 / max(kappa, 1)
    run = lf.self_consistent(
        lf.Task(target),
        lf.Weights(W1, W2),
        kappa=kappa,
        step_size=step_size,
        max_steps=80,
        save_product=True,
    )
    maps = reference.self_consistent(
        W2 @ W1, target, kappa, step_size=step_size, steps=80
    )
    assert run.product is not None
    np.testing.assert_allclose(run.product, maps, rtol=0, atol=1e-11)


def test_threshold_of_the_law_and_of_rescaled_networks() -> None:
    task = lf.low_rank_task(10, 1, rng=0)
    keywords: dict[str, Any] = {"step_size": 1e-3, "max_steps": 300, "rng": 0}
    init = lf.Gaussian(1e9, (1e-9, 4e-9))
    rescaled: dict[str, Any] = {"learning_rates": (2.0, 0.5), "scale": -1.5}
    for extra in ({}, rescaled):
        formula = lf.self_consistent(task, init, **keywords, **extra)
        network = lf.gradient_descent(task, init, **keywords, **extra)
        np.testing.assert_allclose(formula.test_error, network.test_error, atol=5e-3)  # type: ignore[arg-type]
        assert formula.kappa == network.kappa
    assert lf.self_consistent(task, init, **keywords).kappa == pytest.approx(2.5)


def flow(
    A: Array, target: Array, kappa: float, times: Array, *, speed: float = 1.0
) -> list[Array]:
    """[TAJ] eq. (1), integrated by DOP853."""

    def rhs(M: Array) -> Array:
        G = M - target
        return -speed * (reference.root(M.T, kappa) @ G + G @ reference.root(M, kappa))

    return ref.matrix_flow(rhs, A, times)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (1, 4), (4, 1)])
@pytest.mark.parametrize("kappa", [0.0, 1e-6, 0.01, 0.3, 5.0, 300.0])
def test_flow_equals_the_equation(
    shape: tuple[int, int], kappa: float, rng: np.random.Generator
) -> None:
    d_out, d_in = shape
    target = rng.normal(size=shape)
    times = np.array([0.0, 1e-6, 0.1, 1.0, 4.0]) / max(1, kappa)
    for scale in (1e-3, 0.3, 3.0):
        W1, W2 = rng.normal(size=(9, d_in)), scale * rng.normal(size=(d_out, 9)) / 9
        run = lf.self_consistent(
            lf.Task(target),
            lf.Weights(W1, W2),
            kappa=kappa,
            times=times,
            save_product=True,
        )
        expected = flow(W2 @ W1, target, kappa, times)
        size = max(np.abs(target).max(), np.abs(W2 @ W1).max())
        np.testing.assert_allclose(run.product, expected, rtol=0, atol=1e-9 * size)  # type: ignore[arg-type]
        assert run.network is None
        assert run.kappa == pytest.approx(kappa)


def test_flow_of_unequal_variances() -> None:
    """Only kappa = (sigma1^2 + sigma2^2) w / 2 counts; C1, C2 differ by lam."""
    task = lf.low_rank_task((4, 6), 2, rng=0)
    times = np.array([0.0, 0.05, 0.2, 1.0])
    for variances in ((1e-9, 1e-9), (1e-9, 3e-9), (3e-9, 1e-9)):
        init = lf.Gaussian(1e9, variances)
        start = init.sample(task, rng=0)
        kappa = sum(variances) * 1e9 / 2
        run = lf.self_consistent(task, init, times=times, rng=0, save_product=True)
        assert run.product is not None
        assert run.kappa == pytest.approx(kappa)
        expected = flow(start.product, task.target, kappa, times)
        np.testing.assert_allclose(run.product, expected, rtol=0, atol=1e-9)
        # The network of these levels follows it, C1 and C2 included.
        lam = (variances[1] - variances[0]) * 1e9
        Q = ref.self_consistent_start(start.product, lam, kappa)
        weights = lf.Weights(Q[:6].T, Q[6:])
        exact = lf.closed_form(task, weights, times=times, save_product=True)
        assert exact.exact
        np.testing.assert_allclose(exact.product, run.product, rtol=0, atol=1e-9)  # type: ignore[arg-type]
        assert exact.network is not None
        A = run.product[-1]
        blocks = [
            [reference.root(A, kappa) - lam / 2 * np.eye(6), A.T],
            [A, reference.root(A.T, kappa) + lam / 2 * np.eye(4)],
        ]
        np.testing.assert_allclose(
            exact.network.gram, np.block(blocks), rtol=0, atol=1e-9
        )


def test_flow_with_rates_and_scale() -> None:
    task = lf.low_rank_task((4, 3), 2, rng=0)
    init = lf.Gaussian(1e6, (1e-6, 2e-6))
    times = np.array([0.0, 0.1, 0.4])
    for rates, scale in (((2.0, 0.5), -1.5), ((0.3, 3.0), 0.7)):
        run = lf.self_consistent(
            task,
            init,
            times=times,
            rng=0,
            save_product=True,
            learning_rates=rates,
            scale=scale,
        )
        assert run.kappa is not None
        # In units of the output map the equation runs |scale| sqrt(eta1 eta2) faster.
        expected = flow(
            scale * init.sample(task, rng=0).product,
            task.target,
            run.kappa,
            times,
            speed=abs(scale) * float(np.sqrt(rates[0] * rates[1])),
        )
        np.testing.assert_allclose(run.product, expected, rtol=0, atol=1e-9)  # type: ignore[arg-type]


def test_flow_is_the_limit_of_steps() -> None:
    task = lf.low_rank_task(8, 2, rng=0)
    init = lf.Gaussian(1e5, 1e-5)
    flow_run = lf.self_consistent(task, init, times=[0.0, 0.25, 0.5], rng=0)
    gaps = []
    for step in (1e-3, 1e-4):
        steps = round(0.25 / step)
        run = lf.self_consistent(
            task, init, step_size=step, max_steps=2 * steps, save_every=steps, rng=0
        )
        assert run.singular_values is not None
        gaps.append(np.abs(run.singular_values - flow_run.singular_values).max())  # type: ignore[operator]
    assert gaps[1] < 0.15 * gaps[0] < 0.05


def test_flow_refuses_what_it_is_wrong_for() -> None:
    """Lambda-balanced starts: only those that fill the dimension (theory §4)."""
    task = lf.low_rank_task((4, 5), 2, rng=0)
    keywords: dict[str, Any] = {
        "times": [0.0, 0.1, 1.0],
        "rng": 0,
        "save_product": True,
    }
    for lam, width, name in ((0.5, 3, "d_out = 4"), (-0.5, 4, "d_in = 5")):
        init = lf.Balanced(width, lam=lam, size=0.1)
        with pytest.raises(ValueError, match=f"{name}.*closed_form is exact"):
            lf.self_consistent(task, init, times=[1.0], rng=0)
        filled = lf.Balanced(width + 1, lam=lam, size=0.1)
        formula = lf.self_consistent(task, filled, **keywords).product
        exact = lf.closed_form(task, filled, **keywords)
        assert exact.exact
        np.testing.assert_allclose(formula, exact.product, rtol=0, atol=1e-9)  # type: ignore[arg-type]
    for width in (2, 5, 30):  # lam = 0: always
        init = lf.Balanced(width, size=0.1)
        formula = lf.self_consistent(task, init, **keywords).product
        network = lf.closed_form(task, init, **keywords).product
        balanced = lf.balanced(task, init, **keywords).product
        np.testing.assert_allclose(formula, network, rtol=0, atol=1e-9)  # type: ignore[arg-type]
        np.testing.assert_array_equal(formula, balanced)


def test_bad_input() -> None:
    task = lf.Task(np.eye(3))
    weights = lf.Weights(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="kappa must be given"):
        lf.self_consistent(task, weights, step_size=0.1, max_steps=3)
    with pytest.raises(ValueError, match="kappa must be a real number >= 0"):
        lf.self_consistent(task, weights, kappa=-1, step_size=0.1, max_steps=3)
    for words in ({"times": [1.0]}, {"step_size": 0.1, "max_steps": 3}):
        with pytest.raises(ValueError, match=r"kappa must be such .* not 1e\+200"):
            lf.self_consistent(task, weights, kappa=1e200, **words)
    with pytest.raises(ValueError, match="learning_rates must be > 0 here"):
        lf.self_consistent(
            task, weights, kappa=1, step_size=0.1, max_steps=3, learning_rates=(0, 1)
        )
    both: dict[str, Any] = {"times": [1.0], "step_size": 0.1, "max_steps": 3}
    neither: dict[str, Any] = {}
    for words in (neither, both):
        with pytest.raises(ValueError, match=r"times .* or step_size .* must be given"):
            lf.self_consistent(task, weights, kappa=1, **words)
    stepped: tuple[dict[str, Any], ...]
    stepped = {"max_steps": 3}, {"save_every": 2}, {"stop": lf.stop.published}
    for words in stepped:
        with pytest.raises(ValueError, match=f"{next(iter(words))} must not be given"):
            lf.self_consistent(task, weights, kappa=1, times=[1.0], **words)
    with pytest.raises(ValueError, match="n_threads must be None with step_size"):
        lf.self_consistent(
            task, weights, kappa=1, step_size=0.1, max_steps=3, n_threads=2
        )
    lf.self_consistent(task, weights, kappa=1, times=[1.0], stop=())  # no rule
    lf.self_consistent(task, weights, kappa=1, times=[1.0], stop=[])


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 1)])
@pytest.mark.parametrize("lam", [0.0, 1.3, -1.3])
@pytest.mark.parametrize("mu", [1e-6, 0.5])
def test_factors_of_the_formula(
    shape: tuple[int, int], lam: float, mu: float, rng: np.random.Generator
) -> None:
    A = rng.normal(size=shape)
    Q = np.vstack(core.self_consistent_factors(np.asfortranarray(A), lam, mu))
    expected = ref.self_consistent_start(A, lam, np.sqrt(mu + lam**2 / 4))
    np.testing.assert_allclose(Q @ Q.T, expected @ expected.T, rtol=0, atol=1e-13)
