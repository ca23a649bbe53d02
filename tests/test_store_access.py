"""Stores: where they are, who may write to them, what they can't hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

import linflow as lf
from linflow.store import metadata
from linflow.store.grid import Axis, Grid
from linflow.store.results import Variable
from linflow.store.table import Table

if TYPE_CHECKING:
    from pathlib import Path

QUIET: dict[str, Any] = {"progress": False}
FIVE: Any = np.int64(5)


def test_results_without_room_leave_a_table_that_can_be_read() -> None:
    table = Table(Grid((Axis.check("x", [1, 2], {}),)), {})
    with pytest.raises(MemoryError):
        table.learn({"value": Variable(shape=(2**48,))})
    assert set(table.dataset({})) == {"status", "duration"}


def test_a_store_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other"
    other.mkdir()

    def leaves(x: int) -> float:
        if x == 2:
            os.chdir(other)
        return float(x)

    lf.sweep(leaves, {"x": range(6)}, store="store.zarr", batch=1, **QUIET)
    assert not list(other.iterdir())
    assert lf.store.summary(tmp_path / "store.zarr") == "6 of 6 cells: 6 reached end"


def test_one_thread_at_a_time_writes(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    refused: list[int] = []

    def slow(x: int) -> float:
        if x == 2 and not refused:
            with pytest.raises(BlockingIOError, match="in use by another thread"):
                lf.sweep(slow, {"x": [7]}, store=store, **QUIET)
            refused.append(x)
        return float(x)

    lf.sweep(slow, {"x": [0, 1]}, store=store, **QUIET)
    lf.sweep(slow, {"x": range(5)}, store=store, **QUIET)
    assert refused == [2]
    assert lf.store.check(store) == []
    assert lf.store.load(store).x.values.tolist() == [0, 1, 2, 3, 4]
    lf.sweep(slow, {"x": [7]}, store=store, **QUIET)


def test_a_store_that_another_sweep_made_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = metadata.write_group
    store = tmp_path / "store.zarr"

    def value(x: int) -> float:
        return float(x)

    def first(*arguments: Any, **words: Any) -> None:
        monkeypatch.undo()
        lf.sweep(value, {"x": [0, 1]}, store=store, **QUIET)
        write(*arguments, **words)

    monkeypatch.setattr(metadata, "write_group", first)
    data = lf.sweep(value, {"x": [1, 2]}, store=store, **QUIET)
    assert data.value.values.tolist() == [1.0, 2.0]
    assert lf.store.load(store).x.values.tolist() == [0, 1, 2]
    assert [one.name for one in tmp_path.iterdir()] == ["store.zarr"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"max_steps": 5}, {"max_steps": FIVE}),
        ({"stop": lf.stop.max_steps(5)}, {"stop": lf.stop.max_steps(FIVE)}),
    ],
)
def test_numbers_of_numpy_are_the_same_protocol(
    one: dict[str, Any], two: dict[str, Any], tmp_path: Path
) -> None:
    def run(step_size: float, rules: dict[str, Any]) -> xr.Dataset:
        protocol = {"step_size": step_size, **rules}
        words: dict[str, Any] = {"store": tmp_path / "store.zarr", **QUIET}
        return lf.phase_diagram(8, 1, -1.0, 1.0, protocol=protocol, **words)

    first = run(1e-3, one)
    assert run(1e-3, one).identical(first)
    assert run(np.float64(1e-3), two).identical(first)
    with pytest.raises(ValueError, match="was made with protocol"):
        run(2e-3, one)


def test_attributes_that_netcdf_does_not_have(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"

    def value(x: str) -> float:
        return float(x)

    words = {"units": "m", "edges": [0, 1.5], "names": ["a", "b"]}
    other = {"periodic": True, "of": None, "flags": [True], "range": {"low": 1}}
    lf.sweep(value, {"x": ["1", "2"]}, attrs={"x": words | other}, store=store, **QUIET)
    with xr.open_dataset(lf.store.to_netcdf(store, tmp_path / "out.nc")) as read:
        attrs = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in read.x.attrs.items()
        }
    json = {"of": "null", "flags": "[true]", "range": '{"low": 1}'}
    assert attrs == words | json | {"periodic": 1}
