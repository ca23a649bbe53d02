"""Results of a batch of cells: a column for each variable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

RESERVED = ("status", "duration", "reason", "checksum", "cell", "byte", "task")


@dataclass(frozen=True)
class Variable:
    """What is stored of each cell under one name."""

    shape: tuple[int, ...] = ()
    dtype: str = "float64"
    dims: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fill(self) -> Any:
        """Value of cells that were not computed."""
        return np.array(np.nan).astype(self.dtype)[()]


@dataclass
class Results:
    """What a batch gives, in the order of its cells; pickled on its way back.

    A cell of status 0 was not finished. `values` is empty when no cell gave any.
    """

    values: dict[str, NDArray[Any]]
    status: NDArray[np.int8]
    duration: NDArray[np.float64]
    reasons: dict[int, str] = field(default_factory=dict)
    instruction_set: str = ""
    raised: BaseException | None = None

    def take(self, chosen: NDArray[np.bool_]) -> Results:
        """Return the results of some of the cells."""
        places = np.flatnonzero(chosen).tolist()
        return Results(
            {name: values[chosen] for name, values in self.values.items()},
            self.status[chosen],
            self.duration[chosen],
            {
                new: self.reasons[old]
                for new, old in enumerate(places)
                if old in self.reasons
            },
            self.instruction_set,
        )


def check_same(
    table: Mapping[str, NDArray[Any]], values: Mapping[str, NDArray[Any]]
) -> None:
    """Refuse values whose names, shapes or types differ from those of other cells."""

    def words(columns: Mapping[str, NDArray[Any]], skip: int) -> dict[str, str]:
        return {
            name: f"{one.dtype.name} of shape {one.shape[skip:]}"
            for name, one in columns.items()
        }

    have, new = words(table, 1), words(values, 0)
    if have != new:
        message = (
            "function must return the same names, shapes and types in every cell; one "
            f"gave {new}, another {have}"
        )
        raise InconsistentResults(message)


class InconsistentResults(ValueError):
    """Cells of one sweep gave different names, shapes or types."""
