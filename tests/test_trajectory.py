"""Files of trajectories: their names, and files that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import linflow as lf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = lf.closed_form(
    lf.low_rank_task((3, 2), 1, rng=0), lf.Balanced(2, size=0.1), times=[0, 1], rng=0
)


@pytest.mark.parametrize("name", ["RUN.NPZ", "run.Npz", "run.npz", "run.v1", "run"])
def test_the_suffix_may_be_in_capitals(name: str, tmp_path: Path) -> None:
    path = RUN.save(tmp_path / name)
    written = name if name.lower().endswith(".npz") else f"{name}.npz"
    assert path == tmp_path / written
    assert [one.name for one in tmp_path.iterdir()] == [written]
    for given in (path, tmp_path / name, str(path)):
        back = lf.Trajectory.load(given)
        np.testing.assert_array_equal(back.last_product, RUN.last_product)


@pytest.mark.parametrize("name", ["run.zarr", "RUN.ZARR", "run.nc", "Run.Nc"])
def test_other_formats_are_refused_in_capitals_too(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path must end in \.npz, .*not in '\."):
        RUN.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def _array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.eye(2))


def _damaged(path: Path) -> None:
    data = bytearray(RUN.save(path).read_bytes())
    data[400:420] = b"x" * 20
    path.write_bytes(data)


FILES: dict[str, Callable[[Path], object]] = {
    "words": lambda path: path.write_text("hello"),
    "nothing": lambda path: path.write_text(""),
    "an array": _array,
    "other arrays": lambda path: np.savez(path, a=np.eye(2)),
    "half of one": lambda path: path.write_bytes(RUN.save(path).read_bytes()[:400]),
    "a damaged one": _damaged,
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_none(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    FILES[kind](path)
    with pytest.raises(ValueError, match=r"run\.npz' is not a trajectory written by"):
        lf.Trajectory.load(path)


def test_no_name() -> None:
    with pytest.raises(ValueError, match="path must name a file"):
        RUN.save("")
    with pytest.raises(ValueError, match="path must name a file"):
        lf.Trajectory.load("")
