"""Sequences of tasks: exact curves against integration, and what is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import linflow as lf
import reference_riccati as ref
from linflow import modes, sequence
from linflow._sequence import DYNAMICS

if TYPE_CHECKING:
    from pathlib import Path

    from linflow._core import Array

INF = np.inf


def random_task(rng: np.random.Generator, shape: tuple[int, int]) -> lf.Task:
    return lf.Task(rng.normal(size=shape))


def integrated(tasks: list[lf.Task], W1: Array, W2: Array, times: Array) -> Array:
    """Errors on every task by DOP853 on the weights, new ones starting at zero."""
    errors = []
    for task in tasks:
        d_out, d_in = task.shape
        W1 = np.pad(W1, [(0, 0), (0, d_in - W1.shape[1])])
        W2 = np.pad(W2, [(0, d_out - W2.shape[0]), (0, 0)])
        path = ref.weights(task.target, W1, W2, times)
        for a, b in path:
            row = []
            for other in tasks:
                rows, columns = other.shape
                fits = rows <= d_out and columns <= d_in
                gap = (b @ a)[:rows, :columns] - other.target if fits else np.nan
                row.append(np.mean(np.square(gap)))
            errors.append(row)
        W1, W2 = path[-1]
    return np.array(errors)


# ---- exact curves --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "width", "lam"),
    [((3, 4), 3, 2.0), ((5, 2), 2, -1.0), ((2, 5), 2, 0.3), ((3, 4), 6, 0.0)],
)
def test_continual_learning(
    shape: tuple[int, int], width: int, lam: float, rng: np.random.Generator
) -> None:
    tasks = [random_task(rng, shape) for _ in range(3)]
    init = lf.Balanced(width, lam=lam, size=0.3)
    times = np.linspace(0, 2.5, 6)
    start = init.sample(tasks[0], rng=1)
    expected = integrated(tasks, start.W1, start.W2, times)
    exact = lf.learn_sequence(tasks, init, times=times, rng=1)
    assert all(run.exact for run in exact.runs)
    flow = lf.learn_sequence(
        tasks, init, times=times, rng=1, dynamics="gradient_flow", rtol=1e-11
    )
    for run in (exact, flow):
        np.testing.assert_allclose(run.errors, expected, rtol=0, atol=1e-8)
        np.testing.assert_array_equal(run.switch_times, [2.5, 5.0])
        np.testing.assert_array_equal(run.times[5:8], [2.5, 2.5, 3.0])
        np.testing.assert_array_equal(run.learning, np.repeat([0, 1, 2], 6))
        np.testing.assert_allclose(
            run.error_matrix, expected[[0, 5, 11, 17]], rtol=0, atol=1e-8
        )
        for k in range(3):
            rise = expected[17, k] - expected[6 * k + 5, k]
            assert run.forgetting[k] == pytest.approx(rise, abs=1e-8)
            below = run.interference[k + 1 :, k].sum()
            assert run.forgetting[k] == pytest.approx(below, abs=1e-13)


@pytest.mark.parametrize("lam", [-2.0, -0.1, 0.01, 1.0])
def test_reversal_passes_the_saddle(lam: float, rng: np.random.Generator) -> None:
    T = ref.orthogonal(rng, 3, 3) @ np.diag([3.0, 2.0, 1.0]) @ ref.orthogonal(rng, 3, 3)
    tasks = [lf.Task(T), lf.Task(-T)]
    init = lf.Balanced(3, lam=lam, size=0.1)
    times = np.linspace(0, 8, 17)
    start = init.sample((3, 3), rng=1)
    expected = integrated(tasks, start.W1, start.W2, times)
    run = lf.learn_sequence(tasks, init, times=times, rng=1)
    np.testing.assert_allclose(run.errors, expected, rtol=0, atol=1e-8)
    ended = lf.learn_sequence(tasks, init, times=[0, INF], rng=1)
    assert ended.error_matrix[2, 1] < 1e-20


def aligned(T: Array, lam: float, size: float) -> lf.Weights:
    """Weights whose product is ``size T``, lambda-balanced, width = rank."""
    U, s, Vt = np.linalg.svd(size * T)
    large = np.hypot(s, lam / 2)
    a, b = np.sqrt(large - lam / 2), np.sqrt(large + lam / 2)
    return lf.Weights(np.diag(a) @ Vt, U @ np.diag(b))


def test_the_balanced_network_is_stuck(rng: np.random.Generator) -> None:
    """Having converged to T it rests at A = 0 on its way to -T; integrated alike."""
    T = np.diag([3.0, 2.0]) @ ref.orthogonal(rng, 2, 2)
    tasks = [lf.Task(T), lf.Task(-T)]
    zero = np.mean(T**2)
    times = np.array([0.0, 2.0, 4.0, 6.0])
    for init in (aligned(T, 0.0, 0.01), lf.Balanced(1, size=0.1)):
        exact = lf.learn_sequence(tasks, init, times=np.append(times, INF), rng=0)
        assert exact.error_matrix[2, 1] == pytest.approx(zero, rel=1e-12)
    start = aligned(T, 0.0, 0.01)
    keywords: dict[str, Any] = {"times": times}
    for dynamics in ("closed_form", "gradient_flow", "balanced"):
        run = lf.learn_sequence(tasks, start, dynamics=dynamics, **keywords)
        assert run.error_matrix[1, 0] < 1e-3 * zero
        assert run.error_matrix[2, 1] == pytest.approx(zero, rel=1e-3)


def test_how_long_reversal_takes(rng: np.random.Generator) -> None:
    """ln(s*/kappa)/s* to leave the saddle: each mode by its own curve (theory §5)."""
    T = np.diag([2.0, 0.0]) @ ref.orthogonal(rng, 2, 2)
    tasks = [lf.Task(T), lf.Task(-T)]
    waits = []
    for lam in (1e-2, 1e-4, 1e-6):
        times = np.linspace(0, 12, 4001)
        run = lf.learn_sequence(
            tasks, aligned(T, lam, 0.1), times=[[0.0, INF], list(times)]
        )
        late = run.learning == 1
        half = run.errors[late, 1] < np.mean(T**2) / 2
        waits.append(times[np.argmax(half)])
        level = -2.0 * (1 - np.sqrt(0.5))
        exact = float(modes.time_to_reach(level, 2.0, -2.0, lam / 2))
        assert waits[-1] == pytest.approx(exact, abs=12 / 4000)
    np.testing.assert_allclose(np.diff(waits), np.log(100) / 2.0, atol=0.01)


def test_transfer_to_new_outputs(rng: np.random.Generator) -> None:
    """A feature of task 1 is reused: the new outputs are learned sooner."""
    v = rng.normal(size=4)
    v /= np.linalg.norm(v)
    first = lf.Task(np.outer([2.0, 1.0], v))
    both = lf.Task(np.outer([2.0, 1.0, -1.5, 2.0], v))
    init = lf.Balanced(2, lam=0.05, size=1e-3)
    times = np.linspace(0, 4, 41)
    run = lf.learn_sequence([first, both], init, times=times, rng=1, extend=0.0)
    start = init.sample(first, rng=1)
    expected = integrated([first, both], start.W1, start.W2, times)
    np.testing.assert_allclose(run.errors, expected, rtol=0, atol=1e-8)
    assert np.isnan(run.errors[:41, 1]).all()
    assert run.runs[1].exact
    scratch = lf.learn_sequence([both], init, times=times, rng=1).errors[:, 0]
    level = 0.1 * scratch[0]
    transferred = run.errors[41:, 1]
    assert times[np.argmax(transferred < level)] < times[np.argmax(scratch < level)] / 2

    inputs = lf.Task(np.hstack([first.target, rng.normal(size=(2, 1))]))
    wider = lf.learn_sequence([first, inputs], init, times=times, rng=1, extend=0.0)
    expected = integrated([first, inputs], start.W1, start.W2, times)
    np.testing.assert_allclose(wider.errors, expected, rtol=0, atol=1e-8)
    noisy = lf.learn_sequence([first, both], init, times=times, rng=1, extend=0.01)
    assert noisy.runs[1].exact is False


def test_fine_tuning_from_given_weights(rng: np.random.Generator) -> None:
    """From a run, its network and its weights alike."""
    task, other = random_task(rng, (2, 3)), random_task(rng, (2, 3))
    W1, W2 = rng.normal(size=(1, 3)), rng.normal(size=(2, 1))
    before = lf.gradient_flow(task, lf.Weights(W1, W2), times=[0, 3], rtol=1e-11)
    assert before.network is not None
    times = np.linspace(0, 2, 5)
    expected = integrated([other, task], before.network.W1, before.network.W2, times)
    for init in (before, before.network, lf.Weights(*before.network.layers)):
        run = lf.learn_sequence([other, task], init, times=times)
        assert all(one.exact for one in run.runs)  # a single neuron, any weights
        np.testing.assert_allclose(run.errors, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_a_task_in_two_halves_is_the_task(dynamics: str) -> None:
    """Every dynamics goes on from where it ended."""
    task = lf.low_rank_task((4, 3), 2, rng=0)
    init = lf.Gaussian(1e4, (2e-4, 1e-4))
    keywords: dict[str, Any] = {"rng": 3, "dynamics": dynamics, "scale": -2.0}
    keywords["learning_rates"] = (0.5, 2.0)
    half: dict[str, Any] = {"times": np.linspace(0, 0.05, 6)}
    whole: dict[str, Any] = {"times": np.linspace(0, 0.1, 11)}
    if dynamics == "gradient_descent":
        half = {"step_size": 0.001, "max_steps": 50, "save_every": 10}
        whole = half | {"max_steps": 100}
    if dynamics == "gradient_flow":
        keywords["rtol"] = 1e-11
    once = lf.learn_sequence([task], init, **keywords, **whole)
    twice = lf.learn_sequence([task, task], init, **keywords, **half)
    errors = np.delete(twice.errors, 6, axis=0)
    np.testing.assert_allclose(np.delete(twice.times, 6), once.times, atol=1e-15)
    np.testing.assert_allclose(errors[:, 0], once.errors[:, 0], rtol=1e-8)
    np.testing.assert_allclose(errors[:, 1], once.errors[:, 0], rtol=1e-8)
    np.testing.assert_allclose(
        once.runs[-1].last_product, twice.runs[-1].last_product, rtol=0, atol=1e-8
    )


def test_fitted_levels_stay(rng: np.random.Generator) -> None:
    """Weights without a law: the levels are fitted once, as B never changes."""
    W1, W2 = rng.normal(size=(30, 3)) / 5, rng.normal(size=(2, 30)) / 5
    tasks = [random_task(rng, (2, 3)) for _ in range(2)]
    run = lf.learn_sequence(tasks, lf.Weights(W1, W2), times=[0, 1])
    assert run.runs[0].lam == run.runs[1].lam
    assert run.runs[0].mu == run.runs[1].mu


@pytest.mark.parametrize(
    ("width", "variance"), [(30, 1e-2), (200, 1e-3), (2000, 1e-3), (20000, 1e-5)]
)
def test_errors_of_the_closure_add_up(width: int, variance: float) -> None:
    """Of a random network: estimated for every task, though its own state deceives."""
    tasks = [lf.low_rank_task(20, 2, noise=0.3, rng=i) for i in range(4)]
    init, times = lf.Gaussian(width, variance), np.linspace(0, 1, 6)
    exact = lf.learn_sequence(tasks, init, times=times, rng=0)
    flow = lf.learn_sequence(
        tasks, init, times=times, rng=0, dynamics="gradient_flow", rtol=1e-8
    )
    for task, closed, run in zip(tasks, exact.runs, flow.runs, strict=True):
        assert closed.exact is False
        assert closed.product is not None
        assert run.product is not None
        gap = np.linalg.norm(closed.product - run.product, axis=(1, 2)).max()
        size = max(np.linalg.norm(task.target), np.linalg.norm(run.product[0]))
        assert closed.error_bound is not None
        assert 0.01 * closed.error_bound < gap / size < closed.error_bound
        assert closed.closure_residual == exact.runs[0].closure_residual


def test_errors_of_the_closure_add_up_by_hand(tmp_path: Path) -> None:
    """From a trajectory, its network or its file, in other units too."""
    tasks = [lf.low_rank_task(20, 2, noise=0.3, rng=i) for i in range(2)]
    times = np.linspace(0, 1, 6)
    init = lf.Gaussian(60, 1e-2).sample(tasks[0], rng=0)
    sequence = lf.learn_sequence(tasks, init, times=times, rng=0).runs[1]
    first = lf.closed_form(tasks[0], init, times=times)
    loaded = lf.Trajectory.load(first.save(tmp_path / "first"))
    starts: tuple[Any, ...] = (first, first.network, loaded)
    for start in starts:
        by_hand = lf.closed_form(tasks[1], start, times=times)
        assert by_hand.exact is False
        assert by_hand.error_bound == sequence.error_bound
        assert by_hand.closure_residual == first.closure_residual

    units: dict[str, Any] = {"learning_rates": (0.25, 4.0), "scale": -3.0}
    Q = init.W1 * 0.5 / np.sqrt(3), init.W2 * 2.0 / np.sqrt(3)
    state = lf.Network(*Q, width=60, law=(0.0, 0.0))
    for task, expected in zip(tasks, (first, sequence), strict=True):
        levels: dict[str, Any] = {"lam": first.lam, "mu": first.mu}
        run = lf.closed_form(
            lf.Task(-task.target), state, times=times / 3, **units, **levels
        )
        assert run.error_bound == pytest.approx(expected.error_bound, rel=1e-9)
        assert isinstance(run.network, lf.Network)
        state = run.network


def test_deep_networks() -> None:
    task, larger = lf.low_rank_task(3, 1, rng=0), lf.low_rank_task((4, 3), 1, rng=0)
    deep = lf.Gaussian((4, 4), 0.3)
    keywords: dict[str, Any] = {"dynamics": "gradient_flow", "times": [0, 1], "rng": 0}
    twice = lf.learn_sequence([task, task], deep, rtol=1e-10, **keywords)
    once = lf.gradient_flow(task, deep, times=[0, 2], rtol=1e-10, rng=0)
    np.testing.assert_allclose(
        twice.runs[1].last_product, once.last_product, rtol=0, atol=1e-8
    )
    with pytest.raises(ValueError, match="init must have two layers for tasks of grow"):
        lf.learn_sequence([task, larger], deep, extend=0.0, **keywords)


def test_other_costs(rng: np.random.Generator) -> None:
    """Train errors are those that each task's own run has."""
    T = rng.normal(size=(2, 3))
    tasks = [
        lf.regression_task(rng.normal(size=(20, 3)), rng.normal(size=(20, 2))),
        lf.Task(T, mask=T > 0),
        lf.custom_task((2, 3), lambda A: A - T, cost=lambda A: float(abs(A - T).sum())),
        lf.custom_task((2, 3), lambda A: A - T),
    ]
    run = lf.learn_sequence(
        tasks, lf.Gaussian(10, 0.1), dynamics="gradient_flow", times=[0, 1], rng=0
    )
    for k, task in enumerate(tasks[:3]):
        again = lf.gradient_flow(task, run.runs[2], times=[0, 1e-9])
        assert again.train_error is not None
        assert run.error_matrix[3, k] == pytest.approx(again.train_error[0], rel=1e-12)
    assert np.isnan(run.errors[:, 3]).all()


# ---- forgetting ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "width", "lam"),
    [((4, 3), 3, -1.0), ((4, 3), 4, 1.0), ((5, 5), 2, 0.4), ((5, 4), 1, -2.0)],
)
@pytest.mark.parametrize("mix", [-0.9, 0.0, 0.6])
def test_forgetting_after_convergence_is_the_formula(
    shape: tuple[int, int],
    width: int,
    lam: float,
    mix: float,
    rng: np.random.Generator,
) -> None:
    T, other = rng.normal(size=shape), rng.normal(size=shape)
    tasks = [lf.Task(T), lf.Task(mix * T + other)]
    run = lf.learn_sequence(
        tasks, lf.Balanced(width, lam=lam, size=0.1), times=[0, INF], rng=0
    )
    predicted = sequence.expected_forgetting(*tasks, width=width)
    assert run.forgetting[0] == pytest.approx(predicted, abs=1e-9)
    if width >= min(shape):
        rho = sequence.task_similarity(*tasks)
        a, b = np.linalg.norm(T), np.linalg.norm(tasks[1].target)
        formula = (a**2 + b**2 - 2 * rho * a * b) / T.size
        assert run.forgetting[0] == pytest.approx(formula, abs=1e-9)


def test_task_similarity(rng: np.random.Generator) -> None:
    T, S = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    task = lf.Task(T)
    assert sequence.task_similarity(task, lf.Task(2 * T)) == pytest.approx(1)
    direct = np.vdot(T, S[:2]) / np.linalg.norm(T) / np.linalg.norm(S[:2])
    assert sequence.task_similarity(task, lf.Task(S)) == pytest.approx(direct)
    with pytest.raises(ValueError, match="must not be zero"):
        sequence.task_similarity(task, lf.Task(np.zeros((2, 3))))


def test_data_set() -> None:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    run = lf.learn_sequence(
        [task, lf.Task(-task.target)], lf.Balanced(2, lam=1.0), times=[0, 1, INF], rng=0
    )
    data = run.to_xarray()
    assert dict(data.sizes) == {"point": 6, "task": 2, "stage": 3, "learned": 2}
    np.testing.assert_array_equal(run.switch_times, [1.0])
    np.testing.assert_array_equal(data.time, [0, 1, INF, 1, 2, INF])
    np.testing.assert_array_equal(data.forgetting, run.forgetting)
    assert run.network is not None


# ---- bad input -----------------------------------------------------------------------


def test_bad_input() -> None:
    task, larger = lf.low_rank_task(3, 1, rng=0), lf.low_rank_task((4, 3), 1, rng=0)
    masked = lf.Task(task.target, mask=task.target > 0)
    stepped = {"dynamics": "gradient_descent", "step_size": 0.1, "max_steps": 1}
    lazy = {"dynamics": "lazy", "extend": 0.0}
    flow = {"dynamics": "gradient_flow", "times": [0, INF]}
    cases: list[tuple[type[Exception], str, Any, dict[str, Any]]] = [
        (ValueError, r"tasks\[1\] must have the shape \(3, 3\)", [task, larger], {}),
        (ValueError, "at least the outputs", [larger, task], {"extend": 0.0}),
        (ValueError, "at least one task", [], {}),
        (TypeError, "tasks must be a sequence", task, {}),
        (TypeError, "tasks must be a sequence", [task, 3], {}),
        (ValueError, "dynamics must be one of", [task], {"dynamics": "sgd"}),
        (ValueError, "times must be None for stepped", [task], {"times": None}),
        (ValueError, "times must be None for stepped", [task], stepped),
        (ValueError, "for each of 2 tasks", [task] * 2, {"times": [[0, 1]] * 3}),
        (ValueError, r"times\[1\] must", [task] * 2, {"times": [[0], [1, 0]]}),
        (ValueError, "finite", [task], flow),
        (ValueError, r"tasks\[1\] must have the plain mean", [task, masked], {}),
        (ValueError, "extend must be None for lazy", [task, larger], lazy),
        (ValueError, "extend must be None for lazy", [task, task], lazy),
        *(
            (ValueError, f"{name} must not be given for lazy", [task], given)
            for name, given in (
                ("observe", {"dynamics": "lazy", "observe": "rank"}),
                ("track", {"dynamics": "lazy", "track": "modes"}),
                ("top", {"dynamics": "lazy", "top": 1}),
            )
        ),
        (ValueError, "extend must be a real", [task, larger], {"extend": -1.0}),
        (TypeError, "save_product must not be given", [task], {"save_product": True}),
    ]
    for error, match, tasks, keywords in cases:
        with pytest.raises(error, match=match):
            lf.learn_sequence(
                tasks, lf.Balanced(2, lam=0.5), **{"times": [0, 1], **keywords}
            )
    with pytest.raises(ValueError, match="width must be at most d_in = 3 when lam < 0"):
        lf.learn_sequence([task], lf.Balanced(4, lam=-1.0), times=[0, 1], rng=0)
    with pytest.raises(ValueError, match="second must have at least the outputs"):
        sequence.expected_forgetting(larger, task)
    with pytest.raises(ValueError, match="first must have the plain"):
        sequence.expected_forgetting(masked, task)
    with pytest.raises(ValueError, match="width must be a real number >= 1"):
        sequence.expected_forgetting(task, task, width=0)
