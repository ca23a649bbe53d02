"""Initial networks: laws to draw from, or given weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from linflow import _streams as streams
from linflow import _validate as validate
from linflow._core import network as core
from linflow.deep import DeepNetwork, draw
from linflow.network import Law, Network, check_memory
from linflow.task import Task

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike

MAX_WIDTH = 1e15
"""Beyond this, consecutive degrees of freedom w - i are no longer distinct numbers."""

LARGEST_SIZE = 1e150
"""Of the singular values of a start, whose squares are to be finite."""


@runtime_checkable
class Initial(Protocol):
    """Anything that gives an initial network."""

    def sample(self, task: Task | tuple[int, int], rng: RngLike = None) -> Network:
        """Return the initial network for a task or a shape (d_out, d_in)."""


class Gaussian:
    """Random weights: entries of W1 iid N(0, sigma1^2), of W2 iid N(0, sigma2^2).

    Parameters
    ----------
    width : float
        Width w of the hidden layer, 1 to 1e15. From ``n = d_in + d_out`` on any real
        number; below, it is rounded to the nearest integer (the network's ``.width``
        is the one used). A sequence (w1, w2, ...) of hidden widths makes a deep
        network; each wider than its neighbours together is drawn compressed.
    variance : float or (float, float)
        sigma^2 of all layers, or (sigma1^2, sigma2^2, ...) from the input layer on.

    Raises
    ------
    TypeError, ValueError
        When the width is below 1 or a variance is negative or not finite.
    MemoryError
        In `sample`, when what can't be compressed would not fit: two huge hidden layers
        beside each other.

    Notes
    -----
    From width n on the network is drawn in compressed form by Bartlett's decomposition,
    ``Q = diag(sigma1 I, sigma2 I) L`` with L lower triangular, ``L_ii^2`` chi-square
    with w - i degrees of freedom: the law of P is exactly that of the wide network, at
    a cost of O(n^2) whatever w is (theory §2).

    Examples
    --------
    >>> import linflow as lf
    >>> network = lf.Gaussian(width=1e12, variance=1e-12).sample((3, 2), rng=0)
    >>> network
    Network(3 x 2, width 1000000000000, 5 units kept)
    >>> round(network.law.kappa, 12)
    1.0
    """

    def __init__(
        self,
        width: float | Sequence[float],
        variance: float | Sequence[float],
    ) -> None:
        self.width: float = 0.0
        self.widths: tuple[float, ...] = ()
        self.variance: tuple[float, ...]
        if isinstance(width, Sequence) and not width:
            message = "width must be a number, or one or more of them, not ()"
            raise ValueError(message)
        if isinstance(width, Sequence) and len(width) != 1:
            self.widths = tuple(_width(f"width[{i}]", w) for i, w in enumerate(width))
            self.variance = validate.rates("variance", variance, len(width) + 1)
            return
        self.width = _width("width", width[0] if isinstance(width, Sequence) else width)
        self.variance = validate.pair("variance", variance, at_least=0)
        if not np.isfinite(prod((*self.variance, self.width, self.width))):
            message = (
                "variance must be such that variance1 variance2 width^2 is finite, not "
                f"{self.variance} for width {self.width:g}"
            )
            raise ValueError(message)

    def sample(self, task: Task | tuple[int, int], rng: RngLike = None) -> Network:
        """Draw the network; the stream depends on shape, width, variances and `rng`."""
        d_out, d_in = _shape(task)
        if self.widths:
            root = streams.root(rng)
            return draw((d_out, d_in), self.widths, self.variance, root)
        width = core.realised_width(self.width, d_in, d_out)
        check_memory((d_out, d_in), min(width, d_in + d_out), copies=2)
        variance1, variance2 = self.variance
        stream = streams.root(rng).stream(
            streams.Purpose.NETWORK, d_out, d_in, width, variance1, variance2
        )
        X, Y = core.draw_gaussian(
            streams.state_words(stream), d_in, d_out, width, variance1, variance2
        )
        law = Law(
            lam=(variance2 - variance1) * width, mu=variance1 * variance2 * width**2
        )
        return Network(X.T, Y, width=width, law=law)

    def __repr__(self) -> str:
        width = self.widths or f"{self.width:.15g}"
        return f"Gaussian(width={width}, variance={self.variance})"


def _width(name: str, value: float) -> float:
    width = validate.real(name, value, at_least=1)
    if width > MAX_WIDTH:
        message = f"{name} must be at most {MAX_WIDTH:g}, not {width:g}"
        raise ValueError(message)
    return width


class Balanced:
    """Lambda-balanced weights, ``W2^T W2 - W1 W1^T = lam I``, with random factors.

    Parameters
    ----------
    width : float
        Width w of the hidden layer, rounded as that of `Gaussian`. ``lam > 0`` needs
        w <= d_out, ``lam < 0`` needs w <= d_in; ``lam = 0`` admits any width.
    lam : float
        The level: lazy for large ``|lam|``, rich at 0 ([DAP]).
    size : float or array_like
        Singular values of A(0): a number draws them as ``size * |N(0, 1)|``, an array
        prescribes them (at most min(width, d_in, d_out), >= 0; the rest are 0).

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range; in `sample`, when no such network exists
        for the shape, with the reason.

    Notes
    -----
    ``W1 = R diag(a) V^T`` and ``W2 = U diag(b) R^T`` with ``b^2 - a^2 = lam``,
    ``a b = s``; U, V and R are Haar-distributed. Balanced networks wider than
    d_in + d_out (lam = 0) are kept with that many units.

    References
    ----------
    Dominé et al., "From Lazy to Rich", ICLR 2025, arXiv 2409.14623, section 3.

    Examples
    --------
    >>> import linflow as lf
    >>> init = lf.Balanced(width=2, lam=-1.0, size=[0.5, 0.25])
    >>> network = init.sample((3, 4), rng=0)
    >>> network.balance.round(12) + 0.0
    array([[-1.,  0.],
           [ 0., -1.]])
    """

    def __init__(
        self, width: float, lam: float = 0.0, size: float | ArrayLike = 1.0
    ) -> None:
        self.width = validate.real("width", width, at_least=1)
        self.lam = validate.real("lam", lam)
        self.size: float | Array
        if np.ndim(size) == 0:
            self.size = validate.real("size", size, at_least=0)
        else:
            self.size = validate.nonnegative_vector("size", size)
        if np.max(self.size) > LARGEST_SIZE:
            message = (
                f"size must be at most {LARGEST_SIZE:g}, not {np.max(self.size):g}"
            )
            raise ValueError(message)

    def sample(self, task: Task | tuple[int, int], rng: RngLike = None) -> Network:
        """Draw the network; the stream depends on shape, width, lam, size and `rng`."""
        shape = _shape(task)
        width = core.realised_width(self.width, shape[1], shape[0])
        stream = streams.root(rng).stream(
            streams.Purpose.FACTORS, *shape, width, self.lam, *np.atleast_1d(self.size)
        )
        return self.draw(shape, np.random.default_rng(stream))

    def draw(self, shape: tuple[int, int], generator: np.random.Generator) -> Network:
        """Draw the network from a generator: the same factors whatever lam is."""
        d_out, d_in = shape
        width = core.realised_width(self.width, d_in, d_out)
        for sign, limit, name in ((1, d_out, "d_out"), (-1, d_in, "d_in")):
            if sign * self.lam > 0 and width > limit:
                message = (
                    f"width must be at most {name} = {limit} when lam "
                    f"{'>' if sign > 0 else '<'} 0, not {width:.15g}: "
                    f"{'W2^T W2' if sign > 0 else 'W1 W1^T'} of that rank can't reach "
                    f"lam I on every hidden unit (lam = {self.lam:g})"
                )
                raise ValueError(message)
        units = int(min(width, d_in + d_out))
        check_memory(shape, units, copies=6)
        modes = min(units, d_in, d_out)
        values = np.zeros(modes)
        prescribed = not isinstance(self.size, float)
        words = np.atleast_1d(self.size)
        if prescribed and len(words) > modes:
            message = (
                f"size must hold at most min(width, d_in, d_out) = {modes} singular "
                f"values, not {len(words)}"
            )
            raise ValueError(message)
        if prescribed:
            values[: len(words)] = np.sort(words)[::-1]
        else:
            values[:] = np.sort(self.size * abs(generator.standard_normal(modes)))[::-1]
        inner, outer = np.zeros(units), np.zeros(units)
        inner[:modes], outer[:modes] = _balanced_pair(values, self.lam)
        # Units beyond the modes carry lam alone, on the side that has room for it.
        inner[modes:], outer[modes:] = _balanced_pair(np.zeros(units - modes), self.lam)
        U = _haar(generator, d_out, units)
        V = _haar(generator, d_in, units)
        R = _haar(generator, units, units)
        return Network(
            (R * inner) @ V.T,
            (U * outer) @ R.T,
            width=width,
            law=Law(lam=self.lam, mu=0.0),
        )

    def __repr__(self) -> str:
        return f"Balanced(width={self.width:.15g}, lam={self.lam:g}, size={self.size})"


def _balanced_pair(s: Array, lam: float) -> tuple[Array, Array]:
    """Return a, b >= 0 with a b = s and b^2 - a^2 = lam, without cancellation."""
    large = np.hypot(s, lam / 2) + abs(lam) / 2
    small = np.divide(s**2, large, out=np.zeros_like(s), where=large > 0)
    a2, b2 = (small, large) if lam >= 0 else (large, small)
    return np.sqrt(a2), np.sqrt(b2)


def _haar(generator: np.random.Generator, rows: int, columns: int) -> Array:
    """Return Haar-distributed orthonormal columns; those beyond the rows are zero."""
    out = np.zeros((rows, columns))
    kept = min(rows, columns)
    Q, R = np.linalg.qr(generator.standard_normal((rows, kept)))
    out[:, :kept] = Q * np.sign(np.diag(R))
    return out


class Weights:
    """Given weights, input layer first; compressed when they are wide.

    Parameters
    ----------
    *layers : array_like
        W1 of shape (w, d_in) and W2 of shape (d_out, w), or three or more for a deep
        network.

    Raises
    ------
    TypeError, ValueError
        When they are not two or more finite real matrices of matching shapes.

    Examples
    --------
    >>> import linflow as lf
    >>> init = lf.Weights([[1.0, 0.0]], [[0.5], [0.5]])
    >>> init
    Weights(Network(2 x 2, width 1, 1 units kept))
    >>> init.sample((2, 2)).product
    array([[0.5, 0. ],
           [0.5, 0. ]])
    """

    def __init__(self, *layers: ArrayLike) -> None:
        if len(layers) < 2:
            message = f"layers must be two or more matrices, not {len(layers)}"
            raise ValueError(message)
        network = Network(*layers) if len(layers) == 2 else DeepNetwork(layers)
        self.network = network.compress()

    def sample(self, task: Task | tuple[int, int], rng: RngLike = None) -> Network:
        """Return the network; nothing is random."""
        shape = _shape(task)
        if self.network.shape != shape:
            message = (
                f"weights give a {self.network.shape} matrix; the task needs {shape}"
            )
            raise ValueError(message)
        return self.network

    def __repr__(self) -> str:
        return f"Weights({self.network!r})"


def initial_network(init: Any, task: Task, rng: RngLike) -> Network:
    """Return the compressed initial network of two layers, for closed forms.

    See `any_network` for what dynamics of any depth and cost take.
    """
    if not task.plain:
        message = "task must have the plain mean squared error here; use gradient_flow"
        raise ValueError(message)
    network = any_network(init, task, rng)
    if isinstance(network, DeepNetwork):
        message = (
            f"init must have two layers here, not {len(network.layers)}; gradient_flow "
            "and gradient_descent take any depth"
        )
        raise ValueError(message)
    return network


def any_network(init: Any, task: Task, rng: RngLike) -> Network:
    """Return the compressed initial network from a law, a network or a trajectory."""
    if isinstance(init, Initial) and not isinstance(init, type):
        return init.sample(task, rng)
    if not isinstance(init, Network | type):
        continued = getattr(init, "network", None)
        if isinstance(continued, Network):
            init = continued
        elif hasattr(init, "network") and continued is None:
            message = (
                f"init must have a network to go on from; {init!r} has none, for its "
                "dynamics determines A only, or it diverged"
            )
            raise ValueError(message)
    if isinstance(init, Network):
        if init.shape != task.shape:
            message = f"init is a network for {init.shape}; the task needs {task.shape}"
            raise ValueError(message)
        return init.compress()
    message = (
        "init must be Gaussian(...), Balanced(...), Weights(...), a Network or a "
        "Trajectory, "
        f"not {init!r}"
    )
    raise TypeError(message)


def _shape(task: Task | tuple[int, int]) -> tuple[int, int]:
    if isinstance(task, Task):
        return task.shape
    try:
        dimensions = np.ndim(task)
    except ValueError:  # ragged
        dimensions = -1
    if dimensions != 1:
        message = (
            "task must be a Task or a shape (d_out, d_in), not of type "
            f"{type(task).__name__}"
        )
        raise TypeError(message)
    return validate.shape_of("shape", task)
