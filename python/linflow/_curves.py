"""Singular values along a sequence of matrices: followed, and crossing a level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from linflow import _validate as validate
from linflow._core import spectrum as core

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from linflow._core import Array

TRACKS = ("order", "modes")


def name_by_final_size(record: dict[str, Any]) -> None:
    """Put the modes of a record in the order of their sizes at its end.

    The core names them by size at the start, which is an accident of a random start.
    """
    if "overlap" not in record:
        return
    values = record["singular_values"]
    finite = np.flatnonzero(np.isfinite(values).all(axis=1))
    if finite.size == 0:
        return
    order = np.argsort(-values[finite[-1]], kind="stable")
    for name in ("singular_values", "overlap", "cluster", "left", "right"):
        if name in record:
            record[name] = record[name][:, order]


class Curves(NamedTuple):
    """Singular values along a sequence of matrices; see `follow`."""

    values: Array
    converged: NDArray[np.bool_]
    overlap: Array | None
    cluster: NDArray[np.int64] | None


def crossing_times(times: ArrayLike, values: ArrayLike, level: float) -> Array:
    """Return when each curve first comes to lie above a level.

    Parameters
    ----------
    times : array_like, shape (time,)
        Not decreasing; the last may be infinite.
    values : array_like, shape (time, mode)
        One column per curve.
    level : float
        The level, not NaN.

    Returns
    -------
    ndarray, shape (mode,)
        Interpolated between points, in the logarithm where both values are positive
        (modes grow exponentially); the first time for a curve that starts above, NaN
        for one that never gets there, infinity for one that does so after the last
        finite time.

    Raises
    ------
    TypeError, ValueError
        When shapes do not match, times decrease or the level is NaN.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.spectrum.crossing_times([0, 1, 2], [[1, 9], [2, 9], [8, 9]], 4.0).tolist()
    [1.5, 0.0]
    """
    t = np.asarray(times, dtype=np.float64)
    s = np.asarray(values, dtype=np.float64)
    if t.ndim != 1 or s.ndim != 2 or len(t) != len(s) or len(t) == 0:
        message = (
            "times and values must have shapes (time,) and (time, mode), not "
            f"{t.shape} and {s.shape}"
        )
        raise ValueError(message)
    if (t[1:] < t[:-1]).any():
        message = "times must not decrease"
        raise ValueError(message)
    level = validate.real("level", level, finite=False)
    above = s > level
    first = above.argmax(axis=0)
    out = np.where(above.any(axis=0), t[first], np.nan)
    for mode in np.flatnonzero(first > 0):
        i = first[mode]
        a, b, k = s[i - 1, mode], s[i, mode], level
        if a > 0 and k > 0:
            a, b, k = np.log(a), np.log(b), np.log(k)
        if t[i] == t[i - 1] or np.isinf(t[i]):
            continue  # at once, or somewhere before infinity
        if np.isfinite(a):
            out[mode] = t[i - 1] + (t[i] - t[i - 1]) * (k - a) / (b - a)
    return out


def follow(
    products: Iterable[ArrayLike], top: int | None = None, *, track: str = "modes"
) -> Curves:
    """Follow singular values along a sequence of matrices.

    Parameters
    ----------
    products : iterable of array_like, each of shape (d_out, d_in)
        Such as ``Trajectory.product``. A matrix that is not finite gives NaN.
    top : int, optional
        1 to min(d_out, d_in); all by default.
    track : {"modes", "order"}
        By mode, matched from matrix to matrix by the overlap of vectors, so that curves
        go through a crossing, in the order of their sizes at the end; or by size.

    Returns
    -------
    Curves
        ``values`` (time, top); ``converged`` (time,), False where they are in doubt;
        and by mode ``overlap`` (time, top), ``|u^T u'| |v^T v'|`` with the matrix
        before, small where a mode left the top and another took its column; and
        ``cluster`` (time, top), equal positive numbers for modes within a relative 1e-3
        whose vectors could not be told apart and were followed as one subspace.

    Raises
    ------
    TypeError, ValueError
        When the matrices do not share a shape or an argument is out of its range.

    Notes
    -----
    Values are right to max(1e-8 s_i, 1e-13 s_1) wherever ``converged``; the block
    iteration is accepted on residual^2/gap, and a full decomposition made otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> path = [np.diag([1.0 + t, 2.0 - t]) for t in (0.0, 0.3, 0.6, 0.9)]
    >>> lf.spectrum.follow(path).values[:, 0].tolist()  # up through the other
    [1.0, 1.3, 1.6, 1.9]
    """
    validate.choice("track", track, TRACKS)
    matrices = [np.asarray(one, dtype=np.float64, order="F") for one in products]
    shapes = {one.shape for one in matrices}
    if len(shapes) != 1 or any(len(shape) != 2 or 0 in shape for shape in shapes):
        message = f"products must be non-empty matrices of one shape, not {shapes}"
        raise ValueError(message)
    top = validate.number_of_modes("top", top, matrices[0].shape)
    options = core.SpectrumOptions(follow=track == "modes")
    record = core.observe(matrices, top, options)
    name_by_final_size(record)
    return Curves(
        record["singular_values"],
        record["converged"] != 0,
        record.get("overlap"),
        record["cluster"].astype(np.int64) if "cluster" in record else None,
    )
