"""Gram matrices C1 = W1^T W1 and C2 = W2 W2^T of a run at its save points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linflow._core import Array
    from linflow._options import Stepped
    from linflow.network import Law


def unpack(flat: Array, shapes: Sequence[tuple[int, int]]) -> tuple[Array, ...]:
    """Return matrices (time, rows, columns) from the core's rows of numbers.

    Each row of `flat` holds the matrices one after the other, column by column.
    """
    blocks, start = [], 0
    for rows, columns in shapes:
        block = flat[:, start : start + rows * columns]
        blocks.append(block.reshape(-1, columns, rows).transpose(0, 2, 1))
        start += rows * columns
    return tuple(blocks)


def check(layers: Sequence[Array]) -> None:
    """Refuse a network of more than two layers."""
    if len(layers) != 2:
        message = (
            f"save_gram must be False for a network of {len(layers)} layers, which "
            "does not act through two Gram matrices; save_weights keeps all layers"
        )
        raise ValueError(message)


def of_weights(weights: Sequence[Array]) -> tuple[Array, Array]:
    """Return C1 and C2 of two layers, with whatever axes stand in front."""
    W1, W2 = weights
    with np.errstate(over="ignore", invalid="ignore"):  # of a run that diverged
        return np.swapaxes(W1, -1, -2) @ W1, W2 @ np.swapaxes(W2, -1, -2)


def fields(
    record: dict[str, Any],
    shapes: Sequence[tuple[int, int]],
    options: Stepped,
    *,
    transposed: bool = False,
) -> dict[str, Any]:
    """Return the fields of a trajectory that a record's weights give.

    `shapes` are those of the matrices in the record, the first of which is W1^T where
    `transposed`.
    """
    if not (options.save_weights or options.save_gram):
        return {}
    weights = unpack(record["weights"], shapes)
    if transposed:
        weights = (np.swapaxes(weights[0], 1, 2), *weights[1:])
    out: dict[str, Any] = {"weights": weights} if options.save_weights else {}
    if options.save_gram:
        out["input_gram"], out["output_gram"] = of_weights(weights)
    return out


def of_products(products: Array, law: Law) -> tuple[Array, Array]:
    """Return C1 and C2 that the self-consistent formula gives for each A (theory §4).

    ``C1 = (kappa - lam/2) I + V diag(f) V^T``, ``C2 = (kappa + lam/2) I + U diag(f)
    U^T`` with ``f = sqrt(s^2 + kappa^2) - kappa`` taken without cancellation.
    """
    U, s, Vt = np.linalg.svd(products, full_matrices=False)
    kappa = law.kappa
    large = np.hypot(s, kappa) + kappa
    f = np.divide(s**2, large, out=np.zeros_like(s), where=large > 0)
    C1 = (np.swapaxes(Vt, -1, -2) * f[..., None, :]) @ Vt
    C2 = (U * f[..., None, :]) @ np.swapaxes(U, -1, -2)
    C1 += (kappa - law.lam / 2) * np.eye(C1.shape[-1])
    C2 += (kappa + law.lam / 2) * np.eye(C2.shape[-1])
    return C1, C2


def bytes_needed(shape: tuple[int, int]) -> float:
    """Return the memory of C1 and C2 at one save point, in bytes."""
    return 8.0 * (shape[0] ** 2 + shape[1] ** 2)
