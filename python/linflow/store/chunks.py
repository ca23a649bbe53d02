"""Chunk files of a Zarr array, written in place whole or not at all.

A chunk here is one batch of cells in every array, uncompressed, so that its file holds
the bytes of a NumPy array and nothing else (Zarr 3, codec "bytes"). Writing them takes
a rename each; through Zarr's own layers the arrays of a batch take twenty times as long
(22 against 1 ms for 16 arrays), which would make the driver of many workers the
bottleneck. Nothing is synced to the disk: after a power cut the checksum of a batch
tells what did not get there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PARTIAL = ".partial"


class ChunkDamaged(Exception):
    """A chunk file has the wrong size or can't be read."""


def path_of(array: Path, chunk: int, ndim: int) -> Path:
    """Return the file of a chunk of an array that is cut along its first axis."""
    return array.joinpath("c", str(chunk), *("0" for _ in range(ndim - 1)))


def write(array: Path, chunk: int, values: NDArray[Any]) -> None:
    """Write a chunk, all of it or nothing."""
    target = path_of(array, chunk, values.ndim)
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + PARTIAL)
    try:
        with partial.open("wb") as file:
            file.write(little(values).data)
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def remove(array: Path, chunk: int, ndim: int) -> None:
    """Remove a chunk: its values are then the fill value."""
    path_of(array, chunk, ndim).unlink(missing_ok=True)


def read(
    array: Path, chunk: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any] | None:
    """Return a chunk; None where there is no file.

    Raises
    ------
    ChunkDamaged
        When the file's size is not that of a chunk, or it can't be read.
    """
    try:
        data = path_of(array, chunk, len(shape)).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{array.name}: {error.strerror}"
        raise ChunkDamaged(message) from error
    expected = int(np.prod(shape)) * dtype.itemsize
    if len(data) != expected:
        message = f"{array.name}: {len(data)} bytes instead of {expected}"
        raise ChunkDamaged(message)
    stored = np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape)
    return stored.astype(dtype, copy=False)


def little(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in C order and little-endian, as they are stored."""
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
