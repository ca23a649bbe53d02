"""Chunk files of a Zarr array, written in place whole or not at all.

A chunk here is one batch of cells in every array. Batches differ in size, chunks do
not: a chunk is a Zarr 3 shard (codec "sharding_indexed") of up to 32 pieces, and its
file has an index of all of them, then those that hold cells, uncompressed. Writing them
takes a rename each; through Zarr's own layers the arrays of a batch take twenty times
as long (22 against 1 ms for 16 arrays), which would make the driver of many workers the
bottleneck.

Chunks are not synced to the disk, which takes some ms for each file: after a power cut
the checksum of a batch tells what did not get there in time, the work of the last half
minute as Linux is commonly set up.
"""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTIAL = ".partial"
PIECES = 32
MISSING = 2**64 - 1  # Zarr's mark, as offset and as length
BYTES: dict[str, Any] = {"name": "bytes", "configuration": {"endian": "little"}}


class ChunkDamaged(Exception):
    """A chunk file has the wrong size or can't be read."""


@functools.lru_cache
def piece(size: int) -> int:
    """Return the cells in a piece of a chunk: as few as give no more than 32 pieces."""
    return next(one for one in range(-(-size // PIECES), size + 1) if size % one == 0)


def codecs(size: int, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return Zarr's description of how a chunk is stored."""
    sharding = {
        "chunk_shape": [piece(size), *shape],
        "codecs": [BYTES],
        "index_codecs": [BYTES],
        "index_location": "start",
    }
    return [{"name": "sharding_indexed", "configuration": sharding}]


def write(array: str, chunk: int, values: NDArray[Any], size: int) -> None:
    """Write a chunk of so many cells, of which these, whole pieces, are the first."""
    data = little(values)
    each = data[: piece(size)].nbytes
    path = _path(array, chunk, values.ndim)
    content = _index(size // piece(size), data.nbytes // each, each) + data.tobytes()
    try:
        put(path, content)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, content)


def remove(array: str, chunk: int, ndim: int) -> None:
    """Remove a chunk: its values are then the fill value."""
    _path(array, chunk, ndim).unlink(missing_ok=True)


def read(
    array: str, chunk: int, size: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any] | None:
    """Return the cells that the file of a chunk holds; None where there is no file.

    Raises
    ------
    ChunkDamaged
        When the file's size is not that of a chunk, or it can't be read.
    """
    name = Path(array).name
    try:
        data = _path(array, chunk, 1 + len(shape)).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{name}: {error.strerror}"
        raise ChunkDamaged(message) from error
    pieces = size // piece(size)
    each = piece(size) * math.prod(shape) * dtype.itemsize
    head = data[: 16 * pieces]
    count = pieces - head.count(MISSING.to_bytes(8, "little")) // 2
    expected = 16 * pieces + count * each
    if len(data) != expected:
        message = f"{name}: {len(data)} bytes instead of {expected}"
        raise ChunkDamaged(message)
    if head != _index(pieces, count, each):
        message = f"{name}: the index of the chunk is not as written"
        raise ChunkDamaged(message)
    stored = np.frombuffer(data, dtype.newbyteorder("<"), offset=len(head))
    return stored.reshape(-1, *shape).astype(dtype, copy=False)


def put(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file, all of it or nothing; with `sync` a power cut can't undo that."""
    partial = Path(f"{path}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def little(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in C order and little-endian, as they are stored."""
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))


def _path(array: str, chunk: int, ndim: int) -> Path:
    """Return the file of a chunk of an array that is cut along its first axis."""
    return Path(f"{array}/c/{chunk}" + "/0" * (ndim - 1))


@functools.lru_cache(maxsize=256)
def _index(pieces: int, count: int, each: int) -> bytes:
    """Return the index of a chunk: offset and length of every piece."""
    index = np.full((pieces, 2), MISSING, dtype="<u8")
    index[:count, 0] = index.nbytes + each * np.arange(count)
    index[:count, 1] = each
    return index.tobytes()
