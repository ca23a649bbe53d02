"""One large run: threads within it, and its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

import linflow as lf


@pytest.mark.parametrize("shape", [(450, 401), (333, 700)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_large_run_is_bitwise_the_same_for_any_threads(
    shape: tuple[int, int], dtype: str
) -> None:
    task = lf.low_rank_task(shape, 3, rng=0)
    network = lf.Gaussian(1e6, 1e-7).sample(task, 0)
    seen = set()
    for threads in (1, 2, 3, 7):
        with threadpool_limits(threads, user_api="openmp"):
            run = lf.gradient_descent(
                task, network, step_size=1e-4, max_steps=2, dtype=dtype, top=1
            )
        assert run.network is not None
        seen.add(run.network.W1.tobytes() + run.network.W2.tobytes())
    assert len(seen) == 1


MEMORY = Path(__file__).parents[1] / "bench" / "peak_memory.py"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_stays_within_half_more_than_state_and_workspace() -> None:
    d = 800
    done = subprocess.run(
        [sys.executable, str(MEMORY), str(d)],
        capture_output=True,
        text=True,
        check=True,
    )
    state, workspace = 2 * 2 * d**2, 2 * d**2 + 4 * d**2
    assert 8 * (state + workspace) <= float(done.stdout)
    assert float(done.stdout) <= 1.5 * 8 * (state + workspace)


CLAIMS = """
import ast, sys
from pathlib import Path
import numpy as np
import linflow as lf
from linflow import _validate

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

def claim(what, needed, advice):
    claims.append(needed)

claims, _validate.memory = [], claim
small, large = (lf.low_rank_task(d, 3, rng=0) for d in (20, 320))
for call, width, words in ast.literal_eval(sys.argv[1]):
    words = {"top": 1, "observe": ("train_error",), "rng": 0} | words
    if "step_size" not in words:
        words["times"] = np.linspace(0, 2e-3, words.pop("points", 40))
    for task in (small, large):
        network = lf.Gaussian(width, 1e-4).sample(task, 0)
        claims.clear()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = peak()
        getattr(lf, call)(task, network, **words)
    print(sum(claims), peak() - before)
"""
FLOWS = ("tsit5", "dop853", "rkc2", "splitting", "etdrk4")
CASES = [
    *(("gradient_flow", 1e4, {"method": name, "rtol": 1e-4}) for name in FLOWS),
    *(
        ("gradient_flow", 1e4, {"method": name, "rtol": 1e-4, "points": 80})
        for name in FLOWS[-2:]
    ),
    ("gradient_flow", 200, {"method": "dop853", "rtol": 1e-4}),
    ("gradient_flow", 1e4, {"rtol": 1e-4, "dtype": "float32"}),
    ("gradient_flow", 1e4, {"rtol": 1e-4, "save_product": True}),
    ("closed_form", 1e4, {"n_threads": 1}),
    ("closed_form", 1e4, {"n_threads": 2, "save_gram": True, "save_product": True}),
    ("self_consistent", 1e4, {"n_threads": 2}),
    ("lazy", 1e4, {"n_threads": 1}),
]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_no_run_needs_more_than_is_checked_before_nor_much_less() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLAIMS, repr(CASES)],
        capture_output=True,
        text=True,
        check=True,
        # What is freed goes back, so that no case lives on what another one left.
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"},
    )
    said = [[float(word) for word in line.split()] for line in done.stdout.split("\n")]
    for case, (claimed, needed) in zip(CASES, said, strict=False):
        assert 0.4 * claimed < needed < 1.05 * claimed, (case, claimed, needed)
