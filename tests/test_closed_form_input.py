"""What the solved dynamics refuse, and the words they say it with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf

# ---- bad input -----------------------------------------------------------------------

INF = np.inf
SOLVED = [lf.closed_form, lf.self_consistent, lf.lazy, lf.balanced]


@pytest.mark.parametrize("dynamics", SOLVED)
@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"times": [1.0, 0.5]}, ValueError, "times must not decrease; 1 is followed"),
        ({"times": [-1.0]}, ValueError, "times must be numbers >= 0, not -1"),
        ({"times": [0.0, np.nan]}, ValueError, "times must be numbers >= 0, not nan"),
        ({"times": [1j]}, TypeError, "times must be real numbers"),
        ({"times": [[1.0]]}, ValueError, "times must be one-dimensional"),
        ({"times": []}, (ValueError, TypeError), "times must be"),
        ({"learning_rates": (0.0, 1.0)}, ValueError, "learning_rates must be > 0 here"),
        ({"learning_rates": -1.0}, ValueError, "learning_rates"),
        ({"scale": 0.0}, ValueError, "scale must not be 0"),
        ({"scale": INF}, ValueError, "scale must be a real number"),
        ({"dtype": "float16"}, ValueError, "dtype must be"),
        ({"dtype": complex}, ValueError, "dtype must be"),
        ({"top": 4}, ValueError, "top must be at most"),
        ({"observe": "loss"}, ValueError, "observe must be one of"),
        ({"n_threads": 0}, ValueError, "n_threads must be an integer >= 1"),
        ({"save_product": "no"}, TypeError, "save_product must be True or False"),
        ({"save_gram": 2}, TypeError, "save_gram must be True or False, not 2"),
        ({"init": "random"}, TypeError, "init must be Gaussian"),
        ({"init": lf.Gaussian}, TypeError, "init must be .* not <class"),
        ({"init": lf.Weights(np.eye(2), np.eye(2))}, ValueError, r"needs \(2, 3\)"),
        (
            {"init": lf.Network(np.eye(2), np.eye(2))},
            ValueError,
            r"init is a network for \(2, 2\)",
        ),
    ],
)
def test_bad_input(
    dynamics: Any,
    words: dict[str, Any],
    error: type[Exception],
    match: str,
) -> None:
    keywords = {"init": lf.Gaussian(10, 0.1), "times": [0.0, 1.0]} | words
    init = keywords.pop("init")
    with pytest.raises(error, match=match):
        dynamics(lf.Task(np.ones((2, 3))), init, **keywords)


@pytest.mark.parametrize("dynamics", SOLVED)
def test_any_number_of_threads_will_do(dynamics: Any) -> None:
    words = {"times": [0.0, 1.0], "rng": 0}
    task, init = lf.Task(np.ones((2, 3))), lf.Gaussian(10, 0.1)
    many = dynamics(task, init, n_threads=2**40, **words)
    one = dynamics(task, init, n_threads=1, **words)
    np.testing.assert_array_equal(many.train_error, one.train_error)


@pytest.mark.parametrize("dynamics", [*SOLVED, lf.gradient_flow])
def test_a_bare_target_is_no_task(dynamics: Any) -> None:
    with pytest.raises(TypeError, match=r"task must be a Task, .* ndarray"):
        dynamics(np.eye(3), lf.Gaussian(10, 0.1), times=[0.0, 1.0])
    with pytest.raises(TypeError, match=r"shape \(d_out, d_in\), not of type ndarray"):
        lf.Gaussian(10, 0.1).sample(np.eye(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("dynamics", SOLVED)
@pytest.mark.parametrize("attribute", ["input_covariance", "mask"])
def test_no_closed_form_with_covariance_or_mask(
    dynamics: Any, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = lf.Task(np.ones((3, 3)))
    monkeypatch.setattr(task, attribute, np.eye(3), raising=False)
    with pytest.raises(ValueError, match=r"no closed form .* use gradient_flow"):
        dynamics(task, lf.Gaussian(10, 0.1), times=[1.0])


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"mu": -1e-9}, ValueError, "mu must be a real number >= 0, not -1e-09"),
        ({"mu": 1j}, TypeError, "mu must be a real number >= 0"),
        ({"lam": np.nan}, ValueError, "lam must be a real number, not nan"),
        ({"lam": 1j}, TypeError, "lam must be a real number"),
        ({"lam": "guess"}, ValueError, "'fit' or None, not 'guess'"),
        ({"lam": "fit", "mu": 1.0}, ValueError, "mu must not be given with lam='fit'"),
    ],
)
def test_bad_levels(words: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        lf.closed_form(lf.Task(np.eye(3)), lf.Gaussian(9, 0.1), times=[1.0], **words)


@pytest.mark.parametrize(
    ("matrix", "error", "match"),
    [
        (np.eye(3) * 1j, TypeError, "must be a matrix of real numbers, not of complex"),
        (np.full((3, 3), np.nan), ValueError, "must be finite; 9 of its 9"),
        (np.diag([INF, 1, 1]), ValueError, "must be finite; 1 of its 9"),
        (np.ones(3), ValueError, "must have shape"),
        (np.ones((0, 3)), ValueError, "must "),
    ],
)
def test_bad_matrices(matrix: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=f"target {match}"):
        lf.Task(matrix)
    with pytest.raises(error, match=f"W1 {match}"):
        lf.Weights(matrix, np.eye(3))


@pytest.mark.parametrize("dynamics", [lf.closed_form, lf.lazy, lf.balanced])
def test_ctrl_c_keeps_the_times_that_are_done(dynamics: Any) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    task = lf.low_rank_task((30, 30), 2, rng=0)
    with pytest.raises(lf.Interrupted) as caught:
        dynamics(
            task, lf.Gaussian(10, 1e-2), times=np.linspace(0, 1, 20_000), rng=0,
            progress=interrupt,
        )  # fmt: skip
    partial = caught.value.partial
    assert 0 < len(partial.times) < 20_000
    assert np.isfinite(partial.train_error).all()
    residual = partial.last_product - task.target
    assert (residual**2).mean() == pytest.approx(partial.train_error[-1], rel=1e-10)


def test_crossing_times_of_repeated_and_infinite_times() -> None:
    task = lf.low_rank_task((8, 6), 2, rng=0)
    run = lf.closed_form(
        task, lf.Gaussian(1e6, 1e-6), times=[0, 0.05, 0.05, 0.1, INF], rng=0
    )
    crossings = run.crossing_times
    assert crossings is not None
    assert crossings[0] < 0.1
    assert crossings[1] == INF  # after the last finite time


def test_a_start_without_a_network() -> None:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    formula = lf.lazy(task, lf.Gaussian(10, 0.1), times=[0, 1], rng=0)
    with pytest.raises(
        ValueError, match=r"init must have a network .*Trajectory\(lazy"
    ):
        lf.closed_form(task, formula, times=[0, 1])
