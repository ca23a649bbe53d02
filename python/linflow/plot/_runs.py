"""Trajectories, checked and brought into the form that a picture needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from ._style import COLOURS, LINE_STYLES, LineStyle

if TYPE_CHECKING:
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


class TrajectoryLike(Protocol):
    """What pictures read of a trajectory; `linflow.Trajectory` has it.

    Times and errors have shape (n,), singular values (n, modes).
    """

    @property
    def dynamics(self) -> str:
        """What made it, such as "gradient descent"; its name in legends."""

    @property
    def times(self) -> ArrayLike:
        """Times at which the rest was saved."""

    @property
    def train_error(self) -> ArrayLike | None:
        """Train error, or the cost."""

    @property
    def test_error(self) -> ArrayLike | None:
        """Test error, if the truth is known."""

    @property
    def singular_values(self) -> ArrayLike | None:
        """Singular values of the product, if observed."""

    @property
    def kappa(self) -> float | None:
        """Threshold between lazy and active, if there is one."""


Trajectories: TypeAlias = TrajectoryLike | Sequence[TrajectoryLike]


@dataclass(frozen=True)
class Run:
    """One trajectory, checked, with its place among the others and its looks."""

    index: int
    several: bool
    label: str
    times: Floats
    train: Floats | None
    test: Floats | None
    singular_values: Floats | None
    kappa: float | None
    alignment: Floats | None = None
    active_modes: Floats | None = None

    @property
    def style(self) -> LineStyle:
        """The line style, which tells runs apart."""
        return LINE_STYLES[self.index % len(LINE_STYLES)]

    @property
    def colour(self) -> str:
        """The colour, which tells runs apart once more."""
        return COLOURS[self.index % len(COLOURS)]

    @property
    def weight(self) -> dict[str, Any]:
        """Broad and pale if others are to be drawn over this one."""
        if self.index == 0 and self.several:
            return {"linewidth": 3.6, "alpha": 0.45}
        return {"linewidth": 1.6}


def read_runs(
    data: Trajectories, labels: Sequence[str] | None, *, top: int | None = None
) -> list[Run]:
    """Check trajectories and their labels; keep the `top` singular values.

    Raises
    ------
    TypeError
        If something is not a trajectory.
    ValueError
        If there is none, arrays or labels do not match in number, or a kappa is
        negative.
    """
    given: Sequence[TrajectoryLike] = data if isinstance(data, Sequence) else [data]
    if not given:
        raise ValueError("data is empty; it must hold at least one trajectory")
    for one in given:
        if not hasattr(one, "times") or not hasattr(one, "train_error"):
            raise TypeError(f"data holds a {type(one).__name__}, not a trajectory")
    if labels is None:
        labels = _distinct([one.dynamics for one in given])
    elif isinstance(labels, str) or len(labels) != len(given):
        raise ValueError(f"labels is {labels!r}; data needs {len(given)} of them")
    runs = []
    for index, (one, label) in enumerate(zip(given, labels, strict=True)):
        times = np.asarray(one.times, dtype=np.float64)
        train = _array("train_error", one.train_error, times, 1)
        modes = _array("singular_values", one.singular_values, times, 2)
        runs.append(
            Run(
                index=index,
                several=len(given) > 1,
                label=label,
                times=times,
                train=train,
                test=_array("test_error", one.test_error, times, 1),
                singular_values=None if modes is None else modes[:, :top],
                kappa=_threshold(one.kappa),
                alignment=_array(
                    "alignment", getattr(one, "alignment", None), times, 2
                ),
                active_modes=_array(
                    "active_modes", getattr(one, "active_modes", None), times, 1
                ),
            )
        )
    return runs


def split_at(run: Run, *, log: bool) -> tuple[list[Floats], list[Floats]]:
    """Cut a run's singular values into the stretches below and above kappa.

    Neighbouring stretches meet in a point on kappa, put in by linear interpolation (in
    the logarithm if `log`, as the picture has it). Points that are not finite, or not
    positive if `log`, end a stretch.

    Returns
    -------
    below, above : lists of ndarray
        Stretches of shape (points, 2): time and value.
    """
    assert run.singular_values is not None
    kappa = run.kappa or 0.0
    below: list[Floats] = []
    above: list[Floats] = []
    for mode in run.singular_values.T:
        usable = np.isfinite(mode) & ((mode > 0) | (not log))
        for part in _stretches(usable):
            t, s = run.times[part], mode[part]
            active = s >= kappa
            cuts = np.flatnonzero(active[1:] != active[:-1])
            if cuts.size:
                a, b, k = s[cuts], s[cuts + 1], kappa
                if log:
                    a, b, k = np.log(a), np.log(b), np.log(kappa)
                crossing = t[cuts] + (t[cuts + 1] - t[cuts]) * (k - a) / (b - a)
                t = np.insert(t, cuts + 1, crossing)
                s = np.insert(s, cuts + 1, kappa)
            points = np.column_stack([t, s])
            # Each crossing ends one stretch and starts the next.
            marks = cuts + 1 + np.arange(cuts.size)
            bounds = [0, *marks, len(points) - 1]
            for n, (start, stop) in enumerate(pairwise(bounds)):
                side = above if active[0] == (n % 2 == 0) else below
                side.append(points[start : stop + 1])
    return below, above


def run_handles(
    runs: Sequence[Run], *, colour: str | None = None, weighted: bool = False
) -> list[Line2D]:
    """Return legend entries for the runs, if there are several to tell apart.

    In the one `colour` where colours mean something else, in the run's own when None;
    in the runs' weights where they are drawn so.
    """
    from matplotlib.lines import Line2D

    if len(runs) < 2:
        return []
    return [
        Line2D(
            [],
            [],
            color=colour or run.colour,
            linestyle=run.style,
            label=run.label,
            **(run.weight if weighted else {"linewidth": 1.6}),
        )
        for run in runs
    ]


def _stretches(usable: NDArray[np.bool_]) -> list[slice]:
    """Return the runs of True."""
    steps = np.diff(np.concatenate([[False], usable, [False]]).astype(int))
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [slice(a, b) for a, b in zip(starts, stops, strict=True)]


def _array(
    name: str, values: ArrayLike | None, times: Floats, ndim: int
) -> Floats | None:
    if values is None:
        return None
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim or times.ndim != 1 or len(array) != len(times):
        expected = "(n,)" if ndim == 1 else "(n, modes)"
        raise ValueError(
            f"{name} has shape {array.shape} and times {times.shape};"
            f" they must be {expected} and (n,)"
        )
    return array


def check_count(name: str, value: int | None, least: int) -> None:
    """Refuse what is neither None nor an integer from `least` on."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} is {value!r}; it must be an integer, or None")
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}, or None")


def _threshold(kappa: float | None) -> float | None:
    """Take a kappa that is NaN for none; refuse a negative one."""
    if kappa is None or np.isnan(kappa):
        return None
    if kappa < 0:
        raise ValueError(f"kappa is {kappa:g}; it must be at least 0, or None")
    return float(kappa)


def _distinct(names: Sequence[str]) -> list[str]:
    """Put numbers to names that occur more than once."""
    return [
        name if names.count(name) == 1 else f"{name} {names[: i + 1].count(name)}"
        for i, name in enumerate(names)
    ]
