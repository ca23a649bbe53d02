"""Gradient descent of linear networks of any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linflow import _callback as callbacks
from linflow import _grams as grams
from linflow import _progress as progress_bar
from linflow._core import descent as core
from linflow._options import OBSERVABLES, Stepped
from linflow.deep import DeepNetwork
from linflow.initial import any_network
from linflow.layer_descent import layer_descent
from linflow.network import Network
from linflow.rescaling import Rescaling
from linflow.trajectory import Trajectory, from_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.stop import Rule
    from linflow.task import Task


def gradient_descent(
    task: Task,
    init: Any,
    *,
    step_size: float,
    max_steps: int | None = None,
    save_every: int = 1,
    stop: Rule | Iterable[Rule] | None = None,
    learning_rates: float | Sequence[float] = (1.0, 1.0),
    scale: float = 1.0,
    rng: RngLike = None,
    observe: str | Sequence[str] = OBSERVABLES,
    top: int | None = None,
    track: str = "order",
    save_product: bool = False,
    save_weights: bool = False,
    save_gram: bool = False,
    dtype: str = "float64",
    progress: bool | Callable[[int], Any] = False,
    callback: Callable[[float, Array], Any] | None = None,
    raise_on_failure: bool = True,
) -> Trajectory:
    """Train a network by full-batch gradient descent, exactly, at any width.

    With output map ``A = scale W2 W1`` and ``G = A - T`` each step is
    ``W1 -= step_size eta1 scale W2^T G``, ``W2 -= step_size eta2 scale G W1^T``, both
    layers from the old values.

    Parameters
    ----------
    task : Task
        What is to be learned, shape (d_out, d_in); any cost.
    init : Gaussian, Balanced, Weights, Network, DeepNetwork or Trajectory
        The initial network, or a trajectory to go on from.
    step_size : float
        Step size, > 0; time is ``step_size * step``.
    max_steps : int, optional
        At most that many steps (or as a rule in `stop`).
    save_every : int
        Steps between save points; the first and the last step are always saved.
    stop : rule or sequence of rules, optional
        See `linflow.stop`.
    learning_rates : float or sequence of float
        Factor >= 0 on the step of each layer, input layer first.
    scale : float
        Output scale, not zero.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of the stream of a random `init`; the same gives the same network in
        every dynamics.
    observe : str or sequence of str
        Of "train_error", "test_error", "singular_values"; and "alignment" (with the
        target's modes), "active_modes" (singular values above kappa), "rank" (those
        above s_1/5), "stable_rank", "effective_rank", "nuclear_norm", "operator_norm".
    top : int, optional
        Number of singular values; all when min(shape) <= 64, else 8.
    track : {"order", "modes"}
        Singular values by size, or as modes that keep their identity through a
        crossing (see `linflow.spectrum.follow`).
    save_product, save_weights : bool
        Keep the output map, or all layers, at save points.
    save_gram : bool
        Keep ``W1^T W1`` and ``W2 W2^T`` at save points, for `linflow.observables`; two
        layers.
    dtype : {"float64", "float32"}
        Precision of the run. float32 halves the time; the output map then is good to
        about 1e-6 of the larger of target and threshold kappa, so that very lazy
        networks (kappa beyond 1e5 times the target) need float64.
    progress : bool or callable
        Show a bar, or call a function with the number of steps done.
    callback : callable, optional
        Called as ``callback(time, A)`` at every save point, as it is reached, with a
        copy of the output map, shape (d_out, d_in). What it raises ends the run, and
        carries what was done as ``.trajectory``.
    raise_on_failure : bool
        Raise `RunFailed` when the run diverges; otherwise see ``.status``.

    Returns
    -------
    Trajectory

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range.
    RunFailed
        When the run diverges; the exception carries ``.trajectory``.
    Interrupted
        On Ctrl-C, with what was done as ``.partial``.

    Notes
    -----
    Cost: three products of d_out x d_in x r per step, r = min(width, d_in + d_out), in
    several threads (as many as OpenMP would use) from d of about 400 on; the result
    does not depend on their number. Memory: at most 1.5 times state plus workspace,
    (2 d_in + d_out) r + 4 d_out d_in numbers, from d of about 500 on.

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task(20, rank=2, rng=0)
    >>> run = lf.gradient_descent(
    ...     task, lf.Gaussian(1e6, 1e-8), step_size=0.002, max_steps=400, rng=0
    ... )
    >>> run.status
    <Status.REACHED_END: 1>
    >>> run.train_error.shape, run.singular_values.shape
    ((401,), (401, 20))
    """
    callback = callbacks.check(callback)
    options = Stepped.check(
        task,
        step_size=step_size,
        max_steps=max_steps,
        save_every=save_every,
        stop=stop,
        observe=observe,
        top=top,
        save_product=save_product,
        dtype=dtype,
        track=track,
        save_weights=save_weights,
        save_gram=save_gram,
    )
    network = any_network(init, task, rng)
    options.check_memory(task, network.layers)
    if options.save_gram:
        grams.check(network.layers)
    if isinstance(network, DeepNetwork) or not task.plain:
        trajectory, raised = layer_descent(
            task, network, options, learning_rates, scale, progress, callback
        )
        return trajectory.checked(raise_on_failure=raise_on_failure, raised=raised)
    rescaling = Rescaling.check(learning_rates, scale, frozen=True)
    known = rescaling.levels(network.law)
    with progress_bar.bar(progress, options.rules.max_steps, "step") as update:
        record = core.run(
            options.matrix(network.W1.T),
            options.matrix(network.W2),
            options.matrix(task.target),
            None if task.noise is None else options.matrix(task.noise),
            learning_rates=rescaling.learning_rates,
            scale=rescaling.scale,
            spectrum=options.spectrum(task, known["kappa"]),
            progress=update,
            callback=callbacks.at_steps(callback, options.step_size),
            save_weights=options.save_weights or options.save_gram,
            **options.keywords(),
        )
    X, Y = record["X"], record["Y"]
    trajectory = from_record(
        record,
        step_size=options.step_size,
        observe=options.observe,
        **grams.fields(record, [X.shape, Y.shape], options, transposed=True),
        **options.spectral_fields(record, task),
        dynamics="gradient descent",
        network=_network_or_none(record, network),
        **known,
    )
    return trajectory.checked(
        raise_on_failure=raise_on_failure, raised=record["raised"]
    )


def _network_or_none(record: dict[str, Any], start: Network) -> Network | None:
    """Return the last network; None when its weights are no longer finite."""
    try:
        return Network(
            record["X"].T,
            record["Y"],
            width=start.width,
            law=start.law,
            basis=start.basis,
        )
    except ValueError:
        return None
