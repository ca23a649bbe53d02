"""The closed form as a user gets it: shared by its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import linflow as lf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linflow._core import Array


def solve(
    T: Array, init: Any, times: Sequence[float] | Array, **keywords: Any
) -> list[tuple[Array, Array]]:
    """Return A and P at each time, as a user gets them."""
    states = []
    for t in times:
        run = lf.closed_form(lf.Task(T), init, times=[t], save_product=True, **keywords)
        assert run.product is not None
        assert run.network is not None
        states.append((run.product[0], run.network.gram))
    return states
