"""The three levels of spectrum tracking, and modes followed through crossings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import linflow as lf
import reference
from linflow._core import spectrum as core

if TYPE_CHECKING:
    from pathlib import Path

Array = NDArray[np.float64]


def matrices(rng: np.random.Generator) -> list[Array]:
    """Make matrices of all the kinds that have made trouble for somebody."""
    n = int(rng.integers(2, 40))
    m = int(rng.integers(2, 40))
    A = rng.normal(size=(m, n))
    low = rng.normal(size=(m, 2)) @ rng.normal(size=(2, n))
    square = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return [
        A,
        A * 10.0 ** rng.uniform(-12, 12, size=(1, n)),
        A * 10.0 ** rng.uniform(-12, 12, size=(m, 1)),
        low,
        np.round(A),
        np.eye(m, n),
        square,
        A * (rng.random((m, n)) < 0.1),
        np.tri(n),
        np.ones((m, n)),
        1 / (np.arange(n)[:, None] + np.arange(n) + 1.0),
    ]


def test_all_values_are_backward_stable(rng: np.random.Generator) -> None:
    for _ in range(60):
        for A in matrices(rng):
            exact = np.linalg.svd(A, compute_uv=False)
            values = lf.spectrum.singular_values(A)
            assert np.abs(values - exact).max() <= 3e-14 * exact[0]


def test_small_values_of_bidiagonal_matrices_keep_their_digits(
    rng: np.random.Generator,
) -> None:
    # The product of the values is that of the diagonal, whatever is above it.
    for n in (1, 2, 3, 10, 40):
        diagonal = 10.0 ** rng.uniform(-3, 0, n)
        above = 10.0 ** rng.uniform(-6, -3, max(n - 1, 0))
        values = core.bidiagonal_values(diagonal.tolist(), above.tolist())
        assert np.log(values).sum() == pytest.approx(np.log(diagonal).sum(), rel=1e-12)


def test_counts_are_those_of_a_full_decomposition(rng: np.random.Generator) -> None:
    cases = 0
    while cases < 10_000:
        A = matrices(rng)[0]
        s = np.linalg.svd(A, compute_uv=False)
        levels = np.concatenate(
            [s * (1 + 1e-6), s * (1 - 1e-6), rng.uniform(0, s[0], 9)]
        )
        wanted = (s[None, :] > levels[:, None]).sum(axis=1)
        assert lf.spectrum.count_above(A, levels).tolist() == wanted.tolist()
        cases += len(levels)


@pytest.mark.parametrize("part", [3e-1, 1e-3, 1.0001e-4, 1e-5, 1e-8])
def test_counts_far_below_the_largest_value(
    part: float, rng: np.random.Generator
) -> None:
    U = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    V = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    exact = np.geomspace(1, part, 12)
    A = (U[:, :12] * exact) @ V[:, :12].T
    levels = part * np.array([1 - 1e-6, 1 + 1e-6])
    assert lf.spectrum.count_above(A, levels).tolist() == [12, 11]


def test_thresholds_at_the_ends(rng: np.random.Generator) -> None:
    A = rng.normal(size=(6, 4))
    assert lf.spectrum.count_above(A, [0.0, np.inf]).tolist() == [4, 0]
    assert lf.spectrum.count_above(np.zeros((3, 3)), [0.0, 1.0]).tolist() == [0, 0]
    assert lf.spectrum.count_above(1e-170 * A, 0.0) == 4


def test_top_triplets(rng: np.random.Generator) -> None:
    for shape in ((30, 20), (20, 30), (60, 60), (4, 4), (1, 5)):
        A = rng.normal(size=shape)
        top = min(3, *shape)
        U, s, V = lf.spectrum.top_triplets(A, top)
        exact = np.linalg.svd(A, compute_uv=False)[:top]
        np.testing.assert_allclose(s, exact, rtol=1e-10)
        np.testing.assert_allclose(A @ V, U * s, atol=1e-6 * s[0])
        np.testing.assert_allclose(U.T @ U, np.eye(top), atol=1e-10)
        for scale in (2.0**-900, 2.0**500, 2.0**1000):  # squares under- and overflow
            scaled = lf.spectrum.top_triplets(scale * A, top)
            np.testing.assert_array_equal(scaled.values, scale * s)
            np.testing.assert_array_equal(scaled.U, U)
    assert lf.spectrum.top_triplets(np.zeros((3, 3)), 2).values.tolist() == [0, 0]


def run_of(
    d: int, gamma_sigma2: float, gamma_w: float, seed: int, **more: Any
) -> tuple[lf.Task, Any]:
    task = lf.low_rank_task(d, 3, rng=seed)
    lazy = gamma_sigma2 + gamma_w > 1
    norm = float(np.linalg.norm(task.target, 2))
    eta = 1 / (20 * (d ** (gamma_sigma2 + gamma_w) if lazy else norm))
    init = lf.Gaussian(float(d) ** gamma_w, float(d) ** gamma_sigma2)
    keywords: dict[str, Any] = {
        "step_size": eta,
        "max_steps": 120,
        "rng": seed,
        "save_product": True,
    }
    return task, lf.gradient_descent(task, init, **(keywords | more))


def test_no_failure_unreported_along_random_runs(rng: np.random.Generator) -> None:
    worst, iterated = 0.0, 0
    for seed in range(40):
        gamma_w = float(rng.uniform(0.6, 2.8))
        _, run = run_of(30, float(rng.uniform(-3, 0)), gamma_w, seed, top=3)
        exact = np.linalg.svd(run.product, compute_uv=False)[:, :3]
        error = np.abs(run.singular_values - exact) / np.maximum(
            exact, 1e-5 * exact[:, :1]
        )
        worst = max(worst, float(error[run.converged].max()))
        triplets = core.TopTriplets(30, 30, 3)
        for A in run.product:
            iterated += triplets.update(np.asfortranarray(A)) == 0
    assert worst <= 1e-8
    assert iterated > 1000  # the block did most of the work


def test_a_direction_that_the_block_cannot_see_is_found() -> None:
    """A mode that grows in a direction orthogonal to the block, exactly."""
    triplets = core.TopTriplets(40, 40, 2)
    values = 2.0 ** -np.arange(40.0)
    doubtful = np.zeros(60, dtype=bool)
    wrong = np.zeros(60, dtype=bool)
    for step in range(60):
        if step >= 10:
            values[35] = 5.0
        triplets.update(np.asfortranarray(np.diag(values)))
        wrong[step] = abs(triplets.values[0] / values.max() - 1) > 1e-8
        if triplets.doubtful:
            doubtful[step - triplets.doubtful : step] = True
    assert not (wrong & ~doubtful).any()
    assert not wrong[-20:].any()


def path_through_a_crossing(gap: float, times: Array, n: int = 12) -> list[Array]:
    """Two modes cross at t = 0, coupled so that they keep a gap; the rest is below."""
    rng = np.random.default_rng(1)
    U = np.linalg.qr(rng.normal(size=(n, n)))[0]
    V = np.linalg.qr(rng.normal(size=(n, n)))[0]
    out = []
    for t in times:
        core_ = np.diag(np.linspace(0.5, 0.1, n))
        core_[:2, :2] = [[2 + t, gap / 2], [gap / 2, 2 - t]]
        out.append(U @ core_ @ V.T)
    return out


@pytest.mark.parametrize("n", [12, 200])  # by full decompositions, by the block
@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6, 0.0])
def test_modes_go_through_crossings(gap: float, n: int) -> None:
    times = np.linspace(-1, 1, 42) if gap < 1e-2 else np.linspace(-1, 1, 22)
    path = path_through_a_crossing(gap, times, n)
    curves = lf.spectrum.follow(path, 3)
    assert curves.overlap is not None
    assert curves.converged.all()
    accuracy = gap + (1e-12 if n == 12 else 3e-8)
    np.testing.assert_allclose(curves.values[:, 0], 2 + times, atol=accuracy)
    np.testing.assert_allclose(curves.values[:, 1], 2 - times, atol=accuracy)
    assert curves.overlap.min() > 0.9
    by_size = lf.spectrum.follow(path, 3, track="order")
    np.testing.assert_array_equal(np.sort(curves.values), np.sort(by_size.values))
    assert by_size.overlap is None


def test_a_degenerate_cluster_is_followed_as_a_subspace_and_reported() -> None:
    path = path_through_a_crossing(0.0, np.array([-0.2, -0.1, 0.0, 0.1, 0.2]))
    # At t = 0 any basis will do: hand over a turned one.
    tracker = core.ModeTracker(12, 12, 2)
    clusters = []
    for i, A in enumerate(path):
        U, s, Vt = np.linalg.svd(A)
        U, V = U[:, :2], Vt[:2].T
        if i == 2:
            c, sn = np.cos(0.7), np.sin(0.7)
            turn = np.array([[c, -sn], [sn, c]])
            U, V = U @ turn, V @ turn
        before = None if i == 0 else (tracker.U, tracker.V)
        tracker.update(s[:2], np.asfortranarray(U), np.asfortranarray(V))
        clusters.append(tracker.cluster.tolist())
        if before is not None:  # continuous signs and vectors
            assert (np.sum(before[0] * tracker.U, axis=0) > 0.999).all()
            assert (np.sum(before[1] * tracker.V, axis=0) > 0.999).all()
    assert clusters == [[0, 0], [0, 0], [1, 1], [0, 0], [0, 0]]
    np.testing.assert_allclose(tracker.values, [1.8, 2.2])


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600, 2.0**1000])
@pytest.mark.parametrize("top", [1, 3])
def test_extreme_scales_are_followed(
    scale: float, top: int, rng: np.random.Generator
) -> None:
    factor = rng.normal(size=(5, 4))
    modes = [np.diag([3.0, 2.0 - t, 1.0 + t]) + 0.01 * t for t in (0.0, 0.3, 0.6, 0.9)]
    path = [np.asarray(np.kron(A, factor), dtype=float) for A in modes]
    small = lf.spectrum.follow(path, top)
    large = lf.spectrum.follow([scale * A for A in path], top)
    assert large.converged.all()
    np.testing.assert_allclose(large.values / scale, small.values, rtol=1e-8)
    assert large.overlap is not None
    assert small.overlap is not None
    np.testing.assert_allclose(large.overlap, small.overlap, atol=1e-6)
    sums = [lf.spectrum.effective_rank(scale * A) for A in path]
    np.testing.assert_allclose(sums, [lf.spectrum.effective_rank(A) for A in path])


def test_effective_rank_where_the_sum_overflows() -> None:
    assert lf.spectrum.effective_rank(np.full(3, 1.5e308) * np.eye(3)) == (
        pytest.approx(3.0)
    )


def test_observables_along_a_run_are_those_of_its_products() -> None:
    task, run = run_of(
        24,
        -1.8,
        2.0,
        0,
        top=4,
        observe=(
            "singular_values",
            "alignment",
            "active_modes",
            "rank",
            "stable_rank",
            "effective_rank",
            "nuclear_norm",
            "operator_norm",
        ),
    )
    assert run.train_error is None
    assert run.kappa is not None
    for i in range(0, len(run.times), 30):
        wanted = reference.spectrum(run.product[i], run.kappa)
        for name, value in wanted.items():
            assert getattr(run, name)[i] == pytest.approx(value, rel=1e-9), name
        plain = lf.spectrum.alignment(run.product[i], task.target, 4)
        np.testing.assert_allclose(run.alignment_left[i], plain.left, atol=1e-4)
        np.testing.assert_allclose(run.alignment_right[i], plain.right, atol=1e-4)
    for name in ("stable_rank", "effective_rank", "nuclear_norm", "operator_norm"):
        value = getattr(lf.spectrum, name)(run.product[-1])
        assert value == pytest.approx(getattr(run, name)[-1], rel=1e-12)
    assert lf.spectrum.rank(run.product[-1]) == run.rank[-1]
    assert run.alignment[-1, :3].min() > 0.9


def test_crossing_times_are_interpolated() -> None:
    t = np.linspace(0, 2, 9)
    s = np.exp(np.outer(t, [1.0, 2.0, -1.0, 0.1]))
    times = lf.spectrum.crossing_times(t, s, math.e)
    np.testing.assert_allclose(times[:2], [1.0, 0.5])
    assert np.isnan(times[2:]).all()
    assert lf.spectrum.crossing_times([0, 1], [[3.0], [4.0]], 2.0).tolist() == [0.0]
    # Against a run that saves every step: those of every fourth are near.
    _, fine = run_of(24, -1.8, 2.0, 0, top=3)
    _, coarse = run_of(24, -1.8, 2.0, 0, top=3, save_every=4)
    np.testing.assert_allclose(
        fine.crossing_times, coarse.crossing_times, atol=0.5 * fine.step_size
    )


def test_modes_of_a_run_and_their_round_trip(tmp_path: Path) -> None:
    _, run = run_of(
        24, -1.8, 2.0, 0, top=5, track="modes", observe=("singular_values", "alignment")
    )
    by_size = lf.spectrum.singular_values(run.product[-1], 5)
    np.testing.assert_allclose(run.singular_values[-1], by_size, rtol=1e-8)
    assert sorted(run.target_mode.tolist())[:3] == [0, 1, 2]
    again = lf.Trajectory.load(run.save(tmp_path / "run"))
    np.testing.assert_array_equal(again.mode_cluster, run.mode_cluster)
    np.testing.assert_array_equal(again.alignment, run.alignment)
    assert "alignment" in run.to_xarray()


def test_formulas_observe_the_same_things() -> None:
    task = lf.low_rank_task(20, 2, rng=0)
    init = lf.Gaussian(1e6, 1e-8)
    observe = ("singular_values", "alignment", "active_modes", "effective_rank")
    for function in (lf.closed_form, lf.self_consistent, lf.lazy):
        run: Any = function(
            task, init, times=np.linspace(0, 1, 9), rng=0, observe=observe, top=3,
            track="modes", save_product=True,
        )  # fmt: skip
        wanted = reference.spectrum(run.product[-1], run.kappa)
        for name in ("active_modes", "effective_rank"):
            assert getattr(run, name)[-1] == pytest.approx(wanted[name], rel=1e-9)
        assert run.alignment.shape == (9, 3)
        assert run.crossing_times.shape == (3,)


def test_a_diverging_run_has_a_status_not_a_crash() -> None:
    task = lf.low_rank_task(20, 2, rng=0)
    for track in ("order", "modes"):
        run: Any = lf.gradient_descent(
            task,
            lf.Gaussian(1e3, 1e-3),
            step_size=1.0,
            max_steps=200,
            rng=0,
            top=3,
            track=track,
            observe=("singular_values", "alignment", "active_modes", "rank",
                     "effective_rank", "operator_norm"),
            raise_on_failure=False,
        )  # fmt: skip
        assert run.status == lf.Status.DIVERGED
        assert np.isnan(run.singular_values[-1]).all()
        assert not run.converged[-1]
        assert np.isnan(run.active_modes[-1])


def test_phase_diagram_panels() -> None:
    names = (
        "active_modes", "effective_rank", "nuclear_norm", "operator_norm", "alignment",
        "first_crossing", "last_crossing",
    )  # fmt: skip
    grid: dict[str, Any] = {"gamma_sigma2": [-2.2, -1.0], "gamma_w": [1.0, 2.0]}
    data = lf.phase_diagram(20, 2, **grid, observe=names, progress=False)
    plain = lf.phase_diagram(20, 2, **grid, progress=False)
    assert not set(names) & set(plain.data_vars)
    assert plain["rank"].equals(data["rank"])
    small = data.isel(gamma_w=1, gamma_sigma2=0, seed=0)
    assert 0 < small["first_crossing"] <= small["last_crossing"] < small["steps"]
    assert small["active_modes"] >= 2
    assert small["alignment"] > 0.9
    assert small["nuclear_norm"] > small["operator_norm"]


@pytest.mark.parametrize("top", [0, 4, 1.5])
def test_too_many_modes(top: Any) -> None:
    for function in (
        lf.spectrum.singular_values,
        lf.spectrum.top_triplets,
        lambda A, k: lf.spectrum.follow([A], k),
        lambda A, k: lf.spectrum.alignment(A, A, k),
    ):
        with pytest.raises((TypeError, ValueError), match="top must be"):
            function(np.ones((3, 5)), top)


@pytest.mark.parametrize("bad", [-1.0, np.nan, [1.0, -2.0]])
def test_bad_thresholds(bad: object) -> None:
    with pytest.raises(ValueError, match="thresholds must be real numbers >= 0"):
        lf.spectrum.count_above(np.eye(3), bad)  # type: ignore[arg-type]


def test_other_bad_input() -> None:
    task = lf.low_rank_task(6, 2, rng=0)
    weights = lf.Weights(np.eye(6), np.eye(6))
    short: dict[str, Any] = {"step_size": 1e-3, "max_steps": 2}
    with pytest.raises(ValueError, match="needs the threshold kappa"):
        lf.gradient_descent(task, weights, observe="active_modes", **short)
    with pytest.raises(ValueError, match="track must be"):
        lf.gradient_descent(task, weights, track="names", **short)
    with pytest.raises(ValueError, match="finite"):
        lf.spectrum.singular_values([[np.inf]])
    with pytest.raises(ValueError, match="not both"):
        lf.spectrum.rank(np.eye(2), relative=0.1, absolute=1.0)
    with pytest.raises(ValueError, match="one shape"):
        lf.spectrum.follow([np.eye(2), np.eye(3)])
    with pytest.raises(ValueError, match="not decrease"):
        lf.spectrum.crossing_times([1, 0], [[1.0], [2.0]], 1.5)
