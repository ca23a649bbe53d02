"""One-dimensional networks integrated step by step, measured on their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from linflow._core import Array
    from linflow.one_dimensional import OneDimensional


def integrate(start: OneDimensional, times: Array) -> xr.Dataset:
    """Return what the integrated weights of a network show, over ``simulated_time``.

    Parameters
    ----------
    start
        The network.
    times
        In units of its own loss, which is twice that of `linflow.gradient_flow`.
    """
    import xarray as xr

    from linflow import gradient_flow

    run = gradient_flow(
        start.task,
        start.network,
        times=2 * start.second_moment * times,
        learning_rates=start.learning_rates,
        scale=start.scale,
        rtol=1e-8,
        observe=(),
        save_weights=True,
    )
    assert run.weights is not None
    w, u = run.weights[0][:, :, 0], run.weights[1][:, 0, :]
    overlap = (u * w).sum(axis=1)
    u_norm, w_norm = np.linalg.norm(u, axis=1), np.linalg.norm(w, axis=1)
    rate_w, rate_u = start.learning_rates
    measured = {
        "output": start.scale * overlap,
        "alignment": overlap / (u_norm * w_norm),
        "u_norm": u_norm,
        "w_norm": w_norm,
        "kernel": start.scale**2 * (rate_u * w_norm**2 + rate_w * u_norm**2),
    }
    return xr.Dataset(
        {name: ("simulated_time", values) for name, values in measured.items()},
        coords={"simulated_time": times},
    )
