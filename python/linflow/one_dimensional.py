"""One-dimensional data: the exact solution at any width and from any start ([XZ]).

For inputs ``x = a n`` along one direction n the network ``f(x) = scale u^T W x`` acts
through one number, its output ``f = scale u^T w`` at a = 1 with ``w = W n``, and the
loss ``E[(f a - y)^2]`` through two, E[a^2] and E[a y]. By the theorem of Cayley and
Hamilton any such network has two levels, so that `linflow.closed_form` is exact for it
(theory §4): a task of one entry ``f* = E[a y] / E[a^2]``, in a time that runs
``2 E[a^2]`` times faster, since the loss lacks the factor 1/2 of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _validate as validate
from linflow import modes, parameterisation
from linflow.closed_form import closed_form
from linflow.initial import Gaussian
from linflow.network import Law, Network
from linflow.one_dimensional_run import OneDimensionalRun
from linflow.regimes import mode_laziness
from linflow.rescaling import Rescaling
from linflow.task import Task

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike


# Of weights: their fourth powers, and eighth powers of large ones, are used.
_SMALLEST, _LARGEST = 1e-60, 1e30


class OneDimensional:
    """A two-layer network on one-dimensional data, solved exactly.

    Parameters
    ----------
    u : array_like, shape (width,)
        Output layer.
    w : array_like, shape (width,) or (width, d_in)
        Input layer along the direction of the data, or all of it. Only its component
        along the direction moves.
    direction : array_like, shape (d_in,), optional
        Direction n of the data, of any length but 0; needed with a matrix `w`.
    second_moment : float
        E[a^2] > 0.
    cross_moment : float
        E[a y].
    learning_rates : float or (float, float)
        Of input layer (w) and output layer (u), > 0.
    scale : float
        Output scale gamma, not zero.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range or shapes do not match.

    Notes
    -----
    Attributes are those of the start: ``target`` f*, ``output`` f(0), ``kappa``,
    ``lam``, ``mu`` (the levels of theory §4 in units of the output, conserved), and
    ``network`` with the ``task`` that `linflow.closed_form` solves; ``rescaling`` has
    its rates and scale. The time t of this class goes with the loss of [XZ]; the
    network is in the same state at the time ``2 E[a^2] t`` of `linflow.closed_form`.

    References
    ----------
    Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
    arXiv 2401.07085.

    Examples
    --------
    >>> import linflow as lf
    >>> net = lf.OneDimensional(u=[0.5, -0.2], w=[0.1, 0.4], cross_moment=2.0)
    >>> run = net.solve([0.0, 0.5, float("inf")])
    >>> run.output.round(6)
    array([-0.03    ,  1.510454,  2.      ])
    >>> run.alignment.round(3), run.kernel.round(3)
    (array([-0.135,  0.99 ,  0.994]), array([0.46 , 3.055, 4.026]))
    """

    def __init__(
        self,
        u: ArrayLike,
        w: ArrayLike,
        *,
        direction: ArrayLike | None = None,
        second_moment: float = 1.0,
        cross_moment: float = 1.0,
        learning_rates: float | tuple[float, float] = (1.0, 1.0),
        scale: float = 1.0,
    ) -> None:
        outer = validate.vector("u", u)
        inner = _along(w, direction, len(outer))
        for name, layer in (("u", outer), ("w", inner)):
            largest = float(abs(layer).max())
            if largest and not _SMALLEST <= largest <= _LARGEST:
                message = (
                    f"{name} must be zero or between {_SMALLEST:g} and "
                    f"{_LARGEST:g} in size, so that its powers are numbers; its "
                    f"largest entry is {largest:g}"
                )
                raise ValueError(message)
        self.second_moment = validate.real("second_moment", second_moment, above=0)
        self.cross_moment = validate.real("cross_moment", cross_moment)
        if not np.isfinite(self.target):
            message = (
                "cross_moment / second_moment, the target, must be finite, not "
                f"{self.cross_moment:g} / {self.second_moment:g}"
            )
            raise ValueError(message)
        self.rescaling = Rescaling.check(learning_rates, scale, frozen=False)
        self.network = Network(inner[:, None], outer[None, :]).compress()
        self._levels = _levels(self.network, self.rescaling)

    @classmethod
    def random(
        cls,
        width: float,
        variance: float | tuple[float, float],
        *,
        rng: RngLike = None,
        **settings: Any,
    ) -> OneDimensional:
        """Draw a network with iid normal weights, at any width.

        Parameters
        ----------
        width, variance
            As for `linflow.Gaussian`; variances of input and output layer.
        rng : int, SeedSequence, Generator, BitGenerator or None
            Root of its stream.
        settings
            Moments, rates and scale, as for the class.

        Examples
        --------
        >>> import linflow as lf
        >>> net = lf.OneDimensional.random(1e12, 1e-12, rng=0)
        >>> round(net.kappa, 5)
        1.0
        """
        width = validate.real("width", width, at_least=1)
        drawn = Gaussian(width, variance).sample((1, 1), rng)
        made = cls(drawn.W2[0], drawn.W1[:, 0], **settings)
        # Without the law: the levels are those of the weights that were drawn.
        made.network = Network(drawn.W1, drawn.W2, width=drawn.width)
        return made

    @classmethod
    def parameterised(
        cls,
        name: str,
        width: float,
        *,
        d_in: float = 1.0,
        rng: RngLike = None,
        **settings: Any,
    ) -> OneDimensional:
        """Draw a network in a named parameterisation.

        Parameters
        ----------
        name, width, d_in
            As for `linflow.parameterisation.named`: standard, ntk, mean-field, xavier
            or kaiming.
        rng : int, SeedSequence, Generator, BitGenerator or None
            Root of its stream.
        settings
            Moments, as for the class; ``scale`` and ``learning_rates`` replace those of
            the parameterisation.

        Examples
        --------
        >>> import linflow as lf
        >>> one = lf.OneDimensional.parameterised("mean-field", width=1e6, rng=0)
        >>> other = lf.OneDimensional.parameterised("ntk", width=1e6, rng=0)
        >>> one.laziness.round(2), other.laziness.round(-1)
        (array([1.]), array([1000.]))
        """
        of = parameterisation.named(name, width, d_in)
        own = {"scale": of.scale, "learning_rates": of.learning_rates} | settings
        return cls.random(of.width, of.variance, rng=rng, **own)

    @property
    def target(self) -> float:
        """The output f* = E[a y] / E[a^2] that minimises the loss."""
        with np.errstate(over="ignore"):
            return float(np.divide(self.cross_moment, self.second_moment))

    @property
    def task(self) -> Task:
        """The same as a `linflow.Task` with a target of one entry, f*."""
        return Task([[self.target]])

    @property
    def width(self) -> float:
        """Width of the hidden layer."""
        return self.network.width

    @property
    def learning_rates(self) -> tuple[float, float]:
        """Learning rates of input and output layer."""
        return self.rescaling.learning_rates

    @property
    def scale(self) -> float:
        """Output scale."""
        return self.rescaling.scale

    @property
    def output(self) -> float:
        """The output f(0) at the start."""
        return self.scale * float(self.network.product[0, 0])

    @property
    def kappa(self) -> float:
        """Threshold ``kappa^2 = mu + lam^2/4`` in units of the output."""
        return abs(self.rescaling.output) * self._levels.kappa

    @property
    def lam(self) -> float:
        """Level lam in units of the output."""
        return abs(self.rescaling.output) * self._levels.lam

    @property
    def mu(self) -> float:
        """Level mu in units of the output, squared."""
        return self.rescaling.output**2 * self._levels.mu

    @property
    def laziness(self) -> Array:
        """Laziness number kappa/|f*| of the one mode, shape (1,); see `regimes`."""
        return mode_laziness(self.kappa, [abs(self.target)])

    def time_to_reach(self, level: float) -> float:
        """Return the time at which the output reaches a level, infinity when never.

        The output moves towards its target; at ``time_to_reach(0)`` it changes sign.

        Examples
        --------
        >>> import linflow as lf
        >>> net = lf.OneDimensional(u=[1.0], w=[-0.2])
        >>> time = net.time_to_reach(0.0)
        >>> bool(abs(net.solve([time]).output[0]) < 1e-15)
        True
        """
        level = validate.real("level", level)
        unit = self.rescaling.output
        time = modes.time_to_reach(
            level / unit, self.output / unit, self.target / unit, self._levels.kappa
        )
        return float(time) / (self.rescaling.time * 2 * self.second_moment)

    def solve(self, times: ArrayLike) -> OneDimensionalRun:
        """Return the gradient flow of ``E[(f a - y)^2]`` at any times, exactly.

        Parameters
        ----------
        times : array_like, shape (time,)
            Times >= 0 that do not decrease; the last may be infinite.

        Returns
        -------
        OneDimensionalRun

        Raises
        ------
        TypeError, ValueError
            When the times are not such.

        Notes
        -----
        Through `linflow.closed_form`, at its cost; to some rounding errors at any time.
        """
        given = validate.times("times", times, infinite=True)
        run = closed_form(
            self.task,
            self.network,
            times=2 * self.second_moment * given,
            lam=self.lam,
            mu=self.mu,
            learning_rates=self.learning_rates,
            scale=self.scale,
            observe=(),
            save_product=True,
        )
        assert run.product is not None
        return OneDimensionalRun(given, run.product[:, 0, 0], self)

    def __repr__(self) -> str:
        return (
            f"OneDimensional(width {self.width:.15g}, output {self.output:.6g}, "
            f"target {self.target:.6g}, kappa {self.kappa:.6g})"
        )


def _along(w: ArrayLike, direction: ArrayLike | None, width: int) -> Array:
    """Return the input layer's component along the direction of the data."""
    if np.ndim(w) < 2:
        if direction is not None:
            message = (
                "direction must be None with a vector w, which is along the data "
                "already; give w as a matrix (width, d_in)"
            )
            raise ValueError(message)
        return validate.vector("w", w, length=width)
    matrix = validate.matrix("w", w, shape=(width, None))
    if direction is None:
        message = f"direction must be given with a matrix w, here {matrix.shape}"
        raise ValueError(message)
    along = validate.vector("direction", direction, length=matrix.shape[1])
    size = float(np.linalg.norm(along))
    if size == 0:
        message = "direction must not be zero"
        raise ValueError(message)
    return matrix @ (along / size)


def _levels(network: Network, rescaling: Rescaling) -> Law:
    """Return lam = C2 - C1 and mu = C1 C2 - A^2 in the standard units.

    mu is the square of the area that u and w span; what is left of u across w is
    rounding, and no level, below some eps of u.
    """
    first, second = np.sqrt(rescaling.learning_rates)
    inner, outer = network.W1[:, 0] / first, network.W2[0] / second
    c1, c2 = float(inner @ inner), float(outer @ outer)
    across = outer
    if c1 > 0:
        for _ in range(2):  # once more for what rounding left
            across = across - (across @ inner) / c1 * inner
    rest = float(across @ across)
    if rest <= (8 * np.finfo(float).eps) ** 2 * c2:
        rest = 0.0
    return Law(c2 - c1, c1 * rest)
