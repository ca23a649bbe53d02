"""Phase diagrams over the initial variance and the width ([TAJ] figure 2)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _progress as progress_bar
from linflow import _spectral as spectral
from linflow import _streams as streams
from linflow import _validate as validate
from linflow._core import ensemble as core
from linflow._core import network as core_network
from linflow.initial import MAX_WIDTH
from linflow.protocol import Protocol, published_step_size
from linflow.status import Interrupted, Status
from linflow.task import low_rank_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.task import Task

# The axes of [TAJ] figure 2.
GAMMA_SIGMA2 = tuple(np.linspace(-3.0, 0.0, 30).tolist())
GAMMA_W = tuple(np.linspace(0.0, 2.8, 30).tolist())
DYNAMICS = ("gradient_descent", "closed_form", "self_consistent", "lazy", "balanced")

_VARIABLES: dict[str, tuple[str, str]] = {
    "min_test_error": ("minimal test error |A - A*|^2/d^2 over the run", "1"),
    "best_step": ("first step of the minimal test error", "step"),
    "steps": ("steps run", "step"),
    "first_train_error": ("train error |A - T|^2/d^2 at the start", "1"),
    "final_train_error": ("train error at the last step", "1"),
    "rank": ("singular values above s_1/5 at the best step", "1"),
    "stable_rank": ("|A|_F^2/|A|_op^2 at the best step", "1"),
    "distance": ("maximum over the run of |A - A'|^2/d^2", "1"),
    "status": ("why the run ended (linflow.Status)", "1"),
    "duration": ("time spent on the cell", "s"),
} | spectral.PANELS


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
    dtype: str = "float64",
    n_threads: int | None = None,
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
        when it is 1.
    dynamics : {"gradient_descent", "closed_form", "self_consistent", "lazy", \
"balanced"}
        What each cell follows: the network by gradient descent; its flow by the
        Riccati closure from P(0) (`linflow.closed_form`); or a formula, which is
        stepped with the same step size from the same start, as in the paper, or, beside
        "closed_form", solved as a flow. Flows are looked at on the virtual steps
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
        Further variables, of "active_modes", "effective_rank", "nuclear_norm",
        "operator_norm" and "alignment" (with the target's first `rank` modes), all at
        the best step; "first_crossing" and "last_crossing", the steps, interpolated, at
        which the first and the last of the `rank` largest singular values exceed
        kappa, NaN where they do not; these look at every step.
    dtype : {"float64", "float32"}
        Precision of the runs; see `gradient_descent`.
    n_threads : int, optional
        Threads; by default what OpenMP would use (OMP_NUM_THREADS, the affinity mask
        and threadpoolctl are respected). The result does not depend on it.
    progress : bool or callable
        Show a bar, or call a function with the number of finished cells.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of all streams. A cell's streams depend on its own parameters only: growing
        a grid keeps the results of old cells.

    Returns
    -------
    xarray.Dataset
        Dimensions (gamma_w, gamma_sigma2, seed); variables min_test_error, best_step,
        steps, first_train_error, final_train_error, rank, stable_rank, status, duration
        and, on request, distance. A cell that diverged has status -1 and keeps what was
        measured before.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, before any work starts.
    Interrupted
        On Ctrl-C; ``.partial`` is the data set with the cells finished so far.

    Notes
    -----
    The width costs nothing: a step takes three products of d x d x min(w, 2d).

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
    _check_widths(d, axis_w)
    _check_variances(d, axis_sigma2)
    seeds = validate.integer("seeds", seeds, at_least=1)
    kinds = _kinds(dynamics, distance_to)
    plan = Protocol.check(protocol)
    noise = validate.real("noise", noise, at_least=0)
    observe = validate.choices("observe", observe, tuple(spectral.PANELS))
    precision = validate.dtype(dtype)
    threads = (
        0 if n_threads is None else validate.integer("n_threads", n_threads, at_least=1)
    )
    root = streams.root(rng)
    validate.memory(
        f"{seeds} tasks of {d} x {d} and their runs",
        8.0 * d * d * (3 * seeds + 12 * (threads or core.default_threads())),
        "lower d or seeds",
    )

    roots = [root.child(i) for i in range(seeds)]
    tasks = [
        low_rank_task((d, d), rank, noise=noise, rng=one.sequence()) for one in roots
    ]
    cells = _cells(d, axis_sigma2, axis_w, roots, tasks, plan)
    shape = (axis_w.size, axis_sigma2.size, seeds)
    started = dt.datetime.now(dt.UTC)
    with progress_bar.bar(progress, cells["task"].size, "cell") as update:
        record = core.run(
            targets=[task.target for task in tasks],
            noises=[np.asfortranarray(task.noise) for task in tasks],
            order=_order(cells, d),
            stop=plan.rules,
            dynamics=kinds[0],
            distance_to=kinds[1],
            modes=rank,
            alignment="alignment" in observe,
            crossings=bool(set(observe) & set(spectral.CROSSINGS)),
            float32=precision == "float32",
            n_threads=threads,
            progress=update,
            **cells,
        )
    raised = record.pop("raised")
    if distance_to is None:
        del record["distance"]
    for name in spectral.PANELS.keys() - set(observe):
        del record[name]
    data = _dataset(record, shape, axis_sigma2, axis_w, cells)
    data.attrs = {
        "d": d,
        "rank": rank,
        "noise": noise,
        "dynamics": dynamics,
        "time": "flow" if "closed_form" in (dynamics, distance_to) else "stepped",
        "protocol": str(plan),
        "dtype": precision,
        "rng_entropy": str(root.entropy),
        "rng_seed": str(root.seed),
    }
    if distance_to is not None:
        data.attrs["distance_to"] = distance_to
    data.attrs |= _provenance(started)
    if raised is not None:
        done = int((data["status"] != 0).sum())
        message = (
            f"interrupted after {done} of {data['status'].size} cells; "
            ".partial holds those finished"
        )
        if isinstance(raised, KeyboardInterrupt):
            raise Interrupted(message, data) from raised
        raised.partial = data
        raise raised
    return data


def _kinds(dynamics: Any, distance_to: Any) -> tuple[str, str | None]:
    """Return the core's names of the dynamics and of the one it is compared with."""
    validate.choice("dynamics", dynamics, DYNAMICS)
    pair = {dynamics}
    if distance_to is not None:
        validate.choice("distance_to", distance_to, DYNAMICS)
        if distance_to == dynamics:
            message = f"distance_to must not be dynamics itself, {dynamics!r}"
            raise ValueError(message)
        pair.add(distance_to)
    if pair == {"gradient_descent", "closed_form"}:
        message = (
            "distance_to must not pair 'gradient_descent' with 'closed_form': one is "
            "stepped, the other a flow, and the distance would be that of the step"
        )
        raise ValueError(message)
    stepped = "closed_form" not in pair

    def kind(name: str) -> str:
        formula = name not in ("gradient_descent", "closed_form")
        return f"stepped_{name}" if stepped and formula else name

    return kind(dynamics), None if distance_to is None else kind(distance_to)


def _check_widths(d: int, gamma_w: Array) -> None:
    with np.errstate(over="ignore"):
        widths = float(d) ** gamma_w
    for exponent, width in zip(gamma_w, widths, strict=True):
        if not 1 <= width <= MAX_WIDTH:
            top = np.log(MAX_WIDTH) / np.log(d)
            message = (
                f"gamma_w must be between 0 and {top:.3g} (widths 1 to "
                f"{MAX_WIDTH:g} at d = {d}), not {exponent:g}"
            )
            raise ValueError(message)


def _check_variances(d: int, gamma_sigma2: Array) -> None:
    top = 300 / np.log10(d)
    for exponent in gamma_sigma2:
        if not -top <= exponent <= top:
            message = (
                f"gamma_sigma2 must be between {-top:.3g} and {top:.3g} (variances "
                f"1e-300 to 1e300 at d = {d}), not {exponent:g}"
            )
            raise ValueError(message)


def _cells(
    d: int,
    gamma_sigma2: Array,
    gamma_w: Array,
    roots: list[streams.Root],
    tasks: list[Task],
    plan: Protocol,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of cell parameters, in the order of the data set.

    Widths and variances are powers as Python computes them, not as arrays, whose last
    bit may depend on the processor: the streams are keyed by their bits.
    """
    shape = (gamma_w.size, gamma_sigma2.size, len(roots))
    powers = [
        [float(d) ** one for one in axis.tolist()] for axis in (gamma_w, gamma_sigma2)
    ]
    widths = np.array([core_network.realised_width(w, d, d) for w in powers[0]])
    grids = np.broadcast_arrays(
        widths[:, None, None],
        np.array(powers[1])[None, :, None],
        np.arange(len(roots)),
    )
    width, variance, task = (grid.ravel() for grid in grids)
    seed = np.empty((*shape, 4), dtype=np.uint64)
    step_size = np.empty(shape)
    for number, (one, its_task) in enumerate(zip(roots, tasks, strict=True)):
        here = task == number
        seed[:, :, number] = one.state_words(
            streams.Purpose.NETWORK, d, d, width[here], variance[here], variance[here]
        ).reshape(*shape[:2], 4)
        if plan.step_size is None:
            assert its_task.truth is not None
            step_size[:, :, number] = published_step_size(
                gamma_sigma2[None, :],
                gamma_w[:, None],
                d=d,
                truth_norm=float(np.linalg.norm(its_task.truth, 2)),
            )
        else:
            step_size[:, :, number] = plan.step_size
    return {
        "task": task,
        "seed": seed.reshape(-1, 4),
        "width": width,
        "variance1": variance,
        "variance2": variance,
        "step_size": step_size.ravel(),
    }


def _order(cells: dict[str, NDArray[Any]], d: int) -> list[int]:
    """Return the order in which cells are started: expensive steps first.

    Cells of small variance take long to leave the saddle, so that within a width they
    come first; the last cells are then short and all threads end together.
    """
    units = np.minimum(cells["width"], 2.0 * d)
    order: list[int] = np.lexsort((cells["variance1"], -units)).tolist()
    return order


def _dataset(
    record: dict[str, NDArray[Any]],
    shape: tuple[int, int, int],
    gamma_sigma2: Array,
    gamma_w: Array,
    cells: dict[str, NDArray[Any]],
) -> xr.Dataset:
    import xarray as xr

    widths = cells["width"].reshape(shape)[:, 0, 0]
    variances = cells["variance1"].reshape(shape)[0, :, 0]
    dims = ("gamma_w", "gamma_sigma2", "seed")
    data = xr.Dataset(
        {
            name: (
                dims,
                values.reshape(shape),
                dict(zip(("long_name", "units"), _VARIABLES[name], strict=True)),
            )
            for name, values in record.items()
        },
        coords={
            "gamma_w": ("gamma_w", gamma_w, {"long_name": "log_d of the width"}),
            "gamma_sigma2": (
                "gamma_sigma2",
                gamma_sigma2,
                {"long_name": "log_d of the initial variance"},
            ),
            "seed": np.arange(shape[2]),
            "width": ("gamma_w", widths, {"long_name": "width"}),
            "variance": ("gamma_sigma2", variances),
        },
    )
    data["status"].attrs |= {
        "flag_values": [int(status) for status in Status],
        "flag_meanings": " ".join(status.name.lower() for status in Status),
    }
    return data


def _provenance(started: dt.datetime) -> dict[str, str]:
    from linflow.build_info import build_info

    info = build_info()
    return {
        "linflow": str(info["version"]),
        "instruction_set": str(info["instruction_set"]),
        "numpy": np.__version__,
        "created": started.isoformat(timespec="seconds"),
    }
