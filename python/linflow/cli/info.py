"""``linflow info``: what was built, and what runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "info", help="how the compiled core was built and what it uses here"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the build report, a line each."""
    from linflow import build_info

    info = build_info()
    rows = {
        "version": info["version"],
        "instruction set": f"{info['instruction_set']} (built: "
        f"{', '.join(info['available'])}; LINFLOW_INSTRUCTION_SET chooses)",
        "simd": info["simd"],
        "compiler": info["compiler"],
        "Eigen": info["eigen"],
        "OpenMP": info["openmp"] or "no (one thread)",
        "threads": info["threads"],
    }
    for name, value in rows.items():
        print(f"{name:16}{value}")
    return 0
