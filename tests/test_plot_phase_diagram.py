"""Phase diagrams: what a reader would see in the picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.contour import QuadContourSet

from linflow import plot, regimes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

D, RANK = 40, 2


def diagram(ny: int = 6, nx: int = 7, seeds: int = 1) -> xr.Dataset:
    """Make a smooth phase diagram whose seeds differ by 0.1."""
    y, x = np.linspace(0, 2.8, ny), np.linspace(-3, 0, nx)
    s = np.arange(seeds)
    error = 0.1 + y[:, None, None] + (x[:, None] + 3) + 0.1 * s
    dims = ("gamma_w", "gamma_sigma2", "seed")
    variables = {
        "min_test_error": (dims, error),
        "rank": (dims, np.exp(error)),
        "stable_rank": (dims, 1 + error),
        "best_step": (dims, 10.0**error),
        "status": (dims, np.full(error.shape, 4, np.int8)),
    }
    coords = {"gamma_w": y, "gamma_sigma2": x, "seed": s}
    return xr.Dataset(variables, coords, {"d": D, "rank": RANK})


def one(ax: Axes, kind: type) -> Any:
    (artist,) = (a for a in ax.get_children() if isinstance(a, kind))
    return artist


def count(ax: Axes, kind: type) -> int:
    return sum(isinstance(a, kind) for a in ax.get_children())


def legend_texts(ax: Axes) -> list[str]:
    legends = [ax.get_legend(), *ax.figure.legends]
    return [t.get_text() for legend in legends if legend for t in legend.get_texts()]


def texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


def render(ax: Axes) -> None:
    ax.figure.savefig(io.BytesIO(), dpi=30)  # type: ignore[union-attr]


def test_panel_has_labels_and_values() -> None:
    data = diagram()
    ax = plot.phase_panel(data)
    assert r"\gamma_{\sigma^2}" in ax.get_xlabel()
    assert r"\gamma_w" in ax.get_ylabel()
    assert ax.get_title() == "Minimal test error"
    mesh = one(ax, QuadMesh)
    np.testing.assert_allclose(mesh.get_array(), data.min_test_error.isel(seed=0))
    assert mesh.get_clim() == (0.0, pytest.approx(float(data.min_test_error.max())))
    assert mesh.colorbar.ax.get_ylabel() == r"$\|A - A^*\|_F^2 / d^2$"
    assert texts(ax) == [t for t in texts(ax) if "seed" not in t]
    render(ax)


@pytest.mark.parametrize(
    ("x", "y", "x_edges", "y_edges"),
    [
        ([-3, -2, 0], [0, 1], [-3.5, -2.5, -1, 1], [-0.5, 0.5, 1.5]),
        ([0, -3, -2], [0, 1], [-3.5, -2.5, -1, 1], [-0.5, 0.5, 1.5]),  # is sorted
        ([-2], [0, 0.4, 0.8], [-2.2, -1.8], [-0.2, 0.2, 0.6, 1.0]),
        ([-2], [1], [-2.05, -1.95], [0.95, 1.05]),
    ],
)
def test_cells_surround_their_centres(
    x: list[float], y: list[float], x_edges: list[float], y_edges: list[float]
) -> None:
    value = np.add.outer(np.array(y), 10 * np.array(x)) + 40
    data = xr.Dataset(
        {"v": (("gamma_w", "gamma_sigma2"), value)},
        {"gamma_w": y, "gamma_sigma2": x},
        {"d": D, "rank": RANK},
    )
    ax = plot.phase_panel(data, "v")
    corners = one(ax, QuadMesh).get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], x_edges)
    np.testing.assert_allclose(corners[:, 0, 1], y_edges)
    assert ax.get_xlim() == pytest.approx((x_edges[0], x_edges[-1]))
    assert ax.get_ylim() == pytest.approx((y_edges[0], y_edges[-1]))
    centres = np.add.outer(np.sort(y), 10 * np.sort(x)) + 40
    np.testing.assert_allclose(one(ax, QuadMesh).get_array(), centres)
    render(ax)


@pytest.mark.parametrize("stretch", [1.0, 2.2])  # enter at the top, or at the left
def test_boundaries_end_on_the_frame(stretch: float) -> None:
    data = diagram()
    data = data.assign_coords(gamma_w=stretch * data.gamma_w)
    ax = plot.phase_panel(data, contours=False)
    lines = {str(line.get_label()): line.get_xydata() for line in ax.lines}
    wanted = list(regimes.boundaries(D, RANK))
    assert list(lines) == [line.label for line in wanted] == legend_texts(ax)
    assert len({line.get_linestyle() for line in ax.lines}) == 4
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for line in wanted:
        (start, _), (stop, _) = ends = np.asarray(lines[line.label])
        assert start < stop
        for x, y in ends:
            assert y == pytest.approx(float(line(x)))
            gaps = [x - left, right - x, y - bottom, top - y]
            assert min(gaps) == pytest.approx(0, abs=1e-12)


def test_boundaries_outside_the_frame_are_left_out() -> None:
    corner = diagram().sel(gamma_w=slice(0.5, None), gamma_sigma2=slice(None, -2.4))
    ax = plot.phase_panel(corner)
    assert [line.get_label() for line in ax.lines] == ["all active, noise too"]
    assert not plot.phase_panel(diagram(), boundaries=False, regions=False).lines


def test_regions_are_named_inside_themselves() -> None:
    ax = plot.phase_panel(diagram(12, 12), regions=True, boundaries=False)
    named = {
        t.get_text(): t.get_position() for t in ax.texts if "." not in t.get_text()
    }
    named = {k: v for k, v in named.items() if not k.isdigit()}
    assert set(named) == {regime.label for regime in regimes.Regime}
    for label, (u, v) in named.items():
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        x, y = left + u * (right - left), bottom + v * (top - bottom)
        code = int(regimes.classify(x, y, d=D, rank=RANK))
        assert regimes.Regime(code).label == label


def test_contours_need_a_large_enough_grid() -> None:
    ax = plot.phase_panel(diagram(5, 5))
    contours = one(ax, QuadContourSet)
    assert texts(ax) == [f"{level:g}" for level in contours.levels]
    assert count(plot.phase_panel(diagram(4, 9)), QuadContourSet) == 0
    assert count(plot.phase_panel(diagram(5, 5), contours=False), QuadContourSet) == 0


def test_contours_ignore_an_odd_cell_of_a_large_grid() -> None:
    def pieces(data: xr.Dataset) -> list[int]:
        contours = one(plot.phase_panel(data, vmin=0, vmax=6), QuadContourSet)
        paths = contours.get_paths()
        return [len(path.to_polygons(closed_only=False)) for path in paths]

    data = diagram(20, 20)
    smooth = pieces(data)
    data.min_test_error[10, 10] = 5.9
    assert pieces(data) == smooth
    assert len(smooth) > 1


def test_several_seeds_show_mean_and_spread() -> None:
    data = diagram(seeds=3)
    ax = plot.phase_panel(data)
    np.testing.assert_allclose(
        one(ax, QuadMesh).get_array(), data.min_test_error.mean("seed")
    )
    assert "mean of 3 seeds; spread ±0.1 (median), ±0.1 (largest)" in texts(ax)
    ax = plot.phase_panel(data, statistic="std")
    np.testing.assert_allclose(one(ax, QuadMesh).get_array(), 0.1)
    assert "standard deviation over 3 seeds" in texts(ax)
    assert one(ax, QuadMesh).colorbar.ax.get_ylabel().startswith("standard deviation")
    with pytest.raises(ValueError, match="needs at least two seeds"):
        plot.phase_panel(diagram(), statistic="std")


WORDS = ["reached end", "train below", "train stalled", "test rising", "event"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (5, 5)])
@pytest.mark.parametrize("name", ["rank", "active_modes", "best_step", "steps"])
def test_counts_have_whole_ticks(shape: tuple[int, int], name: str) -> None:
    data = diagram(*shape)
    data[name] = data.status * 0 + [3]
    ax = plot.phase_panel(data, name)
    ticks = one(ax, QuadMesh).colorbar.get_ticks()
    assert len(ticks) > 1
    np.testing.assert_array_equal(ticks, ticks.round())
    render(ax)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (5, 5)])
@pytest.mark.parametrize("cmap", [None, "viridis"])
def test_the_status_has_a_colour_and_a_word_for_each_value(
    shape: tuple[int, int], cmap: str | None
) -> None:
    data = diagram(*shape)
    codes = data.status.values.ravel()
    codes[:] = np.resize([4, 2, 5], codes.size)
    present = sorted(set(codes.tolist()))
    ax = plot.phase_panel(data, "status", cmap=cmap)
    mesh = one(ax, QuadMesh)
    np.testing.assert_array_equal(mesh.get_array().ravel(), codes)
    bar = mesh.colorbar
    labels = [label.get_text() for label in bar.ax.get_yticklabels()]
    assert labels == [WORDS[code - 1] for code in present]
    assert len(bar.ax.yaxis.get_minorticklocs()) == 0
    # Each word stands at the colour of its value, in the middle of it.
    for tick, code in zip(bar.get_ticks(), present, strict=True):
        assert mesh.cmap(mesh.norm(tick)) == mesh.cmap(mesh.norm(code))
    shown = {mesh.cmap(mesh.norm(code)) for code in present}
    assert len(shown) == len(present)
    assert count(ax, QuadContourSet) == 0
    render(ax)


def test_the_status_keeps_its_colour_from_picture_to_picture() -> None:
    seen = set()
    for others in ([4], [1, 4], [2, 3, 4, 5]):
        data = diagram()
        data.status.values.ravel()[: len(others)] = others
        mesh = one(plot.phase_panel(data, "status"), QuadMesh)
        seen.add(mesh.cmap(mesh.norm(4)))
    assert len(seen) == 1


def test_the_status_of_several_seeds_is_the_commonest() -> None:
    data = diagram(seeds=4)
    data.status[0, 0] = [1, 2, 2, 4]
    data.status[0, 1] = [3, 3, 2, 2]  # as many: the first of linflow.Status
    data.status[0, 2] = [-1, -1, -1, 3]  # of those that ended well
    ax = plot.phase_panel(data, "status")
    np.testing.assert_array_equal(one(ax, QuadMesh).get_array()[0, :4], [2, 2, 3, 4])
    assert "commonest of 1 to 4 seeds" in texts(ax)
    with pytest.raises(ValueError, match="that of 'status' may be 'mean'"):
        plot.phase_panel(data, "status", statistic="std")
    with pytest.raises(
        ValueError, match="vmin and vmax are 1, None; those of 'status'"
    ):
        plot.phase_panel(data, "status", vmin=1)


@pytest.mark.parametrize("ends", [(5, 1), (2, 2), (0, np.nan)])
def test_ends_of_the_colours_that_are_none_are_refused(ends: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"vmin is {ends[0]} and vmax {ends[1]}; vmin"
    ):
        plot.phase_panel(diagram(), vmin=ends[0], vmax=ends[1])


def test_failed_and_pending_cells_are_marked_and_left_out() -> None:
    data = diagram(seeds=2)
    data.status[1, 2, :] = [-1, -4]
    data.status[3, 3, 0] = -1
    data.min_test_error[3, 3, 0] = 1e9  # a failed run's number must not count
    data.status[5, :2, :] = 0
    data.status[4, 4, 1] = 0
    data.min_test_error[0, 0, :] = np.nan
    ax = plot.phase_panel(data)
    values = one(ax, QuadMesh).get_array()
    masked = np.argwhere(np.ma.getmaskarray(values)).tolist()
    assert masked == [[0, 0], [1, 2], [5, 0], [5, 1]]
    assert values[3, 3] == pytest.approx(float(data.min_test_error[3, 3, 1]))
    marks = {
        str(c.get_label()): c for c in ax.collections if isinstance(c, PolyCollection)
    }
    failed = marks["failed: 2 diverged, 1 process lost"]
    assert failed.get_hatch() == "////"
    x, y = float(data.gamma_sigma2[2]), float(data.gamma_w[1])
    (cell,) = failed.get_paths()
    assert cell.contains_point((x, y))
    assert len(marks["not run yet"].get_paths()) == 2
    assert len(marks["no value"].get_paths()) == 1
    (cross,) = (line for line in ax.lines if line.get_marker() == "x")
    assert cross.get_xydata() == pytest.approx(
        np.array([[data.gamma_sigma2[3], data.gamma_w[3]]])
    )
    assert {*marks, "failed for some seeds"} < set(legend_texts(ax))
    assert any("mean of 1 to 2 seeds" in text for text in texts(ax))
    render(ax)


@pytest.mark.parametrize(
    ("status", "label"), [(0, "not run yet"), (-2, "failed: 42 step size underflow")]
)
def test_diagram_without_values(status: int, label: str) -> None:
    data = diagram()
    data.status[:] = status
    ax = plot.phase_panel(data, "best_step")
    assert "no values" in texts(ax)
    assert one(ax, QuadMesh).colorbar is None
    assert label in [text.replace("\n", " ") for text in legend_texts(ax)]
    render(ax)


def test_logarithmic_scale_shows_zeros_below_its_end() -> None:
    data = diagram()
    data["distance"] = 1e-6 * data.best_step
    data.distance[0, 0] = 0.0
    mesh = one(plot.phase_panel(data, "distance"), QuadMesh)
    assert isinstance(mesh.norm, LogNorm)
    assert mesh.colorbar.extend == "min"
    assert not np.ma.getmaskarray(mesh.get_array()).any()
    low = float(data.distance.where(data.distance > 0).min())
    assert mesh.get_clim()[0] == pytest.approx(low)
    assert mesh.get_array()[0, 0] < low
    narrow = one(plot.phase_panel(data, "stable_rank"), QuadMesh)
    assert not isinstance(narrow.norm, LogNorm)
    assert narrow.get_clim()[0] == 1.0


def test_few_large_values_do_not_hide_the_others() -> None:
    data = diagram(12, 12)
    assert not isinstance(one(plot.phase_panel(data), QuadMesh).norm, LogNorm)
    data.min_test_error[8:, 8:] *= 100
    assert isinstance(one(plot.phase_panel(data), QuadMesh).norm, LogNorm)


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_what_is_not_all_positive_keeps_a_linear_scale(low: float) -> None:
    data = diagram(12, 12)
    data.min_test_error[8:, 8:] *= 100
    data.min_test_error[:4, :4] *= low
    assert not isinstance(one(plot.phase_panel(data), QuadMesh).norm, LogNorm)


def test_an_outlier_does_not_eat_the_colours() -> None:
    data = diagram(12, 12)
    data.min_test_error[11, 11] = 1e6
    mesh = one(plot.phase_panel(data), QuadMesh)
    assert mesh.get_clim()[1] < 10
    assert mesh.colorbar.extend == "max"
    assert one(plot.phase_panel(data, vmax=2e6), QuadMesh).get_clim() == (0, 2e6)
