from typing import Any

import numpy as np
from numpy.typing import NDArray

# Array types named once: float64, and either precision that a run may have.
Array = NDArray[np.float64]
Matrix = NDArray[np.float64] | NDArray[np.float32]
Record = dict[str, Any]

ENVIRONMENT: str
VARIANTS: tuple[str, ...]
VARIANT: str
