"""A store: the cells of a sweep in a Zarr group, a batch of them in each chunk.

The arrays have one dimension, ``cell``, in the order in which batches were finished;
their parameters are arrays beside the results. So a grid can grow along any axis
without touching what is there, and any reader of Zarr can read it. A batch is written
to one chunk of every array: data first, then its checksum, its status last. A batch
without status is not there; a driver killed at any moment leaves nothing half done.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.store import chunks
from linflow.store.columns import checksum, layout, pack, read, unpack
from linflow.store.grid import Axis, Grid
from linflow.store.results import Results, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from linflow.store.columns import Column

FORMAT = "linflow_store"
VERSION = 1
FIRST = 64  # batches that a new store has room for


class StoreDamaged(RuntimeError):
    """Part of a store can't be trusted; ``.findings`` says which batches and why."""

    def __init__(self, message: str, findings: list[str] | None = None) -> None:
        super().__init__(message)
        self.findings = findings or []


class Store:
    """The batches of one sweep on a local disk, to read and, once claimed, to write."""

    def __init__(self, path: Path, record: dict[str, Any], batches: list[int]) -> None:
        self.path = path
        self.record = record
        self.batches = batches  # numbers of those that were there when it was opened
        self._lock: int | None = None
        self._capacity = 0
        self._grid: tuple[Any, Grid] | None = None
        self._free: Iterator[int] = iter(())

    @classmethod
    def create(cls, path: Path, record: dict[str, Any], grid: Grid) -> Store:
        """Make an empty store, which is there whole or not at all."""
        import zarr

        record = {
            FORMAT: VERSION,
            **record,
            "axes": [axis.to_json() for axis in grid.axes],
            "labels": {axis.name: [] for axis in grid.axes if axis.kind == "U"},
            "variables": {},
            "batch": None,
            "sessions": [],
            "instruction_sets": [],
        }
        partial = path.with_name(f".{path.name}{chunks.PARTIAL}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)  # of a driver that was killed
            group = zarr.open_group(partial, mode="w-", zarr_format=3)
            _make_array(
                group, "checksum", (0,), np.dtype(np.uint64), (1,), 0, ("task",), {}
            )
            group.update_attributes(record)
            partial.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return cls(path, record, [])

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a store that is there.

        Raises
        ------
        FileNotFoundError
            When nothing is there.
        ValueError
            When it is something else.
        """
        if not path.exists():
            message = f"store {str(path)!r} does not exist"
            raise FileNotFoundError(message)
        batches = _batches(path)  # first: the record then knows all that they hold
        return cls(path, _record(path), batches)

    def claim(self) -> None:
        """Get ready to write; one process at a time may.

        Raises
        ------
        BlockingIOError
            When another process writes to the store.
        OSError
            When it can't be written.
        """
        self._lock = os.open(self.path / "checksum" / "lock", os.O_RDWR | os.O_CREAT)
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                # A record lock, which forked workers do not inherit.
                fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                self.close()
                message = f"store {str(self.path)!r} is in use by another process"
                raise BlockingIOError(error.errno, message) from error
            except OSError:
                pass  # a file system without locks
        for partial in self.path.glob(f"**/*{chunks.PARTIAL}"):
            partial.unlink(missing_ok=True)
        self.batches, self.record = _batches(self.path), _record(self.path)
        used = set(self.batches)
        self._free = (slot for slot in range(2**62) if slot not in used)
        self._reserve(max(used, default=-1) + 1)

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def grid(self) -> Grid:
        """The smallest grid that holds every cell asked for so far."""
        axes = self.record["axes"]
        if self._grid is None or self._grid[0] is not axes:
            self._grid = axes, Grid(tuple(Axis.from_json(one) for one in axes))
        return self._grid[1]

    @property
    def variables(self) -> dict[str, Variable]:
        """What is stored of each cell; empty before the first batch that has any."""
        return {
            name: Variable(
                tuple(one["shape"]), one["dtype"], tuple(one["dims"]), one["attrs"]
            )
            for name, one in self.record["variables"].items()
        }

    @property
    def batch(self) -> int | None:
        """Cells in a chunk; None before the first batch."""
        size: int | None = self.record["batch"]
        return size

    def update(self, **entries: Any) -> None:
        """Change entries of the record, all at once."""
        import zarr

        self.record |= entries
        zarr.open_group(self.path, mode="r+").update_attributes(self.record)

    def grow(self, grid: Grid) -> None:
        """Note that these cells are asked for, too."""
        axes = [axis.to_json() for axis in self.grid.union(grid).axes]
        try:
            self.update(axes=axes)
        except BaseException:
            self.close()
            raise

    def describe(self, batch: int | None, variables: Mapping[str, Variable]) -> None:
        """Fix the size of a batch and what it holds, each as soon as it is known."""
        if self.batch != batch or self.variables != dict(variables):
            words = {name: asdict(one) for name, one in variables.items()}
            self.update(batch=batch, variables=words)
            self._reserve(max(self._capacity, FIRST))

    def write(self, parameters: Mapping[str, NDArray[Any]], results: Results) -> None:
        """Add a batch of finished cells."""
        assert self.batch is not None
        slot = next(self._free)
        if slot >= self._capacity:
            self._reserve(2 * self._capacity)
        if results.instruction_set not in ("", *self.record["instruction_sets"]):
            known = self.record["instruction_sets"]
            self.update(instruction_sets=[*known, results.instruction_set])
        columns = self._columns()
        table = pack(columns, self.batch, self._encode(parameters), results)
        seal = np.array([checksum(table)], dtype=np.uint64)
        for column in columns:
            array, chunk = self.path / column.name, table[column.name]
            if column.name == "status":  # the last: what it is to vouch for is there
                chunks.write(self.path / "checksum", slot, seal)
            if chunk is None:
                chunks.remove(array, slot, 1 + len(column.shape))
            else:
                chunks.write(array, slot, chunk)

    def read(self, slot: int) -> tuple[dict[str, NDArray[Any]], Results]:
        """Return parameters and results of the finished cells of a batch.

        Raises
        ------
        ChunkDamaged
            When they are not what was written.
        """
        assert self.batch is not None
        columns = self._columns()
        table = read(self.path, columns, slot, self.batch)
        seal = chunks.read(self.path / "checksum", slot, (1,), np.dtype(np.uint64))
        if seal is None or table["status"] is None or int(seal[0]) != checksum(table):
            message = "the checksum does not match"
            raise chunks.ChunkDamaged(message)
        parameters, results = unpack(columns, table, self.grid.names)
        return self._decode(parameters), results

    def drop(self, slot: int) -> None:
        """Forget a batch: its cells count as not computed."""
        chunks.remove(self.path / "status", slot, 1)

    def _columns(self) -> list[Column]:
        return layout(self.grid, self.variables)

    def _reserve(self, capacity: int) -> None:
        """Make the arrays long enough for so many batches, the status last."""
        import zarr

        self._capacity = capacity
        group = zarr.open_group(self.path, mode="r+")
        _grow(group["checksum"], capacity)
        if self.batch is None:
            return
        for one in self._columns():
            if one.name in group:
                _grow(group[one.name], capacity * self.batch)
                continue
            _make_array(
                group,
                one.name,
                (capacity * self.batch, *one.shape),
                one.dtype,
                (self.batch, *one.shape),
                one.fill,
                ("cell", *one.dims),
                one.attrs,
            )

    def _encode(
        self, parameters: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Return parameters as numbers: words by their place in the list of labels."""
        out = dict(parameters)
        for name, known in list(self.record["labels"].items()):
            new = [one for one in np.unique(out[name]).tolist() if one not in known]
            if new:
                labels = self.record["labels"] | {name: [*known, *new]}
                self.update(labels=labels)
            places = {one: i for i, one in enumerate(self.record["labels"][name])}
            out[name] = np.array([places[one] for one in out[name].tolist()])
        return out

    def _decode(self, parameters: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        for name, known in self.record["labels"].items():
            parameters[name] = np.array(known, dtype=np.str_)[parameters[name]]
        return parameters


def _batches(path: Path) -> list[int]:
    folder = path / "status" / "c"
    if not folder.is_dir():
        return []
    return sorted(int(one.name) for one in folder.iterdir() if one.name.isdigit())


def _record(path: Path) -> dict[str, Any]:
    import zarr

    try:
        record = dict(zarr.open_group(path, mode="r").attrs)
    except (OSError, ValueError) as error:
        message = f"store {str(path)!r} can't be read as a Zarr group: {error}"
        raise ValueError(message) from error
    if record.get(FORMAT) != VERSION:
        message = f"store {str(path)!r} was not written by this version's sweeps"
        raise ValueError(message)
    return record


def _grow(array: Any, length: int) -> None:
    if array.shape[0] < length:
        array.resize((length, *array.shape[1:]))


def _make_array(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunk: tuple[int, ...],
    fill: Any,
    dims: tuple[str, ...],
    attrs: Mapping[str, Any],
) -> None:
    group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=chunk,
        fill_value=fill,
        compressors=None,
        dimension_names=dims,
        attributes=dict(attrs),
    )
