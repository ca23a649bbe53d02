"""Representations: what the hidden units make alike, seen from inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _validate as validate
from linflow.observables import _states as states

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array

LAYERS = ("input", "output")


def input_representation(state: Any, inputs: ArrayLike | None = None) -> Array:
    """Return the inner products of hidden representations, ``X^T C1 X``.

    Parameters
    ----------
    state : Trajectory, Network or (array_like, array_like)
        What to look at; see `linflow.observables`.
    inputs : array_like, shape (d_in, m), optional
        X, columns are samples; the identity by default, which gives C1.

    Returns
    -------
    ndarray, shape (..., m, m)
        Entry (a, b) is ``(W1 x_a) . (W1 x_b)``; the time, if any, in front.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.observables.input_representation(lf.Network([[1.0, 2.0]], [[1.0]]))
    array([[1., 2.],
           [2., 4.]])
    """
    C1, _ = states.grams(state)
    if inputs is None:
        return C1
    X = states.inputs_or_identity(inputs, C1.shape[-1])
    similar: Array = X.T @ C1 @ X
    return similar


def output_representation(
    state: Any, outputs: ArrayLike | None = None, *, rtol: float = 1e-10
) -> Array:
    """Return ``Y^T C2^+ Y``: how alike the hidden states are that produce outputs.

    ``W2^+ y`` is the smallest hidden state that gives output y; these are their inner
    products.

    Parameters
    ----------
    state : Trajectory, Network or (array_like, array_like)
        What to look at; see `linflow.observables`.
    outputs : array_like, shape (d_out, m), optional
        Y, columns are outputs; the identity by default, which gives C2^+.
    rtol : float
        Eigenvalues of C2 below `rtol` times the largest count as zero.

    Returns
    -------
    ndarray, shape (..., m, m)

    References
    ----------
    Braun et al. 2022; [DAP].

    Examples
    --------
    >>> import linflow as lf
    >>> network = lf.Network([[1.0]], [[2.0], [0.0]])
    >>> lf.observables.output_representation(network)
    array([[0.25, 0.  ],
           [0.  , 0.  ]])
    """
    _, C2 = states.grams(state)
    rtol = validate.real("rtol", rtol, at_least=0)
    inverse = np.asarray(
        np.linalg.pinv(C2, rcond=rtol, hermitian=True), dtype=np.float64
    )
    if outputs is None:
        return inverse
    Y = validate.matrix("outputs", outputs, shape=(C2.shape[-1], None))
    similar: Array = Y.T @ inverse @ Y
    return similar


def similarity(first: ArrayLike, second: ArrayLike) -> Array:
    """Return the cosine ``<R, R'> / (|R| |R'|)`` of representations, over leading axes.

    The similarity of two sets of hidden representations of the same samples whose
    inner products are R and R', whatever the hidden frames.

    Parameters
    ----------
    first, second : array_like, shape (..., m, m)
        Such as `input_representation` gives.

    Returns
    -------
    ndarray
        NaN where a representation is zero.

    References
    ----------
    Kornblith et al. 2019, arXiv 1905.00414, without centring.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> float(lf.observables.similarity(np.eye(2), np.diag([1.0, 0.0])).round(6))
    0.707107
    """
    R, S = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if R.ndim < 2 or S.ndim < 2 or R.shape[-2:] != S.shape[-2:]:
        message = (
            "first and second must hold matrices of one shape (..., m, m), not "
            f"{R.shape} and {S.shape}"
        )
        raise ValueError(message)
    sizes = np.linalg.norm(R, axis=(-2, -1)) * np.linalg.norm(S, axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine: Array = (R * S).sum(axis=(-2, -1)) / sizes
    return cosine


def representation_change(
    state: Any, reference: Any = None, *, layer: str = "input"
) -> Array:
    """Return by how much representations turned: 1 - cosine of C1 (or C2) with before.

    Parameters
    ----------
    state, reference
        As for `kernel_distance`.
    layer : {"input", "output"}
        C1, the representations of whitened inputs, or C2.

    Returns
    -------
    ndarray, shape (time,) or ()
        0 for the same up to size; NaN where one is zero.

    Raises
    ------
    TypeError, ValueError
        As for `kernel_distance`.

    Examples
    --------
    >>> import linflow as lf
    >>> one, two = lf.Network([[1.0, 0.0]], [[1.0]]), lf.Network([[0.0, 2.0]], [[1.0]])
    >>> [round(float(lf.observables.representation_change(two, one, layer=layer)), 12)
    ...  for layer in ("input", "output")]
    [1.0, 0.0]
    """
    which = LAYERS.index(validate.choice("layer", layer, LAYERS))
    now, start, _ = states.pair(state, reference, None, 1.0)
    units = []
    for gram in (now[which], start[which]):
        size = np.linalg.norm(gram, axis=(-2, -1))[..., None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            units.append(gram / size)
    change: Array = np.linalg.norm(units[0] - units[1], axis=(-2, -1)) ** 2 / 2
    return change
