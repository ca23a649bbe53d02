"""``linflow phase-diagram``: figure 2 of [TAJ], computed and drawn."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from linflow.cli import _output as output

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from linflow._core import Array

PAPER: dict[str, Any] = {
    "d": 200,
    "grid": 30,
    "gamma_sigma2": [-3.0, 0.0],
    "gamma_w": [0.0, 2.8],
}
PUBLISHED = PAPER | {"gamma_sigma2": [-2.2, -0.8], "gamma_w": [1.75, 2.8]}
QUICK = PAPER | {"d": 100, "grid": 20}
DYNAMICS = (
    "gradient_descent",
    "gradient_flow",
    "closed_form",
    "self_consistent",
    "lazy",
    "balanced",
)
PANELS = (
    "min_test_error",
    "rank",
    "stable_rank",
    "best_step",
    "steps",
    "final_train_error",
    "distance",
)


def add(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "phase-diagram",
        help="train a grid of networks over initial variance and width",
        description="Phase diagram of the mixed regime (Tu, Aranguri, Jacot 2024, "
        "figure 2): gradient descent of a network in every cell.",
    )
    preset = parser.add_mutually_exclusive_group()
    preset.add_argument(
        "--paper",
        action="store_true",
        help="d = 200, 30 x 30, gamma_sigma2 -3..0, gamma_w 0..2.8, with the distance",
    )
    preset.add_argument(
        "--published",
        action="store_true",
        help="grid of the published log: gamma_sigma2 -2.2..-0.8, gamma_w 1.75..2.8",
    )
    parser.add_argument("--d", type=int, help="input and output dimension (100)")
    parser.add_argument("--rank", type=int, default=5, help="rank of the truth (5)")
    parser.add_argument("--noise", type=float, default=1.0, help="noise level (1)")
    pair: dict[str, Any] = {"nargs": 2, "type": float, "metavar": ("LO", "HI")}
    parser.add_argument("--gamma-sigma2", **pair, help="log_d of the variance (-3 0)")
    parser.add_argument("--gamma-w", **pair, help="log_d of the width (0 2.8)")
    parser.add_argument("--grid", type=int, metavar="N", help="N x N cells (20)")
    parser.add_argument("--seeds", type=int, default=1, help="runs per cell (1)")
    parser.add_argument(
        "--panels",
        nargs="+",
        metavar="PANEL",
        help=f"what to draw, of: {', '.join(PANELS)}; distance is computed on request",
    )
    parser.add_argument(
        "--dynamics",
        default="gradient_descent",
        metavar="NAME",
        help=f"what each cell follows, of: {', '.join(DYNAMICS)} (gradient_descent)",
    )
    parser.add_argument(
        "--distance-to",
        metavar="NAME",
        help="the dynamics that the distance panel compares with (self_consistent)",
    )
    parser.add_argument("--dtype", default="float64", help="float64 or float32")
    parser.add_argument("--threads", type=int, help="threads (as OpenMP; 1 per worker)")
    store = parser.add_argument_group("long sweeps")
    store.add_argument(
        "--store",
        metavar="PATH",
        help="Zarr store to which cells are written as they finish",
    )
    store.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from a store that is there, also with new axes or seeds",
    )
    again = store.add_mutually_exclusive_group()
    again.add_argument(
        "--repair", action="store_true", help="compute damaged parts of the store again"
    )
    again.add_argument(
        "--retry",
        action="store_true",
        help="compute cells whose process was lost again",
    )
    workers = store.add_mutually_exclusive_group()
    workers.add_argument("--workers", type=int, metavar="N", help="worker processes")
    workers.add_argument(
        "--scheduler", metavar="ADDRESS", help="dask scheduler (linflow[cluster])"
    )
    output.add_arguments(parser, "phase_diagram")
    renamed = {"n_threads": "threads", "executor": "workers"}
    advice = {
        "lower seeds or the number of values on an axis": "lower --seeds or --grid",
        "lower d or n_threads": "lower --d or --threads",
    }
    parser.set_defaults(run=run, renamed=renamed, advice=advice)


def run(options: argparse.Namespace) -> int:
    """Compute, write and summarise a phase diagram."""
    from linflow import Interrupted, phase_diagram, plot
    from linflow import _validate as validate

    preset = PAPER if options.paper else PUBLISHED if options.published else QUICK
    settings = {
        name: preset[name] if getattr(options, name) is None else getattr(options, name)
        for name in preset
    }
    count = validate.integer("--grid", settings["grid"], at_least=1)
    for pair in (options.gamma_sigma2, options.gamma_w):
        if count == 1 and pair is not None and pair[0] != pair[1]:
            name = "--gamma-w" if pair is options.gamma_w else "--gamma-sigma2"
            message = f"{name} must be one value, twice, with --grid 1, not {pair}"
            raise ValueError(message)
    panels = options.panels
    if panels is not None:
        panels = list(validate.choices("--panels", panels, PANELS))
    wanted = options.paper if panels is None else "distance" in panels
    distance_to = options.distance_to
    if distance_to is None and wanted:
        distance_to = "self_consistent"
    executor = options.workers
    if options.scheduler is not None:
        executor, options.renamed["executor"] = options.scheduler, "scheduler"
    out = output.check(options)
    start = time.perf_counter()
    try:
        data = phase_diagram(
            settings["d"],
            options.rank,
            _axis("--gamma-sigma2", settings["gamma_sigma2"], count),
            _axis("--gamma-w", settings["gamma_w"], count),
            seeds=options.seeds,
            noise=options.noise,
            dynamics=options.dynamics,
            distance_to=distance_to,
            dtype=options.dtype,
            store=options.store,
            resume=_resume(options),
            executor=executor,
            n_threads=options.threads,
            rng=options.rng,
            progress=not options.quiet,
        )
    except Interrupted as stopped:
        if options.store is not None:
            raise KeyboardInterrupt(str(stopped)) from stopped
        partial = stopped.partial
        if (partial["status"] != 0).any():
            target = output.write_data(partial, out, options.data)
            message = f"{stopped.when}; those finished are in {target}"
            raise KeyboardInterrupt(message) from stopped
        raise KeyboardInterrupt("interrupted before a cell was finished") from stopped
    seconds = time.perf_counter() - start
    written = output.write_data(data, out, options.data)
    picture = output.write_picture(
        plot.phase_diagram(data, panels=panels), out, output.picture_format(options)
    )
    print(summary(data, seconds))
    print(f"picture: {picture}\ndata:    {written}")
    return 0


def _resume(options: argparse.Namespace) -> bool | str:
    for name in ("repair", "retry"):
        if getattr(options, name):
            if options.store is None or not options.resume:
                refused = "none is named" if options.resume else "--no-resume does not"
                message = f"--{name} goes on with a --store; {refused}"
                raise ValueError(message)
            return name
    return bool(options.resume)


def _axis(name: str, limits: Sequence[float], count: int) -> Array:
    import numpy as np

    from linflow import _validate as validate

    low, high = (validate.real(name, limit) for limit in limits)
    return np.linspace(low, high, count)


def summary(data: xr.Dataset, seconds: float) -> str:
    """Return a few lines on a phase diagram."""
    import numpy as np

    from linflow import Status

    status, counts = np.unique(data["status"], return_counts=True)
    ends = ", ".join(
        f"{count} {Status(int(code)).name.lower().replace('_', ' ')}"
        for code, count in zip(status, counts, strict=True)
    )
    error = data["min_test_error"].mean("seed")
    errors = "no minimal test error is known"
    if np.isfinite(error).any():
        best = error.where(error == error.min(), drop=True)
        best = best.isel(gamma_w=0, gamma_sigma2=0)
        errors = (
            f"lowest minimal test error {float(error.min()):.3g} at "
            f"gamma_sigma2 = {float(best.gamma_sigma2):.3g}, "
            f"gamma_w = {float(best.gamma_w):.3g}; highest {float(error.max()):.3g}"
        )
    width = float(data["width"].max())
    return (
        f"{data['status'].size} cells, d = {data.attrs['d']}, "
        f"widths up to {width:,.0f}, "
        f"{float(data['steps'].sum()):,.0f} steps in {seconds:.1f} s\n"
        f"ended: {ends}\n{errors}"
    )
