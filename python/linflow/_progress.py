"""Progress bars on stderr; tqdm is imported only when one is shown."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(
    show: bool | Callable[[int], Any], total: int, unit: str
) -> Iterator[Callable[[int], None] | None]:
    """Yield a function that takes the number done, or None when nothing is shown.

    Parameters
    ----------
    show
        True for a bar, False for nothing, or a function that is called instead with
        the number done.
    total
        How many there are.
    unit
        What is counted.
    """
    if callable(show):
        yield show
        return
    if not show:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=unit, leave=False) as shown:

        def update(done: int) -> None:
            shown.update(done - shown.n)

        yield update
