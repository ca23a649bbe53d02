"""``linflow dynamics``: figure 1 of [TAJ], computed and drawn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from linflow.cli import _output as output

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "dynamics",
        help="one network: errors and singular values against the threshold",
        description="One run in the mixed regime (Tu, Aranguri, Jacot 2024, figure 1): "
        "gradient descent and the self-consistent dynamics from the same start.",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--paper", action="store_true", help="d = 500 (default: 200), as in the paper"
    )
    size.add_argument("--d", type=int, help="input and output dimension (200)")
    parser.add_argument("--rank", type=int, default=5, help="rank of the truth (5)")
    parser.add_argument("--noise", type=float, default=1.0, help="noise level (1)")
    parser.add_argument(
        "--gamma-sigma2",
        type=float,
        default=-1.85,
        help="log_d of the variance (-1.85)",
    )
    parser.add_argument(
        "--gamma-w", type=float, default=2.25, help="log_d of the width (2.25)"
    )
    parser.add_argument("--steps", type=int, default=100, help="steps (100)")
    parser.add_argument(
        "--step-size", type=float, help="step size (1 / (5 |A*|_op), as in the paper)"
    )
    parser.add_argument("--top", type=int, help="singular values to draw (12)")
    output.add_arguments(parser, "dynamics")
    advice = {
        "raise save_every or lower max_steps": "lower --steps or --top",
        "give a smaller shape": "lower --d",
        "use a smaller step": "use a smaller --step-size",
    }
    parser.set_defaults(run=run, advice=advice)


def run(options: argparse.Namespace) -> int:
    """Compute, write and summarise one run."""
    import numpy as np
    import xarray as xr

    import linflow as lf
    from linflow import _validate as validate
    from linflow.diagram_cells import check_variances, check_widths

    out = output.check(options)
    d = options.d if options.d is not None else 500 if options.paper else 200
    d = validate.integer("--d", d, at_least=2)
    steps = validate.integer("--steps", options.steps, at_least=1)
    gamma_sigma2 = validate.real("--gamma-sigma2", options.gamma_sigma2)
    gamma_w = validate.real("--gamma-w", options.gamma_w)
    check_widths(d, np.array([gamma_w]))
    check_variances(d, np.array([gamma_sigma2]))
    task = lf.low_rank_task(d, options.rank, noise=options.noise, rng=options.rng)
    init = lf.Gaussian(float(d) ** gamma_w, float(d) ** gamma_sigma2)
    assert task.truth is not None
    step_size = (
        1 / (5 * float(np.linalg.norm(task.truth, 2)))
        if options.step_size is None
        else options.step_size
    )
    start = time.perf_counter()
    keywords: dict[str, Any] = {
        "step_size": step_size,
        "max_steps": steps,
        "rng": options.rng,
        "top": min(12, d) if options.top is None else options.top,
        "observe": (
            "train_error",
            "test_error",
            "singular_values",
            "alignment",
            "active_modes",
        ),
        "progress": not options.quiet,
    }
    network = init.sample(task, options.rng)
    runs = {
        "gradient_descent": lf.gradient_descent(task, network, **keywords),
        "self_consistent": lf.self_consistent(task, network, **keywords),
    }
    seconds = time.perf_counter() - start
    data = xr.concat(
        [run.to_xarray().drop_attrs() for run in runs.values()],
        dim=xr.DataArray(
            np.arange(len(runs)),
            dims="dynamics",
            name="dynamics",
            attrs={"flag_values": [*range(len(runs))], "flag_meanings": " ".join(runs)},
        ),
    )
    descent = runs["gradient_descent"]
    data.attrs = {
        "d": d,
        "rank": options.rank,
        "noise": options.noise,
        "gamma_sigma2": gamma_sigma2,
        "gamma_w": gamma_w,
        "step_size": step_size,
        "kappa": descent.kappa,
        "rng": options.rng,
        "linflow": lf.__version__,
    }
    written = output.write_data(data, out, options.data)
    picture = output.write_picture(
        lf.plot.dynamics(tuple(runs.values()), signal=options.rank),
        out,
        output.picture_format(options),
    )
    assert descent.test_error is not None
    best = int(descent.test_error.argmin())
    gap = data["test_error"].diff("dynamics")
    crossings = descent.crossing_times
    assert crossings is not None
    when = ", ".join(
        "none" if np.isnan(time) else f"{time:.3g}"
        for time in crossings[: options.rank]
    )
    print(
        f"d = {d}, width {network.width:,.0f}, threshold {descent.kappa:.4g}: "
        f"{descent.steps} steps of both dynamics in {seconds:.1f} s\n"
        f"minimal test error {descent.test_error[best]:.3g} at time "
        f"{descent.times[best]:.3g}; largest difference in test error to the "
        f"self-consistent dynamics {float(abs(gap).max()):.3g}\n"
        f"times at which the first {options.rank} modes cross the threshold: {when}"
    )
    print(f"picture: {picture}\ndata:    {written}")
    return 0
