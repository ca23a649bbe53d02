"""Parameterisations of a hidden layer: how its settings grow with its width ([XZ]).

Width, output scale, variances and learning rates grow like powers of a number N. The
laziness number (theory §8) then grows like a power of N too, and the sign of its
exponent is the phase.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from linflow import _validate as validate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AXES = (
    "width",
    "scale",
    "variance_w",
    "variance_u",
    "rate_w",
    "rate_u",
    "variance_ratio",
)
NAMES = ("standard", "ntk", "mean-field", "xavier", "kaiming")


class Settings(NamedTuple):
    """What a parameterisation says of a network; pairs have the input layer first."""

    width: float
    scale: float
    variance: tuple[float, float]
    learning_rates: tuple[float, float]


@dataclass(frozen=True)
class Parameterisation:
    """Exponents over N of width, output scale, variances and learning rates.

    Parameters
    ----------
    width, scale : float
        ``w ~ N**width``, ``gamma ~ N**scale``.
    variance, learning_rates : (float, float)
        Of input and output layer.

    Raises
    ------
    TypeError, ValueError
        When an exponent is not finite or that of the width is negative.

    Examples
    --------
    >>> from linflow.parameterisation import Parameterisation
    >>> ntk = Parameterisation(scale=-0.5)
    >>> ntk.laziness, ntk.phase
    (0.5, 'kernel')
    >>> ntk.at(10_000)
    Settings(width=10000.0, scale=0.01, variance=(1.0, 1.0), learning_rates=(1.0, 1.0))
    """

    width: float = 1.0
    scale: float = 0.0
    variance: tuple[float, float] = (0.0, 0.0)
    learning_rates: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        validate.real("width", self.width, at_least=0)
        validate.real("scale", self.scale)
        for name in ("variance", "learning_rates"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or len(value) != 2:
                message = f"{name} must be a pair of exponents, not {value!r}"
                raise TypeError(message)
            for i, exponent in enumerate(value):
                validate.real(f"{name}[{i}]", exponent)

    @property
    def laziness(self) -> float:
        """Exponent of the laziness number.

        ``Lambda = gamma w (s1 sqrt(e2/e1) + s2 sqrt(e1/e2)) / (2 |f*|)`` with variances
        s1, s2 and learning rates e1, e2 of the two layers; f* does not depend on N.
        """
        return self.width + self.size + abs(self.imbalance) / 2

    @property
    def size(self) -> float:
        """Exponent of ``gamma sigma_w sigma_u``, the output of one hidden unit."""
        return self.scale + sum(self.variance) / 2

    @property
    def imbalance(self) -> float:
        """Exponent of ``sigma_w^2 eta_u / (sigma_u^2 eta_w)``, input to output layer.

        Where it is not 0, one layer carries the kernel: lam outgrows mu.
        """
        (first, second), (rate1, rate2) = self.variance, self.learning_rates
        return first - second + rate2 - rate1

    @property
    def phase(self) -> str:
        """``"kernel"`` where Lambda and the width go to infinity, else ``"feature"``.

        At a fixed width a random start is as large as its kernel allows, |f(0)| ~
        kappa; where Lambda goes to infinity it is unlearned by disalignment.
        """
        lazy = self.laziness > 1e-12  # a sum of exponents, so not exactly 0
        return "kernel" if lazy and self.width > 0 else "feature"

    def at(self, N: float) -> Settings:
        """Return the settings at a number N > 0, all prefactors 1.

        Raises
        ------
        TypeError, ValueError
            When N is not such, or one of its powers is out of the range of numbers.
        """
        N = validate.real("N", N, above=0)

        def power(name: str, exponent: float) -> float:
            try:
                value = float(N**exponent)
            except OverflowError:
                value = math.inf
            if not sys.float_info.min < value < math.inf:
                message = f"{name} is {exponent:g}: N = {N:g} to that is no number"
                raise ValueError(message)
            return value

        return Settings(
            power("width", self.width),
            power("scale", self.scale),
            (power("variance", self.variance[0]), power("variance", self.variance[1])),
            (
                power("learning_rates", self.learning_rates[0]),
                power("learning_rates", self.learning_rates[1]),
            ),
        )

    def varied(self, exponents: Mapping[str, float]) -> Parameterisation:
        """Return this parameterisation with other exponents.

        Parameters
        ----------
        exponents
            By name: those of `AXES`. ``variance_w`` and ``rate_w`` are of the input
            layer, ``variance_u`` and ``rate_u`` of the output layer; a
            ``variance_ratio`` r, ``(sigma_w / sigma_u)^2 ~ N**r``, keeps their product.

        Raises
        ------
        TypeError, ValueError
            When a name is unknown or an exponent not finite.
        """
        new: dict[str, float] = {}
        for name, value in exponents.items():
            new[validate.choice("exponents", name, AXES)] = validate.real(name, value)
        first = new.get("variance_w", self.variance[0])
        second = new.get("variance_u", self.variance[1])
        if "variance_ratio" in new:
            mean, half = (first + second) / 2, new["variance_ratio"] / 2
            first, second = mean + half, mean - half
        return Parameterisation(
            width=new.get("width", self.width),
            scale=new.get("scale", self.scale),
            variance=(first, second),
            learning_rates=(
                new.get("rate_w", self.learning_rates[0]),
                new.get("rate_u", self.learning_rates[1]),
            ),
        )


EXPONENTS = {
    "standard": Parameterisation(variance=(0.0, -1.0)),
    "ntk": Parameterisation(scale=-0.5),
    "mean-field": Parameterisation(scale=-1.0, learning_rates=(1.0, 1.0)),
    "xavier": Parameterisation(variance=(-1.0, -1.0)),
    "kaiming": Parameterisation(variance=(0.0, -1.0)),
}
"""The exponents of the named parameterisations, with N the width."""


def named(name: str, width: float, d_in: float = 1.0) -> Settings:
    """Return the settings of a parameterisation by name, prefactors included.

    Parameters
    ----------
    name : {"standard", "ntk", "mean-field", "xavier", "kaiming"}
        Standard: variances 1/fan_in. NTK: variances 1, scale 1/sqrt(width). Mean-field:
        variances 1, scale 1/width, learning rates width. Xavier (Glorot): variances
        2/(fan_in + fan_out). Kaiming (He): variances 2/fan_in. Scale and rates are 1
        where nothing is said.
    width : float
        Of the hidden layer, at least 1.
    d_in : float
        Input dimension, at least 1; the output has one. The factor 1/sqrt(d_in) that
        NTK and mean-field put before the input layer is counted into its weights:
        variance and learning rate of 1/d_in of what they say.

    Returns
    -------
    Settings

    Raises
    ------
    TypeError, ValueError
        When the name is unknown or a dimension below 1.

    Examples
    --------
    >>> from linflow.parameterisation import named
    >>> named("kaiming", width=100).variance
    (2.0, 0.02)
    """
    validate.choice("name", name, NAMES)
    w = validate.real("width", width, at_least=1)
    d = validate.real("d_in", d_in, at_least=1)
    return _NAMED[name](w, d)


_NAMED: dict[str, Callable[[float, float], Settings]] = {
    "standard": lambda w, d: Settings(w, 1.0, (1 / d, 1 / w), (1.0, 1.0)),
    "ntk": lambda w, d: Settings(w, w**-0.5, (1 / d, 1.0), (1 / d, 1.0)),
    "mean-field": lambda w, d: Settings(w, 1 / w, (1 / d, 1.0), (w / d, w)),
    "xavier": lambda w, d: Settings(w, 1.0, (2 / (d + w), 2 / (w + 1)), (1.0, 1.0)),
    "kaiming": lambda w, d: Settings(w, 1.0, (2 / d, 2 / w), (1.0, 1.0)),
}
