"""A store: the cells of a sweep in a Zarr group, a batch of them in each chunk.

The arrays have one dimension, ``cell``, in the order in which batches were finished;
their parameters are arrays beside the results. So a grid can grow along any axis
without touching what is there, and any reader of Zarr can read it. A batch is written
to one chunk of every array: data first, then its checksum, its status last. A batch
without status is not there; a driver killed at any moment leaves nothing half done.
After a power cut a status may be there without its data, which the checksum tells; the
record, without which nothing can be read, is synced.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.store import chunks, metadata
from linflow.store.columns import CHECKSUM, checksum, layout, pack, read, unpack
from linflow.store.grid import Axis, Grid
from linflow.store.results import Results, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from linflow.store.columns import Column

FORMAT = "linflow_store"
VERSION = 2
FIRST = 64  # batches that a new store has room for
_claimed: dict[tuple[int, str], Store] = {}  # by process and lock file


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
        self._claim: tuple[int, str] | None = None
        self._capacity = 0
        self._grid: tuple[Any, Grid] | None = None
        self._free: Iterator[int] = iter(())

    @classmethod
    def create(cls, path: Path, record: dict[str, Any], grid: Grid) -> Store:
        """Make an empty store, which is there whole or not at all.

        Somebody else's, made in the meantime, stays.
        """
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
        own = f"{os.getpid()}.{threading.get_ident()}"
        partial = path.with_name(f".{path.name}.{own}{chunks.PARTIAL}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            metadata.write_array(partial, CHECKSUM, 1, FIRST)
            metadata.write_group(partial, record, sync=False)  # nothing to lose yet
            partial.replace(path)
        except OSError:
            if not is_store(path):
                raise
            return cls.open(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return cls(path, record, [])

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a store that is there.

        Raises
        ------
        FileNotFoundError
            When nothing is there, or nothing in it.
        ValueError
            When it is something else.
        """
        if not path.exists():
            message = f"store {str(path)!r} does not exist"
            raise FileNotFoundError(message)
        if is_empty(path):
            message = f"store {str(path)!r} is an empty folder"
            raise FileNotFoundError(message)
        batches = _batches(path)  # first: the record then knows all that they hold
        return cls(path, _record(path), batches)

    def claim(self) -> None:
        """Get ready to write; one sweep at a time may.

        Raises
        ------
        BlockingIOError
            When another sweep writes to the store, here or in another process.
        OSError
            When it can't be written.
        """
        # Opened but once here: closing it anywhere ends the process's lock.
        lock = self.path / CHECKSUM.name / "lock"
        claim = os.getpid(), os.path.realpath(lock)
        if _claimed.setdefault(claim, self) is not self:  # atomic, and safe to fork
            message = f"store {str(self.path)!r} is in use by another thread"
            raise BlockingIOError(errno.EAGAIN, message)
        self._claim = claim
        try:
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT)
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        """Take the lock, and look what there is to go on from."""
        assert self._lock is not None
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                # A record lock, which forked workers do not inherit.
                fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                message = f"store {str(self.path)!r} is in use by another process"
                raise BlockingIOError(error.errno, message) from error
            except OSError:
                pass  # a file system without locks
        for partial in self.path.glob(f"**/*{chunks.PARTIAL}"):
            partial.unlink(missing_ok=True)
        # Of those killed while they made it, or who find it there in a moment.
        half_made = f"{glob.escape(f'.{self.path.name}.')}*{chunks.PARTIAL}"
        for folder in self.path.parent.glob(half_made):
            shutil.rmtree(folder, ignore_errors=True)
        self.batches, self.record = _batches(self.path), _record(self.path)
        used = set(self.batches)
        self._free = (slot for slot in range(2**62) if slot not in used)
        self._reserve(max(used, default=-1) + 1)

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._claim is not None:
            _claimed.pop(self._claim, None)
            self._claim = None

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
        """Change entries of the record, all at once, if that changes any.

        Synced: without the record a store can't be read at all.
        """
        if self.record != self.record | entries:
            metadata.write_group(self.path, self.record | entries, sync=True)
            self.record |= entries

    def grow(self, grid: Grid) -> None:
        """Note that these cells are asked for, too."""
        axes = [axis.to_json() for axis in self.grid.union(grid).axes]
        try:
            self.update(axes=axes)
        except BaseException:
            self.close()
            raise

    def annotate(self, attrs: Mapping[str, Any]) -> None:
        """Replace the attributes of those axes and variables that these tell of."""

        def told(name: str, one: dict[str, Any]) -> dict[str, Any]:
            return one | {"attrs": attrs.get(name, one["attrs"])}

        axes = [told(axis["name"], axis) for axis in self.record["axes"]]
        variables = self.record["variables"].items()
        words = {name: told(name, one) for name, one in variables}
        self.update(axes=axes, variables=words)
        self._reserve(self._capacity)

    def describe(
        self, batch: int | None, variables: Mapping[str, Variable], **entries: Any
    ) -> None:
        """Fix the size of a batch and what it holds, each as soon as it is known."""
        new = self.batch != batch or self.variables != dict(variables)
        if new:
            words = {name: asdict(one) for name, one in variables.items()}
            entries |= {"batch": batch, "variables": words}
        self.update(**entries)
        if new:
            self._reserve(self._capacity)

    def write(self, parameters: Mapping[str, NDArray[Any]], results: Results) -> None:
        """Add a batch of finished cells."""
        assert self.batch is not None
        slot = next(self._free)
        if slot >= self._capacity:
            self._reserve(slot + 1)
        if results.instruction_set not in ("", *self.record["instruction_sets"]):
            known = self.record["instruction_sets"]
            self.update(instruction_sets=[*known, results.instruction_set])
        columns = self._columns()
        table = pack(columns, self.batch, self._encode(parameters), results)
        seal = np.array([checksum(table)], dtype=np.uint64)
        for column in columns:
            array, rows = f"{self.path}/{column.name}", table[column.name]
            if column.name == "status":  # the last: what it is to vouch for is there
                chunks.write(f"{self.path}/{CHECKSUM.name}", slot, seal, 1)
            if rows is None:
                chunks.remove(array, slot, len(column.dims))
            else:
                chunks.write(array, slot, rows, self.batch)

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
        seal = chunks.read(f"{self.path}/{CHECKSUM.name}", slot, 1, (), CHECKSUM.dtype)
        if seal is None or table["status"] is None or int(seal[0]) != checksum(table):
            message = "the checksum does not match"
            raise chunks.ChunkDamaged(message)
        parameters, results = unpack(columns, table, self.grid.names)
        return self._decode(parameters), results

    def drop(self, slot: int) -> None:
        """Remove a batch, its status first: its cells count as not computed."""
        for column in (*reversed(self._columns()), CHECKSUM):
            chunks.remove(f"{self.path}/{column.name}", slot, len(column.dims))

    def _columns(self) -> list[Column]:
        return layout(self.grid, self.variables)

    def _reserve(self, count: int) -> None:
        """Make room for so many batches; mend the arrays' metadata, the status last."""
        self._capacity = max(FIRST, 1 << (count - 1).bit_length())
        metadata.write_array(self.path, CHECKSUM, 1, self._capacity)
        if self.batch is not None:
            for one in self._columns():
                metadata.write_array(self.path, one, self.batch, self._capacity)

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


def place(path: str | os.PathLike[str]) -> Path:
    """Return where a store is, wherever the working directory is later.

    Raises
    ------
    TypeError, ValueError
        When `path` is not that of a folder.
    """
    text = os.fspath(path)
    if not isinstance(text, str):
        message = f"store must be a path of letters, not {text!r}"
        raise TypeError(message)
    if not text or "://" in text:
        message = f"store must be the path of a folder, not {text!r}"
        raise ValueError(message)
    return Path(text).absolute()


def is_empty(path: Path) -> bool:
    """Return whether there is a folder without anything in it."""
    return path.is_dir() and not any(path.iterdir())


def is_store(path: Path) -> bool:
    """Whether a sweep's store is there, of whatever version."""
    try:
        return FORMAT in metadata.read_group(path)
    except ValueError:
        return False


def _batches(path: Path) -> list[int]:
    folder = path / "status" / "c"
    if not folder.is_dir():
        return []
    return sorted(int(one.name) for one in folder.iterdir() if one.name.isdigit())


def _record(path: Path) -> dict[str, Any]:
    record = metadata.read_group(path)
    version = record.get(FORMAT)
    if version == VERSION:
        return record
    if isinstance(version, int):
        message = (
            f"store {str(path)!r} has layout {version} of linflow's stores, this "
            f"version reads layout {VERSION}: use the version that made it, or "
            "another store"
        )
    else:
        message = f"store {str(path)!r} was not written by linflow's sweeps"
    raise ValueError(message)
