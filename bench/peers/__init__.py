"""The same grid in other tools, each written as its users would write it well.

A peer takes a `Grid` and returns the minimal test error, the steps and the rank of
every cell. The order of the cells, the long ones first, is given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import linflow as lf
from linflow.protocol import published_step_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.floating]

MAX_STEPS = 750


class Grid(NamedTuple):
    """Cells of a phase diagram, the long ones first, all of widths of 2d or more."""

    d: int
    rank: int
    gamma_sigma2: Array
    gamma_w: Array
    target: Array
    noise: Array  # target less truth
    sigma2: Array  # per cell
    width: Array
    step_size: Array

    @classmethod
    def square(cls, d: int, side: int, rank: int = 3) -> Grid:
        """Return side x side cells over the published range, all of them wide."""
        gamma_sigma2 = np.linspace(-2.2, -0.8, side)
        gamma_w = np.linspace(1.75, 2.8, side)
        task = lf.low_rank_task(d, rank, rng=0)
        assert task.truth is not None
        first, second = np.meshgrid(gamma_sigma2, gamma_w, indexing="ij")
        step_size = published_step_size(
            first, second, d=d, truth_norm=float(np.linalg.norm(task.truth, 2))
        )
        return cls(
            d,
            rank,
            gamma_sigma2,
            gamma_w,
            np.asarray(task.target),
            np.asarray(task.target) - task.truth,
            d ** first.ravel(),
            d ** second.ravel(),
            step_size.ravel(),
        )

    def cast(self, dtype: str) -> Grid:
        """Return the grid in another precision."""
        return self._replace(
            target=self.target.astype(dtype), noise=self.noise.astype(dtype)
        )

    def part(self, cells: slice) -> Grid:
        """Return some of the cells."""
        return self._replace(
            sigma2=self.sigma2[cells],
            width=self.width[cells],
            step_size=self.step_size[cells],
        )

    def networks(self, seed: int = 0) -> tuple[Array, Array]:
        """Draw the compressed networks X = W1' and Y = W2, shape (cell, d, 2d) each."""
        n, count = 2 * self.d, self.width.size
        rng = np.random.default_rng(seed)
        Q = np.tril(rng.standard_normal((count, n, n)), -1)
        at = np.arange(n)
        Q[:, at, at] = np.sqrt(rng.chisquare(self.width[:, None] - at))
        Q *= np.sqrt(self.sigma2)[:, None, None]
        Q = Q.astype(self.target.dtype)
        return Q[:, : self.d], Q[:, self.d :]
