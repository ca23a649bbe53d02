"""The lazy dynamics: the kernel stays what it was at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _callback as callbacks
from linflow import _grams as grams
from linflow import _solved as solved
from linflow._core import lazy as core
from linflow._options import OBSERVABLES, Timed
from linflow.initial import initial_network
from linflow.rescaling import Rescaling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.network import Network
    from linflow.task import Task
    from linflow.trajectory import Trajectory


def lazy(
    task: Task,
    init: Any,
    *,
    times: ArrayLike,
    learning_rates: float | tuple[float, float] = (1.0, 1.0),
    scale: float = 1.0,
    rng: RngLike = None,
    observe: str | Sequence[str] = OBSERVABLES,
    top: int | None = None,
    track: str = "order",
    save_product: bool = False,
    save_gram: bool = False,
    dtype: str = "float64",
    n_threads: int | None = None,
    progress: bool | Callable[[int], Any] = False,
    callback: Callable[[float, Array], Any] | None = None,
) -> Trajectory:
    """Solve the lazy (linearised, neural-tangent-kernel) dynamics at any time.

    ``A(t) = T + exp(-C2 t) (A(0) - T) exp(-C1 t)`` with C1, C2 those of the initial
    network: what a network does while its weights hardly move.

    Parameters
    ----------
    task, init, times, learning_rates, scale, rng, observe, top, track, \
save_product, save_gram, dtype, \
n_threads, progress, callback
        As for `closed_form`; C1 and C2 stay what they were by assumption.

    Returns
    -------
    Trajectory
        Without a ``.network``: linearised weights are not followed.

    Raises
    ------
    TypeError, ValueError, Interrupted
        As for `closed_form`.

    Notes
    -----
    Cost: two symmetric eigendecompositions, which Ctrl-C does not interrupt (see
    `closed_form`), then two products per time. Exact for its equation to rounding
    (theory §6).

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task(10, rank=1, rng=0)
    >>> wide = lf.Gaussian(width=1e8, variance=1e-5)  # kappa = 1000: lazy
    >>> formula = lf.lazy(task, wide, times=[0, 1e-4, 1e-3], rng=0)
    >>> flow = lf.closed_form(task, wide, times=[0, 1e-4, 1e-3], rng=0)
    >>> bool(abs(formula.train_error - flow.train_error).max() < 0.02)
    True
    """
    told = progress, callbacks.check(callback)
    options = Timed.check(
        task,
        times=times,
        observe=observe,
        top=top,
        track=track,
        save_product=save_product,
        save_gram=save_gram,
        dtype=dtype,
        n_threads=n_threads,
        matrices=(5, 2),
    )
    rescaling = Rescaling.check(learning_rates, scale, frozen=False)
    network = initial_network(init, task, rng)
    levels = rescaling.levels(network.law)
    options.spectrum(task, levels["kappa"])  # refuses what it can't tell, before work
    standard = solved.standard_network(network, rescaling)
    record = solved.run(
        core.run, standard.W1.T, standard.W2, task, options, rescaling, told
    )
    trajectory = solved.trajectory(
        record,
        options,
        rescaling,
        task=task,
        start=None,
        dynamics="lazy",
        **_grams(network, len(record["train_error"])) if options.save_gram else {},
        **levels,
    )
    return trajectory.checked(raise_on_failure=True, raised=record["raised"])


def _grams(network: Network, points: int) -> dict[str, Any]:
    """Return C1 and C2 of the start at every save point."""
    C1, C2 = grams.of_weights(network.layers)
    return {
        "input_gram": np.repeat(C1[None], points, axis=0),
        "output_gram": np.repeat(C2[None], points, axis=0),
    }
