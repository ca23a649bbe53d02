from collections.abc import Callable, Sequence

from linflow._core import Array

def interpolate(
    look: Callable[[float], Array | None], thetas: Sequence[float], tolerance: float
) -> Array | None: ...
