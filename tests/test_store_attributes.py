"""Attributes of axes and variables in a store: told, told anew, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

import linflow as lf
from sweeping import GRID, draw, same

if TYPE_CHECKING:
    from pathlib import Path

QUIET: dict[str, Any] = {"progress": False}


def test_attributes_told_anew_replace_those_of_the_store(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    first: dict[str, Any] = {"total": {"units": "m", "range": (0, 1)}, "x": {"a": 1}}
    second: dict[str, Any] = {"total": {"units": "km"}, "x": {"a": 2}, "n": {"b": 3}}
    told: dict[str, Any] = {name: {} for name in ("total", "curve", "x", "n")}
    times: list[dict[str, Any]] = [first, {}, second, {"x": {}}, {"curve": {"c": 4}}]
    for attrs in times:
        told |= attrs
        grid = GRID if attrs is first else GRID | {"n": [1, 2, 3]}  # as it grows
        data = lf.sweep(draw, grid, attrs=attrs, store=store, **QUIET)
        flat = xr.open_zarr(store, consolidated=False)
        for name, words in told.items():
            words = words | ({"range": [0, 1]} if "range" in words else {})
            assert data[name].attrs == words
            assert lf.store.load(store)[name].attrs == words
            assert flat[name].attrs == words
    assert lf.store.check(store) == []


def test_attributes_may_be_arrays_and_are_checked_first(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    attrs: dict[str, Any] = {"total": {"range": np.arange(2)}, "x": {"y": np.ones(1)}}
    words: dict[str, Any] = {"store": store, "batch": 2, **QUIET}
    data = lf.sweep(draw, GRID, attrs=attrs, **words)
    assert (data.total.attrs, data.x.attrs) == ({"range": [0, 1]}, {"y": [1.0]})
    same(lf.sweep(draw, GRID, attrs=attrs, **words), data)
    words["store"] = other = tmp_path / "other.zarr"
    wrong: Any
    for wrong, match in (
        ({"total": {"what": object()}}, "attrs: .* can't be stored"),
        ({"total": "metres"}, r"attrs\['total'\] must be a mapping, not 'metres'"),
        ("metres", "attrs must be a mapping or None, not 'metres'"),
    ):
        with pytest.raises(TypeError, match=match):
            lf.sweep(draw, GRID, attrs=wrong, **words)
        assert not other.exists()
