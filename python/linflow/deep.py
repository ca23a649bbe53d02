"""Deep linear networks: three or more layers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from linflow import _streams as streams
from linflow import _validate as validate
from linflow._core import network as core
from linflow.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike


# What has no counterpart here, and where to look: Python asks __getattr__ for these
# also where a property raises AttributeError, and drops what that said.
_OF_TWO_LAYERS = {
    "W1": ".layers",
    "W2": ".layers",
    "width": ".widths",
    "gram": ".layers",
    "balance": ".balances",
}


class DeepNetwork(Network):
    """A linear network of three or more layers, ``A = W_L ... W_1``.

    Parameters
    ----------
    layers : sequence of array_like
        W_1 of shape (w_1, d_in), ..., W_L of shape (d_out, w_{L-1}).
    widths : sequence of float, optional
        The hidden widths that the network stands for, when it is compressed.

    Raises
    ------
    TypeError, ValueError
        When the layers are not finite real matrices that share their widths.

    Notes
    -----
    A hidden layer wider than its two neighbours together is exactly one of their
    size, by a rotation of its hidden space (theory §6); other layers are kept.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> rng = np.random.default_rng(0)
    >>> shapes = [(4, 3), (100, 4), (2, 100)]
    >>> wide = lf.DeepNetwork([rng.normal(size=shape) for shape in shapes])
    >>> small = wide.compress()
    >>> small, bool(np.allclose(small.product, wide.product))
    (DeepNetwork(2 x 3, widths 4, 100, units kept 4, 6), True)
    """

    def __init__(
        self, layers: Sequence[ArrayLike], *, widths: Sequence[float] | None = None
    ) -> None:
        kept: list[Array] = []
        for i, layer in enumerate(layers):
            columns = kept[-1].shape[0] if kept else None
            kept.append(validate.matrix(f"W{i + 1}", layer, shape=(None, columns)))
        if len(kept) < 3:
            message = f"layers must be three or more matrices, not {len(kept)}"
            raise ValueError(message)
        self._layers = tuple(kept)
        units = tuple(float(layer.shape[0]) for layer in kept[:-1])
        self.widths = units if widths is None else tuple(float(w) for w in widths)
        self.law = None
        self.closure = None
        self.basis = None

    @property
    def layers(self) -> tuple[Array, ...]:
        """All weight matrices, input layer first."""
        return self._layers

    def __getattr__(self, name: str) -> NoReturn:
        if name in _OF_TWO_LAYERS:
            message = (
                f"{name} is not of a network of {len(self.layers)} layers; see "
                f"{_OF_TWO_LAYERS[name]}"
            )
            raise AttributeError(message)
        message = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(message)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (d_out, d_in) of the learned matrix."""
        return self.layers[-1].shape[0], self.layers[0].shape[1]

    @property
    def product(self) -> Array:
        """The learned matrix ``A = W_L ... W_1``, shape (d_out, d_in)."""
        product = self.layers[0]
        for layer in self.layers[1:]:
            product = layer @ product
        return product

    @property
    def gram(self) -> Array:
        """Not of a deep network: it acts through more than one product."""
        self.__getattr__("gram")

    @property
    def balance(self) -> Array:
        """Not one matrix here; see `balances`."""
        self.__getattr__("balance")

    @property
    def balances(self) -> tuple[Array, ...]:
        """The conserved ``W_{l+1}^T W_{l+1} - W_l W_l^T`` of each hidden layer."""
        return tuple(
            above.T @ above - below @ below.T
            for below, above in itertools.pairwise(self.layers)
        )

    def compress(self) -> DeepNetwork:
        """Return the same network with each wide hidden layer at its compressed size.

        By an LQ factorisation of the layer's two matrices, cost O(w n^2) with n the sum
        of the neighbouring widths. Of two adjacent layers at most one is that wide.
        """
        layers = list(self.layers)
        for i, (below, above) in enumerate(itertools.pairwise(layers)):
            if below.shape[0] > below.shape[1] + above.shape[0]:
                X, Y, _ = core.compress(below, above)
                layers[i], layers[i + 1] = np.asfortranarray(X.T), Y
        return DeepNetwork(layers, widths=self.widths)

    def expand(self, basis: ArrayLike | None = None) -> Network:
        """Not of a deep network: its compressed layers keep no way back."""
        message = f"expand must be called on a network of two layers (basis {basis!r})"
        raise AttributeError(message)

    def extend(
        self,
        outputs: int | ArrayLike = 0,
        inputs: int | ArrayLike = 0,
        *,
        variance: float = 0.0,
        rng: RngLike = None,
    ) -> Network:
        """Not of a deep network."""
        del outputs, inputs, variance, rng
        message = "extend must be called on a network of two layers"
        raise AttributeError(message)

    def __repr__(self) -> str:
        d_out, d_in = self.shape
        widths = ", ".join(f"{width:.15g}" for width in self.widths)
        kept = ", ".join(str(layer.shape[0]) for layer in self.layers[:-1])
        return f"DeepNetwork({d_out} x {d_in}, widths {widths}, units kept {kept})"


def draw(
    shape: tuple[int, int],
    widths: tuple[float, ...],
    variance: tuple[float, ...],
    root: streams.Root,
) -> DeepNetwork:
    """Draw a Gaussian deep network, its wide hidden layers in compressed form.

    The two matrices of a layer wider than its neighbours together are those of a
    two-layer network between these; no two such layers are adjacent, so that each
    matrix is drawn once.

    Raises
    ------
    MemoryError
        When the layers that can't be compressed would not fit.
    """
    d_out, d_in = shape
    sizes: list[float] = [d_in, *widths, d_out]
    hidden = range(1, len(sizes) - 1)
    for i in hidden:
        if sizes[i] <= sizes[i - 1] + sizes[i + 1]:
            sizes[i] = float(round(sizes[i]))
    wide = {i for i in hidden if sizes[i] > sizes[i - 1] + sizes[i + 1]}
    units = [
        sizes[i - 1] + sizes[i + 1] if i in wide else size
        for i, size in enumerate(sizes)
    ]
    validate.memory(
        f"a {d_out} x {d_in} network of width={widths}",
        16.0 * sum(first * second for first, second in itertools.pairwise(units)),
        "lower width; a hidden layer costs no more than its two neighbours only where "
        "it is wider than both together",
    )
    layers: list[Array] = []
    for i in range(len(sizes) - 1):
        if i in wide:  # came with the matrix below
            continue
        stream = root.stream(
            streams.Purpose.NETWORK, d_out, d_in, *widths, *variance, i
        )
        if i + 1 in wide:
            X, Y = core.draw_gaussian(
                streams.state_words(stream),
                int(sizes[i]),
                int(sizes[i + 2]),
                sizes[i + 1],
                *variance[i : i + 2],
            )
            layers += [X.T, Y]
        else:
            normal = np.random.default_rng(stream).standard_normal
            size = (int(sizes[i + 1]), int(sizes[i]))
            layers.append(np.sqrt(variance[i]) * normal(size))
    return DeepNetwork(layers, widths=sizes[1:-1])


def with_layers(network: Network, layers: Sequence[Array]) -> Network | None:
    """Return the network with other weights; None when they are not finite."""
    if not all(np.isfinite(layer).all() for layer in layers):
        return None
    if isinstance(network, DeepNetwork):
        return DeepNetwork(layers, widths=network.widths)
    return Network(
        *layers,
        width=network.width,
        law=network.law,
        basis=network.basis,
        closure=network.closure,
    )
