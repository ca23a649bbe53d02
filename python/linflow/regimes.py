"""Which regime a network learns in, before it is trained.

The phase diagram of [TAJ] is drawn in exponents: d x d networks of width w =
d^gamma_w and variance sigma^2 = d^gamma_sigma2, a target of ``rank`` singular values
of order d, noise up to 2 sqrt(d). A mode is lazy while its singular value is below
the threshold kappa = sigma^2 w = d^(gamma_sigma2 + gamma_w), and active above it.
`laziness` and `classify_modes` speak of any task.

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580, figure 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray


class Regime(IntEnum):
    """A region of the phase diagram; its numbers stay as they are."""

    UNDERPARAMETERISED = 0
    NOISY_START = 1
    ACTIVE = 2
    MIXED = 3
    LAZY = 4

    @property
    def label(self) -> str:
        """The name in words, as pictures write it."""
        return self.name.lower().replace("_", " ")


class ModeRegime(IntEnum):
    """The state of one mode; the numbers rise as it comes to life."""

    LAZY_FOREVER = 0
    LAZY_NOW = 1
    ACTIVE = 2


@dataclass(frozen=True, slots=True)
class Line:
    """A straight boundary: gamma_w = intercept + slope * gamma_sigma2."""

    label: str
    slope: float
    intercept: float

    def __call__(self, gamma_sigma2: ArrayLike) -> NDArray[np.float64]:
        """Return gamma_w on the line, in the shape of `gamma_sigma2`."""
        x = np.asarray(gamma_sigma2, dtype=np.float64)
        return np.asarray(self.intercept + self.slope * x)


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The four lines of the phase diagram; iterating gives them in this order."""

    active_lazy: Line
    all_active: Line
    noisy_start: Line
    underparameterised: Line

    def __iter__(self) -> Iterator[Line]:
        """Iterate over the lines."""
        return (getattr(self, name) for name in self.__slots__)


def boundaries(d: int, rank: int) -> Boundaries:
    """Return the boundary lines of the phase diagram, [TAJ] figure 2.

    Parameters
    ----------
    d, rank
        Input and output dimension, at least 2, and rank of the truth, 1 to `d`.

    Returns
    -------
    Boundaries
        ``active_lazy``: gamma_sigma2 + gamma_w = 1, kappa against the signal's d.
        ``all_active``: gamma_sigma2 + gamma_w = 1/2, kappa against the noise's
        sqrt(d). ``noisy_start``: 2 gamma_sigma2 + gamma_w = 0, the initial
        ||A(0)||_F^2/d^2 = sigma^4 w against 1. ``underparameterised``: gamma_w =
        ln(rank)/ln(d), a width of `rank`. Each is a `Line`, to be called with
        gamma_sigma2.

    Raises
    ------
    TypeError, ValueError
        If `d` or `rank` is not an integer, or out of range.

    Notes
    -----
    Constants are left out: with the noise edge at 2 sqrt(d) the second line would stand
    ln(2)/ln(d) higher.
    """
    for name, value in (("d", d), ("rank", rank)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}; it must be an integer")
    if d < 2:
        raise ValueError(f"d is {d}; it must be at least 2")
    if not 1 <= rank <= d:
        raise ValueError(f"rank is {rank}; it must be between 1 and d = {d}")
    return Boundaries(
        active_lazy=Line("active / lazy", -1.0, 1.0),
        all_active=Line("all active, noise too", -1.0, 0.5),
        noisy_start=Line("noisy start", -2.0, 0.0),
        underparameterised=Line("width = rank", 0.0, math.log(rank) / math.log(d)),
    )


def classify(
    gamma_sigma2: ArrayLike, gamma_w: ArrayLike, *, d: int, rank: int
) -> NDArray[np.int8]:
    """Say in which regime each point of [TAJ] figure 2 lies.

    Where regions overlap the first of these wins: underparameterised (a width below
    `rank` cannot represent the truth), noisy start (the start's own noise hides the
    signal), then by kappa: lazy, mixed, active. Points on a line belong to the
    region that is *not* named after it: a width of exactly `rank` suffices, sigma^4 w
    = 1 is not noisy yet, and both kappa lines belong to the mixed regime.

    Parameters
    ----------
    gamma_sigma2, gamma_w, d, rank
        Exponents of variance and width, which broadcast; the rest as in `boundaries`.

    Returns
    -------
    ndarray of int8
        Codes of `Regime`, in the broadcast shape (0-d for scalars).

    Raises
    ------
    TypeError, ValueError
        As in `boundaries`; or if an exponent is not finite, or shapes do not broadcast.
    """
    lines = boundaries(d, rank)
    x, y = _broadcast(gamma_sigma2=gamma_sigma2, gamma_w=gamma_w)
    return np.asarray(
        np.select(
            [
                y < lines.underparameterised(x),
                y > lines.noisy_start(x),
                y > lines.active_lazy(x),
                y >= lines.all_active(x),
            ],
            [Regime.UNDERPARAMETERISED, Regime.NOISY_START, Regime.LAZY, Regime.MIXED],
            Regime.ACTIVE,
        ),
        dtype=np.int8,
    )


def laziness(
    kappa: ArrayLike, target_singular_values: ArrayLike
) -> NDArray[np.float64]:
    """Return the laziness number kappa/s* of each mode, after [TAJ] equation (1).

    Above 1 a mode that starts below kappa is lazy for ever; well below 1 it learns
    actively. It is infinite where s* = 0, and 0 for the balanced dynamics, kappa = 0,
    which has no lazy mode whatever s* is.

    Parameters
    ----------
    kappa, target_singular_values
        The threshold, sigma^2 w or (sigma_1^2 + sigma_2^2) w/2, and s*; at least 0.

    Returns
    -------
    ndarray
        In the broadcast shape of the two.

    Raises
    ------
    ValueError
        If an entry is negative or not finite, or the shapes do not broadcast.
    """
    k, s = _broadcast(
        low=0.0, kappa=kappa, target_singular_values=target_singular_values
    )
    number = np.where(k > 0, np.inf, 0.0)
    with np.errstate(over="ignore"):
        return np.divide(k, s, out=number, where=s > 0)


def classify_modes(
    s0: ArrayLike, s_star: ArrayLike, kappa: ArrayLike
) -> NDArray[np.int8]:
    """Say of each mode whether it is lazy for ever, lazy for now, or active.

    After [TAJ] equation (1): a mode is active once its singular value exceeds kappa.

    Parameters
    ----------
    s0, s_star, kappa
        Singular values now (at the start) and of the target, and the threshold; at
        least 0. They broadcast against each other.

    Returns
    -------
    ndarray of int8
        Codes of `ModeRegime`: ``LAZY_FOREVER`` where s0 < kappa and s_star < kappa,
        ``LAZY_NOW`` where s0 < kappa <= s_star, ``ACTIVE`` where s0 >= kappa.

    Raises
    ------
    ValueError
        As in `laziness`.
    """
    now, goal, k = _broadcast(low=0.0, s0=s0, s_star=s_star, kappa=kappa)
    return np.asarray(
        np.select(
            [now >= k, goal >= k],
            [ModeRegime.ACTIVE, ModeRegime.LAZY_NOW],
            ModeRegime.LAZY_FOREVER,
        ),
        dtype=np.int8,
    )


def _broadcast(
    *, low: float = -math.inf, **values: ArrayLike
) -> tuple[NDArray[np.float64], ...]:
    arrays = {k: np.asarray(v, dtype=np.float64) for k, v in values.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            wrong = array[~np.isfinite(array)][0]
            raise ValueError(f"{name} contains {wrong}; it must be finite")
        if (array < low).any():
            raise ValueError(
                f"{name} contains {array.min():g}; it must be at least {low:g}"
            )
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{k} {v.shape}" for k, v in arrays.items())
        raise ValueError(f"shapes do not broadcast: {shapes}") from None
