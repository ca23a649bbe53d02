"""Phase diagrams over the initial variance and the width ([TAJ] figure 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _spectral as spectral
from linflow import _streams as streams
from linflow import _validate as validate
from linflow._core import ensemble as core
from linflow.build_info import build_info
from linflow.diagram_cells import (
    VARIABLES,
    DiagramWork,
    check_variances,
    check_widths,
    order,
    powers,
    widths,
)
from linflow.execution.driver import Plan, run
from linflow.execution.executors import Team, Threads, open_pool
from linflow.protocol import Protocol
from linflow.store.access import check_resume
from linflow.store.grid import Axis, Grid
from linflow.store.results import Variable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike

# The axes of [TAJ] figure 2.
GAMMA_SIGMA2 = tuple(np.linspace(-3.0, 0.0, 30).tolist())
GAMMA_W = tuple(np.linspace(0.0, 2.8, 30).tolist())
TASKS = 2**28  # bytes of the tasks of a batch
FLOWS = ("gradient_flow", "closed_form")
METHODS = ("auto", "euler", "rk4")
RTOL = 1e-6
DYNAMICS = ("gradient_descent", *FLOWS, "self_consistent", "lazy", "balanced")
MATRICES = {"gradient_flow": 120, "closed_form": 40}  # of d x d a thread; 25 in others


def phase_diagram(
    d: int = 200,
    rank: int = 5,
    gamma_sigma2: ArrayLike = GAMMA_SIGMA2,
    gamma_w: ArrayLike = GAMMA_W,
    *,
    seeds: int = 1,
    dynamics: str = "gradient_descent",
    protocol: str | Mapping[str, Any] = "published",
    noise: float = 1.0,
    distance_to: str | None = None,
    observe: str | Sequence[str] = (),
    rtol: float = RTOL,
    method: str = "auto",
    dtype: str = "float64",
    store: str | os.PathLike[str] | None = None,
    resume: bool | str = True,
    executor: Any = None,
    n_threads: int | None = None,
    batch: int | None = None,
    progress: bool | Callable[[int], Any] = True,
    rng: RngLike = 0,
) -> xr.Dataset:
    """Train a network in every cell of a grid over initial variance and width.

    Each cell learns a d x d matrix of the given rank plus noise (`low_rank_task`) from
    a Gaussian start of width ``w = d**gamma_w`` and variance
    ``sigma^2 = d**gamma_sigma2``. Truth and noise are drawn once per seed, the network
    once per cell and seed.

    Parameters
    ----------
    d : int
        Input and output dimension, at least 2.
    rank : int
        Rank of the truth.
    gamma_sigma2, gamma_w : float or array_like
        Axes of the grid, without repeats; ``1 <= d**gamma_w <= 1e15``.
    seeds : int
        Number of independent tasks and networks per cell; the dimension ``seed`` stays
        when it is 1. Seed i is ``rng=numpy.random.SeedSequence(rng, spawn_key=(i,))``
        of single runs, and seed 0 also ``rng`` itself.
    dynamics : {"gradient_descent", "gradient_flow", "closed_form", \
"self_consistent", "lazy", "balanced"}
        What each cell follows: the network by gradient descent; its flow, integrated
        (`linflow.gradient_flow`) or by the Riccati closure from P(0)
        (`linflow.closed_form`); or a formula, which is stepped with the same step size
        from the same start, as in the paper, or, beside one of the flows, solved as a
        flow. Flows are looked at on the virtual steps
        ``t = step_size * step``.
    protocol : "published" or dict
        The published protocol ([TAJ], theory §8), or a dict with ``step_size`` and
        ``max_steps`` and/or ``stop`` (see `linflow.stop`).
    noise : float
        Standard deviation of the noise, >= 0.
    distance_to : str, optional
        Another of the dynamics, followed from the same start on the same steps: gives
        the maximal distance to it. Costs about as much again as the run. Descent is
        compared with stepped formulas, a flow with flows.
    observe : str or sequence of str
        Further variables, of "rank_margin", "active_modes", "effective_rank",
        "nuclear_norm", "operator_norm" and "alignment" (with the target's first `rank`
        modes), all at the best step; "error_bound" of "closed_form", up to there;
        "first_crossing" and "last_crossing", the steps,
        interpolated, at which the first and the last of the `rank` largest singular
        values exceed kappa, NaN where they do not; these look at every step.
    rtol : float
        Tolerance of "gradient_flow" by "auto", and of that alone; at 1e-4 the picture
        is the same.
    method : {"auto", "euler", "rk4"}
        How "gradient_flow" is integrated: "auto" within `rtol`; or in steps of fixed
        size, one from each virtual step to the next, by the Runge-Kutta method of order
        1 (these are the steps of descent) or 4. Up to d = 50 (32 without AVX-512) such
        cells run side by side in vector lanes, as those of descent do.
    dtype : {"float64", "float32"}
        Precision of the runs; see `gradient_descent`. In float32 a tiny narrow start
        may not move the test error by more than rounding, whose rises the published
        rules then take for its end: such cells stop early.
    store : path_like, optional
        Zarr store to which cells are written as they finish (`linflow.store`).
    resume : bool, "repair" or "retry"
        What to do when the store is there: go on, computing only what it does not have
        (new values on the axes, more seeds); with False refuse; "repair" also computes
        damaged batches again, "retry" also cells whose process was lost.
    executor : optional
        None for this process; a number of new processes; a
        `concurrent.futures.Executor`; a dask client, cluster or address
        (`linflow.execution.executors`).
    n_threads : int, optional
        Threads; by default what OpenMP would use (OMP_NUM_THREADS, the affinity mask
        and threadpoolctl are respected), or 1 in each worker of an executor. The result
        does not depend on it.
    batch : int, optional
        Cells computed and written together; by default as many as take about a second,
        or all of them where threads of this process compute them for no store.
    progress : bool or callable
        Show a bar (lines in a log file), or call a function with the number of finished
        cells.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of all streams. A cell's streams depend on its own parameters only: growing
        a grid keeps the results of old cells.

    Returns
    -------
    xarray.Dataset
        Dimensions (gamma_w, gamma_sigma2, seed); variables min_test_error, best_step,
        steps, first_train_error, final_train_error, rank, stable_rank, status, duration
        and, on request, distance. A cell that diverged has status -1 and keeps what was
        measured before; one that ends its process has status -4 and a ``reason``.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, or the store was made with other settings,
        before any work starts.
    OSError, StoreDamaged
        When the store can't be written, or is not what was written.
    Interrupted
        On Ctrl-C; ``.partial`` is the data set with the cells finished so far, which
        the store has too.

    Notes
    -----
    The width costs nothing: a step takes three products of d x d x min(w, 2d).

    A closed form is solved at 10 to 50 times per cell, not at every virtual step: the
    logarithms of its errors are interpolated in time, to 1e-4 and to a hundredth of
    what they change between nodes, the stop rules are applied to the interpolant, and
    the best step and the last three are then solved for and the rules applied again,
    until they hold for true errors. So, as in a scan, a run ends at the first step at
    which a rule ends it, and the minimal test error is the least up to there: of
    several local minima the first one when the rule is that the test error rises, and
    the last step when there is none. All errors returned are true, but on a plateau of
    rounding errors, where an interpolated one may stand after eight passes; a step can
    differ from the scan's only where the errors of its neighbours agree to 1e-4. With
    `distance_to` or the crossings of `observe` every step is solved for.

    An integrated flow is solved in one of three ways, each within `rtol`: in few long
    steps about the closed form, where that costs least, with the end and the best step
    found on it as for a closed form; else by many, in Gram matrices or weights, with
    errors interpolated within steps that hold many virtual ones.

    The rank counts singular values beyond ``s_1 / 5``. Where noise is learned they lie
    dense there, so that a small error moves one across: an error dA can move one by
    |dA|_op, and by about ``|dA|_F / d`` when it has nothing to do with the singular
    vectors. A rank is in doubt where "rank_margin" times s_1 ("operator_norm") does not
    exceed that. "error_bound" estimates |dA|_F of the closure over
    ``max(|T|_F, |A(0)|_F)`` from the law of the start (`closed_form` from the start
    itself), from above where w < d; that of an integrated flow is about `rtol`.

    References
    ----------
    Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks", NeurIPS 2024,
    arXiv 2405.17580, figure 2.

    Examples
    --------
    >>> import linflow as lf
    >>> data = lf.phase_diagram(
    ...     d=20, rank=2, gamma_sigma2=[-2.0, -1.0], gamma_w=[1.0, 2.0, 8.0],
    ...     progress=False,
    ... )
    >>> dict(data.sizes)
    {'gamma_w': 3, 'gamma_sigma2': 2, 'seed': 1}
    >>> bool((data.status > 0).all())
    True
    """
    d = validate.integer("d", d, at_least=2)
    rank = validate.integer("rank", rank, at_least=1)
    if rank > d:
        message = f"rank must be at most d = {d}, not {rank}"
        raise ValueError(message)
    axis_sigma2 = validate.axis("gamma_sigma2", gamma_sigma2)
    axis_w = validate.axis("gamma_w", gamma_w)
    check_widths(d, axis_w)
    check_variances(d, axis_sigma2)
    seeds = validate.integer("seeds", seeds, at_least=1)
    method = validate.choice("method", method, METHODS)
    kinds = _kinds(dynamics, distance_to, method)
    plan = Protocol.check(protocol)
    noise = validate.real("noise", noise, at_least=0)
    observe = validate.choices("observe", observe, tuple(spectral.PANELS))
    if "error_bound" in observe and dynamics != "closed_form":
        message = (
            "observe: 'error_bound' is that of dynamics='closed_form', not of "
            f"{dynamics!r}"
        )
        raise ValueError(message)
    rtol = validate.real("rtol", rtol, above=0, up_to=1)
    if rtol != RTOL and "gradient_flow" not in kinds:
        message = (
            f"rtol must be {RTOL:g} where no 'gradient_flow' is integrated by "
            f"method='auto', not {rtol:g}: nothing else has a tolerance"
        )
        raise ValueError(message)
    precision = validate.dtype(dtype)
    check_resume(resume, store)
    if n_threads is not None:
        n_threads = validate.integer("n_threads", n_threads, at_least=1)
    if batch is not None:
        batch = validate.integer("batch", batch, at_least=1)
    threads = n_threads or core.default_threads()
    root = streams.root(rng)
    matrices = sum(MATRICES.get(kind, 25) for kind in (dynamics, distance_to) if kind)
    validate.memory(
        f"runs of {d} x {d} in {threads} threads",
        float(np.dtype(precision).itemsize) * d * d * matrices * threads,
        "lower d or n_threads",
    )
    validate.memory(
        f"a grid of {axis_w.size} x {axis_sigma2.size} x {seeds} cells",
        200.0 * axis_w.size * axis_sigma2.size * seeds,
        "lower seeds or the number of values on an axis",
    )
    variables = tuple(
        name
        for name in VARIABLES
        if name not in {"distance", *spectral.PANELS}
        or name in observe
        or (name == "distance" and distance_to is not None)
    )
    grid = _grid(d, axis_w, axis_sigma2, seeds)
    # Where nothing is written meanwhile, all at once but for the memory of many tasks.
    at_once = executor is None and store is None and batch is None
    if at_once:
        batch = axis_w.size * axis_sigma2.size * max(1, TASKS // (16 * d * d))
    settings: dict[str, Any] = {
        "d": d,
        "rank": rank,
        "noise": noise,
        "dynamics": dynamics,
        "distance_to": distance_to,
        "time": "flow" if {dynamics, distance_to} & {*FLOWS} else "stepped",
        "rtol": rtol if "gradient_flow" in kinds else None,
        "method": None if method == "auto" else method,
        "protocol": str(plan),
        "observe": ", ".join(sorted(observe)) or None,
        "dtype": precision,
        "rng_entropy": str(root.entropy),
        "rng_seed": str(root.seed),
        "linflow": str(build_info()["version"]),
    }
    return run(
        Plan(
            grid=grid,
            work=DiagramWork(
                d=d,
                rank=rank,
                noise=noise,
                root=root,
                kinds=kinds,
                protocol=protocol,
                variables=variables,
                float32=precision == "float32",
                rtol=rtol,
            ),
            settings=settings,
            pool=lambda: open_pool(
                executor, n_threads, lambda: (Team if at_once else Threads)(threads)
            ),
            order=lambda cells: order(grid, d, cells),
            variables={
                name: Variable(
                    attrs=dict(
                        zip(("long_name", "units"), VARIABLES[name], strict=True)
                    )
                )
                for name in variables
            },
            store=store,
            resume=resume,
            batch=batch,
            together=core.lanes(kinds[0], d, d, precision == "float32"),
            progress=progress,
        )
    )


def _grid(d: int, gamma_w: Array, gamma_sigma2: Array, seeds: int) -> Grid:
    """Return the axes, with widths and variances along them."""
    along_w = {"width": (widths(d, gamma_w), {"long_name": "width"})}
    along_sigma2: dict[str, Any] = {"variance": (powers(d, gamma_sigma2), {})}
    return Grid(
        (
            Axis("gamma_w", gamma_w, {"long_name": "log_d of the width"}, along_w),
            Axis(
                "gamma_sigma2",
                gamma_sigma2,
                {"long_name": "log_d of the initial variance"},
                along_sigma2,
            ),
            Axis("seed", np.arange(seeds)),
        )
    )


def _kinds(dynamics: Any, distance_to: Any, method: str) -> tuple[str, str | None]:
    """Return the core's names of the dynamics and of the one it is compared with."""
    validate.choice("dynamics", dynamics, DYNAMICS)
    pair = {dynamics}
    if distance_to is not None:
        validate.choice("distance_to", distance_to, DYNAMICS)
        if distance_to == dynamics:
            message = f"distance_to must not be dynamics itself, {dynamics!r}"
            raise ValueError(message)
        pair.add(distance_to)
    flows = sorted(pair & {*FLOWS})
    if flows and "gradient_descent" in pair:
        message = (
            f"distance_to must not pair 'gradient_descent' with {flows[0]!r}: one is "
            "stepped, the other a flow, and the distance would be that of the step"
        )
        raise ValueError(message)

    if method != "auto" and "gradient_flow" not in pair:
        message = (
            f"method must be 'auto' where no 'gradient_flow' is integrated, not "
            f"{method!r}"
        )
        raise ValueError(message)

    def kind(name: str) -> str:
        if name == "gradient_flow" and method != "auto":
            return "gradient_descent" if method == "euler" else f"{name}_{method}"
        formula = name not in ("gradient_descent", *FLOWS)
        return f"stepped_{name}" if formula and not flows else name

    return kind(dynamics), None if distance_to is None else kind(distance_to)
