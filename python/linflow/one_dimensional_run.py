"""What the flow of a one-dimensional network shows, from its output alone ([XZ])."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from linflow.mechanisms import REASONS, Mechanisms, mechanisms

if TYPE_CHECKING:
    import xarray as xr

    from linflow._core import Array
    from linflow.one_dimensional import OneDimensional


@dataclass(frozen=True, eq=False)
class OneDimensionalRun:
    """The flow of a `OneDimensional` at the times asked for.

    Attributes
    ----------
    times : ndarray, shape (time,)
    output : ndarray, shape (time,)
        f(t), the output at a = 1.
    start : OneDimensional
        Where it started.

    Notes
    -----
    Everything else follows from f by the conservation laws of theory §4: in the units
    of the output ``C1 + C2 = 2 sqrt(f^2 + kappa^2)``, ``C2 - C1 = lam``,
    ``C1 C2 = f^2 + mu``.
    """

    times: Array
    output: Array
    start: OneDimensional

    @property
    def loss(self) -> Array:
        """``E[(f a - y)^2]`` less its minimum: ``E[a^2] (f - f*)^2``."""
        start = self.start
        return np.asarray(start.second_moment * (self.output - start.target) ** 2)

    @property
    def u_norm(self) -> Array:
        """Norm of the output layer."""
        return np.sqrt(self.start.learning_rates[1] * self._grams()[1])

    @property
    def w_norm(self) -> Array:
        """Norm of the input layer along the direction of the data."""
        return np.sqrt(self.start.learning_rates[0] * self._grams()[0])

    @property
    def weights(self) -> tuple[Array, Array]:
        """Both layers at all times: w along the data and u, each (time, units).

        In the hidden units that were given; of a random network in those that are kept.

        Notes
        -----
        In the standard units of `linflow.rescaling` u + w and u - w, w with the sign of
        the scale, keep their directions and change by inverse factors; their squares
        are ``2 (sqrt(f^2 + kappa^2) + f)`` and ``2 (sqrt(f^2 + kappa^2) - f)``.

        Examples
        --------
        >>> import linflow as lf
        >>> w, u = lf.OneDimensional([0.5, -0.2], [0.1, 0.4]).solve([0, 1]).weights
        >>> float((u[1] @ w[1]).round(4)), w.shape
        (0.8773, (2, 2))
        """
        start = self.start
        network = start.network
        if network.basis is not None:
            network = network.expand()
        first, second = np.sqrt(start.learning_rates)
        w = np.sign(start.scale) * network.W1[:, 0] / first
        u = network.W2[0] / second
        factors = []
        for f0, f in ((start.output, self.output), (-start.output, -self.output)):
            before, now = _sum_square(f0, start.kappa), _sum_square(f, start.kappa)
            still = np.ones_like(now)  # where the sum is zero, and stays so
            ratio = np.divide(now, before, out=still, where=before > 0)
            factors.append(np.sqrt(ratio)[:, None])
        plus, minus = factors[0] * (u + w) / 2, factors[1] * (u - w) / 2
        return np.sign(start.scale) * first * (plus - minus), second * (plus + minus)

    @property
    def alignment(self) -> Array:
        """``zeta = u.w / (|u| |w|)``, its sign that of u.w; NaN without weights."""
        size = np.hypot(self.output, np.sqrt(self.start.mu))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sign(self.start.scale) * self.output / size)

    @property
    def kernel(self) -> Array:
        """Tangent kernel ``scale^2 (eta_u |w|^2 + eta_w |u|^2)`` at a = a' = 1."""
        unit = abs(self.start.rescaling.output)
        return np.asarray(2 * unit * np.hypot(self.output, self.start.kappa))

    @property
    def kernel_change(self) -> Array:
        """Relative change of the kernel since t = 0; NaN for one that was zero."""
        f0, kappa = self.start.output, self.start.kappa
        before, now = np.hypot(f0, kappa), np.hypot(self.output, kappa)
        with np.errstate(invalid="ignore"):  # 0 / 0 for a kernel of zero
            return np.asarray(
                (self.output - f0) / before * ((self.output + f0) / (now + before))
            )

    @property
    def mechanisms(self) -> Mechanisms:
        """Alignment, disalignment and rescaling; see `linflow.mechanisms`."""
        return mechanisms(self.output, self.start.mu)

    def to_xarray(self) -> xr.Dataset:
        """Return all of it with dimension time; reasons as numbers with their words."""
        import xarray as xr

        found = self.mechanisms
        variables = {
            name: ("time", getattr(self, name))
            for name in (
                "output",
                "loss",
                "alignment",
                "u_norm",
                "w_norm",
                "kernel",
                "kernel_change",
            )
        }
        variables |= {
            f"mechanism_{name}": ("time", getattr(found, name))
            for name in found._fields
            if name != "reason"
        }
        reasons = ("", *REASONS)
        codes = np.array([reasons.index(one) for one in found.reason], dtype=np.int8)
        words = ["defined", *("_".join(one.split()) for one in REASONS)]
        flags = {"flag_values": [*range(len(words))], "flag_meanings": " ".join(words)}
        start = self.start
        attrs = {
            name: getattr(start, name)
            for name in ("width", "target", "kappa", "lam", "mu", "second_moment")
        }
        data = xr.Dataset(variables, coords={"time": self.times}, attrs=attrs)
        return data.assign(mechanism_reason=("time", codes, flags))

    def _grams(self) -> tuple[Array, Array]:
        """Return C1, C2 in the standard units, the smaller without cancellation."""
        lam, unit = self.start.lam, abs(self.start.rescaling.output)
        large = np.hypot(self.output, self.start.kappa) + abs(lam) / 2
        small = np.divide(
            self.output**2 + self.start.mu,
            large,
            out=np.zeros_like(large),
            where=large > 0,
        )
        first, second = (small, large) if lam >= 0 else (large, small)
        return first / unit, second / unit


def _sum_square(f: float | Array, kappa: float) -> Array:
    """Return ``sqrt(f^2 + kappa^2) + f`` without cancellation."""
    size = np.hypot(f, kappa) + np.abs(f)
    other = np.divide(kappa**2, size, out=np.zeros_like(size), where=size > 0)
    return np.where(np.asarray(f) >= 0, size, other)
