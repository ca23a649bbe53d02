"""Tasks: what is to be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linflow import _streams as streams
from linflow import _validate as validate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike


class Task:
    """A target matrix T to be learned by mean squared error, ``C(A) = |A - T|^2 / 2``.

    Parameters
    ----------
    target : array_like, shape (d_out, d_in)
        The target T; finite.
    truth : array_like, shape (d_out, d_in), optional
        The matrix A* behind the target, when it is known: it gives the test error
        ``|A - A*|^2 / (d_out d_in)``. Without it there is no test error.

    Raises
    ------
    TypeError, ValueError
        When an array is not a finite, non-empty real matrix or the shapes differ.

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.Task([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> task.shape
    (2, 3)
    >>> task.singular_values
    array([2., 1.])
    """

    def __init__(self, target: ArrayLike, *, truth: ArrayLike | None = None) -> None:
        self.target: Array = validate.matrix("target", target)
        self.truth: Array | None = (
            None
            if truth is None
            else validate.matrix("truth", truth, shape=self.target.shape)
        )
        self.target.setflags(write=False)
        if self.truth is not None:
            self.truth.setflags(write=False)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (d_out, d_in)."""
        d_out, d_in = self.target.shape
        return d_out, d_in

    @property
    def noise(self) -> Array | None:
        """The noise ``E = T - A*``, or None without a truth."""
        return None if self.truth is None else self.target - self.truth

    @property
    def singular_values(self) -> Array:
        """Singular values s* of the target, descending."""
        values = np.linalg.svd(self.target, compute_uv=False)
        return values.astype(np.float64)

    def __repr__(self) -> str:
        d_out, d_in = self.shape
        truth = "known" if self.truth is not None else "unknown"
        return f"Task({d_out} x {d_in}, truth {truth})"


def low_rank_task(
    shape: tuple[int, int] | int,
    rank: int,
    *,
    noise: float = 1.0,
    rng: RngLike = None,
) -> Task:
    """Draw the denoising task of [TAJ]: a matrix of low rank plus noise.

    ``T = A* + noise E`` with ``A* = U V^T``, entries of U and V iid N(0, 1/sqrt(rank))
    in variance (so that those of A* have variance 1) and entries of E iid N(0, 1).

    Parameters
    ----------
    shape : (int, int) or int
        (d_out, d_in), or d for a square one.
    rank : int
        Rank k of the truth, 1 to min(shape).
    noise : float
        Standard deviation of the noise; scales the same E.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Truth and noise have streams of their own below this root.

    Returns
    -------
    Task
        With the truth A* known.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range.

    References
    ----------
    Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks", NeurIPS 2024,
    arXiv 2405.17580, section 5.

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task((30, 20), rank=2, rng=0)
    >>> task
    Task(30 x 20, truth known)
    >>> [round(float(s), 1) for s in task.singular_values[:4]]
    [21.9, 14.1, 9.2, 8.0]
    """
    if isinstance(shape, int):
        shape = (shape, shape)
    d_out, d_in = validate.shape_of("shape", shape)
    rank = validate.integer("rank", rank, at_least=1)
    if rank > min(d_out, d_in):
        message = f"rank must be at most min(shape) = {min(d_out, d_in)}, not {rank}"
        raise ValueError(message)
    noise = validate.real("noise", noise, at_least=0)
    root = streams.root(rng)
    truth = _truth(root, d_out, d_in, rank)
    stream = root.stream(streams.Purpose.NOISE, d_out, d_in)
    error = np.random.default_rng(stream).standard_normal((d_out, d_in))
    return Task(truth + noise * error, truth=truth)


def _truth(root: streams.Root, d_out: int, d_in: int, rank: int) -> Array:
    rng = np.random.default_rng(root.stream(streams.Purpose.TRUTH, d_out, d_in, rank))
    left = rng.standard_normal((d_out, rank))
    right = rng.standard_normal((d_in, rank))
    truth: Array = (left @ right.T) / np.sqrt(rank)
    return truth
