"""Tasks: shapes, the drawn denoising task, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import linflow as lf


def test_low_rank_task() -> None:
    task = lf.low_rank_task((300, 200), 4, noise=0.5, rng=1)
    assert task.truth is not None
    assert task.noise is not None
    assert np.linalg.matrix_rank(task.truth) == 4
    # Entries of A* have variance 1 (over few modes, hence loosely), those of E noise².
    assert np.var(task.truth) == pytest.approx(1, rel=0.15)
    assert np.std(task.noise) == pytest.approx(0.5, rel=0.02)
    norms = [np.linalg.norm(lf.low_rank_task(100, 5, rng=i).truth) for i in range(200)]  # type: ignore[arg-type]
    # E |U V'|_F^2 = d^2, and the mean over 200 tasks has a relative error of about 1 %.
    assert np.mean(np.square(norms)) / 100**2 == pytest.approx(1, abs=0.05)


def test_noise_only_scales() -> None:
    quiet = lf.low_rank_task(10, 2, noise=0.5, rng=3)
    loud = lf.low_rank_task(10, 2, noise=2.0, rng=3)
    np.testing.assert_array_equal(quiet.truth, loud.truth)
    np.testing.assert_allclose(4 * quiet.noise, loud.noise, atol=1e-14)  # type: ignore[operator,arg-type]


def test_target_is_a_copy_and_read_only() -> None:
    target = np.eye(2)
    task = lf.Task(target)
    target[0, 0] = 7
    assert task.target[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        task.target[0, 0] = 3


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        (np.empty((0, 3)), ValueError, "target must not be empty"),
        ([[1.0, np.inf]], ValueError, "target must be finite; 1 of its 2 entries"),
        ([1.0, 2.0], ValueError, "target must have shape"),
        ([[1e200, 1.0]], ValueError, "target must be below .* largest entry is 1e.200"),
        ([["a"]], TypeError, "target must be a matrix of real numbers"),
        ([[1.0, 2.0], [3.0]], ValueError, "target must be an array, its rows of one"),
        (np.ma.masked_equal([[1.0, 2.0]], 2.0), TypeError, "target must be a plain"),
        ([[1j]], TypeError, "target must be a matrix of real numbers"),
    ],
)
def test_bad_target(target: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        lf.Task(target)


def test_bad_truth_and_rank() -> None:
    with pytest.raises(ValueError, match=r"truth must have shape \(2 x 2\)"):
        lf.Task(np.eye(2), truth=np.eye(3))
    with pytest.raises(
        ValueError, match=r"rank must be at most min\(shape\) = 3, not 4"
    ):
        lf.low_rank_task((3, 5), 4)
    with pytest.raises(ValueError, match="noise must be a real number >= 0"):
        lf.low_rank_task(3, 1, noise=-1)
    with pytest.raises(ValueError, match=r"noise must be at most 1e.140, not 1e.200"):
        lf.low_rank_task(3, 1, noise=1e200)
    with pytest.raises(TypeError, match="rank must be an integer >= 1"):
        lf.low_rank_task(3, 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        lf.low_rank_task((3, 0), 1)


def test_bits_do_not_depend_on_blas_threads() -> None:
    """Workers of a sweep draw their tasks themselves, with threads of their own."""
    targets = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            targets.append(lf.low_rank_task((400, 300), 20, rng=1).target.tobytes())
    assert targets[0] == targets[1] == targets[2]
