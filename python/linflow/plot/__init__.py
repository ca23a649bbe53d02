"""Pictures of runs and of phase diagrams.

Every function is called ``f(data, *, ax=None, ...)`` and gives back what it drew on:
one Axes in, one Axes out. `phase_diagram` and `dynamics` put several panels side by
side; without an Axes, or with several, they give back an array of Axes, one each.

With ``ax=None`` a new `matplotlib.figure.Figure` is made, without pyplot: save it by
``ax.figure.savefig(...)``, see it in a notebook by ``ax.figure``. To show it in a
window, bring your own: ``phase_diagram(data, ax=plt.subplots(2, 2)[1])``. Nothing
here calls ``plt.show()`` or changes rcParams; your own style sheets are respected.
"""

from __future__ import annotations

from ._runs import TrajectoryLike
from .dynamics import dynamics
from .errors import errors
from .kernel import kernel
from .lazy_to_rich import lazy_to_rich
from .modes import active_modes, alignment
from .phase_diagram import phase_diagram, phase_panel
from .sequence import sequence
from .singular_values import singular_values

__all__ = [
    "TrajectoryLike",
    "active_modes",
    "alignment",
    "dynamics",
    "errors",
    "kernel",
    "lazy_to_rich",
    "phase_diagram",
    "phase_panel",
    "sequence",
    "singular_values",
]
