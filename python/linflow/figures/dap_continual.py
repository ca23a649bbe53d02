"""Learning tasks one after the other: the loss on each, and what is forgotten.

Exact curves of the closed form, which holds through every change of task, over the
integrated flow; forgetting after convergence against the similarity of the tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow.figures import _dap as dap
from linflow.figures import _panels as panels
from linflow.initial import Balanced
from linflow.plot._style import legend_outside
from linflow.sequence import expected_forgetting, learn_sequence, task_similarity
from linflow.task import Task

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from linflow._streams import RngLike

NAME = "dap-continual"
SUMMARY = (
    "[DAP] loss on every task of a sequence, and forgetting against task similarity"
)

SHAPE, COUNT, SPAN, LAM = (4, 6), 4, 4.0, 0.5


def draw(rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Draw the figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    data : xarray.Dataset
        ``errors`` (time, task) and ``simulated_errors`` (point, task) of the sequence;
        ``forgetting`` (the formula), over ``similarity``, and ``simulated_forgetting``.
    """
    import xarray as xr

    rng = streams.root(rng).sequence()
    generator = np.random.default_rng(rng)
    tasks = [Task(_unit(generator.normal(size=SHAPE))) for _ in range(COUNT)]
    init = Balanced(SHAPE[0], lam=LAM, size=0.01)
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
        attrs={"lam": LAM, "span": SPAN},
    )
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
    figure, grid = panels.panels(1, 2, height=2.5, width_ratios=[1.9, 1])
    left, right = axes = grid[0]
    for k in range(COUNT):
        dap.both(
            left,
            k,
            (data.time, data.errors[:, k]),
            (data.point, data.simulated_errors[:, k]),
        )
    top = left.get_xaxis_transform()
    for k in range(COUNT):
        left.axvline(k * SPAN, color=panels.GREY, linestyle=":", linewidth=0.8)
        left.text((k + 0.5) * SPAN, 0.97, f"learning {k + 1}", transform=top, va="top",
                  ha="center")  # fmt: skip
    low, high = left.get_ylim()
    left.set(ylim=(low, high + 0.12 * (high - low)), title="Loss on every task")
    left.set(xlabel=r"time $t$, in $1/\mathrm{rms}(T)$", ylabel="error per entry")
    dap.both(
        right,
        0,
        (data.similarity, data.forgetting),
        (data.few, data.simulated_forgetting),
    )
    right.set(xlabel=r"task similarity $\rho$", ylabel="rise of the first task's error")
    right.set(title="Forgetting")
    panels.letters(axes)
    handles = [dap.entry(k, f"task {k + 1}") for k in range(COUNT)]
    legend_outside(left, [*handles, *panels.key(simulated="integrated flow")], 6)
    return figure
