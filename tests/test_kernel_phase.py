"""The phase diagram of one-dimensional data, checked at widths of 100 to a million."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf
from linflow.parameterisation import EXPONENTS, Parameterisation

N = [1e2, 1e4, 1e6]


def test_kernel_change_approaches_the_predicted_phase_on_both_sides() -> None:
    """It falls like N^-2e on the kernel side, grows like N^e' on the other."""
    ratios = [-1.0, 0.0, 1.0]
    scales = np.linspace(-2, -0.5, 13)
    data = lf.kernel_phase_diagram(
        {"scale": scales, "variance_ratio": ratios}, N=N, seeds=2
    )
    e = data.laziness_exponent.values
    np.testing.assert_allclose(e, 1 + scales[:, None] + np.abs(ratios) / 2, atol=1e-12)
    np.testing.assert_array_equal(data.phase, e > 0)
    change = abs(data.simulated_kernel_change.transpose("N", "seed", ...).values)
    slope = np.log(change[2] / change[1]) / np.log(1e2)  # (seed, scale, ratio)
    feature = e < -0.2
    assert feature.sum() > 5
    wanted = np.broadcast_to(-e, slope.shape)
    np.testing.assert_allclose(slope[:, feature], wanted[:, feature], atol=0.02)
    # Up to e = 1/2; beyond, the output's own start of kappa / sqrt(N) shows.
    kernel = (e > 0.12) & (e < 0.4)
    assert kernel.sum() > 3
    np.testing.assert_allclose(slope[:, kernel], 2 * wanted[:, kernel], atol=0.05)
    assert change[2][:, e >= 0.5].max() < 1e-5
    assert change[2][:, e <= -0.5].min() > 100
    # On the line it stays what Lambda makes it.
    line = np.abs(e[:, 1]) < 1e-12
    np.testing.assert_allclose(change[2][:, line, 1], np.sqrt(2) - 1, rtol=0.01)


def test_simulation_agrees_with_the_exact_solution() -> None:
    data = lf.kernel_phase_diagram(
        {"rate_w": [-1, 0, 2.5], "variance_u": [-2, 1.0]},
        base=Parameterisation(width=0.8, scale=-0.4, variance=(-0.5, 0)),
        N=[1e2, 1e6],
        target=-3.0,
        rng=5,
    )
    np.testing.assert_allclose(
        data.simulated_kernel_change, data.kernel_change_then, rtol=1e-8, atol=1e-12
    )
    np.testing.assert_allclose(data.kernel_change_then, data.kernel_change, rtol=0.01)
    measured = np.log(data.laziness.sel(N=1e6) / data.laziness.sel(N=1e2)) / np.log(1e4)
    np.testing.assert_allclose(
        measured.isel(seed=0), data.laziness_exponent, atol=0.1
    )  # the smaller of two powers is still seen


@pytest.mark.parametrize("name", EXPONENTS)
def test_named_parameterisations_lie_in_their_phase(name: str) -> None:
    data = lf.kernel_phase_diagram({"width": [1.0]}, base=EXPONENTS[name], N=N)
    change = abs(data.simulated_kernel_change).values.ravel()
    if EXPONENTS[name].phase == "kernel":
        assert (np.diff(change) < 0).all()
        assert change[-1] < 1e-4
    else:
        np.testing.assert_allclose(change[-1], np.sqrt(2) - 1, rtol=0.02)


def test_fixed_width_is_no_kernel_phase() -> None:
    """A start as large as its kernel has to be unlearned, whatever Lambda is."""
    data = lf.kernel_phase_diagram(
        {"scale": [1.0]}, base=Parameterisation(width=0.0), N=[1e2, 1e6], seeds=3
    )
    assert data.laziness_exponent.item() == 1
    assert data.phase.item() == 0
    assert (abs(data.simulated_kernel_change.sel(N=1e6)) > 0.05).any()


def test_exact_alone_and_reproducible() -> None:
    axes = {"scale": [-1.0, 0.0]}
    one = lf.kernel_phase_diagram(axes, N=1e3, simulate=False, rng=7, seeds=2)
    two = lf.kernel_phase_diagram(axes, N=1e3, simulate=False, rng=7, seeds=2)
    assert one.identical(two)
    assert "simulated_kernel_change" not in one
    # A cell's network depends on its own settings and seed alone.
    more = lf.kernel_phase_diagram(
        {"scale": [-2.0, 0.0]}, N=[10, 1e3], rng=7, seeds=3, simulate=False
    )
    np.testing.assert_array_equal(
        one.kernel_change.sel(scale=0.0),
        more.kernel_change.sel(scale=0.0, N=[1e3])[:, :2],
    )


def test_varied_exponents() -> None:
    base = Parameterisation(variance=(0.5, -1), learning_rates=(1, 2))
    one = base.varied({"variance_ratio": 2.0, "rate_w": 3, "width": 2})
    assert one.variance == (0.75, -1.25)
    assert one.learning_rates == (3, 2)
    assert one.width == 2
    assert one.imbalance == 2 - 1
    assert one.size == base.size == -0.25


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"axes": {}}, TypeError, "axes must map one or more of"),
        ({"axes": {"depth": [1]}}, ValueError, r"axes must be one of \['width', 'sca"),
        ({"axes": {"scale": [1, 1]}}, ValueError, r"axes\['scale'\] must not repeat"),
        ({"axes": {"width": [-1.0]}}, ValueError, "width must be a real number >= 0"),
        ({"axes": {"width": [6.0]}}, ValueError, "width must be at most 1e"),
        ({"axes": {"scale": [200.0]}}, ValueError, "scale is 200: N = 100 to"),
        ({"base": "ntk"}, TypeError, "base must be a Parameterisation"),
        ({"N": [0.5]}, ValueError, "N must be at least 1, not 0.5"),
        ({"target": 0}, ValueError, "target must not be 0"),
        ({"seeds": 0}, ValueError, "seeds must be an integer >= 1"),
        ({"rng": -1}, ValueError, "rng must be a non-negative integer"),
    ],
)  # fmt: skip
def test_bad_input(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    good: dict[str, Any] = {"axes": {"scale": [0.0]}}
    with pytest.raises(error, match=message):
        lf.kernel_phase_diagram(**(good | arguments))
