"""Observables of networks and runs: kernel, representations, movement of the weights.

Everything about the kernel follows from the Gram matrices ``C1 = W1^T W1`` and
``C2 = W2 W2^T`` in O(d^2), whatever the width. The functions take a `Network`, a pair
``(C1, C2)`` (with any axes in front), or a `Trajectory` of any dynamics made with
``save_gram=True``, closed forms included.
"""

from __future__ import annotations

from linflow.observables.kernel import (
    KernelOperator,
    kernel,
    kernel_distance,
    kernel_movement,
    kernel_operator,
)
from linflow.observables.representation import (
    input_representation,
    output_representation,
    representation_change,
    similarity,
)
from linflow.observables.weights import weight_movement

__all__ = [
    "KernelOperator",
    "input_representation",
    "kernel",
    "kernel_distance",
    "kernel_movement",
    "kernel_operator",
    "output_representation",
    "representation_change",
    "similarity",
    "weight_movement",
]
