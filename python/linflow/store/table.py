"""The results of a sweep in memory, and the labelled data set made of them."""

from __future__ import annotations

import collections
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.status import Status
from linflow.store.columns import DURATION, STATUS
from linflow.store.grid import Grid
from linflow.store.results import RESERVED, Results, Variable, check_same

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from linflow.store.grid import Attrs

# A cell that ended so gave no result of its own; any other result replaces it.
FAILED = (Status.USER_ERROR, Status.PROCESS_LOST)


class Table:
    """A row for every cell of a grid."""

    def __init__(self, grid: Grid, variables: Mapping[str, Variable]) -> None:
        self.grid = grid
        self.variables: dict[str, Variable] = {}
        self.values: dict[str, NDArray[Any]] = {}
        self.status = np.zeros(grid.size, dtype=np.int8)
        self.duration = np.full(grid.size, np.nan)
        self.reasons: dict[int, str] = {}
        self.counts: collections.Counter[int] = collections.Counter()
        self.learn(variables)

    def learn(self, variables: Mapping[str, Variable]) -> None:
        """Make room for what is stored of each cell."""
        for name, one in variables.items():
            shape = (self.grid.size, *one.shape)
            self.values[name] = np.full(shape, one.fill, dtype=one.dtype)
            self.variables[name] = one

    def discover(
        self, results: Results, dims: Mapping[str, Any], attrs: Mapping[str, Any]
    ) -> None:
        """Learn from the first results what there is; check later ones against it."""
        if not results.values:
            return
        if self.variables:
            cell = {name: values[0] for name, values in results.values.items()}
            check_same(self.values, cell)
            return
        axes = self.grid.names
        self._check_known(dims, attrs, tuple(results.values))
        found = {
            name: Variable(
                values.shape[1:],
                values.dtype.name,
                _dims(name, values.ndim - 1, dims),
                attrs.get(name, {}),
            )
            for name, values in results.values.items()
        }
        _check_sizes(found, axes)
        self.learn(found)

    def check_words(self, dims: Mapping[str, Any], attrs: Mapping[str, Any]) -> None:
        """Refuse dimensions other than those known, and words about what there is not.

        Where nothing is known yet, `discover` looks.
        """
        if not self.variables:
            return
        self._check_known(dims, attrs, tuple(self.variables))
        for name in dims:
            have = self.variables[name].dims
            new = _dims(name, len(have), dims)
            if new != have:
                message = (
                    f"dims: {name} has the dimensions {list(have)} in the store, not "
                    f"{list(new)}"
                )
                raise ValueError(message)

    def annotate(self, variables: Mapping[str, Variable], grid: Grid) -> None:
        """Take the attributes that variables and axes have in a store."""
        self.variables = dict(variables)
        pairs = zip(self.grid.axes, grid.axes, strict=True)
        self.grid = Grid(tuple(replace(one, attrs=two.attrs) for one, two in pairs))

    def _check_known(
        self, dims: Mapping[str, Any], attrs: Mapping[str, Any], names: tuple[str, ...]
    ) -> None:
        _check_known("dims", dims, names)
        _check_known("attrs", attrs, (*self.grid.names, *names))

    def enter(self, cells: NDArray[np.int64], results: Results) -> None:
        """Put in the results of some cells, all of them finished."""
        before = self.status[cells]
        if before.any():
            keep = ~((before != 0) & np.isin(results.status, FAILED))
            cells, results = cells[keep], results.take(keep)
            self.counts.subtract(before[keep & (before != 0)].tolist())
        found, counts = np.unique(results.status, return_counts=True)
        self.counts.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        for cell in cells.tolist() if self.reasons else ():
            self.reasons.pop(cell, None)
        for name, values in results.values.items():
            self.values[name][cells] = values
        self.status[cells] = results.status
        self.duration[cells] = results.duration
        self.reasons |= {int(cells[row]): text for row, text in results.reasons.items()}

    @property
    def done(self) -> int:
        """Number of finished cells."""
        return self.counts.total()

    def forget(self, statuses: tuple[Status, ...]) -> None:
        """Count the cells that ended so as not computed."""
        again = np.isin(self.status, statuses)
        self.status[again] = 0
        for status in statuses:
            del self.counts[status]
        for cell in np.flatnonzero(again).tolist():
            self.reasons.pop(cell, None)

    def dataset(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """Return the labelled data set; it shares the table's memory."""
        import xarray as xr

        names, shape = self.grid.names, self.grid.shape

        def entry(values: Any, own: tuple[str, ...], words: Attrs) -> Any:
            return (*names, *own), values.reshape(*shape, *values.shape[1:]), words

        variables = {
            name: entry(self.values[name], one.dims, one.attrs)
            for name, one in self.variables.items()
        }
        variables["status"] = entry(self.status, (), STATUS)
        variables["duration"] = entry(self.duration, (), DURATION)
        if self.reasons:
            text = np.full(self.grid.size, "", dtype=object)
            for cell, reason in self.reasons.items():
                text[cell] = reason
            variables["reason"] = entry(
                text.astype(np.str_), (), {"long_name": "why the cell failed"}
            )
        coords: dict[str, Any] = {}
        for axis in self.grid.axes:
            coords[axis.name] = (axis.name, axis.values, axis.attrs)
            for name, (values, words) in axis.along.items():
                coords[name] = (axis.name, values, words)
        return xr.Dataset(variables, coords=coords, attrs=dict(attrs))


def summary(counts: Mapping[int, int]) -> str:
    """Return how many cells ended how, in words.

    Examples
    --------
    >>> from linflow.store.table import summary
    >>> summary({2: 30, -1: 2})
    '30 train below, 2 diverged'
    """
    parts = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(
        f"{count} {Status(status).name.lower().replace('_', ' ')}"
        for status, count in parts
        if count
    )


def _check_known(what: str, given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse words about what there is not."""
    for name in given:
        if name not in names:
            message = f"{what}: {name!r} must be one of {list(names)}"
            raise ValueError(message)


def _check_sizes(variables: Mapping[str, Variable], axes: tuple[str, ...]) -> None:
    """Refuse dimensions that can't be those of one data set, before more is made."""
    sizes: dict[str, int] = {}
    for name, one in variables.items():
        for dim, size in zip(one.dims, one.shape, strict=True):
            taken = (*axes, *variables, *RESERVED)
            if dim in taken or one.dims.count(dim) > 1:
                message = (
                    f"dims: those of {name} must differ from each other and from all "
                    f"other names, {list(taken)}; they are {list(one.dims)}"
                )
                raise ValueError(message)
            if sizes.setdefault(dim, size) != size:
                message = (
                    f"dims: {dim} must be of one size in all variables; it is {size} "
                    f"in {name} and {sizes[dim]} elsewhere"
                )
                raise ValueError(message)


def _dims(name: str, count: int, dims: Mapping[str, Any]) -> tuple[str, ...]:
    if name not in dims:
        return tuple(f"{name}_{i}" for i in range(count))
    given = dims[name]
    given = (given,) if isinstance(given, str) else tuple(given)
    if len(given) != count:
        message = f"dims: {name} has {count} dimensions of its own, not {list(given)}"
        raise ValueError(message)
    return given
