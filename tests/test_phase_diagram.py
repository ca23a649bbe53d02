"""Phase diagrams: against single runs, reproducibility, interruption, bad input."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import xarray as xr

import linflow as lf
import reference
from linflow import stop
from linflow._core import ensemble as core
from linflow.diagram_cells import order
from linflow.execution.batches import Queue
from linflow.protocol import published_step_size
from linflow.store.grid import Axis, Grid
from linflow.store.results import Results

SMALL: dict[str, Any] = {
    "d": 24,
    "rank": 2,
    "gamma_sigma2": [-2.5, -1.5, -0.5],
    "gamma_w": [0.0, 0.9, 1.6, 2.6, 9.0],
    "progress": False,
}


def without_provenance(data: xr.Dataset) -> xr.Dataset:
    return data.drop_vars("duration").drop_attrs(deep=False)


@pytest.mark.parametrize(
    ("grid", "exact"),
    [
        (SMALL | {"seeds": 2}, False),  # batched: other rounding
        (SMALL | {"d": 52, "gamma_sigma2": [-1.5], "gamma_w": [0.9, 2.6]}, True),
    ],
)
def test_every_cell_equals_the_run_that_a_user_would_make(
    grid: dict[str, Any], exact: bool
) -> None:
    data = lf.phase_diagram(**grid, distance_to="self_consistent")
    d, seeds = grid["d"], grid.get("seeds", 1)
    assert dict(data.sizes) == {
        "gamma_w": len(grid["gamma_w"]),
        "gamma_sigma2": len(grid["gamma_sigma2"]),
        "seed": seeds,
    }
    for seed in range(seeds):
        root = np.random.SeedSequence(0, spawn_key=(seed,))
        task = lf.low_rank_task(d, 2, rng=root)
        norm = float(lf.spectrum.singular_values(task.truth, 1)[0])  # type: ignore[arg-type]
        for gamma_w in data.gamma_w.values:
            for gamma_sigma2 in data.gamma_sigma2.values:
                cell = data.sel(gamma_w=gamma_w, gamma_sigma2=gamma_sigma2, seed=seed)
                init = lf.Gaussian(float(d) ** gamma_w, float(d) ** gamma_sigma2)
                keywords: dict[str, Any] = {
                    "step_size": float(
                        published_step_size(gamma_sigma2, gamma_w, d=d, truth_norm=norm)
                    ),
                    "rng": root,
                    "save_product": True,
                    "raise_on_failure": False,
                }
                run = lf.gradient_descent(task, init, stop=stop.published, **keywords)
                formula = lf.self_consistent(
                    task, init, max_steps=run.steps, **keywords
                )
                _check_cell(cell, run, formula, exact)


def _check_cell(
    cell: xr.Dataset, run: lf.Trajectory, formula: lf.Trajectory, exact: bool
) -> None:
    assert run.test_error is not None
    assert run.train_error is not None
    assert run.product is not None
    assert formula.product is not None
    best = int(run.test_error.argmin())
    assert int(cell.status) == run.status
    assert float(cell.steps) == run.steps
    assert float(cell.best_step) == best
    for name, error in (
        ("min_test_error", run.test_error[best]),
        ("first_train_error", run.train_error[0]),
        ("final_train_error", run.train_error[-1]),
    ):
        expected = error if exact else pytest.approx(error, rel=1e-10)
        assert float(cell[name]) == expected
    values = np.linalg.svd(run.product[best], compute_uv=False)
    assert float(cell["rank"]) == np.count_nonzero(values > values[0] / 5)
    stable = (values**2).sum() / values[0] ** 2
    assert float(cell.stable_rank) == pytest.approx(stable, rel=1e-10)
    gaps = [
        reference.mean_square(a - b)
        for a, b in zip(run.product, formula.product, strict=True)
    ]
    assert float(cell.distance) == pytest.approx(max(gaps), rel=1e-9, abs=1e-24)


@pytest.mark.parametrize("d", [10, 24, 52])
@pytest.mark.parametrize("noise", [1.0, 1e4])
@pytest.mark.parametrize(
    ("dtype", "gamma_sigma2", "digits"),
    [("float64", -8.0, 1e-12), ("float32", -4.0, 1e-5)],
)
def test_maps_far_smaller_than_the_target_have_digits_of_their_own(
    d: int, noise: float, dtype: str, gamma_sigma2: float, digits: float
) -> None:
    """Noise makes early steps the best ones, whose weights are gone at the end."""
    step_size, steps = 0.02 / d / noise, 10
    data = lf.phase_diagram(
        d,
        2,
        [gamma_sigma2],
        [0.1, 0.5, 1.5],
        noise=noise,
        protocol={"step_size": step_size, "max_steps": steps},
        distance_to="self_consistent",
        observe="operator_norm",
        dtype=dtype,
        progress=False,
    )
    root = np.random.SeedSequence(0, spawn_key=(0,))
    task = lf.low_rank_task(d, 2, noise=noise, rng=root)
    near: dict[str, Any] = {"rel": digits, "abs": 0}
    for gamma_w in data.gamma_w.values:
        cell = data.sel(gamma_w=gamma_w, seed=0).squeeze()
        start = lf.Gaussian(float(cell.width), float(cell.variance)).sample(task, root)
        words: dict[str, Any] = {"step_size": step_size, "steps": steps}
        maps = reference.gradient_descent(start.W1, start.W2, task.target, **words)
        formula = reference.self_consistent(
            maps[0], task.target, float(cell.variance * cell.width), **words
        )
        gaps = map(reference.mean_square, np.subtract(maps, formula))
        assert float(cell.distance) == pytest.approx(max(gaps), **near)
        best = int(cell.best_step)
        run = lf.gradient_descent(
            task,
            start,
            step_size=step_size,
            max_steps=steps,
            dtype=dtype,
            save_product=True,
        )
        assert run.product is not None
        for A in (maps[best], run.product[best]):
            values = np.linalg.svd(A, compute_uv=False)
            assert values[0] < 1e-3 * np.linalg.norm(task.target)
            stable = (values**2).sum() / values[0] ** 2
            assert int(cell["rank"]) == np.count_nonzero(values > values[0] / 5)
            assert float(cell.stable_rank) == pytest.approx(stable, **near)
            assert float(cell.operator_norm) == pytest.approx(values[0], **near)


def test_bitwise_for_any_threads_order_and_grid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keywords = SMALL | {"distance_to": "self_consistent"}
    one = without_provenance(lf.phase_diagram(**keywords, n_threads=1))
    for threads in (2, 3):
        many = lf.phase_diagram(**keywords, n_threads=threads)
        xr.testing.assert_identical(one, without_provenance(many))

    run = core.run

    def backwards(**words: Any) -> Any:
        return run(**words | {"order": words["order"][::-1]})

    with monkeypatch.context() as patch:
        patch.setattr(core, "run", backwards)
        other = lf.phase_diagram(**keywords)
    xr.testing.assert_identical(one, without_provenance(other))

    for gamma_w in SMALL["gamma_w"]:
        for gamma_sigma2 in SMALL["gamma_sigma2"]:
            cell = SMALL | {"gamma_w": gamma_w, "gamma_sigma2": gamma_sigma2}
            single = lf.phase_diagram(**cell, distance_to="self_consistent")
            expected = one.sel(gamma_w=[gamma_w], gamma_sigma2=[gamma_sigma2])
            xr.testing.assert_identical(without_provenance(single), expected)


def test_growing_a_grid_keeps_old_cells() -> None:
    old = lf.phase_diagram(**SMALL)
    grown = lf.phase_diagram(
        **SMALL | {"gamma_w": [0.0, 0.4, 0.9, 1.6, 2.6, 9.0], "seeds": 3}
    )
    xr.testing.assert_identical(
        without_provenance(grown.sel(gamma_w=old.gamma_w, seed=[0])),
        without_provenance(old),
    )
    later = lf.phase_diagram(**SMALL, rng=np.random.SeedSequence(0, spawn_key=(2,)))
    np.testing.assert_array_equal(
        later.min_test_error.values[..., 0],
        grown.min_test_error.sel(gamma_w=old.gamma_w, seed=2).values,
    )


def test_float32_is_close() -> None:
    """Where kappa is at most 1e5 of the target's size; beyond, digits run out."""
    keywords = SMALL | {"gamma_w": SMALL["gamma_w"][:-1]}
    wide = lf.phase_diagram(**keywords)
    narrow = lf.phase_diagram(**keywords, dtype="float32")
    np.testing.assert_allclose(
        narrow.min_test_error, wide.min_test_error, rtol=2e-3, atol=2e-4
    )


def test_a_diverging_cell_spoils_no_other() -> None:
    settings = {"step_size": 0.004, "max_steps": 300}
    data = lf.phase_diagram(**SMALL, protocol=settings)
    diverged = data.status == lf.Status.DIVERGED
    assert 0 < int(diverged.sum()) < data.status.size
    # What was measured before stays; what never was is NaN with the status to say why.
    assert np.isfinite(data.min_test_error.where(diverged, drop=True)).any()
    calm = SMALL | {"gamma_w": [0.9, 1.6], "gamma_sigma2": [-2.5, -1.5]}
    alone = lf.phase_diagram(**calm, protocol=settings)
    assert (alone.status > 0).all()
    xr.testing.assert_identical(
        without_provenance(alone),
        without_provenance(
            data.sel(gamma_w=calm["gamma_w"], gamma_sigma2=calm["gamma_sigma2"])
        ),
    )


def test_attributes_say_how_it_was_made() -> None:
    data = lf.phase_diagram(**SMALL, noise=0.5, rng=7)
    assert data.attrs["rng_entropy"] == "7"
    assert data.attrs["noise"] == 0.5
    assert data.attrs["linflow"] == lf.__version__
    assert data.attrs["protocol"] == "published"
    assert data.width.values.tolist()[0] == 1.0
    assert data.status.attrs["flag_values"][0] == lf.Status.PENDING
    assert data.min_test_error.attrs["units"] == "1"


def test_progress_and_its_exceptions() -> None:
    calls: list[int] = []
    lf.phase_diagram(**SMALL | {"progress": calls.append})
    assert calls[-1] == 15

    def fail(_: int) -> None:
        message = "mine"
        raise LookupError(message)

    slow = SMALL | {"d": 60, "gamma_w": np.linspace(1, 2, 20), "progress": fail}
    with pytest.raises(LookupError, match="mine") as caught:
        lf.phase_diagram(**slow)
    partial = caught.value.partial  # type: ignore[attr-defined]
    assert isinstance(partial, xr.Dataset)


def test_ctrl_c_keeps_what_was_finished() -> None:
    """Interrupt a long run: answered soon, finished cells kept, the rest pending."""
    code = """
import os, signal, threading, time
import numpy as np
import linflow as lf
sent = []
def interrupt(done):
    if done >= 2 and not sent:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
try:
    lf.phase_diagram(150, 3, np.linspace(-2, -1, 40), np.linspace(1, 2.8, 40),
                     progress=interrupt)
except lf.Interrupted as stopped:
    waited = time.perf_counter() - sent[0]
    data = stopped.partial
    done = (data.status > 0)
    assert 2 <= int(done.sum()) < data.status.size, int(done.sum())
    assert np.isfinite(data.min_test_error.values[done.values]).all()
    assert np.isnan(data.min_test_error.values[~done.values]).all()
    print(f"waited {waited:.3f}")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # Promised within a second, of which a busy machine may give it little; not the
    # minutes that the grid would take.
    assert float(done.stdout.split()[1]) < 5.0


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"d": 1}, "d must be an integer >= 2, not 1"),
        ({"rank": 25}, "rank must be at most d = 24, not 25"),
        ({"gamma_w": []}, "gamma_w must be a one-dimensional, non-empty"),
        ({"gamma_w": [-0.5]}, "gamma_w must be between 0 and"),
        ({"gamma_w": [11.0]}, "gamma_w must be between 0 and 10.9"),
        ({"gamma_sigma2": [np.nan]}, "gamma_sigma2 must be finite, not nan"),
        (
            {"gamma_sigma2": [1.0, 1.0]},
            "gamma_sigma2 must not repeat values",
        ),
        ({"seeds": 0}, "seeds must be an integer >= 1"),
        ({"dynamics": "magic"}, "dynamics must be one of"),
        ({"protocol": "secret"}, "protocol must be 'published' or a dict"),
        ({"protocol": {"max_steps": 3}}, "protocol must have a step_size"),
        ({"protocol": {"step_size": 0, "max_steps": 3}}, "step_size must be .* > 0"),
        ({"protocol": {"step_size": 1, "steps": 3}}, "protocol key must be one of"),
        ({"protocol": {"step_size": 1}}, "max_steps must be given"),
        ({"noise": -1}, "noise must be a real number >= 0"),
        ({"distance_to": "moon"}, "distance_to must be one of"),
        ({"n_threads": 0}, "n_threads must be an integer >= 1"),
        ({"dynamics": "gradient_flow", "rtol": 2}, "rtol must be .* <= 1, not 2"),
        ({"dynamics": "closed_form", "rtol": 1e-3}, "rtol must be 1e-06 where no"),
        ({"rtol": 1e-3, "distance_to": "lazy"}, "rtol must be 1e-06 where no"),
        (
            {"dynamics": "gradient_flow", "method": "euler", "rtol": 1e-3},
            "by method='auto', not 0.001",
        ),
        ({"resume": "retry"}, "resume must be True or False where store is None"),
    ],
)
def test_bad_input(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lf.phase_diagram(**SMALL | keywords)


@pytest.mark.parametrize("threads", [2, 8])
def test_the_order_keeps_all_threads_busy_to_the_end(threads: int) -> None:
    """Batches of cells of 1 to 60 units and 30 to 750 steps, taken as they come."""
    grid: dict[str, Any] = {
        "d": 30,
        "rank": 3,
        "gamma_sigma2": np.linspace(-3, 0, 14),
        "gamma_w": np.linspace(0, 2.8, 14),
        "progress": False,
    }
    data = lf.phase_diagram(**grid)
    widths = data.width.values[:, None, None]
    cost = ((data.steps.values + 1) * np.minimum(widths, 60)).ravel()
    assert cost.max() > 30 * cost.min()
    axes = (Axis(str(name), data[name].values) for name in data.status.dims)
    cells = order(Grid(tuple(axes)), 30, np.arange(cost.size))
    queue = Queue(cells, given=None, chunk=16)
    queue.learn(Results({}, np.ones(1, dtype=np.int8), np.full(1, 1 / 32)))
    busy = np.zeros(threads)
    while queue:
        busy[busy.argmin()] += cost[queue.take(threads).cells].sum()
    assert busy.max() <= 1.02 * busy.mean()
