"""The compressed experiment in JAX: vmap over cells, while_loop over steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from peers import MAX_STEPS, Grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers import Array

    Results = tuple[Array, Array, Array]

jax.config.update("jax_enable_x64", True)


def _cell(X: Any, Y: Any, eta: Any, T: Any, E: Any) -> Any:
    def look(state: Any) -> Any:
        X, Y, step, _, (train0, train, test, rising, least, best, _) = state
        G = Y @ X.T - T
        new_train, new_test = jnp.mean(G * G), jnp.mean((G + E) ** 2)
        rising = jnp.where(new_test > test, rising + 1, 0)
        train0 = jnp.where(step == 0, new_train, train0)
        best = jnp.where(new_test < least, G, best)
        ended = (new_train < 1e-3) | ((step > 3) & (rising >= 2)) | (step >= MAX_STEPS)
        ended |= (jnp.abs(new_train - train) < 2e-4) & (train0 - new_train > 1e-2)
        least = jnp.minimum(new_test, least)
        kept = (train0, new_train, new_test, rising, least, best, step)
        return (X - eta * (G.T @ Y), Y - eta * (G @ X), step + 1, ended, kept)

    nan, inf = jnp.asarray(jnp.nan, T.dtype), jnp.asarray(jnp.inf, T.dtype)
    kept = (nan, nan, nan, jnp.asarray(0), inf, jnp.zeros_like(T), jnp.asarray(0))
    start = (X, Y, jnp.asarray(0), jnp.asarray(False), kept)
    end = jax.lax.while_loop(lambda state: ~state[3], look, start)
    *_, least, best, step = end[4]
    values = jnp.linalg.svd(best + T, compute_uv=False)
    return least, step, jnp.sum(values > values[0] / 5)


def compiled(grid: Grid, batch: int) -> Callable[[], Results]:
    """Return a run of all cells in batches of this many, compiled already.

    A batch of one is mapped, not vectorised.
    """
    X, Y = grid.networks()
    eta = grid.step_size.astype(grid.target.dtype)
    T, E = grid.target, grid.noise
    if batch == 1:
        run = jax.jit(
            lambda X, Y, eta: jax.lax.map(lambda cell: _cell(*cell, T, E), (X, Y, eta))
        )
        batch = len(X)
    else:
        run = jax.jit(jax.vmap(lambda X, Y, eta: _cell(X, Y, eta, T, E)))

    def all_cells() -> Results:
        parts = []
        for i in range(0, len(X), batch):
            part = slice(i, i + batch)
            parts.append(run(X[part], Y[part], eta[part]))
        return tuple(np.concatenate(one) for one in zip(*parts, strict=True))  # type: ignore[return-value]

    all_cells()
    return all_cells
