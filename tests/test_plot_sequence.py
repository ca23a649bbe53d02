"""Pictures of kernels, sequences of tasks and sweeps from lazy to rich."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import linflow as lf
from linflow import plot


def learned(**keywords: Any) -> lf.LearnedSequence:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    return lf.learn_sequence(
        [task, lf.Task(-task.target)],
        lf.Balanced(2, lam=1.0),
        **{"times": [0, 1, np.inf], "rng": 0, **keywords},
    )


def test_sequence() -> None:
    exact = learned()
    flow = learned(times=[0, 1], dynamics="gradient_flow")
    ax = plot.sequence([exact, flow], tasks=["first", "its reversal"])
    lines = {str(line.get_label()): line for line in ax.lines}
    curve = lines["closed form: its reversal"]
    np.testing.assert_array_equal(curve.get_xdata(), [0, 1, 1, 2])
    np.testing.assert_array_equal(curve.get_ydata(), exact.errors[[0, 1, 3, 4], 1])
    points = lines["gradient flow: first"]
    assert points.get_linestyle() == "None"
    assert points.get_marker() == "o"
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "first", "its reversal", "closed form", "gradient flow"
    ]  # fmt: skip
    ax.figure.savefig(io.BytesIO(), dpi=30)  # type: ignore[union-attr]
    again = plot.sequence(exact, ax=ax, legend=False)
    assert again is ax


def test_sequence_bad_input() -> None:
    one = learned()
    with pytest.raises(ValueError, match="data is empty"):
        plot.sequence([])
    with pytest.raises(TypeError, match="data holds a Trajectory"):
        plot.sequence([one.runs[0]])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="tasks is"):
        plot.sequence(one, tasks=["one"])
    with pytest.raises(ValueError, match="labels is"):
        plot.sequence(one, labels="exact")
    single = lf.learn_sequence(one.tasks[:1], lf.Balanced(2), times=[0, 1], rng=0)
    with pytest.raises(ValueError, match="they must agree"):
        plot.sequence([one, single])


def test_lazy_to_rich() -> None:
    lam = [-100.0, -1.0, 0.0, 1.0, 100.0]
    data = lf.lazy_to_rich([(2, 2, 5), (5, 2, 2)], lam, seeds=2)
    flow = lf.lazy_to_rich(
        [(2, 2, 5), (5, 2, 2)], lam, times=[0, 9], dynamics="gradient_flow"
    )
    ax = plot.lazy_to_rich([data, flow], quantity="input_change")
    assert ax.get_xscale() == "symlog"
    np.testing.assert_allclose(
        np.asarray(ax.lines[0].get_ydata(), float),
        data.input_change[0, 0, :, :, -1].mean("seed"),
    )
    assert sorted(ax.get_xticks()) == [-100, -10, 0, 10, 100]
    assert ax.lines[2].get_linestyle() == "None"
    np.testing.assert_allclose(
        np.asarray(ax.lines[2].get_ydata(), float), flow.input_change[0, 0, :, 0, -1]
    )
    assert len(ax.collections) == 2  # bands of the seeds
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "inverted funnel 2-2-5", "funnel 5-2-2", "closed form", "gradient flow"
    ]  # fmt: skip
    ax.figure.savefig(io.BytesIO(), dpi=30)  # type: ignore[union-attr]
    sizes = lf.lazy_to_rich((2, 2, 2), [0.0, 1.0], size=[0.1, 1.0])
    ax = plot.lazy_to_rich(sizes, legend=False)
    assert ax.get_xscale() == "linear"
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()


def test_axes_that_are_none_are_refused() -> None:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    init = lf.Gaussian(1e4, 1e-4)
    names = ("train_error", "singular_values", "alignment", "active_modes")
    run = lf.closed_form(task, init, times=[0, 1], rng=0, observe=names, save_gram=True)
    drawings: dict[Any, Any] = {
        plot.errors: run,
        plot.singular_values: run,
        plot.alignment: run,
        plot.active_modes: run,
        plot.kernel: run,
        plot.sequence: lf.learn_sequence([task], init, times=[0, 1], rng=0),
        plot.lazy_to_rich: lf.lazy_to_rich((2, 2, 2), [0.0, 1.0]),
        plot.phase_panel: lf.phase_diagram(4, 1, -1.0, 1.0, progress=False),
    }
    for draw, data in drawings.items():
        with pytest.raises(TypeError, match="ax is 5; it must be an Axes, or None"):
            draw(data, ax=5)
    with pytest.raises(TypeError, match="data holds a int, not a learned sequence"):
        plot.sequence(5)  # type: ignore[arg-type]


def test_lazy_to_rich_bad_input() -> None:
    data = lf.lazy_to_rich((2, 2, 2), [0.0, 1.0])
    with pytest.raises(ValueError, match="data is empty"):
        plot.lazy_to_rich([])
    with pytest.raises(ValueError, match="quantity is 'speed'"):
        plot.lazy_to_rich(data, quantity="speed")
    with pytest.raises(ValueError, match="data has no kernel_distance"):
        plot.lazy_to_rich(data.drop_vars("kernel_distance"))
    with pytest.raises(ValueError, match="labels is"):
        plot.lazy_to_rich(data, labels=["one", "two"])


def test_kernel() -> None:
    task, init = lf.low_rank_task((3, 2), 1, rng=0), lf.Balanced(2, size=0.1)
    keywords: dict[str, Any] = {"times": [0, 1, 2], "rng": 0, "save_gram": True}
    runs = [
        lf.closed_form(task, init, **keywords),
        lf.gradient_flow(task, init, **keywords),
    ]
    ax = plot.kernel(runs, quantity="movement")
    assert [str(line.get_label()) for line in ax.lines] == [
        "closed form", "gradient flow"
    ]  # fmt: skip
    for line, run in zip(ax.lines, runs, strict=True):
        np.testing.assert_array_equal(
            np.asarray(line.get_ydata(), float), lf.observables.kernel_movement(run)
        )
    ax.figure.savefig(io.BytesIO(), dpi=30)  # type: ignore[union-attr]
    assert plot.kernel(runs[0], ax=ax, legend=False) is ax
    with pytest.raises(ValueError, match="quantity is 'speed'"):
        plot.kernel(runs, quantity="speed")
    with pytest.raises(ValueError, match="save_gram=True"):
        plot.kernel(lf.closed_form(task, init, times=[0, 1], rng=0))
