"""The cells of a sweep: named axes, their product, and which cell is which."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    Columns = Mapping[str, NDArray[Any]]
    Attrs = Mapping[str, Any]

KINDS = {"f": np.float64, "i": np.int64, "b": np.bool_, "U": np.str_}


@dataclass(frozen=True)
class Axis:
    """One named axis: its values, and further coordinates along it."""

    name: str
    values: NDArray[Any]
    attrs: Attrs = field(default_factory=dict)
    along: Mapping[str, tuple[NDArray[Any], Attrs]] = field(default_factory=dict)

    @classmethod
    def check(cls, name: str, values: ArrayLike, attrs: Attrs) -> Axis:
        """Return the axis of some values: numbers, or words, without repeats."""
        if not isinstance(name, str) or not name.isidentifier():
            message = f"grid: an axis must be named like a variable, not {name!r}"
            raise ValueError(message)
        array = np.atleast_1d(np.asarray(values))
        kind = "i" if array.dtype.kind == "u" else array.dtype.kind
        if array.ndim != 1 or array.size == 0 or kind not in KINDS:
            message = (
                f"grid: {name} must be a non-empty sequence of numbers or of strings, "
                f"not {values!r}"
            )
            raise ValueError(message)
        given = np.ravel(np.asarray(values, dtype=object))
        whole = all(isinstance(value, numbers.Integral) for value in given)
        if whole and kind != "b":  # NumPy may have made floats of them
            if given.max() > np.iinfo(np.int64).max:
                message = f"grid: {name} must be below 2^63, not {given.max()}"
                raise ValueError(message)
            array, kind = given, "i"
        if kind == "U" and not all(isinstance(value, str) for value in given):
            message = f"grid: {name} must be numbers or strings, not both: {values!r}"
            raise ValueError(message)
        if kind == "U":  # what a member of an enumeration is, not what NumPy prints
            array = np.array([str.__str__(value) for value in given])
        if np.ma.is_masked(values):
            message = f"grid: {name} must not be masked"
            raise ValueError(message)
        array = array.astype(KINDS[kind])
        if kind == "f" and not np.isfinite(array).all():
            message = (
                f"grid: {name} must be finite, not {array[~np.isfinite(array)][0]}"
            )
            raise ValueError(message)
        found, counts = np.unique(array, return_counts=True)
        if counts.max() > 1:
            message = (
                f"grid: {name} must not repeat values; {found[counts > 1][0]} does"
            )
            raise ValueError(message)
        return cls(name, array, dict(attrs))

    @property
    def kind(self) -> str:
        """What the values are: f(loat), i(nteger), b(ool) or U (words)."""
        return str(self.values.dtype.kind)

    def find(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return where values stand on the axis, -1 for those that do not."""
        own = np.argsort(self.values, kind="stable")
        place = np.searchsorted(self.values, values, sorter=own)
        place = own[np.minimum(place, own.size - 1)]
        return np.where(self.values[place] == values, place, -1).astype(np.int64)

    def union(self, other: Axis) -> Axis:
        """Return the axis with the values of both, in ascending order."""
        joined = np.concatenate([self.values, other.values])
        values, first = np.unique(joined, return_index=True)
        along = {
            name: (
                np.concatenate([one[0], other.along[name][0]])[first],
                one[1],
            )
            for name, one in self.along.items()
        }
        return Axis(self.name, values, self.attrs, along)

    def to_json(self) -> dict[str, Any]:
        """Return the axis as what JSON can hold."""
        return {
            "name": self.name,
            "kind": self.kind,
            "values": self.values.tolist(),
            "attrs": dict(self.attrs),
            "along": {
                name: [values.tolist(), dict(attrs)]
                for name, (values, attrs) in self.along.items()
            },
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Axis:
        """Return the axis that `to_json` wrote."""
        return cls(
            record["name"],
            np.array(record["values"], dtype=KINDS[record["kind"]]),
            record["attrs"],
            {
                name: (np.array(values), attrs)
                for name, (values, attrs) in record["along"].items()
            },
        )


@dataclass(frozen=True)
class Grid:
    """The product of some axes; a cell is a flat index into it, last axis fastest."""

    axes: tuple[Axis, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes, which are the dimensions."""
        return tuple(axis.name for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(axis.values.size for axis in self.axes)

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    def columns(self, cells: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the parameters of some cells, a column for each axis."""
        places = np.unravel_index(cells, self.shape)
        return {
            axis.name: axis.values[place]
            for axis, place in zip(self.axes, places, strict=True)
        }

    def find(self, columns: Columns) -> NDArray[np.int64]:
        """Return the cells that have these parameters, -1 where none has."""
        places = [axis.find(columns[axis.name]) for axis in self.axes]
        outside = np.any([place < 0 for place in places], axis=0)
        inside = [np.maximum(place, 0) for place in places]
        return np.where(outside, -1, np.ravel_multi_index(inside, self.shape))

    def union(self, other: Grid) -> Grid:
        """Return the smallest grid that holds the cells of both."""
        pairs = zip(self.axes, other.axes, strict=True)
        return Grid(tuple(one.union(two) for one, two in pairs))

    def describe(self, cell: int) -> str:
        """Return the parameters of one cell in words."""
        columns = self.columns(np.array([cell]))
        return ", ".join(f"{name} = {values[0]}" for name, values in columns.items())
