"""The closed form: its error as a closure, and its cost against integration.

Run as ``python bench/bench_closed_form.py`` (``--d 200`` for the sizes of the paper;
``--part`` for one table). The errors are those of A over a run, relative to
max(|T|_F, |A(0)|_F), against the network's flow integrated at rtol 1e-9.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from timing import header, interleaved, wall

import linflow as lf
from linflow._core import closed_form, products, riccati
from linflow.protocol import published_step_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Points (gamma_sigma2, gamma_w) of theory §4: lazy first, then mixed and active.
LAZY = ((-1.5, 2.8), (-0.8, 2.0), (-1.0, 2.5))
ACTIVE = (
    (-1.85, 2.25), (-2.5, 2.5), (-2.0, 1.75), (-1.2, 1.5), (-2.0, 1.3), (-2.5, 1.2),
)  # fmt: skip
NOISY = ((0.0, 1.2), (-0.5, 1.5), (0.0, 2.0))
NARROW = (
    (-1.5, 0.8), (-1.5, 0.99), (-1.0, 1.0), (-1.5, 1.02), (-0.5, 0.5), (-2.5, 0.9),
)  # fmt: skip
FEW, MANY = 3, 27  # times whose difference in cost is that of time points alone
TIMED = ((-1.5, 2.25), (-2.2, 1.75), (-1.0, 2.5))


class Case(NamedTuple):
    """A task, its start and the end of the published protocol."""

    task: lf.Task
    init: lf.Gaussian
    end: float

    @classmethod
    def at(cls, point: tuple[float, float], d: int) -> Case:
        """Return the case at a point of the phase diagram; rank 5."""
        task = lf.low_rank_task(d, 5, rng=0)
        norm = float(np.linalg.norm(task.truth, 2))  # type: ignore[arg-type]
        step = float(published_step_size(*point, d=d, truth_norm=norm))
        return cls(task, lf.Gaussian(d ** point[1], d ** point[0]), 750 * step)

    def best_time(self) -> float:
        """Return the time of the best test error, where the published run ends."""
        steps = np.linspace(0, self.end, 751)
        run = lf.closed_form(
            self.task, self.init, times=steps, rng=1, observe="test_error"
        )
        assert run.test_error is not None
        return float(steps[np.argmin(run.test_error)])

    def to_the_end(self) -> Case:
        """Return the case for as long as the closure takes to learn to 1 per cent.

        The active noise modes of small starts come long after the protocol's end.
        """
        for end in self.end * 2.0 ** np.arange(8):
            run = lf.closed_form(
                self.task, self.init, times=[0, end], rng=1, observe="train_error"
            )
            assert run.train_error is not None
            if run.train_error[1] < 1e-2 * run.train_error[0]:
                break
        return self._replace(end=float(end))

    def factors(self) -> tuple[Array, Array]:
        """Return X = W1^T and Y = W2 of the compressed start."""
        network = self.init.sample(self.task, rng=1)
        return np.asfortranarray(network.W1.T), np.asfortranarray(network.W2)


def integrate(
    case: Case, times: Array, *, rtol: float, method: str
) -> tuple[list[Array], int]:
    """Return A at the times, and the number of right-hand sides, by SciPy."""
    X, Y = case.factors()
    target, cut = case.task.target, X.size
    d_in, d_out, units = X.shape[0], Y.shape[0], X.shape[1]

    def rhs(_: float, z: Array) -> Array:
        X, Y = z[:cut].reshape(d_in, units), z[cut:].reshape(d_out, units)
        G = Y @ X.T - target
        out = np.empty_like(z)
        np.negative(G.T @ Y, out=out[:cut].reshape(d_in, units))
        np.negative(G @ X, out=out[cut:].reshape(d_out, units))
        return out

    start = np.concatenate([X.ravel(), Y.ravel()])
    solution = solve_ivp(
        rhs,
        (0.0, float(times[-1])),
        start,
        method=method,
        t_eval=times,
        rtol=rtol,
        atol=rtol * 1e-3 * float(np.sqrt(np.mean(start**2))),
    )
    maps = [
        z[cut:].reshape(d_out, units) @ z[:cut].reshape(d_in, units).T
        for z in solution.y.T
    ]
    return maps, solution.nfev


def errors(d: int) -> None:
    """Print the maximal errors of closure and formula, and the estimate."""
    print(
        f"\nErrors against the integrated flow, d = {d}, over the published run (to "
        "the best test error)\nand until 1 % of the train error is left; 61 times each"
    )
    print(
        " group    gamma_sigma2  gamma_w  run        formula   closure   formula/   "
        "estimate  estimate/      rho\n"
        "                                                                 closure    "
        "          closure"
    )
    for group, points in (
        ("lazy", LAZY),
        ("active", ACTIVE),
        ("noisy", NOISY),
        ("narrow", NARROW),
    ):
        for point in points:
            case = Case.at(point, d)
            runs = {
                "published": np.linspace(0, case.best_time(), 61),
                "to 1 %": np.linspace(0, case.to_the_end().end, 61),
            }
            both = np.unique(np.concatenate(list(runs.values())))
            flow, _ = integrate(case, both, rtol=1e-9, method="DOP853")
            exact = dict(zip(both, flow, strict=True))
            for run, times in runs.items():
                row = errors_of_run(case, times, [exact[t] for t in times])
                print(f" {group:7} {point[0]:12.2f} {point[1]:8.2f}  {run:10}{row}")


def errors_of_run(case: Case, times: Array, flow: list[Array]) -> str:
    """Return a row of the table of errors."""
    size = max(np.linalg.norm(case.task.target), np.linalg.norm(flow[0]))
    words: dict[str, Any] = {"times": times, "rng": 1, "save_product": True}
    closure = lf.closed_form(case.task, case.init, **words)
    formula = lf.self_consistent(case.task, case.init, **words)
    worst = [
        max(
            float(np.linalg.norm(A - B))
            for A, B in zip(run.product, flow, strict=True)  # type: ignore[arg-type]
        )
        / size
        for run in (formula, closure)
    ]
    estimate = closure.error_bound or np.nan
    held = "" if worst[1] <= estimate else "  ESTIMATE BROKEN"
    return (
        f" {worst[0]:.1e}   {worst[1]:.1e}   {worst[0] / worst[1]:8.1f}   "
        f"{estimate:.1e}   {estimate / worst[1]:8.1f}   "
        f"{closure.closure_residual:.1e}{held}"
    )


def solve(case: Case, times: Array, X: Array, Y: Array, lam: float, mu: float) -> float:
    """Return the seconds of one solution at the times, errors observed, one thread."""
    noise = np.asfortranarray(case.task.noise)

    def run() -> object:
        return closed_form.run(
            X, Y, np.asfortranarray(case.task.target), noise,
            lam=lam, mu=mu, times=times, top=0, save_product=False, n_threads=1,
            progress=None,
        )  # fmt: skip

    return wall(run)


def point_sides(case: Case, d: int) -> dict[str, Callable[[], float]]:
    """Return the sides of `time_points` at one point of the diagram."""
    X, Y = case.factors()
    law = case.init.sample(case.task, rng=1).law
    assert law is not None
    start = riccati.RiccatiStart(
        riccati.Riccati(case.task.target, law.lam, law.mu), X, Y
    )
    times = [np.linspace(case.end / 50, case.end, count) for count in (FEW, MANY)]

    def states(times: Array) -> float:
        return wall(lambda: start.states(times, singular_basis=True))

    return {
        "rhs": lambda: products.time_products(d, d, X.shape[1], 20),
        "few": lambda: solve(case, times[0], X, Y, law.lam, law.mu),
        "many": lambda: solve(case, times[1], X, Y, law.lam, law.mu),
        "few A": lambda: states(times[0]),
        "many A": lambda: states(times[1]),
    }


def time_points(d: int, rounds: int) -> None:
    """Print the cost of one time point in right-hand sides in factor form."""
    print(
        f"\nOne time point at d = {d}, one thread, in right-hand sides (three products)"
    )
    print(
        " gamma_sigma2  gamma_w  right-hand side       with errors      A alone"
        "     set-up"
    )
    for point in (*TIMED, (-2.5, 1.2), (-2.0, 1.3), (-1.5, 2.8)):
        timings, seconds = interleaved(point_sides(Case.at(point, d), d), rounds)
        each = (seconds["many"] - seconds["few"]) / (MANY - FEW)
        product = (seconds["many A"] - seconds["few A"]) / (MANY - FEW)
        setup = seconds["few"] - FEW * each
        one = seconds["rhs"]
        print(
            f" {point[0]:12.2f} {point[1]:8.2f}  {timings['rhs']!s:22}"
            f"{np.median(each / one):10.2f} {np.median(product / one):12.2f}"
            f" {np.median(setup / one):10.0f}",
            flush=True,
        )


def diffrax_side(case: Case, times: Array) -> Any:
    """Return a compiled solution by diffrax, or None where it is not installed."""
    try:
        import diffrax
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    X, Y = case.factors()
    target = jax.numpy.asarray(case.task.target)

    def rhs(_t: Any, z: Any, _args: Any) -> Any:
        X, Y = z
        G = Y @ X.T - target
        return -(G.T @ Y), -(G @ X)

    atol = 1e-9 * float(np.sqrt(np.mean(X**2)))

    @jax.jit
    def solution(z: Any) -> Any:
        out = diffrax.diffeqsolve(
            diffrax.ODETerm(rhs),
            diffrax.Tsit5(),
            t0=0.0,
            t1=times[-1],
            dt0=None,
            y0=z,
            saveat=diffrax.SaveAt(ts=jax.numpy.asarray(times)),
            stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=atol),
            max_steps=1_000_000,
        )
        return jax.numpy.einsum("tik,tjk->tij", out.ys[1], out.ys[0])

    start = (jax.numpy.asarray(X), jax.numpy.asarray(Y))
    return lambda: np.asarray(solution(start))


def trajectories(d: int, rounds: int) -> None:
    """Print the time of a 50-point trajectory beside SciPy's and diffrax's."""
    print(f"\nTrajectory of 50 points at d = {d}, rtol 1e-6 for the integrators")
    ratios: dict[str, list[float]] = {}
    for point in TIMED:
        case = Case.at(point, d)
        times = np.linspace(0, case.end, 50)
        compiled = diffrax_side(case, times)

        def ours(case: Case = case, times: Array = times) -> object:
            return lf.closed_form(
                case.task, case.init, times=times, rng=1, save_product=True, top=1
            )

        def scipy(case: Case = case, times: Array = times) -> object:
            return integrate(case, times, rtol=1e-6, method="RK45")

        sides = {
            "closed form": lambda f=ours: wall(f),
            "SciPy RK45": lambda f=scipy: wall(f),
        }
        if compiled is None:
            print(" diffrax is not installed: left out")
        else:
            sides["diffrax Tsit5"] = lambda f=compiled: wall(f)
        timings, seconds = interleaved(sides, rounds)
        evaluations = integrate(case, times, rtol=1e-6, method="RK45")[1]
        print(
            f" ({point[0]}, {point[1]}): closed form {timings['closed form']}; "
            + "; ".join(
                f"{name} {timings[name]}, "
                f"{np.median(seconds[name] / seconds['closed form']):.1f} times"
                for name in sides
                if name != "closed form"
            )
            + f"; RK45 took {evaluations} right-hand sides",
            flush=True,
        )
        for name in sides:
            ratio = float(np.median(seconds[name] / seconds["closed form"]))
            ratios.setdefault(name, []).append(ratio)
    for name, values in ratios.items():
        if name != "closed form":
            print(f" {name}: {np.median(values):.1f} times at the median")


def modes(rounds: int) -> None:
    """Print the time of 10,000 scalar modes."""
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 3, size=10_000)
    times = np.linspace(0, 4, 100)
    sides = {
        f"kappa = {kappa:g}": lambda kappa=kappa: wall(
            lambda: lf.modes.curves(times, 0.01, target, kappa)
        )
        for kappa in (0.0, 0.1, 10.0)
    }
    timings, _ = interleaved(sides, rounds)
    print("\n10,000 modes at 100 times")
    for name, timing in timings.items():
        print(f" {name:12} {timing}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d", type=int, default=100, help="dimension of the errors")
    parser.add_argument("--timed-d", type=int, default=200, help="dimension timed")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--part", choices=["errors", "points", "trajectories", "modes"], default=None
    )
    given = parser.parse_args()
    print(header())
    if given.part in (None, "errors"):
        errors(given.d)
    if given.part in (None, "points"):
        time_points(given.timed_d, given.rounds)
    if given.part in (None, "trajectories"):
        trajectories(given.timed_d, given.rounds)
    if given.part in (None, "modes"):
        modes(given.rounds)


if __name__ == "__main__":
    main()
