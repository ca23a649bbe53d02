"""Performance guard: the main kernels against a matrix product, in well under a minute.

Run as ``python bench/guard.py``; exit status 1 when a kernel has become slower than
`FACTOR` times what it was. Seconds are those of the thread's own clock, the least of
many short rounds taken in turn with the product, so that other work on the machine
makes a round longer but not the least one; a kernel over its limit is measured again,
up to `ATTEMPTS` times, before it counts as slow. After a change that is meant,
``--print`` prints the new table.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import linflow as lf
from linflow import stop
from linflow._core import descent, ensemble, products, spectrum

if TYPE_CHECKING:
    from collections.abc import Callable

FACTOR = 1.4
ROUNDS = 12
ATTEMPTS = 6

# Seconds in units of the three products of a step at d = 200, per instruction set; for
# another one the larger counts.
BASELINE = {
    "v3": {
        "step, d = 200": 0.89,
        "step, d = 200, float32": 0.4,
        "batched step, d = 10": 0.000182,
        "batched step, d = 20": 0.00107,
        "batched step, d = 20, float32": 0.00057,
        "flow right-hand side, d = 100": 0.11,
        "flow to t = 0.01, d = 100": 2.4,
        "closed form, 4 times, d = 100": 5.5,
        "top 8, d = 200": 0.161,
        "all values, d = 200": 1.2,
    },
    "v4": {
        "step, d = 200": 0.85,
        "step, d = 200, float32": 0.38,
        "batched step, d = 10": 0.00011,
        "batched step, d = 20": 0.00076,
        "batched step, d = 20, float32": 0.00039,
        "flow right-hand side, d = 100": 0.117,
        "flow to t = 0.01, d = 100": 2.6,
        "closed form, 4 times, d = 100": 6.25,
        "top 8, d = 200": 0.155,
        "all values, d = 200": 1.66,
    },
}


class Kernel(NamedTuple):
    """A short run of one kernel, and how often it does its work."""

    run: Callable[[], object]
    count: float


def step(d: int, dtype: str, steps: int) -> Kernel:
    rng = np.random.default_rng(0)
    X, Y = (np.asfortranarray(rng.normal(size=(d, 2 * d)), dtype) for _ in range(2))
    target, noise = (np.asfortranarray(rng.normal(size=(d, d)), dtype) for _ in "12")
    rules = stop.combine(stop.max_steps(steps), None, has_truth=True)
    return Kernel(
        lambda: descent.run(
            X, Y, target, noise,
            step_size=1e-9, learning_rates=(1.0, 1.0), scale=1.0, stop=rules,
            save_every=4 * steps, top=0, save_product=False, progress=None,
        ),
        steps,
    )  # fmt: skip


def batch(d: int, dtype: str, cells: int, steps: int) -> Kernel:
    rng = np.random.default_rng(0)
    target, noise = (np.asfortranarray(rng.normal(size=(d, d))) for _ in "12")
    full = np.full(cells, 1.0)
    rules = stop.combine(stop.max_steps(steps), None, has_truth=True)
    words: dict[str, Any] = {
        "tasks": [ensemble.Task(target, noise, dtype == "float32")],
        "task": np.zeros(cells, np.int64),
        "seed": rng.integers(0, 2**63, size=(cells, 4), dtype=np.uint64),
        "width": 1e6 * full,
        "variance1": 1e-6 * full,
        "variance2": 1e-6 * full,
        "step_size": 1e-6 * full,
        "order": list(range(cells)),
        "stop": rules,
        "dynamics": "gradient_descent",
        "distance_to": None,
        "n_threads": 1,
        "progress": None,
    }
    return Kernel(lambda: ensemble.run(**words), cells * steps)


def kernels() -> dict[str, Kernel]:
    """Return each kernel; a call takes some milliseconds."""
    task = lf.low_rank_task(100, rank=5, rng=0)
    network = lf.Gaussian(1e5, 1e-5).sample(task, 0)
    flow: dict[str, Any] = {"times": [0.0, 0.01], "observe": ("train_error",)}
    explicit = flow | {"method": "dop853"}
    evaluations = lf.gradient_flow(task, network, **explicit).rhs_evaluations
    assert evaluations is not None
    times = [0.0, 0.01, 0.02, 0.04]
    path = lf.gradient_descent(
        lf.low_rank_task(200, rank=5, rng=0), lf.Gaussian(1e5, 1e-5),
        step_size=2e-4, max_steps=120, save_product=True, observe=(), rng=0,
    ).product  # fmt: skip
    assert path is not None
    matrices = [np.asfortranarray(A) for A in path[-20:]]  # the modes have emerged
    return {
        "step, d = 200": step(200, "float64", 4),
        "step, d = 200, float32": step(200, "float32", 8),
        "batched step, d = 10": batch(10, "float64", 32, 400),
        "batched step, d = 20": batch(20, "float64", 32, 200),
        "batched step, d = 20, float32": batch(20, "float32", 32, 400),
        "flow right-hand side, d = 100": Kernel(
            lambda: lf.gradient_flow(task, network, **explicit), evaluations
        ),
        "flow to t = 0.01, d = 100": Kernel(
            lambda: lf.gradient_flow(task, network, **flow), 1
        ),
        "closed form, 4 times, d = 100": Kernel(
            lambda: lf.closed_form(
                task, network, times=times, observe=("train_error",), n_threads=1
            ),
            1,
        ),
        "top 8, d = 200": Kernel(
            lambda: spectrum.time_top(matrices, 8), len(matrices)
        ),
        "all values, d = 200": Kernel(
            lambda: spectrum.time_values(matrices[-1], 1), 1
        ),
    }  # fmt: skip


def least(sides: list[Callable[[], object]], rounds: int) -> np.ndarray:
    """Return the least seconds of the thread's clock of each side, taken in turn."""
    seconds = np.full((rounds, len(sides)), np.inf)
    for row in seconds:
        for i, side in enumerate(sides):
            start = time.thread_time()
            side()
            row[i] = time.thread_time() - start
    return seconds.min(axis=0)


def measure(kernel: Kernel, so_far: np.ndarray) -> np.ndarray:
    """Return least seconds of the kernel and of the product, earlier ones included."""
    repeats = 4
    seconds = least(
        [kernel.run, lambda: products.time_products(200, 200, 400, repeats)], ROUNDS
    )
    return np.minimum(so_far, seconds / (kernel.count, repeats))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print a new table")
    options = parser.parse_args()
    name = lf.build_info()["instruction_set"]
    baseline = BASELINE.get(str(name)) or {
        title: max(table[title] for table in BASELINE.values())
        for title in BASELINE["v4"]
    }
    slow = []
    for title, kernel in kernels().items():
        limit = 0.0 if options.print else FACTOR * baseline[title]
        seconds = np.full(2, np.inf)
        ratio, attempts = np.inf, 0
        while ratio > limit and attempts < ATTEMPTS:
            seconds = measure(kernel, seconds)
            ratio = seconds[0] / seconds[1]
            attempts += 1
        if options.print:
            print(f'        "{title}": {ratio:.3g},')
            continue
        print(
            f"{title:30} {ratio:8.4g} products, {ratio / baseline[title]:.2f} times "
            f"the baseline ({attempts} of {ATTEMPTS} attempts)"
        )
        if ratio > limit:
            slow.append(title)
    if slow:
        print(f"slower than {FACTOR} times the baseline ({name}): {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    with threadpool_limits(1):
        sys.exit(main())
