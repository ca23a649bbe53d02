"""What an integrated flow holds at its peak, checked before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from linflow import _validate as validate

if TYPE_CHECKING:
    from linflow.task import Task

STATES = {"auto": 24, "dop853": 24, "splitting": 24, "etdrk4": 23}
"""Vectors as large as the layers that a method holds at its peak; 16 in others."""


def check(
    task: Task,
    method: str,
    points: int,
    top: int,
    kept: int,
    state: int,
    precision: Literal["float64", "float32"],
) -> None:
    """Refuse a run whose save points and workspace would not fit.

    The workspace as measured; beside states, output maps: those of the task, of the
    cost, and of save points in a step.
    """
    word = np.dtype(precision).itemsize
    workspace = STATES.get(method, 16) * state + 17.0 * task.shape[0] * task.shape[1]
    validate.memory(
        f"a flow with {points} save points",
        points * (24.0 + 8.0 * top + word * kept) + word * workspace,
        "give fewer times, or keep less at each",
    )
