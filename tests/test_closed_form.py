"""The closed form of the flow against integration of the full-width network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import linflow as lf
import reference_riccati as ref
from solving import solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linflow._core import Array

INF = np.inf
LAMS = [-50.0, -3.0, -1e-9, 0.0, 1e-9, 0.5, 2.0, 50.0]


def check(
    T: Array,
    W1: Array,
    W2: Array,
    times: Sequence[float] | Array,
    *,
    tolerance: float = 1e-9,
    **keywords: Any,
) -> None:
    """Hold the closed form of exact starts against DOP853 on the weights."""
    init = lf.Weights(W1, W2)
    run = lf.closed_form(lf.Task(T), init, times=times, **keywords)
    assert run.exact
    assert run.error_bound == 1e-12
    exact = ref.flow(T, W1, W2, times)
    d_in = T.shape[1]
    states = solve(T, init, times, **keywords)
    for t, (A, P), expected in zip(times, states, exact, strict=True):
        product = expected[d_in:, :d_in]
        size = max(np.abs(product).max(), np.abs(T).max())
        assert np.abs(P - expected).max() <= tolerance * np.abs(expected).max(), t
        if T.any():  # else all that is left of the oracle's A is its own error
            assert np.abs(A - product).max() <= tolerance * size, t


def target(rng: np.random.Generator, shape: tuple[int, int], *values: float) -> Array:
    d_out, d_in = shape
    k = len(values)
    U, V = ref.orthogonal(rng, d_out, k), ref.orthogonal(rng, d_in, k)
    T: Array = (U * np.array(values)) @ V.T
    return T


# ---- every row of the table of theory §4 ---------------------------------------------


@pytest.mark.parametrize("lam", LAMS)
@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_lambda_balanced(
    lam: float, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    d_out, d_in = shape
    top = d_out if lam > 0 else d_in if lam < 0 else d_out + d_in
    T = target(rng, shape, 2.0, 1.3, 0.7)
    for w in sorted({1, 2, top}):
        for scale in (1e-8, 1e-3, 1.0, 10.0):
            W1, W2 = ref.balanced(rng, d_in, d_out, w, lam, scale)
            check(T, W1, W2, (1e-6, 0.1, 1.0, 12.0), lam=lam)
            # Fitted levels are the given ones.
            check(T, W1, W2, (1.0,))


@pytest.mark.parametrize("shape", [(3, 4), (4, 3)])
@pytest.mark.parametrize("kappa", [1e-3, 0.3, 5.0])
@pytest.mark.parametrize("ratio", [0.0, 1.2, -1.2])
def test_wide_networks(
    shape: tuple[int, int], kappa: float, ratio: float, rng: np.random.Generator
) -> None:
    """[TAJ]: the start that a random network has at infinite width."""
    d_in = shape[1]
    T = target(rng, shape, 2.0, 1.0, 0.4)
    for scale in (0.0, 0.1, 3.0):
        A = scale * rng.normal(size=shape)
        Q = ref.self_consistent_start(A, ratio * kappa, kappa)
        check(T, Q[:d_in].T, Q[d_in:], np.array([1e-6, 0.1, 1.0, 5.0]))


def test_one_dimensional(rng: np.random.Generator) -> None:
    """[XZ]: any weights of any width, by Cayley-Hamilton."""
    for w in (1, 2, 3, 40):
        for scale in (1e-4, 1.0):
            W1, W2 = scale * rng.normal(size=(w, 1)), scale * rng.normal(size=(1, w))
            T = rng.normal(size=(1, 1))
            check(T, W1, W2, (1e-6, 0.3, 3.0, 10.0))
            C1, C2 = float(np.sum(W1**2)), float(np.sum(W2**2))
            levels = lf.two_level(lf.Network(W1, W2))
            assert levels.exact
            assert levels.lam == pytest.approx(C2 - C1, abs=1e-12 * (C1 + C2))
            mu = C1 * C2 - (W2 @ W1).item() ** 2
            assert levels.mu == pytest.approx(mu, rel=1e-9, abs=1e-12 * C1 * C2)


def test_single_neuron(rng: np.random.Generator) -> None:
    """Kunin et al. 2024: one hidden unit, any weights."""
    for shape in ((3, 4), (4, 3), (1, 5), (5, 1)):
        for scale in (1e-6, 0.1, 2.0):
            d_out, d_in = shape
            T = rng.normal(size=shape)
            W1, W2 = rng.normal(size=(1, d_in)), scale * rng.normal(size=(d_out, 1))
            check(T, W1, W2, (1e-6, 0.3, 3.0, 10.0))


# ---- degenerate targets and starts ---------------------------------------------------


@pytest.mark.parametrize(
    "values", [(1.5,), (2.0, 1.0), (2.0, 2.0, 1.0), (1.0, 1.0, 1.0), ()]
)
@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_degenerate_targets(
    values: tuple[float, ...], shape: tuple[int, int], rng: np.random.Generator
) -> None:
    """Rank-deficient and repeated singular values, and T = 0."""
    d_out, d_in = shape
    T = target(rng, shape, *values) if values else np.zeros(shape)
    for lam, w in ((0.0, 1), (0.0, 3), (0.0, 8), (0.7, d_out), (-0.7, d_in), (2.0, 2)):
        for scale in (1e-2, 1.0):
            W1, W2 = ref.balanced(rng, d_in, d_out, w, lam, scale)
            check(T, W1, W2, (0.01, 1.0, 10.0), lam=lam)
            ends = solve(T, lf.Weights(W1, W2), (1e8, INF), lam=lam)
            assert all(np.isfinite(A).all() and np.isfinite(P).all() for A, P in ends)
    Q = ref.self_consistent_start(0.1 * rng.normal(size=shape), 0.2, 0.5)
    check(T, Q[:d_in].T, Q[d_in:], (0.01, 1.0, 10.0))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("lam", [0.0, 1.5, -1.5])
def test_low_rank_starts(rank: int, lam: float, rng: np.random.Generator) -> None:
    """A(0) of every rank; directions that start at zero stay with the flow's."""
    T = target(rng, (4, 3), 2.0, 1.3, 0.7)
    sizes = np.linspace(0.2, 0.1, rank)
    init = lf.Balanced(width=3, lam=lam, size=sizes)
    start = init.sample((4, 3), rng=1)
    assert np.linalg.matrix_rank(start.product) == rank
    times = (1e-6, 0.5, 2.0)
    exact = ref.flow(T, start.W1, start.W2, times)
    for (A, P), expected in zip(solve(T, init, times, rng=1), exact, strict=True):
        assert np.abs(P - expected).max() < 1e-9 * np.abs(expected).max()
        assert np.abs(A - expected[3:, :3]).max() < 1e-9 * np.abs(T).max()


# ---- long times ----------------------------------------------------------------------


@pytest.mark.parametrize("w", [1, 2, 3, 9])
@pytest.mark.parametrize("scale", [1e-8, 1e-2, 10.0])
def test_bottleneck_ends_at_the_best_approximation(
    w: int, scale: float, rng: np.random.Generator
) -> None:
    T = rng.normal(size=(4, 6))
    U, s, Vt = np.linalg.svd(T)
    k = min(w, 4)
    best = (U[:, :k] * s[:k]) @ Vt[:k]
    init = lf.Weights(scale * rng.normal(size=(w, 6)), scale * rng.normal(size=(4, w)))
    for A, P in solve(T, init, (1e8, INF), lam=0.0):
        np.testing.assert_allclose(A, best, rtol=0, atol=1e-12)
        np.testing.assert_allclose(P[6:, :6], best, rtol=0, atol=1e-11)


@pytest.mark.parametrize("lam", LAMS)
def test_every_balanced_network_ends(lam: float, rng: np.random.Generator) -> None:
    d_out, d_in = 4, 5
    T = target(rng, (d_out, d_in), 2.0, 1.5, 1.0, 0.5)
    top = d_out if lam > 0 else d_in
    for w in (1, 2, top):
        init = lf.Balanced(w, lam=lam, size=1e-3)
        run = lf.closed_form(
            lf.Task(T), init, times=[1e3, 1e8, INF], rng=3, save_product=True
        )
        assert run.exact
        assert run.product is not None
        U, s, Vt = np.linalg.svd(T)
        k = min(w, d_out)
        best = (U[:, :k] * s[:k]) @ Vt[:k]
        for A in run.product[1:]:
            np.testing.assert_allclose(A, best, rtol=0, atol=1e-9)


def test_saddle_stays_stuck(rng: np.random.Generator) -> None:
    """No component along a needed direction: the flow never finds it, nor do we."""
    T = target(rng, (4, 3), 2.0, 1.0, 0.5)
    U, _, Vt = np.linalg.svd(T)
    W1 = 0.1 * rng.normal(size=(7, 3)) @ (np.eye(3) - np.outer(Vt[0], Vt[0]))
    W2 = (np.eye(4) - np.outer(U[:, 0], U[:, 0])) @ (0.1 * rng.normal(size=(4, 7)))
    stuck = T - 2.0 * np.outer(U[:, 0], Vt[0])
    for A, P in solve(T, lf.Weights(W1, W2), (1e6, 1e8, INF), lam=0.0):
        np.testing.assert_allclose(A, stuck, rtol=0, atol=1e-9)
        assert np.isfinite(P).all()
    # Exactly at zero nothing moves at all.
    zero = lf.Weights(np.zeros((2, 3)), np.zeros((4, 2)))
    run = lf.closed_form(lf.Task(T), zero, times=[0, 1, 1e8, INF], save_product=True)
    assert run.exact
    np.testing.assert_array_equal(run.product, np.zeros((4, 4, 3)))


# ---- going on, and choices that do not matter ----------------------------------------


@pytest.mark.parametrize(
    "init",
    [
        lf.Balanced(3, lam=0.0, size=1e-6),
        lf.Balanced(2, lam=-3.0, size=0.5),
        lf.Balanced(3, lam=50.0, size=0.1),
        lf.Gaussian(2, 0.1),
        lf.Gaussian(20, 1e-4),
        lf.Gaussian(1e8, (1e-8, 3e-8)),
        lf.Gaussian(1e12, 1e-4),
    ],
    ids=str,
)
def test_semigroup_by_continuing(init: Any, rng: np.random.Generator) -> None:
    """propagate(t1), then t2 from its trajectory, is propagate(t1 + t2), to 1e-11."""
    T = target(rng, (4, 3), 2.0, 1.0, 0.5)
    task = lf.Task(T)
    for t1, t2 in ((1e-6, 1e-3), (0.01, 0.5), (0.5, 0.5), (1.0, 30.0), (5.0, INF)):
        first = lf.closed_form(task, init, times=[t1], rng=0)
        then = lf.closed_form(task, first, times=[t2], lam=first.lam, mu=first.mu)
        whole = lf.closed_form(task, init, times=[t1 + t2], rng=0)
        size = max(np.abs(whole.last_product).max(), 2.0)
        gap = np.abs(then.last_product - whole.last_product).max()
        assert gap < 1e-11 * size, (t1, t2)
        assert then.network is not None
        assert whole.network is not None
        P, expected = then.network.gram, whole.network.gram
        assert np.abs(P - expected).max() < 1e-11 * np.abs(expected).max(), (t1, t2)
        if np.isfinite(t2):  # the levels ride along with the trajectory's network
            same = lf.closed_form(task, first, times=[t2])
            np.testing.assert_array_equal(same.last_product, then.last_product)


def test_threads_and_observables_do_not_matter() -> None:
    task = lf.low_rank_task((30, 20), 3, rng=0)
    init = lf.Gaussian(500, 1e-3)
    times = np.append(np.linspace(0, 1, 33), INF)
    keywords: dict[str, Any] = {"times": times, "rng": 1, "save_product": True}
    one = lf.closed_form(task, init, n_threads=1, **keywords)
    two = lf.closed_form(task, init, n_threads=2, **keywords)
    np.testing.assert_array_equal(one.product, two.product)
    np.testing.assert_array_equal(one.singular_values, two.singular_values)
    assert one.product is not None
    values = np.linalg.svd(one.product, compute_uv=False)
    np.testing.assert_allclose(one.singular_values, values, rtol=1e-10, atol=1e-10)  # type: ignore[arg-type]
    gaps = one.product - task.target
    np.testing.assert_allclose(
        one.train_error,  # type: ignore[arg-type]
        (gaps**2).mean(axis=(1, 2)),
        rtol=1e-10,
        atol=1e-20,
    )
    few = lf.closed_form(task, init, times=times[3:5], rng=1, observe="train_error")
    np.testing.assert_array_equal(few.train_error, one.train_error[3:5])  # type: ignore[index]


# ---- rates, scale, levels ------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 0.3, -1.7])
@pytest.mark.parametrize("rates", [(1.0, 1.0), (2.0, 0.5), (0.1, 3.0)])
def test_rates_and_scale(
    scale: float, rates: tuple[float, float], rng: np.random.Generator
) -> None:
    """Theory §6: one change of units, so every two-level start stays covered."""
    d_out, d_in = 4, 3
    T = target(rng, (d_out, d_in), 2.0, 1.0, 0.5)
    starts = [ref.balanced(rng, d_in, d_out, 3, 0.8, 0.3)]
    Q = ref.self_consistent_start(0.2 * rng.normal(size=(d_out, d_in)), -0.3, 0.6)
    starts.append((Q[:d_in].T, Q[d_in:]))
    times = (1e-6, 0.4, 2.0, 6.0)
    for standard1, standard2 in starts:
        W1, W2 = np.sqrt(rates[0]) * standard1, np.sqrt(rates[1]) * standard2
        exact = ref.weights(T, W1, W2, times, rates=rates, scale=scale)
        init = lf.Weights(W1, W2)
        keywords: dict[str, Any] = {"learning_rates": rates, "scale": scale}
        run = lf.closed_form(
            lf.Task(T), init, times=times, save_product=True, **keywords
        )
        assert run.exact
        states = solve(T, init, times, **keywords)
        for (A, P), (V1, V2) in zip(states, exact, strict=True):
            size = max(np.abs(V2 @ V1).max() * abs(scale), np.abs(T).max())
            assert np.abs(A - scale * V2 @ V1).max() < 1e-9 * size
            expected = ref.gram(V1, V2)
            assert np.abs(P - expected).max() < 1e-9 * np.abs(expected).max()
        # The levels are told in units of the output map, and may be given so.
        again = lf.closed_form(
            lf.Task(T),
            init,
            times=times,
            save_product=True,
            lam=run.lam,
            mu=run.mu,
            **keywords,
        )
        np.testing.assert_allclose(again.product, run.product, rtol=0, atol=1e-11)  # type: ignore[arg-type]


def test_levels_from_law_fit_or_argument() -> None:
    task = lf.low_rank_task((12, 8), 2, rng=0)
    init = lf.Gaussian(1000, (1e-3, 2e-3))
    keywords: dict[str, Any] = {"times": [0.0, 0.1, 1.0], "rng": 1}
    law = lf.closed_form(task, init, **keywords)
    assert (law.lam, law.mu, law.kappa) == pytest.approx((1.0, 2.0, 1.5))
    fit = lf.closed_form(task, init, lam="fit", **keywords)
    levels = lf.two_level(init.sample(task, rng=1))
    assert (fit.lam, fit.mu) == pytest.approx((levels.lam, levels.mu))
    assert fit.closure_residual == pytest.approx(levels.residual)
    assert fit.closure_residual is not None
    assert law.closure_residual is not None
    assert 0 < fit.closure_residual < law.closure_residual
    given = lf.closed_form(task, init, lam=1.0, mu=2.0, **keywords)
    np.testing.assert_array_equal(given.train_error, law.train_error)
    alone = lf.closed_form(task, init, lam=1.0, **keywords)
    assert alone.mu == 0
    only_mu = lf.closed_form(task, init, mu=2.0, **keywords)
    assert only_mu.lam == 0
    assert only_mu.mu == pytest.approx(2.0)
    assert not any(run.exact for run in (law, fit, given, alone, only_mu))
    weights = init.sample(task, rng=1)
    fitted = lf.closed_form(task, lf.Weights(weights.W1, weights.W2), times=[0.1])
    assert (fitted.lam, fitted.mu) == pytest.approx((levels.lam, levels.mu))
