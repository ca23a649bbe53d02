"""How each dynamics goes on from one task to the next; `learn_sequence` calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _callback as callbacks
from linflow import _validate as validate
from linflow.closed_form import closed_form
from linflow.deep import DeepNetwork
from linflow.descent import gradient_descent
from linflow.flow import gradient_flow
from linflow.initial import any_network, initial_network
from linflow.lazy import lazy
from linflow.network import Network
from linflow.self_consistent import balanced, self_consistent
from linflow.task import Task

if TYPE_CHECKING:
    from linflow._callback import Callback
    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.trajectory import Trajectory

DYNAMICS: dict[str, Any] = {
    "closed_form": closed_form,
    "gradient_flow": gradient_flow,
    "gradient_descent": gradient_descent,
    "self_consistent": self_consistent,
    "balanced": balanced,
    "lazy": lazy,
}
ANY_COST = ("gradient_flow", "gradient_descent")
WITH_NETWORK = ("closed_form", *ANY_COST)
OF_SPECTRA = ("observe", "top", "track")
NOT_HERE = ("task", "init", "save_product", "raise_on_failure")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Checked tasks, dynamics and times of a sequence."""

    dynamics: str
    tasks: tuple[Task, ...]
    times: tuple[Array, ...] | None
    extend: float
    keywords: dict[str, Any]

    @classmethod
    def check(
        cls,
        dynamics: str,
        tasks: tuple[Task, ...],
        times: Any,
        extend: float | None,
        keywords: dict[str, Any],
    ) -> Plan:
        """Check what can be checked before any work starts."""
        dynamics = validate.choice("dynamics", dynamics, DYNAMICS)
        for name in NOT_HERE:
            if name in keywords:
                message = f"{name} must not be given: a sequence sets it itself"
                raise TypeError(message)
        for name in OF_SPECTRA if dynamics == "lazy" else ():
            if name in keywords:
                message = (
                    f"{name} must not be given for lazy here: its runs have errors and "
                    "products, no spectra"
                )
                raise ValueError(message)
        stepped = dynamics == "gradient_descent" or (
            dynamics == "self_consistent" and "step_size" in keywords
        )
        if stepped != (times is None):
            message = (
                "times must be None for stepped dynamics, which have step_size and "
                f"max_steps, and given for others; {dynamics} has {times!r}"
            )
            raise ValueError(message)
        for i, task in enumerate(tasks):
            if dynamics not in ANY_COST and not task.plain:
                message = (
                    f"tasks[{i}] must have the plain mean squared error for "
                    f"{dynamics}, not {task!r}; use gradient_flow"
                )
                raise ValueError(message)
        if extend is not None and dynamics not in WITH_NETWORK:
            message = (
                f"extend must be None for {dynamics}, which has no network to extend; "
                f"use one of {list(WITH_NETWORK)}"
            )
            raise ValueError(message)
        return cls(
            dynamics=dynamics,
            tasks=tasks,
            times=None
            if times is None
            else _times(times, len(tasks), infinite=dynamics not in ANY_COST),
            extend=validate.real("extend", extend or 0.0, at_least=0),
            keywords=keywords,
        )

    def run(self, init: Any, rng: RngLike) -> tuple[Trajectory, ...]:
        """Learn task after task."""
        if self.dynamics == "lazy":
            return self._run_lazy(init, rng)
        runs: list[Trajectory] = []
        levels: dict[str, Any] = {}
        for index, task in enumerate(self.tasks):
            if runs:
                init = self._go_on(runs[-1], first=init)
                if init.shape != task.shape:
                    more = np.subtract(task.shape, init.shape)
                    init = init.extend(
                        *(int(n) for n in more), variance=self.extend, rng=rng
                    )
                levels = self._levels(runs[-1], init)
            else:
                init = any_network(init, task, rng)
                self._check_depth(init)
            run = self._learn(index, task, init, levels)
            runs.append(run)
        return tuple(runs)

    def _check_depth(self, network: Network) -> None:
        """Refuse to extend a deep network before it has learned anything."""
        grows = self.tasks[-1].shape != self.tasks[0].shape
        if grows and isinstance(network, DeepNetwork):
            message = (
                "init must have two layers for tasks of growing shapes, not "
                f"{len(network.layers)}"
            )
            raise ValueError(message)

    def _learn(
        self, index: int, task: Task, init: Network, levels: dict[str, Any]
    ) -> Trajectory:
        timed = {} if self.times is None else {"times": self.times[index]}
        run: Trajectory = DYNAMICS[self.dynamics](
            task, init, save_product=True, **timed, **(levels | self.keywords)
        )
        return run

    def _go_on(self, run: Trajectory, first: Network) -> Network:
        """Return the network that the next task starts from."""
        if self.dynamics in WITH_NETWORK:
            assert run.network is not None  # a run that failed has raised
            return run.network
        # The formulas need A alone, and the law that the first network had.
        A = run.last_product / self.keywords.get("scale", 1.0)
        return Network(A, np.eye(len(A)), law=first.law)

    def _levels(self, run: Trajectory, network: Network) -> dict[str, Any]:
        """Return the levels to go on with where the network has no law to tell them.

        They belong to the conserved balance matrix; fitted once, they stay.
        """
        if self.dynamics != "closed_form" or network.law is not None:
            return {}
        if {"lam", "mu"} & self.keywords.keys() or run.product is None:
            return {}
        if run.product.shape[1:] != network.shape:
            return {}
        return {"lam": run.lam, "mu": run.mu}

    def _run_lazy(self, init: Any, rng: RngLike) -> tuple[Trajectory, ...]:
        """Keep the kernel of the start: by linearity, with the target moved instead.

        ``A(t) = T + E(t) (A(0) - T)`` from another A(0) is the solution from the
        network's own W2 W1, towards T + D, less D = W2 W1 - A(0).
        """
        network = initial_network(init, self.tasks[0], rng)
        keywords = self.keywords | {"observe": ("train_error", "test_error")}
        callback = callbacks.check(self.keywords.get("callback"))
        own = self.keywords.get("scale", 1.0) * network.product
        now = own
        runs: list[Trajectory] = []
        assert self.times is not None  # checked: lazy has no step size
        for task, times in zip(self.tasks, self.times, strict=True):
            shift = own - now
            moved = Task(
                task.target + shift,
                truth=None if task.truth is None else task.truth + shift,
            )
            if callback is not None:
                keywords["callback"] = _shifted(callback, shift)
            try:
                run = lazy(moved, network, times=times, save_product=True, **keywords)
            except BaseException as error:
                for name in ("trajectory", "partial"):
                    _move(getattr(error, name, None), shift)
                raise
            _move(run, shift)
            now = run.last_product
            runs.append(run)
        return tuple(runs)


def _shifted(callback: Callback, shift: Array) -> Callback:
    """Return it as it is called with an output map of the moved target."""
    return lambda time, product: callback(time, product - shift)


def _move(run: Trajectory | None, shift: Array) -> None:
    """Take the output map of a run back from the moved target."""
    if run is not None and run.product is not None:
        run.product = run.product - shift
        run.last_product = run.last_product - shift


def _times(times: Any, count: int, *, infinite: bool) -> tuple[Array, ...]:
    """Return the times of each task from one array for all or one for each."""
    several = isinstance(times, list | tuple) and any(np.ndim(one) > 0 for one in times)
    if not several:
        return (validate.times("times", times, infinite=infinite),) * count
    if len(times) != count:
        message = (
            f"times must be one array, or one for each of {count} tasks, not for "
            f"{len(times)}"
        )
        raise ValueError(message)
    return tuple(
        validate.times(f"times[{i}]", one, infinite=infinite)
        for i, one in enumerate(times)
    )
