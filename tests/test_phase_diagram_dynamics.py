"""Phase diagrams of the closed forms: against single runs, descent and each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import linflow as lf
import reference
from linflow.protocol import published_step_size

DYNAMICS = ("closed_form", "self_consistent", "lazy", "balanced")
STEPS = 40
GRID: dict[str, Any] = {
    "d": 16,
    "rank": 2,
    "gamma_sigma2": [-2.2, -0.6],
    "gamma_w": [0.5, 1.4, 2.5],
    "progress": False,
    "protocol": {"step_size": 2e-3, "max_steps": STEPS},
}


def run_of(name: str, task: lf.Task, init: lf.Gaussian, root: Any) -> lf.Trajectory:
    """Return the public function's run on the virtual steps of a cell."""
    eta = GRID["protocol"]["step_size"]
    keywords: dict[str, Any] = {"rng": root, "save_product": True}
    result: lf.Trajectory
    if name == "gradient_descent":
        result = lf.gradient_descent(
            task, init, step_size=eta, max_steps=STEPS, **keywords
        )
    else:
        times = eta * np.arange(STEPS + 1)
        result = getattr(lf, name)(task, init, times=times, **keywords)
    return result


@pytest.mark.parametrize("name", DYNAMICS)
def test_every_cell_equals_the_public_function(name: str) -> None:
    # Beside "closed_form" the formulas are flows too.
    other = "self_consistent" if name == "closed_form" else "closed_form"
    data = lf.phase_diagram(
        **GRID, dynamics=name, distance_to=other, seeds=2, observe="rank_margin"
    )
    assert data.attrs["time"] == "flow"
    for seed in range(2):
        root = np.random.SeedSequence(0, spawn_key=(seed,))
        task = lf.low_rank_task(16, 2, rng=root)
        for gamma_w in data.gamma_w.values:
            for gamma_sigma2 in data.gamma_sigma2.values:
                cell = data.sel(gamma_w=gamma_w, gamma_sigma2=gamma_sigma2, seed=seed)
                init = lf.Gaussian(16.0**gamma_w, 16.0**gamma_sigma2)
                run = run_of(name, task, init, root)
                _check(cell, run, run_of(other, task, init, root))


def _check(cell: xr.Dataset, run: lf.Trajectory, other: lf.Trajectory) -> None:
    assert run.test_error is not None
    assert run.train_error is not None
    assert run.product is not None
    assert other.product is not None
    near: dict[str, Any] = {"rel": 1e-9, "abs": 1e-13}
    best = int(cell.best_step)
    assert int(cell.steps) == STEPS
    assert int(cell.status) == lf.Status.REACHED_END
    assert float(cell.min_test_error) == pytest.approx(run.test_error.min(), **near)
    assert run.test_error[best] == pytest.approx(run.test_error.min(), **near)
    assert float(cell.first_train_error) == pytest.approx(run.train_error[0], **near)
    assert float(cell.final_train_error) == pytest.approx(run.train_error[-1], **near)
    values = np.linalg.svd(run.product[best], compute_uv=False)
    assert float(cell["rank"]) == np.count_nonzero(values > values[0] / 5)
    assert float(cell.rank_margin) == pytest.approx(
        abs(values / values[0] - 0.2).min(), **near
    )
    assert float(cell.stable_rank) == pytest.approx(
        (values**2).sum() / values[0] ** 2, rel=1e-9
    )
    gaps = [
        reference.mean_square(a - b)
        for a, b in zip(run.product, other.product, strict=True)
    ]
    assert float(cell.distance) == pytest.approx(max(gaps), rel=1e-8, abs=1e-18)


def test_error_bounds_of_the_closure() -> None:
    """Above the errors, and from the law what they are from each start."""
    d = 40
    closed = lf.phase_diagram(
        d,
        3,
        [-2.6, -1.8, -0.8],
        [0.8, 1.3, 2.0, 2.8],
        dynamics="closed_form",
        distance_to="gradient_flow",
        observe="error_bound",
        progress=False,
    )
    root = np.random.SeedSequence(0, spawn_key=(0,))
    task = lf.low_rank_task(d, 3, rng=root)
    assert task.truth is not None
    norm = float(np.linalg.norm(task.truth, 2))
    for gamma_w in closed.gamma_w.values:
        for gamma_sigma2 in closed.gamma_sigma2.values:
            cell = closed.sel(gamma_w=gamma_w, gamma_sigma2=gamma_sigma2, seed=0)
            step = published_step_size(gamma_sigma2, gamma_w, d=d, truth_norm=norm)
            start = lf.Gaussian(float(cell.width), float(cell.variance)).sample(
                task, root
            )
            times = [0.0, float(step) * float(cell.best_step)]
            single = lf.closed_form(task, start, times=times).error_bound
            assert single is not None
            size = max(np.linalg.norm(task.target), np.linalg.norm(start.product))
            assert float(cell.distance) ** 0.5 * d / size < float(cell.error_bound)
            if cell.width > d:
                assert float(cell.error_bound) == pytest.approx(single, rel=0.1)
            else:
                assert single < float(cell.error_bound) < 40 * single


@pytest.mark.parametrize("name", DYNAMICS[1:])
def test_formulas_alone_are_stepped(name: str) -> None:
    """As in the paper: with the descent's step, compared with descent."""
    data = lf.phase_diagram(**GRID, dynamics="gradient_descent", distance_to=name)
    mirrored = lf.phase_diagram(**GRID, dynamics=name, distance_to="gradient_descent")
    assert data.attrs["time"] == mirrored.attrs["time"] == "stepped"
    np.testing.assert_allclose(data.distance, mirrored.distance, rtol=1e-9)
    task = lf.low_rank_task(16, 2, rng=0)
    for gamma_w in data.gamma_w.values:
        for gamma_sigma2 in data.gamma_sigma2.values:
            cell = data.sel(gamma_w=gamma_w, gamma_sigma2=gamma_sigma2, seed=0)
            init = lf.Gaussian(16.0**gamma_w, 16.0**gamma_sigma2)
            run = run_of("gradient_descent", task, init, 0)
            assert run.product is not None
            maps = _stepped(name, task, init)
            gaps = [
                reference.mean_square(a - b)
                for a, b in zip(run.product, maps, strict=True)
            ]
            assert float(cell.distance) == pytest.approx(max(gaps), rel=1e-8)


def _stepped(name: str, task: lf.Task, init: lf.Gaussian) -> list[Any]:
    """Return the maps of a formula stepped with the step of the descent."""
    eta = GRID["protocol"]["step_size"]
    start = init.sample(task, rng=0)
    A = start.product
    if name != "lazy":
        assert start.law is not None
        kappa = start.law.kappa if name == "self_consistent" else 0.0
        return reference.self_consistent(
            A, task.target, kappa, step_size=eta, steps=STEPS
        )
    C1, C2 = start.W1.T @ start.W1, start.W2 @ start.W2.T
    maps = [A]
    for _ in range(STEPS):
        G = A - task.target
        A = A - eta * (C2 @ G + G @ C1)
        maps.append(A)
    return maps


def test_closed_form_equals_descent_of_small_steps() -> None:
    """Same ranks, minimal test errors within 0.01, from active to lazy."""
    d = 40
    keywords: dict[str, Any] = {
        "d": d,
        "rank": 3,
        "gamma_sigma2": [-2.5, -1.8, -1.2],
        "gamma_w": [1.5, 2.0, 2.5],
        "progress": False,
        "protocol": {"step_size": 1e-4, "max_steps": 4000},
    }
    descent = lf.phase_diagram(**keywords)
    closed = lf.phase_diagram(**keywords, dynamics="closed_form")
    np.testing.assert_array_equal(closed["rank"], descent["rank"])
    np.testing.assert_allclose(
        closed.min_test_error, descent.min_test_error, rtol=0, atol=0.01
    )
    np.testing.assert_allclose(closed.stable_rank, descent.stable_rank, rtol=0.02)


FLOW_GRID: dict[str, Any] = {
    "d": 20,
    "rank": 2,
    "gamma_sigma2": [-3.0, -1.5, -0.5],
    "gamma_w": [0.5, 1.1, 1.5, 2.5],
    "progress": False,
    "dynamics": "gradient_flow",
}


@pytest.mark.parametrize(("step_size", "count"), [(1e-2, 40), (2e-4, 600)])
def test_integrated_flow_equals_the_public_function(
    step_size: float, count: int
) -> None:
    """In factor and Gram form, with few and with many virtual steps in one."""
    plan = {"step_size": step_size, "max_steps": count}
    data = lf.phase_diagram(**FLOW_GRID, protocol=plan, rtol=1e-9)
    assert data.attrs["rtol"] == 1e-9
    root = np.random.SeedSequence(0, spawn_key=(0,))
    task = lf.low_rank_task(20, 2, rng=root)
    forms = set()
    for gamma_w in data.gamma_w.values:
        for gamma_sigma2 in data.gamma_sigma2.values:
            cell = data.sel(gamma_w=gamma_w, gamma_sigma2=gamma_sigma2, seed=0)
            run = lf.gradient_flow(
                task,
                lf.Gaussian(20.0**gamma_w, 20.0**gamma_sigma2),
                times=step_size * np.arange(count + 1),
                rtol=1e-9,
                rng=root,
                save_product=True,
            )
            assert run.test_error is not None
            assert run.train_error is not None
            assert run.product is not None
            forms.add(run.attrs["form"])
            best = int(cell.best_step)
            size = run.train_error[0]
            assert abs(float(cell.min_test_error) - run.test_error.min()) < 1e-6 * size
            assert abs(run.test_error[best] - run.test_error.min()) < 1e-6 * size
            assert (
                abs(float(cell.final_train_error) - run.train_error[-1]) < 1e-6 * size
            )
            values = np.linalg.svd(run.product[best], compute_uv=False)
            assert float(cell.stable_rank) == pytest.approx(
                (values**2).sum() / values[0] ** 2, rel=1e-4
            )
    assert forms == {"gram", "factors"}


def test_cells_whose_splitting_fails_are_integrated() -> None:
    """One network in fifteen of these makes K singular within a long step."""
    loose, tight = (
        lf.phase_diagram(
            6,
            1,
            [-4.0],
            [1.4],
            seeds=60,
            dynamics="gradient_flow",
            protocol={"step_size": 1e-2, "max_steps": 2000},
            rtol=rtol,
            progress=False,
        )
        for rtol in (1e-4, 1e-9)
    )
    assert set(loose.status.values.flat) == {lf.Status.REACHED_END}
    np.testing.assert_allclose(loose.min_test_error, tight.min_test_error, rtol=1e-3)


def test_integrated_flow_by_the_rules_of_the_protocol() -> None:
    """At 1e-4 the picture is that of 1e-8, and the closure is near where it is wide."""
    fine = lf.phase_diagram(**FLOW_GRID, rtol=1e-8, distance_to="closed_form")
    coarse = lf.phase_diagram(**FLOW_GRID, rtol=1e-4)
    assert (fine.status > 0).all()
    np.testing.assert_array_equal(fine.status, coarse.status)
    np.testing.assert_allclose(fine.min_test_error, coarse.min_test_error, atol=1e-3)
    np.testing.assert_allclose(fine.steps, coarse.steps, atol=2)
    assert float(fine.distance.sel(gamma_w=2.5).max()) < 0.1
    one, two = (
        lf.phase_diagram(**FLOW_GRID, n_threads=n).drop_vars("duration") for n in (1, 2)
    )
    xr.testing.assert_equal(one, two)
    single = lf.phase_diagram(**FLOW_GRID, rtol=1e-4, dtype="float32")
    np.testing.assert_allclose(single.min_test_error, fine.min_test_error, atol=1e-2)


def test_active_cells_in_long_steps() -> None:
    """About the closed form or integrated: the picture of a finer integration."""
    words: dict[str, Any] = FLOW_GRID | {
        "d": 30,
        "gamma_sigma2": [-3.2, -2.9, -2.5],
        "gamma_w": [1.3, 1.6, 2.2],
    }
    # A look at every step is taken from integrated ones.
    fine = lf.phase_diagram(**words, rtol=1e-6, distance_to="closed_form")
    integrated = lf.phase_diagram(**words, rtol=1e-4, distance_to="closed_form")
    split = lf.phase_diagram(**words, rtol=1e-4)
    assert float((split.stable_rank != integrated.stable_rank).mean()) > 0.8
    for name in ("status", "rank"):
        np.testing.assert_array_equal(split[name], fine[name], err_msg=name)
    np.testing.assert_allclose(split.steps, fine.steps, atol=1)
    np.testing.assert_allclose(split.min_test_error, fine.min_test_error, atol=3e-4)
    np.testing.assert_allclose(split.stable_rank, fine.stable_rank, rtol=2e-3)
    np.testing.assert_allclose(
        split.final_train_error, fine.final_train_error, rtol=1e-2
    )


def test_wide_cells_by_exponential_differencing() -> None:
    """From d_in + d_out = 80 on; beyond rtol 2e-8 all cells are explicit ones."""
    words: dict[str, Any] = FLOW_GRID | {
        "d": 44,
        "gamma_sigma2": [-2.0, -1.5, -0.8],
        "gamma_w": [1.6, 2.0, 2.6],
    }
    fine = lf.phase_diagram(**words, rtol=1e-9)
    coarse = lf.phase_diagram(**words, rtol=1e-4)
    assert float(abs(coarse.min_test_error - fine.min_test_error).max()) > 1e-9
    np.testing.assert_array_equal(coarse.status, fine.status)
    np.testing.assert_allclose(coarse.steps, fine.steps, atol=1)
    np.testing.assert_allclose(coarse.min_test_error, fine.min_test_error, atol=3e-4)
    np.testing.assert_allclose(coarse.stable_rank, fine.stable_rank, rtol=2e-3)


def test_rules_of_the_protocol_stop_a_flow() -> None:
    keywords = GRID | {"protocol": "published", "gamma_w": [1.4, 2.5]}
    for name in DYNAMICS:
        data = lf.phase_diagram(**keywords, dynamics=name)
        assert (data.status > 0).all()
        assert (data.best_step <= data.steps).all()
        assert (data.steps < 750).any()


def test_bitwise_for_any_threads_and_dtype() -> None:
    for name in DYNAMICS:
        words = GRID | {"dynamics": name}
        one, two = (
            lf.phase_diagram(**words, n_threads=threads).drop_vars("duration")
            for threads in (1, 2)
        )
        xr.testing.assert_equal(one, two)
        single = lf.phase_diagram(**words, dtype="float32")
        np.testing.assert_allclose(single.min_test_error, one.min_test_error, rtol=1e-3)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"dynamics": "gradient_descent", "distance_to": "closed_form"}, "not pair"),
        ({"dynamics": "closed_form", "distance_to": "gradient_descent"}, "not pair"),
        ({"dynamics": "gradient_flow", "distance_to": "gradient_descent"}, "not pair"),
        ({"dynamics": "gradient_flow", "rtol": 0}, "rtol must be"),
        ({"dynamics": "lazy", "distance_to": "lazy"}, "not be dynamics itself"),
        ({"dynamics": "flow"}, "dynamics must be one of"),
        ({"dynamics": "lazy", "observe": "error_bound"}, "'error_bound' is that of"),
        ({"dynamics": "lazy", "distance_to": "flow"}, "distance_to must be one of"),
    ],
)
def test_refused_pairs(words: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        lf.phase_diagram(**GRID, **words)


@pytest.mark.parametrize("d", [16, 51])
@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_a_flow_in_fixed_steps(d: int, method: str) -> None:
    """As the single run in such steps, in lanes and, at d = 51, one by one."""
    grid = GRID | {"d": d, "dynamics": "gradient_flow", "method": method}
    eta = 0.4 / d**1.9  # of the largest kappa of the grid
    grid["protocol"] = {"step_size": eta, "max_steps": STEPS}
    data = lf.phase_diagram(**grid, distance_to="closed_form", observe="rank_margin")
    assert data.attrs["time"] == "flow"
    task = lf.low_rank_task(d, 2, rng=np.random.SeedSequence(0, spawn_key=(0,)))
    times = eta * np.arange(STEPS + 1)
    for gamma_w in data.gamma_w.values:
        for gamma_sigma2 in data.gamma_sigma2.values:
            cell = data.sel(gamma_w=gamma_w, gamma_sigma2=gamma_sigma2, seed=0)
            init = lf.Gaussian(float(d) ** gamma_w, float(d) ** gamma_sigma2)
            root = np.random.SeedSequence(0, spawn_key=(0,))
            run = lf.gradient_flow(
                task,
                init,
                times=times,
                method=method,
                step_size=eta,
                save_product=True,
                rng=root,
            )
            other = lf.closed_form(task, init, times=times, save_product=True, rng=root)
            _check(cell, run, other)


def test_fixed_steps_are_of_order_four_and_of_a_flow_only() -> None:
    """Halving the step takes a sixteenth of the error."""
    small = {key: GRID[key] for key in ("rank", "gamma_w", "gamma_sigma2", "progress")}

    def final_errors(steps: int, **words: Any) -> Any:
        protocol = {"step_size": 0.2 / steps, "max_steps": steps}
        flow = {"d": 12, "dynamics": "gradient_flow", "protocol": protocol}
        return lf.phase_diagram(**(small | flow | words)).final_train_error.values

    exact = final_errors(10, rtol=1e-12)
    coarse, fine = (
        np.abs(final_errors(steps, method="rk4") - exact).max() for steps in (80, 160)
    )
    assert 12 < coarse / fine < 24
    with pytest.raises(ValueError, match=r"method must be 'auto' where no"):
        final_errors(10, dynamics="closed_form", method="rk4")
    with pytest.raises(ValueError, match="method must be"):
        final_errors(10, method="dopri5")
