"""Polynomials through nested nodes, against the functions that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from linflow._core import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from linflow._core import Array

THETAS = [0.0, *np.linspace(0.003, 0.997, 60).tolist(), 0.25, 0.5, 0.75, 1.0]


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[[float], Array]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, theta: float) -> Array:
        """Return the function's value."""
        self.calls += 1
        return self.function(theta)


def smooth(theta: float, pace: float = 1.0) -> Array:
    t = pace * theta
    return np.array([np.exp(-3.0 * t), 2.0 + np.cos(2.0 * t), theta])


def bump(theta: float, at: float) -> Array:
    values = smooth(theta, 0.1)
    values[0] += np.exp(-(((theta - at) / 0.01) ** 2))
    return values


@pytest.mark.parametrize(
    ("pace", "tolerance"), [(1.0, 1e-2), (1.0, 1e-4), (0.3, 1e-6), (0.1, 1e-9)]
)
def test_smooth_functions_within_the_tolerance(pace: float, tolerance: float) -> None:
    look = Counted(lambda theta: smooth(theta, pace))
    found = nodes.interpolate(look, THETAS, tolerance)
    assert found is not None
    exact = np.transpose([smooth(theta, pace) for theta in THETAS])
    errors = np.linalg.norm(found - exact, axis=0)
    assert errors.max() < tolerance
    assert errors[[0, -3, -1]].max() < 1e-14  # at nodes
    assert look.calls < len(THETAS) / 2


@pytest.mark.parametrize("at", [0.25, 0.75])
def test_what_only_the_checks_see_is_seen(at: float) -> None:
    assert nodes.interpolate(lambda theta: bump(theta, at), THETAS, 1e-2) is None


def test_a_polynomial_that_the_checks_alone_would_pass() -> None:
    """Five nodes leave a remainder that is 0 at the checks; nine leave none."""
    five = (0.5 - 0.5 * np.cos(np.pi * np.arange(5) / 4)).tolist()
    remainder = np.poly1d(np.poly([*five, 0.25, 0.75]))
    remainder *= 0.01 / np.abs(remainder(np.linspace(0, 1, 500))).max()
    rough = np.poly1d(np.poly([0.0, 0.5, 1.0]))  # beyond what three nodes take
    rough *= 0.03 / np.abs(rough(five)).max()

    def look(theta: float) -> Array:
        return np.array([theta + rough(theta) + remainder(theta)])

    found = nodes.interpolate(look, THETAS, 1e-3)
    assert found is not None
    exact = np.transpose([*map(look, THETAS)])
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-3)


def test_a_polynomial_that_only_the_last_level_gets_right() -> None:
    """Not given up before: errors square with twice the nodes, each time anew."""

    def look(theta: float) -> Array:
        return np.array([np.tanh(8.0 * (theta - 0.4))])

    counted = Counted(look)
    found = nodes.interpolate(counted, THETAS, 1e-3)
    assert found is not None
    assert counted.calls == 33 + 2
    exact = np.transpose([*map(look, THETAS)])
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-3)
    few = Counted(look)
    assert nodes.interpolate(few, THETAS[::4], 1e-3) is None  # 33 would not pay
    assert few.calls <= 7


def test_given_up_soon_where_it_is_hopeless() -> None:
    look = Counted(lambda theta: np.array([np.sin(1e3 * theta)]))
    assert nodes.interpolate(look, THETAS, 1e-3) is None
    assert look.calls <= 7


def test_no_more_nodes_than_half_of_the_points() -> None:
    for count in (1, 3):
        look = Counted(smooth)
        assert nodes.interpolate(look, THETAS[:count], 1e-2) is None
        assert look.calls <= 5


def test_where_a_vector_is_missing() -> None:
    def look(theta: float) -> Array | None:
        return smooth(theta) if theta in (0.0, 0.25, 0.5, 0.75, 1.0) else None

    assert nodes.interpolate(look, THETAS, 1e-2) is None
