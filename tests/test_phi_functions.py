"""Weights of exponential differencing, against confluent hypergeometric functions."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from linflow._core import phi_functions as core


@pytest.mark.parametrize(("float32", "rtol"), [(False, 2e-15), (True, 1e-6)])
@pytest.mark.parametrize("far", [0.0, 0.01, 0.5, 1.5, 1e6])
def test_phi_functions(far: float, float32: bool, rtol: float) -> None:
    """Of columns near 0, far from it, and mixed; three digits may cancel."""
    z = -(np.geomspace(1e-9, 30.0, 60) + far).astype(np.float32).astype(np.float64)
    z = np.append(z, 0.0) if far == 0 else z
    exact = [
        [float(mpmath.hyp1f1(1, k + 1, x) / mpmath.factorial(k)) for k in range(4)]
        for x in z.tolist()
    ]
    found = core.phi_functions(z, float32)
    smallest = float(np.finfo(np.float32 if float32 else np.float64).tiny)  # normal
    np.testing.assert_allclose(found, exact, rtol=100 * rtol, atol=smallest)
