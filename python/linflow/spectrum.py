"""Singular values, modes and thresholds of matrices: plain functions of arrays.

Runs record the same along their way: see ``observe=``, ``top=`` and ``track=`` of
`linflow.gradient_descent`. Three ways of very different cost stand behind them (n is
the smaller dimension): all values by bidiagonalisation, O(n^3), faster than
`numpy.linalg.svd`; the largest triplets of a slowly changing matrix by a warm-started
block iteration, O(n^2 top) a matrix; and counts above a threshold by inertia, which
computes no value at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from linflow import _validate as validate
from linflow._core import spectrum as core
from linflow._curves import Curves, crossing_times, follow
from linflow._target_modes import TargetModes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from linflow._core import Array

__all__ = [
    "Alignment",
    "Curves",
    "Triplets",
    "alignment",
    "count_above",
    "crossing_times",
    "effective_rank",
    "follow",
    "nuclear_norm",
    "operator_norm",
    "rank",
    "singular_values",
    "stable_rank",
    "top_triplets",
]


class Triplets(NamedTuple):
    """Singular triplets: ``A V = U diag(values)``."""

    U: Array
    values: Array
    V: Array


class Alignment(NamedTuple):
    """Alignment of modes with the target's by left and right vectors, (mode,)."""

    left: Array
    right: Array


def singular_values(A: ArrayLike, top: int | None = None) -> Array:
    """Return the `top` largest singular values, descending; all by default.

    Parameters
    ----------
    A : array_like, shape (d_out, d_in)
        Finite.
    top : int, optional
        1 to min(d_out, d_in).

    Returns
    -------
    ndarray, shape (top,)
        Each right to a few rounding errors of the largest.

    Raises
    ------
    TypeError, ValueError
        When A is not a finite real matrix or `top` is out of its range.

    Notes
    -----
    Householder bidiagonalisation in panels and the dqds algorithm (Fernando, Parlett,
    Numer. Math. 67 (1994)). Cost: 8/3 n^3 operations.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.spectrum.singular_values([[0.0, 2.0], [1.0, 0.0]])
    array([2., 1.])
    """
    matrix = validate.matrix("A", A)
    return core.singular_values(
        matrix, validate.number_of_modes("top", top, matrix.shape)
    )


def top_triplets(A: ArrayLike, top: int | None = None) -> Triplets:
    """Return the `top` largest singular triplets; all by default.

    Parameters
    ----------
    A, top
        As for `singular_values`.

    Returns
    -------
    Triplets
        ``U`` (d_out, top), ``values`` (top,), ``V`` (d_in, top). Signs are arbitrary,
        and so is the basis among equal values.

    Raises
    ------
    TypeError, ValueError
        As for `singular_values`.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> A = np.diag([3.0, 2.0, 1.0])
    >>> U, s, V = lf.spectrum.top_triplets(A, 2)
    >>> bool(np.allclose(U * s @ V.T, np.diag([3.0, 2.0, 0.0])))
    True
    """
    matrix = validate.matrix("A", A)
    d_out, d_in = matrix.shape
    triplets = core.TopTriplets(
        d_out, d_in, validate.number_of_modes("top", top, matrix.shape)
    )
    triplets.compute(matrix)
    return Triplets(triplets.U, triplets.values, triplets.V)


def count_above(A: ArrayLike, thresholds: ArrayLike) -> NDArray[np.int64]:
    """Count the singular values above each threshold, without computing them.

    By Sylvester's law of inertia, from the pivots of ``A A^T - tau^2 I``. Where
    rounding could move a value across the threshold (far below 1e-4 of the largest
    value, or when the factorisation grows) all values are computed instead.

    Parameters
    ----------
    A : array_like, shape (d_out, d_in)
        Finite.
    thresholds : array_like
        Not negative, not NaN; any shape.

    Returns
    -------
    ndarray of int, of the shape of `thresholds`
        Right wherever no singular value is closer to a threshold than a relative 1e-6
        (for thresholds above 1e-9 of the largest value).

    Raises
    ------
    TypeError, ValueError
        When A is not a finite real matrix or a threshold is negative or NaN.

    Notes
    -----
    Cost: n^3 operations, and n^3/3 for each threshold; all of them products.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.spectrum.count_above([[3.0, 0.0], [0.0, 1.0]], [0.5, 2.0, 4.0]).tolist()
    [2, 1, 0]
    """
    matrix = validate.matrix("A", A)
    levels = validate.thresholds("thresholds", thresholds)
    counts, _ = core.count_above(matrix, levels.ravel().tolist())
    return np.array(counts, dtype=np.int64).reshape(levels.shape)


def rank(
    A: ArrayLike, *, relative: float | None = None, absolute: float | None = None
) -> int:
    """Count the singular values above a relative or an absolute level.

    Parameters
    ----------
    A : array_like, shape (d_out, d_in)
        Finite.
    relative : float, optional
        The level as a part of the largest value; 1/5, as in [TAJ] figure 2, when
        neither is given.
    absolute : float, optional
        The level itself.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        When both levels are given, or one is negative or NaN.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.spectrum.rank([[3.0, 0.0], [0.0, 1.0]])
    2
    >>> lf.spectrum.rank([[3.0, 0.0], [0.0, 1.0]], absolute=2.0)
    1
    """
    if relative is not None and absolute is not None:
        message = "give relative or absolute, not both: each is a level of its own"
        raise ValueError(message)
    if absolute is not None:
        level = validate.real("absolute", absolute, at_least=0)
    else:
        part = validate.real(
            "relative", 0.2 if relative is None else relative, at_least=0
        )
        level = part * operator_norm(A)
    return int(count_above(A, level))


def operator_norm(A: ArrayLike) -> float:
    """Return the largest singular value.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.spectrum.operator_norm([[3.0, 0.0], [0.0, 1.0]])
    3.0
    """
    return float(singular_values(A, 1)[0])


def nuclear_norm(A: ArrayLike) -> float:
    """Return the sum of the singular values.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.spectrum.nuclear_norm([[3.0, 0.0], [0.0, 1.0]])
    4.0
    """
    return float(singular_values(A).sum())


def stable_rank(A: ArrayLike) -> float:
    """Return ``|A|_F^2 / |A|_op^2``, between 1 and the rank; NaN for a zero matrix.

    Examples
    --------
    >>> import linflow as lf
    >>> round(lf.spectrum.stable_rank([[3.0, 0.0], [0.0, 1.0]]), 3)
    1.111
    """
    return float(core.rank_summary(validate.matrix("A", A))[1])


def effective_rank(A: ArrayLike) -> float:
    """Return the exponential of the entropy of ``s_i / sum(s)``; NaN for a zero matrix.

    Between 1 and the rank, which it reaches when all values are equal.

    References
    ----------
    Roy, Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO
    2007.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> round(lf.spectrum.effective_rank(np.eye(4)), 6)
    4.0
    """
    values = singular_values(A)
    if values[0] == 0:
        return float("nan")
    part = values / values[0]
    part = part[part > 0] / part.sum()
    return float(np.exp(-(part * np.log(part)).sum()))


def alignment(A: ArrayLike, target: ArrayLike, top: int | None = None) -> Alignment:
    """Return ``|u_i^T u*_i|`` and ``|v_i^T v*_i|`` for the `top` largest modes.

    Parameters
    ----------
    A, target : array_like, shape (d_out, d_in)
        Finite.
    top : int, optional
        1 to min(d_out, d_in); all by default.

    Returns
    -------
    Alignment
        Between 0 and 1, shapes (top,). Where target values are equal to a relative
        1e-6 the target's subspace takes the place of its vector; NaN where the
        target's value is zero, which has no mode.

    Raises
    ------
    TypeError, ValueError
        When a matrix is not finite and real, their shapes differ, or `top` is out of
        its range.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> lf.spectrum.alignment(np.diag([2.0, 1.0]), np.diag([5.0, -3.0])).left.tolist()
    [1.0, 1.0]
    """
    matrix = validate.matrix("A", A)
    modes = TargetModes.of(
        validate.matrix("target", target, shape=matrix.shape),
        validate.number_of_modes("top", top, matrix.shape),
    )
    U, _, V = top_triplets(matrix, modes.top)
    left = modes.aligned(np.abs(U.T @ modes.U), np.arange(modes.top))
    right = modes.aligned(np.abs(V.T @ modes.V), np.arange(modes.top))
    return Alignment(left, right)
