"""The lazy dynamics against matrix exponentials and against its own equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.linalg import expm

import linflow as lf
import reference_riccati as ref

if TYPE_CHECKING:
    from linflow._core import Array

INF = np.inf


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (1, 4), (4, 1), (4, 4)])
@pytest.mark.parametrize("width", [1, 4, 100])
def test_formula_and_equation(
    shape: tuple[int, int], width: int, rng: np.random.Generator
) -> None:
    d_out, d_in = shape
    T = rng.normal(size=shape)
    W1 = rng.normal(size=(width, d_in)) / np.sqrt(width)
    W2 = rng.normal(size=(d_out, width)) / np.sqrt(width)
    A, C1, C2 = W2 @ W1, W1.T @ W1, W2 @ W2.T
    times = np.array([0.0, 1e-6, 0.1, 1.0, 4.0])
    run = lf.lazy(lf.Task(T), lf.Weights(W1, W2), times=times, save_product=True)
    assert run.product is not None
    size = max(np.abs(A).max(), np.abs(T).max())
    formula = [T + expm(-C2 * t) @ (A - T) @ expm(-C1 * t) for t in times]
    np.testing.assert_allclose(run.product, formula, rtol=0, atol=1e-12 * size)

    def rhs(M: Array) -> Array:
        change: Array = -(C2 @ (M - T) + (M - T) @ C1)
        return change

    equation = ref.matrix_flow(rhs, A, times)
    np.testing.assert_allclose(run.product, equation, rtol=0, atol=1e-12 * size)


def test_limits(rng: np.random.Generator) -> None:
    """At the end: T where the kernel reaches, the start where it does not."""
    T = rng.normal(size=(4, 3))
    wide = lf.Gaussian(1e6, 1e-3)
    end = lf.lazy(lf.Task(T), wide, times=[1e8, INF], rng=0, save_product=True)
    np.testing.assert_allclose(end.product, [T, T], rtol=0, atol=1e-12)  # type: ignore[arg-type]
    W1, W2 = rng.normal(size=(1, 3)), rng.normal(size=(4, 1))
    narrow = lf.lazy(
        lf.Task(T), lf.Weights(W1, W2), times=[1e8, INF], save_product=True
    )
    P1 = np.eye(3) - W1.T @ W1 / np.sum(W1**2)
    P2 = np.eye(4) - W2 @ W2.T / np.sum(W2**2)
    expected = T + P2 @ (W2 @ W1 - T) @ P1
    for product in narrow.product:  # type: ignore[union-attr]
        np.testing.assert_allclose(product, expected, rtol=0, atol=1e-9)
    assert narrow.network is None


@pytest.mark.parametrize("scale", [1.0, -2.0])
@pytest.mark.parametrize("rates", [(1.0, 1.0), (3.0, 0.2)])
def test_rates_and_scale(
    scale: float, rates: tuple[float, float], rng: np.random.Generator
) -> None:
    T = rng.normal(size=(4, 3))
    W1, W2 = rng.normal(size=(5, 3)), rng.normal(size=(4, 5))
    C1, C2 = W1.T @ W1, W2 @ W2.T
    A = scale * W2 @ W1
    times = np.array([0.0, 0.05, 0.5])
    run = lf.lazy(
        lf.Task(T),
        lf.Weights(W1, W2),
        times=times,
        learning_rates=rates,
        scale=scale,
        save_product=True,
    )
    first, second = rates[1] * scale**2, rates[0] * scale**2
    formula = [
        T + expm(-second * C2 * t) @ (A - T) @ expm(-first * C1 * t) for t in times
    ]
    np.testing.assert_allclose(run.product, formula, rtol=0, atol=1e-11)  # type: ignore[arg-type]


@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("size", [1e-3, 1e-8])
def test_maps_far_smaller_than_the_target_have_digits_of_their_own(
    size: float, dtype: str, digits: float, rng: np.random.Generator
) -> None:
    """From the series of the exponentials, without T - T."""
    T = rng.normal(size=(4, 3))
    W1, W2 = size * rng.normal(size=(5, 3)), size * rng.normal(size=(4, 5))
    A, C1, C2 = W2 @ W1, W1.T @ W1, W2 @ W2.T
    times = np.array([0.0, 0.1, 2.0])
    run = lf.lazy(
        lf.Task(T), lf.Weights(W1, W2), times=times, dtype=dtype, save_product=True
    )
    assert run.product is not None
    for t, found in zip(times, run.product, strict=True):
        expected, term = A, A - T
        for k in range(1, 8):
            term = -t / k * (C2 @ term + term @ C1)
            expected = expected + term
        assert np.linalg.norm(found - expected) < digits * np.linalg.norm(expected)


def test_the_lazy_limit_of_the_flow() -> None:
    """As kappa grows the exact flow becomes the lazy one, as (s*/kappa)^2."""
    task = lf.low_rank_task((6, 5), 2, rng=0)
    A = 0.1 * task.target[::-1, ::-1]
    gaps = []
    for kappa in (1e2, 1e3, 1e4):
        Q = ref.self_consistent_start(A, 0.0, kappa)
        init = lf.Weights(Q[:5].T, Q[5:])
        keywords: dict[str, Any] = {
            "times": np.array([0.0, 0.3, 1.0, 3.0]) / kappa,
            "save_product": True,
        }
        lazy = lf.lazy(task, init, **keywords).product
        flow = lf.closed_form(task, init, **keywords).product
        assert lazy is not None
        assert flow is not None
        gaps.append(float(np.abs(lazy - flow).max()))
    np.testing.assert_allclose(np.diff(np.log10(gaps)), -2, atol=0.05)
