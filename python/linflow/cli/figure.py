"""``linflow figure``: the experiments of the papers by name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from linflow.cli import _output as output

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "figure",
        help="draw an experiment of the papers: simulated over exact",
        description="Compute and draw an experiment of the papers, simulations as "
        "markers over exact solutions as lines; --list tells which there are.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which figure")
    parser.add_argument(
        "--list", action="store_true", help="list the figures and what they show"
    )
    parser.add_argument(
        "--format",
        nargs="+",
        metavar="FORMAT",
        help=f"of the picture, one or more of: {', '.join(output.PICTURES)} "
        "(that of --out's suffix, else png)",
    )
    output.add_arguments(parser, None, progress=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List the figures, or compute, draw and write one."""
    from linflow import _validate as validate
    from linflow import figures

    known = figures.names()
    if options.list:
        width = max(map(len, known))
        for name in known:
            print(f"{name:{width}}  {figures.summary(name)}")
        return 0
    if options.name is None:
        message = (
            f"NAME must be given, one of {', '.join(known)}, before --format; or --list"
        )
        raise ValueError(message)
    name = validate.choice("NAME", options.name, known)
    options.out = options.out or name
    formats = options.format or [output.picture_format(options)]
    formats = validate.choices("--format", formats, output.PICTURES)
    out = output.check(options)
    start = time.perf_counter()
    figure, data = figures.draw(name, rng=options.rng)
    seconds = time.perf_counter() - start
    written = output.write_data(data, out, options.data)
    pictures = [
        output.write_picture(figure.axes, out, form) for form in dict.fromkeys(formats)
    ]
    print(f"{figures.summary(name)}: computed and drawn in {seconds:.1f} s")
    for picture in pictures:
        print(f"picture: {picture}")
    print(f"data:    {written}")
    return 0
