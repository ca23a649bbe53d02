from linflow._core import Array, Record

class Riccati:
    def __init__(self, target: Array, lam: float, mu: float) -> None: ...
    @property
    def singular_values(self) -> Array: ...

class RiccatiStart:
    def __init__(
        self, flow: Riccati, X: Array, Y: Array, tolerance: float = 64.0
    ) -> None: ...
    def states(
        self,
        times: Array,
        product: bool = True,
        input_gram: bool = False,
        output_gram: bool = False,
        singular_basis: bool = False,
        threads: int = 1,
    ) -> Record: ...
    def advance(self, flow: Riccati, time: float) -> RiccatiStart: ...
    def factors(self, time: float) -> tuple[Array, Array]: ...
