"""A user's function at the save points of a sequence of tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf
from linflow._sequence import DYNAMICS


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_callbacks_see_the_products_of_the_runs(dynamics: str) -> None:
    task, told = lf.low_rank_task((4, 3), 2, rng=0), []
    words: dict[str, Any] = {"times": [0.0, 0.1, 1.0]}
    if dynamics == "gradient_descent":
        words = {"step_size": 0.01, "max_steps": 2}
    run = lf.learn_sequence(
        [task, lf.Task(-task.target)],
        lf.Gaussian(1e4, 1e-4),
        dynamics=dynamics,
        callback=lambda time, A: told.append((time, A)),
        rng=0,
        **words,
    )
    times, products = zip(*told, strict=True)
    np.testing.assert_array_equal(times, np.concatenate([r.times for r in run.runs]))
    kept = np.concatenate([one.product for one in run.runs if one.product is not None])
    np.testing.assert_allclose(products, kept, rtol=0, atol=1e-12)


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_what_an_ended_lazy_sequence_carries(error: type[BaseException]) -> None:
    task, seen = lf.low_rank_task((4, 3), 2, rng=0), []

    def callback(time: float, A: Any) -> None:
        seen.append(A)
        if len(seen) == 5:  # the second time of the second task
            raise error

    with pytest.raises(error) as caught:
        lf.learn_sequence(
            [task, lf.Task(-task.target)],
            lf.Gaussian(1e4, 1e-4),
            dynamics="lazy",
            times=[0.0, 0.1, 1.0],
            callback=callback,
            rng=0,
        )
    name = "trajectory" if error is LookupError else "partial"
    done: lf.Trajectory = getattr(caught.value, name)
    assert done.product is not None
    np.testing.assert_allclose(done.product, seen[3:], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(done.last_product, done.product[-1])
