"""How the cost grows with dimension, width and the number of cells and threads.

Run as ``python bench/bench_scaling.py``: seconds and fitted exponents.
"""

from __future__ import annotations

import argparse

import numpy as np
from bench_descent import per_step
from threadpoolctl import threadpool_limits
from timing import exponent, header, interleaved, table, wall

import linflow as lf


def dimensions(quick: bool) -> None:
    """Print the time of a step over d, on one thread."""
    steps = {10: 40_000, 20: 10_000, 50: 1000, 100: 200, 200: 40, 500: 4}
    if not quick:
        steps |= {1000: 2, 2000: 1}
    with threadpool_limits(1, user_api="openmp"):  # large products take all they get
        timings, _ = interleaved(
            {
                str(d): lambda d=d, n=n: per_step(d, "float64", n)
                for d, n in steps.items()
            },
            3 if quick else 5,
        )
    table(("d", "step"), ((d, timings[str(d)]) for d in steps))
    large = [d for d in steps if d >= 100]
    slope = exponent(large, [timings[str(d)].median for d in large])
    print(f"Exponent of d from 100 on: {slope:.2f}.")


def widths(quick: bool) -> None:
    """Print the time of a run, its network drawn and compressed, over the width."""
    d, steps = 50, 100
    task = lf.low_rank_task(d, rank=3, rng=0)
    powers = range(2, 13)

    def run(width: float) -> float:
        init = lf.Gaussian(width, 1e-3 / width)
        return wall(
            lambda: lf.gradient_descent(
                task, init, step_size=1e-4, max_steps=steps, rng=0,
                save_every=steps, observe=("train_error",),
            )
        )  # fmt: skip

    timings, _ = interleaved(
        {str(p): lambda p=p: run(10.0**p) for p in powers}, 5 if quick else 25
    )
    table(("width", "run"), ((f"1e{p}", timings[str(p)]) for p in powers))
    wide = [p for p in powers if p >= 3]
    slope = exponent(
        [10.0**p for p in wide], [timings[str(p)].median for p in wide]
    )  # fmt: skip
    print(f"d = {d}, {steps} steps. Exponent of the width from 1e3 on: {slope:.4f}.")


def cells(quick: bool) -> None:
    """Print the time of a grid over its size, and over threads."""
    rows = []
    for d, grid_sides in ((20, (8, 16, 32, 64)), (100, (3, 6, 12))):
        sides = grid_sides[:2] if quick else grid_sides

        def run(side: int, n: int, d: int = d) -> float:
            # The middles of so many parts: grids of all sizes cost the same per cell.
            middles = (np.arange(side) + 0.5) / side
            axes = -2.2 + 1.4 * middles, 1.75 + 1.05 * middles
            return wall(
                lambda: lf.phase_diagram(d, 3, *axes, n_threads=n, progress=False)
            )

        timings, seconds = interleaved(
            {
                f"{side} {n}": lambda side=side, n=n, run=run: run(side, n)
                for side in sides
                for n in (1, 2)
            },
            3,
        )
        for side in sides:
            ratio = np.median(seconds[f"{side} 1"] / seconds[f"{side} 2"])
            one, two = timings[f"{side} 1"], timings[f"{side} 2"]
            rows.append((d, side**2, one, two, f"{ratio:.2f}"))
        slope = exponent(
            [side**2 for side in sides], [timings[f"{s} 1"].median for s in sides]
        )
        print(f"d = {d}: exponent of the number of cells {slope:.2f}.")
    table(("d", "cells", "one thread", "two threads", "speed-up"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    print(header())
    dimensions(quick)
    widths(quick)
    cells(quick)


if __name__ == "__main__":
    main()
