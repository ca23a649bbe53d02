"""What the solved dynamics share: units, the record of the core, the trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _callback as callbacks
from linflow import _progress as progress_bar
from linflow._core import spectrum as core
from linflow.network import Law, Network
from linflow.status import Status
from linflow.trajectory import Trajectory

if TYPE_CHECKING:
    from collections.abc import Callable

    from linflow._callback import Callback
    from linflow._core import Array
    from linflow._options import Timed
    from linflow.rescaling import Rescaling
    from linflow.task import Task

    Told = tuple[bool | Callable[[int], Any], Callback | None]


def standard_network(network: Network, rescaling: Rescaling) -> Network:
    """Return the network in the units in which rates and scale are 1."""
    first, second = np.sqrt(rescaling.learning_rates)
    return Network(network.W1 / first, network.W2 / second, width=network.width)


def task_arguments(task: Task, options: Timed, rescaling: Rescaling) -> dict[str, Any]:
    """Return target and noise in the standard units, for the core."""
    unit = rescaling.output
    noise = task.noise
    return {
        "target": options.matrix(task.target / unit),
        "noise": None if noise is None else options.matrix(noise / unit),
    }


def run(
    solve: Callable[..., dict[str, Any]],
    X: Array,
    Y: Array,
    task: Task,
    options: Timed,
    rescaling: Rescaling,
    told: Told,
    **keywords: Any,
) -> dict[str, Any]:
    """Return the core's record from factors X = W1^T, Y = W2 in standard units."""
    progress, callback = told
    with progress_bar.bar(progress, len(options.times), "time") as update:
        return solve(
            options.matrix(X),
            options.matrix(Y),
            **task_arguments(task, options, rescaling),
            progress=update,
            callback=callbacks.at_times(callback, options.times, rescaling.output),
            **options.keywords(rescaling.time) | keywords,
        )


def trajectory(
    record: dict[str, Any],
    options: Timed,
    rescaling: Rescaling,
    *,
    task: Task,
    start: Network | None,
    **known: Any,
) -> Trajectory:
    """Return the trajectory of a solved run, back in the user's units."""
    unit = rescaling.output
    points = len(record["train_error"])
    network = None
    if start is not None and "X" in record and points == len(options.times):
        first, second = np.sqrt(rescaling.learning_rates)
        network = Network(
            np.float64(first) * record["X"].T,
            np.float64(second) * record["Y"],
            width=start.width,
            law=start.law,
        )
    observe = options.observe
    spectrum: dict[str, Any] = {}
    if options.needs_order and record["raised"] is None:
        # Times are solved in any order; modes need theirs.
        looks = core.observe(
            [np.asfortranarray(unit * one, dtype=float) for one in record["product"]],
            options.top,
            options.spectrum(task, known.get("kappa")),
        )
        spectrum = options.spectral_fields(looks, task)
        record["singular_values"] = looks["singular_values"] / abs(unit)
    return Trajectory(
        times=options.times[:points],
        train_error=(
            unit**2 * record["train_error"] if "train_error" in observe else None
        ),
        test_error=unit**2 * record["test_error"] if "test_error" in observe else None,
        singular_values=(
            abs(unit) * record["singular_values"]
            if "singular_values" in observe
            else None
        ),
        product=scaled(record["product"], unit) if options.save_product else None,
        last_product=unit * record["last_product"],
        network=network,
        status=Status(record["status"]),
        **spectrum,
        **known,
    )


def scaled(values: Array, unit: float) -> Array:
    """Return values in other units, in place: they may be most of the memory."""
    if unit != 1.0:
        values *= unit
    return values


def grams(record: dict[str, Any], rescaling: Rescaling) -> dict[str, Any]:
    """Return C1 and C2 back in the user's units, where they were recorded."""
    if "input_gram" not in record:
        return {}
    first, second = rescaling.learning_rates
    return {
        "input_gram": scaled(record["input_gram"], first),
        "output_gram": scaled(record["output_gram"], second),
    }


def output_levels(law: Law, rescaling: Rescaling) -> dict[str, float]:
    """Return kappa, lam, mu of a law in standard units, in units of the output map."""
    unit = abs(rescaling.output)
    return {
        "kappa": unit * law.kappa,
        "lam": unit * law.lam,
        "mu": unit**2 * law.mu,
    }
