from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linflow._core import Array

# One base per precision; instances go to flow.run_* and layer_descent.run_*.
class TargetBasis64: ...
class TargetBasis32: ...
class Cost64: ...
class Cost32: ...

class Quadratic64(Cost64):
    def __init__(
        self,
        *,
        target: Array,
        truth: Array | None,
        covariance: Array | None,
        mask: Array | None,
        curvature: float,
        basis: TargetBasis64,
    ) -> None: ...

class User64(Cost64):
    def __init__(
        self,
        *,
        d_out: int,
        d_in: int,
        gradient: Callable[[Array], Any],
        cost: Callable[[Array], Any] | None,
        truth: Array | None,
    ) -> None: ...

class Quadratic32(Cost32):
    def __init__(
        self,
        *,
        target: NDArray[np.float32],
        truth: NDArray[np.float32] | None,
        covariance: NDArray[np.float32] | None,
        mask: NDArray[np.float32] | None,
        curvature: float,
        basis: TargetBasis32,
    ) -> None: ...

class User32(Cost32):
    def __init__(
        self,
        *,
        d_out: int,
        d_in: int,
        gradient: Callable[[NDArray[np.float32]], Any],
        cost: Callable[[NDArray[np.float32]], Any] | None,
        truth: NDArray[np.float32] | None,
    ) -> None: ...
