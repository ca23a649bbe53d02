"""Movement of the weights, where a dynamics determines them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.trajectory import Trajectory

if TYPE_CHECKING:
    from linflow._core import Array


def weight_movement(run: Any) -> Array:
    """Return how far each layer has moved, ``|W_l(t) - W_l(0)| / |W_l(0)|``.

    Parameters
    ----------
    run : Trajectory
        Of `gradient_descent` or `gradient_flow` with ``save_weights=True``, any depth.
        A compressed network moves as far as the wide one that it stands for.

    Returns
    -------
    ndarray, shape (time, layer)
        Input layer first; NaN for a layer that starts at zero.

    Raises
    ------
    TypeError, ValueError
        When `run` is not a trajectory or has no weights. A closed form has none: it
        determines ``P = Q Q^T``, and with it the weights only up to a rotation of the
        hidden units, which may differ from one time to the next.

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task(5, rank=1, rng=0)
    >>> run = lf.gradient_flow(
    ...     task, lf.Gaussian(1e6, 1e-4), times=[0, 1], rng=0, save_weights=True
    ... )
    >>> bool((lf.observables.weight_movement(run)[-1] < 0.1).all())  # lazy
    True
    """
    if not isinstance(run, Trajectory):
        message = f"run must be a Trajectory, not {run!r}"
        raise TypeError(message)
    if run.weights is None:
        reason = (
            "run it with save_weights=True"
            if run.dynamics in ("gradient descent", "gradient flow")
            else "it determines them only up to a rotation of the hidden units; use "
            "gradient_flow or gradient_descent with save_weights=True"
        )
        message = f"run has no weights ({run.dynamics}): {reason}"
        raise ValueError(message)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack(
            [
                np.linalg.norm(layer - layer[0], axis=(1, 2)) / np.linalg.norm(layer[0])
                for layer in run.weights
            ],
            axis=1,
        )
