"""Stores of sweeps: Zarr groups that grow as cells finish, and survive what stops them.

`linflow.sweep` and `linflow.phase_diagram` write to a store when given ``store=PATH``
and go on from it when called again. Here are the functions to look at one from outside,
also while it is being written. Nothing in a store is ever unpickled.

Everything is plain Zarr 3: ``xarray.open_zarr(path, consolidated=False)`` gives the
cells as a list, in the order in which they were finished; rows of status 0 are room
that was not needed.
"""

from __future__ import annotations

from linflow.store.layout import StoreDamaged
from linflow.store.views import check, load, summary, to_netcdf

__all__ = ["StoreDamaged", "check", "load", "summary", "to_netcdf"]
