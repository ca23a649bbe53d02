"""The unit of work: a batch of cells in, a column of results for each variable out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from linflow.status import Status
from linflow.store.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

    from linflow.store.grid import Columns

    Report = Callable[[int], None]


class Cancelled(Exception):
    """Raised in a running batch, by its report, to make it stop."""


class Work(Protocol):
    """What computes batches; pickled on its way to a worker.

    It gets the columns of parameters, the threads it may use and, within the driver's
    process, a function to call now and then with the number of finished cells. Results
    must depend on a cell's own parameters only.
    """

    def __call__(
        self, columns: Columns, n_threads: int, report: Report | None = None
    ) -> Results:
        """Compute a batch."""
        ...


def lost(count: int, reason: str) -> Results:
    """Return the results of cells that took their process with them."""
    return Results(
        {},
        np.full(count, Status.PROCESS_LOST, dtype=np.int8),
        np.full(count, np.nan),
        dict.fromkeys(range(count), reason),
    )
