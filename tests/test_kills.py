"""Drivers and workers killed at random moments: nothing lost, nothing changed."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import xarray as xr

import linflow as lf
import sweeping
from linflow.execution.interrupts import held
from linflow.store import chunks
from linflow.store.table import Table
from sweeping import (
    calls,
    cluster,
    diagram,
    same,
    spawned,
    sweep_logged,
    sweep_slowly,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    import numpy as np

KILLS = 20
BATCH = 4


@pytest.fixture(scope="module")
def context() -> Iterator[ForkServerContext]:
    """Start processes in no time: forked from one that has imported all."""
    made = mp.get_context("forkserver")
    made.set_forkserver_preload(["sweeping", "zarr", "xarray", "dask.array"])
    yield made
    made.set_forkserver_preload(["__main__"])


def kill_and_resume(
    context: ForkServerContext,
    start: Callable[..., Any],
    arguments: Callable[[int], tuple[str, ...]],
    rng: np.random.Generator,
) -> list[int]:
    """Start sweeps and kill them until that was done often enough.

    Returns
    -------
    list of int
        How many kills each sweep took; the last may not be finished.
    """
    landed = [0]
    while sum(landed) < KILLS:
        process = context.Process(target=start, args=arguments(len(landed)))
        process.start()
        process.join(rng.uniform(0.05, 0.4))
        process.kill()  # nothing, if it has come to its end; maybe just now
        process.join()
        if process.exitcode == -signal.SIGKILL:
            landed[-1] += 1
        else:
            assert process.exitcode == 0
            landed.append(0)
    return landed


def test_driver_killed_at_random_moments(
    context: ForkServerContext, tmp_path: Path, rng: np.random.Generator
) -> None:
    seconds = 0.004

    def paths(number: int) -> tuple[str, str]:
        return str(tmp_path / f"log{number}"), str(tmp_path / f"store{number}.zarr")

    landed = kill_and_resume(context, sweep_slowly, paths, rng)
    assert max(landed) >= 3
    plain = sweep_logged(str(tmp_path / "plain"), None, seconds=seconds)
    for number, kills in enumerate(landed, start=1):
        log, store = paths(number)
        # The settings hold the name of the log, which is nobody's result.
        same(sweep_logged(log, store, seconds=seconds), plain)
        assert lf.store.check(store) == []
        called = calls(tmp_path / f"log{number}")
        assert len(set(called)) == 400
        # Twice only what was in flight: one batch in this thread.
        assert len(called) - 400 <= kills * BATCH


def test_driver_of_a_phase_diagram_killed(
    context: ForkServerContext, tmp_path: Path, rng: np.random.Generator
) -> None:
    def path(number: int) -> tuple[str]:
        return (str(tmp_path / f"store{number}.zarr"),)

    landed = kill_and_resume(context, diagram, path, rng)
    plain = diagram(None)
    for number in range(1, len(landed) + 1):
        same(diagram(*path(number)), plain)
        assert lf.store.check(*path(number)) == []


def test_driver_killed_while_writing(
    context: ForkServerContext, tmp_path: Path
) -> None:
    """Before and after each of the files of a batch, and of the store itself."""
    log, store = tmp_path / "log", tmp_path / "store.zarr"
    plain = sweep_logged(str(tmp_path / "plain"), None)
    batches: set[int] = set()
    for number in range(1, 36):
        process = context.Process(
            target=sweeping.killed_at_write, args=(str(log), str(store), number)
        )
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        if store.exists():
            partial = lf.store.load(store)
            done = (partial.status != 0).values
            assert done.sum() % 40 == 0
            batches.add(int(done.sum()))
            if done.any():
                expected = plain.value.values[done]
                assert partial.value.values[done].tobytes() == expected.tobytes()
    assert len(batches) >= 3
    assert [one.name for one in tmp_path.iterdir() if one.name[0] == "."] == []
    same(sweep_logged(str(log), str(store), seconds=0.0, batch=40), plain)


def kill_workers(
    pids: Callable[[], list[int]], rng: np.random.Generator, kills: int
) -> Callable[[int], None]:
    """Return a progress function that kills a worker at random moments."""
    moments = sorted(rng.integers(10, 350, kills).tolist())

    def progress(done: int) -> None:
        alive = pids()
        if moments and done >= moments[0] and alive:
            del moments[0]
            os.kill(int(rng.choice(alive)), signal.SIGKILL)

    return progress


@pytest.mark.parametrize("kind", ["new", "borrowed"])
def test_workers_of_a_pool_killed(
    kind: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    log, kills = tmp_path / "log", 3

    def pids() -> list[int]:
        return [one.pid for one in mp.active_children() if one.pid is not None]

    plain = sweep_logged(str(tmp_path / "plain"), None)
    words: dict[str, Any] = {
        "store": str(tmp_path / "store.zarr"),
        "progress": kill_workers(pids, rng, kills),
    }
    if kind == "new":
        data = sweep_logged(str(log), executor=2, **words)
    else:
        with spawned(2) as executor:
            data = sweep_logged(str(log), executor=executor, **words)
    same(data, plain)
    same(lf.store.load(words["store"]), plain)
    # In flight are at most two batches for each of two workers.
    assert 400 <= len(calls(log)) <= 400 + kills * 4 * BATCH


def test_workers_of_dask_killed(tmp_path: Path, rng: np.random.Generator) -> None:
    log, kills = tmp_path / "log", 4
    plain = sweep_logged(str(tmp_path / "plain"), None)
    with cluster(2) as made:

        def pids() -> list[int]:
            processes = [nanny.process for nanny in made.workers.values()]
            return [one.pid for one in processes if one and one.pid]

        store = str(tmp_path / "store.zarr")
        progress = kill_workers(pids, rng, kills)
        data = sweep_logged(str(log), store, executor=made, progress=progress)
    same(data, plain)
    assert 400 <= len(calls(log)) <= 400 + kills * 4 * BATCH


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_workers_end_with_a_killed_driver(
    context: ForkServerContext, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    process = context.Process(
        target=sweeping.sweep_dawdling, args=(str(pids), str(tmp_path / "s.zarr"))
    )
    process.start()
    while len(calls(pids)) < 2:
        time.sleep(0.02)
        assert process.is_alive()
    process.kill()
    process.join()
    workers = {int(one) for one in calls(pids)}
    assert len(workers) == 2
    limit = time.monotonic() + 20
    while not all(gone(pid) for pid in workers) and time.monotonic() < limit:
        time.sleep(0.02)
    assert all(gone(pid) for pid in workers)


def test_ctrl_c_leaves_a_valid_store(tmp_path: Path) -> None:
    """As from a terminal: the signal goes to the workers, too."""
    pids, store, script = (tmp_path / name for name in ("pids", "s.zarr", "script.py"))
    script.write_text(
        f"from sweeping import sweep_dawdling\n"
        f"if __name__ == '__main__':\n"
        f"    sweep_dawdling({str(pids)!r}, {str(store)!r})\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(calls(pids)) < 2:
        time.sleep(0.02)
        assert process.poll() is None
    asked = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - asked < 10  # not the minutes the cells would take
    last = said.strip().splitlines()[-1]
    assert "interrupted after 0 of 3 cells; the store" in last
    assert "call again with the same arguments to go on" in last
    assert lf.store.check(store) == []
    assert isinstance(lf.store.load(store), xr.Dataset)
    assert all(gone(int(pid)) for pid in calls(pids))


def test_ctrl_c_keeps_finished_cells_in_the_store(tmp_path: Path) -> None:
    log, store = tmp_path / "log", str(tmp_path / "store.zarr")

    def stop(done: int) -> None:
        if done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(lf.Interrupted, match="to go on") as caught:
        sweep_logged(str(log), store, progress=stop)
    done = int((caught.value.partial.status != 0).sum())
    assert done >= 100
    assert int((lf.store.load(store).status != 0).sum()) == done
    data = sweep_logged(str(log), store)
    assert len(calls(log)) == 400  # none twice
    same(data, sweep_logged(str(tmp_path / "plain"), None))
    with pytest.raises(lf.Interrupted, match="of 400 cells; the store"):
        diagram(str(tmp_path / "diagram.zarr"), progress=stop)
    same(diagram(str(tmp_path / "diagram.zarr")), diagram(None))


@pytest.mark.parametrize("number", [4, 12, 21, 35])
@pytest.mark.parametrize("kind", ["sweep", "diagram"])
def test_ctrl_c_while_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, number: int
) -> None:
    """What is counted is stored, wherever in a batch's files it comes."""
    log, store = tmp_path / "log", str(tmp_path / "store.zarr")
    put, written = chunks.put, 0

    def interrupted(path: Path, content: bytes, **words: Any) -> None:
        nonlocal written
        written += 1
        if written == number:
            signal.raise_signal(signal.SIGINT)
        put(path, content, **words)

    monkeypatch.setattr(chunks, "put", interrupted)
    with pytest.raises(lf.Interrupted, match="to go on") as caught:
        sweep_logged(str(log), store) if kind == "sweep" else diagram(store)
    done = int((caught.value.partial.status != 0).sum())
    assert str(caught.value).startswith(f"interrupted after {done} of 400 cells")
    assert int((lf.store.load(store).status != 0).sum()) == done
    assert lf.store.check(store) == []
    if kind == "sweep":
        sweep_logged(str(log), store)
        assert len(calls(log)) == 400  # none twice


def test_ctrl_c_while_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = str(tmp_path / "store.zarr")
    enter = Table.enter

    def interrupted(*arguments: Any) -> None:
        enter(*arguments)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Table, "enter", interrupted)
    with pytest.raises(lf.Interrupted, match="interrupted after 4 of 400"):
        sweep_logged(str(tmp_path / "log"), store)
    monkeypatch.undo()
    assert int((lf.store.load(store).status != 0).sum()) == 4


def test_ctrl_c_is_held_once() -> None:
    done: list[str] = []

    def press(times: int, error: Exception | None = None) -> None:
        with held():
            with held():
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            done.append(f"pressed {times}")
            if error is not None:
                raise error

    with pytest.raises(KeyboardInterrupt):
        press(1)
    with pytest.raises(KeyboardInterrupt):
        press(3)
    with pytest.raises(OSError, match="full"):  # what went wrong goes first
        press(1, OSError("full"))
    assert done == ["pressed 1", "pressed 1"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_writer_at_a_time(context: ForkServerContext, tmp_path: Path) -> None:
    log, store = tmp_path / "log", tmp_path / "store.zarr"
    arguments = (str(log), str(store))
    process = context.Process(target=sweep_slowly, args=arguments)
    process.start()
    while len(calls(log)) < 20:
        time.sleep(0.01)
        assert process.is_alive()
    with pytest.raises(BlockingIOError, match="in use by another process"):
        sweep_logged(*arguments, seconds=0.004)
    process.kill()
    process.join()
    sweep_logged(*arguments, seconds=0.004)


def test_long_results_do_not_hang_an_interrupted_driver(
    context: ForkServerContext,
) -> None:
    process = context.Process(target=sweeping.interrupt_long_results)
    process.start()
    process.join(60)
    ended = process.exitcode
    process.kill()
    process.join()
    assert ended == 0
