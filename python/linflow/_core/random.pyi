from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from linflow._core import Array

def standard_normal(seed: NDArray[np.uint64], count: int) -> Array: ...
def state_words(
    words: Sequence[int], parameters: NDArray[np.uint64]
) -> NDArray[np.uint64]: ...
def chi_square(seed: NDArray[np.uint64], degrees_of_freedom: ArrayLike) -> Array: ...
