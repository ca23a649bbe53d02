"""Where batches are computed: here, in processes, on a cluster.

Whatever runs them, the driver alone writes to the store, and the results are the same
bits on one instruction set. ``executor=`` takes:

``None``
    This process. A phase diagram uses ``n_threads`` threads.
an integer
    So many new processes, each with ``n_threads`` threads (1). They end with the driver
    even when it is killed. As with any process pool, a script that uses them needs
    ``if __name__ == "__main__":``.
a ``concurrent.futures.Executor``
    Where workers are lost, a pool of new processes takes over.
a ``dask.distributed`` client, cluster or address of a scheduler (``linflow[cluster]``)
    On the command line ``--scheduler ADDRESS``. Workers may come and go.

A SLURM site, with `dask-jobqueue`; the job needs this package in its environment::

    from dask_jobqueue import SLURMCluster
    import linflow as lf

    if __name__ == "__main__":
        cluster = SLURMCluster(
            queue="batch", cores=16, processes=16, memory="32GB", walltime="04:00:00"
        )
        cluster.scale(jobs=10)  # or cluster.adapt(maximum_jobs=10)
        lf.phase_diagram(d=200, seeds=10, store="diagram.zarr", executor=cluster)

``print(cluster.job_script())`` shows what is submitted; ``interface="ib0"`` chooses the
network, ``job_script_prologue=["module load python"]`` prepares the job. One that runs
out of time, or is cancelled, costs the batches in flight, a second of work each; the
others go on, and started again, the same script does. From the command line, beside a
scheduler started by ``dask scheduler`` and workers by ``srun dask worker ADDRESS
--nworkers 16 --nthreads 1``::

    linflow phase-diagram --paper --store diagram.zarr --scheduler tcp://HOST:8786

MPI, with `mpi4py` (``linflow[mpi]``)::

    # sweep.py; run as: mpiexec -n 64 python -m mpi4py.futures sweep.py
    from mpi4py.futures import MPIPoolExecutor
    import linflow as lf

    if __name__ == "__main__":
        with MPIPoolExecutor() as executor:
            lf.phase_diagram(d=200, store="diagram.zarr", executor=executor)

There a lost rank ends the whole job, which is MPI's way; run it again to go on.

All three were run on one machine: SLURM 22.05 with one node and two jobs, of which one
was cancelled half-way, and its `srun` (dask-jobqueue 0.9, distributed 2026.8); three
ranks of MPICH 5 (mpi4py 4.1). The data sets were bitwise those of a run in one process.
"""

from __future__ import annotations

import concurrent.futures as cf
import os
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _validate as validate
from linflow.execution.processes import Processes, call

if TYPE_CHECKING:
    from collections.abc import Callable

    from linflow.execution.work import Report, Work
    from linflow.store.grid import Columns
    from linflow.store.results import Results

PATIENCE = "10s"  # for a dask scheduler to answer


class Pool:
    """What a sweep needs of whatever computes its batches."""

    inside = False  # whether batches can report to the driver and be told to stop
    same_thread = False  # whether they run in the driver's own thread
    can_isolate = True  # by a process for a batch; if not, by running nothing else

    def __init__(self, workers: int, n_threads: int) -> None:
        self.n_threads = n_threads
        self._workers = workers

    @property
    def workers(self) -> int:
        """How many batches run at once."""
        return self._workers

    def submit(
        self, work: Work, columns: Columns, report: Report
    ) -> cf.Future[Results]:
        """Start a batch."""
        raise NotImplementedError

    def alone(self, work: Work, columns: Columns, report: Report) -> cf.Future[Results]:
        """Start a batch such that no other one suffers when it ends its process."""
        return self.submit(work, columns, report)

    def lost(self, error: BaseException) -> bool:
        """Whether a batch raised this because its process is gone."""
        return isinstance(error, cf.BrokenExecutor)

    def mend(self) -> None:
        """Make it usable again once a process was lost."""

    def close(self) -> None:
        """Let go of it: what still runs is dropped."""


class Here(Pool):
    """The calling thread, one batch after the other."""

    inside = True
    same_thread = True

    def submit(
        self, work: Work, columns: Columns, report: Report
    ) -> cf.Future[Results]:
        """Compute a batch."""
        future: cf.Future[Results] = cf.Future()
        future.set_result(work(columns, self.n_threads, report))
        return future


class Threads(Pool):
    """Threads of this process, each computing batches of its own with one thread.

    The core releases the GIL. No thread waits for another at the end of a batch, and
    the calling thread stays free for progress, Ctrl-C and the store.
    """

    inside = True

    def __init__(self, workers: int) -> None:
        super().__init__(workers, 1)
        self._executor = cf.ThreadPoolExecutor(workers, "linflow")

    def submit(
        self, work: Work, columns: Columns, report: Report
    ) -> cf.Future[Results]:
        """Start a batch."""
        return self._executor.submit(work, columns, 1, report)

    def close(self) -> None:
        """End the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)


class Team(Pool):
    """Threads of the core, which share one batch after the other, cell by cell.

    For batches that are the whole job, or much of it: nothing but their end is waited
    for, and no place in the lanes of the core stays empty before.
    """

    inside = True

    def __init__(self, n_threads: int) -> None:
        super().__init__(1, n_threads)
        self._executor = cf.ThreadPoolExecutor(1, "linflow")

    def submit(
        self, work: Work, columns: Columns, report: Report
    ) -> cf.Future[Results]:
        """Start a batch once the one before has ended."""
        return self._executor.submit(work, columns, self.n_threads, report)

    def close(self) -> None:
        """End the thread that calls the core."""
        self._executor.shutdown(wait=True, cancel_futures=True)


class Isolating(Pool):
    """A pool that can start a process for one batch."""

    def __init__(self, workers: int, n_threads: int) -> None:
        super().__init__(workers, n_threads)
        self._alone: list[Processes] = []

    def alone(self, work: Work, columns: Columns, report: Report) -> cf.Future[Results]:
        """Start a batch in a new process, which ends with it."""
        process = Processes(1, self.n_threads)
        self._alone = [one for one in self._alone if not one.over] + [process]
        future = process.submit_work(work, columns)
        future.add_done_callback(lambda _: process.let_go())
        return future

    def close(self) -> None:
        """End the processes that were started for one batch."""
        for process in self._alone:
            process.close()


class NewProcesses(Isolating):
    """Processes of our own."""

    def __init__(self, workers: int, n_threads: int) -> None:
        super().__init__(workers, n_threads)
        self._processes = Processes(workers, n_threads)
        self._processes.check()

    def submit(
        self, work: Work, columns: Columns, report: Report
    ) -> cf.Future[Results]:
        """Start a batch in one of the processes."""
        return self._processes.submit_work(work, columns)

    def mend(self) -> None:
        """Start new processes for those lost."""
        self._processes.close()
        self._processes = Processes(self.workers, self.n_threads)

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        super().close()
        self._processes.close()


class Borrowed(Isolating):
    """Somebody's executor, which stays theirs: it is not shut down here."""

    def __init__(self, executor: cf.Executor, n_threads: int) -> None:
        known = getattr(executor, "_max_workers", None)  # the standard library's
        if not isinstance(known, int):
            known = getattr(executor, "num_workers", None)  # mpi4py's
        super().__init__(
            known if isinstance(known, int) and known else os.cpu_count() or 1,
            n_threads,
        )
        self._executor = executor
        self._own: Processes | None = None

    def submit(
        self, work: Work, columns: Columns, report: Report
    ) -> cf.Future[Results]:
        """Start a batch."""
        if self._own is not None:
            return self._own.submit_work(work, columns)
        if isinstance(self._executor, cf.ProcessPoolExecutor):
            parcel = pickle.dumps(work)
            return self._executor.submit(call, parcel, columns, self.n_threads)
        return self._executor.submit(work, columns, self.n_threads)

    def mend(self) -> None:
        """Go on in processes of our own: a broken pool stays broken."""
        if self._own is not None:
            self._own.close()
        self._own = Processes(self.workers, self.n_threads)

    def close(self) -> None:
        """End only what is our own."""
        super().close()
        if self._own is not None:
            self._own.close()


class Dask(Pool):
    """Workers of a dask scheduler, which restarts batches of lost workers itself."""

    can_isolate = False

    def __init__(
        self, client: Any, n_threads: int, closing: Callable[[], None]
    ) -> None:
        super().__init__(1, n_threads)
        self._client = client
        self._closing = closing
        self._sent: set[Any] = set()

    @property
    def workers(self) -> int:
        """Threads of the workers there are now; they come and go."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def submit(
        self, work: Work, columns: Columns, report: Report
    ) -> cf.Future[Results]:
        """Send a batch to the scheduler."""
        # Not by the client's own executor: a result whose worker is lost just then
        # comes out of it as a TypeError. Impure: a batch tried again is computed again.
        sent = self._client.submit(work, columns, self.n_threads, pure=False)
        future: cf.Future[Results] = cf.Future()

        def finish(sent: Any) -> None:
            self._sent.discard(sent)
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(sent.result())
            except BaseException as error:
                future.set_exception(error)

        self._sent.add(sent)
        sent.add_done_callback(finish)
        return future

    def lost(self, error: BaseException) -> bool:
        """Whether the scheduler gave a batch up: it was on several lost workers."""
        from distributed import KilledWorker

        return isinstance(error, KilledWorker)

    def close(self) -> None:
        """Drop what was sent and leave the scheduler as it was."""
        self._client.cancel(list(self._sent))
        self._closing()


def open_pool(executor: Any, n_threads: int | None, here: Callable[[], Pool]) -> Pool:
    """Return the pool that an argument ``executor`` names.

    Parameters
    ----------
    executor
        None, a number of processes, an executor, a dask client, cluster or address.
    n_threads
        Threads per worker; None is 1.
    here
        Makes the pool for None.
    """
    threads = n_threads or 1
    if executor is None:
        return here()
    if isinstance(executor, int | np.integer) and not isinstance(executor, bool):
        return NewProcesses(validate.integer("executor", executor, at_least=1), threads)
    if isinstance(executor, cf.Executor):
        return Borrowed(executor, threads)
    if hasattr(executor, "get_executor"):
        return Dask(executor, threads, closing=lambda: None)
    if isinstance(executor, str) or hasattr(executor, "scheduler_address"):
        client = _client(executor)
        return Dask(client, threads, closing=client.close)
    message = (
        "executor must be None, a number of processes, a concurrent.futures.Executor, "
        f"or a dask client, cluster or scheduler address, not {executor!r}"
    )
    raise TypeError(message)


def _client(scheduler: Any) -> Any:
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError:
        message = (
            "executor: a dask scheduler needs distributed; install it by "
            "pip install 'linflow[cluster]'"
        )
        raise ImportError(message) from None
    try:
        if isinstance(scheduler, str) and not scheduler.startswith("inproc:"):
            get_address_host_port(scheduler)  # a half-made client complains at its end
        return Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except OSError as error:
        message = f"executor: no dask scheduler answers at {scheduler!r}"
        raise OSError(message) from error
    except ValueError as error:
        message = f"executor: {scheduler!r} is not the address of a scheduler: {error}"
        raise ValueError(message) from error
