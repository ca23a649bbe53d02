"""What tests of the methods in Gram form share."""

from __future__ import annotations

from typing import Any

import numpy as np

import linflow as lf
from reference_flow import relative

TASK = lf.low_rank_task((12, 9), rank=2, rng=0)
# As many save points early as late.
TIMES = np.concatenate([[0.0], np.geomspace(1e-3, 30.0, 24)])


def run(init: Any, task: lf.Task = TASK, **keywords: Any) -> lf.Trajectory:
    keep: dict[str, Any] = {"times": TIMES, "rng": 0, "save_product": True}
    return lf.gradient_flow(task, init, **keep | keywords)


def methods(trajectory: lf.Trajectory) -> list[str]:
    assert trajectory.segments is not None
    return [segment["method"] for segment in trajectory.segments]


def run_errors(found: lf.Trajectory, exact: lf.Trajectory) -> tuple[float, float]:
    """Of all products, and of the last network, each relative."""
    assert found.product is not None
    assert exact.product is not None
    assert isinstance(found.network, lf.Network)
    assert isinstance(exact.network, lf.Network)
    return (
        relative(found.product, exact.product),
        relative(found.network.gram, exact.network.gram),
    )
