"""Layer-wise learning rates and an output scale, removed by a change of units.

With ``W1 = sqrt(eta1) W1'``, ``W2 = sqrt(eta2) W2'`` and f = scale W2 W1 x the flow
(and descent alike) is the standard one for ``A' = A / sqrt(eta1 eta2)``,
``T' = T / (scale sqrt(eta1 eta2))`` in the time ``t' = scale^2 eta1 eta2 t``
(theory §6, checked to 1e-12). All closed forms cover rates and scales through this.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf, sqrt
from typing import TYPE_CHECKING, Any, TypedDict

from linflow import _validate as validate

if TYPE_CHECKING:
    from linflow.network import Law


class Levels(TypedDict):
    """Threshold and levels of a law in units of the output map; None where unknown."""

    kappa: float | None
    lam: float | None
    mu: float | None


@dataclass(frozen=True)
class Rescaling:
    """Checked rates (eta1, eta2) and scale, and the units that they make."""

    learning_rates: tuple[float, float]
    scale: float

    @classmethod
    def check(cls, learning_rates: Any, scale: Any, *, frozen: bool) -> Rescaling:
        """Check the arguments; rates may be zero (a frozen layer) where `frozen`."""
        rates = validate.pair("learning_rates", learning_rates, at_least=0)
        if not frozen and min(rates) == 0:
            message = (
                f"learning_rates must be > 0 here, not {rates}: with a frozen layer "
                "the dynamics is linear; use gradient_descent"
            )
            raise ValueError(message)
        scale = validate.real("scale", scale)
        if scale == 0:
            message = "scale must not be 0: the network would not act at all"
            raise ValueError(message)
        if isinf(max(scale * scale, scale * scale * rates[0] * rates[1])):
            message = (
                "scale and learning_rates must be such that scale^2, scale^2 eta1 and "
                f"scale^2 eta1 eta2 are finite, not {scale:g} and {rates}"
            )
            raise ValueError(message)
        return cls(rates, scale)

    @property
    def output(self) -> float:
        """Output map over A': ``|scale| sqrt(eta1 eta2)`` up to the sign of scale."""
        return self.scale * sqrt(self.learning_rates[0] * self.learning_rates[1])

    @property
    def time(self) -> float:
        """Standard time over time: ``scale^2 eta1 eta2``."""
        return self.output**2

    def law(self, law: Law) -> Law:
        """Return a law's levels in the standard units.

        The levels are those of ``C1' = C1/eta1``, ``C2' = C2/eta2``:
        ``lam' = s2/eta2 - s1/eta1`` and ``mu' = s1 s2 / (eta1 eta2)`` with
        s1 = sigma1^2 w, s2 = sigma2^2 w.
        """
        from linflow.network import Law

        root = law.kappa
        s1, s2 = root - law.lam / 2, root + law.lam / 2
        first, second = self.learning_rates
        return Law(lam=s2 / second - s1 / first, mu=law.mu / (first * second))

    def levels(self, law: Law | None) -> Levels:
        """Return kappa, lam, mu in units of the output map, for a trajectory."""
        if law is None or min(self.learning_rates) == 0:
            return {"kappa": None, "lam": None, "mu": None}
        standard = self.law(law)
        unit = abs(self.output)
        return {
            "kappa": unit * standard.kappa,
            "lam": unit * standard.lam,
            "mu": unit**2 * standard.mu,
        }
