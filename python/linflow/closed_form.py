"""The exact flow at any time, by one matrix Riccati propagator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _callback as callbacks
from linflow import _solved as solved
from linflow import _validate as validate
from linflow import modes
from linflow._core import closed_form as core
from linflow._options import OBSERVABLES, Timed
from linflow.initial import initial_network
from linflow.levels import Levels, two_level
from linflow.network import Closure, Law
from linflow.rescaling import Rescaling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.network import Network
    from linflow.task import Task
    from linflow.trajectory import Trajectory


def closed_form(
    task: Task,
    init: Any,
    *,
    times: ArrayLike,
    lam: float | str | None = None,
    mu: float | None = None,
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
    """Solve the gradient flow at any time: exactly where two-level, else by closure.

    For a start with ``(P J)^2 + lam P J - mu I = 0`` (`two_level`) the flow of the mean
    squared error is the matrix Riccati equation
    ``dP/dt = F P + P F - P^2 + mu I``, ``F = [[-lam/2 I, T^T], [T, lam/2 I]]``. That
    covers lambda-balanced networks [DAP], the wide-network limit of random ones [TAJ],
    one-dimensional data [XZ] and a single hidden neuron. Started from the actual P(0)
    of a random network of finite width, the same equation is the *closure*: an
    approximation whose error is estimated in advance by ``.error_bound``.

    Parameters
    ----------
    task : Task
        Mean squared error, shape (d_out, d_in).
    init : Gaussian, Balanced, Weights, Network or Trajectory
        The initial network, or a trajectory to go on from.
    times : array_like
        Times >= 0 that do not decrease; the last may be infinite.
    lam, mu : float, optional
        The levels, in units of the output map; mu >= 0. By default those of the law of
        `init`, or fitted to the network where it has none; ``lam="fit"`` fits them. One
        given alone leaves the other 0.
    learning_rates : float or (float, float)
        eta1, eta2 > 0 of input and output layer.
    scale : float
        Output scale, not zero.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of the stream of a random `init`, as in `gradient_descent`.
    observe : str or sequence of str
        As for `gradient_descent`. What goes beyond errors and singular values keeps
        the output map at every time until it has been looked at.
    top : int, optional
        Number of singular values; all when min(shape) <= 64, else 8.
    track : {"order", "modes"}
        As for `gradient_descent`.
    save_product : bool
        Keep the output map at every time.
    save_gram : bool
        Keep ``C1 = W1^T W1`` and ``C2 = W2 W2^T`` at every time, for
        `linflow.observables`: unlike the weights they are determined.
    dtype : {"float64", "float32"}
        Precision.
    n_threads : int, optional
        Threads over the times; the result does not depend on it.
    progress : bool or callable
        Show a bar, or call a function with the number of times done.
    callback : callable, optional
        Called as ``callback(time, A)`` at every time, in their order (and so on one
        thread), with a copy of the output map, shape (d_out, d_in). What it raises ends
        the run, and carries what was done as ``.trajectory``.

    Returns
    -------
    Trajectory
        With ``.exact`` (are the two levels met to rounding?), ``.closure_residual``
        (rho of theory §4), ``.error_bound`` (relative to max(|T|_F, |A(0)|_F), up to
        the last time) and a
        ``.network`` to go on from: a factor of P, which for mu > 0 has
        d_in + d_out hidden units and is not a network of width w. A run that goes on
        from a closure adds its estimate to that of the run before: the closure's state
        comes ever closer to two levels, the network that it stands for does not.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, or the task has a covariance or a mask.
    Interrupted
        On Ctrl-C, with the times done as ``.partial``.

    Notes
    -----
    Cost: one singular value decomposition of T, then per time about the work of one to
    two steps of gradient descent, whatever the time; the ``.network`` at the end costs
    some more. Ctrl-C, `progress` and `callback` are answered between times. Nothing
    interrupts the decomposition before the first, a time, or the network: at d = 2000
    on one core about half a minute, several seconds, and a quarter of a minute.

    References
    ----------
    [TAJ], [DAP], [XZ] (see `linflow`); Fukumizu 1998 for the Riccati equation.

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.Task([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> run = lf.closed_form(
    ...     task, lf.Balanced(width=2, lam=0.1, size=1e-3), times=[0, 1, float("inf")],
    ...     rng=0,
    ... )
    >>> run.exact, run.singular_values[-1].round(12)
    (True, array([2., 1.]))
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
    given = _given(lam, mu, rescaling)
    network = initial_network(init, task, rng)
    standard = solved.standard_network(network, rescaling)
    if given is None and lam is None and network.law is not None:
        given = rescaling.law(network.law)
    levels = two_level(standard, given)
    before = network.closure
    if before is not None:
        residual = max(levels.residual, before.residual)
        levels = levels._replace(residual=residual, exact=False)
    record = solved.run(
        core.run,
        standard.W1.T,
        standard.W2,
        task,
        options,
        rescaling,
        told,
        lam=levels.lam,
        mu=levels.mu,
        save_gram=options.save_gram,
    )
    trajectory = solved.trajectory(
        record,
        options,
        rescaling,
        task=task,
        start=network,
        dynamics="closed form",
        **solved.grams(record, rescaling),
        exact=levels.exact,
        closure_residual=levels.residual,
        **solved.output_levels(levels.law, rescaling),
    )
    if record["raised"] is None:
        error = error_bound(
            levels,
            task.target / rescaling.output,
            standard,
            record["last_product"],
            end=rescaling.time * float(options.times[-1]),
        )
        size = max(
            float(np.linalg.norm(task.target)) / abs(rescaling.scale),
            float(np.linalg.norm(network.product)),
        )
        if before is not None:
            error += before.error / size
        trajectory.error_bound = float(error)
        if trajectory.network is not None and not levels.exact:
            closure = Closure(levels.residual, float(error * size))
            trajectory.network.closure = closure
    return trajectory.checked(raise_on_failure=True, raised=record["raised"])


def error_bound(
    levels: Levels, target: Array, start: Network, last: Array, *, end: float
) -> float:
    """Return the estimate of the closure's error up to the time `end`, theory §4.

    ``2 (narrow learned min(1, kappa / s_1*) rho + beyond) + 1e-12``, relative to
    max(|T|_F, |A(0)|_F). What the closure neglects shows in a mode in proportion to
    what the mode has learned, and alike in all modes: ``learned`` is the root mean
    square of the fractions s_i(end) / s_i* (`linflow.modes`).
    ``narrow = min(3, (n / w)^1.5)`` where w < n, else 1, is
    fitted: the last modes wait long for a network whose units are few. For mu > 0 the
    closure has full rank, which a network narrower than the task has not: ``beyond`` is
    the norm of the singular values of the closure's last A that come after the w-th, by
    Eckart and Young a lower bound of the error there, and all of it when the network
    does the best it can.
    """
    if levels.exact:
        return 1e-12
    values = np.linalg.svd(target, compute_uv=False).astype(np.float64)
    kappa = levels.law.kappa
    start_size = float(np.linalg.norm(start.product))
    overlap = start_size / np.sqrt(target.size)
    reached = modes.curves([end], overlap, values, kappa)[0]
    ratio = sum(target.shape) / start.width
    error = float(neglected(levels.residual, kappa, values, reached, ratio))
    if levels.mu > 0 and start.width < min(target.shape):
        tail = np.linalg.svd(last.astype(np.float64), compute_uv=False)
        size = max(float(np.linalg.norm(values)), start_size)
        error += float(np.linalg.norm(tail[int(start.width) :])) / size
    return float(2 * error + 1e-12)


def neglected(
    residual: Array | float,
    kappa: Array | float,
    values: Array,
    reached: Array,
    ratio: Array | float,
) -> Array:
    """Return ``narrow learned min(1, kappa / s_1*) rho`` of `error_bound`.

    From the target's singular values, what the modes reach of them, and n / w; of one
    network, or of many at once, with modes along the last axis.
    """
    top = values[..., 0]
    share = np.minimum(kappa, top) / np.where(top > 0, top, 1.0)
    share = np.where(kappa >= top, 1.0, share)
    fractions = np.ones_like(values)  # of a mode whose target is 0: it only decays
    np.divide(reached, values, out=fractions, where=values > 0)
    learned = np.sqrt(np.mean(np.minimum(fractions, 1.0) ** 2, axis=-1))
    narrow = np.minimum(3.0, np.maximum(1.0, ratio) ** 1.5)
    return np.asarray(residual * share * learned * narrow)


def _given(
    lam: float | str | None, mu: float | None, rescaling: Rescaling
) -> Law | None:
    """Return the levels that were given, in standard units."""
    if isinstance(lam, str):
        if lam != "fit":
            message = f"lam must be a real number, 'fit' or None, not {lam!r}"
            raise ValueError(message)
        if mu is not None:
            message = (
                f"mu must not be given with lam='fit', which fits both; it is {mu}"
            )
            raise ValueError(message)
        return None
    if lam is None and mu is None:
        return None
    level = 0.0 if lam is None else validate.real("lam", lam)
    square = 0.0 if mu is None else validate.real("mu", mu, at_least=0)
    unit = abs(rescaling.output)
    return Law(level / unit, square / unit**2)
