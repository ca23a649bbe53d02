"""Why a run ended: one enumeration, and the exceptions that carry what was computed."""

from __future__ import annotations

import enum
from typing import Any


class Status(enum.IntEnum):
    """How a run ended. Positive: by a rule; negative: it failed; zero: not run."""

    PENDING = 0
    REACHED_END = 1
    TRAIN_BELOW = 2
    TRAIN_STALLED = 3
    TEST_RISING = 4
    EVENT = 5
    DIVERGED = -1
    STEP_UNDERFLOW = -2
    USER_ERROR = -3
    PROCESS_LOST = -4

    @property
    def message(self) -> str:
        """What the status means, in words."""
        return _MESSAGES[self]


_MESSAGES = {
    Status.PENDING: "not run to its end",
    Status.REACHED_END: "reached the last step or time",
    Status.TRAIN_BELOW: "train error fell below the level asked for",
    Status.TRAIN_STALLED: "train error stalled",
    Status.TEST_RISING: "test error kept rising",
    Status.EVENT: "a terminal event",
    Status.DIVERGED: "diverged: the train error is not finite; use a smaller step",
    Status.STEP_UNDERFLOW: "the step size fell below the resolution of time",
    Status.USER_ERROR: "a user's function raised",
    Status.PROCESS_LOST: "the process that computed it was lost",
}


class RunFailed(RuntimeError):
    """A run failed; ``.trajectory`` holds what was computed until then."""

    def __init__(self, message: str, trajectory: Any) -> None:
        super().__init__(message)
        self.trajectory = trajectory

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way back from another process."""
        return type(self), (str(self), self.trajectory)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during long work; ``.partial`` holds what was finished by then.

    `partial` is a `Trajectory` up to the interrupted step, or a data set in which the
    cells that were not finished have status 0. The message is ``.when`` it was
    interrupted and where to find what there is.
    """

    def __init__(
        self, when: str, partial: Any, where: str = ".partial holds what was finished"
    ) -> None:
        super().__init__(f"{when}; {where}")
        self.when = when
        self.partial = partial
        self._where = where

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way back from another process."""
        return type(self), (self.when, self.partial, self._where)
