"""The three levels of spectrum tracking, in units of a matrix product and of peers.

Run as ``python bench/bench_spectrum.py``. Along one run at d = 200 (rank 5 plus noise):
the top 8 triplets per step, counts above kappa, all values, each against one 200 x 200
product (the core's own, in the same window) and NumPy's svdvals; then the top 6 at
100 points of a trajectory against SciPy's PROPACK, warm-started, and NumPy's full SVD.
Last, what is claimed of correctness, on more runs than the tests can afford.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits
from timing import header, wall

import linflow as lf
from linflow._core import products
from linflow._core import spectrum as core

STARTS = {"small": (-2.6, 2.2), "medium": (-1.85, 2.25), "large": (-1.0, 2.2)}


def trajectory(
    d: int, start: str, steps: int, save_every: int = 1, seed: int = 0
) -> lf.Trajectory:
    """Return a run with its products."""
    gamma_sigma2, gamma_w = STARTS[start]
    task = lf.low_rank_task(d, 5, rng=seed)
    lazy = gamma_sigma2 + gamma_w > 1
    eta = 1 / (
        50 * (d ** (gamma_sigma2 + gamma_w) if lazy else np.linalg.norm(task.truth, 2))
    )
    init = lf.Gaussian(float(d) ** gamma_w, float(d) ** gamma_sigma2)
    return lf.gradient_descent(
        task, init, step_size=eta, max_steps=steps, rng=seed, save_every=save_every,
        save_product=True, top=1, observe=("train_error", "singular_values"),
    )  # fmt: skip


def levels(start: str) -> None:
    run = trajectory(200, start, 300)
    path = [np.asfortranarray(A) for A in run.product]
    top = core.time_top(path, 8)
    repeats = 5
    product, count, values, numpy_values = [], [], [], []
    for A in path[::10]:
        product.append(products.time_products(200, 200, 200, repeats, False) / 3)
        count.append(core.time_count(A, run.kappa, repeats) / repeats)
        values.append(core.time_values(A, repeats) / repeats)
        numpy_values.append(
            wall(lambda A=A: [np.linalg.svd(A, compute_uv=False) for _ in range(3)]) / 3
        )
    unit = float(np.median(product))
    share = np.median(values) / np.median(numpy_values)
    print(
        f"{start:7} product {1e3 * unit:.3f} ms; top 8: median "
        f"{np.median(top) / unit:.2f}, mean {np.mean(top) / unit:.2f} products; "
        f"count {np.median(count) / unit:.2f}; all values "
        f"{np.median(values) / unit:.1f}, {share:.2f} of NumPy's svdvals"
    )


def peers() -> None:
    path = [
        np.asfortranarray(A) for A in trajectory(200, "medium", 400, 4).product[:100]
    ]

    def propack() -> None:
        v0 = None
        for A in path:
            U, _, _ = svds(A, k=6, solver="propack", v0=v0, tol=1e-4, maxiter=200)
            v0 = U[:, -1]

    def follow() -> float:
        return wall(lambda: lf.spectrum.follow(path, 6, track="order"))

    sides = {
        "linflow, within a run": lambda: sum(core.time_top(path, 6)),
        "linflow.spectrum.follow": follow,
        "PROPACK, warm": lambda: wall(propack),
        "NumPy svd": lambda: wall(lambda: [np.linalg.svd(A) for A in path]),
        "NumPy svdvals": lambda: wall(
            lambda: [np.linalg.svd(A, compute_uv=False) for A in path]
        ),
    }
    seconds = {name: [] for name in sides}
    for _ in range(7):
        for name, side in sides.items():
            seconds[name].append(side())
    own = np.median(seconds["linflow, within a run"])
    print("top 6 at 100 points:")
    for name, taken in seconds.items():
        median = np.median(taken)
        print(f"  {name:24} {1e3 * median:7.1f} ms  {median / own:5.1f}")


def accuracy(runs: int) -> None:
    worst, unreported, doubtful, points, iterated = 0.0, 0, 0, 0, 0
    rng = np.random.default_rng(0)
    for seed in range(runs):
        task = lf.low_rank_task(30, 3, rng=seed)
        gamma_sigma2, gamma_w = rng.uniform(-3, 0), rng.uniform(0.3, 2.8)
        kappa = 30 ** (gamma_sigma2 + gamma_w)
        run = lf.gradient_descent(
            task, lf.Gaussian(30**gamma_w, 30**gamma_sigma2),
            step_size=1 / (30 * max(kappa, np.linalg.norm(task.target, 2))),
            max_steps=60, rng=seed, save_product=True, top=3, raise_on_failure=False,
        )  # fmt: skip
        exact = np.linalg.svd(run.product, compute_uv=False)[:, :3]
        error = (
            np.abs(run.singular_values - exact) / np.maximum(exact, 1e-5 * exact[:, :1])
        ).max(axis=1)
        unreported += int((error[run.converged] > 1e-8).sum())
        doubtful += int((~run.converged).sum())
        worst = max(worst, float(error[run.converged].max()))
        points += len(error)
        triplets = core.TopTriplets(30, 30, 3)
        iterated += sum(triplets.update(np.asfortranarray(A)) == 0 for A in run.product)
    print(
        f"{runs} runs at d = 30, top 3: {points} points, {iterated / points:.0%} by "
        f"the block; worst error {worst:.1e}, {unreported} failures unreported, "
        f"{doubtful} points in doubt"
    )
    for start in STARTS:
        run = trajectory(200, start, 300)
        curves = lf.spectrum.follow(run.product, 8, track="order")
        exact = np.linalg.svd(run.product, compute_uv=False)[:, :8]
        error = np.abs(curves.values / exact - 1)[curves.converged]
        print(f"d = 200, {start} start, top 8 at every step: worst {error.max():.1e}")


def figure_1() -> None:
    task = lf.low_rank_task(500, 5, rng=0)
    run = lf.gradient_descent(
        task, lf.Gaussian(500**2.25, 500**-1.85),
        step_size=1 / (5 * np.linalg.norm(task.truth, 2)), max_steps=100, rng=0, top=7,
    )  # fmt: skip
    steps = run.crossing_times / run.step_size
    print("figure 1, d = 500: modes cross kappa at steps", np.round(steps, 2))


def main() -> None:
    print(header())
    with threadpool_limits(1):  # as the core's own products
        for start in STARTS:
            levels(start)
        peers()
    figure_1()
    accuracy(int(sys.argv[1]) if len(sys.argv) > 1 else 200)


if __name__ == "__main__":
    main()
