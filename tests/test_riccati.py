"""The Riccati propagator of the core, by itself, against slow oracles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import reference_riccati as ref
from linflow._core import riccati as core

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array

INF = np.inf


def begin(
    T: Array, lam: float, mu: float, X: Array, Y: Array
) -> tuple[core.Riccati, core.RiccatiStart]:
    flow = core.Riccati(np.asfortranarray(T), float(lam), float(mu))
    return flow, core.RiccatiStart(flow, np.asfortranarray(X), np.asfortranarray(Y))


def grams(start: core.RiccatiStart, times: ArrayLike) -> Array:
    out = start.states(
        np.atleast_1d(np.asarray(times, dtype=float)),
        product=True,
        input_gram=True,
        output_gram=True,
    )
    A = out["product"]
    P: Array = np.block(
        [[out["input_gram"], A.transpose(0, 2, 1)], [A, out["output_gram"]]]
    )
    return P


def errors(T: Array, P: Array, exact: Array) -> tuple[float, float]:
    """Errors of P relative to P, and of A relative to max(|A|, |T|)."""
    d_in = T.shape[1]
    A = exact[d_in:, :d_in]
    size = max(np.abs(A).max(), np.abs(T).max(), 1e-300)
    return (
        float(np.abs(P - exact).max() / np.abs(exact).max()),
        float(np.abs(P[d_in:, :d_in] - A).max() / size),
    )


def widths(lam: float, d_in: int, d_out: int) -> list[int]:
    top = d_out if lam > 0 else d_in if lam < 0 else d_in + d_out
    return sorted({1, 2, top})


@pytest.mark.parametrize("lam", [-50, -3, -1e-9, 0, 1e-9, 0.5, 2, 50])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_balanced_network(lam: float, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    d_out, d_in = shape
    times = (1e-6, 0.3, 4.0)
    for w in widths(lam, d_in, d_out):
        for scale in (1e-8, 1e-2, 2.0):
            T = rng.normal(size=shape)
            W1, W2 = ref.balanced(rng, d_in, d_out, w, lam, scale)
            _, start = begin(T, lam, 0, W1.T, W2)
            exact = ref.flow(T, W1, W2, times)
            for t, P, Q in zip(times, grams(start, times), exact, strict=True):
                assert max(errors(T, P, Q)) < 1e-9, (w, scale, t)


@pytest.mark.parametrize("target", ["rank", "repeated", "zero"])
def test_degenerate_targets(target: str) -> None:
    rng = np.random.default_rng(1)
    T: Array = {
        "rank": np.outer(rng.normal(size=4), rng.normal(size=3)),
        "repeated": ref.orthogonal(rng, 4, 3) @ np.diag([2.0, 2, 1]),
        "zero": np.zeros((4, 3)),
    }[target]
    times = (0.01, 1.0, 10.0)
    for lam, w in ((0, 2), (0, 7), (0.7, 4), (-0.7, 3), (2, 2)):
        W1, W2 = ref.balanced(rng, 3, 4, w, lam, 0.3)
        _, start = begin(T, lam, 0, W1.T, W2)
        exact = ref.flow(T, W1, W2, times)
        for P, Q in zip(grams(start, times), exact, strict=True):
            relative, product = errors(T, P, Q)
            assert relative < 1e-9
            # With T = 0 all that is left of the oracle's A is its own error.
            assert product < 1e-9 or target == "zero"
        assert np.isfinite(grams(start, [1e8, INF])).all()


def test_scalar_and_single_neuron() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        W1, W2 = rng.normal(size=(4, 1)), rng.normal(size=(1, 4))
        C1, A, C2 = (W1.T @ W1).item(), (W2 @ W1).item(), (W2 @ W2.T).item()
        T = rng.normal(size=(1, 1))
        _, start = begin(T, C2 - C1, C1 * C2 - A * A, W1.T, W2)
        exact = ref.flow(T, W1, W2, [1.5])[0]
        assert max(errors(T, grams(start, 1.5)[0], exact)) < 1e-9
        W1, W2 = rng.normal(size=(1, 4)), rng.normal(size=(3, 1))
        T = rng.normal(size=(3, 4))
        _, start = begin(T, (W2**2).sum() - (W1**2).sum(), 0, W1.T, W2)
        exact = ref.flow(T, W1, W2, [1.5])[0]
        assert max(errors(T, grams(start, 1.5)[0], exact)) < 1e-9


@pytest.mark.parametrize("kappa", [1e-8, 1e-4, 0.3, 1, 1e4, 1e8, 1e12])
@pytest.mark.parametrize("ratio", [0, 1.5, -1.5])
def test_closure_any_kappa(kappa: float, ratio: float) -> None:
    """Self-consistent and Gaussian starts against exponentials in many digits."""
    rng = np.random.default_rng(3)
    T = rng.normal(size=(3, 2))
    lam = ratio * kappa
    mu = kappa**2 - lam**2 / 4
    w = max(20.0, (kappa / 2) ** 2)
    L = np.tril(rng.normal(size=(5, 5)), -1) + np.diag(np.sqrt(w - np.arange(5)))
    scale = np.sqrt((kappa + np.array([-1, -1, 1, 1, 1]) * lam / 2) / w)
    starts = [scale[:, None] * L, ref.self_consistent_start(0.1 * T[::-1], lam, kappa)]
    for Q in starts:
        _, start = begin(T, lam, mu, Q[:2], Q[2:])
        for t in (1e-6, 0.5, 5.0):
            time = t / max(kappa, 1)
            exact = ref.riccati_mp(T, lam, mu, Q[:2], Q[2:], time, digits=90)
            assert max(errors(T, grams(start, time)[0], exact)) < 1e-9


@pytest.mark.parametrize("w", [1, 2, 4])
def test_bottleneck_ends_at_best_approximation(w: int) -> None:
    rng = np.random.default_rng(4)
    T = rng.normal(size=(4, 6))
    U, s, Vt = np.linalg.svd(T)
    best = (U[:, :w] * s[:w]) @ Vt[:w]
    for scale in (1e-8, 1e-2, 10):
        Q = scale * rng.normal(size=(10, w))
        _, start = begin(T, 0, 0, Q[:6], Q[6:])
        for P in grams(start, [1e4, 1e8, INF]):
            assert np.abs(P[6:, :6] - best).max() < 1e-12


def test_saddle_holds_and_tiny_direction_escapes() -> None:
    rng = np.random.default_rng(5)
    for trial in range(60):
        d_in, d_out = (int(d) for d in rng.integers(2, 12, size=2))
        T = rng.normal(size=(d_out, d_in))
        U, s, Vt = np.linalg.svd(T)
        k = rng.integers(0, min(d_in, d_out))
        o = np.concatenate([Vt[k], U[:, k]]) / np.sqrt(2)
        Q = 10.0 ** rng.uniform(-8, 1) * rng.normal(size=(d_in + d_out, d_in + d_out))
        Q -= np.outer(o, o @ Q)
        for amount, expected in ((0, 0.0), (1e-9, 2 * s[k])):
            seed = amount * np.abs(Q).max() * rng.normal(size=Q.shape[1])
            S = Q + np.outer(o, seed)
            _, start = begin(T, 0, 0, S[:d_in], S[d_in:])
            for P in grams(start, [1e6, INF]):
                assert abs(o @ P @ o - expected) < 1e-8 * s[0], (trial, amount)


problems = st.tuples(
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 12),
    st.sampled_from([0.0, 1e-9, -2.0, 3.0, 1e3]),
    st.sampled_from([0.0, 1e-16, 1e-4, 1.0, 1e6]),
    st.floats(-8, 1),
    st.floats(-4, 3),
    st.floats(-4, 3),
    st.integers(0, 2**31),
)


def effect_of_rounding(flow: core.Riccati, X: Array, Y: Array, t: float) -> float:
    """How far P(t) moves when one bit of the start's size changes.

    Near a saddle small entries of the state decide what grows, by s*/s0.
    """
    rng = np.random.default_rng(0)
    bit = np.finfo(float).eps * max(np.abs(X).max(), np.abs(Y).max())
    P = [
        grams(
            core.RiccatiStart(
                flow,
                np.asfortranarray(X + bit * rng.uniform(-0.5, 0.5, X.shape)),
                np.asfortranarray(Y + bit * rng.uniform(-0.5, 0.5, Y.shape)),
            ),
            t,
        )[0]
        for _ in range(5)
    ]
    return float(np.ptp(P, axis=0).max())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(problems)
@example((2, 5, 1, 0.0, 1e-16, 0.0, 0.0, 1.25, 0))  # a mode that mu alone has sown
def test_semigroup_and_positivity(
    problem: tuple[int, int, int, float, float, float, float, float, int],
) -> None:
    d_in, d_out, r, lam, mu, scale, log_t1, log_t2, seed = problem
    rng = np.random.default_rng(seed)
    T = rng.normal(size=(d_out, d_in))
    Q = 10.0**scale * rng.normal(size=(d_in + d_out, min(r, d_in + d_out)))
    flow, start = begin(T, lam, mu, Q[:d_in], Q[d_in:])
    t1, t2 = 10.0**log_t1, 10.0**log_t2
    now, end = grams(start, [t1, t1 + t2])
    later = grams(start.advance(flow, t1), t2)[0]
    gap, allowed = np.abs(later - end).max(), 1e-11 * np.abs(end).max()
    assert gap < allowed or gap < 2 * effect_of_rounding(flow, *start.factors(t1), t2)
    ended = grams(start, INF)[0]
    still = grams(start.advance(flow, INF), t2)[0]
    size = max(np.abs(ended).max(), np.abs(T).max())
    assert np.abs(still - ended).max() < 1e-11 * size
    for P in (now, end):
        assert np.abs(P - P.T).max() <= 1e-14 * np.abs(P).max()
        assert np.linalg.eigvalsh(P)[0] > -1e-12 * np.abs(P).max()
    factor = np.vstack(start.factors(t1))
    assert np.abs(factor @ factor.T - now).max() < 1e-11 * np.abs(now).max()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 5), st.integers(1, 5), st.floats(-6, 1), st.integers(0, 2**31))
def test_two_levels_stay_and_loss_falls(
    d_in: int, d_out: int, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    T = rng.normal(size=(d_out, d_in))
    lam = rng.normal()
    w = int(rng.integers(1, (d_out if lam > 0 else d_in) + 1))
    W1, W2 = ref.balanced(rng, d_in, d_out, w, lam, 10.0**scale)
    _, start = begin(T, lam, 0, W1.T, W2)
    J = np.diag([1.0] * d_in + [-1.0] * d_out)
    loss = INF
    for P in grams(start, np.logspace(-4, 3, 30)):
        X = P @ J
        size = np.abs(X).max()
        assert np.abs(X @ X + lam * X).max() < 1e-11 * size * max(abs(lam), size)
        now = float(np.linalg.norm(P[d_in:, :d_in] - T))
        assert now <= loss + 1e-12 * np.linalg.norm(T)
        loss = now


def test_threads_and_requests_do_not_matter() -> None:
    rng = np.random.default_rng(6)
    T = rng.normal(size=(20, 30))
    Q = 0.1 * rng.normal(size=(50, 50))
    _, start = begin(T, 0.0, 0.01, Q[:30], Q[30:])
    times = np.append(np.logspace(-3, 3, 20), INF)
    one = start.states(times, input_gram=True, output_gram=True, threads=1)
    two = start.states(times, input_gram=True, output_gram=True, threads=2)
    only = start.states(times)
    assert all(np.array_equal(one[k], two[k]) for k in one)
    np.testing.assert_array_equal(one["product"], only["product"])


def test_singular_basis_is_a_rotation() -> None:
    rng = np.random.default_rng(7)
    T = rng.normal(size=(4, 6))
    Q = rng.normal(size=(10, 10))
    _, start = begin(T, 0.3, 0.2, Q[:6], Q[6:])
    plain = start.states(np.array([0.7]))["product"][0]
    turned = start.states(np.array([0.7]), singular_basis=True)["product"][0]
    np.testing.assert_allclose(
        np.linalg.svd(plain, compute_uv=False),
        np.linalg.svd(turned, compute_uv=False),
        rtol=1e-13,
    )


def test_bad_input() -> None:
    flow = core.Riccati(np.ones((2, 3)), 0.0, 0.0)
    with pytest.raises(ValueError, match="d_in"):
        core.RiccatiStart(flow, np.ones((2, 2)), np.ones((3, 2)))
    start = core.RiccatiStart(flow, np.ones((3, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match=">= 0"):
        start.states(np.array([-1.0]))
    for lam, mu in ((np.nan, 0.0), (0.0, -1.0), (INF, 0.0)):
        with pytest.raises(ValueError, match=r"lam|mu"):
            core.Riccati(np.ones((2, 3)), lam, mu)
    with pytest.raises(ValueError, match="target"):
        core.Riccati(np.full((2, 2), np.nan), 0.0, 0.0)
