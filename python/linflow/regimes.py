"""Which regime a network learns in, before it is trained: one number per mode.

The same number
---------------
[TAJ], [DAP] and [XZ] each tell a lazy (kernel) from an active (rich, feature-learning)
regime, by the variance and width of a random start, by the balance of the layers, by
exponents of width, scale and learning rates. They speak of the same number. Every start
that they solve has two conserved levels lam and mu (theory §4, `linflow.two_level`),
and from these a threshold

    kappa = sqrt(mu + lam^2 / 4),

in units of the output map. Learning rates and the output scale are only a change of
units (`linflow.rescaling`). A mode of the target with singular value s* then obeys

    ds/dt = 2 sqrt(s^2 + kappa^2) (s* - s),        C1 + C2 = 2 sqrt(s^2 + kappa^2)

(`linflow.modes`): C1 + C2 is its tangent kernel. While s < kappa the kernel stands
still and s relaxes exponentially: the mode is lazy. Once s > kappa the kernel grows
with s and learning is logistic: the mode is active. Which of the two it comes to is
settled by its laziness number

    Lambda = kappa / s*          (`laziness`)

alone: from s = 0 its kernel grows by sqrt(1 + 1/Lambda^2), which is nothing for
Lambda >> 1 and s*/kappa for Lambda << 1.

========  =====================================  ===========  ======  ================
paper     start                                  lam          mu      kappa
========  =====================================  ===========  ======  ================
[TAJ]     random, variance v, width w -> oo      0            (vw)²   v w
          random, variances v1, v2               (v2 - v1) w  v1v2w²  (v1 + v2) w / 2
[DAP]     lam-balanced, W2'W2 - W1W1' = lam I    lam          0       abs(lam) / 2
[XZ]      one-dimensional data, any weights      C2 - C1      C1C2    `OneDimensional`
                                                              - A²
========  =====================================  ===========  ======  ================

(Rates and scale 1.) What the papers call their regimes, in terms of Lambda:

- [TAJ]: a target of singular values ~ d and noise up to 2 sqrt(d) has two groups of
  modes. The line gamma_sigma2 + gamma_w = 1 is Lambda = 1 for the signal, the line
  gamma_sigma2 + gamma_w = 1/2 is Lambda ~ 1 for the noise; between them, in the *mixed*
  regime, signal modes are active and noise modes lazy.
- [DAP]: rich is lam -> 0, Lambda -> 0 for all modes; lazy is |lam| -> infinity. That
  holds for the kernel where the layer that carries lam spans its side, w = d_out for
  lam > 0, w = d_in for lam < 0. Elsewhere part of a side has no hidden unit, the
  equation above does not hold for it and the kernel moves whatever Lambda is: the
  delayed-rich regime.
- [XZ]: with width, scale and rates like powers of N, Lambda = gamma w (v_u sqrt(eta_w /
  eta_u) + v_w sqrt(eta_u / eta_w)) / (2 |f*|) is one too. Lambda -> infinity is the
  kernel phase, Lambda = O(1) or -> 0 the feature-learning phase
  (`linflow.parameterisation`). It takes w -> infinity as well: the output of a random
  start is about kappa / sqrt(w), and at a fixed width unlearning it moves the kernel.

``linflow figure unified`` draws the three over one formula.

The phase diagram of [TAJ] is drawn in exponents: d x d networks of width w =
d^gamma_w and variance sigma^2 = d^gamma_sigma2 (`boundaries`, `classify`).

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580, figure 2.
[DAP] Dominé et al., "From Lazy to Rich: Exact Learning Dynamics in Deep Linear
Networks", ICLR 2025, arXiv 2409.14623.
[XZ] Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
arXiv 2401.07085.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from linflow.one_dimensional import OneDimensional
    from linflow.task import Task


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
    task: Task | OneDimensional,
    init: Any = None,
    learning_rates: float | tuple[float, float] = (1.0, 1.0),
    scale: float = 1.0,
) -> NDArray[np.float64]:
    """Return the laziness number kappa/s* of each mode of a task.

    Below 1 a mode ends active, above 1 it stays lazy; see the page at the top of this
    module for what that means in each of the papers.

    Parameters
    ----------
    task : Task or OneDimensional
        With the plain mean squared error. A `OneDimensional` knows the rest.
    init : Gaussian, Balanced, Weights, Network or Trajectory
        Its law tells kappa, nothing is random in that; given weights have the two
        levels that fit them best (`linflow.two_level`).
    learning_rates : float or (float, float)
        Of input and output layer, > 0.
    scale : float
        Output scale, not zero.

    Returns
    -------
    ndarray, shape (min(task.shape),)
        In the order of the target's singular values; infinite where these are zero.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, `init` does not fit the task, or there is
        one with a `OneDimensional`.

    Notes
    -----
    For a lam-balanced network narrower than the side that lam needs (delayed rich) it
    is the number of its modes, but does not tell what its kernel does.

    Examples
    --------
    The same number from three papers:

    >>> import linflow as lf
    >>> task = lf.Task([[2.0, 0.0], [0.0, 0.5]])
    >>> lf.regimes.laziness(task, lf.Gaussian(width=1e6, variance=1e-6))
    array([0.5, 2. ])
    >>> lf.regimes.laziness(task, lf.Balanced(width=2, lam=2.0))
    array([0.5, 2. ])
    >>> lf.regimes.laziness(lf.OneDimensional([1, 0], [0, 1], cross_moment=2.0))
    array([0.5])
    """
    from linflow._solved import standard_network
    from linflow.initial import initial_network
    from linflow.levels import two_level
    from linflow.one_dimensional import OneDimensional
    from linflow.rescaling import Rescaling
    from linflow.task import Task

    if isinstance(task, OneDimensional):
        if init is not None or learning_rates != (1.0, 1.0) or scale != 1.0:
            message = (
                "init, learning_rates and scale must not be given with a "
                f"OneDimensional, which has its own; init is {init!r}, learning_rates "
                f"{learning_rates!r}, scale {scale!r}"
            )
            raise ValueError(message)
        return task.laziness
    if not isinstance(task, Task):
        message = f"task must be a Task or a OneDimensional, not {task!r}"
        raise TypeError(message)
    rescaling = Rescaling.check(learning_rates, scale, frozen=False)
    network = initial_network(init, task, 0)
    if network.law is not None:
        law = rescaling.law(network.law)
    else:
        law = two_level(standard_network(network, rescaling)).law
    return mode_laziness(abs(rescaling.output) * law.kappa, task.singular_values)


def mode_laziness(
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
        As in `mode_laziness`.
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
    arrays = {}
    for name, value in values.items():
        try:
            array = arrays[name] = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"{name} is {value!r}; it must be real numbers") from None
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
