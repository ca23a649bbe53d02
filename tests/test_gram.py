"""Flows in Gram form against the same in factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf
from reference_flow import relative

TASK = lf.low_rank_task((6, 4), rank=2, rng=0)
TIMES = np.linspace(0.0, 3.0, 13)
MIXED = lf.Gaussian(1e4, 1e-5)


def form(task: lf.Task, init: Any, **keywords: Any) -> str:
    run = lf.gradient_flow(task, init, times=TIMES, rng=0, **keywords)
    name: str = run.attrs["form"]
    return name


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rkc2", "rk4"])
@pytest.mark.parametrize("variance", [1e-5, (1e-4, 1e-6), 1e-2])
def test_agrees_with_factors(method: str, variance: Any) -> None:
    network = lf.Gaussian(1e4, variance).sample(TASK, 0)
    keep: dict[str, Any] = {"times": TIMES, "save_product": True, "rtol": 1e-5}
    gram = lf.gradient_flow(TASK, network, method=method, **keep)
    factors = lf.gradient_flow(
        TASK, network, save_weights=True, **keep | {"rtol": 1e-10}
    )
    assert (gram.attrs["form"], factors.attrs["form"]) == ("gram", "factors")
    assert gram.product is not None
    assert factors.product is not None
    assert relative(gram.product, factors.product) < 1e-4
    assert isinstance(gram.network, lf.Network)
    assert isinstance(factors.network, lf.Network)
    assert relative(gram.network.gram, factors.network.gram) < 1e-4
    np.testing.assert_allclose(gram.network.product, gram.last_product, atol=1e-10)


def test_the_spectrum_of_the_balance_is_kept() -> None:
    network = MIXED.sample(TASK, 0)
    run = lf.gradient_flow(TASK, network, times=TIMES, rtol=1e-9)
    assert run.attrs["form"] == "gram"
    assert isinstance(run.network, lf.Network)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(run.network.balance),
        np.linalg.eigvalsh(network.balance),
        atol=1e-7,
    )


def test_factors_where_gram_does_not_suit() -> None:
    square = lf.low_rank_task(6, rank=2, rng=0)
    covariance = lf.Task(square.target, input_covariance=np.diag(np.arange(1.0, 7.0)))
    assert form(TASK, MIXED) == "gram"
    assert form(TASK, lf.Gaussian(10, 0.1)) == "gram"
    assert form(TASK, lf.Gaussian(9, 0.1)) == "factors"  # not of full rank
    tiny = lf.Gaussian(1e4, 1e-11)
    assert form(TASK, tiny, method="tsit5") == "factors"  # errors would exceed P
    assert form(TASK, MIXED, method="tsit5", rtol=1e-2) == "factors"
    assert form(TASK, MIXED, learning_rates=(1, 2)) == "factors"
    assert form(TASK, MIXED, scale=2.0) == "factors"
    assert form(TASK, MIXED, conserve=True) == "factors"
    assert form(TASK, MIXED, step_size=1e-3) == "factors"
    assert form(covariance, lf.Gaussian(1e4, 1e-5)) == "factors"
    assert form(TASK, lf.Gaussian((30, 30), 0.1)) == "factors"


def test_goes_back_to_factors_when_positivity_is_lost() -> None:
    """An atol of the size of P's least eigenvalues is more than the form can bear."""
    network = lf.Gaussian(1e4, 1e-6).sample(TASK, 0)
    keep: dict[str, Any] = {"times": TIMES, "rtol": 1e-7, "method": "dop853"}
    tight = lf.gradient_flow(TASK, network, **keep)
    assert tight.attrs["form"] == "gram"
    loose = lf.gradient_flow(TASK, network, atol=0.5, **keep)
    assert loose.attrs["form"] == "factors"
    assert loose.status is lf.Status.REACHED_END
    np.testing.assert_allclose(loose.last_product, tight.last_product, atol=0.5)


def test_events_and_continuation() -> None:
    keep: dict[str, Any] = {"rng": 0, "events": [lf.events.mode_crosses(1.0)]}
    gram = lf.gradient_flow(TASK, MIXED, times=TIMES, **keep)
    factors = lf.gradient_flow(TASK, MIXED, times=TIMES, save_weights=True, **keep)
    assert gram.attrs["form"] == "gram"
    assert len(gram.events) == len(factors.events) > 0
    np.testing.assert_allclose(
        [event["time"] for event in gram.events],
        [event["time"] for event in factors.events],
        rtol=1e-5,
    )
    more = lf.gradient_flow(TASK, gram, times=[1.0])
    whole = lf.gradient_flow(TASK, MIXED, times=[4.0], rng=0)
    np.testing.assert_allclose(more.last_product, whole.last_product, atol=1e-5)


def test_float32() -> None:
    keep: dict[str, Any] = {"times": TIMES, "rng": 0, "save_product": True}
    single = lf.gradient_flow(TASK, MIXED, rtol=1e-4, dtype="float32", **keep)
    double = lf.gradient_flow(TASK, MIXED, rtol=1e-8, **keep)
    assert single.attrs["form"] == "gram"
    assert single.product is not None
    assert double.product is not None
    assert relative(single.product, double.product) < 1e-3
