"""Open a store for a sweep: made by the same settings, grown, damage seen to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.status import Status
from linflow.store.chunks import ChunkDamaged
from linflow.store.layout import Store, StoreDamaged, is_empty, place
from linflow.store.table import FAILED, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from linflow.store.grid import Grid
    from linflow.store.results import Results

RESUME = (True, False, "repair", "retry")


def check_resume(resume: Any, store: Any) -> bool | str:
    """Return what is to be done with a store that is there, if one is named."""
    if not isinstance(resume, bool | str) or resume not in RESUME:
        message = f"resume must be True, False, 'repair' or 'retry', not {resume!r}"
        raise ValueError(message)
    if store is not None and not isinstance(store, str | os.PathLike):
        message = f"store must be the path of a folder, or None, not {store!r}"
        raise TypeError(message)
    if store is None and isinstance(resume, str):
        message = f"resume must be True or False where store is None, not {resume!r}"
        raise ValueError(message)
    return resume


def obtain(
    path: str | os.PathLike[str],
    settings: Mapping[str, Any],
    grid: Grid,
    resume: bool | str,
) -> Store:
    """Return the store for a sweep, made or grown, with the right to write to it.

    An empty folder is as good as none.

    Raises
    ------
    FileExistsError
        When it is there and not to be resumed.
    ValueError
        When `path` is empty, or it is something else, or was made with other settings.
    OSError
        When it can't be written.
    """
    folder = place(path)
    there = folder.exists() and not is_empty(folder)
    if there:
        store = Store.open(folder)
        if resume is False:
            message = (
                f"store {str(folder)!r} exists; resume it (resume=True), name another "
                "or delete it"
            )
            raise FileExistsError(message)
        _same_settings(store, settings, grid)
    try:
        if not there:
            store = Store.create(folder, {"settings": dict(settings)}, grid)
            _same_settings(store, settings, grid)
        store.claim()
        store.grow(grid)
    except BlockingIOError:
        raise
    except OSError as error:
        message = f"store: can't write {str(folder)!r}: {error.strerror or error}"
        raise OSError(error.errno, message) from error
    return store


def _same_settings(store: Store, settings: Mapping[str, Any], grid: Grid) -> None:
    """Refuse a store that was made with other settings, naming what differs."""

    def words(entries: Mapping[str, Any], axes: Grid) -> dict[str, Any]:
        kinds = {"f": "real", "i": "integer", "b": "boolean", "U": "words"}
        return {
            **entries,
            "axes": [f"{one.name} ({kinds[one.kind]})" for one in axes.axes],
        }

    old, new = words(store.record["settings"], store.grid), words(settings, grid)
    differences = [
        f"{name} = {old.get(name, 'not set')}, not {new.get(name, 'not set')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if differences:
        message = (
            f"store {str(store.path)!r} was made with {'; '.join(differences)}: use "
            "the same settings, or another store"
        )
        raise ValueError(message)


def intact(
    store: Store, findings: dict[int, str]
) -> Iterator[tuple[dict[str, NDArray[Any]], Results]]:
    """Yield every batch that is as it was written; add the others to `findings`."""
    for slot in store.batches:
        try:
            batch = store.read(slot)
        except ChunkDamaged as error:
            findings[slot] = str(error)
        else:
            yield batch


def recall(store: Store, grid: Grid, resume: bool | str) -> Table:
    """Return what the store has of a grid, after repairs where they are asked for.

    Raises
    ------
    StoreDamaged
        When batches are damaged and `resume` is not "repair".
    """
    findings: dict[int, str] = {}
    table = Table(grid, store.variables)
    for parameters, results in intact(store, findings):
        cells = grid.find(parameters)
        inside = cells >= 0
        table.enter(cells[inside], results.take(inside))
    if findings and resume != "repair":
        raise damage(store, grid, table, findings)
    for slot in findings:
        store.drop(slot)
    if resume == "retry":
        table.forget(FAILED)
    return table


def damage(
    store: Store, grid: Grid, table: Table, findings: Mapping[int, str]
) -> StoreDamaged:
    """Return the exception that names damaged batches and the cells they held."""
    named = [f"batch {slot} ({what})" for slot, what in findings.items()]
    missing = np.flatnonzero(table.status == Status.PENDING)
    first = f", first {grid.describe(int(missing[0]))}" if missing.size else ""
    message = (
        f"store {str(store.path)!r} is damaged in {'; '.join(named)}. Without them "
        f"{missing.size} of {grid.size} cells are to be computed{first}; "
        "resume='repair' computes them again"
    )
    return StoreDamaged(message, named)
