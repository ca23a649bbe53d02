"""Tasks: what is to be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow import _validate as validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from linflow._core import Array
    from linflow._streams import RngLike


MOST_NOISE = 1e140
"""Beyond it errors, which are squares, overflow."""


def check_task(name: str, value: Any) -> Task:
    """Return `value`, which must be a task: a bare array is not one."""
    if not isinstance(value, Task):
        message = (
            f"{name} must be a Task, such as Task(target), not of type "
            f"{type(value).__name__}"
        )
        raise TypeError(message)
    return value


class Task:
    """A target matrix T to be learned by mean squared error, ``C(A) = |A - T|^2 / 2``.

    With an input covariance S the cost is ``tr((A - T) S (A - T)^T) / 2``, with a mask
    of observed entries the sum over these only; closed forms cover neither.

    Parameters
    ----------
    target : array_like, shape (d_out, d_in)
        The target T; finite.
    truth : array_like, shape (d_out, d_in), optional
        The matrix A* behind the target, when it is known: it gives the test error
        ``|A - A*|^2 / (d_out d_in)``. Without it there is no test error.
    input_covariance : array_like, shape (d_in, d_in), optional
        Covariance S of the inputs; symmetric, positive semidefinite, not zero. The
        train error is ``tr((A - T) S (A - T)^T) / (d_out d_in)``.
    mask : array_like of bool, shape (d_out, d_in), optional
        True where T is observed; elsewhere its entries do not matter. The train error
        is the mean over observed entries. Not together with a covariance.

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

    def __init__(
        self,
        target: ArrayLike,
        *,
        truth: ArrayLike | None = None,
        input_covariance: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> None:
        self.target: Array = validate.matrix("target", target)
        self.truth: Array | None = (
            None
            if truth is None
            else validate.matrix("truth", truth, shape=self.target.shape)
        )
        d_out, d_in = self.target.shape
        self.input_covariance: Array | None = None
        self.mask: NDArray[np.bool_] | None = None
        if input_covariance is not None and mask is not None:
            message = "mask must be None with an input_covariance: give one of the two"
            raise ValueError(message)
        if input_covariance is not None:
            self.input_covariance = validate.covariance(
                "input_covariance", input_covariance, d_in
            )
        if mask is not None:
            self.mask = validate.mask("mask", mask, (d_out, d_in))
        _check_size("target", self.target)
        _check_size("truth", self.truth)
        for array in (self.target, self.truth, self.input_covariance, self.mask):
            if array is not None:
                array.setflags(write=False)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (d_out, d_in)."""
        d_out, d_in = self.target.shape
        return d_out, d_in

    @property
    def plain(self) -> bool:
        """Whether the cost is the plain mean squared error of closed forms."""
        return self.input_covariance is None and self.mask is None

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
        more = "" if self.input_covariance is None else ", input covariance"
        if self.mask is not None:
            more = f", {np.count_nonzero(self.mask)} entries observed"
        return f"Task({d_out} x {d_in}, truth {truth}{more})"


def _check_size(name: str, array: Array | None) -> None:
    """Refuse a matrix whose errors, which are squares, would overflow."""
    if array is None:
        return
    with np.errstate(over="ignore"):
        square = float(np.sum(array**2))
    if not np.isfinite(square):
        message = (
            f"{name} must be below about 1e154, so that the sum of its squares is "
            f"finite; its largest entry is {np.abs(array).max():g}"
        )
        raise ValueError(message)


class CustomTask(Task):
    """A cost of one's own; see `custom_task`, which makes it."""

    def __init__(
        self,
        shape: tuple[int, int],
        gradient: Callable[[Array], ArrayLike],
        *,
        cost: Callable[[Array], float] | None = None,
        truth: ArrayLike | None = None,
    ) -> None:
        self._shape = validate.shape_of("shape", shape)
        for name, function in (("gradient", gradient), ("cost", cost)):
            if not callable(function) and not (name == "cost" and function is None):
                message = f"{name} must be a function of A, not {function!r}"
                raise TypeError(message)
        self.gradient = gradient
        self.cost = cost
        self.truth = (
            None
            if truth is None
            else validate.matrix("truth", truth, shape=self._shape)
        )
        self.input_covariance = None
        self.mask = None

    @property
    def target(self) -> Array:  # type: ignore[override]
        """There is none."""
        message = (
            "task must have a target here: a custom task has only a gradient; use "
            "gradient_flow or gradient_descent"
        )
        raise ValueError(message)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (d_out, d_in)."""
        return self._shape

    @property
    def plain(self) -> bool:
        """Whether the cost is the plain mean squared error: no."""
        return False

    def __repr__(self) -> str:
        d_out, d_in = self.shape
        return f"CustomTask({d_out} x {d_in}, gradient {self.gradient!r})"


def custom_task(
    shape: tuple[int, int],
    gradient: Callable[[Array], ArrayLike],
    *,
    cost: Callable[[Array], float] | None = None,
    truth: ArrayLike | None = None,
) -> Task:
    """Return a task with a cost of one's own, for gradient flow and descent.

    Parameters
    ----------
    shape : (int, int)
        (d_out, d_in) of the learned matrix A.
    gradient : callable
        Takes A, a float array of that shape, and returns dC/dA of the same shape.
        Called once per right-hand side or step; what it raises reaches the caller.
    cost : callable, optional
        Takes A and returns C(A). The train error is then C(A)/C(0) (C(A) where C(0) is
        zero or not finite); without a cost there is none.
    truth : array_like, shape (d_out, d_in), optional
        As for `Task`.

    Returns
    -------
    Task

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> task = lf.custom_task((2, 2), lambda A: np.tanh(A - np.eye(2)))
    >>> run = lf.gradient_flow(task, lf.Gaussian(8, 0.1), times=[0, 50], rng=0)
    >>> bool(np.allclose(run.last_product, np.eye(2), atol=1e-5))
    True
    """
    return CustomTask(shape, gradient, cost=cost, truth=truth)


def regression_task(
    inputs: ArrayLike, outputs: ArrayLike, *, truth: ArrayLike | None = None
) -> Task:
    """Return the task of linear regression from samples.

    The cost is ``|X A^T - Y|^2 / (2m)`` up to a constant: target the least-squares
    solution of smallest norm, input covariance ``X^T X / m``.

    Parameters
    ----------
    inputs : array_like, shape (m, d_in)
        Rows are samples x.
    outputs : array_like, shape (m, d_out)
        Rows are their targets y.
    truth : array_like, shape (d_out, d_in), optional
        As for `Task`.

    Returns
    -------
    Task
        Its train error leaves out what no A can explain: it is
        ``(|X A^T - Y|^2 - |X T^T - Y|^2) / (m d_out d_in)``.

    Raises
    ------
    TypeError, ValueError
        When the arrays are not finite real matrices with as many rows, or all inputs
        are zero.

    Notes
    -----
    One singular value decomposition of the inputs, O(m d_in^2).

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> lf.regression_task(X, X @ np.array([[1.0], [2.0], [3.0]])).target.round(6)
    array([[1., 2., 3.]])
    """
    X = validate.matrix("inputs", inputs)
    Y = validate.matrix("outputs", outputs, shape=(X.shape[0], None))
    target = np.asarray(np.linalg.lstsq(X, Y, rcond=None)[0].T, dtype=np.float64)
    return Task(target, truth=truth, input_covariance=X.T @ X / X.shape[0])


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
    if isinstance(shape, int | np.integer):
        shape = (shape, shape)
    d_out, d_in = validate.shape_of("shape", shape)
    rank = validate.integer("rank", rank, at_least=1)
    if rank > min(d_out, d_in):
        message = f"rank must be at most min(shape) = {min(d_out, d_in)}, not {rank}"
        raise ValueError(message)
    noise = validate.real("noise", noise, at_least=0)
    if noise > MOST_NOISE:
        message = (
            f"noise must be at most {MOST_NOISE:g}, not {noise:g}: squares overflow"
        )
        raise ValueError(message)
    validate.memory(
        f"a task of {d_out} x {d_in}", 40.0 * d_out * d_in, "give a smaller shape"
    )
    root = streams.root(rng)
    truth = _truth(root, d_out, d_in, rank)
    stream = root.stream(streams.Purpose.NOISE, d_out, d_in)
    error = np.random.default_rng(stream).standard_normal((d_out, d_in))
    return Task(truth + noise * error, truth=truth)


def _truth(root: streams.Root, d_out: int, d_in: int, rank: int) -> Array:
    rng = np.random.default_rng(root.stream(streams.Purpose.TRUTH, d_out, d_in, rank))
    left = rng.standard_normal((d_out, rank))
    right = rng.standard_normal((d_in, rank))
    # Not by BLAS, whose bits depend on its number of threads (from d = 300 on), and
    # with them whether workers of a sweep agree.
    truth: Array = np.einsum("ik,jk->ij", left, right) / np.sqrt(rank)
    return truth
