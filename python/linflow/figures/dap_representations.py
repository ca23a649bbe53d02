"""Which layer carries the structure of the task: representations by balance level.

[DAP]: items of a tree (as in Saxe, McClelland, Ganguli 2019) are learned by networks of
different lam. The small layer takes on the structure of the task, at lam = 0 both do.
The large one keeps what it was where it fills its side (here lam < 0, width = d_in);
elsewhere it turns, but late (lam > 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow import observables
from linflow.closed_form import closed_form
from linflow.figures import _dap as dap
from linflow.figures import _panels as panels
from linflow.flow import gradient_flow
from linflow.initial import Balanced
from linflow.plot._style import legend_outside
from linflow.task import Task

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from linflow._streams import RngLike

    Array = NDArray[np.float64]

NAME = "dap-representations"
SUMMARY = "[DAP] representations of a tree of items, of inputs and outputs, by lam"

ITEMS = 8
LEVELS = (-5.0, 0.0, 5.0)
LAYERS = ("input", "output")


def tree(items: int) -> Array:
    """Return the features of the leaves of a binary tree, shape (2 items - 1, items).

    One row per node, which the leaves below it have; scaled to a largest singular value
    of 1.
    """
    rows, width = [], items
    while width >= 1:
        rows.append(np.kron(np.eye(items // width), np.ones(width)))
        width //= 2
    features = np.vstack(rows)
    scaled: Array = features / np.linalg.norm(features, 2)
    return scaled


def draw(rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Draw the figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    data : xarray.Dataset
        ``input_gram`` (C1) and ``output_gram`` (C2) at the last time, ``input_change``
        and ``output_change`` over time, exact and ``simulated_*``.
    """
    import xarray as xr

    rng = streams.root(rng).sequence()
    task = Task(tree(ITEMS))
    times = np.concatenate([[0.0], np.logspace(-2, 3, 136)])
    points = times[::8]
    keywords: dict[str, Any] = {"save_gram": True, "observe": "train_error"}
    values: dict[str, list[Any]] = {}
    for lam in LEVELS:
        init = Balanced(ITEMS, lam=lam, size=0.02).sample(task, rng)
        runs = {
            "": closed_form(task, init, times=times, **keywords),
            "simulated_": gradient_flow(
                task, init, times=points, rtol=1e-7, **keywords
            ),
        }
        for prefix, run in runs.items():
            assert run.input_gram is not None
            assert run.output_gram is not None
            for layer, gram in zip(
                LAYERS, (run.input_gram, run.output_gram), strict=True
            ):
                change = observables.representation_change(run, layer=layer)
                values.setdefault(f"{prefix}{layer}_gram", []).append(gram[-1])
                values.setdefault(f"{prefix}{layer}_change", []).append(change)
    variables = {}
    for name, value in values.items():
        when = "point" if name.startswith("simulated") else "time"
        kind = name.split("_")[-2]
        grid = (f"{kind}_1", f"{kind}_2") if name.endswith("gram") else (when,)
        variables[name] = (("lam", *grid), np.stack(value))
    data = xr.Dataset(
        variables,
        coords={"lam": list(LEVELS), "time": times, "point": points},
        attrs={"units": "lam and 1/time in units of the target's largest value"},
    )
    return _picture(data), data


def _picture(data: xr.Dataset) -> Figure:
    figure, grid = panels.panels(2, 4, height=1.7, width_ratios=[1, 1, 1, 1.4])
    names = (r"$W_1^\top W_1$, items", r"$W_2 W_2^\top$, features")
    for axes, layer, name in zip(grid, LAYERS, names, strict=True):
        for column, lam in enumerate(LEVELS):
            _halves(
                axes[column],
                data[f"{layer}_gram"].values[column],
                data[f"simulated_{layer}_gram"].values[column],
            )
            dap.both(
                axes[3],
                column,
                (data.time[1:], data[f"{layer}_change"][column, 1:]),
                (data.point[1:], data[f"simulated_{layer}_change"][column, 1:]),
            )
            if layer == "input":
                axes[column].set_title(_level(lam))
        axes[0].set_ylabel(name)
        axes[3].set(xscale="log", ylim=(-0.05, 1.05), xlabel=r"time $t\,s^*_1$")
        axes[3].set(ylabel=r"change, $1-\cos$")
    handles = [dap.entry(i, _level(lam)) for i, lam in enumerate(LEVELS)]
    handles += panels.key(
        exact="exact; above the diagonal",
        simulated="integrated flow; below the diagonal",
    )
    legend_outside(grid[0, 0], handles, 3)
    return figure


def _level(lam: float) -> str:
    return rf"$\lambda={lam:g}\,s^*_1$" if lam else r"$\lambda=0$"


def _halves(ax: Axes, exact: Array, simulated: Array) -> None:
    """Draw a matrix, exact above the diagonal and simulated below, in its own scale."""
    both = np.triu(exact) + np.tril(simulated, -1)
    largest = np.abs(both).max()
    ax.imshow(both / largest, cmap="RdBu_r", vmin=-1, vmax=1)
    size = len(both)
    ax.plot([-0.5, size - 0.5], [-0.5, size - 0.5], color="0.3", linewidth=0.6)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(f"max {largest:.2g}", labelpad=2)
