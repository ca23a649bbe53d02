"""Integrated flows of many cells: against gradient descent, and against diffrax.

Run as ``python bench/bench_flow_cells.py [--quick]``. A phase diagram of d = 200 by
flows and by descent, with how far the flows' picture is from a finer one; and 1,000
flows at d = 10 beside diffrax under vmap (left out where it is not installed).
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from timing import header, interleaved, wall

import linflow as lf


def flow_against_descent(side: int = 10) -> None:
    """Print what the diagram costs by integrated flows and by descent, and how far."""
    axes = np.linspace(-3, 0, side), np.linspace(0, 2.8, side)

    def diagram(**keywords: Any) -> Any:
        return lf.phase_diagram(200, 5, *axes, progress=False, **keywords)

    flow = {"dynamics": "gradient_flow"}
    exact = diagram(**flow, rtol=1e-8).min_test_error
    sides = {
        "descent": {},
        "flow, rtol 1e-3": flow | {"rtol": 1e-3},
        "flow, rtol 1e-4": flow | {"rtol": 1e-4},
    }
    print(f"d = 200, {side} x {side} cells; minimal test errors against rtol 1e-8")
    seconds, found = {}, {}
    for _ in range(2):
        for name, keywords in sides.items():
            start = time.process_time()
            found[name] = diagram(**keywords)
            seconds[name] = min(
                time.process_time() - start, seconds.get(name, float("inf"))
            )
    for name, data in found.items():
        gap = abs(data.min_test_error - exact)
        print(
            f"{name:16} {seconds[name]:6.1f} s of processor time, "
            f"{seconds['descent'] / seconds[name]:.2f} times; within 0.01: "
            f"{100 * float((gap < 0.01).mean()):.1f} %, at most {float(gap.max()):.4f}"
        )


def flow_against_diffrax(d: int = 10, points: int = 50, rounds: int = 5) -> None:
    """Print the seconds of 1,000 flows, least test error of 50 points each."""
    try:
        import diffrax
        import jax
    except ImportError:
        print("diffrax is not installed")
        return
    jax.config.update("jax_enable_x64", True)
    axes = np.linspace(-2.2, -0.8, 25), np.linspace(1.75, 2.8, 40)
    root = np.random.SeedSequence(0, spawn_key=(0,))
    task = lf.low_rank_task(d, 3, rng=root)
    assert task.truth is not None
    step = 5 / task.singular_values[0] / points
    networks = [
        lf.Gaussian(d**gamma_w, d**gamma_sigma2).sample(task, root)
        for gamma_w in axes[1].tolist()
        for gamma_sigma2 in axes[0].tolist()
    ]
    W1 = np.stack([network.W1 for network in networks])
    W2 = np.stack([network.W2 for network in networks])
    times = step * np.arange(points + 1)
    target, truth = task.target, task.truth

    def slope(_: Any, y: Any, __: Any) -> Any:
        G = y[1] @ y[0] - target
        return -(y[1].T @ G), -(G @ y[0].T)

    def one(W1: Any, W2: Any, rtol: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(slope),
            diffrax.Tsit5(),
            0.0,
            times[-1],
            None,
            (W1, W2),
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol * 1e-2),
            max_steps=100_000,
        )
        V1, V2 = solution.ys
        return (((V2 @ V1 - truth) ** 2).sum((1, 2)) / d**2).min()

    solve = jax.jit(jax.vmap(one, (0, 0, None)))

    def ours(rtol: float) -> Any:
        return lf.phase_diagram(
            d,
            3,
            *axes,
            dynamics="gradient_flow",
            rtol=rtol,
            protocol={"step_size": step, "max_steps": points},
            progress=False,
        ).min_test_error.values.ravel()

    exact = ours(1e-10)
    print(f"\n{len(networks)} flows at d = {d}, {points} points each")
    for rtol in (1e-4, 1e-6):
        sides = {
            "linflow": lambda rtol=rtol: wall(lambda: ours(rtol)),
            "diffrax": lambda rtol=rtol: wall(
                lambda: np.asarray(solve(W1, W2, rtol)).sum()
            ),
        }
        timings, seconds = interleaved(sides, rounds)
        errors = [
            np.abs(found - exact).max()
            for found in (ours(rtol), np.asarray(solve(W1, W2, rtol)))
        ]
        print(
            f"rtol {rtol:.0e}: linflow {timings['linflow']} (error {errors[0]:.1e}), "
            f"diffrax {timings['diffrax']} (error {errors[1]:.1e}), ratio "
            f"{np.median(seconds['diffrax'] / seconds['linflow']):.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cells and rounds")
    options = parser.parse_args()
    print(header(), flush=True)
    flow_against_diffrax(rounds=2 if options.quick else 5)
    flow_against_descent(side=4 if options.quick else 10)


if __name__ == "__main__":
    main()
