"""The network of [XZ] in full width, integrated by SciPy; nothing is shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import solve_ivp

if TYPE_CHECKING:
    from reference import Array


def integrate(
    u: Array,
    W: Array,
    direction: Array,
    times: Array,
    *,
    second_moment: float,
    cross_moment: float,
    learning_rates: tuple[float, float],
    scale: float,
) -> tuple[Array, Array]:
    """Gradient flow of E[(f(x) - y)^2], f = scale u^T W x, x = a n.

    Returns u (time, width) and W (time, width, d_in).
    """
    width, d_in = W.shape
    n = direction / np.linalg.norm(direction)
    rate_w, rate_u = learning_rates

    def gradient(_: float, state: Array) -> Array:
        a, B = state[:width], state[width:].reshape(width, d_in)
        # E[x x^T] = E[a^2] n n^T, E[x y] = E[a y] n
        error = scale * (a @ B) @ np.outer(n, n) * second_moment - cross_moment * n
        du = -2 * rate_u * scale * (B @ error)
        dW = -2 * rate_w * scale * np.outer(a, error)
        return np.concatenate([du, dW.ravel()])

    solution = solve_ivp(
        gradient,
        (0, times[-1]),
        np.concatenate([u, W.ravel()]),
        method="DOP853",
        rtol=1e-12,
        atol=1e-14,
        t_eval=times,
    )
    assert solution.success
    states = solution.y.T
    return states[:, :width], states[:, width:].reshape(-1, width, d_in)
