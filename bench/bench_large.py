"""One large run: what two threads give, and the memory it takes.

Run as ``python bench/bench_large.py [--d 1000 2000]``. Memory is the growth of the
peak of a process of its own from before the run, in units of state plus workspace: the
matrices X, Y (the state), a second X, the residual, A, target and noise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from bench_descent import per_step
from threadpoolctl import threadpool_limits
from timing import header, interleaved, table

MEMORY = Path(__file__).with_name("peak_memory.py")


def memory(d: int) -> float:
    """Return the peak of a run beyond its network and task, in state plus workspace."""
    done = subprocess.run(
        [sys.executable, str(MEMORY), str(d)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    need = 8 * (3 * d * 2 * d + 4 * d * d)
    return float(done.stdout) / need


def seconds(d: int, steps: int, threads: int) -> float:
    """Return the seconds of a step."""
    with threadpool_limits(threads, user_api="openmp"):
        return per_step(d, "float64", steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--d", type=int, nargs="+", default=[1000, 2000, 4000])
    options = parser.parse_args()
    print(header())
    rows = []
    for d in options.d[:1] if options.quick else options.d:
        steps = max(1, 2000 // d)
        timings, taken = interleaved(
            {
                str(n): lambda d=d, steps=steps, n=n: seconds(d, steps, n)
                for n in (1, 2)
            },
            1 if options.quick else 3,
        )
        ratio = np.median(taken["1"] / taken["2"])
        rows.append((d, timings["1"], timings["2"], f"{ratio:.2f}", f"{memory(d):.2f}"))
    table(("d", "one thread", "two threads", "speed-up", "memory"), rows)


if __name__ == "__main__":
    main()
