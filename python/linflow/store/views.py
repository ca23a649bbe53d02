"""Look at a store from outside: load, check, summarise, export."""

from __future__ import annotations

import collections
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linflow.store.access import intact, recall
from linflow.store.chunks import PARTIAL
from linflow.store.layout import Store, place
from linflow.store.provenance import attributes
from linflow.store.table import summary as words

if TYPE_CHECKING:
    import xarray as xr


def load(path: str | os.PathLike[str]) -> xr.Dataset:
    """Return what a store holds so far as a labelled data set.

    Parameters
    ----------
    path : path_like
        The store; it may be in use by a running sweep.

    Returns
    -------
    xarray.Dataset
        On the smallest grid that holds every cell asked for so far, axes in ascending
        order; cells not yet computed have status 0.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no store.
    StoreDamaged
        When a batch is not what was written.

    Examples
    --------
    >>> import linflow as lf
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = lf.sweep(
    ...         pow, {"base": [2, 3], "exp": [1, 2]}, store=f"{folder}/powers.zarr",
    ...         progress=False,
    ...     )
    ...     lf.store.load(f"{folder}/powers.zarr").value.values.tolist()
    [[2.0, 4.0], [3.0, 9.0]]
    """
    store = Store.open(place(path))
    table = recall(store, store.grid, resume=True)
    return table.dataset(attributes(store.record))


def check(path: str | os.PathLike[str]) -> list[str]:
    """Return what is damaged in a store, a line for each batch; empty when it is whole.

    Every chunk is read and held against its checksum.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no store.
    """
    store = Store.open(place(path))
    findings: dict[int, str] = {}
    collections.deque(intact(store, findings), maxlen=0)
    return [f"batch {slot}: {what}" for slot, what in findings.items()]


def summary(path: str | os.PathLike[str]) -> str:
    """Return in a line how far a store has come and how its cells ended."""
    store = Store.open(place(path))
    table = recall(store, store.grid, resume=True)
    ends = words(table.counts)
    return f"{table.done} of {table.grid.size} cells" + (f": {ends}" if ends else "")


def to_netcdf(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Write what a store holds so far to a netCDF file (needs ``linflow[netcdf]``).

    Attributes that netCDF does not have are written as numbers (True and False) or in
    JSON.

    Returns
    -------
    Path
        The file; an older one is replaced only once this is whole.
    """
    file = Path(target)
    partial = file.with_name(f".{file.name}.{os.getpid()}{PARTIAL}")
    data = load(path)
    for one in (data, *(data[name] for name in data.variables)):
        one.attrs = {name: _attribute(value) for name, value in one.attrs.items()}
    try:
        data.to_netcdf(partial, engine="h5netcdf")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return file


def _attribute(value: Any) -> Any:
    """Return an attribute as netCDF can hold it: a number, words or a list of them."""
    if isinstance(value, bool):
        return int(value)
    parts = value if isinstance(value, list | tuple) and value else [value]
    for kinds in ((int, float), (str,)):
        if all(type(one) in kinds for one in parts):
            return value
    return json.dumps(value)
