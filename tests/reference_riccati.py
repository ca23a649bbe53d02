"""Slow, obvious oracles for the closed forms: integration, and many digits.

Nothing here is shared with the core. `flow` integrates the weights of the full-width
network; `riccati_mp` and the modes follow textbook formulas in as many digits as it
takes, for where the integrator itself is the limit (tiny starts, stiff lazy dynamics).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
from scipy.integrate import solve_ivp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def gram(W1: Array, W2: Array) -> Array:
    """``P = Q Q^T``, ``Q = [W1^T; W2]``."""
    Q = np.vstack([W1.T, W2])
    P: Array = Q @ Q.T
    return P


def weights(
    T: Array,
    W1: Array,
    W2: Array,
    times: Sequence[float] | Array,
    *,
    rtol: float = 1e-12,
    rates: tuple[float, float] = (1.0, 1.0),
    scale: float = 1.0,
) -> list[tuple[Array, Array]]:
    """Weights of the full-width network at some times, by DOP853."""
    w, d_in = W1.shape
    d_out = W2.shape[0]

    def rhs(_: float, z: Array) -> Array:
        A1 = z[: w * d_in].reshape(w, d_in)
        A2 = z[w * d_in :].reshape(d_out, w)
        G = scale * (scale * A2 @ A1 - T)
        return np.concatenate(
            [-rates[0] * (A2.T @ G).ravel(), -rates[1] * (G @ A1.T).ravel()]
        )

    z0 = np.concatenate([W1.ravel(), W2.ravel()])
    atol = 1e-14 * max(float(np.abs(z0).max()), 1e-300)
    when = np.asarray(times, dtype=float)
    solution = solve_ivp(
        rhs,
        (0.0, float(when[-1])),
        z0,
        method="DOP853",
        t_eval=when,
        rtol=rtol,
        atol=atol,
    )
    assert solution.success, solution.message
    return [
        (z[: w * d_in].reshape(w, d_in), z[w * d_in :].reshape(d_out, w))
        for z in solution.y.T
    ]


def flow(T: Array, W1: Array, W2: Array, times: Sequence[float] | Array) -> list[Array]:
    """P(t) of the full-width network, by DOP853 on its weights."""
    return [gram(*pair) for pair in weights(T, W1, W2, times)]


def matrix_flow(rhs: Any, A: Array, times: Sequence[float] | Array) -> list[Array]:
    """A(t) of ``dA/dt = rhs(A)``, by DOP853."""
    when = np.asarray(times, dtype=float)
    solution = solve_ivp(
        lambda _, z: rhs(z.reshape(A.shape)).ravel(),
        (0.0, float(when[-1])),
        A.ravel(),
        method="DOP853",
        t_eval=when,
        rtol=1e-12,
        atol=1e-14,
    )
    assert solution.success, solution.message
    return [z.reshape(A.shape) for z in solution.y.T]


def riccati_mp(
    T: Array, lam: float, mu: float, X: Array, Y: Array, t: float, digits: int
) -> Array:
    """``P = V U^{-1}``, ``[U; V] = exp(t [[-F, 1], [mu, F]]) [1; P(0)]``."""
    d_out, d_in = T.shape
    n = d_in + d_out
    mp.mp.dps = digits
    F = np.block(
        [[-lam / 2 * np.eye(d_in), T.T], [T, lam / 2 * np.eye(d_out)]]
    ).tolist()
    Q = mp.matrix(np.vstack([X, Y]).tolist())
    P0 = Q * Q.T
    H = mp.zeros(2 * n)
    Z = mp.zeros(2 * n, n)
    for i in range(n):
        H[i, n + i] = 1
        H[n + i, i] = mp.mpf(mu)
        Z[i, i] = 1
        for j in range(n):
            H[i, j] = -mp.mpf(F[i][j])
            H[n + i, n + j] = mp.mpf(F[i][j])
            Z[n + i, j] = P0[i, j]
    # Halve the exponential's argument, Taylor, then square.
    time = mp.mpf(t)
    norm = mp.mnorm(H, mp.inf) * time
    squarings = max(0, int(mp.ceil(mp.log(norm + mp.mpf(10) ** -30, 2))) + 8)
    step = H * (time / mp.mpf(2) ** squarings)
    E = mp.eye(2 * n)
    term = mp.eye(2 * n)
    k = 1
    while mp.mnorm(term, mp.inf) > mp.mpf(10) ** (-mp.mp.dps - 5):
        term = term * step / k
        E += term
        k += 1
    for _ in range(squarings):
        E = E * E
    UV = E * Z
    P = UV[n:, :] * mp.inverse(UV[:n, :])
    return np.array([[float(P[i, j]) for j in range(n)] for i in range(n)])


def mode_mp(t: float, s0: float, target: float, kappa: float) -> Any:
    """Scalar mode by the textbook formula of theory §5, in many digits."""
    mp.mp.dps = 700
    s, a, k, time = map(mp.mpf, (s0, target, kappa, t))
    if k == 0:
        if s == 0:
            return mp.mpf(0)
        sign, s = mp.sign(s), abs(s)
        b = sign * a  # |s|' = 2 |s| (sign(s) a - |s|)
        if b == 0:
            return sign * s / (1 + 2 * s * time)
        return sign * b / (-mp.expm1(-2 * b * time) + mp.exp(-2 * b * time) * b / s)
    R = mp.sqrt(a * a + k * k)
    z0 = s / k + mp.sqrt(1 + (s / k) ** 2)
    zp, zm = (a + R) / k, (a - R) / k
    c = (z0 - zp) / (z0 - zm) * mp.exp(-2 * R * time)
    z = (zp - c * zm) / (1 - c)
    return k * (z - 1 / z) / 2


def mode_time_mp(s1: float, s0: float, target: float, kappa: float) -> float:
    """Time at which a mode reaches s1, in many digits."""
    mp.mp.dps = 80
    first, last, a, k = map(mp.mpf, (s0, s1, target, kappa))
    R = mp.sqrt(a * a + k * k)

    def z(s: Any) -> Any:
        return s / k + mp.sqrt(1 + (s / k) ** 2)

    zp, zm = (a + R) / k, (a - R) / k
    ratio = (z(first) - zp) * (z(last) - zm) / ((z(first) - zm) * (z(last) - zp))
    return float(mp.log(ratio) / (2 * R))


def orthogonal(rng: np.random.Generator, n: int, k: int) -> Array:
    """Return n x k random orthonormal columns."""
    columns: Array = np.linalg.qr(rng.normal(size=(n, k)))[0]
    return columns


def balanced(
    rng: np.random.Generator, d_in: int, d_out: int, w: int, lam: float, scale: float
) -> tuple[Array, Array]:
    """Return W1, W2 with ``W2^T W2 - W1 W1^T = lam I``."""
    s = np.zeros(w)
    k = min(d_in, d_out, w)
    s[:k] = scale * rng.uniform(0.5, 1.5, size=k)
    A1 = np.zeros((w, d_in))
    A2 = np.zeros((d_out, w))
    for i in range(w):
        s1 = s[i] if lam >= 0 else np.sqrt(s[i] ** 2 - lam)
        s2 = np.sqrt(s[i] ** 2 + lam) if lam >= 0 else s[i]
        if s1:
            A1[i, i] = s1
        if s2:
            A2[i, i] = s2
    R = orthogonal(rng, w, w)
    W1: Array = R @ A1 @ orthogonal(rng, d_in, d_in).T
    W2: Array = orthogonal(rng, d_out, d_out) @ A2 @ R.T
    return W1, W2


def self_consistent_start(A: Array, lam: float, kappa: float) -> Array:
    """Triangular Q of ``C1 = -lam/2 + sqrt(A^T A + kappa^2)`` and so on (theory §4)."""
    mp.mp.dps = 80
    M = mp.matrix(A.tolist())
    level, threshold = mp.mpf(lam), mp.mpf(kappa)

    def block(B: Any, half: Any) -> Any:
        values, vectors = mp.eigsy(B)
        roots = [mp.sqrt(x + threshold**2) + half for x in values]
        return vectors * mp.diag(roots) * vectors.T

    d_out, d_in = A.shape
    P = mp.zeros(d_in + d_out)
    P[:d_in, :d_in] = block(M.T * M, -level / 2)
    P[d_in:, d_in:] = block(M * M.T, level / 2)
    P[d_in:, :d_in] = M
    P[:d_in, d_in:] = M.T
    return np.array(mp.cholesky(P).tolist(), dtype=float)


def root(M: Array, shift: float) -> Array:
    """``sqrt(M + shift)`` of a symmetric positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(M)
    result: Array = (vectors * np.sqrt(np.maximum(values, 0) + shift)) @ vectors.T
    return result
