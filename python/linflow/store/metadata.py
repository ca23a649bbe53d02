"""The ``zarr.json`` of groups and arrays.

Written here and not through zarr, which takes 3 ms for each (25 for the arrays of a
phase diagram, while its workers wait) and may leave a file empty after a power cut.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.store import chunks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from linflow.store.columns import Column

NAME = "zarr.json"


def read_group(path: Path) -> dict[str, Any]:
    """Return the attributes of a group.

    Raises
    ------
    ValueError
        When there is none.
    """
    try:
        entry = json.loads((path / NAME).read_bytes())
        if entry["node_type"] == "group":
            return dict(entry["attributes"])
        reason = "it is an array"
    except FileNotFoundError:
        reason = f"it has no {NAME}"
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, LookupError, TypeError):
        reason = f"its {NAME} is damaged"
    message = f"store {str(path)!r} can't be read as a Zarr group: {reason}"
    raise ValueError(message)


def write_group(path: Path, attrs: Mapping[str, Any], *, sync: bool) -> None:
    """Write a group; see `chunks.put` for `sync`."""
    entry = {"zarr_format": 3, "node_type": "group", "attributes": attrs}
    chunks.put(path / NAME, _text(entry), sync=sync)


def write_array(path: Path, column: Column, chunk: int, length: int) -> None:
    """Write an array of so many chunks along its first axis, unless it is there."""
    entry = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [length * chunk, *column.shape],
        "data_type": column.dtype.name,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": [chunk, *column.shape]},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": _fill(column.dtype.type(column.fill)),
        "codecs": chunks.codecs(chunk, column.shape),
        "dimension_names": list(column.dims),
        "attributes": column.attrs,
    }
    folder, text = path / column.name, _text(entry)
    try:
        if (folder / NAME).read_bytes() == text:
            return
    except FileNotFoundError:
        (folder / "c").mkdir(parents=True, exist_ok=True)
    chunks.put(folder / NAME, text)


def plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as they are read again.

    Raises
    ------
    TypeError
        When they can't be stored.
    """
    return dict(json.loads(_text(attrs)))


def _text(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, default=_plain).encode()


def _plain(value: Any) -> Any:
    """Return NumPy's numbers and arrays, in attributes, as what JSON knows."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    message = f"attrs: {value!r} can't be stored"
    raise TypeError(message)


def _fill(value: np.generic) -> Any:
    if isinstance(value, np.complexfloating):
        return [_fill(value.real), _fill(value.imag)]
    return "NaN" if np.isnan(value) else value.item()
