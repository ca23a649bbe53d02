"""The cells of a phase diagram: parameters in, the compiled ensemble, columns out."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _core, modes
from linflow import _spectral as spectral
from linflow import _streams as streams
from linflow._core import ensemble as core
from linflow._core import network as core_network
from linflow.closed_form import neglected
from linflow.initial import MAX_WIDTH
from linflow.protocol import Protocol, published_step_size
from linflow.spectrum import singular_values
from linflow.store.results import Results
from linflow.task import low_rank_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from linflow._core import Array
    from linflow.execution.work import Report
    from linflow.store.grid import Columns, Grid

VARIABLES: dict[str, tuple[str, str]] = {
    "min_test_error": ("minimal test error |A - A*|^2/d^2 over the run", "1"),
    "best_step": ("first step of the minimal test error", "step"),
    "steps": ("steps run", "step"),
    "first_train_error": ("train error |A - T|^2/d^2 at the start", "1"),
    "final_train_error": ("train error at the last step", "1"),
    "rank": ("singular values above s_1/5 at the best step", "1"),
    "stable_rank": ("|A|_F^2/|A|_op^2 at the best step", "1"),
    "distance": ("maximum over the run of |A - A'|^2/d^2", "1"),
} | spectral.PANELS
"""What is kept of a cell beside its status and duration, and the units."""


@dataclass(frozen=True)
class DiagramWork:
    """Runs batches of cells; all that a cell depends on beside its own parameters."""

    d: int
    rank: int
    noise: float
    root: streams.Root
    kinds: tuple[str, str | None]
    protocol: Any
    variables: tuple[str, ...]
    float32: bool
    rtol: float
    plan: Protocol = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", Protocol.check(self.protocol))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without the compiled rules, which are made again."""
        return DiagramWork, (
            self.d,
            self.rank,
            self.noise,
            self.root,
            self.kinds,
            self.protocol,
            self.variables,
            self.float32,
            self.rtol,
        )

    def __call__(
        self, columns: Columns, n_threads: int, report: Report | None = None
    ) -> Results:
        """Run a batch of cells."""
        seeds, place = np.unique(columns["seed"], return_inverse=True)
        tasks, norms = zip(
            *(
                _task(
                    self.d, self.rank, self.noise, self.root.child(seed), self.float32
                )
                for seed in seeds.tolist()
            ),
            strict=True,
        )
        cells = self._cells(columns, seeds, place, norms)
        return self._run(tasks, cells, seeds, n_threads, report)

    def _cells(
        self,
        columns: Columns,
        seeds: NDArray[Any],
        place: NDArray[Any],
        norms: tuple[float, ...],
    ) -> dict[str, NDArray[Any]]:
        """Return the ensemble's arrays of cell parameters."""
        gamma_w, gamma_sigma2 = columns["gamma_w"], columns["gamma_sigma2"]
        width = widths(self.d, gamma_w)
        variance = powers(self.d, gamma_sigma2)
        seed = np.empty((place.size, 4), dtype=np.uint64)
        step_size = np.empty(place.size)
        for number, (one, norm) in enumerate(zip(seeds.tolist(), norms, strict=True)):
            here = place == number if seeds.size > 1 else slice(None)
            seed[here] = self.root.child(one).state_words(
                streams.Purpose.NETWORK,
                self.d,
                self.d,
                width[here],
                variance[here],
                variance[here],
            )
            if self.plan.step_size is None:
                step_size[here] = published_step_size(
                    gamma_sigma2[here],
                    gamma_w[here],
                    d=self.d,
                    truth_norm=norm,
                )
            else:
                step_size[here] = self.plan.step_size
        return {
            "task": place.astype(np.int64),
            "seed": seed,
            "width": width,
            "variance1": variance,
            "variance2": variance,
            "step_size": step_size,
        }

    def _run(
        self,
        tasks: tuple[core.Task, ...],
        cells: dict[str, NDArray[Any]],
        seeds: NDArray[Any],
        n_threads: int,
        report: Report | None,
    ) -> Results:
        """Call the compiled ensemble."""
        record = core.run(
            tasks=tasks,
            order=np.arange(cells["task"].size),
            stop=self.plan.rules,
            dynamics=self.kinds[0],
            distance_to=self.kinds[1],
            modes=self.rank,
            alignment="alignment" in self.variables,
            crossings=bool(set(self.variables) & set(spectral.CROSSINGS)),
            values=bool(set(self.variables) & set(spectral.VALUES)),
            rtol=self.rtol,
            n_threads=n_threads,
            progress=report,
            **cells,
        )
        if "error_bound" in self.variables:
            record["error_bound"] = self._error_bounds(cells, seeds, record)
        return Results(
            values={name: record[name] for name in self.variables},
            status=record["status"],
            duration=record["duration"],
            instruction_set=_core.VARIANT,
            raised=record["raised"],
        )

    def _error_bounds(
        self,
        cells: dict[str, NDArray[Any]],
        seeds: NDArray[Any],
        record: dict[str, Any],
    ) -> Array:
        """Return what `linflow.closed_form` estimates, from the law of each start.

        In the limit of width the spectrum of PJ is that of a Marchenko-Pastur law
        times J freely: with c = n / w and equal variances its moments are w^2 and
        (1 + 2c) w^4, in units of the variance, and so rho^2 = 2c / (1 + 2c).
        """
        spectra = np.array(
            [
                _values(self.d, self.rank, self.noise, self.root.child(seed))
                for seed in seeds.tolist()
            ]
        )
        times = cells["step_size"] * record["best_step"]
        out = np.full(times.size, np.nan)
        known = np.flatnonzero(np.isfinite(times))
        for some in np.array_split(known, 1 + known.size * self.d // 2**20):
            width = cells["width"][some]
            out[some] = _error_bounds(
                spectra[cells["task"][some]],
                width,
                width * cells["variance1"][some],
                times[some],
            )
        return out


def _error_bounds(values: Array, width: Array, kappa: Array, times: Array) -> Array:
    """Return the estimates of cells with targets of some singular values, in rows."""
    d = values.shape[1]
    overlap = kappa / np.sqrt(width)  # of each mode at first
    ratio = 2 * d / width
    rho = np.sqrt(2 * ratio / (1 + 2 * ratio))
    reached = _curves(overlap, values, kappa, times)
    error = neglected(rho, kappa, values, reached, ratio)
    narrow = width < d
    # A(0) has rank w: what comes after grows from nothing.
    after = values[narrow]
    after = _curves(np.zeros(len(after)), after, kappa[narrow], times[narrow])
    after[np.arange(d) < width[narrow, np.newaxis].astype(int)] = 0
    size = np.maximum(np.linalg.norm(values, axis=1), overlap * d)
    error[narrow] += np.linalg.norm(after, axis=1) / size[narrow]
    return 2 * error + 1e-12


def _curves(starts: Array, values: Array, kappa: Array, times: Array) -> Array:
    """Return modes in rows, each row at its time: in units in which that is 1."""
    unit = np.where(times > 0, times, 1.0)[:, np.newaxis]
    starts = np.broadcast_to(starts[:, np.newaxis], values.shape)
    kappa = kappa[:, np.newaxis]
    later = modes.curves([1.0], unit * starts, unit * values, unit * kappa)[0] / unit
    return np.where(times[:, np.newaxis] > 0, later, starts)


@functools.lru_cache(maxsize=4)
def _values(d: int, rank: int, noise: float, root: streams.Root) -> Array:
    """Return the singular values of a seed's target."""
    task = low_rank_task((d, d), rank, noise=noise, rng=root.sequence())
    return np.linalg.svd(task.target, compute_uv=False).astype(np.float64)


@functools.lru_cache(maxsize=4)
def _task(
    d: int, rank: int, noise: float, root: streams.Root, float32: bool
) -> tuple[core.Task, float]:
    """Return the task of a seed, which several batches share, and |A*|_op."""
    task = low_rank_task((d, d), rank, noise=noise, rng=root.sequence())
    assert task.truth is not None
    norm = float(singular_values(task.truth, 1)[0])
    return core.Task(task.target, np.asfortranarray(task.noise), float32), norm


def powers(d: int, exponents: Array) -> Array:
    """Return d to some powers as Python computes them.

    Not as arrays, whose last bit may depend on the processor: streams are keyed by the
    bits of widths and variances.
    """
    values, place = np.unique(exponents, return_inverse=True)
    return np.array([float(d) ** one for one in values.tolist()])[place]


def widths(d: int, gamma_w: Array) -> Array:
    """Return the realised widths of some exponents."""
    values, place = np.unique(gamma_w, return_inverse=True)
    realised = [
        core_network.realised_width(width, d, d) for width in powers(d, values).tolist()
    ]
    return np.array(realised, dtype=float)[place]


def check_widths(d: int, gamma_w: Array) -> None:
    """Refuse exponents of widths that no network has."""
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


def check_variances(d: int, gamma_sigma2: Array) -> None:
    """Refuse exponents of variances whose levels would overflow or vanish."""
    # The square of variance times width, mu, is finite at any width.
    low, high = -300 / np.log10(d), 130 / np.log10(d)
    for exponent in gamma_sigma2:
        if not low <= exponent <= high:
            message = (
                f"gamma_sigma2 must be between {low:.3g} and {high:.3g} (variances "
                f"1e-300 to 1e130 at d = {d}), not {exponent:g}"
            )
            raise ValueError(message)


def order(grid: Grid, d: int, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return cells in the order in which they are started: expensive steps first.

    Within a number of hidden units, those farthest from gamma_w + gamma_sigma2 = 1 take
    most steps: on one side they leave a saddle, on the other their step is small beside
    what is to be learned. The last cells are then short and all workers end together.
    The seeds come one after the other: a batch then needs few tasks.
    """
    columns = grid.columns(cells)
    units = np.minimum(columns["gamma_w"], np.log(2 * d) / np.log(d))
    steps = np.abs(columns["gamma_w"] + columns["gamma_sigma2"] - 1)
    return cells[np.lexsort((-steps, -units, columns["seed"]))]
