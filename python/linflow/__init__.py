"""A laboratory for the learning dynamics of linear networks.

Exact gradient descent of two-layer linear networks at any width (a wide network is
exactly one of width d_in + d_out), the self-consistent mixed dynamics, and phase
diagrams over initial variance and width. See the README for a start.

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580.
[DAP] Dominé, Anguita, Proca, Braun, Kunin, Mediano, Saxe, "From Lazy to Rich: Exact
Learning Dynamics in Deep Linear Networks", ICLR 2025, arXiv 2409.14623.
[XZ] Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
arXiv 2401.07085.
"""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from linflow import (
    events,
    figures,
    modes,
    observables,
    parameterisation,
    regimes,
    sequence,
    spectrum,
    stop,
    store,
)
from linflow.build_info import build_info
from linflow.closed_form import closed_form
from linflow.deep import DeepNetwork
from linflow.descent import gradient_descent
from linflow.flow import gradient_flow
from linflow.initial import Balanced, Gaussian, Weights
from linflow.kernel_phase import kernel_phase_diagram
from linflow.lazy import lazy
from linflow.lazy_to_rich import lazy_to_rich
from linflow.levels import Levels, is_balanced, two_level
from linflow.network import Law, Network
from linflow.one_dimensional import OneDimensional
from linflow.one_dimensional_run import OneDimensionalRun
from linflow.phase_diagram import phase_diagram
from linflow.self_consistent import balanced, self_consistent
from linflow.sequence import LearnedSequence, learn_sequence
from linflow.status import Interrupted, RunFailed, Status
from linflow.store import StoreDamaged
from linflow.sweep import sweep
from linflow.task import Task, custom_task, low_rank_task, regression_task
from linflow.trajectory import Trajectory

if TYPE_CHECKING:
    from linflow import plot

__version__ = _version("linflow")

__all__ = [
    "Balanced",
    "DeepNetwork",
    "Gaussian",
    "Interrupted",
    "Law",
    "LearnedSequence",
    "Levels",
    "Network",
    "OneDimensional",
    "OneDimensionalRun",
    "RunFailed",
    "Status",
    "StoreDamaged",
    "Task",
    "Trajectory",
    "Weights",
    "balanced",
    "build_info",
    "closed_form",
    "custom_task",
    "events",
    "figures",
    "gradient_descent",
    "gradient_flow",
    "is_balanced",
    "kernel_phase_diagram",
    "lazy",
    "lazy_to_rich",
    "learn_sequence",
    "low_rank_task",
    "modes",
    "observables",
    "parameterisation",
    "phase_diagram",
    "plot",
    "regimes",
    "regression_task",
    "self_consistent",
    "sequence",
    "spectrum",
    "stop",
    "store",
    "sweep",
    "two_level",
]


def __getattr__(name: str) -> Any:
    if name == "plot":  # only when asked for: a sweep on a cluster needs no pictures
        import importlib

        return importlib.import_module("linflow.plot")
    message = f"module 'linflow' has no attribute {name!r}"
    raise AttributeError(message)
