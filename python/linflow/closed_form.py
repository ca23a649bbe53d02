"""Dynamics of the learned matrix alone: the self-consistent formula of [TAJ]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linflow import _progress as progress_bar
from linflow import _validate as validate
from linflow._core import self_consistent as core
from linflow._stepped import OBSERVABLES, Stepped
from linflow.initial import initial_network
from linflow.rescaling import Rescaling
from linflow.trajectory import Trajectory, from_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from linflow._streams import RngLike
    from linflow.stop import Rule
    from linflow.task import Task


def self_consistent(
    task: Task,
    init: Any,
    *,
    step_size: float,
    max_steps: int | None = None,
    kappa: float | None = None,
    save_every: int = 1,
    stop: Rule | Iterable[Rule] | None = None,
    learning_rates: float | tuple[float, float] = (1.0, 1.0),
    scale: float = 1.0,
    rng: RngLike = None,
    observe: str | Sequence[str] = OBSERVABLES,
    top: int | None = None,
    save_product: bool = False,
    dtype: str = "float64",
    progress: bool | Callable[[int], Any] = False,
    raise_on_failure: bool = True,
) -> Trajectory:
    """Step the self-consistent dynamics of [TAJ] eq. (1) from the network's A(0).

    ``A -= step_size (C2 G + G C1)`` with ``C1 = sqrt(A^T A + kappa^2 I)``,
    ``C2 = sqrt(A A^T + kappa^2 I)``, ``G = A - T``: what gradient descent of a wide
    random network does, lazy along singular values below kappa and active above.

    Parameters
    ----------
    task, init, step_size, max_steps, save_every, stop, learning_rates, scale, rng, \
observe, top, save_product, dtype, progress, raise_on_failure
        As for `gradient_descent`; rates must be positive. The same `rng` starts from
        the same network.
    kappa : float, optional
        The threshold in units of the output map; by default that of the law of `init`,
        ``(sigma1^2 + sigma2^2) w / 2`` for `Gaussian` at unit rates and scale.

    Returns
    -------
    Trajectory
        Without a ``.network``: the formula determines A only.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, or kappa is neither given nor known.
    RunFailed, Interrupted
        As for `gradient_descent`.

    Notes
    -----
    Cost: one symmetric eigendecomposition of size min(shape) and five products a step.

    References
    ----------
    Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks", NeurIPS 2024,
    arXiv 2405.17580, eq. (1).

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task(20, rank=2, rng=0)
    >>> init = lf.Gaussian(1e6, 1e-8)
    >>> formula = lf.self_consistent(task, init, step_size=0.002, max_steps=400, rng=0)
    >>> network = lf.gradient_descent(task, init, step_size=0.002, max_steps=400, rng=0)
    >>> bool(abs(formula.test_error - network.test_error).max() < 0.02)
    True
    """
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
    )
    rescaling = Rescaling.check(learning_rates, scale, frozen=False)
    if kappa is not None:
        kappa = validate.real("kappa", kappa, at_least=0)
    network = initial_network(init, task, rng)
    levels = rescaling.levels(network.law)
    if kappa is not None:
        levels = {"kappa": kappa, "lam": None, "mu": None}
    threshold = levels["kappa"]
    if threshold is None:
        message = (
            "kappa must be given: given weights have no law that would tell it "
            "(Gaussian(...) has)"
        )
        raise ValueError(message)
    # In units of the output map a step is A -= unit·step_size (C2 G + G C1) with the
    # roots taken at the threshold of the output map.
    unit = abs(rescaling.output)
    keywords = options.keywords() | {"step_size": options.step_size * unit}
    with progress_bar.bar(progress, options.rules.max_steps, "step") as update:
        record = core.run(
            options.matrix(rescaling.scale * network.product),
            options.matrix(task.target),
            None if task.noise is None else options.matrix(task.noise),
            kappa=threshold,
            progress=update,
            **keywords,
        )
    trajectory = from_record(
        record,
        step_size=options.step_size,
        observe=options.observe,
        dynamics="self-consistent",
        **levels,
    )
    return trajectory.checked(
        raise_on_failure=raise_on_failure, raised=record["raised"]
    )
