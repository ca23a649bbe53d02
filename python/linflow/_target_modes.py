"""The modes of a target, for alignment with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from linflow._core import Array

DEGENERATE = 1e-6
"""Target values this close, relative to the larger one, have no modes of their own."""


class TargetModes(NamedTuple):
    """The target's first modes, clusters of equal values whole."""

    U: Array
    V: Array
    values: Array
    top: int

    @classmethod
    def of(cls, target: Array, top: int) -> TargetModes:
        """Return the first `top` modes and those that share the last one's value."""
        U, values, Vt = np.linalg.svd(target, full_matrices=False)
        count = top
        while (
            count < len(values)
            and values[count - 1] - values[count] <= DEGENERATE * values[count - 1]
        ):
            count += 1
        return cls(U[:, :count], Vt[:count].T, values[:count], top)

    def aligned(self, overlaps: Array, target_mode: NDArray[np.int64]) -> Array:
        """Return overlaps (..., mode, target) with the target's mode given for each.

        The target's subspace where values are equal, NaN where they are zero.
        """
        gaps = -np.diff(self.values) > DEGENERATE * self.values[:-1]
        number = np.concatenate([[0], np.cumsum(gaps)])
        member = (number[target_mode][:, None] == number[None, :]).astype(float)
        out = np.sqrt(np.minimum((overlaps**2 * member).sum(axis=-1), 1.0))
        vanishing = self.values[target_mode] <= 1e-12 * self.values[0]
        return np.where(vanishing, np.nan, out)
