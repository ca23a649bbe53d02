"""Functions to sweep, at the top of a module so that workers can import them."""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import multiprocessing as mp
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import linflow as lf

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr

GRID: dict[str, Any] = {"x": [-1.5, 0.0, 2.0], "n": [1, 2]}


def draw(x: float, n: int, rng: np.random.SeedSequence) -> dict[str, Any]:
    """Return numbers that depend on the cell's own stream."""
    curve = x + np.random.default_rng(rng).standard_normal(3)
    return {"total": curve.sum() * n, "curve": curve}


def logged(
    x: float, y: float, rng: np.random.SeedSequence, log: str, seconds: float
) -> float:
    """Draw a number after a while; write down each call."""
    with Path(log).open("a") as file:  # one write: whole even from several processes
        file.write(f"{x} {y}\n")
    time.sleep(seconds)
    return float(np.random.default_rng(rng).standard_normal())


def calls(log: Path) -> list[str]:
    """Return the cells that `logged` was called for."""
    return log.read_text().splitlines() if log.exists() else []


def mortal(x: float, n: int, pids: str) -> float:
    """End the process for one pair of parameters, having written down its id."""
    if x == 0.0 and n == 2:
        with Path(pids).open("a") as file:
            file.write(f"{os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return x * n


def same(one: xr.Dataset, two: xr.Dataset) -> None:
    """Assert that two data sets are bitwise the same, durations apart."""
    assert dict(one.sizes) == dict(two.sizes)
    assert set(one.variables) == set(two.variables)
    for name in set(one.variables) - {"duration"}:
        assert one[name].dims == two[name].dims, name
        assert one[name].attrs == two[name].attrs, name
        assert one[name].values.tobytes() == two[name].values.tobytes(), name


def sweep_logged(log: str, store: str | None, **keywords: Any) -> xr.Dataset:
    """Sweep 400 cells of `logged`."""
    axis = np.linspace(0.0, 1.0, 20)
    fixed = {"log": log, "seconds": keywords.pop("seconds", 0.001)}
    return lf.sweep(
        logged,
        {"x": axis, "y": axis},
        fixed=fixed,
        store=store,
        **{"batch": 4, "progress": False, **keywords},
    )


def sweep_slowly(log: str, store: str) -> None:
    """Sweep so that there is time to kill it; here, where a new process finds it."""
    sweep_logged(log, store, seconds=0.004)


def diagram(store: str | None, **keywords: Any) -> xr.Dataset:
    """Compute a phase diagram of 400 cells."""
    axes = np.linspace(-2.2, -0.8, 20), np.linspace(1.0, 2.8, 20)
    words = {"n_threads": 2, "batch": 4, "progress": False} | keywords
    return lf.phase_diagram(40, 3, *axes, store=store, **words)


def dawdle(x: float, pids: str) -> float:
    """Write down the id of the process, then take too long."""
    with Path(pids).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(60)
    return x


def sweep_dawdling(pids: str, store: str) -> xr.Dataset:
    """Sweep `dawdle` in two new processes."""
    fixed = {"pids": pids}
    grid = {"x": [1.0, 2.0, 3.0]}
    return lf.sweep(dawdle, grid, fixed=fixed, store=store, executor=2, progress=False)


def long_curve(x: float) -> Any:
    """Return more than fits in a pipe."""
    return np.full(1_000_000, x)


def interrupt_long_results() -> None:
    """Interrupt sweeps whose workers are sending long results."""
    for number in range(2, 6):

        def stop(done: int, number: int = number) -> None:
            if done >= number:
                raise KeyboardInterrupt

        grid = {"x": np.arange(40.0)}
        with contextlib.suppress(lf.Interrupted):
            lf.sweep(long_curve, grid, executor=2, batch=1, progress=stop)


def killed_at_write(log: str, store: str, number: int) -> None:
    """Sweep, and kill this process at the given write, before it or half-way in it."""
    written = 0
    replace = Path.replace

    def deadly(source: Path, target: Path) -> Path:
        nonlocal written
        written += 1
        if written == number:
            if source.is_file():
                source.write_bytes(source.read_bytes()[: number % 7])
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(source, target)

    Path.replace = deadly  # type: ignore[assignment, method-assign]
    sweep_logged(log, store, seconds=0.0, batch=40)


def spawned(workers: int) -> cf.ProcessPoolExecutor:
    """Return a pool of the standard library."""
    return cf.ProcessPoolExecutor(workers, mp_context=mp.get_context("spawn"))


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """Give a dask cluster of real processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as made:
        yield made
