"""Print the peak memory of one run of dimension sys.argv[1] beyond what it was given.

A process of its own, for `bench_large.py` and the test of large runs. Linux only.
"""

from __future__ import annotations

import sys
from pathlib import Path

import linflow as lf


def peak() -> int:
    """Return the peak of the resident memory in bytes."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status tells no VmHWM")


d = int(sys.argv[1])
words = {
    "step_size": 1e-6,
    "max_steps": 2,
    "observe": ("train_error", "test_error"),
    "rng": 0,
}
lf.gradient_descent(lf.low_rank_task(20, 5, rng=0), lf.Gaussian(1e6, 1e-7), **words)
task = lf.low_rank_task(d, 5, rng=0)
network = lf.Gaussian(1e6, 1e-7).sample(task, 0)
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = peak()
lf.gradient_descent(task, network, **words)
print(peak() - before)
