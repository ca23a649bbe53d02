"""The core's form of a task's cost, for dynamics that take any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from linflow import _validate as validate
from linflow._core import cost as core
from linflow.task import CustomTask

if TYPE_CHECKING:
    from linflow._core import Array
    from linflow.task import Task


def core_cost(task: Task, dtype: Literal["float64", "float32"]) -> Any:
    """Return the core's cost object of a task in a precision."""

    def matrix(array: Any) -> Any:
        return None if array is None else np.asfortranarray(array, dtype=dtype)

    if isinstance(task, CustomTask):
        user: Any = core.User64 if dtype == "float64" else core.User32
        return user(
            d_out=task.shape[0],
            d_in=task.shape[1],
            gradient=task.gradient,
            cost=task.cost,
            truth=matrix(task.truth),
        )
    quadratic: Any = core.Quadratic64 if dtype == "float64" else core.Quadratic32
    covariance = task.input_covariance
    return quadratic(
        target=matrix(task.target),
        truth=matrix(task.truth),
        covariance=matrix(covariance),
        mask=matrix(task.mask),
        curvature=1.0
        if covariance is None
        else float(np.linalg.eigvalsh(covariance)[-1]),
        basis=_shared_basis(task, dtype),
    )


# By task, its target and the bases in each precision.
_BASES: WeakKeyDictionary[Task, tuple[Array, dict[str, Any]]] = WeakKeyDictionary()


def _shared_basis(task: Task, dtype: Literal["float64", "float32"]) -> Any:
    """Return where the core keeps the singular basis of a task's target."""
    empty: Any = core.TargetBasis64 if dtype == "float64" else core.TargetBasis32
    target, bases = _BASES.setdefault(task, (task.target, {}))
    if target is not task.target:  # it was given another one
        _BASES[task] = task.target, (bases := {})
    return bases.setdefault(dtype, empty())


def layer_rates(learning_rates: Any, depth: int) -> tuple[float, ...]:
    """Return one learning rate per layer; the default (1, 1) fits any depth."""
    if isinstance(learning_rates, tuple) and learning_rates == (1.0, 1.0):
        learning_rates = 1.0
    rates = validate.rates("learning_rates", learning_rates, depth)
    if max(rates) == 0:
        message = "learning_rates must not all be 0: nothing would move"
        raise ValueError(message)
    return rates


def has_train_error(task: Task) -> bool:
    """Whether the train error is known: not for a gradient without a cost."""
    return not (isinstance(task, CustomTask) and task.cost is None)


def task_errors(task: Task, products: Array) -> Array:
    """Return the train error of output maps (time, d_out, d_in); NaN without a cost."""
    if isinstance(task, CustomTask):
        if task.cost is None:
            return np.full(len(products), np.nan)
        at_zero = float(task.cost(np.zeros(task.shape)))
        unit = at_zero if np.isfinite(at_zero) and at_zero != 0 else 1.0
        return np.array([float(task.cost(A)) / unit for A in products])
    G = products - task.target
    square = G**2
    if task.input_covariance is not None:
        square = (G @ task.input_covariance) * G
    if task.mask is not None:
        return np.asarray(square[:, task.mask].mean(axis=1))
    return np.asarray(square.mean(axis=(1, 2)))
