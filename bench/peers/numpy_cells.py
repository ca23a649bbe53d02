"""The compressed experiment in NumPy: stacks of cells, one process per core."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from peers import MAX_STEPS, Grid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peers import Array

    Results = tuple[Array, Array, Array]


def run_stack(grid: Grid) -> Results:
    """Train all cells side by side; those that ended are taken out now and then."""
    X, Y = grid.networks()
    T, E, size = grid.target, grid.noise, grid.target.size
    eta = grid.step_size.astype(T.dtype)[:, None, None]
    count = len(X)
    least, steps = np.full(count, np.inf), np.zeros(count)
    best = np.empty((count, *T.shape), T.dtype)
    at = np.arange(count)  # cell of each row
    alive = np.ones(count, bool)
    rising = np.zeros(count, int)
    first = train_before = test_before = np.full(count, np.nan)
    for step in range(MAX_STEPS + 1):
        G = Y @ X.transpose(0, 2, 1)
        G -= T
        train = np.einsum("cij,cij->c", G, G) / size
        H = G + E
        test = np.einsum("cij,cij->c", H, H) / size
        if step == 0:
            first = train
        better = alive & (test < least[at])
        least[at[better]] = test[better]
        best[at[better]] = G[better]
        steps[at[alive]] = step
        rising = np.where(test > test_before, rising + 1, 0)
        ended = (train < 1e-3) | ((step > 3) & (rising >= 2)) | (step == MAX_STEPS)
        ended |= (np.abs(train - train_before) < 2e-4) & (first - train > 1e-2)
        alive &= ~ended
        train_before, test_before = train, test
        if not alive.any():
            break
        if alive.sum() <= 0.9 * len(alive):
            X, Y, G, eta, at = X[alive], Y[alive], G[alive], eta[alive], at[alive]
            rising, first = rising[alive], first[alive]
            train_before, test_before = train_before[alive], test_before[alive]
            alive = alive[alive]
        dX = G.transpose(0, 2, 1) @ Y
        dX *= eta
        dY = G @ X
        dY *= eta
        X = X - dX
        Y = Y - dY
    values = np.linalg.svd(best + T, compute_uv=False)
    return least, steps, (values > values[:, :1] / 5).sum(axis=1)


def run_here(grid: Grid, stack: int) -> Results:
    """Train the cells in stacks of this many, in this process."""
    parts = [grid.part(slice(i, i + stack)) for i in range(0, grid.width.size, stack)]
    return _joined(map(run_stack, parts))


def _joined(results: Iterable[Results]) -> Results:
    least, steps, rank = (np.concatenate(one) for one in zip(*results, strict=True))
    return least, steps, rank


def _start() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


class Pool(NamedTuple):
    """Processes that stay, one BLAS thread each."""

    executor: ProcessPoolExecutor
    processes: int

    @classmethod
    def make(cls, processes: int = os.cpu_count() or 1) -> Pool:
        """Start the processes."""
        context = multiprocessing.get_context("spawn")
        return cls(ProcessPoolExecutor(processes, context, _start), processes)

    def run(self, grid: Grid, stack: int) -> Results:
        """Train the cells in stacks of this many."""
        parts = [
            grid.part(slice(i, i + stack)) for i in range(0, grid.width.size, stack)
        ]
        return _joined(self.executor.map(run_stack, parts))
