"""The figures of [DAP]: simulated points lie on the exact curves they are drawn on."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    import xarray as xr

# Exact and simulated variables, the coordinates that they share in part, tolerance.
PAIRS: dict[str, list[tuple[str, str, str, str, float]]] = {
    "kernel": [
        ("distance", "simulated_distance", "lam", "few_lam", 1e-4),
        ("curve_distance", "simulated_curve_distance", "time", "point", 1e-5),
        ("curve_error", "simulated_curve_error", "time", "point", 1e-6),
    ],
    "representations": [
        ("input_change", "simulated_input_change", "time", "point", 1e-5),
        ("output_change", "simulated_output_change", "time", "point", 1e-5),
    ],
    "continual": [
        ("errors", "simulated_errors", "time", "point", 1e-5),
        ("forgetting", "simulated_forgetting", "similarity", "few", 1e-4),
    ],
    "reversal": [
        ("error", "simulated_error", "time", "point", 1e-6),
        ("reversal_time", "simulated_reversal_time", "level", "few", 1e-2),
    ],
    "transfer": [
        ("error", "simulated_error", "time", "point", 1e-6),
        ("learning_time", "simulated_learning_time", "overlap", "few", 1e-3),
    ],
}


def at_points(data: xr.Dataset, name: str, coordinate: str, point: str) -> Any:
    """Return the exact values where there are simulated ones."""
    fine, coarse = data[coordinate].values, data[point].values
    where = [int(np.argmin(abs(fine - one))) for one in coarse]
    for i in range(1, len(coarse)):  # a change of task is there twice
        where[i] += coarse[i] == coarse[i - 1]
    np.testing.assert_allclose(fine[where], coarse, atol=1e-9)
    dim = data[coordinate].dims[0]
    return data[name].isel({dim: where}).values


@pytest.mark.parametrize("name", PAIRS)
def test_figure(name: str) -> None:
    module = importlib.import_module(f"linflow.figures.dap_{name}")
    assert f"dap-{name}" == module.NAME
    assert "\n" not in module.SUMMARY
    figure, data = module.draw(rng=1)
    figure.savefig(io.BytesIO(), dpi=40)
    for exact, simulated, coordinate, point, tolerance in PAIRS[name]:
        expected = at_points(data, exact, coordinate, point)
        assert float(np.ptp(expected)) > 0.1
        np.testing.assert_allclose(data[simulated], expected, rtol=0, atol=tolerance)
    for ax in figure.axes:
        assert ax.get_xlabel()


def test_what_the_figures_are_to_show() -> None:
    """The balanced network is stuck; features are reused; forgetting is the formula."""
    from linflow.figures import dap_continual, dap_reversal, dap_transfer

    _, reversal = dap_reversal.draw(rng=2)
    zero = dap_reversal.MODES / dap_reversal.DIMENSION**2
    stuck = reversal.simulated_error.sel(lam=0.0)[-1]
    assert float(stuck) == pytest.approx(zero, rel=1e-6)
    assert float(reversal.simulated_error.sel(lam=1e-4)[-1]) < 1e-3 * zero
    _, transfer = dap_transfer.draw(rng=2)
    assert np.isfinite(transfer.learning_time).all()
    assert float(transfer.learning_time[-1]) < 0.5 * transfer.attrs["scratch_time"]
    _, continual = dap_continual.draw(rng=2)
    rho = continual.similarity
    np.testing.assert_allclose(continual.forgetting, 2 - 2 * rho, atol=1e-12)
