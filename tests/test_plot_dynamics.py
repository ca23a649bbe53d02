"""Runs over time: what a reader would see in the pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from linflow import plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


@dataclass
class Run:
    """What pictures read of a trajectory."""

    dynamics: str
    times: NDArray[np.float64]
    train_error: NDArray[np.float64]
    test_error: NDArray[np.float64] | None
    singular_values: NDArray[np.float64] | None
    kappa: float | None


def trajectory(name: str = "gradient descent") -> Run:
    """Make a run: one mode becomes active, one stays lazy, one falls."""
    t = np.linspace(0, 1, 11)
    modes = np.stack([0.1 + 4 * t, 0.1 + 0.5 * t, 3 - 2.5 * t], axis=1)
    return Run(name, t, np.exp(-5 * t), 1 + (t - 0.5) ** 2, modes, 1.0)


def render(ax: Axes) -> None:
    ax.figure.savefig(io.BytesIO(), dpi=30)  # type: ignore[union-attr]


def legend_texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [t.get_text() for t in legend.get_texts()]


def modes_of(ax: Axes, name: str, state: str) -> list[NDArray[np.float64]]:
    (lines,) = (c for c in ax.collections if c.get_label() == f"{name}: {state}")
    assert isinstance(lines, LineCollection)
    return [np.asarray(part) for part in lines.get_segments()]


def test_dynamics_gives_back_what_it_drew_on() -> None:
    run = trajectory()
    assert plot.dynamics(run)[0].get_title() == "Errors"
    axes = plot.dynamics(run)
    assert isinstance(axes, np.ndarray)
    assert [a.get_title() for a in axes] == ["Errors", "Singular values"]
    ax = Figure().subplots()
    assert plot.dynamics(run, ax=ax) is ax
    assert ax.get_title() == "Errors"
    ax = Figure().subplots()
    assert plot.dynamics(run, panels="singular_values", ax=ax) is ax
    assert ax.get_title() == "Singular values"
    axes = plot.dynamics(replace(run, singular_values=None))
    assert isinstance(axes, np.ndarray)
    assert [a.get_title() for a in axes] == ["Errors"]
    with pytest.raises(ValueError, match="panels has 'errrs'; it may name errors and"):
        plot.dynamics(run, panels="errrs")


# ---- errors


def test_errors_of_one_run() -> None:
    run = trajectory()
    ax = plot.errors(run)
    train, test = ax.lines
    np.testing.assert_array_equal(train.get_ydata(), run.train_error)
    np.testing.assert_array_equal(test.get_ydata(), np.asarray(run.test_error))
    assert (train.get_marker(), test.get_marker()) == ("None", "o")
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "time $t$"
    assert legend_texts(ax) == ["train error", "test error"]
    render(ax)


def test_errors_scale_and_missing_test_error() -> None:
    run = replace(trajectory(), test_error=None)
    assert len(plot.errors(run).lines) == 1
    flat = replace(run, train_error=1 + 0.1 * run.times)
    assert plot.errors(flat).get_yscale() == "linear"
    zero = replace(run, train_error=run.times)
    assert plot.errors(zero).get_yscale() == "linear"
    assert plot.errors(run, yscale="linear", xscale="symlog").get_xscale() == "symlog"
    diverged = run.train_error.copy()
    diverged[-2:] = [np.inf, np.nan]
    render(plot.errors(replace(run, train_error=diverged)))


def test_runs_are_told_apart_without_colour() -> None:
    runs = [trajectory(), trajectory("self-consistent"), trajectory()]
    ax = plot.errors(runs)
    assert [line.get_linestyle() for line in ax.lines[::2]] == ["-", "--", ":"]
    assert ax.lines[0].get_linewidth() > ax.lines[2].get_linewidth()
    assert legend_texts(ax)[2:] == [
        "gradient descent 1",
        "self-consistent",
        "gradient descent 2",
    ]
    ax = plot.singular_values(runs, labels=["a", "b", "c"])
    assert legend_texts(ax)[:3] == ["a", "b", "c"]
    assert legend_texts(plot.errors(runs, legend=False)) == []
    render(ax)


# ---- singular values


@pytest.mark.parametrize("yscale", ["log", "linear"])
def test_modes_change_weight_at_the_threshold(yscale: str) -> None:
    ax = plot.singular_values(trajectory(), yscale=yscale)
    lazy, active = (modes_of(ax, "gradient descent", s) for s in ("lazy", "active"))
    assert [len(lazy), len(active)] == [3, 2]
    assert max(part[:, 1].max() for part in lazy) == 1.0
    assert min(part[:, 1].min() for part in active) == 1.0
    rising, falling = active
    assert rising[0] == pytest.approx(lazy[0][-1])  # the stretches meet
    assert rising[-1] == pytest.approx([1, 4.1])
    assert falling[-1] == pytest.approx(lazy[2][0])
    # It goes from 0.9 to 1.3 between t = 0.2 and 0.3, straight in the picture.
    part = 0.25 if yscale == "linear" else np.log(1 / 0.9) / np.log(1.3 / 0.9)
    assert rising[0] == pytest.approx([0.2 + 0.1 * part, 1.0])
    thin, thick = (c.get_linewidth()[0] for c in ax.collections[:2])  # type: ignore[index]
    assert thick > 2 * thin
    (threshold,) = ax.lines
    assert set(threshold.get_ydata()) == {1.0}  # type: ignore[arg-type]
    assert [t.get_text() for t in ax.texts] == [r"threshold $\kappa$ = 1"]
    assert legend_texts(ax) == [r"active, above $\kappa$", r"lazy, below $\kappa$"]
    render(ax)


@pytest.mark.parametrize("kappa", [None, 0.0, float("nan")])
def test_without_a_threshold_all_modes_are_active(kappa: float | None) -> None:
    ax = plot.singular_values(replace(trajectory(), kappa=kappa))
    assert modes_of(ax, "gradient descent", "lazy") == []
    assert len(modes_of(ax, "gradient descent", "active")) == 3
    assert not ax.lines
    assert not ax.texts
    render(ax)


def test_limits_show_the_threshold_and_top_keeps_the_largest() -> None:
    run = replace(trajectory(), kappa=1e-5)
    bottom, top = plot.singular_values(run).get_ylim()
    assert bottom < 1e-5 < 4.1 < top
    ax = plot.singular_values(trajectory(), top=1)
    assert len(modes_of(ax, "gradient descent", "lazy")) == 1
    with pytest.raises(ValueError, match="top is 0; it must be at least 1"):
        plot.singular_values(run, top=0)


def test_bad_trajectories_are_refused() -> None:
    run = trajectory()
    with pytest.raises(ValueError, match="data is empty"):
        plot.errors([])
    with pytest.raises(TypeError, match="data holds a int, not a trajectory"):
        plot.errors([3])  # type: ignore[list-item]
    with pytest.raises(
        ValueError, match=r"test_error has shape \(3,\) and times \(11,"
    ):
        plot.errors(replace(run, test_error=np.ones(3)))
    with pytest.raises(ValueError, match="data needs 1 of them"):
        plot.errors(run, labels=["a", "b"])
    with pytest.raises(ValueError, match="kappa is -1; it must be at least 0"):
        plot.errors(replace(run, kappa=-1.0))
    with pytest.raises(ValueError, match="data has no singular values"):
        plot.singular_values(replace(run, singular_values=None))
