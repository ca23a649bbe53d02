"""Slow and obvious: gradient flow by SciPy in plain NumPy, any depth and gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.integrate import solve_ivp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def product(layers: Sequence[Array]) -> Array:
    """W_L ... W_1."""
    out = layers[0]
    for layer in layers[1:]:
        out = layer @ out
    return out


def slopes(
    layers: Sequence[Array],
    gradient: Callable[[Array], Array],
    rates: Sequence[float],
    scale: float,
) -> list[Array]:
    """Time derivative of each layer."""
    G = gradient(scale * product(layers))
    out = []
    for i in range(len(layers)):
        left = product(layers[i + 1 :]).T if i + 1 < len(layers) else np.eye(G.shape[0])
        right = product(layers[:i]).T if i > 0 else np.eye(G.shape[1])
        out.append(-rates[i] * scale * left @ G @ right)
    return out


def flow(
    layers: Sequence[Array],
    gradient: Callable[[Array], Array],
    times: Any,
    *,
    rates: Sequence[float] | None = None,
    scale: float = 1.0,
    rtol: float = 1e-12,
) -> tuple[Array, list[list[Array]]]:
    """Output map (time, d_out, d_in) and layers at each time, by DOP853."""
    shapes = [layer.shape for layer in layers]
    ends = np.cumsum([layer.size for layer in layers])[:-1]
    rates = rates or [1.0] * len(layers)

    def unpack(y: Array) -> list[Array]:
        parts = np.split(y, ends)
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def rhs(_: float, y: Array) -> Array:
        return np.concatenate(
            [slope.ravel() for slope in slopes(unpack(y), gradient, rates, scale)]
        )

    start = np.concatenate([np.ravel(layer) for layer in layers])
    size = float(np.abs(start).max())
    solution = solve_ivp(
        rhs,
        (0.0, float(np.max(times))),
        start,
        t_eval=np.asarray(times),
        method="DOP853",
        rtol=rtol,
        atol=rtol * size * 1e-2,
    )
    states = [unpack(y) for y in solution.y.T]
    return np.array([scale * product(state) for state in states]), states


def relative(A: Array, B: Array) -> float:
    """Largest ‖A − B‖_F over a run, relative to the largest ‖B‖_F."""
    error = np.linalg.norm(A - B, axis=(-2, -1)).max()
    return float(error / np.linalg.norm(B, axis=(-2, -1)).max())


def amplification(
    layers: Sequence[Array],
    gradient: Callable[[Array], Array],
    times: Any,
    A: Array,
) -> float:
    """S: relative change of the run per relative change of the start (at least 1)."""
    rng = np.random.default_rng(1)
    noise = [rng.standard_normal(layer.shape) for layer in layers]
    size = np.sqrt(sum(np.sum(layer**2) for layer in layers))
    length = np.sqrt(sum(np.sum(part**2) for part in noise))
    moved = [
        layer + 1e-6 * size / length * part
        for layer, part in zip(layers, noise, strict=True)
    ]
    return max(relative(flow(moved, gradient, times)[0], A) / 1e-6, 1.0)
