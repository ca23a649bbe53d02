"""Where commands write: checked before work starts, moved in place when whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    import xarray as xr

FORMATS = ("zarr", "netcdf")
_SUFFIX = {"zarr": ".zarr", "netcdf": ".nc"}
PICTURES = ("png", "svg", "pdf")
_OTHER_FORMATS = (
    *_SUFFIX.values(),
    *(".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp", ".bmp", ".eps", ".ps"),
)


def add_arguments(
    parser: argparse.ArgumentParser, default: str | None, *, progress: bool = True
) -> None:
    """Add the arguments that all writing commands share.

    Without a `default` the output is named after what is drawn; `progress` says whether
    there is a progress bar to turn off.
    """
    parser.add_argument(
        "--out",
        metavar="PATH",
        default=default,
        help="write the picture PATH.png, or another of .svg and .pdf if PATH ends so, "
        f"and the data beside it (default: {default or 'the name'})",
    )
    parser.add_argument(
        "--data",
        choices=FORMATS,
        default="zarr",
        help="format of the data (netcdf needs the extra linflow[netcdf])",
    )
    parser.add_argument(
        "--rng", type=int, default=0, metavar="SEED", help="root seed (default: 0)"
    )
    if progress:
        parser.add_argument("--quiet", action="store_true", help="no progress bar")


def picture_format(options: argparse.Namespace) -> str:
    """Return the format that ``out`` ends in, PNG when in none."""
    suffix = Path(options.out).suffix[1:].lower()
    return suffix if suffix in PICTURES else PICTURES[0]


def check(options: argparse.Namespace) -> Path:
    """Return the output path without suffix, after checking that it can be written.

    Parameters
    ----------
    options
        With ``out`` and ``data``.

    Raises
    ------
    ValueError
        When it names a folder, ends in a format that is not written, or the data would
        replace the store of a sweep.
    OSError
        When its folder is missing or can't be written.
    ImportError
        When the format needs a package that is not installed.
    """
    out = Path(options.out)
    if out.suffix.lower() in _OTHER_FORMATS:
        message = (
            f"--out may end in {', '.join(f'.{form}' for form in PICTURES)} or in no "
            f"format, not in {out.suffix!r}; --data is the format of the data beside it"
        )
        raise ValueError(message)
    if out.suffix[1:].lower() in PICTURES:
        out = out.with_suffix("")
    if not out.name or out.is_dir() or options.out.endswith(("/", os.sep)):
        message = f"--out must name a file, not the folder {options.out!r}"
        raise ValueError(message)
    folder = out.parent
    if not folder.is_dir():
        wrong = "is not a folder" if folder.exists() else "does not exist"
        message = f"--out: the folder {str(folder)!r} {wrong}"
        raise OSError(message)
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"--out: can't write in the folder {str(folder)!r}: {error.strerror}"
        raise OSError(message) from error
    _spare_stores(_data_path(out, options.data), getattr(options, "store", None))
    if options.data == "netcdf":
        try:
            import h5netcdf  # noqa: F401
            import h5py  # noqa: F401
        except ImportError:
            message = (
                "--data netcdf needs h5netcdf and h5py; install them by "
                "pip install 'linflow[netcdf]', or use --data zarr"
            )
            raise ImportError(message) from None
    return out


def _data_path(out: Path, form: str) -> Path:
    return out.with_name(out.name + _SUFFIX[form])


def _spare_stores(target: Path, store: str | None) -> None:
    """Refuse to replace a store, which may hold days of work, by a data set."""
    from linflow.store.layout import is_store

    same = store is not None and Path(store).resolve() == target.resolve()
    if same or is_store(target):
        message = (
            f"--out: the data would replace the store {str(target)!r}; name another "
            "output"
        )
        raise ValueError(message)


def write_data(data: xr.Dataset, out: Path, form: str) -> Path:
    """Write a data set; an older one is replaced only once this is whole."""
    data = _without_words(data)
    target = _data_path(out, form)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if form == "zarr":
            data.to_zarr(partial, mode="w", consolidated=False, zarr_format=3)
        else:
            data.to_netcdf(partial, engine="h5netcdf")
        if target.is_dir():
            shutil.rmtree(target)
        partial.replace(target)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
    return target


def _without_words(data: xr.Dataset) -> xr.Dataset:
    """Return the data with words as numbers and flags: Zarr 3 has no type for words."""
    import numpy as np

    for name, values in data.variables.items():
        if values.dtype.kind not in "OUT":
            continue
        words, codes = np.unique(values.values.astype(str), return_inverse=True)
        flags = {
            "flag_values": [*range(len(words))],
            "flag_meanings": " ".join("_".join(word.split()) for word in words),
        }
        coded = (values.dims, codes.reshape(values.shape), values.attrs | flags)
        assign = data.assign_coords if name in data.coords else data.assign
        data = assign({name: coded})
    return data


def write_picture(axes: Any, out: Path, form: str = "png") -> Path:
    """Write the figure that some axes belong to; the same data gives the same file."""
    import matplotlib as mpl
    import numpy as np

    target = out.with_name(f"{out.name}.{form}")
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    # Text that stays text in a PDF, and names in an SVG that do not change by the run.
    with mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "linflow"}):
        np.atleast_1d(axes)[0].figure.savefig(
            target, dpi=150, metadata=undated.get(form)
        )
    return target
