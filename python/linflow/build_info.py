"""How the compiled core was built, and which part of it runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linflow import _core
from linflow._core import build as core

if TYPE_CHECKING:
    from linflow._core.build import Info


def build_info() -> Info:
    """Return how the compiled core was built and what it uses here.

    Returns
    -------
    dict
        version; instruction_set (the variant loaded) and available (those in the
        package); simd (what Eigen uses); compiler; eigen; openmp (its date, or None);
        threads (what ``n_threads=None`` means now).

    Examples
    --------
    >>> import linflow as lf
    >>> info = lf.build_info()
    >>> info["instruction_set"] in info["available"]
    True
    """
    return core.info() | {"available": list(_core.VARIANTS)}
