"""The published experiment in PyTorch as it is written: full width, an SVD per step."""

from __future__ import annotations

import time

import torch


def seconds_per_step(d: int, width: int, steps: int) -> float:
    """Return the seconds of a step of the uncompressed network in float32."""
    generator = torch.Generator().manual_seed(0)
    W1 = torch.randn(width, d, generator=generator) * width**-0.5
    W2 = torch.randn(d, width, generator=generator) * width**-0.5
    truth = torch.randn(d, d, generator=generator)
    target = truth + torch.randn(d, d, generator=generator)
    eta, errors = 1e-6, []
    start = 0.0
    for step in range(steps + 1):
        if step == 1:  # the first one warms up
            start = time.perf_counter()
        A = W2 @ W1
        G = A - target
        values = torch.linalg.svdvals(A)
        errors.append(
            (float((G**2).mean()), float(((A - truth) ** 2).mean()), float(values[0]))
        )
        W1 -= eta * (W2.T @ G)
        W2 -= eta * (G @ W1.T)  # with the new W1, as published
    return (time.perf_counter() - start) / steps
