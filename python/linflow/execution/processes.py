"""New worker processes that end when their driver does, however it ends."""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import multiprocessing as mp
import os
import pickle
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from linflow.execution.work import Work
    from linflow.store.grid import Columns
    from linflow.store.results import Results

_setting = threading.Lock()
LINGER = 60.0  # s that a worker may take to send what it has computed
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Processes:
    """A pool of new interpreters (nothing is forked), each with so many threads.

    Each of them holds the reading end of a pipe of which the driver alone holds the
    other: its end, even by SIGKILL, or `close` ends them all at once.
    """

    def __init__(self, workers: int, n_threads: int) -> None:
        context = mp.get_context("spawn")
        reader, self._leash = context.Pipe(duplex=False)
        self._reader = reader
        self._n_threads = n_threads
        self.over = False  # whether nothing runs any more
        self._executor = cf.ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start, initargs=(reader,)
        )

    def submit(self, function: Callable[..., Any], *arguments: Any) -> cf.Future[Any]:
        """Call a function in one of the processes."""
        with _environment(self._n_threads):  # a process may be started by this
            return self._executor.submit(function, *arguments)

    def submit_work(self, work: Work, columns: Columns) -> cf.Future[Results]:
        """Start a batch in one of the processes."""
        return self.submit(call, pickle.dumps(work), columns, self._n_threads)

    def check(self) -> None:
        """Wait until a process answers.

        Raises
        ------
        RuntimeError
            When none can be started.
        """
        try:
            self.submit(os.getpid).result()
        except cf.BrokenExecutor as error:
            self.close()
            message = (
                "executor: no worker process could be started; a script that uses "
                'processes must do its work under if __name__ == "__main__":'
            )
            raise RuntimeError(message) from error
        except BaseException:
            self.close()
            raise

    def let_go(self) -> None:
        """Let the processes end once their work is done."""
        self.over = True
        self._executor.shutdown(wait=False)

    def close(self) -> None:
        """End the processes now, whatever they compute."""
        self._leash.close()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._reader.close()


def call(parcel: bytes, columns: Columns, n_threads: int) -> Results:
    """Compute a batch in a worker.

    The work comes pickled by itself: if that can't be undone here, the error travels
    back, whereas the pool's own unpickling would end the process.
    """
    with _state:
        try:
            work: Work = pickle.loads(parcel)
        except Exception as error:
            message = (
                f"function can't be loaded in a worker process ({error}): define it in "
                "a module that workers can import"
            )
            raise TypeError(message) from error
        return work(columns, n_threads)


class _State:
    """Whether this worker computes or, once it does not, may be sending a result.

    A worker that ends amid a long result leaves the driver reading for ever: the pipe
    stays open, as the driver holds its other end, too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computing = False
        self._over = False

    def __enter__(self) -> None:
        with self._lock:
            if self._over:
                os._exit(1)
            self._computing = True

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._computing = False

    def end(self) -> None:
        """End the process: now, or once what it sends is sent, or the driver gone."""
        with self._lock:
            self._over = True
            if self._computing:
                os._exit(1)
        driver = mp.parent_process()
        if driver is not None:
            driver.join(LINGER)
        os._exit(1)


_state = _State()


def _renew() -> None:
    """Give a forked child a lock that nobody holds there."""
    global _setting
    _setting = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def _start(leash: Connection) -> None:
    """Prepare a worker: Ctrl-C is the driver's to answer, and its end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            leash.recv()
        _state.end()

    threading.Thread(target=watch, name="leash", daemon=True).start()


@contextlib.contextmanager
def _environment(n_threads: int) -> Iterator[None]:
    """Set what new processes read as their number of threads; one sweep at a time."""
    with _setting:
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, str(n_threads)))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
