"""Gradient flow against SciPy (RK45, DOP853, LSODA) and diffrax (Tsit5).

Run as ``python bench/bench_flow.py --d 10 50 200``. One flow with 50 save points, at
three points of the phase diagram, over two horizons: until the test error is least, and
to a train error of 1e-6 of its start (noise modes included). Every solver runs at
several tolerances; what counts is right-hand sides and seconds at the same error, the
largest over the save points, relative to the largest ‖A‖. A step that splits the flow
about its closed form counts as 24 right-hand sides, which is what it costs with save
points in it. diffrax is
left out where it is not installed; LSODA, which forms a dense Jacobian, beyond d = 10;
SciPy altogether to convergence beyond d = 50, where it takes minutes. All sides run on
one processor with one thread, and time is processor time, so that a busy machine
matters less; XLA gains from a second thread at d = 200 where one is idle.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from timing import header

import linflow as lf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POINTS = ((-1.85, 2.25), (-2.5, 1.2), (-0.8, 2.0))  # (gamma_sigma2, gamma_w)
TOLERANCES = (1e-3, 1e-4, 1e-6, 1e-8)


class Problem(NamedTuple):
    """One flow to integrate, and what it should give."""

    name: str
    task: lf.Task
    network: lf.Network
    times: Any
    exact: Any

    def error(self, product: Any) -> float:
        """Largest error over the save points, relative."""
        worst = np.linalg.norm(product - self.exact, axis=(1, 2)).max()
        return float(worst / np.linalg.norm(self.exact, axis=(1, 2)).max())


def problems(d: int) -> Iterator[Problem]:
    task = lf.low_rank_task(d, rank=5, rng=0)
    for gamma_sigma2, gamma_w in POINTS:
        network = lf.Gaussian(d**gamma_w, d**gamma_sigma2).sample(task, 0)
        times = np.geomspace(1e-2, 1e5, 600) / task.singular_values[0]
        run = lf.gradient_flow(
            task, network, times=times, observe=("train_error", "test_error")
        )
        assert run.train_error is not None
        assert run.test_error is not None
        ends = {
            "best": times[np.argmin(run.test_error)],
            "converged": times[np.argmax(run.train_error < 1e-6 * run.train_error[0])],
        }
        for horizon, end in ends.items():
            points = np.linspace(0, end, 51)[1:]
            exact = lf.gradient_flow(
                task,
                network,
                times=points,
                rtol=1e-11,
                method="dop853",
                save_product=True,
                observe=(),
            )
            name = f"d = {d}, ({gamma_sigma2}, {gamma_w}), {horizon}"
            yield Problem(name, task, network, points, exact.product)


def linflow_side(problem: Problem, rtol: float) -> tuple[Any, int]:
    run = lf.gradient_flow(
        problem.task,
        problem.network,
        times=problem.times,
        rtol=rtol,
        save_product=True,
        observe=(),
    )
    assert run.rhs_evaluations is not None
    assert run.segments is not None
    long_steps = sum(
        segment["steps"] + segment["rejected"]
        for segment in run.segments
        if segment["method"] == "splitting"
    )
    return run.product, run.rhs_evaluations + 23 * long_steps


def scipy_side(method: str) -> Callable[[Problem, float], tuple[Any, int]]:
    def run(problem: Problem, rtol: float) -> tuple[Any, int]:
        W1, W2, T = problem.network.W1, problem.network.W2, problem.task.target
        calls = 0

        def slope(_: float, y: Any) -> Any:
            nonlocal calls
            calls += 1
            V1, V2 = y[: W1.size].reshape(W1.shape), y[W1.size :].reshape(W2.shape)
            G = V2 @ V1 - T
            return np.concatenate([-(V2.T @ G).ravel(), -(G @ V1.T).ravel()])

        solution = solve_ivp(
            slope,
            (0, problem.times[-1]),
            np.concatenate([W1.ravel(), W2.ravel()]),
            method,
            problem.times,
            rtol=rtol,
            atol=rtol * float(W1.std()),
        )
        V1 = solution.y.T[:, : W1.size].reshape(-1, *W1.shape)
        V2 = solution.y.T[:, W1.size :].reshape(-1, *W2.shape)
        return V2 @ V1, calls

    return run


def diffrax_side() -> Callable[[Problem, float], tuple[Any, int]] | None:
    try:
        import diffrax
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)

    def slope(_: Any, y: Any, T: Any) -> Any:
        G = y[1] @ y[0] - T
        return -(y[1].T @ G), -(G @ y[0].T)

    @jax.jit  # type: ignore[untyped-decorator, unused-ignore]
    def solve(W1: Any, W2: Any, T: Any, times: Any, rtol: Any, atol: Any) -> Any:
        return diffrax.diffeqsolve(
            diffrax.ODETerm(slope),
            diffrax.Tsit5(),
            0.0,
            times[-1],
            None,
            (W1, W2),
            T,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            max_steps=1_000_000,
        )

    def run(problem: Problem, rtol: float) -> tuple[Any, int]:
        W1, W2 = problem.network.W1, problem.network.W2
        atol = rtol * float(W1.std())
        solution = solve(W1, W2, problem.task.target, problem.times, rtol, atol)
        V1, V2 = (np.asarray(part) for part in solution.ys)
        return V2 @ V1, 6 * int(solution.stats["num_steps"]) + 1

    return run


class Curve(NamedTuple):
    """What one solver pays for its errors, over the tolerances."""

    errors: list[float]
    calls: list[float]
    seconds: list[float]

    def at(self, error: float) -> tuple[float, float]:
        """Right-hand sides and seconds for an error, log-log between the tolerances.

        NaN beyond the errors that were reached, but what the loosest tolerance costs
        for any larger error.
        """
        x = np.log(np.minimum.accumulate(self.errors))[::-1]
        if np.log(error) < x[0]:
            return np.nan, np.nan
        calls, seconds = (
            float(np.exp(np.interp(np.log(error), x, np.log(values)[::-1])))
            for values in (self.calls, self.seconds)
        )
        return calls, seconds


def measure(problem: Problem, side: Callable[[Problem, float], tuple[Any, int]]) -> Any:
    curve = Curve([], [], [])
    side(problem, TOLERANCES[0])  # compiles, warms caches
    for rtol in TOLERANCES:
        start = time.process_time()
        product, calls = side(problem, rtol)
        curve.seconds.append(time.process_time() - start)
        curve.errors.append(problem.error(product))
        curve.calls.append(calls)
    return curve


def report(problem: Problem, curves: dict[str, Curve]) -> None:
    print(f"\n{problem.name}, to t = {problem.times[-1]:.3g}")
    print(f"{'':15}" + "".join(f"{rtol:>26.0e}" for rtol in TOLERANCES))
    for name, curve in curves.items():
        columns = zip(curve.errors, curve.calls, curve.seconds, strict=True)
        print(
            f"{name:15}"
            + "".join(f"{e:>10.1e}{n:>7.0f}{1e3 * s:>9.1f}" for e, n, s in columns)
        )
    ours = curves["linflow"]
    for name, curve in curves.items():
        ratios = []
        for error, calls, seconds in zip(*ours, strict=True):
            their_calls, their_seconds = curve.at(error)
            ratios.append((their_calls / calls, their_seconds / seconds))
        if name != "linflow":
            print(
                f"  {name} at linflow's errors, over linflow: right-hand sides "
                + ", ".join(f"{ratio:.2f}" for ratio, _ in ratios)
                + "; time "
                + ", ".join(f"{ratio:.1f}" for _, ratio in ratios)
            )


def on_one_processor() -> None:
    """Start again with one thread and one processor, which all libraries obey."""
    settings = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    }
    if not settings.items() <= os.environ.items():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        arguments = [sys.executable, *sys.argv]
        os.execve(sys.executable, arguments, os.environ | settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d", type=int, nargs="+", default=[10, 50])
    arguments = parser.parse_args()
    on_one_processor()
    print(header(), flush=True)
    for d in arguments.d:
        sides: dict[str, Callable[[Problem, float], tuple[Any, int]]] = {
            "linflow": linflow_side,
            "SciPy RK45": scipy_side("RK45"),
            "SciPy DOP853": scipy_side("DOP853"),
        }
        if d <= 10:
            sides["SciPy LSODA"] = scipy_side("LSODA")
        diffrax = diffrax_side()
        if diffrax is not None:
            sides["diffrax Tsit5"] = diffrax
        for problem in problems(d):
            slow = d > 50 and problem.name.endswith("converged")
            curves = {
                name: measure(problem, side)
                for name, side in sides.items()
                if not (slow and name.startswith("SciPy"))
            }
            report(problem, curves)


if __name__ == "__main__":
    main()
