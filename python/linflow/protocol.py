"""Protocols: with which step, and how long, each cell of a phase diagram is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _validate as validate
from linflow import stop as stop_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._core.stop import StopRules

PROTOCOL_KEYS = ("step_size", "max_steps", "stop")


@dataclass(frozen=True)
class Protocol:
    """How long and with which step each cell is trained."""

    rules: StopRules
    step_size: float | None  # None: the published choice, which depends on the cell
    words: str

    def __str__(self) -> str:
        return self.words

    @classmethod
    def check(cls, protocol: Any) -> Protocol:
        """Return the protocol named "published" or described by a mapping."""
        if isinstance(protocol, str) or not hasattr(protocol, "keys"):
            if protocol != "published":
                message = (
                    "protocol must be 'published' or a dict with keys "
                    f"{list(PROTOCOL_KEYS)}, not {protocol!r}"
                )
                raise ValueError(message)
            rules = stop_rules.combine(stop_rules.published, None, has_truth=True)
            return cls(rules, None, "published")
        settings: Mapping[str, Any] = protocol
        for key in settings:
            validate.choice("protocol key", key, PROTOCOL_KEYS)
        if "step_size" not in settings:
            message = "protocol must have a step_size (a real number > 0)"
            raise ValueError(message)
        step_size = validate.real("protocol: step_size", settings["step_size"], above=0)
        rules = stop_rules.combine(
            settings.get("stop"), settings.get("max_steps"), has_truth=True
        )
        plain = {
            key: value.item() if isinstance(value, np.generic) else value
            for key, value in settings.items()
        }
        words = {key: plain[key] for key in PROTOCOL_KEYS if key in plain}
        return cls(rules, step_size, repr(words))


def published_step_size(
    gamma_sigma2: ArrayLike, gamma_w: ArrayLike, *, d: int, truth_norm: float
) -> Array:
    """Return the step size of the published protocol (theory §8).

    ``1/(50 w sigma^2)`` where ``gamma_w + gamma_sigma2 > 1`` (lazy), else
    ``1/(50 |A*|_op)``; broadcasts.

    Examples
    --------
    >>> from linflow.protocol import published_step_size
    >>> published_step_size([-1.5, -0.5], 2.0, d=100, truth_norm=100.0).tolist()
    [0.0002, 2e-05]
    """
    gamma_sigma2, gamma_w = np.broadcast_arrays(
        np.asarray(gamma_sigma2, float), np.asarray(gamma_w, float)
    )
    lazy = gamma_sigma2 + gamma_w > 1
    kappa = np.asarray(float(d) ** (gamma_w + gamma_sigma2))
    return np.where(lazy, 1 / (50 * kappa), 1 / (50 * truth_norm))
