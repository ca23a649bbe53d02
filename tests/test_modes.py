"""Single modes: against the textbook formula in many digits, limits, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf
import reference_riccati as ref
from linflow import modes

INF = np.inf


@pytest.mark.parametrize("kappa", [0, 1e-300, 1e-12, 1e-3, 1, 1e3, 1e12])
def test_curves(kappa: float) -> None:
    starts = np.array([0, 1e-200, 1e-8, 0.3, 5, -1e-8, -0.3, -5])
    targets = np.array([0, 1e-6, 1, 3, -2])
    times = np.array([0, 1e-8, 1e-2, 1, 10, 100]) / max(1, kappa)
    curves = modes.curves(times, starts[:, None], targets, kappa)
    assert curves.shape == (6, 8, 5)
    for i, t in enumerate(times):
        for j, s0 in enumerate(starts):
            for k, target in enumerate(targets):
                exact = ref.mode_mp(t, s0, target, kappa)
                # Across zero only an error relative to the way gone can be asked for.
                size = abs(exact)
                if s0 * target < 0:
                    size = max(size, abs(s0) * 1e-3)
                tolerance = 1e-12 * (1 + abs(target) * t) * size + 1e-300
                assert abs(curves[i, j, k] - exact) <= tolerance, (s0, target, t)


@pytest.mark.parametrize("start", [1e17, 1e80, 1e155, 1e200, 1e307])
@pytest.mark.parametrize("other", [(3.0, 1.0), (3.0, 0.0), (0.0, 2.0), (0.0, 0.0)])
def test_curves_from_far_away(start: float, other: tuple[float, float]) -> None:
    target, kappa = other
    times = sorted([0.0, 0.1 / start, 1e-100, 1e-17, 1e-3, 0.3, 2.0])
    for s0 in (start, -start):
        curve = modes.curves(times, s0, target, kappa)
        exact = [float(ref.mode_mp(t, s0, target, kappa)) for t in times]
        np.testing.assert_allclose(curve, exact, rtol=1e-13)
    assert modes.curves([INF], start, target, kappa)[0] == pytest.approx(target)
    level = target + 0.5
    time = modes.time_to_reach(level, start, target, kappa)
    assert modes.curves([time], start, target, kappa)[0] == pytest.approx(level)
    if target * kappa > 0:  # through zero
        time = modes.time_to_reach(1.0, -start, target, kappa)
        assert modes.curves([time], -start, target, kappa)[0] == pytest.approx(1.0)


def test_limits() -> None:
    ends = modes.curves([INF], [0.1, -0.1, 0.0], 2.0, 0.0)[0]
    assert ends.tolist() == [2.0, 0.0, 0.0]
    assert modes.curves([INF], 0.0, 2.0, 1e-9)[0] == pytest.approx(2.0)
    assert modes.curves([0.0, 1.0], 0.5, 2.0, INF).tolist() == [0.5, 2.0]
    # kappa -> 0 is logistic, kappa -> infinity exponential: [TAJ], theory §5.
    t, s0, target = np.linspace(0, 3, 20), 0.01, 1.5
    e = np.exp(2 * target * t)
    logistic = target * e / (e - 1 + target / s0)
    for kappa in (0.0, 1e-13):
        np.testing.assert_allclose(
            modes.curves(t, s0, target, kappa), logistic, rtol=1e-11
        )
    lazy = target + (s0 - target) * np.exp(-2 * t)
    np.testing.assert_allclose(modes.curves(t / 1e8, s0, target, 1e8), lazy, rtol=1e-7)


def test_time_to_reach() -> None:
    rng = np.random.default_rng(7)
    for _ in range(300):
        s0, target = rng.normal(size=2) * 10.0 ** rng.uniform(-6, 2, size=2)
        kappa = 10.0 ** rng.uniform(-6, 4)
        level = s0 + (target - s0) * rng.choice([1e-12, 1e-3, 0.5, 0.999])
        if level in (s0, target):
            continue
        exact = ref.mode_time_mp(level, s0, target, kappa)
        time = modes.time_to_reach(level, s0, target, kappa)
        assert abs(time - exact) <= 1e-12 * exact, (s0, level, target, kappa)
        back = modes.curves([float(time)], s0, target, kappa)[0]
        assert back == pytest.approx(level, rel=1e-9, abs=1e-9 * abs(s0 - level))


@pytest.mark.parametrize(
    ("level", "s0", "target", "kappa", "time"),
    [
        (1.0, 0.0, 2.0, 0.0, INF),  # balanced: zero is a saddle
        (2.0, 0.1, 2.0, 1.0, INF),  # the target itself
        (3.0, 0.1, 2.0, 1.0, INF),  # beyond it
        (0.05, 0.1, 2.0, 1.0, INF),  # behind the start
        (0.1, -0.1, 2.0, 0.0, INF),  # balanced: zero is not crossed
        (0.1, 0.1, 2.0, 1.0, 0.0),
    ],
)
def test_levels_never_reached(
    level: float, s0: float, target: float, kappa: float, time: float
) -> None:
    assert modes.time_to_reach(level, s0, target, kappa) == time


def test_crossing_time_and_regimes_agree() -> None:
    s0 = np.array([0.0, 0.5, 2.0, 0.0])
    target = np.array([3.0, 1.5, 0.5, 0.9])
    times = modes.crossing_time(s0, target, 1.0)
    codes = lf.regimes.classify_modes(s0, target, 1.0)
    np.testing.assert_array_equal(times == 0, codes == lf.regimes.ModeRegime.ACTIVE)
    np.testing.assert_array_equal(
        np.isinf(times), codes == lf.regimes.ModeRegime.LAZY_FOREVER
    )
    for i in (0, 1):
        at = modes.curves([times[i]], s0[i], target[i], 1.0)[0]
        assert at == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_array_equal(lf.regimes.mode_laziness(1.0, target), 1 / target)


def test_many_modes_broadcast() -> None:
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 3, size=10_000)
    curves = modes.curves(np.linspace(0, 4, 100), 0.01, target, 0.1)
    assert curves.shape == (100, 10_000)
    assert np.isfinite(curves).all()
    single = modes.curves(np.linspace(0, 4, 100), 0.01, target[17], 0.1)
    np.testing.assert_array_equal(curves[:, 17], single)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([1.0, 0.5], 0.1, 1.0, 1.0), ValueError, "times must not decrease"),
        (([-1.0], 0.1, 1.0, 1.0), ValueError, "times must be numbers >= 0"),
        (([1.0], 0.1, 1.0, -1.0), ValueError, "kappa must be >= 0, not -1"),
        (([1.0], np.nan, 1.0, 1.0), ValueError, "s0 must not be NaN"),
        (([1.0], 0.1, INF, 1.0), ValueError, "target must be finite"),
        (([1.0], 1j, 1.0, 1.0), TypeError, "s0 must be real numbers"),
        (([1.0], [0.1, 0.2], [1.0] * 3, 1.0), ValueError, "must broadcast"),
    ],
)
def test_bad_input(
    arguments: tuple[Any, ...], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        modes.curves(*arguments)
