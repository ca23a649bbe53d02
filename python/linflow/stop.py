"""Stop rules: when a run ends. Pass one of them or a sequence as ``stop=``.

Within one step the rule with the lower status number wins (see `linflow.Status`).
Divergence always ends a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from linflow import _validate as validate
from linflow._core import stop as core

__all__ = [
    "Rule",
    "max_steps",
    "published",
    "test_rising",
    "train_below",
    "train_stalled",
]


class Rule:
    """Base of all stop rules."""

    def _plain(self) -> None:
        """Keep NumPy's numbers as Python's, which print as they were written."""
        for name, value in vars(self).items():
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())


@dataclass(frozen=True)
class max_steps(Rule):
    """Stop after `steps` steps."""

    steps: int

    def __post_init__(self) -> None:
        validate.integer("max_steps", self.steps, at_least=0)
        self._plain()


@dataclass(frozen=True)
class train_below(Rule):
    """Stop when the train error is less than `level`."""

    level: float

    def __post_init__(self) -> None:
        validate.real("train_below", self.level, above=0)
        self._plain()


@dataclass(frozen=True)
class train_stalled(Rule):
    """Stop when the train error changes by less than `change` in a step.

    Only once it has fallen by more than `drop` since the start, so that the plateau
    before learning begins does not count.
    """

    change: float
    drop: float = 0.0

    def __post_init__(self) -> None:
        validate.real("train_stalled: change", self.change, above=0)
        validate.real("train_stalled: drop", self.drop, at_least=0)
        self._plain()


@dataclass(frozen=True)
class test_rising(Rule):
    """Stop when the test error rose in `times` steps running, later than step `after`.

    Needs a task with a known truth.
    """

    __test__ = False  # not a test for pytest to collect

    times: int = 2
    after: int = 0

    def __post_init__(self) -> None:
        validate.integer("test_rising: times", self.times, at_least=1)
        validate.integer("test_rising: after", self.after, at_least=0)
        self._plain()


published: tuple[Rule, ...] = (
    max_steps(750),
    train_below(1e-3),
    train_stalled(change=2e-4, drop=1e-2),
    test_rising(times=2, after=3),
)
"""The protocol of figure 2 of Tu, Aranguri, Jacot (arXiv 2405.17580), theory §8."""


def combine(
    stop: Rule | Iterable[Rule] | None, steps: int | None, *, has_truth: bool
) -> core.StopRules:
    """Return the core's form of some rules and a number of steps.

    Raises
    ------
    TypeError
        When `stop` holds anything but rules.
    ValueError
        When two rules of a kind are given, none limits the number of steps, or the
        test error is asked for without a truth.
    """
    if stop is None:
        rules: list[Any] = []
    elif isinstance(stop, Rule):
        rules = [stop]
    elif isinstance(stop, Iterable) and not isinstance(stop, str):
        rules = list(stop)
    else:
        rules = [stop]
    if steps is not None:
        steps = validate.integer("max_steps", steps, at_least=0)
        limits = [rule.steps for rule in rules if isinstance(rule, max_steps)]
        rules = [rule for rule in rules if not isinstance(rule, max_steps)]
        rules.append(max_steps(min([steps, *limits])))
    words: dict[str, Any] = {}
    for rule in rules:
        if isinstance(rule, max_steps):
            new: dict[str, Any] = {"max_steps": rule.steps}
        elif isinstance(rule, train_below):
            new = {"train_below": rule.level}
        elif isinstance(rule, train_stalled):
            new = {"stall_change": rule.change, "stall_drop": rule.drop}
        elif isinstance(rule, test_rising):
            if not has_truth:
                message = (
                    "stop: test_rising needs the test error, and the task has no "
                    "truth; give Task(..., truth=...) or leave the rule out"
                )
                raise ValueError(message)
            new = {"rising_times": rule.times, "rising_after": rule.after}
        else:
            message = (
                "stop must be a rule of linflow.stop (max_steps, train_below, "
                f"train_stalled, test_rising, published) or a sequence, not {rule!r}"
            )
            raise TypeError(message)
        if words.keys() & new.keys():
            message = f"stop holds two rules of one kind: {type(rule).__name__}"
            raise ValueError(message)
        words |= new
    if "max_steps" not in words:
        message = "max_steps must be given, as an argument or as a rule in stop"
        raise ValueError(message)
    return core.StopRules(**words)
