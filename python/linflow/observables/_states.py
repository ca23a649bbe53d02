"""Gram matrices of whatever has them, and what they are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _grams
from linflow import _validate as validate
from linflow.deep import DeepNetwork
from linflow.network import Network
from linflow.trajectory import Trajectory

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array


def pair(
    state: Any,
    reference: Any,
    inputs: ArrayLike | None,
    learning_rates: float | tuple[float, float],
) -> tuple[tuple[Array, Array], tuple[Array, Array], Array | None]:
    """Return the Gram matrices of a state and of its reference, and X X^T if given."""
    now = kernel_grams(state, learning_rates, 1.0)
    if reference is not None:
        start = kernel_grams(reference, learning_rates, 1.0)
        if [one.shape[-1] for one in start] != [one.shape[-1] for one in now]:
            message = (
                "reference must be of the shape of state, (d_in, d_out) = "
                f"{tuple(one.shape[-1] for one in now)}, not "
                f"{tuple(one.shape[-1] for one in start)}"
            )
            raise ValueError(message)
    elif now[0].ndim > 2:
        start = now[0][0], now[1][0]
    else:
        message = "reference must be given: a single state has nothing before it"
        raise ValueError(message)
    if inputs is None:
        return now, start, None
    X = inputs_or_identity(inputs, now[0].shape[-1])
    return now, start, X @ X.T


def kernel_grams(
    state: Any, learning_rates: float | tuple[float, float], scale: float
) -> tuple[Array, Array]:
    """Return ``eta2 scale^2 C1`` and ``eta1 scale^2 C2``, which make the kernel."""
    rates = validate.pair("learning_rates", learning_rates, at_least=0)
    square = validate.real("scale", scale) ** 2
    C1, C2 = grams(state)
    return rates[1] * square * C1, rates[0] * square * C2


def grams(state: Any) -> tuple[Array, Array]:
    """Return C1 and C2 of whatever has them."""
    if isinstance(state, Network) and not isinstance(state, DeepNetwork):
        return _grams.of_weights(state.layers)
    if isinstance(state, Trajectory):
        if state.input_gram is not None and state.output_gram is not None:
            return state.input_gram, state.output_gram
        if state.weights is not None and len(state.weights) == 2:
            return _grams.of_weights(state.weights)
        message = (
            f"state has no Gram matrices ({state.dynamics}): run it with save_gram=True"
        )
        raise ValueError(message)
    if isinstance(state, tuple | list) and len(state) == 2:
        C1, C2 = (np.asarray(one, dtype=np.float64) for one in state)
        if C1.ndim >= 2 and C2.ndim >= 2 and C1.shape[:-2] == C2.shape[:-2]:
            square = C1.shape[-2] == C1.shape[-1] and C2.shape[-2] == C2.shape[-1]
            if square:
                return C1, C2
        message = (
            "state must be a pair (C1, C2) of shapes (..., d_in, d_in) and "
            f"(..., d_out, d_out), not {C1.shape} and {C2.shape}"
        )
        raise ValueError(message)
    message = (
        "state must be a Trajectory, a Network of two layers or a pair (C1, C2), not "
        f"{state!r}"
    )
    raise TypeError(message)


def inputs_or_identity(inputs: ArrayLike | None, d_in: int) -> Array:
    """Return X, shape (d_in, m), the identity by default."""
    if inputs is None:
        return np.eye(d_in)
    return validate.matrix("inputs", inputs, shape=(d_in, None))
