"""`linflow.sweep`: a function over the product of named axes."""

from __future__ import annotations

import functools
import inspect
import pickle
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _fingerprint as fingerprint
from linflow import _streams as streams
from linflow import _validate as validate
from linflow.execution.driver import Plan, run
from linflow.execution.executors import Here, open_pool
from linflow.execution.function import FunctionWork
from linflow.store.access import check_resume
from linflow.store.grid import Axis, Grid
from linflow.store.metadata import plain
from linflow.store.results import RESERVED

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import xarray as xr

    from linflow._streams import RngLike

GIVEN = ("rng", "root", "seed", "n_threads")  # to a function that takes them


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Any],
    *,
    fixed: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    dims: Mapping[str, Any] | None = None,
    attrs: Mapping[str, Mapping[str, Any]] | None = None,
    store: str | os.PathLike[str] | None = None,
    resume: bool | str = True,
    executor: Any = None,
    n_threads: int | None = None,
    batch: int | None = None,
    progress: bool | Callable[[int], Any] = True,
    rng: RngLike = 0,
) -> xr.Dataset:
    """Call a function in every cell of a grid; resume, grow, use many workers.

    Parameters
    ----------
    function : callable
        Called as ``function(**cell, **fixed)``, a cell being one value of each axis.
        Returns a number, an array, or a dict of them (stored as float64 or complex128),
        the same names and shapes in every cell; a ``status`` in the dict (a
        `linflow.Status`, not 0) is that of the cell. If it has a parameter ``rng`` it
        gets a `numpy.random.SeedSequence` of the cell's own; ``root`` is one that all
        cells of a seed share: given to linflow's functions as ``rng=root``, it makes
        cells pairable, because those derive their streams from their own parameters.
        ``seed`` and ``n_threads`` are passed likewise. For workers in other processes
        it must be picklable.
    grid : mapping
        Axes by name: numbers or strings without repeats. Their order is that of the
        dimensions.
    fixed : mapping, optional
        Further keywords, the same in every cell; part of the store's settings, by what
        they hold.
    seeds : int, optional
        Repetitions, as a last dimension ``seed``. Seed i of ``rng=n`` is what
        ``rng=numpy.random.SeedSequence(n, spawn_key=(i,))`` gives, here, in
        `phase_diagram` and in single runs; seed 0 is ``rng=n`` itself.
    dims : mapping, optional
        Names of an array's own dimensions, by variable: ``{"curve": ("time",)}``;
        ``curve_0`` and so on by default.
    attrs : mapping, optional
        Attributes (``units``, ``long_name``) by variable or axis; of a store that is
        gone on from, too: those told of are replaced, others stay.
    store : path_like, optional
        Zarr store to which cells are written as they finish; see `linflow.store`.
    resume : bool, "repair" or "retry"
        What to do when the store is there: go on, computing only what it does not have
        (the grid may have new values and more seeds); with False refuse; "repair" also
        computes damaged batches again, "retry" also cells that raised or were lost.
    executor : optional
        None for this thread; a number of new processes; a
        `concurrent.futures.Executor`; a dask client, cluster or address (see
        `linflow.execution.executors`).
    n_threads : int, optional
        Threads for each worker (1).
    batch : int, optional
        Cells computed and written together; by default as many as take about a second.
    progress : bool or callable
        Show a bar (lines in a log file), or call a function with the number of finished
        cells.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of the streams. That of a cell depends on it, the seed, and the names and
        values of the cell's parameters, not on its place in the grid.

    Returns
    -------
    xarray.Dataset
        What the function returns by name ("value" for a single one), with ``status``,
        ``duration`` (s) and, where a cell failed, ``reason``: a call that raises gives
        status -3, one that ends its process twice while alone in it -4. Bitwise the
        same, durations and provenance apart, for any executor, batches and order, as
        far as the function is (large products of NumPy's may depend on the number of
        BLAS threads, which is `n_threads` in new processes).

    Raises
    ------
    TypeError, ValueError
        When an argument is wrong or the store has other settings, before any work; when
        the function's results differ in name or shape, or are not those that `dims` and
        `attrs` tell of, after the first batch (with a store that has some, before any).
    OSError
        When the store can't be written.
    StoreDamaged
        When the store has batches that are not what was written.
    Interrupted
        On Ctrl-C, with ``.partial``; the store can be gone on from.

    Notes
    -----
    A store goes on with the same `fixed` and the same function: its own code, and what
    a `functools.partial` or the object of a method holds. Not looked at are functions
    that it calls, global variables and those of an enclosing function: pass by `fixed`
    what may change.

    Handing out and writing a batch takes milliseconds. At most two batches per worker
    are in flight, and those finished last being written: what a killed driver costs.

    Examples
    --------
    >>> import linflow as lf
    >>> def best(learning_rate, rank, root):
    ...     task = lf.low_rank_task(12, rank, rng=root)
    ...     run = lf.gradient_descent(
    ...         task, lf.Gaussian(30, 0.01), step_size=learning_rate, max_steps=50,
    ...         rng=root, raise_on_failure=False,
    ...     )
    ...     return {"test_error": run.test_error.min(), "status": run.status}
    >>> data = lf.sweep(
    ...     best, {"learning_rate": [0.01, 0.02], "rank": [1, 2]}, seeds=3,
    ...     attrs={"test_error": {"units": "1"}}, progress=False,
    ... )
    >>> dict(data.sizes)
    {'learning_rate': 2, 'rank': 2, 'seed': 3}
    >>> bool((data.status == lf.Status.REACHED_END).all())
    True
    """
    attrs, fixed = _words("attrs", attrs, Mapping), _words("fixed", fixed, object)
    dims = _words("dims", dims, str | list | tuple)
    if store is not None:
        attrs = plain(attrs)
    cells = _grid(grid, seeds, attrs)
    _callable(function, cells, fixed, seeds)
    check_resume(resume, store)
    n_threads = _count("n_threads", n_threads)
    root = streams.root(rng)
    work = FunctionWork(
        function,
        root,
        fixed,
        seed_axis=seeds is not None,
        wants=_wants(function, {*cells.names, *fixed} - {"seed" if seeds else ""}),
    )
    if executor is not None:
        _picklable(function, fixed, executor)
    plan = Plan(
        grid=cells,
        work=work,
        settings={
            **_settings(function, fixed),
            "rng_entropy": str(root.entropy),
            "rng_seed": str(root.seed),
        },
        pool=lambda: open_pool(executor, n_threads, lambda: Here(1, n_threads or 1)),
        dims=dims,
        attrs=attrs,
        store=store,
        resume=resume,
        batch=_count("batch", batch),
        progress=progress,
    )
    return run(plan)


def _count(name: str, value: Any) -> int | None:
    return None if value is None else validate.integer(name, value, at_least=1)


def _words(name: str, given: Any, kind: Any) -> dict[str, Any]:
    """Return what an argument says by name, each of a kind."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        message = f"{name} must be a mapping or None, not {given!r}"
        raise TypeError(message)
    for key, value in given.items():
        if not isinstance(key, str):
            message = f"{name}: {key!r} must be a name"
            raise TypeError(message)
        fits = isinstance(value, kind)
        if name == "dims":
            fits = fits and all(isinstance(one, str) for one in value)
        if not fits:
            what = "a mapping" if kind is Mapping else "a name or names"
            message = f"{name}[{key!r}] must be {what}, not {value!r}"
            raise TypeError(message)
    return dict(given)


def _grid(grid: Any, seeds: Any, attrs: Mapping[str, Any]) -> Grid:
    if not hasattr(grid, "items") or not grid:
        message = f"grid must be a mapping of names to values, not {grid!r}"
        raise TypeError(message)
    axes = []
    for name, values in grid.items():
        if name in RESERVED or (name == "seed" and seeds is not None):
            message = f"grid: {name!r} is a name of the data set's own"
            raise ValueError(message)
        axes.append(Axis.check(name, values, attrs.get(name, {})))
    if seeds is not None:
        count = validate.integer("seeds", seeds, at_least=1)
        axes.append(Axis.check("seed", range(count), attrs.get("seed", {})))
    return Grid(tuple(axes))


def _callable(
    function: Any, cells: Grid, fixed: Mapping[str, Any], seeds: int | None
) -> None:
    """Refuse a function that can't be called with what it is to get."""
    if not callable(function):
        message = f"function must be callable, not {function!r}"
        raise TypeError(message)
    names = [name for name in cells.names if seeds is None or name != "seed"]
    for name in fixed:
        if name in cells.names:
            message = f"fixed: {name!r} is an axis of the grid"
            raise ValueError(message)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    words = dict.fromkeys([*names, *fixed])
    words |= dict.fromkeys(_wants(function, set(words)))
    try:
        signature.bind(**words)
    except TypeError as error:
        message = f"function can't be called with {', '.join(words)}: {error}"
        raise TypeError(message) from error


def _wants(function: Callable[..., Any], taken: set[str]) -> frozenset[str]:
    """Return which of `GIVEN` the function has parameters for and nobody else gives."""
    if isinstance(function, functools.partial):
        return _wants(function.func, taken | function.keywords.keys())
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions do not tell
        return frozenset()
    return frozenset(name for name in GIVEN if name in parameters) - taken


def _picklable(function: Any, fixed: Any, executor: Any) -> None:
    """Refuse early what can't be sent to a process; dask has means of its own."""
    import concurrent.futures as cf

    if not isinstance(executor, int | np.integer | cf.ProcessPoolExecutor):
        return
    try:
        pickle.dumps((function, fixed))
    except Exception as error:
        message = (
            f"function {function!r} and fixed must be picklable for worker processes "
            f"({error}): define the function at the top of a module"
        )
        raise TypeError(message) from error


def _settings(function: Any, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a store must have in common with a sweep to go on from it."""
    from linflow.build_info import build_info

    fixed = dict(fixed)
    while isinstance(function, functools.partial):
        fixed = {**function.keywords, **fixed}
        fixed |= {f"argument {i}": one for i, one in enumerate(function.args)}
        function = function.func
    if isinstance(function, types.MethodType):
        fixed["argument self"], function = function.__self__, function.__func__
    elif not hasattr(function, "__qualname__"):  # an object that can be called
        fixed["argument self"], function = function, type(function)
    module = getattr(function, "__module__", None) or ""
    return {
        "function": f"{module}.{function.__qualname__}".removeprefix("__main__."),
        "source": fingerprint.source(function),
        "fixed": ", ".join(
            f"{name} = {fingerprint.word(fixed[name])}" for name in sorted(fixed)
        ),
        "linflow": str(build_info()["version"]),
    }
