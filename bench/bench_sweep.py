"""What the sweep machinery costs over the bare ensemble, and what a batch costs.

Run as ``python bench/bench_sweep.py [--cells N] [--rounds N]``. The sides: the compiled
ensemble called once for all cells of a grid at d = 10; `phase_diagram` without and with
a store; resuming a finished store.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from timing import header, interleaved, wall

import linflow as lf
from linflow import _streams as streams
from linflow._core import ensemble
from linflow.diagram_cells import DiagramWork, order
from linflow.store.grid import Axis, Grid

D, RANK = 10, 2


def axes(cells: int) -> tuple[np.ndarray, np.ndarray]:
    side = round(cells**0.5)
    return np.linspace(-2.2, -0.8, side), np.linspace(1.75, 2.8, side)


def bare(cells: int, n_threads: int) -> None:
    """Run all cells by one call, as the machinery would run a batch."""
    gamma_sigma2, gamma_w = axes(cells)
    grid = Grid(
        (
            Axis("gamma_w", gamma_w),
            Axis("gamma_sigma2", gamma_sigma2),
            Axis("seed", np.arange(1)),
        )
    )
    names = ("min_test_error", "best_step", "steps", "first_train_error")
    names += ("final_train_error", "rank", "stable_rank")
    kinds = ("gradient_descent", None)
    root = streams.root(0)
    work = DiagramWork(D, RANK, 1.0, root, kinds, "published", names, float32=False)
    all_cells = order(grid, D, np.arange(grid.size))
    work(grid.columns(all_cells), n_threads)


def diagram(cells: int, **keywords: object) -> None:
    words: dict[str, object] = {"progress": False} | keywords
    lf.phase_diagram(D, RANK, *axes(cells), **words)


def overhead(cells: int, rounds: int) -> None:
    """Print the machinery's times over the bare ensemble's."""
    n_threads = ensemble.default_threads()
    with tempfile.TemporaryDirectory() as folder:
        number = 0

        def stored() -> float:
            nonlocal number
            number += 1
            path = Path(folder) / f"{number}.zarr"
            return wall(lambda: diagram(cells, store=path))

        def resumed() -> float:
            path = Path(folder) / f"{number}.zarr"
            return wall(lambda: diagram(cells, store=path))

        sides = {
            "bare ensemble": lambda: wall(lambda: bare(cells, n_threads)),
            "phase_diagram": lambda: wall(lambda: diagram(cells)),
            "with a store": stored,
            "store resumed": resumed,
        }
        timings, seconds = interleaved(sides, rounds)
        side = round(cells**0.5)
        print(f"{side * side} cells at d = {D}, {n_threads} threads")
        for name, timing in timings.items():
            ratio = np.median(seconds[name] / seconds["bare ensemble"])
            print(f"{name:16}{timing!s:28}{ratio:.3f} of bare")
        files = sum(
            len(names) for _, _, names in os.walk(Path(folder) / f"{number}.zarr")
        )
        print(f"files in a store: {files}")


def memory(cells: int) -> None:
    """Print the resident memory as a grid runs with a store, beyond that at 10 %."""
    page = os.sysconf("SC_PAGE_SIZE")
    seen: dict[int, float] = {}

    def look(done: int) -> None:
        used = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * page
        seen[done * 10 // cells] = used / 2**20

    with tempfile.TemporaryDirectory() as folder:
        diagram(cells, store=Path(folder) / "store.zarr", progress=look)
    first = seen[min(seen)]
    words = ", ".join(f"{10 * k} %: {used - first:+.1f}" for k, used in seen.items())
    print(f"resident memory in MiB, {first:.0f} and {words}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(header())
    overhead(options.cells, options.rounds)
    memory(options.cells)


if __name__ == "__main__":
    main()
