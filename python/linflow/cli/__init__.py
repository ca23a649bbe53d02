"""The command line: ``linflow phase-diagram``, ``dynamics``, ``figure``, ``info``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD_INPUT = 2
INTERRUPTED = 130


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
    from linflow.cli import dynamics, figure, info, phase_diagram
    from linflow.status import RunFailed
    from linflow.store import StoreDamaged

    parser = argparse.ArgumentParser(
        prog="linflow",
        description="The learning dynamics of linear networks: exact, at any width.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (phase_diagram, dynamics, figure, info):
        command.add(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
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
        text = " ".join(str(error).split())
        print(f"linflow {options.command}: {text}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stopped:
        print(f"linflow {options.command}: {stopped or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    return code
