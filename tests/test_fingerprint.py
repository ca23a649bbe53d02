"""What a store takes for the same settings: by what they hold, not how they print."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

import linflow as lf
from linflow._fingerprint import word

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = np.arange(5000.0)
OTHER = np.where(LONG == 2500.0, 7.0, LONG)
MAKERS: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (lf.Task, np.eye(3), np.diag([1.0, 2.0, 3.0])),
    (lambda one: lf.Network(one, one), np.eye(3), 2 * np.eye(3)),
    (lambda one: lf.Weights(one, one), np.eye(3), 2 * np.eye(3)),
    (lambda variance: lf.Gaussian(9, variance), 0.1, 0.2),
    (lambda one: [lf.Task(one)], np.eye(3), 2 * np.eye(3)),
    (lambda one: [one.copy()], LONG, OTHER),
    (lambda one: {"long": one.copy()}, LONG, OTHER),
    (lambda one: [np.array([one])], 1.0, 1.0 + 1e-12),
    (xr.DataArray, LONG, OTHER),
    (lambda last: [*range(999), last], 1, 2),
    (np.random.default_rng, 0, 1),
    (lambda names: set(names.split()), "a b c", "a b d"),
    (lambda mask: np.ma.masked_array([1.0, 2.0], mask), [0, 1], [0, 0]),
    (lambda one: functools.partial(max, one), LONG, OTHER),
    (Path, "a", "b"),
    (lambda one: one, 0.5, 0.25),
]


@pytest.mark.parametrize(("make", "one", "two"), MAKERS)
def test_equal_values_have_one_word(
    make: Callable[[Any], Any], one: Any, two: Any
) -> None:
    assert word(make(one)) == word(make(one))
    assert word(make(one)) != word(make(two))


def test_words_do_not_depend_on_order_types_of_numbers_or_memory() -> None:
    assert word({"b": 1, "a": 2.0}) == word({"a": np.float64(2.0), "b": np.int64(1)})
    assert word([np.eye(3)[:, :2]]) == word([np.eye(3)[:, :2].copy()])
    assert word(1) != word(1.0)
    itself: list[Any] = []
    itself.append(itself)
    assert word(itself) == word(itself)


def test_words_are_the_same_in_another_process() -> None:
    code = (
        "import numpy as np, linflow as lf\n"
        "from linflow._fingerprint import word\n"
        "print(word([{'b', 'a', 'c'}, lf.Task(np.eye(3)), np.random.default_rng(0)]))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] != ""


def first(x: float, task: lf.Task) -> float:
    return float(x * task.target[0, 0])


class Scaled:
    """What is swept holds a number."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, x: float) -> float:
        """Return a multiple."""
        return self.scale * x

    def method(self, x: float) -> float:
        """Return a multiple."""
        return self.scale * x


@pytest.mark.parametrize(
    "make",
    [
        lambda scale: (first, {"task": lf.Task([[scale]])}),
        lambda scale: (functools.partial(first, task=lf.Task([[scale]])), {}),
        lambda scale: (Scaled(scale), {}),
        lambda scale: (Scaled(scale).method, {}),
    ],
)
def test_a_store_of_another_task_is_refused(
    make: Callable[[float], tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    def run(scale: float) -> list[float]:
        function, fixed = make(scale)
        words: dict[str, Any] = {"fixed": fixed, "progress": False}
        data = lf.sweep(function, {"x": [1.0, 2.0]}, store=tmp_path / "s", **words)
        values: list[float] = data.value.values.tolist()
        return values

    assert run(2.0) == run(2.0) == [2.0, 4.0]
    with pytest.raises(ValueError, match="was made with fixed = "):
        run(3.0)
