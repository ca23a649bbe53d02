"""Progress: a bar on a terminal or in a notebook, lines on stderr in a log file."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG_EVERY = 30.0  # s between the lines of a log
NOTEBOOK_EVERY = 0.25
BLOCKS = 20  # in the bar of a notebook


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
        True for a bar, lines where stderr is a file, nothing where there is no stderr;
        False for nothing; or a function that is called instead with the number done.
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
    if not show or sys.stderr is None:  # as after 2>&-
        yield None
        return
    notebook = _in_notebook()
    if notebook or not sys.stderr.isatty():
        lines = _Notebook(total, unit, done) if notebook else _Log(total, unit, done)
        try:
            yield lines
        finally:
            lines.close()
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, leave=False, initial=done) as shown:

        def update(done: int, note: str = "") -> None:
            if note:
                shown.set_postfix_str(note, refresh=False)
            shown.update(done - shown.n)

        yield update


def _in_notebook() -> bool:
    """Whether a kernel shows what is displayed; importing one's packages is not it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class _Log:
    """Lines with rate and time left, for a stderr that nobody watches."""

    def __init__(self, total: int, unit: str, done: int) -> None:
        self.total, self.unit = total, unit
        self.before = self.done = done
        self.note = ""
        self.every = LOG_EVERY
        self.started = self.said = time.monotonic()

    def __call__(self, done: int, note: str = "") -> None:
        self.done, self.note = done, note
        if time.monotonic() - self.said >= self.every:
            self.say()

    def say(self) -> None:
        self.said = time.monotonic()
        self.show(self.words())

    def words(self) -> str:
        spent = self.said - self.started
        words = f"{self.done}/{self.total} {self.unit} in {spent:.0f} s"
        new = self.done - self.before
        if new and spent:
            rate = new / spent
            left = (self.total - self.done) / rate
            words += f", {rate:.3g} {self.unit}/s, {left:.0f} s left"
        if self.note:
            words += f"; {self.note}"
        return words

    def show(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.said > self.started:  # short work leaves no lines
            self.say()


class _Notebook(_Log):
    """One line that changes, and stays in the saved notebook as it ended.

    Not tqdm's widget, which needs ipywidgets (and warns without), shows nothing where
    its JavaScript does not run, and is saved as a bar at 0 %.
    """

    def __init__(self, total: int, unit: str, done: int) -> None:
        super().__init__(total, unit, done)
        self.every = NOTEBOOK_EVERY
        self.handle: Any = None

    def show(self, words: str) -> None:
        part = self.done / max(self.total, 1)
        full = int(BLOCKS * part)
        bar = "█" * full + "░" * (BLOCKS - full)
        data = {"text/plain": f"{100 * part:3.0f} % {bar} {words}"}
        if self.handle is None:
            from IPython.display import display

            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)
