import numpy as np
from numpy.typing import NDArray

from linflow._core import Array

def realised_width(width: float, d_in: int, d_out: int) -> float: ...
def draw_gaussian(
    seed: NDArray[np.uint64],
    d_in: int,
    d_out: int,
    width: float,
    variance1: float,
    variance2: float,
) -> tuple[Array, Array]: ...
def compress(W1: Array, W2: Array) -> tuple[Array, Array, Array]: ...
