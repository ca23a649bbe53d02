"""Which cells go into the next batch; what becomes of one whose process was lost."""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from linflow.store.table import FAILED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from linflow.store.results import Results

TARGET = 1.0  # s: what a lost worker costs, and hundreds of times what a batch does
ROUNDS = 16
LARGEST = 16384
BYTES = 2**25  # of a chunk
ROOM = 8  # the first cells cost most; what later batches leave empty is not stored


@dataclass(frozen=True)
class Batch:
    """Some cells to be computed together."""

    cells: NDArray[np.int64]
    alone: bool = False  # in a process of its own
    again: bool = False  # after it was lost there before

    def after_loss(self) -> list[Batch] | None:
        """Return what to try when its process was lost; None when it is to blame.

        Any batch that shared a pool with the culprit is lost with it, so each is tried
        alone; one lost alone is halved until a single cell is left, which gets one more
        chance.
        """
        if not self.alone:
            return [Batch(self.cells, alone=True)]
        if self.cells.size > 1:
            return [Batch(half, alone=True) for half in np.array_split(self.cells, 2)]
        return None if self.again else [Batch(self.cells, alone=True, again=True)]


class Queue:
    """Cells to be computed, in order, handed out in batches that take about a second.

    The first batches are single cells, or some rounds of as many as the core computes
    `together`. What they take fixes the size of a chunk, unless that is given; the size
    of later batches follows the pace, and towards the end they get smaller, so that all
    workers end together, but not below those rounds: a place that a short cell leaves
    is then taken by another one.
    """

    def __init__(
        self,
        cells: NDArray[np.int64],
        *,
        given: int | None,
        chunk: int | None,
        together: int = 1,
    ) -> None:
        self._cells = cells
        self._next = 0
        self._retries: collections.deque[Batch] = collections.deque()
        self._given = given
        self._together = together
        self._pace = 0.0  # s per cell
        self.chunk = chunk or given

    @property
    def alone(self) -> bool:
        """Whether the next batch is to run alone."""
        return bool(self._retries) and self._retries[0].alone

    def __bool__(self) -> bool:
        return bool(self._retries) or self._next < self._cells.size

    def take(self, workers: int) -> Batch:
        """Return the next batch."""
        if self._retries:
            return self._retries.popleft()
        first, self._next = self._next, self._next + self._count(workers)
        return Batch(self._cells[first : self._next])

    def _count(self, workers: int) -> int:
        if self._given is not None:
            return min(self._given, self.chunk or self._given)
        # A quarter of an even share: the cells that cost most come first.
        share = (self._cells.size - self._next) // (4 * workers)
        if not self._pace:
            count = max(self._together, min(share, self._least))
        else:
            second = int(TARGET / self._pace)
            count = max(self._least, min(second, max(share, second // 64)))
        return min(count, self.chunk or count)

    @property
    def _least(self) -> int:
        return 1 if self._together == 1 else ROUNDS * self._together

    def retry(self, batches: list[Batch]) -> None:
        """Hand these out next."""
        self._retries.extend(batches)

    def learn(self, results: Results) -> None:
        """Take the pace, and at first the size of a chunk, from what came back."""
        good = ~np.isin(results.status, FAILED)
        seconds = results.duration[good]
        if seconds.size:
            latest = float(seconds.mean())
            self._pace = max(latest, 0.5 * (self._pace + latest))
        if self.chunk is None:
            most = 8.0
            if seconds.size:
                rows = sum(one[0].nbytes for one in results.values.values()) + 1
                room = ROOM * TARGET / max(self._pace, 1e-9)
                most = min(LARGEST, BYTES // rows, room, self._cells.size)
            self.chunk = 1 << max(0, int(np.log2(max(most, self._least))))
