"""The data behind a figure, in one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from linflow.trajectory import Trajectory


def of_runs(**runs: Trajectory) -> xr.Dataset:
    """Return trajectories side by side.

    Parameters
    ----------
    runs
        By name. Variables are called ``<name>_<variable>``; each run has a time axis of
        its own, ``<name>_time``: a simulation is seen at fewer times than a formula.

    Returns
    -------
    xarray.Dataset
        Without attributes.
    """
    import xarray as xr

    parts = []
    for name, run in runs.items():
        one = run.to_xarray().drop_vars("last_product")
        names = [str(own) for own in (*one.data_vars, "time")]
        parts.append(one.rename({own: f"{name}_{own}" for own in names}))
    return xr.merge(parts, combine_attrs="drop")
