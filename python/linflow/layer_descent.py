"""Gradient descent of any depth under any cost; `gradient_descent` calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _callback as callbacks
from linflow import _grams as grams
from linflow import _progress as progress_bar
from linflow._core import layer_descent as core
from linflow._cost import core_cost, layer_rates
from linflow.deep import with_layers
from linflow.rescaling import Rescaling
from linflow.trajectory import Trajectory, from_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from linflow._core import Array
    from linflow._options import Stepped
    from linflow.network import Network
    from linflow.task import Task


def layer_descent(
    task: Task,
    network: Network,
    options: Stepped,
    learning_rates: Any,
    scale: Any,
    progress: bool | Callable[[int], Any],
    callback: Callable[[float, Array], Any] | None,
) -> tuple[Trajectory, object]:
    """Run it; return the trajectory and what was raised meanwhile, if anything."""
    layers = network.layers
    rates = layer_rates(learning_rates, len(layers))
    scale = Rescaling.check(1.0, scale, frozen=True).scale
    run = core.run_float64 if options.dtype == "float64" else core.run_float32
    with progress_bar.bar(progress, options.rules.max_steps, "step") as update:
        record = run(
            layers=[np.asfortranarray(layer, dtype=options.dtype) for layer in layers],
            cost=core_cost(task, options.dtype),
            learning_rates=rates,
            scale=scale,
            spectrum=options.spectrum(task, None),
            progress=update,
            callback=callbacks.at_steps(callback, options.step_size),
            save_weights=options.save_weights or options.save_gram,
            **options.keywords(),
        )
    trajectory = from_record(
        record,
        step_size=options.step_size,
        observe=options.observe,
        **options.spectral_fields(record, task),
        dynamics="gradient descent",
        **grams.fields(record, [layer.shape for layer in layers], options),
        network=with_layers(network, record["layers"]),
    )
    return trajectory, record["raised"]
