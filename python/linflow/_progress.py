"""Progress on stderr: a bar on a terminal or in a notebook, lines in a log file."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG_EVERY = 30.0  # s between the lines of a log


class Update(Protocol):
    """Takes the number done and, where there is more to say, a note."""

    def __call__(self, done: int, note: str = "") -> None:
        """Show it."""
        ...


@contextlib.contextmanager
def bar(
    show: bool | Callable[[int], Any], total: int, unit: str, done: int = 0
) -> Iterator[Update | None]:
    """Yield a function that takes the number done, or None when nothing is shown.

    Parameters
    ----------
    show
        True for a bar, or lines where stderr is a file; False for nothing; or a
        function that is called instead with the number done.
    total
        How many there are.
    unit
        What is counted.
    done
        How many were done before, which do not count for the rate.
    """
    if callable(show):

        def call(done: int, note: str = "") -> None:
            show(done)

        yield call
        return
    if not show:
        yield None
        return
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        log = _Log(total, unit, done)
        try:
            yield log
        finally:
            log.close()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=unit, leave=False, initial=done) as shown:

        def update(done: int, note: str = "") -> None:
            if note:
                shown.set_postfix_str(note, refresh=False)
            shown.update(done - shown.n)

        yield update


class _Log:
    """Lines with rate and time left, for a stderr that nobody watches."""

    def __init__(self, total: int, unit: str, done: int) -> None:
        self.total, self.unit = total, unit
        self.before = self.done = done
        self.note = ""
        self.started = self.said = time.monotonic()

    def __call__(self, done: int, note: str = "") -> None:
        self.done, self.note = done, note
        if time.monotonic() - self.said >= LOG_EVERY:
            self.say()

    def say(self) -> None:
        self.said = time.monotonic()
        spent = self.said - self.started
        words = f"{self.done}/{self.total} {self.unit} in {spent:.0f} s"
        new = self.done - self.before
        if new and spent:
            rate = new / spent
            left = (self.total - self.done) / rate
            words += f", {rate:.3g} {self.unit}/s, {left:.0f} s left"
        if self.note:
            words += f"; {self.note}"
        print(words, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.said > self.started:  # short work leaves no lines
            self.say()
