"""The published grid: d = 200, 900 cells, widths to 2.8 million.

Run as ``python bench/bench_published.py``. Against its matrix products alone, the same
in float32, the flow's closure, NumPy on the compressed network (two processes), and
the experiment as published, in PyTorch at full width: timed at some widths and
extrapolated, with the steps that linflow counted. Peers that are not installed are left
out. The sides take a part of the grid (every third value of both axes) in turn; linflow
then does all of it once.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from peers import Grid
from peers.numpy_cells import Pool
from timing import header, interleaved, peer, table, wall

import linflow as lf
from linflow._core import ensemble, products

D = 200
WIDTHS = (1_000, 10_000, 100_000)


def diagram(grid: Grid, **words: Any) -> Any:
    axes = grid.gamma_sigma2, grid.gamma_w
    return lf.phase_diagram(grid.d, grid.rank, *axes, progress=False, **words)


def product_seconds(steps: float, float32: bool = False) -> float:
    """Return the seconds of the products of so many steps, shared by all threads."""
    each = products.time_products(D, D, 2 * D, 40, float32)
    return steps * each / ensemble.default_threads()


def sides(side: int, rounds: int, pool: Pool) -> None:
    """Print linflow and the peers on a part of the grid."""
    grid = Grid.square(D, side, rank=5)
    steps = float(diagram(grid).steps.sum())
    narrow = grid.cast("float32")
    runs = {
        "float64": lambda: wall(lambda: diagram(grid)),
        "products": lambda: product_seconds(steps),
        "NumPy, two processes": lambda: wall(lambda: pool.run(grid, 1)),
        "float32": lambda: wall(lambda: diagram(grid, dtype="float32")),
        "products, float32": lambda: product_seconds(steps, True),
        "NumPy, float32": lambda: wall(lambda: pool.run(narrow, 1)),
        "closure of the flow": lambda: wall(
            lambda: diagram(grid, dynamics="closed_form")
        ),
    }
    timings, seconds = interleaved(runs, rounds)
    print(f"\n{side**2} cells, {steps:,.0f} steps; ratios to float64.")
    table(
        ("", "time", "ratio"),
        [
            (name, timing, f"{np.median(seconds[name] / seconds['float64']):.2f}")
            for name, timing in timings.items()
        ],
    )
    closure = diagram(grid, dynamics="closed_form")
    flow = diagram(grid, dynamics="gradient_flow", rtol=1e-4)
    gap = np.abs(closure.min_test_error - flow.min_test_error)
    print(
        "The closure's picture beside the integrated flow's: minimal test errors "
        f"within 0.01 in {100 * float((gap <= 0.01).mean()):.1f} % of the cells (at "
        f"most {float(gap.max()):.4f} apart), ranks equal in "
        f"{100 * float((closure['rank'] == flow['rank']).mean()):.1f} %."
    )


def uncompressed(grid: Grid, data: Any, own: float, quick: bool) -> None:
    """Print what the experiment takes in PyTorch."""
    torch = peer("peers.torch_experiment")
    if torch is None:
        return
    widths = np.array(WIDTHS[: 2 if quick else 3], float)
    each = np.array([torch.seconds_per_step(D, int(w), 6) for w in widths])
    slope = (each[-1] - each[0]) / (widths[-1] - widths[0])
    steps = data.steps.sum(dim=("gamma_sigma2", "seed")).values
    all_widths = data.width.values
    total = float((steps * (each[0] + slope * (all_widths - widths[0]))).sum())
    print(
        "\nPyTorch, uncompressed, per step: "
        + ", ".join(
            f"{1e3 * t:.3g} ms at w = {w:,.0f}"
            for w, t in zip(widths, each, strict=True)
        )
        + f". Extrapolated linearly in w to the {grid.width.size} cells' widths (to "
        f"{all_widths.max():,.0f}) and steps: {total / 3600:.1f} h (estimated), "
        f"{total / own:,.0f} times linflow's {own:.1f} s."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    print(header("torch"))
    pool = Pool.make()
    sides(3 if quick else 10, 1 if quick else 3, pool)
    pool.executor.shutdown()
    grid = Grid.square(D, 5 if quick else 30, rank=5)
    data = None

    def run() -> None:
        nonlocal data
        data = diagram(grid)

    own = wall(run)
    assert data is not None
    steps = float(data.steps.sum())
    bound = product_seconds(steps)
    print(
        f"All {grid.width.size} cells, {steps:,.0f} steps: {own:.1f} s; products alone "
        f"{bound:.1f} s, ratio {own / bound:.2f}."
    )
    uncompressed(grid, data, own, quick)


if __name__ == "__main__":
    main()
