"""Integrated flows of many cells: against gradient descent, and against diffrax.

Run as ``python bench/bench_flow_cells.py [--quick]``. A phase diagram of d = 200 by
flows and by descent, with how far the flows' picture is from a finer one; 1,000 flows
at d = 10 beside diffrax under vmap; and flows in fixed steps beside the same method
under JAX's vmap, jitted beforehand, and beside error control (diffrax and JAX are left
out where they are not installed).
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


def small_flows(d: int, columns: int, rows: int) -> tuple[Any, lf.Task, Any, Any]:
    """Return axes of a grid, its task, and the weights of its cells."""
    axes = np.linspace(-2.2, -0.8, columns), np.linspace(1.75, 2.8, rows)
    root = np.random.SeedSequence(0, spawn_key=(0,))
    task = lf.low_rank_task(d, 3, rng=root)
    networks = [
        lf.Gaussian(d**gamma_w, d**gamma_sigma2).sample(task, root)
        for gamma_w in axes[1].tolist()
        for gamma_sigma2 in axes[0].tolist()
    ]
    W1, W2 = (
        np.stack([getattr(network, name) for network in networks])
        for name in ("W1", "W2")
    )
    return axes, task, W1, W2


def flow_against_diffrax(d: int = 10, points: int = 50, rounds: int = 5) -> None:
    """Print the seconds of 1,000 flows, least test error of 50 points each."""
    try:
        import diffrax
        import jax
    except ImportError:
        print("diffrax is not installed")
        return
    jax.config.update("jax_enable_x64", True)
    axes, task, W1, W2 = small_flows(d, 25, 40)
    assert task.truth is not None
    step = 5 / task.singular_values[0] / points
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
    print(f"\n{len(W1)} flows at d = {d}, {points} points each")
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


def fixed_steps(
    d: int, columns: int, rows: int, steps: int = 200, rounds: int = 5
) -> None:
    """Print the seconds of flows in fixed steps, beside JAX and error control."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        print("JAX is not installed")
        return
    jax.config.update("jax_enable_x64", True)
    axes, task, W1, W2 = small_flows(d, columns, rows)
    assert task.truth is not None
    target, truth = task.target, task.truth
    step = 1.0 / d**2  # the largest kappa of the grid is d**2

    def slope(W: Any) -> Any:
        G = W[1] @ W[0] - target
        return -(W[1].T @ G), -(G @ W[0].T)

    def add(W: Any, h: float, k: Any) -> Any:
        return W[0] + h * k[0], W[1] + h * k[1]

    def go(W: Any, _: Any) -> Any:
        k1 = slope(W)
        k2 = slope(add(W, step / 2, k1))
        k3 = slope(add(W, step / 2, k2))
        k4 = slope(add(W, step, k3))
        for k, part in ((k1, 1), (k2, 2), (k3, 2), (k4, 1)):
            W = add(W, step * part / 6, k)
        return W, ((W[1] @ W[0] - truth) ** 2).sum()

    def one(V1: Any, V2: Any) -> Any:
        _, errors = jax.lax.scan(go, (V1, V2), None, length=steps)
        return jnp.minimum(errors.min(), ((V2 @ V1 - truth) ** 2).sum()) / d**2

    solve = jax.jit(jax.vmap(one))

    def ours(**words: Any) -> Any:
        return lf.phase_diagram(
            d,
            3,
            *axes,
            dynamics="gradient_flow",
            protocol={"step_size": step, "max_steps": steps},
            progress=False,
            **words,
        ).min_test_error.values.ravel()

    found = ours(method="rk4")
    errors = np.abs(found - ours(rtol=1e-10))
    apart = np.abs(found - np.asarray(solve(W1, W2))).max()
    timings, seconds = interleaved(
        {
            "lanes": lambda: wall(lambda: ours(method="rk4")),
            "float32": lambda: wall(lambda: ours(method="rk4", dtype="float32")),
            "JAX": lambda: wall(lambda: np.asarray(solve(W1, W2)).sum()),
            "control": lambda: wall(lambda: ours(rtol=1e-6)),
        },
        rounds,
    )
    times = {k: np.median(taken / seconds["lanes"]) for k, taken in seconds.items()}
    print(
        f"d = {d}, {len(W1)} cells, {steps} steps: {timings['lanes']}; float32 "
        f"{times['float32']:.2f} times that, JAX {times['JAX']:.1f} (at most "
        f"{apart:.0e} apart), error control at rtol 1e-6 {times['control']:.1f}; error "
        f"{np.median(errors):.0e}, at most {errors.max():.0e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cells and rounds")
    options = parser.parse_args()
    print(header(), flush=True)
    flow_against_diffrax(rounds=2 if options.quick else 5)
    print("\nRunge-Kutta of order 4 in steps of fixed size")
    for sizes in ((10, 25, 40), (20, 15, 20), (50, 6, 10)):
        fixed_steps(*sizes, rounds=2 if options.quick else 5)
    flow_against_descent(side=4 if options.quick else 10)


if __name__ == "__main__":
    main()
