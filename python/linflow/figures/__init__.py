"""The experiments of the papers, each a figure by name: simulated over exact.

A figure is a module of this folder, ``taj_dynamics.py`` for ``taj-dynamics``, with
``NAME``, ``SUMMARY`` (one line) and ``draw(rng=0, **sizes)``, which computes what it
shows and returns the figure with its data. Modules are imported when they are asked
for. ``linflow figure NAME`` draws the same from the command line.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Protocol, cast

from linflow import _streams as streams
from linflow import _validate as validate

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from linflow._streams import RngLike


class Drawing(Protocol):
    """What a module of this folder has."""

    NAME: str
    SUMMARY: str

    def draw(self, rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
        """Compute and draw the figure; return it with its data."""


def names() -> tuple[str, ...]:
    """Return the names of all figures, in alphabetical order.

    Examples
    --------
    >>> import linflow as lf
    >>> "taj-dynamics" in lf.figures.names()
    True
    """
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(_name(one) for one in found if not one.startswith("_")))


def summary(name: str) -> str:
    """Return what a figure shows, in one line.

    Raises
    ------
    ValueError
        When there is no figure of that name; the message lists those there are.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.figures.summary("taj-dynamics")[:14]
    '[TAJ] figure 1'
    """
    return _module(name).SUMMARY


def draw(name: str, rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Compute and draw a figure.

    Parameters
    ----------
    name : str
        One of `names`.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of all that is random in it.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Made without pyplot; 5.5 inches wide, the text of a paper in one column.
        Simulations are markers, exact solutions lines.
    data : xarray.Dataset
        All that is drawn.

    Raises
    ------
    TypeError, ValueError
        When there is no figure of that name (the message lists those there are), or
        `rng` is no root of random streams.

    Notes
    -----
    A figure takes seconds, at most a minute on two cores.

    Examples
    --------
    >>> import linflow as lf
    >>> figure, data = lf.figures.draw("no-such-figure")
    Traceback (most recent call last):
    ...
    ValueError: name must be one of [...], not 'no-such-figure'
    """
    from linflow.figures import _panels

    module = _module(name)
    root = streams.root(rng)
    with _panels.style():
        figure, data = module.draw(root.sequence())
        _panels.settle(figure)
    data.attrs = {
        "figure": name,
        "title": module.SUMMARY,
        "rng_entropy": str(root.entropy),
        **data.attrs,
    }
    return figure, data


def _name(module: str) -> str:
    return module.replace("_", "-")


def _module(name: str) -> Drawing:
    known = {_name(one): one for one in (n.replace("-", "_") for n in names())}
    module = known[validate.choice("name", name, known)]
    return cast("Drawing", importlib.import_module(f"{__name__}.{module}"))
