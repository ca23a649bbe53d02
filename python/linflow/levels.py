"""The two-level condition: which starts the closed forms are exact for (theory §4).

With ``P = Q Q^T``, ``Q = [W1^T; W2]`` and ``J = diag(I, -I)`` the matrix ``X = P J``
keeps its spectrum under the flow: the eigenvalues of ``-B``,
``B = W2^T W2 - W1 W1^T``, and zeros. The closed form is exact where they take two
levels, ``x^2 + lam x - mu = 0``, and for mu = 0 every hidden unit in use is at
``x = -lam``: ``B = lam I`` there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from linflow import _validate as validate
from linflow.network import Law, Network, check_law

if TYPE_CHECKING:
    from linflow._core import Array

MOST_BLIND = 0.05
"""Of mu over lam^2: up to it one of the levels is next to 0."""


class Levels(NamedTuple):
    """Levels of a network, and how far it is from having them."""

    lam: float
    mu: float
    residual: float
    """``rho = |x^2 + lam x - mu| / |x^2|`` over the spectrum x of P J; conserved.

    Units in use may count more (`two_level`); infinite where x is zero throughout and
    they do not meet the levels."""
    exact: bool
    """Whether the residual is that of rounding errors alone."""

    @property
    def law(self) -> Law:
        """The two levels."""
        return Law(self.lam, self.mu)


def two_level(network: Network, law: Law | tuple[float, float] | None = None) -> Levels:
    """Return the two levels of a network and how well it meets them.

    Parameters
    ----------
    network : Network
        Any weights, any width; two layers.
    law : Law or (float, float), optional
        Levels (lam, mu >= 0) to hold it against; fitted by least squares otherwise.

    Returns
    -------
    Levels
        ``(lam, mu, residual, exact)``.

    Raises
    ------
    TypeError, ValueError
        When `network` is not a `Network` of two layers, or `law` no pair of levels.

    Notes
    -----
    Cost: a symmetric eigendecomposition of size min(width, d_in + d_out). Twice the
    residual times min(1, kappa / s_1*) estimates the error of `closed_form` in advance
    (theory §4). Where units at the level lam do not fill a side and mu is next to 0,
    others that are in use count ``|x + lam| max(|x|, |lam|)``: by being balanced alone
    they do not meet another level.

    Examples
    --------
    A single hidden neuron has two levels exactly, whatever its weights:

    >>> import linflow as lf
    >>> neuron = lf.Network([[3.0, 0.0]], [[1.0], [2.0]])
    >>> lam, mu, residual, exact = lf.two_level(neuron)
    >>> round(lam, 12), round(mu, 12), exact
    (-4.0, 0.0, True)
    """
    law = check_law(law)
    small = _two_layers(network).compress()
    n = sum(small.shape)
    x = np.zeros(n)
    units = small.W1.shape[0]
    x[:units], vectors = np.linalg.eigh(-small.balance)
    # Eigenvalues come with an absolute error of rounding in W^T W.
    rounding = 8 * np.finfo(float).eps * (np.sum(small.W1**2) + np.sum(small.W2**2))
    x[abs(x) <= rounding] = 0
    used = np.zeros(n, dtype=bool)
    used[:units] = _sizes(small, vectors) > rounding
    lam, mu = _fit(x) if law is None else (law.lam, law.mu)
    # Near 1, where fourth powers neither overflow nor underflow.
    largest = max(float(np.abs(x).max()), abs(lam), np.sqrt(mu))
    unit = np.ldexp(0.5, np.frexp(largest)[1])
    level, square = lam / unit, mu / unit / unit
    x, rounding = x / unit, rounding / unit
    defects = abs(x**2 + level * x - square)
    side = small.shape[0 if level > 0 else 1]
    at_level = np.count_nonzero(abs(x + level) <= abs(level) / 2)
    if square <= MOST_BLIND * level**2 and at_level < side:
        # (PJ)^2 + lam PJ is the sum of (x + lam) q q^T J over the units, q their
        # columns of Q: of one that is nearly balanced, a Jordan block of PJ at 0, its
        # size counts and not x. But units at -lam that fill one side learn without it.
        defects[used] = (np.maximum(abs(x), abs(level)) * abs(x + level))[used]
    defect = np.linalg.norm(defects)
    size = np.linalg.norm(x**2)
    slope = np.linalg.norm(2 * abs(x) + abs(level)) + np.sqrt(n) * rounding
    exact = bool(defect <= 4 * rounding * slope + 8 * np.finfo(float).eps * square * n)
    residual = float(defect / size) if size > 0 else (0.0 if exact else np.inf)
    return Levels(float(lam), float(mu), residual, exact)


def _two_layers(network: Any) -> Network:
    if not isinstance(network, Network) or len(network.layers) != 2:
        message = f"network must be a Network of two layers, not {network!r}"
        raise TypeError(message)
    return network


def _sizes(network: Network, vectors: Array) -> Array:
    """Return |W1^T v|^2 + |W2 v|^2 of hidden directions v, the columns."""
    first, second = network.W1.T @ vectors, network.W2 @ vectors
    sizes: Array = np.sum(first**2, axis=0) + np.sum(second**2, axis=0)
    return sizes


def _fit(x: np.ndarray) -> tuple[float, float]:
    """Least squares for x^2 + lam x - mu over lam and mu >= 0."""
    size = float(np.abs(x).max())
    if size == 0:
        return 0.0, 0.0
    y = x / size
    design = np.column_stack([y, -np.ones_like(y)])
    (lam, mu), *_ = np.linalg.lstsq(design, -(y**2), rcond=None)
    # A level at zero (unused directions) makes mu a rounding error.
    if mu <= 16 * np.finfo(float).eps * len(y):
        lam, mu = -np.sum(y**3) / np.sum(y**2), 0.0
    return float(lam) * size, float(mu) * size * size


def is_balanced(
    network: Network, lam: float | None = None, *, rtol: float = 1e-12
) -> bool:
    """Tell whether ``W2^T W2 - W1 W1^T = lam I`` on the network's hidden units.

    Parameters
    ----------
    network : Network
        The network, of two layers; `DeepNetwork.balances` has those of deeper ones.
    lam : float, optional
        The level; any when not given.
    rtol : float
        Tolerance relative to ``|W1|^2 + |W2|^2``.

    Returns
    -------
    bool

    Raises
    ------
    TypeError, ValueError
        When `network` is not a `Network` of two layers, or a number is out of its
        range.

    Examples
    --------
    >>> import linflow as lf
    >>> network = lf.Balanced(width=2, lam=0.5).sample((3, 4), rng=0)
    >>> lf.is_balanced(network), lf.is_balanced(network, lam=0.0)
    (True, False)
    """
    rtol = validate.real("rtol", rtol, at_least=0)
    balance = _two_layers(network).balance
    units = balance.shape[0]
    # Units that are not kept have balance zero: then no other level is possible.
    whole = network.width <= units
    if lam is None:
        level = float(np.trace(balance)) / units if whole else 0.0
    else:
        level = validate.real("lam", lam)
    if not whole and level != 0:
        return False
    size = float(np.sum(network.W1**2) + np.sum(network.W2**2))
    return bool(np.abs(balance - level * np.eye(units)).max() <= rtol * size)
