"""What the figures of [TAJ], [XZ] and of all regimes show: simulated as exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import linflow as lf
from linflow import figures
from linflow.figures import _panels as panels
from linflow.figures import (
    taj_dynamics,
    taj_phase,
    unified,
    xz_mechanisms,
    xz_phase,
    xz_solution,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check(figure: Figure, *, markers: bool = True) -> None:
    """Check what can be checked of a picture without eyes."""
    panels.settle(figure)
    figure.draw_without_rendering()
    assert figure.get_figwidth() == panels.WIDTH
    assert figure.legends
    for ax in figure.axes:
        if ax.get_label() == "<colorbar>":
            assert ax.get_ylabel()
            continue
        assert ax.get_title(loc="left")[:1] == "("
        place = ax.get_subplotspec()
        assert place is not None
        assert ax.get_xlabel() or not place.is_last_row()
        labels = ax.get_xticklabels() + ax.get_yticklabels() + ax.texts
        assert min(label.get_fontsize() for label in labels) >= 6.5
        styles = {(line.get_marker(), line.get_linestyle()) for line in ax.lines}
        assert any(line == "-" for _, line in styles)
        if markers:
            assert any(line == "None" for _, line in styles)


def test_taj_dynamics() -> None:
    figure, data = taj_dynamics.draw(0, d=40)
    check(figure)
    limit = lf.low_rank_task(40, rank=5, rng=0).singular_values[:8]
    np.testing.assert_allclose(data.closed_form_singular_values[-1], limit, rtol=0.05)
    steps = data.gradient_descent_test_error
    exact = np.interp(
        steps.gradient_descent_time[1:],
        data.closed_form_time,
        data.closed_form_test_error,
    )
    # Descent with 50 steps in 1/|A*| is within a few per cent of its flow.
    assert float(abs(steps[1:] - exact).max()) < 0.05 * float(steps.max())


def test_taj_phase() -> None:
    figure, data = taj_phase.draw(0, d=16, grid=7)
    check(figure, markers=False)
    wide = data.where(data["width"] >= 32, drop=True)
    gap = abs(wide.min_test_error - wide.closed_form_min_test_error)
    assert float(gap.median()) < 0.02
    assert float(data.distance.min()) < 0.01 * float(data.distance.max())


def test_xz_solution() -> None:
    figure, data = xz_solution.draw(1)
    check(figure)
    for name in ("output", "alignment", "kernel", "u_norm", "w_norm"):
        simulated = data[f"simulated_{name}"].values
        scale = abs(simulated).max(axis=1, keepdims=True)
        exact = data[name].values[:, ::10]
        np.testing.assert_allclose(simulated / scale, exact / scale, atol=1e-6)
    change = data.kernel_change.isel(time=-1).values
    assert abs(change[3]) < 1e-5
    assert change[:3].min() > 0.1


def test_xz_mechanisms() -> None:
    figure, data = xz_mechanisms.draw(2)
    check(figure)
    for name in ("output", "alignment", "u_norm", "kernel"):
        exact = data[name].values[:, ::10]
        np.testing.assert_allclose(data[f"simulated_{name}"], exact, rtol=1e-5)
    last = data.isel(time=-1)
    assert last.mechanism_alignment_share[0] > 0.8
    assert last.mechanism_disalignment_share[1] > 0.6
    assert last.mechanism_rescaling_share[2] == pytest.approx(1)
    kernel = data.isel(start=3)
    assert np.ptp(kernel.alignment.values) < 1e-3
    assert abs(kernel.kernel_change).max() < 1e-6
    assert np.ptp(kernel.output.values) > 0.5


def test_xz_phase() -> None:
    figure, data = xz_phase.draw(0, grid=5)
    check(figure)
    np.testing.assert_allclose(
        data.simulated_kernel_change, data.kernel_change_then, rtol=1e-6, atol=1e-11
    )
    simulated = abs(data.plane_simulated_kernel_change)
    off = abs(data.plane_laziness_exponent) > 0.2
    np.testing.assert_array_equal(
        (simulated < 0.1).where(off), (data.plane_phase == 1).where(off)
    )


def test_unified() -> None:
    figure, data = unified.draw(3)
    check(figure)
    exact = data.exact.values[None, :, ::10]
    # A random start is at kappa / sqrt(width) = 1e-4 for kappa = 10, and not at 0.
    np.testing.assert_allclose(
        data.simulated, np.broadcast_to(exact, data.simulated.shape), atol=5e-4
    )
    grown = np.sqrt(1 + data.laziness_of_growth.values**-2.0)
    np.testing.assert_allclose(
        data.kernel_growth, np.broadcast_to(grown, data.kernel_growth.shape), rtol=1e-3
    )


def test_figures_are_drawn_by_name() -> None:
    figure, data = figures.draw("unified", rng=5)
    check(figure)
    assert data.attrs["figure"] == "unified"
    again = figures.draw("unified", rng=5)[1]
    assert data.identical(again)
