"""Gradient flow of linear networks of any depth under any cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _callback as callbacks
from linflow import _flow_memory as memory
from linflow import _grams as grams
from linflow import _progress as progress_bar
from linflow import _validate as validate
from linflow import events as events_of
from linflow._core import flow as core
from linflow._cost import core_cost, has_train_error, layer_rates
from linflow._curves import TRACKS, crossing_times
from linflow._options import OBSERVABLES, Observing, observables
from linflow.deep import DeepNetwork, with_layers
from linflow.initial import any_network
from linflow.rescaling import Rescaling
from linflow.status import Status
from linflow.trajectory import Trajectory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.network import Network
    from linflow.task import Task

METHODS = (
    "auto",
    "euler",
    "rk4",
    "dopri5",
    "tsit5",
    "dop853",
    "rkc2",
    "splitting",
    "etdrk4",
)
"""Methods of `gradient_flow`; "auto" picks and switches."""

GRAM_METHODS = ("splitting", "etdrk4")
"""Those that take the Gram form and no other."""


def gradient_flow(
    task: Task,
    init: Any,
    *,
    times: ArrayLike,
    rtol: float = 1e-6,
    atol: float | None = None,
    method: str = "auto",
    step_size: float | None = None,
    events: Any = (),
    conserve: bool = False,
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
    """Integrate the gradient flow of a network, any depth and cost, at any width.

    ``dW_l/dt = -eta_l scale (W_L ... W_{l+1})^T G (W_{l-1} ... W_1)^T`` with output map
    ``A = scale W_L ... W_1`` and ``G`` the gradient of the task's cost at A.

    Parameters
    ----------
    task : Task
        What is to be learned, shape (d_out, d_in); with a covariance, a mask or a
        gradient of one's own alike.
    init : Gaussian, Balanced, Weights, Network, DeepNetwork or Trajectory
        The initial network, or a trajectory to go on from its last state.
    times : array_like, shape (time,)
        Save points, ascending, from 0 = the start (of this run) on; the run ends at the
        last.
    rtol : float
        Tolerance per step on the state, ``|error|_F <= atol + rtol |y - y(0)|_F``;
        between about 10 ε of the precision and 1.
    atol : float, optional
        By default `rtol` times the size of the start: ``|y(0)|_F``, or where that is
        large and hardly moves (lazy, or one large layer) the distance in the weights
        that corresponds to ``|T|`` in A.
    method : str
        Of `METHODS`: explicit Runge-Kutta of order 1 ("euler"), 4 ("rk4"), 5(4)
        ("dopri5", "tsit5") or 8(5,3) ("dop853"), the stabilised "rkc2" of order 2, the
        "splitting" of order 4 about the closed form, exponential differencing of order
        4(3) ("etdrk4"); see the notes. "auto" takes the splitting where one step of it
        is enough and costs less, by an estimate in advance, else etdrk4 (rtol >= 2e-8,
        or 1e-9 where stiff) where it can and the run is not very short, else tsit5
        (rtol > 3e-5) or dop853, and rkc2 while these are held up by their stability.
    step_size : float, optional
        Fixed steps of that size instead of error control (no `atol`); `rtol` then tells
        when the network is at rest, at ``|G| <= 1e-4 rtol |T|``, and what "auto" is.
    events : event, function or sequence
        See `linflow.events`; found ones are in ``.events`` of the trajectory.
    conserve : bool
        Keep the balance matrix ``W2^T W2 / eta2 - W1 W1^T / eta1`` to rounding, by a
        Lie-group method of order 4 (two layers; `method` must be "auto"). Steps end at
        the save points.
    learning_rates : float or sequence of float
        Factor eta_l >= 0 of each layer, input layer first.
    scale : float
        Output scale, not zero.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of the stream of a random `init`; the same gives the same network in
        every dynamics.
    observe : str or sequence of str
        As for `gradient_descent`, at save points; and "crossing_times", which locates
        to the solver's tolerance when singular values exceed kappa (otherwise
        ``.crossing_times`` are interpolated between save points).
    top : int, optional
        Number of singular values; all when min(shape) <= 64, else 8.
    track : {"order", "modes"}
        As for `gradient_descent`, from save point to save point.
    save_product, save_weights : bool
        Keep the output map, or all layers, at save points. With `save_weights` the run
        keeps the hidden basis of `init`; see the notes.
    save_gram : bool
        Keep ``W1^T W1`` and ``W2 W2^T`` at save points, for `linflow.observables`; two
        layers.
    dtype : {"float64", "float32"}
        Precision of the run.
    progress : bool or callable
        Show a bar, or call a function with the percentage of the time span done.
    callback : callable, optional
        Called as ``callback(time, A)`` at every save point, as it is reached, with a
        copy of the output map, shape (d_out, d_in). What it raises ends the run, and
        carries what was done as ``.trajectory``.
    raise_on_failure : bool
        Raise `RunFailed` when the run fails; otherwise see ``.status``.

    Returns
    -------
    Trajectory
        With ``.steps``, ``.rejected``, ``.rhs_evaluations`` and ``.segments``.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range.
    MemoryError
        When what is to be kept would not fit.
    RunFailed
        When the step size underflows or the run diverges; it carries ``.trajectory``.
    Interrupted
        On Ctrl-C, with what was done as ``.partial``.
    Exception
        What a function of the user's raises, with what was done as ``.trajectory``.

    Notes
    -----
    Cost: three products of d_out x d_in x min(width, d_in + d_out) per right-hand side
    for two layers; each save point costs one more.

    Half of that, and next to nothing for save points, in Gram form: A, ``C1 = W1^T W1``
    and ``C2 = W2 W2^T`` instead of weights, for two layers of unit rates and scale with
    d_in + d_out hidden units or more under the plain cost, where `rtol` leaves P
    positive definite beyond doubt. ``.network`` is then the triangular factor of P: the
    network up to a rotation of its hidden space, on which nothing outside depends.
    ``.attrs["form"]`` tells, "gram" or "factors".

    "splitting" makes few long steps: Strang's composition of the Riccati flow whose
    closed form is exact for lambda-balanced and infinitely wide networks with what a
    network lacks of that, extrapolated, and the linear flow once the network has all
    but learned. A step costs about 16 right-hand sides in Gram form, 24 with save
    points in it, of which many cost little more than some. Stability does not bound
    them: active networks go to convergence in some ten. It takes what the Gram form
    takes, but tiny starts too, and finds no events (nor "crossing_times"). `rtol`, of
    which more than 0.01 counts as 0.01, bounds the error that a step adds as far as it
    sees it: of networks that have learned another task it sees too little ("auto"
    leaves these to others). In ``.network``, where errors do not die out, they add up.

    "etdrk4" takes the Gram form in singular vectors of the target, v_i and u_i. Each
    mode alone has a closed form; what is left is integrated along v_i + u_i and v_i -
    u_i, where the flow linearised about the modes is diagonal, with rates that are
    known at all times. Nothing that modes do alone, or to each other in first order,
    bounds its steps: some three to twelve of four right-hand sides from a wide network
    to convergence, in a basis that costs up to two products more for each product that
    is kept. It takes starts as small as rounding allows, and networks of max(d_in,
    d_out) hidden units or more, those of less than d_in + d_out best at `rtol` of 1e-5
    or more; errors in ``.network`` add up here too. Not where modes are no sets of
    their own, as in a network that has learned another task: "auto" leaves these to the
    others.

    References
    ----------
    Hairer, Nørsett, Wanner, "Solving Ordinary Differential Equations I", 1993 (dopri5,
    dop853). Tsitouras, Comput. Math. Appl. 62, 2011 (tsit5). Sommeijer, Shampine,
    Verwer, J. Comput. Appl. Math. 88, 1998 (rkc2). Celledoni, Marthinsen, Owren, Future
    Gener. Comput. Syst. 19, 2003 (conserve). Cox, Matthews, J. Comput. Phys. 176, 2002,
    eqs. 26 to 29; Lawson, SIAM J. Numer. Anal. 4, 1967 (etdrk4). Tu, Aranguri, Jacot
    [TAJ], arXiv 2405.17580, eq. 1; Dominé et al. [DAP], arXiv 2409.14623, theorem 3
    (the Riccati flow of the splitting).

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task(20, rank=2, rng=0)
    >>> run = lf.gradient_flow(task, lf.Gaussian(1e6, 1e-8), times=[0, 0.5, 1], rng=0)
    >>> run.status, run.singular_values.shape
    (<Status.REACHED_END: 1>, (3, 20))
    """
    points = validate.times("times", times, infinite=False)
    callback = callbacks.check(callback)
    conserve = validate.flag("conserve", conserve)
    precision = validate.dtype(dtype)
    rtol = validate.real("rtol", rtol, above=0, up_to=1)
    if atol is not None:
        atol = validate.real("atol", atol, at_least=0)
    if step_size is not None:
        step_size = validate.real("step_size", step_size, above=0)
        if atol is not None:
            message = f"atol must be None with step_size, fixed steps, not {atol:g}"
            raise ValueError(message)
    method = validate.choice("method", method, METHODS)
    names, top = observables(task, observe, top, more=(events_of.CROSSING_TIMES,))
    track = validate.choice("track", track, TRACKS)
    observing = Observing(top=top, observe=names, track=track)
    scale = Rescaling.check(1.0, scale, frozen=True).scale
    network = any_network(init, task, rng)
    layers = network.layers
    save_product = validate.flag("save_product", save_product)
    save_weights = validate.flag("save_weights", save_weights)
    save_gram = validate.flag("save_gram", save_gram)
    if save_gram:
        grams.check(layers)
    rates = layer_rates(learning_rates, len(layers))
    if conserve:
        if len(layers) != 2 or method != "auto" or min(rates) == 0:
            message = (
                "conserve must be False here: it takes two layers that both learn, and "
                f"method='auto', not {len(layers)} layers at {rates} and {method!r}"
            )
            raise ValueError(message)
        method = "lie4"
    known: dict[str, Any] = {"kappa": None}
    if not isinstance(network, DeepNetwork) and task.plain:
        known = dict(Rescaling.check(rates, scale, frozen=True).levels(network.law))
    event_names, event_rules = events_of.rules(
        events, task, known["kappa"], has_train_error=has_train_error(task)
    )
    crossings = events_of.crossing_rules(names, known["kappa"], top)
    spectrum = observing.spectrum(task, known["kappa"])
    if method in GRAM_METHODS:
        splitting = method == "splitting"
        units, needed = len(layers[0]), (sum if splitting else max)(task.shape)
        named = [event["name"] for event in event_names]
        _check_gram_method(
            method,
            ("step_size must be None", step_size, step_size is None),
            ("save_weights must be False", save_weights, not save_weights),
            ("save_gram must be False", save_gram, not save_gram),
            ("events must be ()", named, not (splitting and event_rules)),
            (
                "observe must be without 'crossing_times'",
                names,
                not (splitting and crossings),
            ),
            ("learning_rates must be 1", rates, set(rates) == {1.0}),
            ("scale must be 1", scale, scale == 1.0),
            ("task must have the plain mean squared error", task, task.plain),
            ("init must have two layers", len(layers), len(layers) == 2),
            (f"init must have {needed} hidden units or more", units, units >= needed),
        )
    memory.check(
        task,
        method,
        len(points),
        top,
        (task.shape[0] * task.shape[1] if save_product else 0)
        + (sum(layer.size for layer in layers) if save_weights or save_gram else 0)
        + (int(grams.bytes_needed(task.shape)) // 8 if save_gram else 0),
        sum(layer.size for layer in layers),
        precision,
    )
    run = core.run_float64 if precision == "float64" else core.run_float32
    with progress_bar.bar(progress, 100, "%") as update:
        record = run(
            layers=[np.asfortranarray(layer, dtype=precision) for layer in layers],
            cost=core_cost(task, precision),
            learning_rates=rates,
            scale=scale,
            times=points.tolist(),
            events=event_rules + crossings,
            method=method,
            rtol=rtol,
            atol=np.nan if atol is None else atol,
            fixed_step=0.0 if step_size is None else step_size,
            land=conserve,
            top=top,
            spectrum=spectrum,
            save_product=save_product,
            save_weights=save_weights or save_gram,
            progress=update,
            callback=callback,
        )
    own = len(event_rules)
    known["events"] = events_of.found(
        event_names, event_rules, [one for one in record["events"] if one[0] < own]
    )
    known |= observing.spectral_fields(record, task)
    if crossings:
        known["located_crossings"] = _located(
            record, network.product, scale, known["kappa"], own, track
        )
    if save_gram:
        blocks = grams.unpack(record["weights"], [layer.shape for layer in layers])
        known["input_gram"], known["output_gram"] = grams.of_weights(blocks)
    trajectory = _trajectory(record, names, network, step_size, save_weights, known)
    return trajectory.checked(
        raise_on_failure=raise_on_failure, raised=record["raised"]
    )


def _check_gram_method(method: str, *conditions: tuple[str, Any, bool]) -> None:
    """Refuse what the method does not cover: (condition, what was, whether met)."""
    for condition, value, met in conditions:
        if not met:
            message = f"{condition} with {method=}, not {value} ('auto' takes it)"
            raise ValueError(message)


def _located(
    record: dict[str, Any],
    start: Array,
    scale: float,
    kappa: float,
    own: int,
    track: str,
) -> Array:
    """Return when each singular value, or mode, exceeds kappa, as located."""
    values = record["singular_values"]
    located = events_of.first_crossings(
        scale * start,
        kappa,
        values.shape[1],
        [(rule - own, *rest) for rule, *rest in record["events"] if rule >= own],
    )
    if track == "order":
        return located
    shown = crossing_times(record["times"], values, kappa)
    return events_of.of_modes(located, shown)


def _trajectory(
    record: dict[str, Any],
    names: Sequence[str],
    network: Network,
    step_size: float | None,
    save_weights: bool,
    known: dict[str, Any],
) -> Trajectory:
    """Return the trajectory of the core's record."""
    status = Status(record["status"])
    segments = record["segments"]
    steps = sum(segment["steps"] for segment in segments)
    layers: list[Array] = record["layers"]
    weights: tuple[Array, ...] | None = None
    if save_weights:
        weights = grams.unpack(record["weights"], [layer.shape for layer in layers])
    return Trajectory(
        dynamics="gradient flow",
        times=record["times"],
        train_error=record["train_error"] if "train_error" in names else None,
        test_error=record["test_error"] if "test_error" in names else None,
        singular_values=(
            record["singular_values"] if "singular_values" in names else None
        ),
        product=record.get("product"),
        weights=weights,
        last_product=record["last_product"],
        network=with_layers(network, layers),
        status=status,
        detail=f"at time {record['time']:.6g}" if status <= 0 else "",
        steps=steps,
        rejected=sum(segment["rejected"] for segment in segments),
        rhs_evaluations=record["rhs_evaluations"],
        segments=segments,
        step_size=step_size,
        attrs={"atol": record["atol"], "form": record["form"]},
        **known,
    )
