"""The README's Python runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

README = Path(__file__).parent.parent / "README.md"


def test_python_blocks_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    assert (tmp_path / "dynamics.png").stat().st_size > 10_000
    assert names["flow"].exact is False
    assert dict(names["data"].sizes) == {"rank": 2, "noise": 2, "seed": 3}
    assert (
        names["lf"]
        .closed_form(names["task"], names["balanced"], times=names["times"])
        .exact
    )
    assert names["run"].events
