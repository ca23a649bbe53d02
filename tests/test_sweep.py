"""`lf.sweep`: against plain loops; streams, statuses, bad input."""

from __future__ import annotations

import concurrent.futures as cf
import enum
import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

import linflow as lf
from linflow import _streams as streams
from linflow.protocol import published_step_size
from sweeping import GRID, draw, same

if TYPE_CHECKING:
    from pathlib import Path

QUIET: dict[str, Any] = {"progress": False}


def test_equals_a_loop() -> None:
    data = lf.sweep(
        draw,
        GRID,
        seeds=2,
        dims={"curve": "time"},
        attrs={"total": {"units": "1"}, "x": {"long_name": "abscissa"}},
        **QUIET,
    )
    assert data.total.dims == ("x", "n", "seed")
    assert data.curve.dims == ("x", "n", "seed", "time")
    assert data.total.attrs == {"units": "1"}
    assert data.x.attrs == {"long_name": "abscissa"}
    assert (data.status == lf.Status.REACHED_END).all()
    assert (data.duration > 0).all()
    for x in GRID["x"]:
        for n in GRID["n"]:
            for seed in range(2):
                # Repetition number `seed` of root 0 is the root `seed` below it.
                root = streams.root(np.random.SeedSequence(0, spawn_key=(seed,)))
                expected = draw(x, n, streams.of_cell(root, {"x": x, "n": n}))
                cell = data.sel(x=x, n=n, seed=seed)
                assert float(cell.total) == expected["total"]
                np.testing.assert_array_equal(cell.curve, expected["curve"])


def test_streams_depend_on_names_and_values_only() -> None:
    data = lf.sweep(draw, GRID, **QUIET)
    turned = lf.sweep(
        draw, {"n": [3, 2, 1], "x": [2.0, 0.5, 0.0, -1.5]}, **QUIET
    ).transpose("x", "n", "curve_0")
    same(data, turned.sel(x=data.x, n=data.n))
    values = data.curve.values.reshape(-1, 3) - np.repeat(GRID["x"], 2)[:, None]
    assert np.unique(values).size == values.size
    other = lf.sweep(draw, GRID, rng=1, **QUIET)
    assert (other.curve != data.curve).all()
    later = lf.sweep(draw, GRID, rng=0, seeds=3, **QUIET)
    same(data, later.isel(seed=0, drop=True))


def test_equals_the_phase_diagram() -> None:
    """The same cells by single runs: the shared root pairs tasks and networks."""

    def cell(gamma_w: float, gamma_sigma2: float, root: Any) -> dict[str, Any]:
        task = lf.low_rank_task(16, 2, rng=root)
        assert task.truth is not None
        norm = float(np.linalg.norm(task.truth, 2))
        run = lf.gradient_descent(
            task,
            lf.Gaussian(16.0**gamma_w, 16.0**gamma_sigma2),
            step_size=float(
                published_step_size(gamma_sigma2, gamma_w, d=16, truth_norm=norm)
            ),
            stop=lf.stop.published,
            rng=root,
        )
        assert run.test_error is not None
        return {"min_test_error": run.test_error.min(), "status": run.status}

    axes: dict[str, Any] = {"gamma_w": [1.0, 2.0], "gamma_sigma2": [-2.0, -1.0]}
    data = lf.sweep(cell, axes, seeds=2, **QUIET)
    diagram = lf.phase_diagram(16, 2, **axes, seeds=2, **QUIET)
    np.testing.assert_array_equal(data.status, diagram.status)
    np.testing.assert_allclose(data.min_test_error, diagram.min_test_error, rtol=1e-12)


def test_words_integers_and_complex_values() -> None:
    def value(kind: str, n: int, on: bool) -> complex:
        assert isinstance(kind, str)
        assert isinstance(n, int)
        assert isinstance(on, bool)
        return len(kind) + n * 1j + on

    grid = {"kind": ["lazy", "balanced"], "n": [2, 1], "on": [False, True]}
    data = lf.sweep(value, grid, **QUIET)
    assert data.value.dtype == np.complex128
    assert data.value.sel(kind="balanced", n=1, on=True) == 9 + 1j
    assert data.n.values.tolist() == [2, 1]


def test_what_a_function_may_ask_for() -> None:
    def value(seed: int, n_threads: int, scale: float, x: float) -> float:
        return scale * x + seed + n_threads

    data = lf.sweep(
        value, {"x": [1.0]}, seeds=3, n_threads=4, fixed={"scale": 2.0}, **QUIET
    )
    assert data.value.values.ravel().tolist() == [6.0, 7.0, 8.0]
    # A partial's keywords count as settings; an axis of the name is the user's own.
    own = functools.partial(value, scale=0.0, n_threads=0)
    data = lf.sweep(own, {"x": [1.0], "seed": [5, 7]}, **QUIET)
    assert data.value.values.tolist() == [[5.0, 7.0]]


def test_a_call_that_raises_is_a_status() -> None:
    def value(x: float) -> dict[str, Any]:
        if x == 2:
            message = "not two"
            raise LookupError(message)
        return {"y": x, "status": -1 if x == 3 else 2}

    data = lf.sweep(value, {"x": [1, 2, 3]}, **QUIET)
    assert data.status.values.tolist() == [2, lf.Status.USER_ERROR, -1]
    assert data.reason.values.tolist() == ["", "LookupError: not two", ""]
    np.testing.assert_array_equal(data.y, [1, np.nan, 3])
    assert data.attrs["function"].endswith("value")
    failed = lf.sweep(value, {"x": [2]}, **QUIET)
    assert set(failed.data_vars) == {"status", "duration", "reason"}


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ("word", "must return numbers"),
        ({"status": 1, "duration": 2.0}, "name 'duration'"),
        ({"y": 1.0, "status": 0}, "status 0"),
        ({"y": 1.0, "status": 17}, "17 is not a valid Status"),
        ({"x": 2.0}, "name 'x', an axis"),
    ],
)
def test_answers_that_can_not_be_stored(answer: Any, match: str) -> None:
    data = lf.sweep(lambda x: answer, {"x": [1]}, **QUIET)
    assert data.status.item() == lf.Status.USER_ERROR
    assert match in data.reason.item()


def test_results_must_be_alike() -> None:
    for batch in (1, 2):
        with pytest.raises(ValueError, match=r"same names, shapes") as caught:
            lf.sweep(lambda n: np.zeros(n), {"n": [1, 2]}, batch=batch, **QUIET)
    assert isinstance(caught.value.partial, xr.Dataset)  # type: ignore[attr-defined]


def test_dimensions_must_fit_each_other() -> None:
    for dims in ({"a": "t", "b": "t"}, {"c": ("t", "t")}):
        with pytest.raises(ValueError, match=r"dims: .* must ") as caught:
            lf.sweep(
                lambda x: {"a": [x], "b": [x, x], "c": [[x]]},
                {"x": [1, 2]},
                dims=dims,
                **QUIET,
            )
        assert isinstance(caught.value.partial, xr.Dataset)  # type: ignore[attr-defined]


@pytest.mark.parametrize("dim", ["status", "cell", "b", "a"])
def test_dimensions_are_no_names_of_something_else(dim: str) -> None:
    words: dict[str, Any] = {"dims": {"a": (dim,)}, **QUIET}
    with pytest.raises(ValueError, match=r"dims: those of a must differ .*all other"):
        lf.sweep(lambda x: {"a": [x], "b": x}, {"x": [1]}, **words)
    with pytest.raises(ValueError, match=r"all other .* they are \['a_0'\]"):
        lf.sweep(lambda x: {"a": [x], "a_0": x}, {"x": [1]}, **QUIET)


def test_progress_counts_cells_and_names_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    lf.sweep(draw, GRID, progress=seen.append)
    assert seen[-1] == 6
    assert seen == sorted(seen)
    # stderr is no terminal here: lines for a log, none for short work.
    lf.sweep(draw, GRID)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("linflow._progress.LOG_EVERY", 0.0)
    lf.sweep(draw, GRID)
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("6/6 cell in")
    assert said[-1].endswith("6 reached end")
    assert "cell/s" in said[-1]


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        ({"function": 3}, TypeError, "function must be callable"),
        (
            {"grid": {"x": [1]}},
            TypeError,
            "can't be called with x, rng: missing",
        ),
        ({"fixed": {"m": 1}}, TypeError, "can't be called with .* unexpected .* 'm'"),
        ({"fixed": {"n": 1}}, ValueError, "fixed: 'n' is an axis"),
        ({"grid": {}}, TypeError, "grid must be a mapping"),
        ({"grid": {"x": []}}, ValueError, "x must be a non-empty sequence"),
        ({"grid": {"x": [1, 1]}}, ValueError, "x must not repeat"),
        ({"grid": {"x": [np.nan]}}, ValueError, "x must be finite"),
        ({"grid": {"a b": [1]}}, ValueError, "named like a variable"),
        ({"grid": {"x": [[1, 2]]}}, ValueError, "x must be a non-empty sequence"),
        ({"grid": {"x": [{}]}}, ValueError, "x must be a non-empty sequence"),
        ({"grid": {"status": [1]}}, ValueError, "'status' is a name of"),
        ({"grid": {"seed": [1]}, "seeds": 2}, ValueError, "'seed' is a name of"),
        ({"grid": {"x": [1, "a"]}}, ValueError, "numbers or strings, not both"),
        ({"grid": {"x": [2**63 + 5]}}, ValueError, r"x must be below 2\^63, not 9223"),
        ({"grid": {"x": [-1, 2**63 + 5]}}, ValueError, r"x must be below 2\^63, not 9"),
        ({"seeds": 0}, ValueError, "seeds must be an integer >= 1"),
        ({"batch": 0}, ValueError, "batch must be an integer >= 1"),
        ({"n_threads": 0}, ValueError, "n_threads must be"),
        ({"resume": "yes"}, ValueError, "resume must be True, False"),
        ({"resume": "repair"}, ValueError, "where store is None, not 'repair'"),
        ({"executor": 0}, ValueError, "executor must be an integer >= 1"),
        ({"executor": 1.5}, TypeError, "executor must be None, a number"),
        (
            {"executor": 2, "function": lambda x, n: x},
            TypeError,
            "must be picklable for worker",
        ),
        ({"dims": {"curve": ("a", "b")}}, ValueError, "dims: curve has 1"),
        ({"dims": {"curve": ("x",)}}, ValueError, "dims: those of curve must differ"),
        ({"dims": {"path": ("a",)}}, ValueError, "dims: 'path' must be one of"),
        ({"dims": ["curve"]}, TypeError, "dims must be a mapping or None"),
        (
            {"dims": {"curve": 5}},
            TypeError,
            r"dims\['curve'\] must be a name or names, ",
        ),
        (
            {"dims": {"curve": (1,)}},
            TypeError,
            r"dims\['curve'\] must be a name or names",
        ),
        ({"attrs": {"curve": "m"}}, TypeError, r"attrs\['curve'\] must be a mapping"),
        ({"fixed": {1: 2}}, TypeError, "fixed: 1 must be a name"),
        (
            {"grid": {"x": np.ma.masked_array([1, 2], [False, True])}},
            ValueError,
            "masked",
        ),
        ({"store": "s3://bucket/best.zarr"}, ValueError, "store must be the path of"),
        ({"store": b"best.zarr"}, TypeError, "store must be the path of a folder"),
        ({"executor": np.int64(0)}, ValueError, "executor must be an integer >= 1"),
        ({"attrs": {"path": {}}}, ValueError, "attrs: 'path' must be one of"),
        ({"store": 5}, TypeError, "store must be the path of a folder, or None, not 5"),
        ({"dims": 3}, TypeError, "dims must be a mapping or None, not 3"),
        ({"fixed": ["n"]}, TypeError, "fixed must be a mapping or None, not "),
        ({"rng": -1}, ValueError, "rng must be a non-negative"),
    ],
)
def test_bad_input(
    keywords: dict[str, Any], error: type[Exception], match: str
) -> None:
    words: dict[str, Any] = {"function": draw, "grid": GRID, **QUIET} | keywords
    with pytest.raises(error, match=match):
        lf.sweep(words.pop("function"), words.pop("grid"), **words)


Name = enum.Enum("Name", {"LONG": "lambda-balanced", "SHORT": "rich"}, type=str)


def test_words_of_an_enumeration_are_their_values() -> None:
    data = lf.sweep(lambda kind: len(kind), {"kind": list(Name)}, **QUIET)
    assert data.kind.values.tolist() == ["lambda-balanced", "rich"]
    assert data.value.values.tolist() == [15.0, 4.0]


class Silent(Exception):
    """An error that has no words."""

    def __str__(self) -> str:
        raise RuntimeError


def _fails(x: int) -> float:
    if x == 1:
        message = "a name \udc80 that is not UTF-8, a \0"
        raise OSError(message)
    if x == 2:
        raise Silent
    if x == 3:
        raise ValueError("é" * 100_000)
    if x == 4:
        sys.exit("wrong parameters")
    return float(x)


def test_reasons_are_stored_whatever_is_raised(tmp_path: Path) -> None:
    store = tmp_path / "store.zarr"
    words: dict[str, Any] = {"store": store, **QUIET}
    with cf.ThreadPoolExecutor(1) as executor:
        data = lf.sweep(_fails, {"x": range(6)}, executor=executor, **words)
    assert data.status.values.tolist() == [1, -3, -3, -3, -3, 1]
    reasons = data.reason.values.tolist()
    assert reasons[1] == "OSError: a name \\udc80 that is not UTF-8, a \\0"
    assert reasons[2] == "Silent, which can't say what it is"
    assert reasons[3].startswith("ValueError: éé")
    assert reasons[4] == "SystemExit: wrong parameters"
    same(lf.store.load(store), data)
    lf.store.to_netcdf(store, tmp_path / "store.nc")


def test_a_long_reason_costs_no_more_than_a_store_keeps() -> None:
    data = lf.sweep(
        lambda x: _fails(x if x == 3 else 0), {"x": range(2000)}, batch=1000, **QUIET
    )
    assert data.reason.nbytes < 2000 * 4 * 241


def test_exit_in_the_drivers_thread_ends_the_sweep() -> None:
    with pytest.raises(SystemExit) as end:
        lf.sweep(_fails, {"x": [0, 5, 4, 6]}, **QUIET)
    partial = end.value.partial  # type: ignore[attr-defined]
    assert partial.status.values.tolist() == [1, 1, 0, 0]


def test_masked_results_are_refused() -> None:
    def value(x: int) -> Any:
        return np.ma.masked_array([1.0, 2.0], [x == 1, False])

    data = lf.sweep(value, {"x": [0, 1]}, **QUIET)
    assert data.status.values.tolist() == [1, -3]
    assert "of value some are masked" in str(data.reason.values[1])


def test_results_that_differ_are_told_with_their_cell() -> None:
    def value(x: int, y: float) -> Any:
        return [1.0, 2.0] if x == 2 else 1.0

    with pytest.raises(ValueError, match=r"the one is that of x = 2, y = 0\.5"):
        lf.sweep(value, {"x": [0, 1, 2], "y": [0.5]}, batch=3, **QUIET)
