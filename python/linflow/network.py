"""Networks: two-layer linear networks in compressed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from linflow import _streams as streams
from linflow import _validate as validate
from linflow._core import network as core

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from linflow._core import Array
    from linflow._streams import RngLike


class Law(NamedTuple):
    """The two levels (theory §4) that a random network has in the limit of width.

    ``kappa^2 = mu + lam^2 / 4`` is the threshold between lazy and active modes.
    """

    lam: float
    mu: float

    @property
    def kappa(self) -> float:
        """The threshold, in units of ``W2 W1``."""
        return float(np.hypot(np.sqrt(self.mu), self.lam / 2))


class Closure(NamedTuple):
    """What is known of the error of a state that `closed_form` has approximated."""

    residual: float
    """Of the network that it stands for: rho of theory §4, which the flow conserves."""
    error: float
    """Estimate of the error of ``W2 W1`` in the Frobenius norm."""


class Network:
    """A two-layer linear network ``A = W2 W1``.

    The width of the hidden layer costs nothing: everything that a network does depends
    on ``P = Q Q^T``, ``Q = [W1^T; W2]``, so that at most ``n = d_in + d_out`` hidden
    units are ever kept (theory §2).

    Parameters
    ----------
    W1 : array_like, shape (r, d_in)
        Input layer.
    W2 : array_like, shape (d_out, r)
        Output layer.
    width : float, optional
        The width that the network stands for, when it is compressed; r by default.
    law : Law or (float, float), optional
        The two levels (lam, mu >= 0) of the law that it was drawn from.
    basis : array_like, shape (w, r), optional
        Orthonormal columns that lead back to w hidden units; see `expand`.
    closure : Closure, optional
        Of the last state of a closure, which runs that go on from it add to theirs.

    Raises
    ------
    TypeError, ValueError
        When the weights are not finite real matrices that share the hidden width.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> rng = np.random.default_rng(0)
    >>> wide = lf.Network(rng.normal(size=(1000, 3)), rng.normal(size=(2, 1000)))
    >>> small = wide.compress()
    >>> small.W1.shape, small.width
    ((5, 3), 1000.0)
    >>> bool(np.allclose(small.product, wide.product))
    True
    >>> bool(np.allclose(small.expand().W1, wide.W1))
    True
    """

    def __init__(
        self,
        W1: ArrayLike,
        W2: ArrayLike,
        *,
        width: float | None = None,
        law: Law | tuple[float, float] | None = None,
        basis: ArrayLike | None = None,
        closure: Closure | None = None,
    ) -> None:
        self.W1: Array = validate.matrix("W1", W1)
        units = self.W1.shape[0]
        self.W2: Array = validate.matrix("W2", W2, shape=(None, units))
        self.width = (
            float(units) if width is None else validate.real("width", width, above=0)
        )
        self.law = check_law(law)
        self.closure = closure
        self.basis: Array | None = (
            None
            if basis is None
            else validate.matrix("basis", basis, shape=(None, units))
        )

    @property
    def layers(self) -> tuple[Array, ...]:
        """All weight matrices, input layer first."""
        return self.W1, self.W2

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (d_out, d_in) of the learned matrix."""
        return self.W2.shape[0], self.W1.shape[1]

    @property
    def product(self) -> Array:
        """The learned matrix ``A = W2 W1``, shape (d_out, d_in)."""
        return self.W2 @ self.W1

    @property
    def gram(self) -> Array:
        """``P = Q Q^T = [[C1, A^T], [A, C2]]``, shape (n, n), n = d_in + d_out."""
        factor = np.vstack([self.W1.T, self.W2])
        return factor @ factor.T

    @property
    def balance(self) -> Array:
        """The conserved ``B = W2^T W2 - W1 W1^T`` of the kept units, shape (r, r)."""
        return self.W2.T @ self.W2 - self.W1 @ self.W1.T

    def compress(self) -> Network:
        """Return the same network with at most d_in + d_out hidden units.

        By an LQ factorisation, cost O(w n^2); it remembers its way back (`expand`).
        A network that is small enough is returned as it is.
        """
        units = self.W1.shape[0]
        if units <= sum(self.shape):
            return self
        X, Y, basis = core.compress(self.W1, self.W2)
        if self.basis is not None:
            basis = self.basis @ basis
        return Network(
            X.T,
            Y,
            width=self.width,
            law=self.law,
            basis=basis,
            closure=self.closure,
        )

    def expand(self, basis: ArrayLike | None = None) -> Network:
        """Return the network in the hidden units of a basis.

        Parameters
        ----------
        basis : array_like, shape (w, r), optional
            Orthonormal columns; by default those that `compress` remembered.

        Raises
        ------
        ValueError
            When there is no basis or its shape does not match.
        """
        if basis is None:
            if self.basis is None:
                message = (
                    "basis must be given: this network was not made by compress(), "
                    "which would remember it"
                )
                raise ValueError(message)
            columns = self.basis
        else:
            columns = validate.matrix("basis", basis, shape=(None, self.W1.shape[0]))
            defect = abs(columns.T @ columns - np.eye(columns.shape[1])).max()
            if defect > 1e-8:
                message = (
                    "basis must have orthonormal columns; basis^T basis differs from "
                    f"the identity by {defect:.2g}"
                )
                raise ValueError(message)
        return Network(
            columns @ self.W1,
            self.W2 @ columns.T,
            width=self.width,
            law=self.law,
            closure=self.closure,
        )

    def extend(
        self,
        outputs: int | ArrayLike = 0,
        inputs: int | ArrayLike = 0,
        *,
        variance: float = 0.0,
        rng: RngLike = None,
    ) -> Network:
        """Return the network with further outputs and inputs, its weights kept.

        Parameters
        ----------
        outputs : int or array_like, shape (k, r)
            Number of new outputs, or their rows of W2 in the kept hidden units.
        inputs : int or array_like, shape (r, k)
            Number of new inputs, or their columns of W1.
        variance : float
            Variance of new weights that are not given; zero by default, which keeps
            the balance matrix (and with it an exact closed form) as it is.
        rng : int, SeedSequence, Generator, BitGenerator or None
            Root of the stream of new weights.

        Returns
        -------
        Network
            Of shape (d_out + k, d_in + k'), of the same width.

        Raises
        ------
        TypeError, ValueError
            When an argument is out of its range, or a shape does not match.
        MemoryError
            When the network would not fit.

        Notes
        -----
        New random weights of a network wider than the units kept reach beyond these;
        they are drawn with as many further units as it takes, exactly in law (Bartlett,
        theory §2). The way back to the user's own units is then lost. They are drawn in
        the units kept: for the same `rng`, networks that differ by a rotation of these
        get other new weights, of the same law.

        Examples
        --------
        >>> import linflow as lf
        >>> network = lf.Balanced(width=2, lam=1.0).sample((2, 3), rng=0)
        >>> wider = network.extend(outputs=2)
        >>> wider.shape, lf.is_balanced(wider, lam=1.0)
        ((4, 3), True)
        """
        units = self.W1.shape[0]
        variance = validate.real("variance", variance, at_least=0)
        rows = _new_weights("outputs", outputs, units, variance, transposed=False)
        columns = _new_weights("inputs", inputs, units, variance, transposed=True)
        count1 = 0 if np.ndim(inputs) else len(columns)
        count2 = 0 if np.ndim(outputs) else len(rows)
        width, further = self.width, np.zeros((count1 + count2, 0))
        if variance > 0 and count1 + count2 > 0:
            width, new, further = self._draw_more(count1, count2, variance, rng)
            columns = new[:count1] if count1 else columns
            rows = new[count1:] if count2 else rows
        X = _bordered(self.W1.T, columns, further[:count1])
        Y = _bordered(self.W2, rows, further[count1:])
        same = not columns.any() and not rows.any() and not further.any()
        balanced = self.law is not None and self.law.mu == 0
        return Network(
            X.T,
            Y,
            width=width,
            law=self.law if same and balanced else None,
            basis=None if further.size else self.basis,
            closure=self.closure,
        )

    def _draw_more(
        self, count1: int, count2: int, variance: float, rng: RngLike
    ) -> tuple[float, Array, Array]:
        """Draw weights of new inputs and outputs, one row each.

        Returns the width, the weights of the kept units, and those of further ones.
        """
        (d_out, d_in), units = self.shape, self.W1.shape[0]
        key = (d_out, d_in, self.width, variance, count1, count2)
        stream = streams.root(rng).stream(streams.Purpose.EXTENSION, *key)
        generator = np.random.default_rng(stream)
        new = generator.standard_normal((count1 + count2, units))
        width = core.realised_width(self.width, d_in + count1, d_out + count2)
        further = _beyond(generator, count1 + count2, width - units)
        return width, np.sqrt(variance) * new, np.sqrt(variance) * further

    def __repr__(self) -> str:
        d_out, d_in = self.shape
        kept = self.W1.shape[0]
        return f"Network({d_out} x {d_in}, width {self.width:.15g}, {kept} units kept)"


def check_memory(shape: tuple[int, int], units: float, copies: int) -> None:
    """Refuse a network that would not fit in so many copies, held at its peak."""
    d_out, d_in = shape
    validate.memory(
        f"a {d_out} x {d_in} network of {units:.15g} units",
        8.0 * copies * units * (d_in + d_out),
        "give a smaller shape",
    )


def check_law(value: Any) -> Law | None:
    """Return the levels of a law, from a pair (lam, mu) too."""
    if value is None:
        return None
    try:
        lam, mu = value
    except (TypeError, ValueError):
        message = f"law must be a pair (lam, mu), or None, not {value!r}"
        raise TypeError(message) from None
    return Law(validate.real("law.lam", lam), validate.real("law.mu", mu, at_least=0))


def _new_weights(
    name: str, value: int | ArrayLike, units: int, variance: float, *, transposed: bool
) -> Array:
    """Return new weights, one row each: zeros for a number of them."""
    if np.ndim(value) == 0:
        count = validate.integer(name, value, at_least=0)
        kept = units + (count if variance > 0 else 0)
        validate.memory(f"{name}={count} more", 32.0 * count * kept, f"lower {name}")
        return np.zeros((count, units))
    shape = (units, None) if transposed else (None, units)
    weights = validate.matrix(name, value, shape=shape)
    return weights.T if transposed else weights


def _bordered(old: Array, new: Array, further: Array) -> Array:
    """Return rows of weights with new ones below; those of further units on the right.

    `further` belongs to the last rows.
    """
    units = old.shape[1]
    out = np.zeros((len(old) + len(new), units + further.shape[1]))
    out[: len(old), :units] = old
    out[len(old) :, :units] = new
    out[len(out) - len(further) :, units:] = further
    return out


def _beyond(generator: np.random.Generator, count: int, dimension: float) -> Array:
    """Return `count` rows of N(0, 1) in that many dimensions, up to a rotation."""
    kept = int(min(count, max(dimension, 0)))
    L = np.tril(generator.standard_normal((count, kept)), -1)
    freedom = dimension - np.arange(kept)
    L[np.arange(kept), np.arange(kept)] = np.sqrt(generator.chisquare(freedom))
    return L
