"""One door for arguments: errors name the argument, what it was, what it may be."""

from __future__ import annotations

import math
import numbers
import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from linflow._core import Array


def real(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    up_to: float | None = None,
    finite: bool = True,
) -> float:
    """Return `value` as a float in the given range."""
    allowed = "a real number"
    if above is not None:
        allowed += f" > {above:g}"
    if at_least is not None:
        allowed += f" >= {at_least:g}"
    if up_to is not None:
        allowed += f" and <= {up_to:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        if isinstance(value, np.ndarray) and value.ndim == 0:
            limits = {"above": above, "at_least": at_least, "up_to": up_to}
            return real(name, value[()], **limits, finite=finite)
        message = f"{name} must be {allowed}, not {value!r}"
        raise TypeError(message)
    number = float(value)
    if (
        math.isnan(number)
        or (finite and math.isinf(number))
        or (above is not None and not number > above)
        or (at_least is not None and not number >= at_least)
        or (up_to is not None and not number <= up_to)
    ):
        message = f"{name} must be {allowed}, not {number!r}"
        raise ValueError(message)
    return number


def flag(name: str, value: Any) -> bool:
    """Return a truth value, given as such or as 0 or 1; words are none."""
    if not isinstance(value, bool | np.bool_ | int) or value not in (0, 1):
        message = f"{name} must be True or False, not {value!r}"
        raise TypeError(message)
    return bool(value)


def integer(name: str, value: Any, *, at_least: int) -> int:
    """Return `value` as an int of at least `at_least`."""
    allowed = f"an integer >= {at_least}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        message = f"{name} must be {allowed}, not {value!r}"
        raise TypeError(message)
    if not at_least <= int(value) < 2**63:
        message = f"{name} must be {allowed} and < 2^63, not {int(value)}"
        if int(value) < at_least:
            message = f"{name} must be {allowed}, not {int(value)}"
        raise ValueError(message)
    return int(value)


def at_most(name: str, value: Any, most: int) -> int:
    """Return `value` as an int of 1 to `most`, the smaller dimension."""
    number = integer(name, value, at_least=1)
    if number > most:
        message = f"{name} must be at most min(shape) = {most}, not {number}"
        raise ValueError(message)
    return number


def number_of_modes(name: str, value: Any, shape: tuple[int, ...]) -> int:
    """Return how many modes of a matrix are meant, all of them by None."""
    return min(shape) if value is None else at_most(name, value, min(shape))


def thresholds(name: str, value: ArrayLike) -> Array:
    """Return an array of levels, none of them negative or NaN."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        message = f"{name} must be real numbers >= 0, not {value!r}"
        raise TypeError(message) from None
    bad = array[~(array >= 0)]
    if bad.size:
        message = f"{name} must be real numbers >= 0, not {bad.ravel()[0]}"
        raise ValueError(message)
    return array


def _array(name: str, value: Any) -> NDArray[Any]:
    """Return the array that is given, whatever it holds."""
    if np.ma.is_masked(value):
        message = (
            f"{name} must be a plain array: of a masked one the mask would be lost"
        )
        raise TypeError(message)
    try:
        return np.asarray(value)
    except ValueError:
        message = f"{name} must be an array, its rows of one length, not {value!r}"
        raise ValueError(message) from None


def matrix(
    name: str, value: ArrayLike, *, shape: tuple[int | None, int | None] = (None, None)
) -> Array:
    """Return a float64 copy of a finite, non-empty real matrix; None is any size."""
    array = _array(name, value)
    if array.dtype.kind not in "buif":
        message = f"{name} must be a matrix of real numbers, not of {array.dtype}"
        raise TypeError(message)
    wanted = " x ".join("any" if n is None else str(n) for n in shape)
    if array.ndim != 2 or any(
        n is not None and n != have for n, have in zip(shape, array.shape, strict=True)
    ):
        message = f"{name} must have shape ({wanted}), not {array.shape}"
        raise ValueError(message)
    if array.size == 0:
        message = f"{name} must not be empty; its shape is {array.shape}"
        raise ValueError(message)
    if not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        message = f"{name} must be finite; {bad} of its {array.size} entries are not"
        raise ValueError(message)
    return np.array(array, dtype=np.float64, order="F")


def vector(name: str, value: ArrayLike, *, length: int | None = None) -> Array:
    """Return a float64 copy of a finite, non-empty real vector."""
    array = _array(name, value)
    if array.ndim != 1:
        message = f"{name} must be one-dimensional, not of shape {array.shape}"
        raise ValueError(message)
    return matrix(name, array[:, None], shape=(length, 1))[:, 0]


def nonnegative_vector(name: str, value: ArrayLike) -> Array:
    """Return a finite, non-empty vector of numbers >= 0."""
    array = _array(name, value)
    if array.dtype.kind not in "buif":
        message = f"{name} must be real numbers >= 0, not of {array.dtype}"
        raise TypeError(message)
    if array.ndim != 1 or array.size == 0:
        message = f"{name} must be one-dimensional and not empty, not {array.shape}"
        raise ValueError(message)
    if not (np.isfinite(array) & (array >= 0)).all():
        bad = array[~(np.isfinite(array) & (array >= 0))][0]
        message = f"{name} must be finite numbers >= 0, not {bad}"
        raise ValueError(message)
    return array.astype(np.float64)


def times(name: str, value: ArrayLike, *, infinite: bool) -> Array:
    """Return non-negative times that do not decrease; the last may be infinite."""
    array = _array(name, value)
    if array.dtype.kind not in "buif":
        message = f"{name} must be real numbers >= 0, not {value!r}"
        raise TypeError(message)
    array = np.atleast_1d(array).astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        message = f"{name} must be one-dimensional and not empty, not {array.shape}"
        raise ValueError(message)
    allowed = "numbers >= 0" + ("" if infinite else ", finite")
    bad = ~(array >= 0) | (np.isinf(array) if not infinite else False)
    if bad.any():
        message = f"{name} must be {allowed}, not {array[bad][0]}"
        raise ValueError(message)
    if (array[1:] < array[:-1]).any():
        place = int(np.argmax(array[1:] < array[:-1]))
        message = (
            f"{name} must not decrease; {array[place]:g} is followed by "
            f"{array[place + 1]:g}"
        )
        raise ValueError(message)
    return array


def shape_of(name: str, value: Any) -> tuple[int, int]:
    """Return (d_out, d_in) from a pair of positive integers."""
    try:
        d_out, d_in = value
    except (TypeError, ValueError):
        message = f"{name} must be a pair (d_out, d_in), not {value!r}"
        raise TypeError(message) from None
    return (
        integer(f"{name}[0] (d_out)", d_out, at_least=1),
        integer(f"{name}[1] (d_in)", d_in, at_least=1),
    )


def pair(name: str, value: Any, *, at_least: float) -> tuple[float, float]:
    """Return a pair of reals; a single real stands for both."""
    if isinstance(value, numbers.Real):
        number = real(name, value, at_least=at_least)
        return number, number
    try:
        first, second = value
    except (TypeError, ValueError):
        message = f"{name} must be a real number or a pair of them, not {value!r}"
        raise TypeError(message) from None
    return (
        real(f"{name}[0]", first, at_least=at_least),
        real(f"{name}[1]", second, at_least=at_least),
    )


def axis(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return a grid axis: finite, non-empty, one-dimensional, without repeats."""
    try:
        array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        message = f"{name} must be real numbers, not {value!r}"
        raise TypeError(message) from None
    if array.ndim != 1 or array.size == 0:
        message = (
            f"{name} must be a one-dimensional, non-empty sequence of real numbers; "
            f"its shape is {array.shape}"
        )
        raise ValueError(message)
    if not np.isfinite(array).all():
        message = f"{name} must be finite, not {array[~np.isfinite(array)][0]}"
        raise ValueError(message)
    values, counts = np.unique(array, return_counts=True)
    if counts.max() > 1:
        message = f"{name} must not repeat values; {values[counts > 1][0]:g} repeats"
        raise ValueError(message)
    return array


def choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the allowed words."""
    words = list(allowed)
    if value not in words:
        message = f"{name} must be one of {words}, not {value!r}"
        raise ValueError(message)
    return str(value)


def choices(name: str, value: Any, allowed: Sequence[str]) -> tuple[str, ...]:
    """Return a tuple of allowed words, from one word or several."""
    try:
        words = (value,) if isinstance(value, str) else tuple(value)
    except TypeError:
        message = f"{name} must be one or more of {list(allowed)}, not {value!r}"
        raise TypeError(message) from None
    return tuple(choice(name, word, allowed) for word in words)


def covariance(name: str, value: ArrayLike, size: int) -> Array:
    """Return a symmetric positive semidefinite matrix that is not zero."""
    array = matrix(name, value, shape=(size, size))
    skew = float(np.abs(array - array.T).max())
    if skew > 1e-12 * float(np.abs(array).max()):
        message = (
            f"{name} must be symmetric; it differs from its transpose by {skew:.3g}"
        )
        raise ValueError(message)
    array = np.asfortranarray((array + array.T) / 2)
    values = np.linalg.eigvalsh(array)
    if values[0] < -1e-12 * max(abs(values[0]), abs(values[-1])) or values[-1] <= 0:
        message = (
            f"{name} must be positive semidefinite and not zero; its eigenvalues are "
            f"{values[0]:.3g} to {values[-1]:.3g}"
        )
        raise ValueError(message)
    return array


def mask(name: str, value: ArrayLike, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a boolean matrix of the given shape with at least one true entry."""
    array = np.array(value)
    if array.dtype != np.bool_:
        message = f"{name} must be an array of bool, not of {array.dtype}"
        raise TypeError(message)
    if array.shape != shape:
        message = f"{name} must have shape {shape}, not {array.shape}"
        raise ValueError(message)
    if not array.any():
        message = f"{name} must have at least one observed (true) entry"
        raise ValueError(message)
    return array


def rates(name: str, value: Any, count: int) -> tuple[float, ...]:
    """Return `count` numbers >= 0; a single one stands for all."""
    if isinstance(value, numbers.Real):
        return (real(name, value, at_least=0),) * count
    try:
        numbers_ = tuple(value)
    except TypeError:
        message = f"{name} must be a number or one for each layer, not {value!r}"
        raise TypeError(message) from None
    if len(numbers_) != count:
        message = f"{name} must be a number or {count} of them, not {len(numbers_)}"
        raise ValueError(message)
    return tuple(
        real(f"{name}[{i}]", rate, at_least=0) for i, rate in enumerate(numbers_)
    )


def dtype(value: Any) -> Literal["float64", "float32"]:
    """Return the name of a supported precision."""
    try:
        name = np.dtype(value).name
    except TypeError:
        name = repr(value)
    if name == "float64":
        return "float64"
    if name == "float32":
        return "float32"
    message = f"dtype must be 'float64' or 'float32', not {value!r}"
    raise ValueError(message)


def memory(what: str, needed: float, advice: str) -> None:
    """Refuse work whose arrays would not fit the machine's memory.

    Parameters
    ----------
    what
        What the memory is for.
    needed
        Bytes, the most that the work may come to need.
    advice
        How to need less.

    Raises
    ------
    MemoryError
        When more than the physical memory would be needed.
    """
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return  # not known on this platform
    if needed > physical:
        message = (
            f"{what} would need up to {needed / 2**30:.4g} GiB; this machine has "
            f"{physical / 2**30:.4g} GiB: {advice}"
        )
        raise MemoryError(message)
