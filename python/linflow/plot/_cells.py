"""A phase diagram's data set, brought into the form that a picture needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

Statistic: TypeAlias = Literal["mean", "std"]

FAILURES = {
    -1: "diverged",
    -2: "step size underflow",
    -3: "error in a user's function",
    -4: "process lost",
}


@dataclass(frozen=True)
class Cells:
    """One variable over the cells, seeds summed up; all maps are (gamma_w, gamma_s2).

    Attributes
    ----------
    x, y
        Cell centres, shapes (nx,) and (ny,), rising.
    x_edges, y_edges
        Cell edges, shapes (nx + 1,) and (ny + 1,).
    value, spread
        The statistic asked for (of the status, the commonest one; of several the first
        in `linflow.Status`), and the standard deviation over seeds (NaN where fewer
        than two runs have a value); shape (ny, nx).
    runs
        Number of runs in `value`; shape (ny, nx).
    failed, partly_failed, pending, empty
        Which cells have only failed runs, failed and good ones, none that has ended,
        or good runs without a value; shape (ny, nx).
    failures
        Number of failed runs of each kind.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    x_edges: NDArray[np.float64]
    y_edges: NDArray[np.float64]
    value: NDArray[np.float64]
    spread: NDArray[np.float64]
    runs: NDArray[np.intp]
    failed: NDArray[np.bool_]
    partly_failed: NDArray[np.bool_]
    pending: NDArray[np.bool_]
    empty: NDArray[np.bool_]
    failures: dict[str, int]


def summarise(data: xr.Dataset, variable: str, statistic: Statistic) -> Cells:
    """Take the mean or the standard deviation over the seeds that ended well.

    Parameters
    ----------
    data
        Dims gamma_w, gamma_sigma2 and, possibly, seed.
    variable
        Name of a variable of `data` over these dims.
    statistic
        ``"mean"`` or ``"std"`` (over n - 1).

    Raises
    ------
    TypeError
        If `data` is not a Dataset.
    ValueError
        If a dim, coordinate or variable is missing, another dim is left over, a
        coordinate has NaN or equal values, or ``"std"`` has fewer than two seeds or
        is that of the status.
    """
    import xarray as xr

    if not isinstance(data, xr.Dataset):
        kind = type(data).__name__
        raise TypeError(f"data is a {kind}; it must be an xarray.Dataset")
    if statistic not in ("mean", "std"):
        raise ValueError(f"statistic is {statistic!r}; it may be 'mean' or 'std'")
    if variable not in data.data_vars:
        known = ", ".join(map(str, data.data_vars))
        raise ValueError(f"data has no variable {variable!r}; it has {known}")
    for name in ("gamma_w", "gamma_sigma2"):
        if name not in data[variable].dims or name not in data.coords:
            raise ValueError(f"{variable!r} must have the dimension {name} with values")
    names = [variable, *({"status"} & set(data.data_vars) - {variable})]
    data = data[names]
    if "seed" not in data.dims:
        data = data.expand_dims("seed")
    if extra := set(data.dims) - {"gamma_w", "gamma_sigma2", "seed"}:
        raise ValueError(f"data also has the dimensions {extra}; pick one by data.sel")
    data = data.sortby(["gamma_w", "gamma_sigma2"])
    data = data.broadcast_like(data).transpose("gamma_w", "gamma_sigma2", "seed")
    x = np.asarray(data["gamma_sigma2"].values, dtype=np.float64)
    y = np.asarray(data["gamma_w"].values, dtype=np.float64)
    values = np.asarray(data[variable].values, dtype=np.float64)
    if "status" in data.data_vars:
        status = np.nan_to_num(data["status"].values).astype(int)
    else:
        status = np.ones(values.shape, dtype=int)

    good = (status > 0) & np.isfinite(values)
    runs = good.sum(axis=-1)
    mean = _divide(np.where(good, values, 0.0).sum(axis=-1), runs)
    squares = np.where(good, (values - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    spread = np.sqrt(_divide(squares, runs - 1))
    if statistic == "std" and values.shape[-1] < 2:
        raise ValueError("statistic is 'std'; it needs at least two seeds")
    if variable == "status":
        if statistic == "std":
            raise ValueError("statistic is 'std'; that of 'status' may be 'mean'")
        mean = _commonest(values, good)
    bad, ended = (status < 0).any(axis=-1), (status > 0).any(axis=-1)
    return Cells(
        x=x,
        y=y,
        x_edges=edges(x, "gamma_sigma2", like=y),
        y_edges=edges(y, "gamma_w", like=x),
        value=mean if statistic == "mean" else spread,
        spread=spread,
        runs=runs,
        failed=bad & ~ended,
        partly_failed=bad & ended,
        pending=~bad & ~ended,
        empty=ended & (runs == 0),
        failures={
            word: int((status == code).sum())
            for code, word in FAILURES.items()
            if (status == code).any()
        },
    )


def edges(
    centres: NDArray[np.float64], name: str, *, like: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the edges of the cells around `centres`, halfway between neighbours.

    The outermost cells are as wide as their inner halves say. A single cell takes the
    mean spacing of the other axis, `like`, or 0.1.

    Parameters
    ----------
    centres
        Rising, shape (n,).
    name
        Of the axis, for messages.
    like
        Centres on the other axis, rising.

    Returns
    -------
    ndarray
        Shape (n + 1,).

    Raises
    ------
    ValueError
        If `centres` is empty or has NaN or equal values.
    """
    if centres.size == 0 or not np.isfinite(centres).all():
        raise ValueError(f"the values of {name} must be finite, and at least one")
    if centres.size == 1:
        width = (like[-1] - like[0]) / (like.size - 1) if like.size > 1 else 0.1
        return np.array([centres[0] - width / 2, centres[0] + width / 2])
    if (np.diff(centres) <= 0).any():
        raise ValueError(f"the values of {name} must differ from each other")
    inner = (centres[:-1] + centres[1:]) / 2
    first, last = 2 * centres[0] - inner[0], 2 * centres[-1] - inner[-1]
    return np.concatenate([[first], inner, [last]])


def _commonest(
    values: NDArray[np.float64], good: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return which of the good values there is most along the last axis, or NaN."""
    kinds = np.unique(values[good])
    if not kinds.size:
        return np.full(values.shape[:-1], np.nan)
    counts = [(good & (values == kind)).sum(axis=-1) for kind in kinds]
    return np.where(good.any(axis=-1), kinds[np.argmax(counts, axis=0)], np.nan)


def _divide(total: NDArray[np.float64], count: NDArray[np.intp]) -> NDArray[np.float64]:
    """Divide where there is something to divide by; NaN elsewhere."""
    quotient = np.full(total.shape, np.nan)
    np.divide(total, count, out=quotient, where=count > 0)
    return quotient
