from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linflow._core import Array, Record
from linflow._core.stop import StopRules

def default_threads() -> int: ...
def lanes(dynamics: str, d_out: int, d_in: int, float32: bool) -> int: ...

class Task:
    def __init__(self, target: Array, noise: Array, float32: bool = ...) -> None: ...

def run(
    *,
    tasks: Sequence[Task],
    task: NDArray[np.int64],
    seed: NDArray[np.uint64],
    width: Array,
    variance1: Array,
    variance2: Array,
    step_size: Array,
    order: NDArray[np.int64] | Sequence[int],
    stop: StopRules,
    dynamics: str,
    distance_to: str | None,
    n_threads: int,
    progress: Callable[[int], Any] | None,
    modes: int = ...,
    alignment: bool = ...,
    crossings: bool = ...,
    values: bool = ...,
    rtol: float = ...,
) -> Record: ...
