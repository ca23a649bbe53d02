"""How a one-dimensional output is learned: by which of the mechanisms of [XZ]."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from linflow._core import Array

ZERO = "the output is zero"
FIRST = "the first time of its stretch: nothing has changed yet"
STILL = "the output has not changed since the stretch began"
REASONS = (ZERO, FIRST, STILL)


class Mechanisms(NamedTuple):
    """Changes since the first time of a stretch on which the output keeps its sign.

    With ``f = scale |u| |w| zeta`` each change of ln|f| is one of ln|zeta|, by
    alignment (it grows) or disalignment (it falls), and one of ln(|u| |w|), by
    rescaling. All have shape (time,), and are NaN where `reason` is not empty.
    """

    stretch: NDArray[np.int64]
    """Number of the stretch, from 0 on; -1 where the output is zero."""
    alignment: Array
    """Increase of ln|zeta|; 0 where it has fallen."""
    disalignment: Array
    """Decrease of ln|zeta|; 0 where it has risen."""
    rescaling: Array
    """Change of ln(|u| |w|)."""
    alignment_share: Array
    """Share of the change of ln|f|; the three shares add up to 1."""
    disalignment_share: Array
    rescaling_share: Array
    reason: tuple[str, ...]
    """Why there is no number at a time; empty where there is."""


def mechanisms(output: Array, mu: float) -> Mechanisms:
    """Attribute the changes of an output to the mechanisms of [XZ].

    Parameters
    ----------
    output : ndarray, shape (time,)
        f(t), in the order of time.
    mu : float
        The conserved ``(scale |u| |w|)^2 - f^2 >= 0`` of gradient flow, in units of the
        output: the level of theory §4 (``mu`` of a closed form's trajectory).

    Returns
    -------
    Mechanisms

    Notes
    -----
    Since ``(scale |u| |w|)^2 = f^2 + mu``, of a small change of ln|f| the share of
    rescaling is zeta^2 and that of (dis)alignment 1 - zeta^2. A gradient flow changes
    the sign of its output at most once.

    References
    ----------
    Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
    arXiv 2401.07085.

    Examples
    --------
    >>> import numpy as np
    >>> from linflow.mechanisms import mechanisms
    >>> found = mechanisms(np.array([-0.5, -0.1, 0.0, 0.1, 1.0]), mu=1.0)
    >>> found.stretch
    array([ 0,  0, -1,  1,  1])
    >>> found.disalignment_share.round(3)
    array([  nan, 0.934,   nan,   nan, 0.   ])
    >>> found.alignment_share.round(3)
    array([  nan, 0.   ,   nan,   nan, 0.852])
    >>> found.reason[2]
    'the output is zero'
    """
    sign = np.sign(output)
    nonzero = np.flatnonzero(sign)
    stretch = np.full(len(output), -1)
    if nonzero.size:
        turns = np.diff(sign[nonzero], prepend=sign[nonzero[0]]) != 0
        stretch[nonzero] = np.cumsum(turns)
    root = np.sqrt(mu)
    turning = np.full(len(output), np.nan)
    rescaling = np.full(len(output), np.nan)
    reason = np.full(len(output), ZERO, dtype=object)
    for number in range(stretch.max() + 1):
        inside = np.flatnonzero(stretch == number)
        first, rest = inside[0], inside[1:]
        reason[first] = FIRST
        reason[rest] = STILL
        rest = rest[output[rest] != output[first]]
        reason[rest] = ""
        f0, f = output[first], output[rest]
        size0, size = np.hypot(f0, root), np.hypot(f, root)
        rescaling[rest] = _log_ratio(size, size0, (f - f0) * (f + f0) / size0**2)
        # zeta = f / size
        zeta0, zeta = f0 / size0, f / size
        part = (root / size) ** 2 * ((f - f0) / f0) * ((f + f0) / f0)
        turning[rest] = _log_ratio(zeta, zeta0, part) if mu > 0 else 0.0
    total = turning + rescaling
    alignment, disalignment = np.maximum(turning, 0.0), np.maximum(-turning, 0.0)
    return Mechanisms(
        stretch=stretch,
        alignment=alignment,
        disalignment=disalignment,
        rescaling=rescaling,
        alignment_share=abs(alignment / total),
        disalignment_share=abs(disalignment / total),
        rescaling_share=rescaling / total,
        reason=tuple(reason),
    )


def _log_ratio(new: Array, old: Array, growth: Array) -> Array:
    """Return ln(new / old), when small from `growth` = (new / old)^2 - 1."""
    small = abs(growth) < 0.5
    return np.where(
        small, np.log1p(np.where(small, growth, 0.0)) / 2, np.log(new / old)
    )
