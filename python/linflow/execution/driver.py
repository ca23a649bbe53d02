"""Run a sweep: hand out batches, store what comes back, survive what goes wrong."""

from __future__ import annotations

import collections
import concurrent.futures as cf
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _progress as progress_bar
from linflow.execution.batches import Batch, Queue
from linflow.execution.interrupts import held
from linflow.execution.work import Cancelled, lost
from linflow.status import Interrupted, Status
from linflow.store.access import obtain, recall
from linflow.store.provenance import attributes, session
from linflow.store.table import Table, summary

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from linflow._progress import Update
    from linflow.execution.executors import Pool
    from linflow.execution.work import Work
    from linflow.store.grid import Grid
    from linflow.store.layout import Store
    from linflow.store.results import Results, Variable

LOOK_EVERY = 0.1  # s between looks at progress
REASON = "its process ended twice while it was computed alone"


@dataclass(frozen=True)
class Plan:
    """All that a sweep is."""

    grid: Grid
    work: Work
    settings: Mapping[str, Any]
    pool: Callable[[], Pool]
    order: Callable[[NDArray[np.int64]], NDArray[np.int64]] = lambda cells: cells
    variables: Mapping[str, Variable] = field(default_factory=dict)  # {}: found out
    dims: Mapping[str, Any] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    store: str | os.PathLike[str] | None = None
    resume: bool | str = True
    batch: int | None = None
    together: int = 1  # cells that the core computes at once, at the cost of one
    progress: bool | Callable[[int], Any] = True


def run(plan: Plan) -> xr.Dataset:
    """Compute the cells of a plan that its store does not have; return the data set.

    Raises
    ------
    Interrupted
        On Ctrl-C, with ``.partial``; so does any other exception have it.
    """
    _import_datasets()
    if plan.store is None:
        table, store = Table(plan.grid, plan.variables), None
        record: dict[str, Any] = {
            "settings": plan.settings,
            "sessions": [],
            "instruction_sets": [],
        }
    else:
        store = obtain(plan.store, plan.settings, plan.grid, plan.resume)
        record = store.record
    try:
        if store is not None:
            table = recall(store, plan.grid, plan.resume)
            table.check_words(plan.dims, plan.attrs)
            store.annotate(plan.attrs)
            table.annotate(store.variables, store.grid)
            if not table.variables:
                table.learn(plan.variables)
        todo = plan.order(np.flatnonzero(table.status == Status.PENDING))
        if todo.size:
            sessions = [*record["sessions"], session()]
            if store is None:
                record["sessions"] = sessions
            else:
                store.describe(store.batch, table.variables, sessions=sessions)
            _Run(plan, table, store, record, todo).finish()
        return table.dataset(attributes(record))
    finally:
        if store is not None:
            store.close()


@functools.cache
def _import_datasets() -> None:
    """Import all that a data set needs: now, not at Ctrl-C."""
    import xarray as xr

    xr.Dataset(coords={"cell": [0]})


class _Run:
    """One session of a sweep."""

    def __init__(
        self,
        plan: Plan,
        table: Table,
        store: Store | None,
        record: dict[str, Any],
        todo: NDArray[np.int64],
    ) -> None:
        self.plan, self.table, self.store, self.record = plan, table, store, record
        chunk = None if store is None else store.batch
        self.queue = Queue(todo, given=plan.batch, chunk=chunk, together=plan.together)
        self.flying: dict[cf.Future[Results], Batch] = {}
        self.running: dict[int, int] = {}  # batches in progress: cells done so far
        self.unwritten: collections.deque[tuple[NDArray[np.int64], Results]]
        self.unwritten = collections.deque()
        self.cancelled = False
        self.writable = True
        self.show: Update | None = None

    def finish(self) -> None:
        """Compute all cells, or raise with what there is by then."""
        self.pool = self.plan.pool()
        try:
            shown = progress_bar.bar(
                self.plan.progress, self.plan.grid.size, "cell", self.table.done
            )
            with shown as self.show:
                self.loop()
        except BaseException as error:
            self.cancelled = True
            self.salvage()
            partial = self.table.dataset(attributes(self.record))
            if isinstance(error, KeyboardInterrupt):
                raise self.farewell(partial) from error
            error.partial = partial  # type: ignore[attr-defined]
            raise
        finally:
            self.pool.close()

    def loop(self) -> None:
        """Keep the workers busy until nothing is left."""
        while self.queue or self.flying or self.unwritten:
            self.fill()
            self.write()  # while they compute
            done, _ = cf.wait(self.flying, LOOK_EVERY, cf.FIRST_COMPLETED)
            losses = [batch for future in done for batch in self.receive(future)]
            if losses:
                self.recover(losses)
            self.look()

    def fill(self) -> None:
        """Start as many batches as it takes to keep the workers busy for a while."""
        workers = self.pool.workers
        depth = 1 if self.pool.same_thread else 2 * workers
        while self.queue and len(self.flying) < depth and not self.waits():
            self.send(self.queue.take(workers))

    def waits(self) -> bool:
        """Whether the next batch must wait until no other runs, or another is alone."""
        if self.pool.can_isolate or not self.flying:
            return False
        return self.queue.alone or any(one.alone for one in self.flying.values())

    def send(self, batch: Batch) -> None:
        """Start a batch."""
        key = id(batch)

        def report(done: int) -> None:
            if self.cancelled:
                raise Cancelled
            self.running[key] = done
            if self.pool.same_thread:
                self.look()

        submit = self.pool.alone if batch.alone else self.pool.submit
        columns = self.plan.grid.columns(batch.cells)
        try:
            self.flying[submit(self.plan.work, columns, report)] = batch
        except Exception as error:
            if not self.pool.lost(error):
                raise
            self.queue.retry([batch])  # it was never there
            self.recover([], broken=True)

    def receive(self, future: cf.Future[Results]) -> list[Batch]:
        """Take in what a batch gave; return it when its process was lost."""
        batch = self.flying.pop(future)
        self.running.pop(id(batch), None)
        try:
            error = future.exception()
        except cf.CancelledError:
            message = (
                "executor: it dropped a batch (was it shut down?); call again with the "
                "same store to go on"
            )
            raise RuntimeError(message) from None
        if error is None:
            self.accept(batch.cells, future.result())
            return []
        if self.pool.lost(error):
            return [batch]
        raise error

    def recover(self, losses: list[Batch], broken: bool = False) -> None:
        """Decide what becomes of batches whose process was lost."""
        if broken or any(not batch.alone for batch in losses):
            # A broken pool loses all it had; what ran in a process of its own goes on.
            for future, batch in list(self.flying.items()):
                if self.pool.can_isolate and not batch.alone:
                    losses += self.receive(future)
            self.pool.mend()
        for batch in losses:
            retries = batch.after_loss()
            if retries is None:
                self.accept(batch.cells, lost(batch.cells.size, REASON))
            else:
                self.queue.retry(retries)

    def accept(self, cells: NDArray[np.int64], results: Results) -> None:
        """Keep the finished cells of a batch."""
        raised = results.raised
        finished = results.status != Status.PENDING
        if not finished.all():
            cells, results = cells[finished], results.take(finished)
        if cells.size:
            with held():
                self.table.discover(results, self.plan.dims, self.plan.attrs)
                self.queue.learn(results)
                self.table.enter(cells, results)
                self.unwritten.append((cells, results))
        if self.pool.same_thread:  # before it computes the next one
            self.write()
        if raised is not None and not self.cancelled:
            raise raised

    def write(self) -> None:
        """Write to the store what was not yet written."""
        while self.unwritten:
            with held():
                cells, results = self.unwritten[0]
                self.keep(cells, results)
                self.unwritten.popleft()

    def keep(self, cells: NDArray[np.int64], results: Results) -> None:
        """Write a batch to the store."""
        name = results.instruction_set
        if self.store is None:
            if name and name not in self.record["instruction_sets"]:
                self.record["instruction_sets"].append(name)
            return
        if not self.writable:
            return
        assert self.queue.chunk is not None
        try:
            self.store.describe(self.queue.chunk, self.table.variables)
            self.store.write(self.plan.grid.columns(cells), results)
        except OSError as error:
            self.writable = False
            message = (
                f"store: can't write {str(self.store.path)!r}: "
                f"{error.strerror or error}; what it holds is whole: mend that and "
                "call again to go on"
            )
            raise OSError(error.errno, message) from error

    def salvage(self) -> None:
        """Stop what runs here and keep the cells it has finished; drop the rest."""
        for future in list(self.flying):
            future.cancel()
        if self.pool.inside:
            cf.wait(self.flying)
        for future in list(self.flying):
            if future.done() and not future.cancelled() and not future.exception():
                self.receive(future)
        self.write()

    def look(self) -> None:
        """Show how far it has come."""
        if self.show is not None:
            done = self.table.done + sum(tuple(self.running.values()))
            self.show(done, summary(self.table.counts))

    def farewell(self, partial: xr.Dataset) -> Interrupted:
        """Return what to say on Ctrl-C."""
        when = f"interrupted after {self.table.done} of {self.plan.grid.size} cells"
        if self.store is None:
            return Interrupted(when, partial)
        where = (
            f"the store {str(self.store.path)!r} holds those finished: call again with "
            "the same arguments to go on"
        )
        return Interrupted(when, partial, where)
