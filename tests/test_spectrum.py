"""Singular values of the core against LAPACK."""

from __future__ import annotations

import numpy as np
import pytest

from linflow._core import spectrum


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (40, 40), (90, 60)])
def test_singular_values(shape: tuple[int, int], rng: np.random.Generator) -> None:
    A = np.asfortranarray(rng.normal(size=shape))
    exact = np.linalg.svd(A, compute_uv=False)
    values = spectrum.singular_values(A, min(shape))
    np.testing.assert_allclose(values, exact, rtol=1e-9, atol=1e-14 * exact[0])


@pytest.mark.parametrize("scale", [1e-170, 1.0, 1e170])
def test_small_values_and_extreme_scales(
    scale: float, rng: np.random.Generator
) -> None:
    U, _ = np.linalg.qr(rng.normal(size=(30, 30)))
    V, _ = np.linalg.qr(rng.normal(size=(30, 30)))
    exact = scale * 10.0 ** -np.linspace(0, 12, 30)
    A = np.asfortranarray((U * exact) @ V.T)
    values = spectrum.singular_values(A, 30)
    np.testing.assert_allclose(values, exact, rtol=1e-8, atol=1e-15 * scale)


def test_zero_and_not_finite() -> None:
    zero = np.zeros((4, 3), order="F")
    assert spectrum.singular_values(zero, 3).tolist() == [0, 0, 0]
    assert spectrum.rank_summary(zero)[0] == 0
    zero[1, 1] = np.nan
    assert np.isnan(spectrum.singular_values(zero, 3)).all()
    assert np.isnan(spectrum.rank_summary(zero)).all()


def test_rank_summary(rng: np.random.Generator) -> None:
    for _ in range(20):
        A = np.asfortranarray(rng.normal(size=(20, 12)))
        values = np.linalg.svd(A, compute_uv=False)
        rank, stable = spectrum.rank_summary(A)
        assert rank == np.count_nonzero(values > values[0] / 5)
        assert stable == pytest.approx((values**2).sum() / values[0] ** 2, rel=1e-12)
