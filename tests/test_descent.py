"""Gradient descent: against the full-width network, stop rules, failures."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import linflow as lf
import reference
from linflow import stop

if TYPE_CHECKING:
    from pathlib import Path


@settings(max_examples=40, deadline=None)
@given(
    d_out=st.integers(1, 12),
    d_in=st.integers(1, 12),
    width=st.sampled_from([1, 2, 5, 17, 60, 300, 2000]),
    seed=st.integers(0, 10_000),
)
def test_compressed_equals_full_width(
    d_out: int, d_in: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    W1 = rng.normal(size=(width, d_in)) / np.sqrt(width)
    W2 = rng.normal(size=(d_out, width)) / np.sqrt(width)
    target = rng.normal(size=(d_out, d_in))
    truth = rng.normal(size=(d_out, d_in))
    task = lf.Task(target, truth=truth)
    run = lf.gradient_descent(
        task, lf.Weights(W1, W2), step_size=0.01, max_steps=100, save_product=True
    )
    maps = reference.gradient_descent(W1, W2, target, step_size=0.01, steps=100)
    assert run.product is not None
    size = max(1.0, float(np.abs(maps).max()))
    np.testing.assert_allclose(run.product, maps, rtol=0, atol=1e-11 * size)
    train = [reference.mean_square(A - target) for A in maps]
    test = [reference.mean_square(A - truth) for A in maps]
    np.testing.assert_allclose(run.train_error, train, rtol=1e-11, atol=1e-13)  # type: ignore[arg-type]
    np.testing.assert_allclose(run.test_error, test, rtol=1e-11, atol=1e-13)  # type: ignore[arg-type]
    values = [np.linalg.svd(A, compute_uv=False) for A in maps]
    np.testing.assert_allclose(run.singular_values, values, rtol=0, atol=1e-11 * size)  # type: ignore[arg-type]


@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-12), ("float32", 1e-3)])
@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-9])
def test_small_output_maps_have_digits_of_their_own(
    size: float, dtype: str, digits: float, rng: np.random.Generator
) -> None:
    """Not those that are left of A - T, which is all that steps need."""
    W1, W2 = size * rng.normal(size=(6, 4)), size * rng.normal(size=(3, 6))
    target = rng.normal(size=(3, 4))
    run = lf.gradient_descent(
        lf.Task(target),
        lf.Weights(W1, W2),
        step_size=0.01,
        max_steps=20,
        scale=-2.0,
        dtype=dtype,
        save_product=True,
        observe=("singular_values", "stable_rank"),
    )
    maps = reference.gradient_descent(
        W1, W2, target, step_size=0.01, steps=20, scale=-2.0
    )
    values: Any = np.linalg.svd(maps, compute_uv=False)
    for found, wanted in zip(run.product, maps, strict=True):  # type: ignore[arg-type]
        assert np.linalg.norm(found - wanted) < digits * np.linalg.norm(wanted)
    np.testing.assert_allclose(
        run.singular_values,  # type: ignore[arg-type]
        values,
        rtol=0,
        atol=digits * values.max(),
    )
    stable: Any = (values**2).sum(axis=1) / values[:, 0] ** 2
    assert run.stable_rank is not None
    np.testing.assert_allclose(run.stable_rank, stable, rtol=10 * digits)


@pytest.mark.parametrize("rates", [(1.0, 1.0), (0.3, 2.0), (0.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("scale", [1.0, -0.5, 3.0])
def test_rates_and_scale(
    rates: tuple[float, float], scale: float, rng: np.random.Generator
) -> None:
    W1, W2 = rng.normal(size=(9, 4)) / 3, rng.normal(size=(3, 9)) / 3
    target = rng.normal(size=(3, 4))
    run = lf.gradient_descent(
        lf.Task(target),
        lf.Weights(W1, W2),
        step_size=0.01,
        max_steps=60,
        learning_rates=rates,
        scale=scale,
        save_product=True,
    )
    maps = reference.gradient_descent(
        W1, W2, target, step_size=0.01, steps=60, rates=rates, scale=scale
    )
    np.testing.assert_allclose(run.product, maps, rtol=0, atol=1e-12)  # type: ignore[arg-type]


def test_balance_drifts_by_the_square_of_the_step(rng: np.random.Generator) -> None:
    task = lf.Task(rng.normal(size=(5, 6)))
    network = lf.Gaussian(40, 0.05).sample(task, rng=0)
    drift = []
    for step_size in (1e-3, 5e-4):
        run = lf.gradient_descent(
            task, network, step_size=step_size, max_steps=round(2 / step_size)
        )
        assert run.network is not None
        drift.append(np.linalg.norm(run.network.balance - network.balance))
    # Conserved by the flow; descent drifts by O(step_size) over a fixed time.
    assert drift[0] < 1e-2
    assert drift[0] / drift[1] == pytest.approx(2, rel=0.1)


def test_float32_follows_float64() -> None:
    task = lf.low_rank_task(30, 2, rng=0)
    init = lf.Gaussian(1000, 1e-3)
    keywords: dict[str, Any] = {"step_size": 0.002, "max_steps": 200, "rng": 0}
    wide = lf.gradient_descent(task, init, **keywords)
    narrow = lf.gradient_descent(task, init, dtype="float32", **keywords)
    assert wide.train_error is not None
    np.testing.assert_allclose(narrow.train_error, wide.train_error, rtol=1e-4)  # type: ignore[arg-type]
    assert not np.array_equal(narrow.train_error, wide.train_error)  # type: ignore[arg-type]


def test_published_protocol_stops_where_the_errors_say() -> None:
    task = lf.low_rank_task(40, 3, rng=2)
    for width, variance in [(40, 1e-3), (4000, 1e-3), (1e6, 1e-4), (5, 1e-2)]:
        keywords: dict[str, Any] = {"step_size": 1 / 4000, "rng": 1}
        run = lf.gradient_descent(
            task, lf.Gaussian(width, variance), stop=stop.published, **keywords
        )
        free = lf.gradient_descent(
            task, lf.Gaussian(width, variance), max_steps=751, **keywords
        )
        train, test = free.train_error, free.test_error
        assert train is not None
        assert test is not None
        steps = reference.published_stop(list(train), list(test))
        assert run.steps == steps
        np.testing.assert_array_equal(run.train_error, train[: steps + 1])


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (stop.max_steps(7), lf.Status.REACHED_END),
        ((stop.max_steps(999), stop.train_below(0.5)), lf.Status.TRAIN_BELOW),
        (
            (stop.max_steps(9999), stop.train_stalled(1e-5, 0.1)),
            lf.Status.TRAIN_STALLED,
        ),
        ((stop.max_steps(9999), stop.test_rising(3)), lf.Status.TEST_RISING),
    ],
)
def test_each_stop_rule(rule: Any, status: lf.Status) -> None:
    task = lf.low_rank_task(12, 1, rng=0)
    run = lf.gradient_descent(
        task, lf.Gaussian(100, 1e-3), step_size=2e-3, stop=rule, rng=0
    )
    assert run.status is status
    assert run.train_error is not None
    assert run.test_error is not None
    if status is lf.Status.TRAIN_BELOW:
        assert run.train_error[-1] < 0.5 <= run.train_error[-2]
    if status is lf.Status.TRAIN_STALLED:
        assert abs(run.train_error[-1] - run.train_error[-2]) < 1e-5
    if status is lf.Status.TEST_RISING:
        assert (np.diff(run.test_error[-4:]) > 0).all()
        assert run.test_error[-4] <= run.test_error[-5]


def test_save_every_keeps_first_and_last() -> None:
    task = lf.low_rank_task(6, 1, rng=0)
    run = lf.gradient_descent(
        task, lf.Gaussian(50, 1e-2), step_size=0.01, max_steps=25, save_every=10, rng=0
    )
    np.testing.assert_allclose(run.times, [0, 0.1, 0.2, 0.25])
    none = lf.gradient_descent(
        task, lf.Gaussian(50, 1e-2), step_size=0.01, max_steps=0, rng=0
    )
    assert none.times.tolist() == [0.0]


def test_divergence_is_a_result_or_an_error() -> None:
    task = lf.low_rank_task(6, 1, rng=0)
    keywords: dict[str, Any] = {"step_size": 10.0, "max_steps": 500, "rng": 0}
    run = lf.gradient_descent(
        task, lf.Gaussian(50, 1.0), raise_on_failure=False, **keywords
    )
    assert run.status is lf.Status.DIVERGED
    assert run.train_error is not None
    assert np.isfinite(run.train_error[:-1]).all()
    with pytest.raises(lf.RunFailed, match="diverged") as caught:
        lf.gradient_descent(task, lf.Gaussian(50, 1.0), **keywords)
    assert caught.value.trajectory.steps == run.steps


def test_going_on_from_a_trajectory() -> None:
    task = lf.low_rank_task(8, 2, rng=0)
    init = lf.Gaussian(1e5, 1e-5)
    whole = lf.gradient_descent(task, init, step_size=0.01, max_steps=60, rng=0)
    half = lf.gradient_descent(task, init, step_size=0.01, max_steps=30, rng=0)
    rest = lf.gradient_descent(task, half, step_size=0.01, max_steps=30)
    np.testing.assert_array_equal(rest.last_product, whole.last_product)


def test_save_and_load(tmp_path: Path) -> None:
    task = lf.low_rank_task(8, 2, rng=0)
    run = lf.gradient_descent(
        task, lf.Gaussian(1e5, 1e-5), step_size=0.01, max_steps=20, rng=0
    )
    again = lf.Trajectory.load(run.save(tmp_path / "run"))
    assert lf.Trajectory.load(tmp_path / "run").steps == run.steps
    (tmp_path / "run").mkdir()  # beside it
    assert lf.Trajectory.load(tmp_path / "run").steps == run.steps
    (tmp_path / "run").rmdir()
    (tmp_path / "run").write_text("another file")
    assert lf.Trajectory.load(tmp_path / "run").steps == run.steps
    (tmp_path / "run.npz").rename(tmp_path / "run")
    assert lf.Trajectory.load(tmp_path / "run").steps == run.steps
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        lf.Trajectory.load(tmp_path / "none")
    np.testing.assert_array_equal(again.singular_values, run.singular_values)
    assert again.network is not None
    assert run.network is not None
    np.testing.assert_array_equal(again.network.W2, run.network.W2)
    assert (again.status, again.kappa, again.network.law, again.steps) == (
        run.status,
        run.kappa,
        run.network.law,
        run.steps,
    )
    data = run.to_xarray()
    assert data.sizes["time"] == 21
    assert data.attrs["kappa"] == run.kappa
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(ValueError, match="not a trajectory"):
        lf.Trajectory.load(tmp_path / "other.npz")


def test_progress_is_called() -> None:
    calls: list[int] = []
    task = lf.low_rank_task(60, 2, rng=0)
    lf.gradient_descent(
        task,
        lf.Gaussian(500, 1e-3),
        step_size=1e-5,
        max_steps=3000,
        save_every=500,
        progress=calls.append,
        rng=0,
    )
    assert calls == sorted(calls)
    assert len(calls) >= 1


def test_an_exception_in_progress_reaches_the_user() -> None:
    def fail(_: int) -> None:
        message = "mine"
        raise LookupError(message)

    task = lf.low_rank_task(60, 2, rng=0)
    with pytest.raises(LookupError, match="mine") as caught:
        lf.gradient_descent(
            task,
            lf.Gaussian(500, 1e-3),
            step_size=1e-5,
            max_steps=10**6,
            progress=fail,
            save_every=1000,
        )
    assert caught.value.trajectory.steps > 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"step_size": 0}, "step_size must be a real number > 0, not 0"),
        ({"step_size": np.nan}, "step_size must be"),
        ({"max_steps": -1}, "max_steps must be an integer >= 0, not -1"),
        ({"max_steps": None}, "max_steps must be given"),
        ({"save_every": 0}, "save_every must be"),
        ({"scale": 0.0}, "scale must not be 0"),
        ({"learning_rates": (1, -1)}, r"learning_rates\[1\] must be"),
        ({"observe": "colour"}, "observe must be one of"),
        ({"top": 7}, r"top must be at most min\(shape\) = 6, not 7"),
        ({"dtype": "float16"}, "dtype must be 'float64' or 'float32', not 'float16'"),
        ({"stop": [stop.train_below(1), stop.train_below(2)]}, "two rules of one kind"),
    ],
)
def test_bad_input(keywords: dict[str, Any], message: str) -> None:
    task = lf.low_rank_task(6, 1, rng=0)
    good: dict[str, Any] = {"step_size": 0.01, "max_steps": 5}
    with pytest.raises(ValueError, match=message):
        lf.gradient_descent(task, lf.Gaussian(50, 1.0), **(good | keywords))


def test_bad_types_and_shapes() -> None:
    task = lf.Task(np.eye(3))
    with pytest.raises(TypeError, match="init must be"):
        lf.gradient_descent(task, "gaussian", step_size=1, max_steps=1)
    with pytest.raises(TypeError, match="stop must be a rule"):
        lf.gradient_descent(task, lf.Gaussian(9, 1), step_size=1, stop=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="test_rising needs the test error"):
        lf.gradient_descent(task, lf.Gaussian(9, 1), step_size=1, stop=stop.published)
    network = lf.Gaussian(9, 1).sample((2, 3), rng=0)
    with pytest.raises(ValueError, match="the task needs"):
        lf.gradient_descent(task, network, step_size=1, max_steps=1)
    with pytest.raises(MemoryError, match="raise save_every"):
        lf.gradient_descent(
            task, lf.Gaussian(9, 1), step_size=1, max_steps=10**13, save_product=True
        )


def test_a_run_that_diverges_tells_by_its_status_alone() -> None:
    """Nothing that is made of its weights warns (warnings are errors in tests)."""
    for dtype in ("float64", "float32"):
        run = lf.gradient_descent(
            lf.Task(np.eye(3)),
            lf.Gaussian(9, 1.0),
            step_size=10.0,
            max_steps=99,
            rng=0,
            dtype=dtype,
            save_gram=True,
            save_weights=True,
            raise_on_failure=False,
        )
        assert run.status is lf.Status.DIVERGED
        assert run.input_gram is not None
        assert not np.isfinite(run.input_gram[-1]).all()


def test_failures_survive_another_process() -> None:
    task = lf.low_rank_task(6, 1, rng=0)
    with pytest.raises(lf.RunFailed) as caught:
        lf.gradient_descent(
            task, lf.Gaussian(50, 1.0), step_size=10.0, max_steps=500, rng=0
        )
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.trajectory.steps == caught.value.trajectory.steps
    stopped = pickle.loads(pickle.dumps(lf.Interrupted("stopped", {"cells": 3})))
    assert stopped.partial == {"cells": 3}


def test_the_smaller_number_of_steps_counts() -> None:
    task = lf.low_rank_task(6, 1, rng=0)
    keywords: dict[str, Any] = {"step_size": 1e-4, "rng": 0}
    for limit in (3, 5):
        run = lf.gradient_descent(
            task,
            lf.Gaussian(9, 0.1),
            max_steps=limit,
            stop=stop.max_steps(4),
            **keywords,
        )
        assert run.steps == min(limit, 4)
