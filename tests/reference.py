"""Slow, obvious NumPy versions of what the core computes; nothing is shared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def gradient_descent(
    W1: Array,
    W2: Array,
    target: Array,
    *,
    step_size: float,
    steps: int,
    rates: tuple[float, float] = (1.0, 1.0),
    scale: float = 1.0,
) -> list[Array]:
    """Output maps of gradient descent on the full-width network, start included."""
    maps = []
    for step in range(steps + 1):
        maps.append(scale * W2 @ W1)
        if step < steps:
            G = maps[-1] - target
            W1, W2 = (
                W1 - step_size * rates[0] * scale * W2.T @ G,
                W2 - step_size * rates[1] * scale * G @ W1.T,
            )
    return maps


def runge_kutta(
    W1: Array, W2: Array, target: Array, *, step_size: float, steps: int
) -> list[Array]:
    """Output maps of the flow by the classical method of order 4, start included."""

    def slope(W: tuple[Array, Array]) -> tuple[Array, Array]:
        G = W[1] @ W[0] - target
        return -W[1].T @ G, -G @ W[0].T

    def moved(h: float, k: tuple[Array, Array]) -> tuple[Array, Array]:
        return W1 + h * k[0], W2 + h * k[1]

    maps = [W2 @ W1]
    for _ in range(steps):
        k1 = slope((W1, W2))
        k2 = slope(moved(step_size / 2, k1))
        k3 = slope(moved(step_size / 2, k2))
        k4 = slope(moved(step_size, k3))
        W1, W2 = (
            W + step_size / 6 * (a + 2 * b + 2 * c + d)
            for W, a, b, c, d in zip((W1, W2), k1, k2, k3, k4, strict=True)
        )
        maps.append(W2 @ W1)
    return maps


def root(A: Array, kappa: float) -> Array:
    """``sqrt(A^T A + kappa^2 I)`` from the full singular value decomposition."""
    _, values, Vt = np.linalg.svd(A)
    squares = np.zeros(A.shape[1])
    squares[: len(values)] = values**2
    result: Array = (Vt.T * np.sqrt(squares + kappa**2)) @ Vt
    return result


def self_consistent(
    A: Array, target: Array, kappa: float, *, step_size: float, steps: int
) -> list[Array]:
    """Matrices of the stepped self-consistent dynamics, [TAJ] eq. (1)."""
    maps = [A]
    for _ in range(steps):
        G = A - target
        A = A - step_size * (root(A.T, kappa) @ G + G @ root(A, kappa))
        maps.append(A)
    return maps


def mean_square(matrix: Array) -> float:
    """``|M|_F^2`` per entry."""
    return float((matrix**2).sum() / matrix.size)


def bartlett(
    stream: np.random.SeedSequence,
    d_in: int,
    d_out: int,
    width: float,
    variances: tuple[float, float],
) -> Array:
    """Factor Q of the compressed Gaussian network, drawn by NumPy alone."""
    rng = np.random.default_rng(stream)
    n = d_in + d_out
    sigma = np.sqrt(np.repeat(variances, [d_in, d_out]))[:, None]
    if width < n:
        direct: Array = sigma * rng.standard_normal((n, round(width)))
        return direct
    factor = np.diag(np.sqrt(rng.chisquare(width - np.arange(n))))
    factor[np.tril_indices(n, -1)] = rng.standard_normal(n * (n - 1) // 2)
    drawn: Array = sigma * factor
    return drawn


def published_stop(train: list[float], test: list[float]) -> int:
    """Return the number of steps of the published protocol."""
    for i in range(len(train)):
        if i == 750 or train[i] < 1e-3:
            return i
        if i > 0:
            stalled = abs(train[i] - train[i - 1]) < 2e-4
            if stalled and train[0] - train[i] > 1e-2:
                return i
        if i > 3 and test[i] > test[i - 1] > test[i - 2]:
            return i
    message = "the errors end before the protocol does"
    raise AssertionError(message)


def spectrum(A: Array, kappa: float) -> dict[str, float]:
    """Everything that a run may observe of one matrix, from its full decomposition."""
    s = np.linalg.svd(A, compute_uv=False)
    part = s[s > 0] / s.sum()
    return {
        "active_modes": float((s > kappa).sum()),
        "rank": float((s > s[0] / 5).sum()),
        "stable_rank": float((s**2).sum() / s[0] ** 2),
        "effective_rank": float(np.exp(-(part * np.log(part)).sum())),
        "nuclear_norm": float(s.sum()),
        "operator_norm": float(s[0]),
    }
