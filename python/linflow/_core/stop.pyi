class StopRules:
    def __init__(
        self,
        *,
        max_steps: int,
        train_below: float = ...,
        stall_change: float = ...,
        stall_drop: float = ...,
        rising_times: int = ...,
        rising_after: int = ...,
    ) -> None: ...
    @property
    def max_steps(self) -> int: ...
