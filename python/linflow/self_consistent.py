"""The self-consistent dynamics of [TAJ] and its balanced limit, for A alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _callback as callbacks
from linflow import _grams as grams
from linflow import _progress as progress_bar
from linflow import _solved as solved
from linflow import _validate as validate
from linflow._core import closed_form as core_flow
from linflow._core import self_consistent as core
from linflow._options import OBSERVABLES, Stepped, Timed
from linflow.initial import initial_network
from linflow.network import Law, Network
from linflow.rescaling import Rescaling
from linflow.trajectory import Trajectory, from_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.stop import Rule
    from linflow.task import Task


def self_consistent(
    task: Task,
    init: Any,
    *,
    times: ArrayLike | None = None,
    step_size: float | None = None,
    max_steps: int | None = None,
    kappa: float | None = None,
    save_every: int = 1,
    stop: Rule | Iterable[Rule] | None = None,
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
    raise_on_failure: bool = True,
) -> Trajectory:
    """Follow the self-consistent dynamics of [TAJ] eq. (1) from the network's A(0).

    ``dA/dt = -(C2 G + G C1)`` with ``C1 = sqrt(A^T A + kappa^2 I)``,
    ``C2 = sqrt(A A^T + kappa^2 I)``, ``G = A - T``: what a wide random network does,
    lazy along singular values below kappa and active above. Given `times` it is solved
    as a flow, in closed form; given `step_size` it is stepped as gradient descent is
    (``A -= step_size (C2 G + G C1)``, as in the paper).

    Parameters
    ----------
    task : Task
        Mean squared error, shape (d_out, d_in).
    init : Gaussian, Balanced, Weights, Network or Trajectory
        Gives A(0) and, by its law, kappa.
    times : array_like
        Times >= 0 that do not decrease, the last may be infinite: the flow.
    step_size, max_steps, save_every, stop
        As for `gradient_descent`: the stepped form, and for that alone.
    kappa : float, optional
        The threshold in units of the output map; by default that of the law of `init`,
        ``(sigma1^2 + sigma2^2) w / 2`` for `Gaussian` at unit rates and scale.
    learning_rates, scale, rng, observe, top, track, save_product, save_gram, dtype, \
n_threads, progress, callback, raise_on_failure
        As for `closed_form` and `gradient_descent`; C1 and C2 are those of the formula.

    Returns
    -------
    Trajectory
        Without a ``.network``: the formula determines A only.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, kappa is neither given nor known, or the
        start is one of the lambda-balanced ones whose dynamics the formula is not.
    RunFailed, Interrupted
        As for `gradient_descent`.

    Notes
    -----
    The terms of unequal variances cancel in C2 G + G C1: kappa is the only parameter.
    Cost: as `closed_form`; stepped, one symmetric eigendecomposition of size
    min(shape) and five products a step.

    References
    ----------
    Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks", NeurIPS 2024,
    arXiv 2405.17580, eq. (1).

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task(20, rank=2, rng=0)
    >>> init = lf.Gaussian(1e6, 1e-8)
    >>> flow = lf.self_consistent(task, init, times=[0.0, 0.4, 0.8], rng=0)
    >>> steps = lf.self_consistent(
    ...     task, init, step_size=1e-4, max_steps=8000, save_every=4000, rng=0
    ... )
    >>> bool(abs(flow.test_error - steps.test_error).max() < 1e-3)
    True
    """
    told = progress, callbacks.check(callback)
    rescaling = Rescaling.check(learning_rates, scale, frozen=False)
    if kappa is not None:
        kappa = validate.real("kappa", kappa, at_least=0)
    if (times is None) == (step_size is None):
        message = (
            "times (the flow) or step_size (stepped) must be given, and not both; they "
            f"are {times!r} and {step_size!r}"
        )
        raise ValueError(message)
    shared: dict[str, Any] = {
        "observe": observe,
        "top": top,
        "track": track,
        "save_product": save_product,
        "save_gram": save_gram,
        "dtype": dtype,
    }
    if times is not None:
        _check_no_steps(max_steps=max_steps, save_every=save_every, stop=stop)
        timed = Timed.check(task, times=times, n_threads=n_threads, **shared)
        network = initial_network(init, task, rng)
        law = _threshold(network, kappa, rescaling)
        return _flow(task, network, law, timed, rescaling, told, "self-consistent")
    if n_threads is not None:
        message = (
            "n_threads must be None with step_size: threads share the times of a flow; "
            f"it is {n_threads!r}"
        )
        raise ValueError(message)
    stepped = Stepped.check(
        task,
        step_size=step_size,
        max_steps=max_steps,
        save_every=save_every,
        stop=stop,
        **shared,
    )
    stepped.check_memory(task)
    network = initial_network(init, task, rng)
    law = _threshold(network, kappa, rescaling)
    levels = solved.output_levels(law, rescaling)
    # In units of the output map a step is A -= unit·step_size (C2 G + G C1) with the
    # roots taken at the threshold of the output map.
    unit = abs(rescaling.output)
    keywords = stepped.keywords() | {"step_size": stepped.step_size * unit}
    keywords["save_product"] = stepped.save_product or stepped.save_gram
    with progress_bar.bar(progress, stepped.rules.max_steps, "step") as update:
        record = core.run(
            stepped.matrix(rescaling.scale * network.product),
            stepped.matrix(task.target),
            None if task.noise is None else stepped.matrix(task.noise),
            kappa=levels["kappa"],
            spectrum=stepped.spectrum(task, levels["kappa"]),
            progress=update,
            callback=callbacks.at_steps(callback, stepped.step_size),
            **keywords,
        )
    trajectory = from_record(
        record,
        step_size=stepped.step_size,
        observe=stepped.observe,
        **stepped.spectral_fields(record, task),
        dynamics="self-consistent",
        **_grams(record, law, rescaling, 1 / unit) if stepped.save_gram else {},
        **levels,
    )
    if not stepped.save_product:
        trajectory.product = None
    return trajectory.checked(
        raise_on_failure=raise_on_failure, raised=record["raised"]
    )


def balanced(
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
    """Solve the balanced (active, rich) dynamics from the network's A(0).

    The self-consistent formula at kappa = 0: what a network of balanced layers
    (``W2^T W2 = W1 W1^T``) with the same product does; for such networks it is exact.

    Parameters
    ----------
    task, init, times, learning_rates, scale, rng, observe, top, track, \
save_product, save_gram, dtype, \
n_threads, progress, callback
        As for `closed_form`; of `init` only A(0) counts.

    Returns
    -------
    Trajectory
        Without a ``.network``.

    Raises
    ------
    TypeError, ValueError, Interrupted
        As for `closed_form`.

    References
    ----------
    Saxe, McClelland, Ganguli 2014, arXiv 1312.6120; Fukumizu 1998.

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task((4, 3), rank=2, rng=0)
    >>> init = lf.Balanced(width=3, lam=0, size=0.1)
    >>> formula = lf.balanced(task, init, times=[0, 0.5, 1], rng=1)
    >>> flow = lf.closed_form(task, init, times=[0, 0.5, 1], rng=1)
    >>> bool(abs(formula.singular_values - flow.singular_values).max() < 1e-12)
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
    )
    rescaling = Rescaling.check(learning_rates, scale, frozen=False)
    network = initial_network(init, task, rng)
    return _flow(task, network, Law(0.0, 0.0), options, rescaling, told, "balanced")


def _check_no_steps(*, max_steps: Any, save_every: Any, stop: Any) -> None:
    """Refuse keywords of the stepped form with `times`, which says when to look."""
    for name, value, none in (
        ("max_steps", max_steps, (None,)),
        ("save_every", save_every, (1,)),
        ("stop", stop, (None, (), [])),
    ):
        if value not in none:
            message = (
                f"{name} must not be given with times, the flow, which has no steps; "
                f"it is {value!r}"
            )
            raise ValueError(message)


def _threshold(network: Network, kappa: float | None, rescaling: Rescaling) -> Law:
    """Return the law, in standard units, with the threshold of the formula."""
    if kappa is not None:
        with np.errstate(over="ignore"):
            square = float(np.square(kappa / rescaling.output))
        if not np.isfinite(square):
            message = (
                "kappa must be such that its square, in units of rates and scale, is "
                f"finite, not {kappa:g}"
            )
            raise ValueError(message)
        return Law(0.0, square)
    if network.law is None:
        message = (
            "kappa must be given: given weights have no law that would tell it "
            "(Gaussian(...) has)"
        )
        raise ValueError(message)
    _check_balanced(network)
    return rescaling.law(network.law)


def _check_balanced(network: Network) -> None:
    """Refuse lambda-balanced starts that the formula is wrong for (theory §4)."""
    lam, mu = network.law or Law(0.0, 0.0)
    if mu > 0 or lam == 0:
        return
    name, dimension = (
        ("d_out", network.shape[0]) if lam > 0 else ("d_in", network.shape[1])
    )
    if network.width < dimension:
        message = (
            f"init is lambda-balanced with lam = {lam:g} and width "
            f"{network.width:g} < {name} = {dimension}: the self-consistent formula "
            f"gives |lam| to the {name} - width directions without a hidden unit; "
            "that is not this network's dynamics. closed_form is exact for it"
        )
        raise ValueError(message)


def _flow(
    task: Task,
    network: Network,
    law: Law,
    options: Timed,
    rescaling: Rescaling,
    told: solved.Told,
    name: str,
) -> Trajectory:
    """Solve the formula as a flow: the propagator from the start that A(0) implies.

    lam cancels in the equation of A, so that only kappa enters.
    """
    standard = solved.standard_network(network, rescaling)
    mu = law.kappa**2
    X, Y = core_flow.self_consistent_factors(
        np.asfortranarray(standard.product), 0.0, mu
    )
    record = solved.run(
        core_flow.run,
        X,
        Y,
        task,
        options,
        rescaling,
        told,
        lam=0.0,
        mu=mu,
        save_product=options.save_product or options.needs_order or options.save_gram,
    )
    trajectory = solved.trajectory(
        record,
        options,
        rescaling,
        task=task,
        start=None,
        dynamics=name,
        **_grams(record, law, rescaling, 1.0) if options.save_gram else {},
        **solved.output_levels(law, rescaling),
    )
    return trajectory.checked(raise_on_failure=True, raised=record["raised"])


def _grams(
    record: dict[str, Any], law: Law, rescaling: Rescaling, unit: float
) -> dict[str, Any]:
    """Return C1 and C2 that the formula gives, in the user's units.

    `unit` takes the record's products to the standard units, up to the sign of scale.
    """
    C1, C2 = grams.of_products(unit * record["product"], law)
    first, second = rescaling.learning_rates
    return {
        "input_gram": solved.scaled(C1, first),
        "output_gram": solved.scaled(C2, second),
    }
