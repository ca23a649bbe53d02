"""The ensemble: beside NumPy and JAX at their best, and two threads against one.

Run as ``python bench/bench_ensemble.py``. The peers (peers/) do the same cells: NumPy
as stacks of matrices in one process per core, and cell by cell; JAX by vmap. How many
cells they take at once is what was fastest in a trial just before. First per core, in
processor time, which other work on the machine disturbs least; then in seconds on all
cores. JAX is left out where it is not installed.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
from peers import Grid
from peers.numpy_cells import Pool, run_here
from threadpoolctl import threadpool_limits
from timing import header, interleaved, peer, processor, table, wall

import linflow as lf

if TYPE_CHECKING:
    from collections.abc import Callable

    Clock = Callable[[Callable[[], object]], float]

# d, cells per side, stacks of NumPy, batches of JAX to try, rounds. So many cells that
# what it takes to start does not count on any side.
SIZES = (
    (10, 190, (64, 256, 900), (16, 64, 256), 3),
    (20, 60, (16, 64, 225), (1, 16, 64), 5),
    (50, 16, (2, 8, 32), (1, 16), 5),
    (200, 5, (1,), (1,), 3),
)
SMALL = (10, 60), (20, 30)  # on which starting shows


def ours(
    grid: Grid, dtype: str, n_threads: int | None = None, clock: Clock = wall
) -> Callable[[], float]:
    axes = grid.gamma_sigma2, grid.gamma_w
    words: dict[str, Any] = {"dtype": dtype, "n_threads": n_threads, "progress": False}
    return lambda: clock(lambda: lf.phase_diagram(grid.d, grid.rank, *axes, **words))


def fastest(sides: dict[int, Callable[[], float]]) -> tuple[int, Callable[[], float]]:
    """Return the side that takes least in one trial, after one that does not count."""
    trial = {size: (side(), side())[1] for size, side in sides.items()}
    best = min(trial, key=trial.__getitem__)
    return best, sides[best]


def beside_peers(pool: Pool | None, quick: bool) -> None:
    """Print cells per second beside the peers; without a pool, per core."""
    jax = peer("peers.jax_cells")
    train = run_here if pool is None else pool.run
    clock = processor if pool is None else wall
    rows = []
    for d, full_side, stacks, batches, full_rounds in SIZES[:3] if quick else SIZES:
        side, rounds = (full_side // 2, 2) if quick else (full_side, full_rounds)
        for dtype in ("float64", "float32"):
            grid = Grid.square(d, side).cast(dtype)
            sides = {"linflow": ours(grid, dtype, None if pool else 1, clock)}
            some = grid.part(slice(None, None, max(1, side**2 // 100)))
            share = some.width.size / side**2  # the loop is too slow for all cells
            sides["one by one"] = lambda g=some, x=share: clock(lambda: train(g, 1)) / x
            stack, sides["stacks"] = fastest(
                {n: lambda n=n, g=grid: clock(lambda: train(g, n)) for n in stacks}
            )
            batch = 0
            if jax is not None:
                runs = {n: jax.compiled(grid, n) for n in batches}
                batch, sides["jax"] = fastest(
                    {n: lambda f=run: clock(f) for n, run in runs.items()}
                )
            timings, seconds = interleaved(sides, rounds)
            others = np.min([seconds[k] for k in sides if k != "linflow"], axis=0)
            cells = grid.width.size
            rate = {name: f"{cells / t.median:,.0f}" for name, t in timings.items()}
            rows.append(
                (
                    d, cells, dtype, rate["linflow"], rate["one by one"],
                    f"{rate['stacks']} ({stack})",
                    f"{rate['jax']} ({batch})" if "jax" in rate else "–",
                    f"{np.median(seconds['one by one'] / seconds['linflow']):.1f}",
                    f"{np.median(others / seconds['linflow']):.2f}",
                )
            )  # fmt: skip
    where = "of one core's time" if pool is None else "on all cores"
    print(
        f"\nCells per second {where} (in stacks or batches of so many); ratios to "
        "NumPy cell by cell and to the best of all peers."
    )
    table(
        ("d", "cells", "dtype", "linflow", "NumPy, cell by cell", "NumPy, stacks",
         "JAX", "ratio", "to the best"),
        rows,
    )  # fmt: skip


def threads(quick: bool) -> None:
    """Print the speed-up of two threads over one, also on small grids."""
    rows = []
    sizes = [(d, side) for d, side, *_ in (SIZES[:3] if quick else SIZES)]
    for d, side in sorted({*sizes, *SMALL}):
        grid = Grid.square(d, side)
        timings, seconds = interleaved(
            {str(n): ours(grid, "float64", n) for n in (1, 2)}, 3 if quick else 5
        )
        ratio = np.median(seconds["1"] / seconds["2"])
        rows.append((d, side**2, timings["1"], timings["2"], f"{ratio:.2f}"))
    table(("d", "cells", "one thread", "two threads", "speed-up"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--core", action="store_true", help="processor time only")
    options = parser.parse_args()
    quick = options.quick
    print(header("jax"))
    with threadpool_limits(1, user_api="blas"):
        beside_peers(None, quick)
    if options.core:
        return
    pool = Pool.make()
    beside_peers(pool, quick)
    pool.executor.shutdown()
    threads(quick)


if __name__ == "__main__":
    main()
