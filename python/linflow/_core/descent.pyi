from collections.abc import Callable
from typing import Any

from linflow._core import Array, Matrix, Record
from linflow._core.spectrum import SpectrumOptions
from linflow._core.stop import StopRules

def run(
    X: Matrix,
    Y: Matrix,
    target: Matrix,
    noise: Matrix | None,
    *,
    step_size: float,
    learning_rates: tuple[float, float],
    scale: float,
    stop: StopRules,
    save_every: int,
    top: int,
    save_product: bool,
    save_weights: bool = False,
    spectrum: SpectrumOptions = ...,
    progress: Callable[[int], Any] | None,
    callback: Callable[[float, Array], Any] | None = None,
) -> Record: ...
