"""The arrays of a store: parameters, results and how each cell ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.status import Status
from linflow.store import chunks
from linflow.store.results import Results, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from linflow.store.grid import Columns, Grid

REASON_BYTES = 240
STATUS = {
    "long_name": "how the cell ended (linflow.Status)",
    "flag_values": [int(status) for status in Status],
    "flag_meanings": " ".join(status.name.lower() for status in Status),
}
DURATION = {"long_name": "time spent on the cell", "units": "s"}


@dataclass(frozen=True)
class Column:
    """One array of a store, a row per cell."""

    name: str
    dtype: np.dtype[Any]
    fill: Any
    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ("cell",)
    attrs: Mapping[str, Any] = field(default_factory=dict)


CHECKSUM = Column("checksum", np.dtype(np.uint64), 0, dims=("task",))


def layout(grid: Grid, variables: Mapping[str, Variable]) -> list[Column]:
    """Return the arrays of a store, the status last."""
    parameters = [
        Column(
            axis.name,
            np.dtype(np.int32 if axis.kind == "U" else axis.values.dtype),
            False if axis.kind == "b" else 0,
            attrs=axis.attrs,
        )
        for axis in grid.axes
    ]
    results = [
        Column(
            name,
            np.dtype(one.dtype),
            one.fill,
            one.shape,
            ("cell", *one.dims),
            one.attrs,
        )
        for name, one in variables.items()
    ]
    return [
        *parameters,
        *results,
        Column("duration", np.dtype(np.float64), np.nan, attrs=DURATION),
        Column("reason", np.dtype(np.uint8), 0, (REASON_BYTES,), ("cell", "byte")),
        Column("status", np.dtype(np.int8), 0, attrs=STATUS),
    ]


def pack(
    columns: list[Column], size: int, parameters: Columns, results: Results
) -> dict[str, NDArray[Any] | None]:
    """Return a batch as chunks of that size store it: whole pieces of them.

    None stands for fill values alone, which are not stored.
    """
    piece = chunks.piece(size)
    rows = -(-results.status.size // piece) * piece
    known: dict[str, NDArray[Any]] = {
        **parameters,
        **results.values,
        "duration": results.duration,
        "status": results.status,
    }
    if results.reasons:
        reason = np.zeros((results.status.size, REASON_BYTES), dtype=np.uint8)
        for row, text in results.reasons.items():
            letters = np.frombuffer(text.encode()[:REASON_BYTES], dtype=np.uint8)
            reason[row, : letters.size] = letters
        known["reason"] = reason
    out: dict[str, NDArray[Any] | None] = {}
    for column in columns:
        out[column.name] = None
        if column.name in known:
            chunk = np.full((rows, *column.shape), column.fill, dtype=column.dtype)
            blank = chunk.tobytes()
            chunk[: results.status.size] = known[column.name]
            if chunk.tobytes() != blank:
                out[column.name] = chunk
    return out


def read(
    path: Path, columns: list[Column], chunk: int, size: int
) -> dict[str, NDArray[Any] | None]:
    """Return the chunks of a batch as they are; None where there is no file."""
    return {
        one.name: chunks.read(f"{path}/{one.name}", chunk, size, one.shape, one.dtype)
        for one in columns
    }


def unpack(
    columns: list[Column], table: dict[str, NDArray[Any] | None], names: tuple[str, ...]
) -> tuple[dict[str, NDArray[Any]], Results]:
    """Return parameters and results of the finished cells of a batch."""
    status = table["status"]
    assert status is not None
    done = np.flatnonzero(status)
    rows = {}
    for column in columns:
        chunk = table[column.name]
        rows[column.name] = (
            np.full((done.size, *column.shape), column.fill, dtype=column.dtype)
            if chunk is None
            else chunk[done]
        )
    letters = rows.pop("reason")
    results = Results(
        values={},
        status=rows.pop("status"),
        duration=rows.pop("duration"),
        reasons={
            int(row): letters[row].tobytes().rstrip(b"\0").decode(errors="replace")
            for row in np.flatnonzero(letters.any(axis=1))
        },
    )
    parameters = {name: rows.pop(name) for name in names}
    results.values = rows
    return parameters, results


def checksum(table: dict[str, NDArray[Any] | None]) -> int:
    """Return a digest of a batch's chunks; those of fill values alone count nothing.

    So an array that the store gets later does not change it, and a lost file does.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(table):
        values = table[name]
        if values is not None:
            digest.update(name.encode())
            digest.update(chunks.little(values).data)
    return int.from_bytes(digest.digest(), "little")
