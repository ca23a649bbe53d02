"""The stepped self-consistent dynamics against its obvious NumPy version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf
import reference


@pytest.mark.parametrize("shape", [(6, 6), (4, 7), (7, 4), (1, 5), (5, 1)])
@pytest.mark.parametrize("kappa", [0.0, 1e-6, 0.3, 5.0, 1e5])
def test_steps_equal_reference(
    shape: tuple[int, int], kappa: float, rng: np.random.Generator
) -> None:
    d_out, d_in = shape
    target = rng.normal(size=shape)
    W1, W2 = 0.2 * rng.normal(size=(9, d_in)), 0.2 * rng.normal(size=(d_out, 9))
    step_size = 0.02 / max(kappa, 1)
    run = lf.self_consistent(
        lf.Task(target),
        lf.Weights(W1, W2),
        kappa=kappa,
        step_size=step_size,
        max_steps=80,
        save_product=True,
    )
    maps = reference.self_consistent(
        W2 @ W1, target, kappa, step_size=step_size, steps=80
    )
    assert run.product is not None
    np.testing.assert_allclose(run.product, maps, rtol=0, atol=1e-11)


def test_threshold_of_the_law_and_of_rescaled_networks() -> None:
    task = lf.low_rank_task(10, 1, rng=0)
    keywords: dict[str, Any] = {"step_size": 1e-3, "max_steps": 300, "rng": 0}
    init = lf.Gaussian(1e9, (1e-9, 4e-9))
    rescaled: dict[str, Any] = {"learning_rates": (2.0, 0.5), "scale": -1.5}
    for extra in ({}, rescaled):
        formula = lf.self_consistent(task, init, **keywords, **extra)
        network = lf.gradient_descent(task, init, **keywords, **extra)
        np.testing.assert_allclose(formula.test_error, network.test_error, atol=5e-3)  # type: ignore[arg-type]
        assert formula.kappa == network.kappa
    assert lf.self_consistent(task, init, **keywords).kappa == pytest.approx(2.5)


def test_bad_input() -> None:
    task = lf.Task(np.eye(3))
    weights = lf.Weights(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="kappa must be given"):
        lf.self_consistent(task, weights, step_size=0.1, max_steps=3)
    with pytest.raises(ValueError, match="kappa must be a real number >= 0"):
        lf.self_consistent(task, weights, kappa=-1, step_size=0.1, max_steps=3)
    with pytest.raises(ValueError, match="learning_rates must be > 0 here"):
        lf.self_consistent(
            task, weights, kappa=1, step_size=0.1, max_steps=3, learning_rates=(0, 1)
        )
