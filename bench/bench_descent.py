"""The gradient-descent step against its three matrix products alone.

Run as ``python bench/bench_descent.py``. A whole step counts: products, errors, rules.
"""

from __future__ import annotations

import argparse

import numpy as np
from timing import header, interleaved, table, wall

from linflow import stop
from linflow._core import descent, products


def step(d: int, dtype: str, steps: int) -> float:
    """Return the seconds of a run of a network of width 2d or more."""
    rng = np.random.default_rng(0)
    X, Y = (np.asfortranarray(rng.normal(size=(d, 2 * d)), dtype) for _ in range(2))
    target, noise = (np.asfortranarray(rng.normal(size=(d, d)), dtype) for _ in "12")
    rules = stop.combine(stop.max_steps(steps), None, has_truth=True)

    def run() -> object:
        return descent.run(
            X, Y, target, noise,
            step_size=1e-9, learning_rates=(1.0, 1.0), scale=1.0, stop=rules,
            save_every=4 * steps, top=0, save_product=False, progress=None,
        )  # fmt: skip

    return wall(run)


def per_step(d: int, dtype: str, steps: int) -> float:
    """Return the seconds per step, without what a run costs once."""
    return (step(d, dtype, 3 * steps) - step(d, dtype, steps)) / (2 * steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    print(header())
    rows = []
    sizes = ((20, 20_000, 7), (50, 3000, 7), (200, 100, 9), (500, 8, 7))
    for d, steps, rounds in sizes[:3] if quick else sizes:
        for dtype in ("float64", "float32"):
            timings, seconds = interleaved(
                {
                    "step": lambda d=d, dtype=dtype, n=steps: per_step(d, dtype, n),
                    "products": lambda d=d, dtype=dtype, n=steps: (
                        products.time_products(d, d, 2 * d, n, dtype == "float32")
                    ),
                },
                3 if quick else rounds,
            )
            rate = np.median(seconds["products"] / seconds["step"])
            rows.append((d, dtype, timings["step"], timings["products"], f"{rate:.2f}"))
    table(("d", "dtype", "step", "three products", "rate"), rows)


if __name__ == "__main__":
    main()
