"""Side-by-side timing: the sides in turn, several rounds, medians with their spread."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Timing(NamedTuple):
    """Median seconds of one side, and the quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        for unit, name in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):  # noqa: B007
            if self.median * unit >= 1:
                break
        return (
            f"{self.median * unit:.3g} {name} "
            f"({self.low * unit:.3g} to {self.high * unit:.3g})"
        )


def wall(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def processor(function: Callable[[], object]) -> float:
    """Return the seconds of the processor that a call takes, over all threads."""
    start = time.process_time()
    function()
    return time.process_time() - start


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


def exponent(x: Any, y: Any) -> float:
    """Return the slope of log y over log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |", flush=True)
    print()


def peer(module: str) -> Any:
    """Import a peer, or a module of ours that needs it; None when not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        print(f"{error.name} is not installed: left out.")
        return None


def header(*peers: str) -> str:
    """Return a line on what is measured; versions of peers that are installed."""
    import linflow as lf

    info = lf.build_info()
    versions = ""
    for name in peers:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions += f", {name} {importlib.metadata.version(name)}"
    return (
        f"linflow {info['version']}, {info['instruction_set']}, {info['compiler']}, "
        f"Eigen {info['eigen']}, NumPy {np.__version__}{versions}, "
        f"{info['threads']} threads"
    )
