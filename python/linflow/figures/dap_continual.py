"""Learning tasks one after the other: the loss on each, and what is forgotten.

Exact curves of the closed form, which holds through every change of task, over the
integrated flow; forgetting after convergence against the similarity of the tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.figures import _dap as dap
from linflow.initial import Balanced
from linflow.sequence import expected_forgetting, learn_sequence, task_similarity
from linflow.task import Task

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

NAME = "dap-continual"
SUMMARY = "loss on every task of a sequence, and forgetting against task similarity"

SHAPE, COUNT, SPAN = (4, 6), 4, 4.0


def draw(rng: int = 0) -> tuple[Figure, xr.Dataset]:
    """Draw the figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    data : xarray.Dataset
        ``errors`` (time, task) and ``simulated_errors`` (point, task) of the sequence;
        ``forgetting`` (the formula), over ``similarity``, and ``simulated_forgetting``.
    """
    import matplotlib as mpl
    import xarray as xr

    generator = np.random.default_rng(rng)
    tasks = [Task(_unit(generator.normal(size=SHAPE))) for _ in range(COUNT)]
    init = Balanced(SHAPE[0], lam=0.5, size=0.01)
    time = np.linspace(0, SPAN, 121)
    exact = learn_sequence(tasks, init, times=time, rng=rng)
    flow: dict[str, Any] = {"dynamics": "gradient_flow", "rtol": 1e-7, "rng": rng}
    simulated = learn_sequence(tasks, init, times=time[::6], **flow)
    similarity = np.linspace(-1, 1, 81)
    formula = [_forgetting(tasks, rho) for rho in similarity]
    few = similarity[::8]
    found = [
        learn_sequence(_pair(tasks, rho), init, times=[0.0, 100.0], **flow)
        for rho in few
    ]
    data = xr.Dataset(
        {
            "errors": (("time", "task"), exact.errors),
            "simulated_errors": (("point", "task"), simulated.errors),
            "forgetting": ("similarity", formula),
            "simulated_forgetting": ("few", [run.forgetting[0] for run in found]),
        },
        coords={
            "time": exact.times,
            "point": simulated.times,
            "similarity": similarity,
            "few": [task_similarity(*run.tasks) for run in found],
        },
        attrs={"switch_times": exact.switch_times, "lam": 0.5},
    )
    with mpl.rc_context(dap.FONT):
        return _picture(data), data


def _unit(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix with a mean square of 1 per entry."""
    return np.asarray(matrix / np.sqrt(np.mean(matrix**2)))


def _pair(tasks: list[Task], similarity: float) -> list[Task]:
    """Return the first task and one of that similarity to it, of the same size."""
    first, second = tasks[0].target, tasks[1].target
    rest = _unit(second - first * np.sum(first * second) / np.sum(first**2))
    mixed = similarity * first + np.sqrt(1 - similarity**2) * rest
    return [tasks[0], Task(mixed)]


def _forgetting(tasks: list[Task], similarity: float) -> float:
    return expected_forgetting(*_pair(tasks, similarity))


def _picture(data: xr.Dataset) -> Figure:
    figure, axes = dap.panels(1, 2, 3.0, width_ratios=[1.8, 1])
    for k in range(COUNT):
        dap.both(
            axes[0],
            k,
            (data.time, data.errors[:, k]),
            (data.point, data.simulated_errors[:, k]),
        )
    for begin in [0.0, *data.attrs["switch_times"]]:
        axes[0].axvline(begin, color="grey", linestyle=":", linewidth=0.9, zorder=0)
    tops = axes[0].get_xaxis_transform()
    for k, begin in enumerate([0.0, *data.attrs["switch_times"]]):
        axes[0].text(begin + 0.1, 0.98, f"learning {k + 1}", va="top", transform=tops)
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + 0.12 * (high - low))
    axes[0].set(xlabel=r"time $t$, units of $1\,/\,\mathrm{rms}(T_{ij})$")
    axes[0].set(ylabel="error, mean square per entry")
    dap.both(
        axes[1],
        0,
        (data.similarity, data.forgetting),
        (data.few, data.simulated_forgetting),
    )
    axes[1].set(xlabel=r"task similarity $\rho$")
    axes[1].set(ylabel="forgetting of task 1 (error)")
    dap.letter(axes)
    handles = [dap.entry(k, f"task {k + 1}") for k in range(COUNT)]
    dap.legend_under(figure, [*handles, *dap.what_is_what()], 6)
    return figure
