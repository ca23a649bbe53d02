"""The command line: ``linflow phase-diagram``, ``dynamics``, ``figure``, ``info``."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BAD_INPUT = 2
INTERRUPTED = 130
READER_LEFT = 1


class Parser(argparse.ArgumentParser):
    """A parser that takes every negative number, and says what is wrong in one line."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        # Before Python 3.14 argparse takes -1e-3 for the name of an option.
        self._negative_number_matcher = re.compile(r"-\.?(\d|inf$|nan$)")

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        self.exit(
            BAD_INPUT, f"{self.prog}: {message} ({self.prog} --help tells more)\n"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    Bad input and failed runs give exit code 2 and one line on stderr, Ctrl-C 130.

    Examples
    --------
    >>> from linflow.cli import main
    >>> main(["info"])  # doctest: +ELLIPSIS
    version ...
    0
    """
    from linflow import __version__
    from linflow.cli import dynamics, figure, info, phase_diagram

    parser = Parser(
        prog="linflow",
        description="The learning dynamics of linear networks: exact, at any width.",
    )
    parser.add_argument("--version", action="version", version=f"linflow {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (phase_diagram, dynamics, figure, info):
        module.add(commands)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        command = commands.choices[options.command]
        command.error(f"unrecognized arguments: {' '.join(unknown)}")
    with _escaping(sys.stdout):
        return _run(options)


@contextlib.contextmanager
def _escaping(stream: Any) -> Iterator[None]:
    """Have escapes in place of what a stream can't show: no path is lost to it."""
    if not isinstance(stream, io.TextIOWrapper) or stream.errors != "strict":
        yield
        return
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it is flushed, too, where that can be
            stream.reconfigure(errors="strict")


def _run(options: argparse.Namespace) -> int:
    """Run a command; return its exit code, saying what went wrong."""
    from linflow.status import Interrupted, RunFailed
    from linflow.store import StoreDamaged

    try:
        code: int = options.run(options)
        if sys.stdout is not None:  # as after >&-
            sys.stdout.flush()
    except BrokenPipeError:  # who reads the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    except (
        ValueError,
        TypeError,
        ArithmeticError,
        MemoryError,
        OSError,
        ImportError,
        RunFailed,
        StoreDamaged,
    ) as error:
        text = re.sub(r"^\[Errno \d+\] ", "", " ".join(str(error).split()))
        text = _of_options(text, options)
        print(f"linflow {options.command}: {text}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stopped:
        # Commands that could keep a part of the work have done so, and say where it is.
        text = str(stopped) or "interrupted"
        if isinstance(stopped, Interrupted):
            text = f"{stopped.when}; nothing was written"
        print(f"linflow {options.command}: {text}", file=sys.stderr)
        return INTERRUPTED
    return code


def _of_options(text: str, options: argparse.Namespace) -> str:
    """Return a message about arguments with the options' names in their place."""
    text = re.sub(r"resume=(?:True|'(\w+)')", lambda m: f"--{m[1] or 'resume'}", text)
    renamed: dict[str, str] = getattr(options, "renamed", {})
    advice: dict[str, str] = getattr(options, "advice", {})
    for words, of_options in advice.items():
        text = text.replace(words, of_options)
    name = re.match(r"\w*", text)[0]  # type: ignore[index]
    known = renamed.get(name, name)
    if known not in vars(options):
        return text
    return f"--{known.replace('_', '-')}{text[len(name) :]}"
