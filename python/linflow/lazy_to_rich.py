"""From lazy to rich: what the balance level lam does, by size and shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow import _validate as validate
from linflow import observables
from linflow.closed_form import closed_form
from linflow.flow import gradient_flow
from linflow.initial import Balanced
from linflow.task import Task

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.trajectory import Trajectory

DYNAMICS: dict[str, Any] = {"closed_form": closed_form, "gradient_flow": gradient_flow}
NOT_HERE = (
    *("observe", "top", "track", "events", "raise_on_failure"),
    *("save_product", "save_weights", "save_gram"),
)
VARIABLES = {
    "train_error": "|A - T|^2 / (d_out d_in)",
    "kernel_distance": "1 - cosine of the neural tangent kernel with the initial one",
    "kernel_movement": "|K - K0| / |K0|",
    "input_change": "1 - cosine of C1 with the initial one",
    "output_change": "1 - cosine of C2 with the initial one",
}


def lazy_to_rich(
    shapes: Sequence[int] | Sequence[Sequence[int]],
    lam: ArrayLike,
    *,
    size: ArrayLike = 0.1,
    times: ArrayLike = (0.0, np.inf),
    target: ArrayLike = 1.0,
    seeds: int = 1,
    dynamics: str = "closed_form",
    rng: RngLike = 0,
    **keywords: Any,
) -> xr.Dataset:
    """Sweep lambda-balanced networks over lam, size and shape: how much they learn.

    Learning curves and the change of kernel and representations, exactly at any time,
    convergence (infinity) included. Targets have random singular vectors and the given
    singular values, by default all 1: lam, size and times are in units of these.

    Parameters
    ----------
    shapes : (int, int, int) or sequence of them
        (d_in, width, d_out) of each network: a funnel (d_in > d_out), an inverted
        funnel (d_in < d_out) or a square one.
    lam : array_like, shape (lam,)
        Balance levels; those > 0 need width <= d_out, those < 0 width <= d_in.
    size : float or array_like, shape (size,)
        Scale of the singular values of A(0); see `Balanced`.
    times : array_like, shape (time,)
        Save points from 0 on; the last may be infinite in the closed form.
    target : float or array_like
        Singular values of the targets: one number for all of them, or an array of at
        most min(d_in, d_out); the rest are 0.
    seeds : int
        Repetitions, each with a target and orthogonal factors of its own, which are
        those of every lam and size.
    dynamics : {"closed_form", "gradient_flow"}
        Exact, or integrated.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of all streams.
    **keywords
        Further keywords of the dynamics, but for what it observes and keeps.

    Returns
    -------
    xarray.Dataset
        With dimensions (shape, size, lam, seed, time): ``train_error``,
        ``kernel_distance``, ``kernel_movement``, ``input_change``, ``output_change``;
        ``d_in``, ``width`` and ``d_out`` of each shape are coordinates.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range or a shape does not admit a lam, before
        any work starts.

    Notes
    -----
    As ``|lam|`` grows the kernel distance at convergence falls as lam^-4 where
    ``lam I`` fills the outputs (lam > 0, width = d_out) or the inputs (lam < 0, width =
    d_in): lazy. Where the width is less, the large layer spans a subspace that has to
    turn before the target can be learned, in a time ~ ``|lam| / s*^2``: delayed rich. A
    square network at lam = 0 keeps the sign of det A, and half of all starts never
    reach the target.

    References
    ----------
    [DAP]; Kunin et al. 2024, arXiv 2406.06158.

    Examples
    --------
    >>> import linflow as lf
    >>> data = lf.lazy_to_rich((2, 2, 5), [-100.0, 100.0], rng=0)
    >>> data.kernel_distance[0, 0, :, 0, -1].values.round(2).tolist()
    [0.0, 0.81]
    """
    import xarray as xr

    triples = _shapes(shapes)
    levels, sizes = validate.axis("lam", lam), validate.axis("size", size)
    values = validate.nonnegative_vector("target", np.atleast_1d(target))
    if np.ndim(target) == 0:
        values = np.repeat(values, max(min(one[0], one[2]) for one in triples))
    else:
        _check_values(values, triples)
    seeds = validate.integer("seeds", seeds, at_least=1)
    run = DYNAMICS[validate.choice("dynamics", dynamics, DYNAMICS)]
    points = validate.times("times", times, infinite=dynamics == "closed_form")
    for name in NOT_HERE:
        if name in keywords:
            message = f"{name} must not be given: of each run the curves alone are kept"
            raise TypeError(message)
    root = streams.root(rng)
    cells = []
    for index in np.ndindex(len(triples), len(sizes), len(levels), seeds):
        d_in, width, d_out = triples[index[0]]
        own = root.child(index[3])
        task = _task((d_out, d_in), values, own)
        init = Balanced(width, lam=float(levels[index[2]]), size=float(sizes[index[1]]))
        generator = np.random.default_rng(
            own.stream(streams.Purpose.FACTORS, d_out, d_in, width)
        )
        cells.append((index, task, init.draw(task.shape, generator)))
    shape = (len(triples), len(sizes), len(levels), seeds, len(points))
    results = {name: np.full(shape, np.nan) for name in VARIABLES}
    for index, task, network in cells:
        state = run(
            task,
            network,
            times=points,
            observe="train_error",
            save_gram=True,
            **keywords,
        )
        for name, curve in _curves(state):
            results[name][index] = curve
    dims = ("shape", "size", "lam", "seed", "time")
    d_in, width, d_out = np.array(triples).T
    return xr.Dataset(
        {
            name: (dims, results[name], {"long_name": text})
            for name, text in VARIABLES.items()
        },
        coords={
            "size": sizes,
            "lam": levels,
            "seed": np.arange(seeds),
            "time": points,
            "d_in": ("shape", d_in),
            "width": ("shape", width),
            "d_out": ("shape", d_out),
        },
        attrs={"dynamics": dynamics},
    )


def _curves(run: Trajectory) -> list[tuple[str, Any]]:
    """Return the variables along a run."""
    return [
        ("train_error", run.train_error),
        ("kernel_distance", observables.kernel_distance(run)),
        ("kernel_movement", observables.kernel_movement(run)),
        ("input_change", observables.representation_change(run, layer="input")),
        ("output_change", observables.representation_change(run, layer="output")),
    ]


def _shapes(shapes: Any) -> list[tuple[int, int, int]]:
    """Return checked triples (d_in, width, d_out)."""
    if not isinstance(shapes, Sequence) or len(shapes) == 0:
        message = f"shapes must be one or more (d_in, width, d_out), not {shapes!r}"
        raise TypeError(message)
    several = shapes if isinstance(shapes[0], Sequence) else [shapes]
    triples = []
    for i, one in enumerate(several):
        if not isinstance(one, Sequence) or len(one) != 3:
            message = f"shapes[{i}] must be (d_in, width, d_out), not {one!r}"
            raise ValueError(message)
        numbers = [validate.integer(f"shapes[{i}]", n, at_least=1) for n in one]
        triples.append((numbers[0], numbers[1], numbers[2]))
    if len(set(triples)) < len(triples):
        message = f"shapes must not repeat; they are {triples}"
        raise ValueError(message)
    return triples


def _check_values(values: Array, triples: Sequence[tuple[int, int, int]]) -> None:
    """Refuse more singular values than a target has."""
    modes = min(min(d_in, d_out) for d_in, _, d_out in triples)
    if len(values) > modes:
        message = (
            f"target must hold at most min(d_in, d_out) = {modes} singular values, not "
            f"{len(values)}"
        )
        raise ValueError(message)


def _task(shape: tuple[int, int], values: Array, root: streams.Root) -> Task:
    """Return a task of given singular values with random singular vectors."""
    generator = np.random.default_rng(root.stream(streams.Purpose.TRUTH, *shape))
    U, _, Vt = np.linalg.svd(generator.standard_normal(shape), full_matrices=False)
    kept = min(len(values), len(Vt))
    return Task((U[:, :kept] * values[:kept]) @ Vt[:kept])
