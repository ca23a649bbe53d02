"""The file of a trajectory: arrays by name and a header, in NumPy's .npz."""

from __future__ import annotations

import json
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

_FORMAT = 1
_OTHER_FORMATS = {".zarr": "to_zarr", ".nc": "to_netcdf"}
_UNREADABLE = (
    *(ValueError, TypeError, EOFError, pickle.UnpicklingError),
    *(zipfile.BadZipFile, zlib.error),
)


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, Any], header: dict[str, Any]
) -> Path:
    """Write the file; return its path.

    Raises
    ------
    TypeError
        When the header holds anything but what JSON has.
    ValueError
        When the path is empty, or its suffix that of another format.
    """
    target = Path(path)
    if (suffix := target.suffix.lower()) in _OTHER_FORMATS:
        message = (
            f"path must end in .npz, or in nothing, not in {target.suffix!r}; "
            f"to_xarray().{_OTHER_FORMATS[suffix]}(path) writes that"
        )
        raise ValueError(message)
    target = _with_suffix(target)
    try:
        words = json.dumps({"format": _FORMAT, **header})
    except TypeError as error:
        message = f"attrs must hold what JSON has: {error}"
        raise TypeError(message) from None
    with target.open("wb") as file:  # to a path savez adds .npz after .NPZ
        np.savez(file, **arrays, header=np.array(words))
    return target


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return arrays and header; nothing is unpickled.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is another one, damaged, or of another version.
    """
    path = Path(path)
    if (saved := _with_suffix(path)).is_file() or not path.is_file():
        path = saved
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = dict(content)
        header = json.loads(str(arrays.pop("header")))
        version = header.pop("format")
    except (*_UNREADABLE, LookupError) as error:
        message = (
            f"path {str(path)!r} is not a trajectory written by Trajectory.save, or it "
            "is damaged"
        )
        raise ValueError(message) from error
    if version != _FORMAT:
        message = f"path {str(path)!r} was written by another version of linflow"
        raise ValueError(message)
    return arrays, header


def _with_suffix(path: Path) -> Path:
    if not path.name:
        message = f"path must name a file, not the folder {str(path)!r}"
        raise ValueError(message)
    npz = path.suffix.lower() == ".npz"
    return path if npz else path.with_name(path.name + ".npz")
