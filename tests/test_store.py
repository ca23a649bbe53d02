"""Stores: resumed, grown, refused, damaged, read while partial, exported."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import linflow as lf
from linflow.store.layout import Store
from sweeping import GRID, calls, diagram, draw, logged, same

QUIET: dict[str, Any] = {"progress": False}


def grown(log: Path, store: Path, x: Any, y: Any, **keywords: Any) -> xr.Dataset:
    return lf.sweep(
        logged,
        {"x": x, "y": y},
        fixed={"log": str(log), "seconds": 0.0},
        store=store,
        **{"batch": 7, **QUIET, **keywords},
    )


def test_growing_computes_new_cells_only(tmp_path: Path) -> None:
    log, store = tmp_path / "log", tmp_path / "store.zarr"
    ten, twenty = np.linspace(0, 1, 10), np.linspace(-1, 1, 20)
    x = np.concatenate([ten[::-1], 2 + ten])
    small = grown(log, store, ten, ten)
    assert len(calls(log)) == 100
    same(grown(log, store, ten, ten), small)
    assert len(calls(log)) == 100
    large = grown(log, store, x, ten)
    assert len(calls(log)) == len(set(calls(log))) == 200
    same(large.sel(x=ten), small)
    same(large, lf.sweep(logged, {"x": x, "y": ten}, fixed=_fixed(log), **QUIET))
    # Another axis, unsorted, overlapping in part: the union is what the store has.
    before = len(calls(log))
    grown(log, store, ten[3:5], twenty[::-1])
    assert len(calls(log)) - before == 2 * 20 - 2 * np.isin(twenty, ten).sum()
    whole = lf.store.load(store)
    assert whole.sizes["x"] == 20
    assert (np.diff(whole.y) > 0).all()
    pending = int((whole.status == lf.Status.PENDING).sum())
    assert pending == whole.status.size - len(calls(log)) + 200  # 200: the loop's
    said = lf.store.summary(store)
    assert said.startswith(f"{whole.status.size - pending} of {whole.status.size}")


def _fixed(log: Path) -> dict[str, Any]:
    return {"log": str(log), "seconds": 0.0}


def test_more_seeds_and_a_grown_phase_diagram(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    words: dict[str, Any] = {"d": 16, "rank": 2, "gamma_sigma2": [-2.0, -1.0], **QUIET}
    lf.phase_diagram(**words, gamma_w=[2.0, 1.0], store=store)
    first = Store.open(store).batches
    large = lf.phase_diagram(**words, gamma_w=[1.5, 2.0], seeds=2, store=store)
    same(large, lf.phase_diagram(**words, gamma_w=[1.5, 2.0], seeds=2))
    later = [slot for slot in Store.open(store).batches if slot not in first]
    cells = [Store.open(store).read(slot)[0] for slot in later]
    computed = [
        (w, s2, seed)
        for one in cells
        for w, s2, seed in zip(
            one["gamma_w"], one["gamma_sigma2"], one["seed"], strict=True
        )
    ]
    assert len(computed) == len(set(computed)) == 8 - 2
    assert (2.0, -1.0, 0) not in computed
    loaded = lf.store.load(store)
    assert loaded.gamma_w.values.tolist() == [1.0, 1.5, 2.0]
    same(loaded.sel(gamma_w=[1.5, 2.0]), large)
    assert loaded.attrs["sessions"] == 2


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    words: dict[str, Any] = {"d": 16, "rank": 2, "gamma_sigma2": -2.0, "gamma_w": 1.0}
    words |= {**QUIET, "store": store}
    data = lf.phase_diagram(**words)
    for other, match in (
        ({"d": 17}, "made with d = 16, not 17: use"),
        ({"rng": 1}, "rng_entropy = 0, not 1"),
        ({"noise": 0.5, "rank": 3}, "noise = 1.0, not 0.5; rank = 2, not 3"),
        ({"dtype": "float32"}, "dtype = float64, not float32"),
        ({"observe": "alignment"}, "observe = None, not alignment"),
        ({"dynamics": "lazy"}, "dynamics = gradient_descent, not lazy"),
        (
            {"protocol": {"step_size": 0.001, "max_steps": 3}},
            "protocol = published, not {'step_size': 0.001, 'max_steps': 3}",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            lf.phase_diagram(**words | other)
    # How it is computed is no setting, and nothing was spoilt.
    same(lf.phase_diagram(**words, n_threads=1, batch=1), data)
    with pytest.raises(FileExistsError, match="exists; resume it"):
        lf.phase_diagram(**words, resume=False)
    with pytest.raises(ValueError, match=r"function = .*, not sweeping\.draw"):
        lf.sweep(draw, GRID, store=store, **QUIET)


def test_another_function_or_axis_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"

    def value(x: float, y: float = 0.0) -> float:
        return x

    old = value
    lf.sweep(value, {"x": [1]}, store=store, **QUIET)

    def value(x: float, y: float = 0.0) -> float:  # type: ignore[no-redef]
        return 2 * x

    for function, grid, match in (
        (value, {"x": [1]}, "source = "),
        (old, {"x": [1.5]}, r"axes = \['x \(integer\)'\], not \['x \(real\)'\]"),
        (old, {"x": [1], "y": [2]}, "axes = "),
    ):
        with pytest.raises(ValueError, match=match):
            lf.sweep(function, grid, store=store, **QUIET)
    lf.sweep(old, {"x": [1, 2]}, store=store, **QUIET)


def test_words_about_results_must_fit_the_store(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    words: dict[str, Any] = {"store": store, **QUIET}
    data = lf.sweep(draw, GRID, dims={"curve": "time"}, **words)
    for wrong, match in (
        ({"dims": {"curve": "step"}}, r"\['time'\] in the store, not \['step'\]"),
        ({"dims": {"curve": ("time", "step")}}, "curve has 1 dimensions of its own"),
        ({"dims": {"path": "time"}}, "dims: 'path' must be one of"),
        ({"attrs": {"path": {}}}, "attrs: 'path' must be one of"),
    ):
        with pytest.raises(ValueError, match=match):
            lf.sweep(draw, GRID, **wrong, **words)
    same(lf.sweep(draw, GRID, **words), data)  # as they are there
    attrs: dict[str, Any] = {"x": {}, "total": {}}
    same(lf.sweep(draw, GRID, dims={"curve": ("time",)}, attrs=attrs, **words), data)


HARMS = [
    *((name, harm) for name in ("value", "x") for harm in ("flip", "cut", "remove")),
    # As a power cut may leave them.
    *((name, "zero") for name in ("value", "status", "checksum")),
    *((name, "empty") for name in ("value", "status", "checksum")),
    ("status", "flip"),
    ("checksum", "remove"),
]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_damage_is_found_named_and_mended(tmp_path: Path, name: str, harm: str) -> None:
    log, store = tmp_path / "log", tmp_path / "store.zarr"
    axis = np.linspace(0, 1, 6)
    data = grown(log, store, axis, axis, batch=4)
    chunk = store / name / "c" / "3"
    whole = chunk.read_bytes()
    if harm == "remove":
        chunk.unlink()
    else:
        flipped = whole[:-1] + bytes([whole[-1] ^ 0x10])
        chunk.write_bytes(
            {
                "flip": flipped,
                "cut": whole[:-5],
                "zero": bytes(len(whole)),
                "empty": b"",
            }[harm]
        )
    (finding,) = lf.store.check(store)
    assert finding.startswith("batch 3")
    if harm == "cut":
        assert f"{name}: 91 bytes instead of 96" in finding
    with pytest.raises(lf.StoreDamaged, match=r"batch 3 .*4 of 36 cells .*'repair'"):
        grown(log, store, axis, axis)
    with pytest.raises(lf.StoreDamaged):
        lf.store.load(store)
    assert len(calls(log)) == 36
    same(grown(log, store, axis, axis, resume="repair"), data)
    assert len(calls(log)) == 40
    assert set(calls(log)[36:]) < set(calls(log)[:36])
    assert lf.store.check(store) == []
    same(lf.store.load(store), data)


def test_a_power_cut_is_seen(tmp_path: Path) -> None:
    """The last files written are there without what was in them, statuses too."""
    log, store = tmp_path / "log", tmp_path / "store.zarr"
    axis = np.linspace(0, 1, 6)
    data = grown(log, store, axis, axis, batch=4)
    for slot in (7, 8):
        for chunk in store.glob(f"*/c/{slot}"):
            chunk.write_bytes(b"")
    (store / "value" / "zarr.json").write_bytes(b"")  # not needed to read it here
    findings = lf.store.check(store)
    assert [one[:8] for one in findings] == ["batch 7:", "batch 8:"]
    with pytest.raises(lf.StoreDamaged, match="8 of 36 cells are to be computed"):
        lf.store.load(store)
    same(grown(log, store, axis, axis, resume="repair"), data)
    assert len(calls(log)) == 36 + 8
    flat = xr.open_zarr(store, consolidated=False).load()
    assert int((flat.status != 0).sum()) == 36


def test_the_record_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store could not be read without it; chunks have checksums."""
    synced: list[int] = []
    sync = os.fsync

    def note(file: int) -> None:
        synced.append(os.fstat(file).st_ino)
        sync(file)

    monkeypatch.setattr(os, "fsync", note)
    store, axis = tmp_path / "store.zarr", np.linspace(0, 1, 6)
    grown(tmp_path / "log", store, axis, axis, batch=4)
    assert synced[-1] == (store / "zarr.json").stat().st_ino
    assert len(synced) <= 4  # not one for each batch
    (store / "zarr.json").write_bytes(b"")
    with pytest.raises(ValueError, match=r"its zarr\.json is damaged"):
        lf.store.load(store)


def test_failed_cells_are_tried_again_on_request(tmp_path: Path) -> None:
    store, flag = tmp_path / "store.zarr", tmp_path / "flag"

    def value(x: float) -> float:
        if x == 2 and not flag.exists():
            raise OSError(errno.EIO, "not yet")
        return x

    grid = {"x": [1.0, 2.0, 3.0]}
    words: dict[str, Any] = {"store": store, **QUIET}
    first = lf.sweep(value, grid, **words)
    assert "not yet" in first.reason.values[1]
    flag.touch()
    same(lf.sweep(value, grid, **words), first)
    data = lf.sweep(value, grid, resume="retry", **words)
    assert data.value.values.tolist() == [1.0, 2.0, 3.0]
    assert "reason" not in data
    same(lf.store.load(store), data)
    flag.unlink()  # what was computed once is not lost to a later failure
    same(lf.sweep(value, grid, resume="retry", **words), data)


def test_any_reader_of_zarr_can_read_it(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    grid = {"x": [0.5, 1.5], "kind": ["b", "a"]}

    def value(x: float, kind: str) -> dict[str, Any]:
        return {"y": [x, float(kind == "a")], "z": x * 1j}

    data = lf.sweep(value, grid, store=store, dims={"y": "side"}, **QUIET)
    same(lf.store.load(store).sel(kind=data.kind), data)
    flat = xr.open_zarr(store, consolidated=False).load()
    done = flat.isel(cell=flat.status.values != 0)
    assert done.y.dims == ("cell", "side")
    assert sorted(done.y.values[:, 0].tolist()) == [0.5, 0.5, 1.5, 1.5]
    labels = flat.attrs["labels"]["kind"]
    for i in range(4):
        cell = data.sel(x=done.x[i], kind=labels[int(done.kind[i])])
        assert done.z[i] == cell.z
    kinds = {array.dtype.kind for _, array in zarr.open_group(store, mode="r").arrays()}
    assert kinds <= set("fiucb")  # nothing that could be pickled


@pytest.mark.parametrize(("batch", "pieces"), [(64, 32), (16, 16), (100, 25), (37, 1)])
def test_parts_of_chunks_take_no_room(tmp_path: Path, batch: int, pieces: int) -> None:
    store = tmp_path / "store.zarr"

    def value(x: float) -> dict[str, Any]:
        return {"y": x, "z": [x, 1j * x]}

    axis = np.arange(150.0)
    data = lf.sweep(value, {"x": axis}, store=store, batch=batch, **QUIET)
    last, piece = 150 % batch, batch // pieces
    stored = -(-last // piece) * piece
    file = store / "y" / "c" / str(150 // batch)
    assert file.stat().st_size == 16 * pieces + 8 * stored
    flat = xr.open_zarr(store, consolidated=False).load()
    done = flat.isel(cell=flat.status.values != 0).sortby("x")
    np.testing.assert_array_equal(done.y, data.y)
    np.testing.assert_array_equal(done.z, data.z)
    assert np.isnan(flat.y.values[150:]).all()
    assert np.isnan(flat.z.values[150:]).all()
    same(lf.store.load(store), data)


def test_export_to_netcdf(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"

    def value(x: float) -> float:
        return 1 / x

    data = lf.sweep(value, {"x": [0.0, 2.0]}, seeds=2, store=store, **QUIET)
    assert (data.sel(x=0).status == lf.Status.USER_ERROR).all()
    file = lf.store.to_netcdf(store, tmp_path / "out.nc")
    with xr.open_dataset(file, engine="h5netcdf") as read:
        np.testing.assert_array_equal(read.value, data.value)
        assert "ZeroDivisionError" in str(read.reason.sel(x=0, seed=1).item())
        assert read.attrs["rng_entropy"] == "0"
    assert [one.name for one in tmp_path.iterdir() if one.name[0] == "."] == []


def test_a_full_disk_leaves_a_valid_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, store = tmp_path / "log", tmp_path / "store.zarr"
    axis = np.linspace(0, 1, 6)
    replace, written = os.replace, []

    def full(source: Any, target: Any) -> None:
        if "c" in Path(target).parts:  # a chunk
            written.append(target)
        if len(written) > 27:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match=r"No space left .* to go on") as caught:
            grown(log, store, axis, axis, batch=2)
    assert caught.value.errno == errno.ENOSPC
    assert isinstance(caught.value.partial, xr.Dataset)  # type: ignore[attr-defined]
    assert lf.store.check(store) == []
    kept = int((lf.store.load(store).status != 0).sum())
    assert 0 < kept < 36
    called = len(calls(log))
    data = grown(log, store, axis, axis)
    assert len(calls(log)) - called == 36 - kept
    assert not list(store.glob("**/*.partial"))
    same(data, lf.sweep(logged, {"x": axis, "y": axis}, fixed=_fixed(log), **QUIET))


def test_places_that_can_not_be_written(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(OSError, match="store: can't write"):
        grown(log, file / "store.zarr", [1.0], [1.0])
    with pytest.raises(ValueError, match="can't be read as a Zarr group"):
        grown(log, file, [1.0], [1.0])
    with pytest.raises(ValueError, match=r"a Zarr group: it has no zarr\.json"):
        grown(log, tmp_path, [1.0], [1.0])
    with pytest.raises(ValueError, match="store must be the path of a folder, not ''"):
        lf.sweep(logged, {"x": [1], "y": [1]}, fixed=_fixed(log), store="", **QUIET)
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with pytest.raises(ValueError, match="not written by linflow's sweeps"):
        grown(log, tmp_path / "other.zarr", [1.0], [1.0])
    zarr.open_group(tmp_path / "old.zarr", mode="w", attributes={"linflow_store": 1})
    with pytest.raises(ValueError, match="has layout 1 of linflow's stores, this"):
        grown(log, tmp_path / "old.zarr", [1.0], [1.0])
    with pytest.raises(FileNotFoundError, match="does not exist"):
        lf.store.load(tmp_path / "none.zarr")
    (tmp_path / "none.zarr").mkdir()
    with pytest.raises(FileNotFoundError, match="is an empty folder"):
        lf.store.load(tmp_path / "none.zarr")
    assert calls(log) == []  # all before any work


def test_partial_results_can_be_loaded_meanwhile(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    seen: list[int] = []

    def look(done: int) -> None:
        if store.exists():
            partial = lf.store.load(store)
            assert dict(partial.sizes) == {"gamma_w": 20, "gamma_sigma2": 20, "seed": 1}
            finished = partial.status != lf.Status.PENDING
            assert np.isfinite(partial.min_test_error.where(finished)).sum() == (
                finished.sum()
            )
            seen.append(int(finished.sum()))

    data = diagram(str(store), progress=look)
    assert seen == sorted(seen)
    assert any(0 < one < 400 for one in seen)
    same(data, diagram(None))
