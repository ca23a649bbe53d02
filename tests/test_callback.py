"""A user's function at the save points, in every dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import linflow as lf

if TYPE_CHECKING:
    from collections.abc import Callable

TASK = lf.low_rank_task((6, 4), rank=2, rng=0)
MASKED = lf.Task(TASK.target, mask=np.random.default_rng(0).random((6, 4)) < 0.7)
START = lf.Gaussian(1e4, 1e-5)
TIMES = np.array([0.0, 0.1, 0.4, 1.0, 3.0])
RATES: dict[str, Any] = {"learning_rates": (1.0, 2.0), "scale": -0.5}


def flow(**keywords: Any) -> lf.Trajectory:
    return lf.gradient_flow(TASK, START, times=TIMES, rng=0, **keywords)


DYNAMICS: dict[str, Callable[..., lf.Trajectory]] = {
    "descent": lambda **k: lf.gradient_descent(
        TASK, START, step_size=0.01, max_steps=20, save_every=8, rng=0, **RATES, **k
    ),
    "masked descent": lambda **k: lf.gradient_descent(
        MASKED, START, step_size=0.01, max_steps=20, save_every=8, rng=0, **k
    ),
    "flow": flow,
    "flow, factors": lambda **k: flow(**RATES, **k),
    "flow, splitting": lambda **k: flow(method="splitting", rtol=1e-3, **k),
    "flow, conserving": lambda **k: flow(conserve=True, **k),
    "closed form": lambda **k: lf.closed_form(
        TASK, START, times=TIMES, rng=0, n_threads=2, **RATES, **k
    ),
    "self-consistent": lambda **k: lf.self_consistent(
        TASK, START, times=TIMES, rng=0, **RATES, **k
    ),
    "self-consistent, stepped": lambda **k: lf.self_consistent(
        TASK, START, step_size=0.01, max_steps=20, save_every=8, rng=0, **RATES, **k
    ),
    "lazy": lambda **k: lf.lazy(TASK, START, times=TIMES, rng=0, **RATES, **k),
    "balanced": lambda **k: lf.balanced(TASK, START, times=TIMES, rng=0, **k),
}


@pytest.fixture(params=DYNAMICS)
def dynamics(request: pytest.FixtureRequest) -> Callable[..., lf.Trajectory]:
    return DYNAMICS[request.param]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_is_told_every_save_point(
    dynamics: Callable[..., lf.Trajectory], dtype: str
) -> None:
    told: list[tuple[float, Any]] = []

    def callback(time: float, product: Any) -> None:
        told.append((time, product.copy()))
        product[:] = np.nan  # a copy: the run does not see it

    run = dynamics(callback=callback, save_product=True, dtype=dtype)
    plain = dynamics(save_product=True, dtype=dtype)
    np.testing.assert_array_equal([time for time, _ in told], run.times)
    # Units of scale and rates are taken off in float64 for the one, not the other.
    rounding = 0.0 if dtype == "float64" else 2e-7
    products = [A for _, A in told]
    np.testing.assert_allclose(products, np.asarray(run.product), rtol=rounding)
    np.testing.assert_array_equal(run.product, plain.product)


def test_works_without_saving_products(dynamics: Callable[..., lf.Trajectory]) -> None:
    told: list[Any] = []
    run = dynamics(callback=lambda _, A: told.append(A))
    np.testing.assert_array_equal(told, dynamics(save_product=True).product)
    assert run.product is None


@pytest.mark.parametrize("point", [0, 2])
def test_what_it_raises_ends_the_run(
    dynamics: Callable[..., lf.Trajectory], point: int
) -> None:
    calls: list[float] = []

    def callback(time: float, _: Any) -> None:
        calls.append(time)
        if len(calls) == point + 1:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough") as caught:
        dynamics(callback=callback)
    done: lf.Trajectory = caught.value.trajectory  # type: ignore[attr-defined]
    assert done.status is lf.Status.USER_ERROR
    assert len(calls) == point + 1
    np.testing.assert_array_equal(done.times, calls)
    whole = dynamics()
    assert whole.train_error is not None
    np.testing.assert_array_equal(done.train_error, whole.train_error[: point + 1])


def test_refuses_what_is_no_function(dynamics: Callable[..., lf.Trajectory]) -> None:
    with pytest.raises(TypeError, match="callback must be a function of"):
        dynamics(callback="print")
