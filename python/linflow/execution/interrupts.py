"""Ctrl-C at a moment when it can be answered."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a block; a second one does not wait.

    Python raises it between any two instructions, so that a batch could be counted and
    not be written. An error of the block's own goes first.
    """
    answer = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(
        answer
    ):  # it can't happen here
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append((number, frame))
        signal.signal(signal.SIGINT, answer)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)
    if caught:
        answer(*caught[0])
