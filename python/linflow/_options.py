"""Keywords that runs share, checked once: stepped runs, and runs solved at times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from linflow import _grams as grams
from linflow import _spectral as spectral
from linflow import _validate as validate
from linflow._core import ensemble as core
from linflow._cost import has_train_error
from linflow._curves import TRACKS
from linflow.stop import combine
from linflow.task import check_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linflow._core import Array, Matrix
    from linflow._core.spectrum import SpectrumOptions
    from linflow._core.stop import StopRules
    from linflow.stop import Rule
    from linflow.task import Task

OBSERVABLES = ("train_error", "test_error", "singular_values")


def observables(
    task: Task, observe: Any, top: Any, *, more: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], int]:
    """Return what is observed and how many singular values; `more` may be, too.

    Errors that are not known (no truth, no cost) are left out; all singular values are
    the default up to min(shape) = 64, the top 8 beyond.
    """
    smaller = min(check_task("task", task).shape)
    observe = validate.choices(
        "observe", observe, OBSERVABLES + spectral.OBSERVABLES + more
    )
    if top is not None:
        top = validate.at_most("top", top, smaller)
    if "test_error" in observe and task.truth is None:
        observe = tuple(name for name in observe if name != "test_error")
    if not has_train_error(task):
        observe = tuple(name for name in observe if name != "train_error")
    if not {"singular_values", "alignment", *more} & set(observe):
        return observe, 0
    if top is None:
        return observe, smaller if smaller <= 64 else 8
    return observe, int(top)


@dataclass(frozen=True, kw_only=True)
class Observing:
    """What is observed of the spectrum, and how: shared by all runs."""

    top: int
    observe: tuple[str, ...]
    track: str

    def spectrum(self, task: Task, kappa: float | None) -> SpectrumOptions:
        """Return what the core is to record of the spectrum.

        Raises
        ------
        ValueError
            When that needs the threshold and `kappa` is None.
        """
        return spectral.options(
            task,
            observe=self.observe,
            top=self.top,
            track=self.track,
            kappa=kappa,
        )

    def spectral_fields(self, record: dict[str, Any], task: Task) -> dict[str, Any]:
        """Return the fields of a trajectory that the record of a spectrum gives."""
        return spectral.fields(record, task=task, observe=self.observe, top=self.top)

    @property
    def needs_order(self) -> bool:
        """Whether save points must be looked at one after the other, by matrix."""
        return self.track == "modes" or bool(
            set(self.observe) & set(spectral.OBSERVABLES)
        )


@dataclass(frozen=True, kw_only=True)
class Stepped(Observing):
    """Checked keywords of a stepped run."""

    step_size: float
    rules: StopRules
    save_every: int
    save_product: bool
    save_weights: bool
    save_gram: bool
    dtype: Literal["float64", "float32"]

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
        track: Any = "order",
        save_weights: bool = False,
        save_gram: bool = False,
    ) -> Stepped:
        """Check the keywords of a run before any work starts."""
        observe, top = observables(task, observe, top)
        track = validate.choice("track", track, TRACKS)
        save_product = validate.flag("save_product", save_product)
        save_every = validate.integer("save_every", save_every, at_least=1)
        rules = combine(stop, max_steps, has_truth=task.truth is not None)
        points = rules.max_steps // save_every + 2
        size = 8.0 if not save_product else 8.0 + 8.0 * task.shape[0] * task.shape[1]
        validate.memory(
            f"a run of up to {points} save points",
            points * (88.0 + 24.0 * top)
            + (points * 16.0 * top**2 if "alignment" in observe else 0.0)
            + (points * size if save_product else 0.0),
            "raise save_every or lower max_steps",
        )
        return cls(
            step_size=validate.real("step_size", step_size, above=0),
            rules=rules,
            save_every=save_every,
            top=top,
            save_product=save_product,
            save_weights=validate.flag("save_weights", save_weights),
            save_gram=validate.flag("save_gram", save_gram),
            dtype=validate.dtype(dtype),
            observe=observe,
            track=track,
        )

    def check_memory(self, task: Task, layers: Sequence[Array] = ()) -> None:
        """Refuse a run whose weights or Gram matrices at save points would not fit."""
        each = sum(8.0 * layer.size for layer in layers)
        kept = each if self.save_weights or self.save_gram else 0.0
        kept += grams.bytes_needed(task.shape) if self.save_gram else 0.0
        points = self.rules.max_steps // self.save_every + 2
        validate.memory(
            f"the states of a run of up to {points} save points",
            points * kept,
            "raise save_every or lower max_steps",
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


@dataclass(frozen=True, kw_only=True)
class Timed(Observing):
    """Checked keywords of a run that is solved at given times."""

    times: Array
    save_product: bool
    save_gram: bool
    dtype: Literal["float64", "float32"]
    n_threads: int

    @classmethod
    def check(
        cls,
        task: Task,
        *,
        times: Any,
        observe: Any,
        top: Any,
        save_product: bool,
        dtype: Any,
        n_threads: Any,
        track: Any = "order",
        save_gram: bool = False,
        matrices: tuple[int, int] = (15, 5),
    ) -> Timed:
        """Check the keywords before any work starts.

        At its peak the solution holds `matrices` of side d_out + d_in, as measured: so
        many at first, and so many in each thread.
        """
        for name in ("input_covariance", "mask"):
            if getattr(task, name, None) is not None:
                message = (
                    f"task has a {name.replace('_', ' ')}: no closed form is known for "
                    "it; use gradient_flow"
                )
                raise ValueError(message)
        observe, top = observables(task, observe, top)
        track = validate.choice("track", track, TRACKS)
        save_product = validate.flag("save_product", save_product)
        save_gram = validate.flag("save_gram", save_gram)
        checked = validate.times("times", times, infinite=True)
        points = len(checked)
        precision = validate.dtype(dtype)
        threads = 0 if n_threads is None else n_threads
        if n_threads is not None:
            threads = min(validate.integer("n_threads", n_threads, at_least=1), points)
        at_once, each = matrices
        held = at_once + each * min(threads or core.default_threads(), points)
        # Modes and what is more than values are looked at once all times are solved.
        kept = int(save_product)
        if track == "modes" or set(observe) & set(spectral.OBSERVABLES):
            kept += 2
        validate.memory(
            f"a run of {points} times",
            points * (24.0 + 8.0 * top + 8.0 * task.shape[0] * task.shape[1] * kept)
            + (points * grams.bytes_needed(task.shape) if save_gram else 0.0)
            + float(np.dtype(precision).itemsize) * held * sum(task.shape) ** 2,
            "ask for fewer times, leave save_product off or observe less",
        )
        return cls(
            times=checked,
            top=top,
            save_product=save_product,
            save_gram=save_gram,
            dtype=precision,
            observe=observe,
            track=track,
            n_threads=threads,
        )

    def matrix(self, array: Array) -> Matrix:
        """Return a matrix in the run's precision and the core's order."""
        return np.asfortranarray(array, dtype=self.dtype)

    def keywords(self, time_unit: float) -> dict[str, Any]:
        """Return the keywords that the core's solutions share."""
        return {
            "times": time_unit * self.times,
            "top": self.top,
            "save_product": self.save_product or self.needs_order,
            "n_threads": self.n_threads,
        }
