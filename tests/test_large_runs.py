"""One large run: threads within it, and its memory."""

from __future__ import annotations

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
