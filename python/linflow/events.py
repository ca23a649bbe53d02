"""Events of a gradient flow: what is watched for, and whether it ends the run.

Pass one of them, a function ``g(t, A)``, or a sequence as ``events=``. Each is located
on the solver's dense output and recorded in ``Trajectory.events``; a terminal one ends
the run there, with status `Status.EVENT`. A function is an event where its value
changes sign; attributes ``terminal`` (True or False) and ``direction`` (its sign) of it
count as in SciPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from linflow import _validate as validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linflow._core import Array
    from linflow.task import Task

    # kind, level, mode, direction, terminal, function: the core's form of a rule
    CoreRule = tuple[int, float, int, int, bool, Callable[[float, Array], float] | None]

__all__ = ["Event", "function", "mode_crosses", "test_minimum", "train_below"]


class Event:
    """Base of all events."""


@dataclass(frozen=True)
class mode_crosses(Event):
    """A singular value of the output map crosses a level.

    `level` is "kappa" (the threshold between lazy and active, of a start with a known
    law) or a number > 0; `mode` counts from 0, the largest, and None is every mode;
    `direction` is +1 for upward crossings only, -1 for downward, 0 for both.
    """

    level: float | Literal["kappa"] = "kappa"
    mode: int | None = None
    direction: int = 0
    terminal: bool = False

    def __post_init__(self) -> None:
        if self.level != "kappa":
            validate.real("mode_crosses: level", self.level, above=0)
        if self.mode is not None:
            validate.integer("mode_crosses: mode", self.mode, at_least=0)
        _check_direction("mode_crosses", self.direction)
        _check_terminal("mode_crosses", self.terminal)


@dataclass(frozen=True)
class train_below(Event):
    """The train error falls below `level`."""

    level: float
    terminal: bool = False

    def __post_init__(self) -> None:
        validate.real("train_below: level", self.level, above=0)
        _check_terminal("train_below", self.terminal)


@dataclass(frozen=True)
class test_minimum(Event):
    """The test error passes a minimum. Needs a task with a known truth.

    Once the test error rests within the run's `rtol`, the solver's own errors may make
    further ones.
    """

    __test__ = False  # not a test for pytest to collect

    terminal: bool = False

    def __post_init__(self) -> None:
        _check_terminal("test_minimum", self.terminal)


@dataclass(frozen=True)
class function(Event):
    """A function ``g(t, A) -> float`` of time and output map changes sign.

    It is asked in the middle and at the end of each step, and where it is then located:
    of two changes within half a step neither is seen.
    """

    g: Callable[[float, Any], float]
    direction: int = 0
    terminal: bool = False
    name: str = "function"

    def __post_init__(self) -> None:
        if not callable(self.g):
            message = f"function: g must be a function of (t, A), not {self.g!r}"
            raise TypeError(message)
        _check_direction("function", self.direction)
        _check_terminal("function", self.terminal)


def rules(
    events: Any, task: Task, kappa: float | None, *, has_train_error: bool
) -> tuple[list[dict[str, Any]], list[CoreRule]]:
    """Return what each of the core's rules is called, and the rules.

    Raises
    ------
    TypeError
        When `events` holds anything but events and functions.
    ValueError
        When an event asks for what the run does not know.
    """
    if events is None:
        events = ()
    elif isinstance(events, Event) or not isinstance(events, Iterable):
        events = (events,)
    names: list[dict[str, Any]] = []
    core: list[CoreRule] = []
    for event in events:
        name: dict[str, Any] = {"name": type(event).__name__}
        if isinstance(event, mode_crosses):
            level = _level(event, kappa)
            for mode in _modes(event, min(task.shape)):
                names.append(name | {"mode": mode, "level": level})
                direction = int(event.direction)
                core.append((0, level, mode, direction, bool(event.terminal), None))
            continue
        if isinstance(event, train_below):
            if not has_train_error:
                message = "events: train_below needs a task with a cost"
                raise ValueError(message)
            name["level"] = event.level
            core.append((1, float(event.level), 0, -1, bool(event.terminal), None))
        elif isinstance(event, test_minimum):
            if task.truth is None:
                message = "events: test_minimum needs a task with a known truth"
                raise ValueError(message)
            core.append((2, 0.0, 0, 1, bool(event.terminal), None))
        elif isinstance(event, function):
            name["name"] = event.name
            direction = int(event.direction)
            core.append((3, 0.0, 0, direction, bool(event.terminal), event.g))
        elif callable(event) and not isinstance(event, type):
            name["name"] = getattr(event, "__name__", "function")
            sign = validate.real("events: direction", getattr(event, "direction", 0))
            terminal = getattr(event, "terminal", False)
            _check_terminal("events", terminal)
            core.append((3, 0.0, 0, int(np.sign(sign)), bool(terminal), event))
        else:
            message = (
                "events must be events of linflow.events (mode_crosses, train_below, "
                "test_minimum, function), functions g(t, A), or a sequence, not "
                f"{event!r}"
            )
            raise TypeError(message)
        names.append(name)
    return names, core


def found(
    names: list[dict[str, Any]],
    core: list[CoreRule],
    record: list[tuple[int, float, int]],
) -> list[dict[str, Any]]:
    """Return the events that the core found, named."""
    return [
        names[rule]
        | {"time": time, "direction": direction, "terminal": bool(core[rule][4])}
        for rule, time, direction in record
    ]


CROSSING_TIMES = "crossing_times"
"""What to observe for the times at which singular values exceed kappa, located."""


def crossing_rules(
    observe: Sequence[str], kappa: float | None, top: int
) -> list[CoreRule]:
    """Return the rules that locate when each singular value exceeds kappa, if asked."""
    if CROSSING_TIMES not in observe:
        return []
    if kappa is None:
        message = (
            "observe: 'crossing_times' needs the threshold kappa, which is known for "
            "Gaussian(...) and Balanced(...) with two layers and the plain cost; "
            "events=mode_crosses(level) takes any level"
        )
        raise ValueError(message)
    return [(0, kappa, mode, 1, False, None) for mode in range(top)]


def first_crossings(
    start: Array, level: float, top: int, record: Iterable[tuple[int, float, int]]
) -> Array:
    """Return when each singular value, by order, first exceeds the level.

    0 for one that starts above, NaN for one that never does.
    """
    values = np.linalg.svd(start, compute_uv=False)[:top]
    out = np.where(values > level, 0.0, np.nan)
    for mode, time, _ in record:
        if np.isnan(out[mode]):
            out[mode] = time
    return out


def of_modes(by_order: Array, interpolated: Array) -> Array:
    """Return the crossing times by order for modes: they are matched in sequence.

    The first crossing is that of the mode which the save points show to cross first.
    Where they show another number of crossings, what they show is all that is known.
    """
    if np.isnan(by_order).sum() != np.isnan(interpolated).sum():
        return interpolated
    out = np.empty_like(by_order)
    out[np.argsort(interpolated)] = np.sort(by_order)
    return out


def _level(event: mode_crosses, kappa: float | None) -> float:
    if event.level != "kappa":
        return float(event.level)
    if kappa is None:
        message = (
            "events: mode_crosses needs a level: kappa is not known for this start "
            "(it is for Gaussian(...) with two layers and the plain cost)"
        )
        raise ValueError(message)
    return kappa


def _modes(event: mode_crosses, count: int) -> range:
    if event.mode is None:
        return range(count)
    if event.mode >= count:
        message = f"events: mode must be below min(shape) = {count}, not {event.mode}"
        raise ValueError(message)
    return range(event.mode, event.mode + 1)


def _check_direction(name: str, direction: int) -> None:
    if direction not in (-1, 0, 1):
        message = f"{name}: direction must be -1, 0 or 1, not {direction!r}"
        raise ValueError(message)


def _check_terminal(name: str, terminal: object) -> None:
    """Refuse words, and SciPy's number of events after which a run ends."""
    whole = isinstance(terminal, int | np.integer | np.bool_)
    if not whole or terminal not in (0, 1):
        message = f"{name}: terminal must be True or False, not {terminal!r}"
        raise ValueError(message)
