"""The loss on every task while tasks are learned one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.sequence import LearnedSequence

from ._style import COLOURS, LINE_STYLES, TIME, legend_below, one_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MARKERS = "osD^v<>P"


def sequence(
    data: LearnedSequence | Sequence[LearnedSequence],
    *,
    ax: Axes | None = None,
    labels: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    legend: bool = True,
    yscale: str = "linear",
) -> Axes:
    """Draw the train error on every task over the time of a sequence.

    Each task has a colour and a line style; the first sequence is drawn as lines,
    others (such as a simulation of the same) as open markers on them. Dotted verticals
    tell when the task changes. Points at infinity are left out.

    Parameters
    ----------
    data
        What `linflow.learn_sequence` gives, or several of one list of tasks.
    ax
        Where to draw; a new figure when None.
    labels
        A name for each sequence, in place of its dynamics.
    tasks
        A name for each task, in place of its number.
    legend
        Whether to put a legend below.
    yscale
        Of the axis, in matplotlib's words.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If something in `data` is not a learned sequence.
    ValueError
        If there is none, they differ in their number of tasks, or names do not match
        in number.
    """
    from matplotlib.lines import Line2D

    given = list(data) if isinstance(data, Iterable) else [data]
    count, names, labels = _check(given, labels, tasks)
    ax = one_axes(ax)
    for index, one in enumerate(given):
        finite = np.isfinite(one.times)
        for k in range(count):
            style = LINE_STYLES[k % len(LINE_STYLES)]
            ax.plot(
                one.times[finite],
                one.errors[finite, k],
                style if index == 0 else MARKERS[k % len(MARKERS)],
                linewidth=1.6,
                markerfacecolor="none",
                markersize=4.5,
                label=f"{labels[index]}: {names[k]}",
                color=COLOURS[k % len(COLOURS)],
            )
    for time in given[0].switch_times:
        ax.axvline(time, color="grey", linestyle=":", linewidth=1.0, zorder=0)
    ax.set(xlabel=TIME, ylabel="error, mean square per entry", yscale=yscale)
    ax.set(title="Loss on every task")
    if legend:
        handles: list[Artist] = [
            Line2D(
                [],
                [],
                color=COLOURS[k % len(COLOURS)],
                linestyle=LINE_STYLES[k % len(LINE_STYLES)],
                marker=MARKERS[k % len(MARKERS)] if len(given) > 1 else "",
                markerfacecolor="none",
                markersize=4.5,
                label=names[k],
            )
            for k in range(count)
        ]
        if len(given) > 1:
            handles += [Line2D([], [], color="grey", label=labels[0])]
            looks: dict[str, Any] = {
                "color": "grey",
                "marker": "o",
                "markerfacecolor": "none",
            }
            others = dict.fromkeys(labels[1:])
            handles += [
                Line2D([], [], linestyle="", markersize=4.5, label=other, **looks)
                for other in others
            ]
        legend_below(ax, handles)
    return ax


def _check(
    given: Sequence[LearnedSequence],
    labels: Sequence[str] | None,
    tasks: Sequence[str] | None,
) -> tuple[int, Sequence[str], Sequence[str]]:
    """Return the number of tasks, their names and those of the sequences."""
    if not given:
        raise ValueError("data is empty; it must hold at least one learned sequence")
    for one in given:
        if not isinstance(one, LearnedSequence):
            raise TypeError(
                f"data holds a {type(one).__name__}, not a learned sequence"
            )
    count = len(given[0].tasks)
    if any(len(one.tasks) != count for one in given):
        numbers = [len(one.tasks) for one in given]
        raise ValueError(f"data holds sequences of {numbers} tasks; they must agree")
    if labels is None:
        labels = [one.runs[0].dynamics for one in given]
    if isinstance(labels, str) or len(labels) != len(given):
        raise ValueError(f"labels is {labels!r}; data needs {len(given)} of them")
    if tasks is None:
        tasks = [f"task {k + 1}" for k in range(count)]
    if isinstance(tasks, str) or len(tasks) != count:
        raise ValueError(f"tasks is {tasks!r}; data needs {count} of them")
    return count, tasks, labels
