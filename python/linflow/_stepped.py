"""What all stepped dynamics share: their keywords, checked once, and their progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from linflow import _validate as validate
from linflow.stop import combine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linflow._core import Array, Matrix
    from linflow._core.stop import StopRules
    from linflow.stop import Rule
    from linflow.task import Task

OBSERVABLES = ("train_error", "test_error", "singular_values")


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """Checked keywords of a stepped run."""

    step_size: float
    rules: StopRules
    save_every: int
    top: int
    save_product: bool
    dtype: Literal["float64", "float32"]
    observe: tuple[str, ...]

    @classmethod
    def check(
        cls,
        task: Task,
        *,
        step_size: Any,
        max_steps: Any,
        save_every: Any,
        stop: Rule | Iterable[Rule] | None,
        observe: Any,
        top: Any,
        save_product: bool,
        dtype: Any,
    ) -> Stepped:
        """Check the keywords of a run before any work starts."""
        smaller = min(task.shape)
        observe = validate.choices("observe", observe, OBSERVABLES)
        if "test_error" in observe and task.truth is None:
            observe = tuple(name for name in observe if name != "test_error")
        if "singular_values" not in observe:
            top = 0
        elif top is None:
            top = smaller if smaller <= 64 else 8
        else:
            top = validate.integer("top", top, at_least=1)
            if top > smaller:
                message = f"top must be at most min(shape) = {smaller}, not {top}"
                raise ValueError(message)
        save_every = validate.integer("save_every", save_every, at_least=1)
        rules = combine(stop, max_steps, has_truth=task.truth is not None)
        points = rules.max_steps // save_every + 2
        size = 8.0 if not save_product else 8.0 + 8.0 * task.target.size
        validate.memory(
            f"a run of up to {points} save points",
            points * (24.0 + 8.0 * top) + (points * size if save_product else 0.0),
            "raise save_every or lower max_steps",
        )
        return cls(
            step_size=validate.real("step_size", step_size, above=0),
            rules=rules,
            save_every=save_every,
            top=top,
            save_product=bool(save_product),
            dtype=validate.dtype(dtype),
            observe=observe,
        )

    def matrix(self, array: Array) -> Matrix:
        """Return a matrix in the run's precision and the core's order."""
        return np.asfortranarray(array, dtype=self.dtype)

    def keywords(self) -> dict[str, Any]:
        """Return the keywords that the core's runs share."""
        return {
            "step_size": self.step_size,
            "stop": self.rules,
            "save_every": self.save_every,
            "top": self.top,
            "save_product": self.save_product,
        }
