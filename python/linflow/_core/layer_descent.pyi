from collections.abc import Callable, Sequence
from typing import Any

from linflow._core import Array, Matrix, Record
from linflow._core.spectrum import SpectrumOptions
from linflow._core.stop import StopRules

def run_float64(
    *,
    layers: Sequence[Matrix],
    cost: object,
    learning_rates: Sequence[float],
    scale: float,
    step_size: float,
    stop: StopRules,
    save_every: int,
    top: int,
    save_product: bool,
    save_weights: bool = False,
    spectrum: SpectrumOptions,
    progress: Callable[[int], Any] | None,
    callback: Callable[[float, Array], Any] | None = None,
) -> Record: ...

run_float32 = run_float64
