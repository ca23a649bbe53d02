"""Properties of the closed form over random shapes; the closure of random networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import linflow as lf
import reference_riccati as ref
from solving import solve

INF = np.inf

if TYPE_CHECKING:
    from linflow._core import Array

# ---- properties over random shapes ---------------------------------------------------

shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))
seeds = st.integers(0, 2**31)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(shapes, st.sampled_from([0.0, 1e-6, 0.1, 1.0, 1e3]), st.floats(-1.9, 1.9), seeds)
def test_two_levels_stay(
    shape: tuple[int, int], kappa: float, ratio: float, seed: int
) -> None:
    """P stays positive, (PJ)^2 + lam PJ - mu at rounding, and the loss never rises."""
    rng = np.random.default_rng(seed)
    d_out, d_in = shape
    T = rng.normal(size=shape)
    lam = ratio * kappa
    if kappa > 0:
        Q = ref.self_consistent_start(0.3 * rng.normal(size=shape), lam, kappa)
        W1, W2 = Q[:d_in].T, Q[d_in:]
    else:
        w = int(rng.integers(1, d_in + d_out + 1))
        W1, W2 = ref.balanced(rng, d_in, d_out, w, 0.0, 10.0 ** rng.uniform(-8, 1))
    mu = kappa**2 - lam**2 / 4
    init = lf.Weights(W1, W2)
    J = np.diag([1.0] * d_in + [-1.0] * d_out)
    for _, P in solve(T, init, (1e-6, 1e-2, 1.0, 100.0, INF), lam=lam, mu=mu):
        size = np.abs(P).max()
        assert np.linalg.eigvalsh(P)[0] >= -1e-13 * len(P) * size
        X = P @ J
        defect = X @ X + lam * X - mu * np.eye(len(P))
        assert np.abs(defect).max() < 1e-11 * max(size, abs(lam)) * size
    run = lf.closed_form(lf.Task(T), init, times=np.logspace(-4, 4, 60), lam=lam, mu=mu)
    assert run.exact
    assert run.train_error is not None
    floor = 1e-13 * float(np.max(np.abs(T))) ** 2
    assert (np.diff(run.train_error) <= 1e-12 * run.train_error[:-1] + floor).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(shapes, st.floats(-3, 0.5), seeds)
def test_limits_are_continuous(
    shape: tuple[int, int], log_scale: float, seed: int
) -> None:
    """The limits lam -> 0 (from both sides) and mu -> 0, in proportion."""
    rng = np.random.default_rng(seed)
    d_out, d_in = shape
    T = rng.normal(size=shape)
    n = d_in + d_out
    Q = 10.0**log_scale * rng.normal(size=(n, n))
    init = lf.Weights(Q[:d_in].T, Q[d_in:])
    times = [0.1, 1.0]

    def product(**levels: Any) -> Array:
        run = lf.closed_form(lf.Task(T), init, times=times, save_product=True, **levels)
        assert run.product is not None
        return run.product

    limit = product(lam=0.0, mu=0.0)
    growth = np.exp(2 * np.linalg.norm(T, 2)) * (1 + np.linalg.norm(Q, 2) ** 2)
    for small in (1e-3, 1e-6, 1e-9, 1e-13, 1e-300):
        for levels in ({"lam": small}, {"lam": -small}, {"lam": 0.0, "mu": small}):
            gap = np.abs(product(**levels) - limit).max()
            assert gap <= 20 * growth * small + 1e-11 * growth, levels


# ---- the closure of a random network -------------------------------------------------


def closure_and_flow(
    gamma_sigma2: float, gamma_w: float, *, d: int = 60, until: float = 30.0
) -> tuple[lf.Trajectory, float, float]:
    """Return the closure, its maximal error and that of the formula."""
    task = lf.low_rank_task(d, 5, rng=0)
    init = lf.Gaussian(d**gamma_w, d**gamma_sigma2)
    kappa = d ** (gamma_sigma2 + gamma_w)
    assert task.truth is not None
    # Small starts meet the noise's modes late: twice the published protocol's length.
    end = until / max(kappa, float(np.linalg.norm(task.truth, 2)))
    times = np.linspace(0, end, 40)
    start = init.sample(task, rng=1)
    exact = [
        W2 @ W1
        for W1, W2 in ref.weights(task.target, start.W1, start.W2, times, rtol=1e-8)
    ]
    size = max(np.linalg.norm(task.target), np.linalg.norm(start.product))

    def error(run: lf.Trajectory) -> float:
        assert run.product is not None
        gaps = run.product - exact
        return float(np.linalg.norm(gaps, axis=(1, 2)).max() / size)

    keywords: dict[str, Any] = {"times": times, "rng": 1, "save_product": True}
    closure = lf.closed_form(task, init, **keywords)
    assert not closure.exact
    return closure, error(closure), error(lf.self_consistent(task, init, **keywords))


@pytest.mark.parametrize(
    ("gamma_sigma2", "gamma_w", "closer"),
    [(-1.5, 2.8, 1.5), (-0.8, 2.0, 1.5), (-2.0, 1.75, 3.0), (-2.0, 1.3, 3.0)],
)
def test_closure_is_closer_than_the_formula(
    gamma_sigma2: float, gamma_w: float, closer: float
) -> None:
    closure, error, other = closure_and_flow(gamma_sigma2, gamma_w)
    assert closure.error_bound is not None
    assert error <= closure.error_bound <= 60 * error
    assert closure.to_xarray().attrs["error_bound"] == closure.error_bound
    assert error * closer <= other


@pytest.mark.parametrize("gamma_w", [1.3, 1.75])
def test_error_estimate_of_a_run_that_has_learned_the_signal_only(
    gamma_w: float,
) -> None:
    """Modes that have not moved yet show no error."""
    closure, error, _ = closure_and_flow(-2.0, gamma_w, until=6.0)
    assert closure.error_bound is not None
    assert error <= closure.error_bound <= 15 * error


@pytest.mark.parametrize(
    ("gamma_sigma2", "gamma_w"),
    [
        (0.0, 1.2), (-0.5, 1.5), (0.0, 2.0),  # noisy starts
        (-1.0, 1.0), (-0.3, 1.0), (-1.5, 1.0), (-1.0, 1.1),  # width between d and 2d
        (-1.5, 0.8), (-0.5, 0.5), (-1.0, 0.9), (-1.0, 0.3), (-2.5, 0.9),  # below d
    ],
)  # fmt: skip
def test_error_estimate_of_noisy_and_narrow_starts(
    gamma_sigma2: float, gamma_w: float
) -> None:
    """Below width d, too, where the closure has a rank that the network has not."""
    closure, error, _ = closure_and_flow(gamma_sigma2, gamma_w)
    assert closure.error_bound is not None
    assert error <= closure.error_bound <= 60 * error


def test_single_precision() -> None:
    task = lf.low_rank_task((15, 10), 2, noise=0.3, rng=0)
    times = np.append(np.linspace(0, 1, 9), [10.0, 1e8, INF])
    for init in (
        lf.Gaussian(1e6, 1e-6),
        lf.Gaussian(100, 1e-5),
        lf.Balanced(5, lam=-2.0, size=1e-3),
        lf.Balanced(10, lam=0.0, size=0.1),
    ):
        runs = [
            lf.closed_form(
                task, init, times=times, rng=0, save_product=True, dtype=dtype
            )
            for dtype in ("float64", "float32")
        ]
        double, single = (run.product for run in runs)
        assert double is not None
        assert single is not None
        assert np.abs(double - single).max() < 2e-4 * np.abs(task.target).max()


def test_errors_add_up_where_a_closure_goes_on() -> None:
    """Two halves are estimated no better than the whole."""
    task, init = lf.low_rank_task((9, 7), 2, rng=0), lf.Gaussian(40, 1e-2)
    whole = lf.closed_form(task, init, times=[0, 0.1], rng=0)
    first = lf.closed_form(task, init, times=[0, 0.05], rng=0)
    second = lf.closed_form(task, first.network, times=[0, 0.05])
    assert whole.error_bound is not None
    assert first.error_bound is not None
    assert second.error_bound is not None
    assert first.error_bound < whole.error_bound < second.error_bound
    np.testing.assert_allclose(second.last_product, whole.last_product, atol=1e-10)
