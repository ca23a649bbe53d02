"""The command line, as a user would call it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import xarray as xr

import linflow as lf
from linflow.cli import main
from sweeping import cluster, same

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--d", "16", "--rank", "2", "--grid", "3", "--quiet"]


@pytest.mark.parametrize("extra", [[], ["--published"], ["--paper", "--seeds", "2"]])
def test_phase_diagram(
    extra: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "map"
    assert main(["phase-diagram", *SMALL, *extra, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"picture: {out}.png" in said.out
    assert "cells, d = 16" in said.out
    assert (tmp_path / "map.png").stat().st_size > 10_000
    with xr.open_zarr(tmp_path / "map.zarr", consolidated=False) as data:
        assert data.sizes["gamma_w"] == 3
        low = -2.2 if extra == ["--published"] else -3.0
        assert float(data.gamma_sigma2[0]) == low
        assert ("distance" in data) == ("--paper" in extra)
        assert data.sizes["seed"] == (2 if "--seeds" in extra else 1)


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    for rng, name in enumerate(("map.png", "map.PNG")):
        out = ["--out", str(tmp_path / name), "--rng", str(rng)]
        assert main(["phase-diagram", *SMALL, *out]) == 0
    with xr.open_zarr(tmp_path / "map.zarr", consolidated=False) as data:
        assert data.attrs["rng_entropy"] == "1"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.png", "map.zarr"]


def test_netcdf_panels_and_limits(tmp_path: Path) -> None:
    arguments = ["--data", "netcdf", "--panels", "distance", "steps"]
    limits = ["--gamma-sigma2", "-2", "-1", "--gamma-w", "1", "2"]
    out = tmp_path / "map"
    assert main(["phase-diagram", *SMALL, *arguments, *limits, "--out", str(out)]) == 0
    with xr.open_dataset(tmp_path / "map.nc", engine="h5netcdf") as data:
        assert float(data.gamma_w[-1]) == 2
        assert "distance" in data


def test_phase_diagram_with_a_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = tmp_path / "map", tmp_path / "store.zarr"
    arguments = ["phase-diagram", *SMALL, "--out", str(out), "--store", str(store)]
    store.mkdir()  # an empty folder is none
    assert main([*arguments, "--workers", "1", "--no-resume"]) == 0
    before = lf.store.load(store)
    assert main([*arguments, "--seeds", "2"]) == 0
    after = lf.store.load(store)
    assert after.attrs["sessions"] == 2
    same(after.isel(seed=[0]), before)
    with xr.open_zarr(tmp_path / "map.zarr", consolidated=False) as data:
        same(data.load(), after)
    capsys.readouterr()
    assert main([*arguments, "--no-resume"]) == 2
    assert "exists; resume it (--resume)" in capsys.readouterr().err
    assert main([*arguments, "--repair", "--no-resume"]) == 2
    assert "with a --store; --no-resume does not" in capsys.readouterr().err
    assert main([*arguments[:-2], "--retry"]) == 2
    assert "--retry goes on with a --store; none is named" in capsys.readouterr().err
    assert main([*arguments, "--rng", "1"]) == 2
    assert "rng_entropy = 0, not 1" in capsys.readouterr().err
    (store / "steps" / "c" / "0").unlink()
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "is damaged in batch 0" in said
    assert "--repair computes them again" in said
    assert main([*arguments, "--repair"]) == 0
    same(lf.store.load(store).isel(seed=[0]), before)


def test_data_never_replace_a_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "map.zarr"
    small = ["phase-diagram", *SMALL]
    assert main([*small, "--out", str(tmp_path / "map"), "--store", str(store)]) == 2
    assert not store.exists()  # refused before any work
    assert main([*small, "--out", str(tmp_path / "x"), "--store", str(store)]) == 0
    before = lf.store.load(store)
    assert main([*small, "--out", str(tmp_path / "map.png")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert all(
        "the data would replace the store" in line for line in (said[0], said[-1])
    )
    same(lf.store.load(store), before)


def test_phase_diagram_on_a_scheduler(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "map")]
    with cluster(1) as made:
        address = ["--scheduler", made.scheduler_address]
        assert main(["phase-diagram", *SMALL, *out, *address]) == 0
    with xr.open_zarr(tmp_path / "map.zarr", consolidated=False) as data:
        assert (data.status > 0).all()


def test_dynamics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    arguments = ["--d", "30", "--rank", "2", "--steps", "40", "--quiet"]
    assert main(["dynamics", *arguments, "--out", str(out)]) == 0
    assert "self-consistent" in capsys.readouterr().out
    assert (tmp_path / "run.png").stat().st_size > 10_000
    assert main(["dynamics", *arguments, "--steps", "1", "--out", f"{out}.svg"]) == 0
    assert "cross the threshold: none, none" in capsys.readouterr().out
    assert (tmp_path / "run.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert main(["dynamics", *arguments, "--out", str(out)]) == 0
    with xr.open_zarr(tmp_path / "run.zarr", consolidated=False) as data:
        assert dict(data.sizes)["time"] == 41
        assert (
            data.dynamics.attrs["flag_meanings"] == "gradient_descent self_consistent"
        )


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    assert "instruction set" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--d", "1"], "--d must be an integer >= 2, not 1"),
        (["--rank", "99"], "--rank must be at most d"),
        (["--grid", "0"], "--grid must be an integer >= 1, not 0"),
        (["--grid", "1", "--gamma-w", "1", "2"], "--gamma-w must be one value, twice"),
        (["--gamma-w", "-1", "2"], "--gamma-w must be between 0 and"),
        (["--gamma-sigma2", "nan", "0"], "--gamma-sigma2 must be a real number"),
        (["--gamma-sigma2", "-inf", "-1e-1"], "--gamma-sigma2 must be a real number"),
        (["--noise", "1e200"], "--noise must be at most 1e+140, not 1e+200"),
        (["--workers", "0"], "--workers must be an integer >= 1, not 0"),
        (["--scheduler", "here"], "--scheduler: 'here' is not the address"),
        (["--panels", "colour"], "--panels must be one of"),
        (["--seeds", "0"], "--seeds must be"),
        (["--gamma-sigma2", "800", "900"], "--gamma-sigma2 must be between"),
        (["--rng", "-4"], "--rng must be a non-negative integer"),
        (["--dtype", "int8"], "--dtype must be"),
        (["--threads", "0"], "--threads must be"),
        (["--out", "no/such/folder/map"], "does not exist"),
        (["--out", "."], "must name a file"),
        (["--out", "new/"], "must name a file, not the folder 'new/'"),
        (["--out", f"{__file__}/map"], "is not a folder"),
        (["--out", "map.jpg"], "--out may end in .png, .svg, .pdf or in no format"),
        (["--out", "map.JPG"], "or in no format, not in '.JPG'"),
        (["--out", "map.nc"], "not in '.nc'; --data is the format of the data"),
        (["--store", ""], "--store must be the path of a folder, not ''"),
        (["--grid", "1000000"], "lower --seeds or --grid"),
        (["--threads", "99999999999"], "lower --d or --threads"),
    ],
)
def test_bad_input(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["phase-diagram", *SMALL, *arguments]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["phase-diagram", "--d", "nan"], "argument --d: invalid int value: 'nan'"),
        (["phase-diagram", "--panels"], "argument --panels: expected at least one"),
        (["dynamics", "--data", "csv"], "argument --data: invalid choice: 'csv'"),
        (["figure", "unified", "--bogus"], "figure: unrecognized arguments: --bogus"),
        (["info", "more"], "info: unrecognized arguments: more (linflow info --help"),
        (["dynamics", "--paper", "--d", "9"], "--d: not allowed with argument --paper"),
        ([], "required: COMMAND"),
    ],
)
def test_usage_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gamma-w", "1e9"], "--gamma-w must be between 0 and 16.6"),
        (["--gamma-sigma2", "-1e9"], "--gamma-sigma2 must be between -332 and 144"),
        (["--steps", "-1"], "--steps must be an integer >= 1, not -1"),
        (["--step-size", "0"], "--step-size must be a real number > 0"),
        (["--steps", "0"], "--steps must be an integer >= 1, not 0"),
        (["--steps", "99999999999"], "lower --steps or --top"),
        (["--step-size", "1e9"], "use a smaller --step-size"),
        (["--d", "9000000", "--gamma-w", "1"], "a task of 9000000 x 9000000 would"),
        (["--d", "9000000", "--gamma-w", "1"], ": lower --d\n"),
    ],
)
def test_dynamics_bad_input(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dynamics", "--d", "8", "--rank", "2", "--quiet", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "more", "said", "kept"),
    [
        ("phase-diagram", "", r"after \d of 9 cells; those finished are in map", True),
        ("phase-diagram", "--store cells", "cells' holds those finished: call", False),
        ("dynamics", "--steps 100000", r"save point \d+; nothing was written$", False),
    ],
)
def test_ctrl_c_says_where_finished_work_is(
    command: str,
    more: str,
    said: str,
    kept: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(done: int) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    name = "phase_diagram" if command == "phase-diagram" else "gradient_descent"
    run = getattr(lf, name)
    words = {"batch": 1} if command == "phase-diagram" else {}

    def interrupted(*arguments: object, **keywords: object) -> object:
        return run(*arguments, **keywords | words | {"progress": interrupt})

    monkeypatch.setattr(lf, name, interrupted)
    monkeypatch.chdir(tmp_path)
    small = SMALL if command == "phase-diagram" else ["--d", "16", "--rank", "2"]
    assert main([command, *small, *more.split(), "--out", "map"]) == 130
    told = capsys.readouterr().err
    assert re.search(f"^linflow {command}: interrupted .*{said}", told), told
    assert told.count("\n") == 1
    assert (tmp_path / "map.zarr").exists() == kept
    if kept:
        with xr.open_zarr(tmp_path / "map.zarr", consolidated=False) as data:
            assert 2 <= int((data.status != 0).sum()) < 9


def test_a_diagram_of_diverged_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    huge = ["--dtype", "float32", "--gamma-sigma2", "80", "100"]
    huge += ["--out", str(tmp_path / "map")]
    assert main(["phase-diagram", *SMALL, "--d", "8", "--rank", "2", *huge]) == 0
    assert "no minimal test error is known" in capsys.readouterr().out


def test_output_that_nobody_reads_is_no_error() -> None:
    """As with a pipe to head, which has seen enough."""
    code = "import sys; from linflow.cli import main; sys.exit(main(['info']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_output_that_the_terminal_can_not_show(encoding: str, tmp_path: Path) -> None:
    """Such as the path of what was computed."""
    code = "import sys; from linflow.cli import main; sys.exit(main(sys.argv[1:]))"
    name = "n\N{LATIN SMALL LETTER O WITH DIAERESIS}\udcff"
    arguments = ["dynamics", "--d", "4", "--rank", "1", "--out", str(tmp_path / name)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONIOENCODING": f"{encoding}:strict"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\udcff.png" in done.stdout


def test_stdout_stays_as_strict_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls `main` from Python prints by their own rules afterwards."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    for arguments, code in ((["info"], 0), (["dynamics", "--d", "0"], 2)):
        assert main(arguments) == code
        assert stream.errors == "strict"


def test_no_output_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as after >&-
    assert main(["info"]) == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"linflow {lf.__version__}\n"


@pytest.mark.parametrize("command", [[], ["--help"], ["phase-diagram", "--help"]])
def test_help_needs_no_heavy_import(command: list[str]) -> None:
    code = f"""
import sys
from linflow.cli import main
try:
    main({command!r})
except SystemExit as end:
    assert end.code == {0 if command else 2}, end.code
heavy = {{"xarray", "matplotlib", "zarr", "tqdm"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_as_a_module() -> None:
    words = [sys.executable, "-m", "linflow", "info"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("version")
    done = subprocess.run([*words, "--no"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("linflow info: unrecognized arguments: --no")
