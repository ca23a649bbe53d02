"""Where progress is shown, and what: terminal, log file, notebook."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from linflow import _progress as progress


class Handle:
    """What IPython's `display` returns; keeps what it was given."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        """Show something else."""
        assert raw
        self.shown.append(data["text/plain"])


@pytest.fixture
def handles(monkeypatch: pytest.MonkeyPatch) -> list[Handle]:
    """Stand in for IPython with a kernel; return what it displays."""
    made: list[Handle] = []

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert display_id
        made.append(Handle())
        made[-1].update(data, raw=raw)
        return made[-1]

    shell = types.SimpleNamespace(kernel=object())
    ipython: Any = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return made


def test_a_notebook_shows_one_line(
    handles: list[Handle],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.bar(True, 40, "cell") as show:
        assert show is not None
        show(1)  # too soon: short work leaves no line
    assert handles == []
    monkeypatch.setattr(progress, "NOTEBOOK_EVERY", 0.0)
    with progress.bar(True, 40, "cell", done=10) as show:
        assert show is not None
        show(20, "20 diverged")
        show(40, "38 reached end, 2 diverged")
    (handle,) = handles
    first, *_, last = handle.shown
    assert first.startswith(" 50 % " + "█" * 10 + "░" * 10 + " 20/40 cell in 0 s, ")
    assert first.endswith("; 20 diverged")
    assert last.startswith("100 % " + "█" * 20 + " 40/40 cell in ")
    assert last.endswith("0 s left; 38 reached end, 2 diverged")
    assert capsys.readouterr().err == ""


def test_a_notebook_keeps_what_was_reached(
    handles: list[Handle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "NOTEBOOK_EVERY", 0.0)

    def interrupted() -> None:
        with progress.bar(True, 4, "cell") as show:
            assert show is not None
            show(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert handles[0].shown[-1].startswith(" 75 % ")


def test_a_kernel_is_what_makes_a_notebook(
    handles: list[Handle],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """IPython on a terminal has none; a script may import it, too."""
    for shell in (types.SimpleNamespace(), None):
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda s=shell: s)
        monkeypatch.setattr(progress, "LOG_EVERY", 0.0)
        with progress.bar(True, 4, "cell") as show:
            assert show is not None
            show(4)
        assert capsys.readouterr().err.startswith("4/4 cell in 0 s")
    assert handles == []


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.bar(True, 4, "cell", done=1) as show:
        assert show is not None
        show(3, "3 reached end")
    said = capsys.readouterr().err
    assert "1/4" in said
    assert "\n" not in said  # nothing is left of it


def test_nothing_is_shown_without_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)  # as after 2>&-
    with progress.bar(True, 4, "cell") as show:
        assert show is None
