"""Pictures of alignment, active modes and the bulk."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import linflow as lf

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@pytest.fixture(scope="module")
def run() -> lf.Trajectory:
    task = lf.low_rank_task(30, 2, rng=0)
    return lf.gradient_descent(
        task,
        lf.Gaussian(30.0**2.2, 30.0**-1.9),
        step_size=2e-3,
        max_steps=60,
        rng=0,
        observe=(
            "train_error",
            "test_error",
            "singular_values",
            "alignment",
            "active_modes",
        ),
    )


def labels(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_dynamics_draws_what_the_run_has(run: lf.Trajectory) -> None:
    axes: Any = lf.plot.dynamics(run, signal=2)
    assert [ax.get_title() for ax in axes] == [
        "Errors",
        "Singular values",
        "Alignment",
        "Active modes",
    ]
    axes[0].figure.savefig(io.BytesIO(), dpi=30)


@pytest.mark.parametrize(
    "panel", ["errors", "singular_values", "alignment", "active_modes"]
)
def test_logarithmic_times_leave_out_zero(run: lf.Trajectory, panel: str) -> None:
    ax: Any = lf.plot.dynamics(run, panels=panel, xscale="log", legend=False)
    start = ax.transData.transform([[0.0, 0.5]])
    assert not np.isfinite(start[0, 0])  # no level line from far left
    ax.figure.savefig(io.BytesIO(), dpi=30)


def test_bulk_is_a_band(run: lf.Trajectory) -> None:
    ax = lf.plot.singular_values(run, signal=2)
    (band,) = (c for c in ax.collections if str(c.get_label()).endswith("bulk"))
    assert band.get_hatch()
    assert "bulk, modes 3 to 30" in labels(ax)
    assert not any("bulk" in text for text in labels(lf.plot.singular_values(run)))
    for draw in (lf.plot.singular_values, lf.plot.alignment, lf.plot.active_modes):
        with pytest.raises(ValueError, match="signal is -1; it must be at least 0"):
            draw(run, signal=-1)
        with pytest.raises(TypeError, match=r"signal is 1\.5; it must be an integer"):
            draw(run, signal=1.5)  # type: ignore[arg-type]


def test_alignment(run: lf.Trajectory) -> None:
    ax = lf.plot.alignment(run, signal=2)
    curves = [line for line in ax.lines if ": mode" in str(line.get_label())]
    assert len(curves) == 2
    assert len({line.get_marker() for line in curves}) == 2
    np.testing.assert_array_equal(curves[1].get_ydata(), run.alignment[:, 1])  # type: ignore[index]
    assert labels(ax) == ["mode 1", "mode 2", "bulk"]


def test_active_modes(run: lf.Trajectory) -> None:
    ax = lf.plot.active_modes([run, run], signal=2, labels=["a", "b"])
    assert labels(ax) == ["a", "b"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), run.active_modes)
    legend: Any = ax.get_legend()
    drawn, shown = ax.lines[0], legend.get_lines()[0]
    assert (drawn.get_linewidth(), drawn.get_alpha()) == (
        shown.get_linewidth(), shown.get_alpha()
    )  # fmt: skip


def test_few_active_modes_are_counted_in_whole_numbers(run: lf.Trajectory) -> None:
    first = replace(run, active_modes=np.zeros_like(run.active_modes))
    ax = lf.plot.active_modes(first, signal=3)
    assert ax.get_ylim()[1] > 3  # where the line of the signal modes is
    assert all(tick == round(tick) for tick in ax.get_yticks())


def test_runs_that_lack_them() -> None:
    task = lf.low_rank_task(5, 1, rng=0)
    plain = lf.gradient_descent(
        task, lf.Gaussian(20, 0.01), step_size=0.01, max_steps=3, rng=0
    )
    axes: Any = lf.plot.dynamics(plain)
    assert len(axes) == 2
    with pytest.raises(ValueError, match="no alignment"):
        lf.plot.alignment(plain)
    with pytest.raises(ValueError, match="no active modes"):
        lf.plot.active_modes(plain)
