from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# Array types named once: float64, and either precision that a run may have.
Array: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64] | NDArray[np.float32]
Record: TypeAlias = dict[str, Any]

ENVIRONMENT: str
VARIANTS: tuple[str, ...]
VARIANT: str
