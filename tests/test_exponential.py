"""Exponential time differencing in the singular basis of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gram_runs
import linflow as lf
from gram_runs import TASK, methods, run_errors
from reference_flow import relative

TASKS = {
    "low rank": TASK,
    "full rank": lf.Task(np.random.default_rng(3).normal(size=(7, 10))),
    # With one to an eighth of the values far above the others: a basis of reflections.
    "leading": lf.low_rank_task((24, 32), rank=2, noise=0.2, rng=0),
    "no noise": lf.low_rank_task((24, 32), rank=2, noise=0.0, rng=0),
}
STARTS = {
    "tiny": lf.Gaussian(60, 1e-5),
    "active": lf.Gaussian(60, 1e-3),
    "mixed": lf.Gaussian(1e4, 1e-4),
    "lazy": lf.Gaussian(1e3, 0.1),
    "unequal": lf.Gaussian(300, (1e-2, 1e-3)),
    "barely wide": lf.Gaussian(60, 0.1),
}
# Within rounding.
REFUSED = {("leading", "tiny", 1e-8), ("no noise", "tiny", 1e-8)}


def run(init: Any, task: lf.Task = TASK, **keywords: Any) -> lf.Trajectory:
    return gram_runs.run(init, task, **{"method": "etdrk4"} | keywords)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", TASKS)
def test_keeps_its_tolerance_at_every_save_point(
    name: str, start: str, rtol: float
) -> None:
    """Up to ten times, as all methods; many points, so that some are read off.

    C1 and C2, in the last network, are at rest in the end: errors do not die out.
    """
    times = np.concatenate([[0.0], np.geomspace(1e-3, 30.0, 120)])
    task = TASKS[name]
    network = STARTS[start].sample(task, 0)
    if (name, start, rtol) in REFUSED:
        with pytest.raises(ValueError, match="least eigenvalue"):
            run(network, task, times=times, rtol=rtol)
        return
    found = run(network, task, times=times, rtol=rtol)
    exact = run(network, task, times=times, method="dop853", rtol=1e-11)
    assert methods(found) == ["etdrk4"]
    assert found.attrs["form"] == "gram"
    of_product, of_network = run_errors(found, exact)
    assert of_product < 10 * rtol
    assert of_network < rtol * (10 + found.steps)


@pytest.mark.parametrize("width", [13, 16, 20])
def test_narrower_than_inputs_and_outputs_together(width: int) -> None:
    """P is singular then, but not where modes grow; the network keeps its width."""
    network = lf.Gaussian(width, 0.03).sample(TASK, 0)
    exact = run(network, method="dop853", rtol=1e-11)
    for method, rtol in (("etdrk4", 1e-4), ("etdrk4", 1e-6), ("auto", 1e-4)):
        found = run(network, method=method, rtol=rtol)
        assert methods(found) == ["etdrk4"]
        assert isinstance(found.network, lf.Network)
        assert found.network.W1.shape == network.W1.shape
        of_product, of_network = run_errors(found, exact)
        assert of_product < 10 * rtol
        assert of_network < rtol * (10 + found.steps)


def test_starts_far_beyond_the_target_are_right_within_steps() -> None:
    """Directions then decay unlike each other, and N is not seen between its nodes."""
    rng = np.random.default_rng(5)
    times = np.linspace(0.0, 4.0, 41)
    for _ in range(60):
        task = lf.Task(rng.normal(size=(2, 2)))
        network = lf.Gaussian(7, 10 ** rng.uniform(0.0, 1.0)).sample(task, rng)
        found = run(network, task, times=times, rtol=1e-4)
        exact = run(network, task, times=times, rtol=1e-11, method="dop853")
        assert found.product is not None
        assert exact.product is not None
        assert relative(found.product, exact.product) < 1e-3


def test_the_network_at_the_end_of_one_long_step() -> None:
    """C1 and C2 still move while the learned mode comes to rest."""
    task = lf.Task(2 * np.eye(1, 5))
    network = lf.Gaussian(200, 1e-6).sample(task, 1)
    exact = run(network, task, times=[20.0], method="dop853", rtol=1e-12)
    for rtol in (1e-6, 1e-8):
        found = run(network, task, times=[20.0], rtol=rtol)
        assert max(run_errors(found, exact)) < 10 * rtol


def test_auto_leaves_what_has_learned_something_else() -> None:
    """There modes are no sets of their own, and errors grow unseen."""
    first, second = (lf.low_rank_task(8, rank=k, rng=k) for k in (3, 2))
    learned = run(lf.Gaussian(200, 1e-5), first, times=[20.0], method="dop853")
    times = np.geomspace(1e-3, 30.0, 60)
    found = run(learned.network, second, times=times, rtol=1e-5, method="auto")
    exact = run(learned.network, second, times=times, rtol=1e-11, method="dop853")
    assert "etdrk4" not in methods(found)
    assert found.product is not None
    assert exact.product is not None
    assert relative(found.product, exact.product) < 1e-4


def learned(other: lf.Task, variance: float, time: float) -> lf.Network:
    start = lf.Gaussian(100, variance)
    network = run(start, other, times=[time], method="dop853").network
    assert isinstance(network, lf.Network)
    return network


def test_auto_leaves_starts_beyond_the_target() -> None:
    """Their modes have much to forget, of which the estimate sees too little."""
    rng = np.random.default_rng(3)
    task, times = lf.Task(np.eye(2, 5)), np.linspace(0.25, 10.0, 40)
    network = learned(lf.Task(10 * rng.normal(size=(2, 5))), 1e-3, 1.0)
    found = run(network, task, times=times, rtol=1e-6, method="auto")
    exact = run(network, task, times=times, rtol=1e-11, method="dop853")
    assert "etdrk4" not in methods(found)
    assert max(run_errors(found, exact)) < 1e-5


def test_auto_leaves_modes_that_are_not_apart() -> None:
    """Steps about them would be right, but four times as many."""
    rng = np.random.default_rng(0)
    task, times = lf.Task(2 * np.eye(4)), np.geomspace(0.02, 17.0, 50)
    network = learned(lf.Task(rng.normal(size=(4, 4)) / 2), 1e-4, 5.0)
    found, named = (
        run(network, task, times=times, rtol=1e-7, method=method)
        for method in ("auto", "etdrk4")
    )
    assert "etdrk4" not in methods(found)
    assert found.rhs_evaluations is not None
    assert named.rhs_evaluations is not None
    assert found.rhs_evaluations < named.rhs_evaluations


def test_auto_splits_nothing_that_has_learned_something_else() -> None:
    """The closed form is wrong by 400 rtol there, in steps that look right."""
    first, second = (lf.low_rank_task(8, rank=k, rng=10 * (k < 3)) for k in (3, 2))
    network = run(
        lf.Gaussian(40, 1e-5).sample(first, 0), first, times=[20.0], method="dop853"
    ).network
    times = np.geomspace(1e-3, 30.0, 60)
    found = run(network, second, times=times, rtol=1e-5, method="auto")
    exact = run(network, second, times=times, rtol=1e-11, method="dop853")
    assert max(run_errors(found, exact)) < 1e-4


@pytest.mark.parametrize("rtol", [1e-6, 1e-7])
def test_tiny_starts_grow_in_few_steps(rtol: float) -> None:
    """What N does by itself meanwhile is seen by no stage."""
    task = lf.low_rank_task((4, 6), rank=2, rng=0)
    network = lf.Gaussian(100, 1e-8).sample(task, 0)
    times = np.geomspace(0.03, 30.0, 40) / task.singular_values[0]
    found = run(network, task, times=times, rtol=rtol)
    exact = run(network, task, times=times, rtol=1e-11, method="dop853")
    of_product, of_network = run_errors(found, exact)
    assert of_product < 10 * rtol
    assert of_network < rtol * (10 + found.steps)


def test_save_points_while_learned_modes_come_to_rest() -> None:
    """There N falls as fast as G does, between the nodes of a step."""
    task, times = lf.Task(2 * np.eye(5, 2)), np.linspace(13 / 70, 13.0, 70)
    for variance, seed in ((1e-9, 3), (1e-8, 8)):
        network = lf.Gaussian(60, variance).sample(task, seed)
        found = run(network, task, times=times, rtol=2e-6)
        exact = run(network, task, times=times, rtol=1e-11, method="dop853")
        assert run_errors(found, exact)[0] < 2e-5


def test_an_indefinite_end_is_refused_and_auto_goes_on() -> None:
    """Barely wide and far beyond the target: C1 and C2 lose what is left of them."""
    task, times = lf.low_rank_task((6, 5), rank=2, rng=0), np.linspace(0.1, 10.0, 50)
    network = lf.Gaussian(12, 10.0).sample(task, 0)
    with pytest.raises(ValueError, match="can't be made in Gram form"):
        run(network, task, times=times, rtol=3e-3)
    found = run(network, task, times=times, rtol=3e-3, method="auto")
    exact = run(network, task, times=times, rtol=1e-11, method="dop853")
    assert max(run_errors(found, exact)) < 3e-2


def test_order_four() -> None:
    """By steps of equal size: one for each save point."""
    network = lf.Gaussian(60, 0.05).sample(TASK, 0)
    end = 0.2
    exact = run(network, method="dop853", times=[end], rtol=1e-12).last_product
    errors = []
    for count in (64, 128, 256):
        state: Any = network
        for _ in range(count):
            state = run(state, times=[end / count], rtol=1e-7, atol=1e9)
            assert state.steps == 1
        errors.append(np.linalg.norm(state.last_product - exact))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 4.0, atol=0.2)


def test_stiffness_does_not_bound_its_steps() -> None:
    """Learned modes are e^{-2st}: hundreds of time constants, in few steps."""
    task = lf.low_rank_task(20, rank=3, rng=1)
    network = lf.Gaussian(1e4, 1e-4).sample(task, 0)
    found = run(network, task, times=[50.0], rtol=1e-4)
    explicit = run(network, task, times=[50.0], rtol=1e-4, method="tsit5")
    assert found.rhs_evaluations is not None
    assert explicit.rhs_evaluations is not None
    assert found.rhs_evaluations < 0.3 * explicit.rhs_evaluations
    assert relative(found.last_product, explicit.last_product) < 1e-3


def test_lazy_learning_is_one_exponential() -> None:
    """As kappa grows beyond the target, N vanishes and steps grow without bound."""
    counts = []
    for variance in (0.1, 10.0, 1000.0):
        found = run(lf.Gaussian(1e8, variance), times=[0, 1e-7 / variance], rtol=1e-4)
        assert found.train_error is not None
        assert found.train_error[1] < 1e-6 * found.train_error[0]
        counts.append(found.steps)
    assert counts[-1] <= counts[0]
    assert counts[-1] <= 6


def test_auto_takes_it_in_gram_form() -> None:
    for start in ("mixed", "lazy"):
        found = run(STARTS[start], method="auto", times=[2.0], rtol=1e-5)
        assert methods(found)[0] in ("etdrk4", "splitting")
    lazy = run(STARTS["lazy"], method="auto", times=[0.03], rtol=1e-5)
    assert methods(lazy) == ["etdrk4"]
    brief = run(STARTS["mixed"], method="auto", times=[0.01], rtol=1e-5)
    assert methods(brief) == ["dop853"]
    narrow = run(lf.Gaussian(22, 1e-3), method="auto", rtol=1e-4)
    assert methods(narrow) == ["etdrk4"]
    tiny = run(lf.Gaussian(22, 1e-17), method="auto", rtol=1e-4)  # within rounding
    assert "etdrk4" not in methods(tiny)
    assert "etdrk4" not in methods(run(STARTS["lazy"], method="auto", rtol=1e-10))


def test_modes_alone_are_exact() -> None:
    """Diagonal C1, C2 and A in the target's basis: steps of any size are right."""
    task = lf.Task(np.diag([5.0, 2.0, 0.5]))
    a = np.array([1e-3, -0.2, 0.7])
    scale = np.array([0.3, 1.1, 2.0])
    left, right = np.split(
        np.linalg.qr(np.random.default_rng(0).normal(size=(9, 6)))[0], 2, 1
    )
    network = lf.Network(left * scale, (left * (a / scale) + right * 0.4).T)
    found = run(network, task, rtol=1e-7)  # at rest: 1e-4 of that is left to learn
    exact = run(network, task, rtol=1e-12, method="dop853")
    assert found.steps < 10
    of_product, of_network = run_errors(found, exact)
    assert of_product < 1e-10
    assert of_network < 1e-10


def test_apart_modes_take_few_right_hand_sides() -> None:
    """Less than half of Tsit5's, at an error that is no larger."""
    task = lf.low_rank_task(60, rank=3, rng=1)
    network = lf.Gaussian(60**2.25, 60**-1.85).sample(task, 0)
    times = np.linspace(0.0, 0.15, 31)
    exact = run(network, task, times=times, rtol=1e-11, method="dop853").product
    found, explicit = (
        run(network, task, times=times, rtol=1e-4, method=method)
        for method in ("etdrk4", "tsit5")
    )
    assert found.product is not None
    assert explicit.product is not None
    assert exact is not None
    assert found.rhs_evaluations is not None
    assert explicit.rhs_evaluations is not None
    assert 2 * found.rhs_evaluations < explicit.rhs_evaluations
    assert relative(found.product, exact) < 1e-4


def test_long_steps_of_lazy_learning_are_right_within() -> None:
    """Save points where the end of a step no longer shows what happened in it."""
    for variance in (0.3, 3.0, 30.0):
        network = lf.Gaussian(1e5, variance).sample(TASK, 0)
        times = np.geomspace(1e-7, 3e-4, 300) / variance
        found = run(network, times=times, rtol=1e-6)
        exact = run(network, times=times, rtol=1e-11, method="dop853")
        assert found.product is not None
        assert exact.product is not None
        assert relative(found.product, exact.product) < 1e-5


def test_events_are_located() -> None:
    events = [lf.events.mode_crosses(1.5, mode=0), lf.events.train_below(0.1)]
    found = run(STARTS["mixed"], rtol=1e-7, events=events)
    exact = run(STARTS["mixed"], rtol=1e-11, events=events, method="dop853")
    assert found.events is not None
    assert exact.events is not None
    assert [e["name"] for e in found.events] == [e["name"] for e in exact.events]
    np.testing.assert_allclose(
        [e["time"] for e in found.events],
        [e["time"] for e in exact.events],
        rtol=1e-5,
    )


@pytest.mark.parametrize("start", ["mixed", "lazy", "unequal", "barely wide"])
def test_the_network_of_an_event_within_a_step(start: str) -> None:
    """C1 and C2 there are dense output, too."""
    network = STARTS[start].sample(TASK, 0)
    event = lf.events.train_below(0.3, terminal=True)
    found = run(network, rtol=1e-6, events=event)
    exact = run(network, rtol=1e-11, events=event, method="dop853")
    assert found.status is lf.Status.EVENT
    assert isinstance(found.network, lf.Network)
    assert isinstance(exact.network, lf.Network)
    moved = np.linalg.norm(exact.network.gram - network.gram)
    error = np.linalg.norm(found.network.gram - exact.network.gram)
    assert error < 1e-5 * moved


def test_float32() -> None:
    network = STARTS["lazy"].sample(TASK, 0)
    single = run(network, rtol=1e-4, dtype="float32")
    double = run(network, rtol=1e-10, method="dop853")
    assert methods(single) == ["etdrk4"]
    assert single.product is not None
    assert double.product is not None
    assert relative(single.product, double.product) < 1e-3


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"learning_rates": (1.0, 2.0)}, r"learning_rates must be 1 .*\(1.0, 2.0\)"),
        ({"save_weights": True}, "save_weights must be False"),
        ({"step_size": 1e-3}, "step_size must be None .* not 0.001"),
        ({"init": lf.Gaussian(11, 0.1)}, "init must have 12 hidden units .* not 11"),
        ({"init": lf.Gaussian(1e3, 1e-30)}, "init must be larger beside the target"),
    ],
)
def test_refused_where_it_does_not_suit(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        run(**{"init": STARTS["lazy"]} | keywords)
    assert "'etdrk4'" in str(refusal.value)
