"""The ensemble: two threads against one, and the published grid against its products.

Run as ``python bench/bench_ensemble.py [--published]``; the published grid of 900 cells
takes minutes.
"""

from __future__ import annotations

import argparse

import numpy as np
from timing import header, interleaved, wall

import linflow as lf
from linflow._core import ensemble, products


def threads() -> None:
    """Print the speed-up of two threads over one, per dimension."""
    print(
        "    d  cells   one thread" + 15 * " " + "two threads" + 14 * " " + "speed-up"
    )
    for d, side in ((10, 60), (50, 16), (200, 5)):
        axes = np.linspace(-2.2, -0.8, side), np.linspace(1.75, 2.8, side)

        def run(n: int, d: int = d, axes: tuple[np.ndarray, ...] = axes) -> float:
            return wall(
                lambda: lf.phase_diagram(d, 3, *axes, n_threads=n, progress=False)
            )

        timings, seconds = interleaved({"1": lambda: run(1), "2": lambda: run(2)}, 5)
        ratio = np.median(seconds["1"] / seconds["2"])
        print(
            f"{d:5} {side * side:6}   {timings['1']!s:24} {timings['2']!s:24} "
            f"{ratio:.2f}"
        )


def published() -> None:
    """Print the seconds of the published grid beside those of its products alone."""
    d, n_threads = 200, ensemble.default_threads()
    axes = np.linspace(-2.2, -0.8, 30), np.linspace(1.75, 2.8, 30)
    before = products.time_products(d, d, 2 * d, 300)
    data = None

    def grid(distance_to: str | None) -> float:
        nonlocal data

        def run() -> None:
            nonlocal data
            data = lf.phase_diagram(
                d,
                5,
                *axes,
                progress=False,
                n_threads=n_threads,
                distance_to=distance_to,
            )

        return wall(run)

    plain = grid(None)
    assert data is not None
    steps = float(data.steps.sum())
    after = products.time_products(d, d, 2 * d, 300)
    bound = steps * (before + after) / 2 / n_threads
    print(
        f"published grid: {data.status.size} cells, {steps:,.0f} steps in "
        f"{plain:.1f} s; products alone {bound:.1f} s on {n_threads} threads: "
        f"ratio {plain / bound:.2f}"
    )
    print(f"with the distance: {grid('self_consistent'):.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", action="store_true")
    options = parser.parse_args()
    print(header())
    threads()
    if options.published:
        published()


if __name__ == "__main__":
    main()
