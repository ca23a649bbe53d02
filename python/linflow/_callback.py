"""What a user's function is told at the save points of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from linflow._core import Array

    Callback = Callable[[float, Array], Any]


def check(callback: Any) -> Callback | None:
    """Return it; refuse what can't be called."""
    if callback is not None and not callable(callback):
        message = f"callback must be a function of (time, A), or None, not {callback!r}"
        raise TypeError(message)
    checked: Callback | None = callback
    return checked


def at_steps(callback: Callback | None, step_size: float) -> Callback | None:
    """Return it as the core calls it, with the number of the step."""
    if callback is None:
        return None
    return lambda step, product: callback(step_size * step, product)


def at_times(callback: Callback | None, times: Array, unit: float) -> Callback | None:
    """Return it as the core calls it, with the time's number, and A over `unit`."""
    if callback is None:
        return None
    return lambda point, product: callback(float(times[int(point)]), unit * product)
