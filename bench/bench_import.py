"""What ``import linflow`` costs beyond NumPy, each import in a process of its own.

Run as ``python bench/bench_import.py``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from timing import Timing, header, interleaved

CODE = "import {first}, time; t = time.perf_counter(); import {second}; print(time.perf_counter() - t)"  # noqa: E501


def seconds(first: str, second: str) -> float:
    """Return the seconds of the second import, after the first."""
    code = CODE.format(first=first, second=second)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = 5 if parser.parse_args().quick else 15
    print(header())
    timings: dict[str, Timing] = interleaved(
        {
            "linflow": lambda: seconds("numpy", "linflow"),
            "numpy": lambda: seconds("sys", "numpy"),
        },
        rounds,
    )[0]
    print(f"linflow beyond NumPy: {timings['linflow']}; NumPy: {timings['numpy']}.")


if __name__ == "__main__":
    main()
