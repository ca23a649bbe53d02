"""All comparisons, one after the other: ``python -m bench [--quick] [NAME ...]``.

Runs the scripts of this directory and writes what they print into README.md, each
between its own marks; with ``--quick`` (smaller, fewer rounds: for trying it out, in
some minutes) it only prints. Names choose some of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Section(NamedTuple):
    """One script, its arguments, and whether it prints Markdown."""

    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ("--quick",)
    markdown: bool = True


SECTIONS = {
    "descent": Section(),
    "ensemble": Section(),
    "published": Section(),
    "scaling": Section(),
    "sweep": Section(),
    "large": Section(),
    "import": Section(),
    "closed_form": Section(quick=("--d", "20", "--timed-d", "20"), markdown=False),
    "flow": Section(("--d", "10", "50", "200"), ("--d", "10"), markdown=False),
    "flow_cells": Section(markdown=False),
    "spectrum": Section(quick=("2",), markdown=False),
}


def run(name: str, quick: bool) -> str:
    """Return what a script prints; shown line by line as it comes."""
    section = SECTIONS[name]
    arguments = section.quick if quick else section.arguments
    command = [sys.executable, str(HERE / f"bench_{name}.py"), *arguments]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode != 0:
        raise SystemExit(f"bench_{name}.py failed")
    text = "\n".join(lines).strip("\n")
    return text if section.markdown else f"```text\n{text}\n```"


def write(name: str, text: str) -> None:
    """Put the text between the marks of this section of the README."""
    path = HERE / "README.md"
    begin, end = f"<!-- {name}: printed -->", f"<!-- {name}: end -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"README.md has no marks for {name}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="smaller; only prints")
    options = parser.parse_args()
    for name in options.names:
        if name not in SECTIONS:
            parser.error(f"NAME must be one of {', '.join(SECTIONS)}, not {name}")
    for name in options.names or SECTIONS:
        print(f"== {name} ==", flush=True)
        start = time.perf_counter()
        text = run(name, options.quick)
        if not options.quick:
            write(name, text)
        print(f"({time.perf_counter() - start:.0f} s)\n")


if __name__ == "__main__":
    main()
