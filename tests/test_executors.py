"""Whatever computes a sweep, the data set is bitwise the same."""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import multiprocessing as mp
import os
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import xarray as xr

import linflow as lf
from linflow.execution.processes import _environment
from sweeping import GRID, cluster, draw, mortal, same, spawned

if TYPE_CHECKING:
    from pathlib import Path

SMALL: dict[str, Any] = {
    "d": 16,
    "rank": 2,
    "gamma_sigma2": [-2.0, -1.5, -1.0],
    "gamma_w": [0.5, 1.0, 2.0, 9.0],
    "seeds": 2,
    "progress": False,
}


def test_threads_batches_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    one = lf.phase_diagram(**SMALL, n_threads=1)
    for words in ({"n_threads": 2}, {"n_threads": 4, "batch": 1}, {"batch": 5}):
        same(lf.phase_diagram(**SMALL | words), one)
    with monkeypatch.context() as patch:
        module = sys.modules["linflow.phase_diagram"]
        patch.setattr(module, "order", lambda grid, d, cells: cells[::-1])
        same(lf.phase_diagram(**SMALL, batch=3), one)


def test_processes(tmp_path: Path) -> None:
    plain, values = lf.phase_diagram(**SMALL), lf.sweep(draw, GRID, progress=False)
    for workers in (1, 2, 4):
        with spawned(workers) as executor:
            store = tmp_path / f"{workers}.zarr"
            words = {"executor": executor, "batch": 3, "store": store}
            same(lf.phase_diagram(**SMALL | words), plain)
            same(lf.store.load(store), plain)
            same(lf.sweep(draw, GRID, executor=executor, progress=False), values)
            # Somebody else's executor is left as it was.
            assert executor.submit(sum, [1, 2]).result() == 3
    same(lf.phase_diagram(**SMALL, executor=2), plain)
    same(lf.sweep(draw, GRID, executor=2, progress=False), values)
    with cf.ThreadPoolExecutor(3) as threads:
        same(lf.phase_diagram(**SMALL, executor=threads, n_threads=2), plain)
        same(lf.sweep(draw, GRID, executor=threads, progress=False), values)


def test_a_dask_cluster(tmp_path: Path) -> None:
    plain = lf.phase_diagram(**SMALL)
    with cluster(2) as made:
        store = tmp_path / "store.zarr"
        same(lf.phase_diagram(**SMALL, executor=made, store=store, batch=3), plain)
        same(lf.store.load(store), plain)
        address = made.scheduler_address
        same(lf.phase_diagram(**SMALL, executor=address), plain)
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            for _ in range(2):  # the client stays usable
                data = lf.sweep(draw, GRID, executor=client, progress=False)
                same(data, lf.sweep(draw, GRID, progress=False))


@pytest.mark.parametrize(
    ("address", "error", "match"),
    [
        ("tcp://127.0.0.1:1", OSError, "no dask scheduler answers at"),
        ("nonsense://x", ValueError, "is not the address of a scheduler"),
    ],
)
def test_no_scheduler(
    address: str, error: type[Exception], match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linflow.execution.executors.PATIENCE", "1s")
    with pytest.raises(error, match=match):
        lf.phase_diagram(**SMALL, executor=address)


def test_without_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'linflow\[cluster\]'"):
        lf.phase_diagram(**SMALL, executor="tcp://127.0.0.1:8786")


@pytest.mark.parametrize("kind", ["new", "borrowed"])
def test_a_cell_that_ends_its_process(tmp_path: Path, kind: str) -> None:
    pids, store = tmp_path / "pids", tmp_path / "store.zarr"
    words: dict[str, Any] = {
        "fixed": {"pids": str(pids)},
        "store": store,
        "batch": 3,
        "progress": False,
    }
    with contextlib.ExitStack() as stack:
        executor = 2 if kind == "new" else stack.enter_context(spawned(2))
        data = lf.sweep(mortal, GRID, executor=executor, **words)
    dead = (data.x == 0.0) & (data.n == 2)
    assert (data.status.where(dead, drop=True) == lf.Status.PROCESS_LOST).all()
    assert "its process ended twice" in data.reason.where(dead, drop=True).item()
    others = data.where(~dead)
    assert (others.status.fillna(1) == lf.Status.REACHED_END).all()
    assert (others.value.fillna(0) == (data.x * data.n).where(~dead, 0)).all()
    # Once with others in the pool, once with its batch and halves of it alone; by
    # itself exactly twice.
    tried = pids.read_text().split()
    assert 4 <= len(tried) == len(set(tried)) <= 6
    same(lf.sweep(mortal, GRID, executor=2, **words), data)
    assert pids.read_text().split() == tried  # marked, not tried for ever


def test_a_cell_that_ends_its_dask_worker(tmp_path: Path) -> None:
    import dask

    pids = tmp_path / "pids"
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        cluster(2) as made,
    ):
        data = lf.sweep(
            mortal,
            GRID,
            executor=made,
            fixed={"pids": str(pids)},
            batch=3,
            progress=False,
        )
    lost = data.status == lf.Status.PROCESS_LOST
    assert int(lost.sum()) == 1
    assert bool(lost.sel(x=0.0, n=2))
    assert (data.status.where(~lost, 1) == lf.Status.REACHED_END).all()


def test_a_function_that_workers_can_not_import() -> None:
    script = (
        "import linflow as lf\n"
        "def value(x): return x\n"
        "lf.sweep(value, {'x': [1, 2]}, executor=1, progress=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("TypeError: function can't be loaded in a worker process")


def test_an_executor_that_is_shut_down() -> None:
    with cf.ThreadPoolExecutor(2) as executor:

        def stop(done: int) -> None:
            executor.shutdown(wait=False, cancel_futures=True)

        words: dict[str, Any] = {"executor": executor, "progress": stop, "batch": 1}
        with pytest.raises(
            RuntimeError, match=r"dropped a batch|after shutdown"
        ) as end:
            lf.sweep(draw, GRID, **words)
    assert isinstance(end.value.partial, xr.Dataset)  # type: ignore[attr-defined]


def test_a_script_without_guard_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import linflow as lf\nlf.phase_diagram(8, 1, -1.0, 1.0, executor=1)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert 'under if __name__ == "__main__":' in done.stderr.splitlines()[-1]


def test_sweeps_of_several_threads_leave_the_environment_alone() -> None:
    before = dict(os.environ)

    def start(_: int) -> None:
        for _ in range(2000):
            with _environment(3):
                assert os.environ["OMP_NUM_THREADS"] == "3"

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with cf.ThreadPoolExecutor(4) as executor:
            list(executor.map(start, range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert dict(os.environ) == before


def enter_environment() -> None:
    with _environment(1):
        pass


def test_a_fork_amid_a_start_does_not_hang() -> None:
    process = mp.get_context("fork").Process(target=enter_environment)
    with _environment(2), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12: threads
        process.start()
    process.join(30)
    ended = process.exitcode
    process.kill()
    process.join()
    assert ended == 0
