from collections.abc import Callable, Sequence
from typing import Any

from linflow._core import Array, Matrix, Record
from linflow._core.spectrum import SpectrumOptions

def run_float64(
    *,
    layers: Sequence[Matrix],
    cost: object,
    learning_rates: Sequence[float],
    scale: float,
    times: Sequence[float],
    events: Sequence[tuple[int, float, int, int, bool, Callable[..., float] | None]],
    method: str,
    rtol: float,
    atol: float,
    fixed_step: float,
    land: bool,
    top: int,
    spectrum: SpectrumOptions,
    save_product: bool,
    save_weights: bool,
    progress: Callable[[int], Any] | None,
    callback: Callable[[float, Array], Any] | None = None,
) -> Record: ...

run_float32 = run_float64
