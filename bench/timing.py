"""Side-by-side timing: the sides in turn, several rounds, medians with their spread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class Timing(NamedTuple):
    """Median seconds of one side, and the quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        unit, name = (1.0, "s") if self.median >= 1 else (1e3, "ms")
        return (
            f"{self.median * unit:.3g} {name} "
            f"({self.low * unit:.3g} to {self.high * unit:.3g})"
        )


def wall(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(
    sides: dict[str, Callable[[], float]], rounds: int
) -> tuple[dict[str, Timing], dict[str, np.ndarray]]:
    """Take each side's seconds in turn, after one round that does not count.

    Returns
    -------
    timings, seconds
        Per side: median and quartiles, and the seconds round by round (so that ratios
        can be taken within a round).
    """
    for side in sides.values():
        side()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            seconds[name].append(side())
    arrays = {name: np.array(values) for name, values in seconds.items()}
    timings = {
        name: Timing(*np.percentile(values, [50, 25, 75]))
        for name, values in arrays.items()
    }
    return timings, arrays


def header() -> str:
    """Return a line on what is measured."""
    import linflow as lf

    info = lf.build_info()
    return (
        f"linflow {info['version']}, {info['instruction_set']}, {info['compiler']}, "
        f"Eigen {info['eigen']}, NumPy {np.__version__}, {info['threads']} threads"
    )
