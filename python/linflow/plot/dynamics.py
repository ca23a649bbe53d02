"""Errors and singular values side by side, as in [TAJ] figure 1.

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from ._runs import Trajectories, read_runs
from ._style import as_array, choose_panels, new_axes
from .errors import errors
from .modes import active_modes, alignment
from .singular_values import singular_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from ._style import AxesArray, AxesLike


@overload
def dynamics(
    data: Trajectories,
    *,
    panels: None = None,
    ax: None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    signal: int | None = None,
    xscale: str = "linear",
) -> AxesArray: ...


@overload
def dynamics(
    data: Trajectories,
    *,
    panels: str | Sequence[str] | None = None,
    ax: Axes,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    signal: int | None = None,
    xscale: str = "linear",
) -> Axes: ...


@overload
def dynamics(
    data: Trajectories,
    *,
    panels: str | Sequence[str] | None = None,
    ax: AxesLike | None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    signal: int | None = None,
    xscale: str = "linear",
) -> Axes | AxesArray: ...


def dynamics(
    data: Trajectories,
    *,
    panels: str | Sequence[str] | None = None,
    ax: AxesLike | None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    signal: int | None = None,
    xscale: str = "linear",
) -> Axes | AxesArray:
    """Draw errors and singular values side by side, [TAJ] figure 1.

    Parameters
    ----------
    data, labels, legend, xscale
        As in `errors` and `singular_values`, which draw the panels.
    panels
        ``"errors"``, ``"singular_values"``, ``"alignment"``, ``"active_modes"``, or a
        sequence of them; by default those that the data has. A single name draws one
        panel.
    ax
        An Axes, for one panel (by default the errors), or as many as panels.

    signal
        Number of signal modes: the others, the bulk, are drawn as a band.

    Returns
    -------
    Axes or ndarray of Axes
        One Axes if `ax` is one or `panels` is a single name; else an array of shape
        (panels,), whose figure is ``axes[0].figure``.

    Raises
    ------
    TypeError, ValueError
        As in `errors` and `singular_values`; or if a panel is unknown, or the numbers
        of `panels` and `ax` differ.
    """
    draw: dict[str, Callable[..., Axes]] = {
        "errors": errors,
        "singular_values": singular_values,
        "alignment": alignment,
        "active_modes": active_modes,
    }
    runs = read_runs(data, labels)
    known = [
        name
        for name in draw
        if name == "errors" or any(getattr(run, name) is not None for run in runs)
    ]
    names, given, single = choose_panels(panels, ax, default=known)
    for name in names:
        if name not in draw:
            raise ValueError(f"panels has {name!r}; it may name {' and '.join(draw)}")
    axes = list(new_axes(len(names))) if given is None else given
    for name, one in zip(names, axes, strict=True):
        more = {} if name == "errors" else {"signal": signal}
        draw[name](data, ax=one, labels=labels, legend=legend, xscale=xscale, **more)
    return axes[0] if single else as_array(axes)
