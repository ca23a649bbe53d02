"""The phase diagram of one-dimensional data: kernel or feature learning ([XZ])."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow import _validate as validate
from linflow.flow import gradient_flow
from linflow.one_dimensional import OneDimensional
from linflow.parameterisation import AXES, Parameterisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.network import Network

CONVERGED = 1e-4
"""Distance to the target, relative, at which a simulation ends."""


def kernel_phase_diagram(
    axes: Mapping[str, ArrayLike],
    *,
    base: Parameterisation | None = None,
    N: ArrayLike = (1e2, 1e4, 1e6),
    target: float = 1.0,
    seeds: int = 1,
    simulate: bool = True,
    rng: RngLike = 0,
) -> xr.Dataset:
    """Measure the change of the kernel over exponents, at growing finite widths.

    A cell is a network whose width, scale, variances and learning rates are powers of
    N (`linflow.parameterisation`), drawn at random and trained on one-dimensional data.
    In the kernel phase its kernel stays as N grows, in the feature phase it does not.

    Parameters
    ----------
    axes : mapping
        Exponents to vary, by name, each with its values: width, scale, variance_w,
        variance_u, rate_w, rate_u, or variance_ratio (of w to u, their product fixed).
    base : Parameterisation, optional
        The exponents that are not varied; by default a width of N and all else 1.
    N : float or array_like
        Numbers N >= 1; the width N**width is at most 1e15.
    target : float
        f*, not zero; E[a^2] = 1.
    seeds : int
        Networks per cell.
    simulate : bool
        Whether to integrate the gradient flow of each network too.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of the networks' streams.

    Returns
    -------
    xarray.Dataset
        Over the axes: ``laziness_exponent`` and ``phase`` (0 feature, 1 kernel), as
        predicted. Over the axes, N and seed: ``laziness`` (of the network drawn),
        ``kernel_change`` (relative, from the start to t = infinity, exact), and
        ``simulated_kernel_change``, measured on the weights of the integrated flow
        once the output is within 1e-4 of its target, with ``kernel_change_then``,
        exact at the same time.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, before any work starts.

    Notes
    -----
    Cost: some milliseconds per cell, N and seed, at any width.

    References
    ----------
    Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
    arXiv 2401.07085.

    Examples
    --------
    >>> import linflow as lf
    >>> data = lf.kernel_phase_diagram({"scale": [-1.5, -0.5]}, N=[1e2, 1e6])
    >>> data.phase.values
    array([0, 1], dtype=int8)
    >>> bool(data.kernel_change.sel(scale=-0.5, N=1e6) < 1e-4)
    True
    """
    import xarray as xr

    values = _checked(axes)
    names = list(values)
    base = Parameterisation() if base is None else base
    if not isinstance(base, Parameterisation):
        message = f"base must be a Parameterisation, not {base!r}"
        raise TypeError(message)
    numbers = validate.axis("N", N)
    if numbers.min() < 1:
        message = f"N must be at least 1, not {numbers.min():g}"
        raise ValueError(message)
    target = validate.real("target", target)
    if target == 0:
        message = "target must not be 0: there would be nothing to be lazy against"
        raise ValueError(message)
    count = validate.integer("seeds", seeds, at_least=1)
    root = streams.root(rng)
    roots = [root.child(seed).sequence() for seed in range(count)]

    shape = [len(one) for one in values.values()]
    points = [
        base.varied(dict(zip(names, point, strict=True)))
        for point in itertools.product(*(one.tolist() for one in values.values()))
    ]
    networks = [
        _network(point, number, target, one)
        for point in points
        for number in numbers.tolist()
        for one in roots
    ]
    measured: dict[str, Sequence[float]] = {
        "laziness": [network.laziness[0] for network in networks],
        "kernel_change": [
            network.solve([np.inf]).kernel_change[0] for network in networks
        ],
    }
    if simulate:
        found = [_simulated(network) for network in networks]
        simulated, then = zip(*found, strict=True)
        measured |= {"simulated_kernel_change": simulated, "kernel_change_then": then}
    dims = [*names, "N", "seed"]
    data = xr.Dataset(
        {
            name: (dims, np.reshape(one, [*shape, len(numbers), count]))
            for name, one in measured.items()
        },
        coords={
            **values,
            "N": numbers,
            "seed": np.arange(count),
        },
        attrs={"target": target, "rng_entropy": str(root.entropy)},
    )
    exponents = np.reshape([point.laziness for point in points], shape)
    phases = np.reshape([point.phase == "kernel" for point in points], shape)
    flags: dict[str, Any] = {"flag_values": [0, 1], "flag_meanings": "feature kernel"}
    return data.assign(
        laziness_exponent=(names, exponents),
        phase=(names, phases.astype(np.int8), flags),
    )


def _checked(axes: Mapping[str, ArrayLike]) -> dict[str, Array]:
    if not isinstance(axes, Mapping) or not axes:
        message = f"axes must map one or more of {list(AXES)} to values, not {axes!r}"
        raise TypeError(message)
    return {
        validate.choice("axes", name, AXES): validate.axis(f"axes[{name!r}]", values)
        for name, values in axes.items()
    }


def _network(
    point: Parameterisation, N: float, target: float, rng: RngLike
) -> OneDimensional:
    of = point.at(N)
    return OneDimensional.random(
        of.width,
        of.variance,
        learning_rates=of.learning_rates,
        scale=of.scale,
        cross_moment=target,
        rng=rng,
    )


def _simulated(start: OneDimensional) -> tuple[float, float]:
    """Return the kernel's relative change, integrated and exact at the same time."""
    side = 1 if start.output > start.target else -1
    time = start.time_to_reach(start.target + side * CONVERGED * abs(start.target))
    if not np.isfinite(time):  # it starts that close
        time = 1 / float(start.solve([0.0]).kernel[0])
    run = gradient_flow(
        start.task,
        start.network,
        times=[2 * start.second_moment * time],
        learning_rates=start.learning_rates,
        scale=start.scale,
        rtol=1e-9,
        observe=(),
    )
    assert run.network is not None
    before, after = (_kernel(one, start) for one in (start.network, run.network))
    return after / before - 1, float(start.solve([time]).kernel_change[0])


def _kernel(network: Network, start: OneDimensional) -> float:
    """Return the tangent kernel at a = a' = 1 from the weights themselves."""
    rate_w, rate_u = start.learning_rates
    squares = rate_u * np.sum(network.W1**2) + rate_w * np.sum(network.W2**2)
    return float(start.scale**2 * squares)
