"""A batch of calls of a user's function."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _core
from linflow import _streams as streams
from linflow.status import Status
from linflow.store.columns import REASON_BYTES
from linflow.store.results import (
    RESERVED,
    InconsistentResults,
    Results,
    check_same,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

    from linflow.execution.work import Report
    from linflow.store.grid import Columns


@dataclass(frozen=True)
class FunctionWork:
    """Calls a function for one cell after the other."""

    function: Callable[..., Any]
    root: streams.Root
    fixed: Mapping[str, Any]
    seed_axis: bool = False  # whether "seed" numbers repetitions
    wants: frozenset[str] = frozenset()  # of rng, root, seed, n_threads

    def __call__(
        self, columns: Columns, n_threads: int, report: Report | None = None
    ) -> Results:
        """Compute a batch; a cell whose call raises has status -3 and a reason."""
        cells = [
            dict(zip(columns, values, strict=True))
            for values in zip(*(one.tolist() for one in columns.values()), strict=True)
        ]
        count = len(cells)
        status = np.zeros(count, dtype=np.int8)
        out = Results({}, status, np.full(count, np.nan), {}, _core.VARIANT)
        for i, cell in enumerate(cells):
            started = time.perf_counter()
            try:
                values, status[i] = _answer(self._call(cell, n_threads), cell)
            except KeyboardInterrupt as interrupt:
                out.raised = interrupt
                break
            except (Exception, SystemExit) as error:
                if isinstance(error, SystemExit) and report is not None:
                    out.raised = error  # here it may be a signal that ends the driver
                    break
                status[i] = Status.USER_ERROR
                out.reasons[i] = _reason(error)
            else:
                _enter(out.values, values, i, count, cell)
            out.duration[i] = time.perf_counter() - started
            if report is not None:
                try:
                    report(i + 1)
                except BaseException as raised:
                    out.raised = raised
                    break
        return out

    def _call(self, cell: dict[str, Any], n_threads: int) -> Any:
        cell, root = dict(cell), self.root
        keywords: dict[str, Any] = dict(self.fixed)
        if self.seed_axis:
            seed = cell.pop("seed")
            root = root.child(seed)
            if "seed" in self.wants:
                keywords["seed"] = seed
        if "rng" in self.wants:
            keywords["rng"] = streams.of_cell(root, cell)
        if "root" in self.wants:
            keywords["root"] = root.sequence()
        if "n_threads" in self.wants:
            keywords["n_threads"] = n_threads
        return self.function(**cell, **keywords)


def _answer(answer: Any, axes: Collection[str]) -> tuple[dict[str, NDArray[Any]], int]:
    """Return a call's values by name, and its status; no name is that of an axis."""
    if not isinstance(answer, dict):
        answer = {"value": answer}
    status = Status(answer.get("status", Status.REACHED_END))
    if status == Status.PENDING:
        message = "function returned status 0, which means: not run"
        raise ValueError(message)
    values = {
        name: _array(name, value) for name, value in answer.items() if name != "status"
    }
    for name in values:
        if name in RESERVED or not isinstance(name, str) or not name.isidentifier():
            message = f"function returned a value under the name {name!r}"
            raise ValueError(message)
        if name in axes:
            message = f"function returned a value under the name {name!r}, an axis"
            raise ValueError(message)
    return values, int(status)


def _reason(error: BaseException) -> str:
    """Return what a call raised, as much of it as a store has room for."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = f"{type(error).__name__}, which can't say what it is"
    letters = text.replace("\0", "\\0").encode(errors="backslashreplace")
    return letters[:REASON_BYTES].decode(errors="ignore")


def _array(name: str, value: Any) -> NDArray[Any]:
    if np.ma.is_masked(value):
        message = f"function must return numbers; of {name} some are masked"
        raise TypeError(message)
    array = np.asarray(value)
    if array.dtype.kind not in "buifc":
        message = f"function must return numbers; {name} is {value!r}"
        raise TypeError(message)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _enter(
    table: dict[str, NDArray[Any]],
    values: dict[str, NDArray[Any]],
    i: int,
    count: int,
    cell: Mapping[str, Any],
) -> None:
    """Put a cell's values in the columns of its batch."""
    if not table:
        for name, value in values.items():
            table[name] = np.full((count, *value.shape), np.nan, dtype=value.dtype)
    try:
        check_same(table, values)
    except InconsistentResults as error:
        where = ", ".join(f"{name} = {one}" for name, one in cell.items())
        message = f"{error}; the one is that of {where}"
        raise InconsistentResults(message) from None
    for name, value in values.items():
        table[name][i] = value
