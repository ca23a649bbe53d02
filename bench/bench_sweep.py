"""What the sweep machinery costs over the bare ensemble, in time and memory.

Run as ``python bench/bench_sweep.py [--quick]``. The sides, on a grid of 100,000 cells:
the compiled ensemble called once for all of them, with its parameters and streams made;
`phase_diagram` without and with a store; and from a store that has them all. Then the
first two, which differ by the batches alone, at larger d.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from timing import Timing, header, table

import linflow as lf
from linflow import _streams as streams
from linflow._core import ensemble
from linflow.diagram_cells import DiagramWork, order
from linflow.store.grid import Axis, Grid

if TYPE_CHECKING:
    from collections.abc import Callable

RANK = 2
NAMES = (
    "min_test_error",
    "best_step",
    "steps",
    "first_train_error",
    "final_train_error",
    "rank",
    "stable_rank",
)


def axes(cells: int) -> dict[str, np.ndarray]:
    side = round(cells**0.5)
    return {
        "gamma_w": np.linspace(1.75, 2.8, side),
        "gamma_sigma2": np.linspace(-2.2, -0.8, side),
    }


def bare(d: int, cells: int) -> None:
    """Run all cells by one call, as the machinery runs a batch."""
    axis = [Axis(name, values) for name, values in axes(cells).items()]
    grid = Grid((*axis, Axis("seed", np.arange(1))))
    work = DiagramWork(
        d=d,
        rank=RANK,
        noise=1.0,
        root=streams.root(0),
        kinds=("gradient_descent", None),
        protocol="published",
        variables=NAMES,
        float32=False,
        rtol=1e-6,
    )
    columns = grid.columns(order(grid, d, np.arange(grid.size)))
    work(columns, ensemble.default_threads())


def diagram(d: int, cells: int, **keywords: Any) -> None:
    lf.phase_diagram(d, RANK, **axes(cells), **{"progress": False} | keywords)


def compare(
    sides: dict[str, Callable[[], None]], rounds: int
) -> dict[str, tuple[Timing, str, Timing, str]]:
    """Return seconds of the clock and of the processor, and both over the first side's.

    The sides take turns; ratios are those within a round.
    """
    seconds = {name: np.empty((rounds, 2)) for name in sides}
    for side in sides.values():
        side()
    for i in range(rounds):
        for name, side in sides.items():
            start = time.perf_counter(), time.process_time()
            side()
            end = time.perf_counter(), time.process_time()
            seconds[name][i] = np.subtract(end, start)
    first = next(iter(seconds.values()))
    out = {}
    for name, spent in seconds.items():
        ratios = np.median(spent / first, axis=0)
        clock, processor = (
            Timing(*np.percentile(one, [50, 25, 75])) for one in spent.T
        )
        out[name] = (clock, f"{ratios[0]:.3f}", processor, f"{ratios[1]:.3f}")
    return out


def overhead(d: int, cells: int, rounds: int) -> None:
    """Print what batches and the store cost."""
    with tempfile.TemporaryDirectory() as folder:
        stores = iter(Path(folder) / f"{number}.zarr" for number in range(99))
        last = next(stores)

        def stored() -> None:
            nonlocal last
            last = next(stores)
            diagram(d, cells, store=last)

        sides = {
            "bare ensemble": lambda: bare(d, cells),
            "phase_diagram": lambda: diagram(d, cells),
            "with a store": stored,
            "from a full store": lambda: diagram(d, cells, store=last),
        }
        spent = compare(sides, rounds)
        size = sum(path.stat().st_size for path in last.rglob("*")) / 2**20

    side = round(cells**0.5)
    print(f"{side * side} cells at d = {d}; the store holds {size:.0f} MiB.")
    rows = [(name, *figures) for name, figures in spent.items()]
    table(("", "clock", "over bare", "processor", "over bare"), rows)


def batching(cells: dict[int, int], rounds: int) -> None:
    """Print what batches alone cost, without a store, at several d."""
    rows = []
    for d, count in cells.items():
        sides = {
            "bare": lambda d=d, count=count: bare(d, count),
            "batches": lambda d=d, count=count: diagram(d, count),
        }
        spent = compare(sides, rounds)
        clock, ratio, processor, over = spent["batches"]
        side = round(count**0.5)
        rows.append((d, side * side, spent["bare"][0], clock, ratio, processor, over))
    print("Batches alone, without a store:", flush=True)
    names = ("bare, clock", "phase_diagram, clock", "over bare")
    table(("d", "cells", *names, "processor", "over bare"), rows)


def memory(d: int, cells: int) -> None:
    """Print the resident memory as a grid runs with a store."""
    page = os.sysconf("SC_PAGE_SIZE")
    seen: dict[int, float] = {}

    def look(done: int) -> None:
        used = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * page
        seen[done * 10 // cells] = used / 2**20

    with tempfile.TemporaryDirectory() as folder:
        diagram(d, cells, store=Path(folder) / "store.zarr", progress=look)
    words = ", ".join(f"{used:.0f}" for used in seen.values())
    print(f"Resident memory at each tenth of the way, with a store: {words} MiB.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print(header())
    cells, rounds = (10_000, 3) if options.quick else (100_000, 7)
    overhead(10, cells, rounds)
    memory(10, cells)
    few = {50: 400, 200: 36} if options.quick else {20: 22_500, 50: 2_500, 200: 100}
    batching({10: cells} | few, rounds)


if __name__ == "__main__":
    main()
