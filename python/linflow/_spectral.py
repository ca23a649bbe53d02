"""What a run records of its spectrum: from keywords to the core, and back to fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow._core import spectrum as core
from linflow._curves import name_by_final_size
from linflow._target_modes import TargetModes
from linflow.task import CustomTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from linflow._core import Array
    from linflow.task import Task

OBSERVABLES = (
    "alignment",
    "active_modes",
    "rank",
    "stable_rank",
    "effective_rank",
    "nuclear_norm",
    "operator_norm",
)
RELATIVE_LEVEL = 0.2  # of the rank, [TAJ] figure 2

FIELDS: dict[str, tuple[str, ...]] = {
    "converged": ("time",),
    "mode_overlap": ("time", "mode"),
    "mode_cluster": ("time", "mode"),
    "alignment": ("time", "mode"),
    "alignment_left": ("time", "mode"),
    "alignment_right": ("time", "mode"),
    "target_mode": ("mode",),
    "active_modes": ("time",),
    "rank": ("time",),
    "stable_rank": ("time",),
    "effective_rank": ("time",),
    "nuclear_norm": ("time",),
    "operator_norm": ("time",),
    "located_crossings": ("mode",),
}
"""Fields of a trajectory that come from here, with their dimensions."""

PANELS: dict[str, tuple[str, str]] = {
    "rank_margin": ("least |s_i - s_1/5| / s_1 at the best step", "1"),
    "error_bound": (
        "estimate of the closure's |dA|_F / max(|T|_F, |A(0)|_F) up to the best step",
        "1",
    ),
    "active_modes": ("singular values above kappa at the best step", "1"),
    "effective_rank": ("exp of the entropy of s_i/sum(s) at the best step", "1"),
    "nuclear_norm": ("sum of the singular values at the best step", "1"),
    "operator_norm": ("largest singular value at the best step", "1"),
    "alignment": (
        "mean over the first `rank` modes of |u^T u*||v^T v*| at the best step",
        "1",
    ),
    "first_crossing": ("when the largest singular value first exceeds kappa", "step"),
    "last_crossing": (
        "when the first `rank` singular values have all exceeded kappa",
        "step",
    ),
}
"""Further variables of a phase diagram: what they are, and their units."""
CROSSINGS = ("first_crossing", "last_crossing")
VALUES = (
    "rank_margin",
    "active_modes",
    "effective_rank",
    "nuclear_norm",
    "operator_norm",
)
"""Those that need all singular values."""


def options(
    task: Task,
    *,
    observe: Sequence[str],
    top: int,
    track: str,
    kappa: float | None,
) -> core.SpectrumOptions:
    """Return the core's form of what is to be recorded.

    Raises
    ------
    ValueError
        When the number of active modes is asked for and the threshold is not known, or
        the alignment and there is no target.
    """
    if "active_modes" in observe and kappa is None:
        message = (
            "observe: 'active_modes' needs the threshold kappa, which is known for "
            "Gaussian(...) and Balanced(...) with two layers that both learn and the "
            "plain cost; count them by linflow.spectrum.count_above"
        )
        raise ValueError(message)
    if "alignment" in observe and isinstance(task, CustomTask):
        message = "observe: 'alignment' needs a task with a target, not a custom one"
        raise ValueError(message)
    modes = TargetModes.of(task.target, top) if "alignment" in observe else None
    return core.SpectrumOptions(
        follow=track == "modes" and top > 0,
        norms=bool({"stable_rank", "operator_norm"} & set(observe)),
        all=bool({"effective_rank", "nuclear_norm"} & set(observe)),
        relative=RELATIVE_LEVEL if "rank" in observe else float("nan"),
        levels=[kappa] if "active_modes" in observe and kappa is not None else [],
        target_U=None if modes is None else modes.U,
        target_V=None if modes is None else modes.V,
    )


def fields(
    record: dict[str, Any], *, task: Task, observe: Sequence[str], top: int
) -> dict[str, Any]:
    """Return the fields of a trajectory, those of `FIELDS` that were recorded."""
    name_by_final_size(record)
    out: dict[str, Any] = {}
    if len(record["converged"]):
        out["converged"] = record["converged"] != 0
    if "overlap" in record:
        out["mode_overlap"] = record["overlap"]
        out["mode_cluster"] = record["cluster"].astype(np.int64)
    if "left" in record:
        modes = TargetModes.of(task.target, top)
        left, right = record["left"], record["right"]
        chosen = np.arange(top)
        if "overlap" in record:
            chosen = _match(left * right, top)
        out["target_mode"] = chosen
        out["alignment_left"] = modes.aligned(left, chosen)
        out["alignment_right"] = modes.aligned(right, chosen)
        out["alignment"] = out["alignment_left"] * out["alignment_right"]
    if "count_levels" in record:
        out["active_modes"] = record["count_levels"][:, 0]
    if "count_relative" in record:
        out["rank"] = record["count_relative"]
    if "stable_rank" in observe:
        with np.errstate(invalid="ignore", divide="ignore"):
            out["stable_rank"] = (record["frobenius"] / record["operator_norm"]) ** 2
    for name in ("effective_rank", "nuclear_norm", "operator_norm"):
        if name in observe:
            out[name] = record[name]
    return out


def _match(overlaps: Array, top: int) -> NDArray[np.int64]:
    """Return the target's mode for each followed mode: the nearest at the end.

    Greedily, best pair first, at the last point that is finite.
    """
    chosen = np.arange(top)
    finite = np.flatnonzero(np.isfinite(overlaps).all(axis=(1, 2)))
    if finite.size == 0:
        return chosen
    last = overlaps[finite[-1]].copy()
    for _ in range(top):
        mode, target = np.unravel_index(last.argmax(), last.shape)
        chosen[mode] = target
        last[mode, :] = last[:, target] = -1.0
    return chosen
