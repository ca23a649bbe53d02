from collections.abc import Callable
from typing import Any

from linflow._core import Array, Matrix, Record

def run(
    X: Matrix,
    Y: Matrix,
    target: Matrix,
    noise: Matrix | None,
    *,
    lam: float,
    mu: float,
    times: Array,
    top: int,
    save_product: bool,
    save_gram: bool = False,
    n_threads: int,
    progress: Callable[[int], Any] | None,
    callback: Callable[[float, Array], Any] | None = None,
) -> Record: ...
def self_consistent_factors(A: Array, lam: float, mu: float) -> tuple[Array, Array]: ...
