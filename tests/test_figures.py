"""Figures by name: the registry, the command, and what each figure claims."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import xarray as xr

from linflow import figures
from linflow.cli import main
from linflow.figures import taj_dynamics

if TYPE_CHECKING:
    from pathlib import Path


FIGURES = """
dap-continual dap-kernel dap-representations dap-reversal dap-transfer
taj-dynamics taj-phase unified xz-mechanisms xz-phase xz-solution
"""


def test_names_and_modules_agree() -> None:
    assert figures.names() == tuple(FIGURES.split())
    for name in figures.names():
        module = figures._module(name)
        assert name == module.NAME
        assert figures.summary(name) == module.SUMMARY
        assert len(module.SUMMARY) < 80
        assert "\n" not in module.SUMMARY


def test_listing_needs_no_heavy_import() -> None:
    code = """
import sys
from linflow.cli import main
assert main(["figure", "--list"]) == 0
heavy = {"xarray", "matplotlib", "zarr", "tqdm"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*figures.names()]


@pytest.mark.parametrize("name", ["nonsense", "taj_dynamics", "", "_panels"])
def test_unknown_names_list_the_known(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"name must be one of \[.*'taj-dynamics'"):
        figures.draw(name)
    with pytest.raises(ValueError, match=r"name must be one of"):
        figures.summary(name)
    assert main(["figure", name]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(known in said for known in figures.names())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "NAME must be given, one of"),
        (["taj-dynamics", "--format", "gif"], "--format must be one of ['png', 'svg'"),
        (["taj-dynamics", "--out", "no/such/folder/x"], "does not exist"),
        (["taj-dynamics", "--rng", "-1"], "rng must be a non-negative integer"),
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
    assert main(["figure", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a figure quick."""
    draw = taj_dynamics.draw
    monkeypatch.setattr(taj_dynamics, "draw", lambda rng=0: draw(rng, d=16))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ([], ["taj-dynamics.png", "taj-dynamics.zarr"]),
        (["--out", "a.svg", "--data", "netcdf"], ["a.nc", "a.svg"]),
        (
            ["--format", "pdf", "svg", "pdf", "--out", "a.png"],
            ["a.pdf", "a.svg", "a.z"],
        ),
    ],
)
def test_command_writes_pictures_and_data(
    arguments: list[str],
    written: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["figure", "taj-dynamics", *arguments, "--rng", "3"]) == 0
    found = sorted(tmp_path.iterdir())
    assert len(found) == len(written)
    for path, name in zip(found, written, strict=True):
        assert path.name.startswith(name)
    said = capsys.readouterr().out
    assert all(path.name in said for path in found)
    data = next(p for p in found if p.suffix in (".zarr", ".nc"))
    keywords = (
        {"engine": "zarr", "consolidated": False}
        if data.suffix == ".zarr"
        else {"engine": "h5netcdf"}
    )
    with xr.open_dataset(data, **keywords) as read:
        assert read.attrs["figure"] == "taj-dynamics"
        assert read.attrs["rng_entropy"] == "3"


@pytest.mark.usefixtures("small")
def test_pictures_and_data_depend_on_the_seed_alone(tmp_path: Path) -> None:
    forms = ("png", "svg", "pdf")
    for name, seed, wanted in (
        ("one", "0", forms),
        ("two", "0", forms),
        ("other", "1", forms[:1]),
    ):
        rest = ["--out", str(tmp_path / name), "--rng", seed, "--format", *wanted]
        assert main(["figure", "taj-dynamics", *rest]) == 0
    one, two = (
        [(tmp_path / f"{name}.{form}").read_bytes() for form in forms]
        for name in ("one", "two")
    )
    assert one == two
    assert one[0] != (tmp_path / "other.png").read_bytes()
    first, second, third = (
        xr.open_zarr(tmp_path / f"{name}.zarr", consolidated=False).load()
        for name in ("one", "two", "other")
    )
    assert first.identical(second)
    assert not first.equals(third)


@pytest.mark.parametrize("form", ["zarr", "netcdf"])
def test_words_are_written_as_flags(form: str, tmp_path: Path) -> None:
    """Zarr 3 has no type for words, and warns of writing them."""
    out = tmp_path / "figure"
    assert main(["figure", "unified", "--out", str(out), "--data", form]) == 0
    path = next(p for p in tmp_path.iterdir() if p.suffix in (".zarr", ".nc"))
    engine = {"engine": "zarr", "consolidated": False}
    keywords = engine if form == "zarr" else {"engine": "h5netcdf"}
    with xr.open_dataset(path, **keywords) as read:
        start = read.coords["start"]
        words = start.attrs["flag_meanings"].split()
        assert [words[code] for code in start.values] == ["TAJ", "DAP", "XZ"]


def test_style_does_not_leak() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    taj_dynamics.draw(0, d=12)
    assert dict(mpl.rcParams) == before
