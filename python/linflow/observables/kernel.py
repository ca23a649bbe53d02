"""The empirical neural tangent kernel: in full, as an operator, and how it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.observables import _states as states

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array


@dataclass(frozen=True)
class KernelOperator:
    """The empirical neural tangent kernel as an operator, never formed.

    ``shape``, ``dtype`` and ``matvec`` are what `scipy.sparse.linalg.aslinearoperator`
    asks for. Vectors are ordered like the kernel of `kernel`: index ``i m + a`` is
    output i of sample a, so that ``F.ravel()`` is the vector of outputs F (d_out, m).
    """

    C1: Array
    C2: Array
    inputs: Array
    """X, shape (d_in, m)."""

    @property
    def shape(self) -> tuple[int, int]:
        """``(d_out m, d_out m)``."""
        size = self.C2.shape[0] * self.inputs.shape[1]
        return size, size

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """float64."""
        return np.dtype(np.float64)

    def matvec(self, vector: ArrayLike) -> Array:
        """Return K v for a v of d_out m numbers, O(d_out d_in (m + d_in + d_out))."""
        v = np.asarray(vector, dtype=np.float64)
        if v.size != self.shape[0]:
            message = f"vector must hold {self.shape[0]} numbers, not {v.size}"
            raise ValueError(message)
        X = self.inputs
        M = v.reshape(self.C2.shape[0], X.shape[1]) @ X.T
        out: Array = (M @ self.C1 + self.C2 @ M) @ X
        return out.reshape(v.shape)

    rmatvec = matvec  # symmetric

    def __matmul__(self, vector: ArrayLike) -> Array:
        """Return K v for a vector, or for each column of a matrix."""
        v = np.asarray(vector, dtype=np.float64)
        if v.ndim != 2:
            return self.matvec(v)
        return np.stack([self.matvec(column) for column in v.T], axis=1)


def kernel_operator(
    state: Any,
    inputs: ArrayLike | None = None,
    *,
    learning_rates: float | tuple[float, float] = 1.0,
    scale: float = 1.0,
) -> KernelOperator:
    """Return the empirical neural tangent kernel as an operator on vectors.

    Parameters
    ----------
    state, inputs, learning_rates, scale
        As for `kernel`; `state` is one state, not a trajectory.

    Returns
    -------
    KernelOperator
        With ``shape``, ``dtype``, ``matvec`` and ``@``.

    Raises
    ------
    TypeError, ValueError
        As for `kernel`.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> network = lf.Gaussian(1e6, 1e-6).sample((2, 3), rng=0)
    >>> K = lf.observables.kernel_operator(network, np.eye(3)[:, :2])
    >>> K.shape, bool(np.allclose(K @ np.eye(4), lf.observables.kernel(
    ...     network, np.eye(3)[:, :2])))
    ((4, 4), True)
    """
    C1, C2 = states.kernel_grams(state, learning_rates, scale)
    if C1.ndim != 2:
        message = (
            f"state must be one state here, not {C1.shape[0]}: take one of a "
            "trajectory's, such as (run.input_gram[-1], run.output_gram[-1])"
        )
        raise ValueError(message)
    return KernelOperator(C1, C2, states.inputs_or_identity(inputs, C1.shape[-1]))


def kernel(
    state: Any,
    inputs: ArrayLike | None = None,
    *,
    learning_rates: float | tuple[float, float] = 1.0,
    scale: float = 1.0,
) -> Array:
    """Return the empirical neural tangent kernel in full.

    ``K = I (x) X^T C1 X + C2 (x) X^T X``, the inner products of the gradients of all
    outputs with respect to all weights: the gradient of output i at x with respect to
    W2 is ``e_i (W1 x)^T`` and with respect to W1 ``(W2^T e_i) x^T`` (theory §7).

    Parameters
    ----------
    state : Network or (array_like, array_like)
        The network, or its C1 (d_in, d_in) and C2 (d_out, d_out).
    inputs : array_like, shape (d_in, m), optional
        X, columns are samples; the identity (whitened inputs) by default.
    learning_rates : float or (float, float)
        eta1, eta2: gradients with respect to the input layer count eta1 times, so that
        ``dF/dt = -K (F - Y)`` also with rates of their own.
    scale : float
        Output scale of ``scale W2 W1``.

    Returns
    -------
    ndarray, shape (d_out m, d_out m)
        Index ``i m + a`` is output i of sample a.

    Raises
    ------
    TypeError, ValueError
        When an argument is not of the kind or shape told.

    Notes
    -----
    Cost: O((d_out m)^2) numbers; `kernel_operator` forms none of them, and
    `kernel_distance` and `kernel_movement` need C1 and C2 only.

    References
    ----------
    Jacot, Gabriel, Hongler 2018, arXiv 1806.07572; [DAP].

    Examples
    --------
    >>> import linflow as lf
    >>> network = lf.Network([[1.0, 0.0]], [[2.0]])
    >>> lf.observables.kernel(network)
    array([[5., 0.],
           [0., 4.]])
    """
    operator = kernel_operator(
        state, inputs, learning_rates=learning_rates, scale=scale
    )
    X = operator.inputs
    eye = np.eye(operator.C2.shape[0])
    full: Array = np.kron(eye, X.T @ operator.C1 @ X) + np.kron(operator.C2, X.T @ X)
    return full


def kernel_distance(
    state: Any,
    reference: Any = None,
    *,
    inputs: ArrayLike | None = None,
    learning_rates: float | tuple[float, float] = 1.0,
) -> Array:
    """Return the distance ``1 - <K, K0> / (|K| |K0|)`` of kernels, in O(d^2) each.

    0 while the network is lazy, up to 1 as it learns features.

    Parameters
    ----------
    state : Trajectory, Network or (array_like, array_like)
        What to look at; see `linflow.observables`.
    reference : Network or (array_like, array_like), optional
        K0; by default the first save point of `state`.
    inputs : array_like, shape (d_in, m), optional
        X, columns are samples; whitened by default.
    learning_rates : float or (float, float)
        As for `kernel`.

    Returns
    -------
    ndarray, shape (time,) or ()
        Every state's distance; NaN where a kernel is zero and has no direction.

    Raises
    ------
    TypeError, ValueError
        When a trajectory has no Gram matrices, or there is nothing to compare with.

    Notes
    -----
    ``<K, K'> = d_out tr(C1 S C1' S) + tr(C2) tr(C1' S^2) + tr(C2') tr(C1 S^2) +
    tr(C2 C2') tr(S^2)`` with ``S = X X^T``. K is linear in (C1, C2), so that the
    distance is taken as ``| K/|K| - K0/|K0| |^2 / 2``: no cancellation where it is
    small. O(d^2) each for whitened inputs; others cost a product of size d_in more.

    References
    ----------
    Fort et al. 2020, arXiv 2010.15110; [DAP].

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.low_rank_task((5, 2), rank=1, rng=0)
    >>> for lam in (100.0, -100.0):  # delayed rich; lazy, as w = d_in
    ...     run = lf.closed_form(
    ...         task, lf.Balanced(width=2, lam=lam, size=0.1), times=[0, float("inf")],
    ...         rng=0, save_gram=True,
    ...     )
    ...     print(lf.observables.kernel_distance(run)[-1].round(2))
    0.67
    0.0
    """
    now, start, S = states.pair(state, reference, inputs, learning_rates)
    unit, unit0 = _norm(*now, S), _norm(*start, S)
    with np.errstate(divide="ignore", invalid="ignore"):
        D1 = now[0] / unit[..., None, None] - start[0] / unit0[..., None, None]
        D2 = now[1] / unit[..., None, None] - start[1] / unit0[..., None, None]
    distance: Array = _norm(D1, D2, S) ** 2 / 2
    return distance


def kernel_movement(
    state: Any,
    reference: Any = None,
    *,
    inputs: ArrayLike | None = None,
    learning_rates: float | tuple[float, float] = 1.0,
) -> Array:
    """Return how far the kernel has moved, ``|K - K0| / |K0|``, in O(d^2) each.

    Parameters
    ----------
    state, reference, inputs, learning_rates
        As for `kernel_distance`.

    Returns
    -------
    ndarray, shape (time,) or ()
        NaN where K0 is zero.

    Raises
    ------
    TypeError, ValueError
        As for `kernel_distance`.

    Examples
    --------
    >>> import linflow as lf
    >>> one, two = lf.Network([[1.0]], [[1.0]]), lf.Network([[2.0]], [[2.0]])
    >>> float(lf.observables.kernel_movement(two, one))
    3.0
    """
    now, start, S = states.pair(state, reference, inputs, learning_rates)
    moved = _norm(now[0] - start[0], now[1] - start[1], S)
    with np.errstate(divide="ignore", invalid="ignore"):
        movement: Array = moved / _norm(*start, S)
    return movement


def _norm(C1: Array, C2: Array, S: Array | None) -> Array:
    """Return |K| from the blocks, which may be differences; S = X X^T, None for I."""
    if S is None:
        square1, trace1 = _inner(C1, C1), np.trace(C1, axis1=-2, axis2=-1)
        weight = float(C1.shape[-1])
    else:
        D = C1 @ S
        square1, trace1 = _inner(D, np.swapaxes(D, -1, -2)), _inner(C1, S @ S)
        weight = float(np.sum(S**2))
    trace2 = np.trace(C2, axis1=-2, axis2=-1)
    square = C2.shape[-1] * square1 + 2 * trace2 * trace1 + weight * _inner(C2, C2)
    size: Array = np.sqrt(np.maximum(square, 0))
    return size


def _inner(one: Array, other: Array) -> Array:
    """Return <one, other> of the last two axes."""
    return np.asarray(np.einsum("...ij,...ij->...", one, other))
