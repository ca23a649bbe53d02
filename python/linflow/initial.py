"""Initial networks: laws to draw from, or given weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from linflow import _streams as streams
from linflow import _validate as validate
from linflow._core import network as core
from linflow.network import Law, Network
from linflow.task import Task

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._streams import RngLike

MAX_WIDTH = 1e15
"""Beyond this, consecutive degrees of freedom w - i are no longer distinct numbers."""


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
        is the one used).
    variance : float or (float, float)
        sigma^2 of both layers, or (sigma1^2, sigma2^2) of input and output layer.

    Raises
    ------
    TypeError, ValueError
        When the width is below 1 or a variance is negative or not finite.

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

    def __init__(self, width: float, variance: float | tuple[float, float]) -> None:
        self.width = validate.real("width", width, at_least=1)
        if self.width > MAX_WIDTH:
            message = f"width must be at most {MAX_WIDTH:g}, not {self.width:g}"
            raise ValueError(message)
        self.variance = validate.pair("variance", variance, at_least=0)

    def sample(self, task: Task | tuple[int, int], rng: RngLike = None) -> Network:
        """Draw the network; the stream depends on shape, width, variances and `rng`."""
        d_out, d_in = _shape(task)
        width = core.realised_width(self.width, d_in, d_out)
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
        return f"Gaussian(width={self.width:.15g}, variance={self.variance})"


class Weights:
    """Given weights, input layer first; compressed when they are wide.

    Parameters
    ----------
    *layers : array_like
        W1 of shape (w, d_in) and W2 of shape (d_out, w).

    Raises
    ------
    TypeError, ValueError
        When they are not two finite real matrices of matching shapes.

    Examples
    --------
    >>> import linflow as lf
    >>> lf.Weights([[1.0, 0.0]], [[0.5], [0.5]]).sample((2, 2)).product
    array([[0.5, 0. ],
           [0.5, 0. ]])
    """

    def __init__(self, *layers: ArrayLike) -> None:
        if len(layers) != 2:
            message = f"layers must be two matrices W1 and W2, not {len(layers)}"
            raise ValueError(message)
        self.network = Network(layers[0], layers[1]).compress()

    def sample(self, task: Task | tuple[int, int], rng: RngLike = None) -> Network:
        """Return the network; nothing is random."""
        shape = _shape(task)
        if self.network.shape != shape:
            message = (
                f"weights give a {self.network.shape} matrix; the task needs {shape}"
            )
            raise ValueError(message)
        return self.network


def initial_network(init: Any, task: Task, rng: RngLike) -> Network:
    """Return the compressed initial network from a law, a network or a trajectory."""
    if not isinstance(init, Network):
        continued = getattr(init, "network", None)
        if isinstance(continued, Network) and not isinstance(init, Initial):
            init = continued
    if isinstance(init, Network):
        if init.shape != task.shape:
            message = f"init is a network for {init.shape}; the task needs {task.shape}"
            raise ValueError(message)
        return init.compress()
    if isinstance(init, Initial):
        return init.sample(task, rng)
    message = (
        "init must be Gaussian(...), Weights(...), a Network or a Trajectory, "
        f"not {init!r}"
    )
    raise TypeError(message)


def _shape(task: Task | tuple[int, int]) -> tuple[int, int]:
    return task.shape if isinstance(task, Task) else validate.shape_of("shape", task)
