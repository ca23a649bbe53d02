"""Pictures: the rules that all of them keep, and what callers get back."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linflow import plot


def diagram() -> xr.Dataset:
    """Make a phase diagram with the variables of the default panels."""
    y, x = np.linspace(0, 2.8, 6), np.linspace(-3, 0, 7)
    error = 0.1 + y[:, None, None] + (x[:, None] + 3)
    names = ("min_test_error", "rank", "stable_rank", "best_step")
    dims = ("gamma_w", "gamma_sigma2", "seed")
    variables: dict[str, Any] = dict.fromkeys(names, (dims, 10.0**error))
    return xr.Dataset(
        {**variables, "status": (dims, np.full(error.shape, 2, np.int8))},
        {"gamma_w": y, "gamma_sigma2": x, "seed": [0]},
        {"d": 40, "rank": 2},
    )


def render(ax: Axes) -> None:
    ax.figure.savefig(io.BytesIO(), dpi=30)  # type: ignore[union-attr]


def test_import_is_light_and_pictures_need_no_pyplot() -> None:
    code = """
import io, sys
from linflow import plot
assert not {"matplotlib", "xarray"} & set(sys.modules), "heavy import"
import numpy as np
from types import SimpleNamespace as Run
t = np.linspace(0, 1, 5)
run = Run(dynamics="flow", times=t, train_error=t, test_error=t,
          singular_values=t[:, None], kappa=0.5)
import matplotlib
def settings():  # looking at "backend" would import pyplot
    return {k: v for k, v in matplotlib.rcParams.copy().items() if k != "backend"}
before = settings()
plot.dynamics(run)[0].figure.savefig(io.BytesIO())
assert "matplotlib.pyplot" not in sys.modules, "pyplot"
assert settings() == before, "rcParams"
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_rc_params_are_left_alone_and_obeyed() -> None:
    with mpl.rc_context({"axes.facecolor": "#112233", "text.color": "red"}):
        before = mpl.rcParams.copy()
        ax = plot.phase_panel(diagram(), regions=True)
        render(ax)
        assert mpl.rcParams.copy() == before
        assert ax.title.get_color() == "red"


def test_one_axes_in_one_axes_out() -> None:
    data = diagram()
    ax = Figure().subplots()
    assert plot.phase_panel(data, ax=ax) is ax
    ax = Figure().subplots()
    assert plot.phase_diagram(data, ax=ax) is ax
    assert ax.get_title() == "Minimal test error"
    assert isinstance(plot.phase_diagram(data, panels="rank"), Axes)
    axes = plot.phase_diagram(data)
    assert isinstance(axes, np.ndarray)
    assert [a.get_title().split()[0] for a in axes] == [
        "Minimal",
        "Rank",
        "Stable",
        "Steps",
    ]
    assert len(axes[0].figure.legends) == 1
    data["distance"] = 1e-6 * data.best_step
    grid = Figure(figsize=(9, 7)).subplots(2, 2)
    axes = plot.phase_diagram(data, ax=grid)
    assert isinstance(axes, np.ndarray)
    assert list(axes) == list(grid.ravel())
    assert [a.get_title().split()[0] for a in axes] == [
        *("Minimal", "Stable", "Steps", "Distance")
    ]
    assert [a.get_legend() is None for a in axes] == [True, True, True, False]
    render(axes[0])


def test_bad_diagrams_are_refused() -> None:
    data = diagram()
    with pytest.raises(TypeError, match="data is a dict"):
        plot.phase_diagram({})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no variable 'loss'; it has min_test_error"):
        plot.phase_panel(data, "loss")
    with pytest.raises(ValueError, match="dimension gamma_w"):
        plot.phase_panel(data.isel(gamma_w=0))
    with pytest.raises(ValueError, match=r"also has the dimensions {'noise'}"):
        plot.phase_panel(data.expand_dims(noise=2))
    with pytest.raises(ValueError, match="gamma_sigma2 must differ"):
        plot.phase_panel(data.assign_coords(gamma_sigma2=np.zeros(7)))
    with pytest.raises(ValueError, match="2 Axes for 4 panels"):
        plot.phase_diagram(data, ax=Figure().subplots(1, 2))
    with pytest.raises(TypeError, match="ax holds 3"):
        plot.phase_diagram(data, ax=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="panels is empty"):
        plot.phase_diagram(data, panels=[])
    data.attrs.clear()
    with pytest.raises(ValueError, match=r"data\.attrs has no 'd'"):
        plot.phase_panel(data)
    assert plot.phase_panel(data, boundaries=False).get_title()
