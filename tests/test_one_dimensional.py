"""One-dimensional data: the exact solution against the network in full width."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf
from reference_one_dimensional import integrate

INF = float("inf")


@pytest.mark.parametrize("width", [1, 2, 3, 10, 100, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_against_integration(width: int, seed: int) -> None:
    """Random starts, learning rates, scales and moments; two input dimensions."""
    rng = np.random.default_rng([width, seed])
    sizes = 10 ** rng.uniform(-2, 0.5, 2) / np.sqrt(width)
    u, W = sizes[0] * rng.normal(size=width), sizes[1] * rng.normal(size=(width, 2))
    n = rng.normal(size=2)
    rates = tuple(10 ** rng.uniform(-1, 1, 2))
    scale = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-1, 1))
    settings: dict[str, Any] = {
        "second_moment": rng.uniform(0.2, 2),
        "cross_moment": rng.normal(),
        "learning_rates": rates,
        "scale": scale,
    }
    net = lf.OneDimensional(u, W, direction=n, **settings)
    kernels = net.solve([0, INF]).kernel
    times = np.linspace(0, 10 / kernels.sum() / net.second_moment, 8)
    run = net.solve(times)

    us, Ws = integrate(u, W, n, times, **settings)
    ws = Ws @ (n / np.linalg.norm(n))
    f = scale * (us * ws).sum(axis=1)
    u_norm, w_norm = np.linalg.norm(us, axis=1), np.linalg.norm(ws, axis=1)
    kernel = scale**2 * (rates[1] * w_norm**2 + rates[0] * u_norm**2)
    np.testing.assert_allclose(run.output, f, rtol=0, atol=1e-10 * abs(f).max())
    w_exact, u_exact = run.weights
    np.testing.assert_allclose(u_exact, us, rtol=0, atol=1e-10 * abs(us).max())
    np.testing.assert_allclose(w_exact, ws, rtol=0, atol=1e-10 * abs(ws).max())
    np.testing.assert_allclose(run.u_norm, u_norm, rtol=1e-10)
    np.testing.assert_allclose(run.w_norm, w_norm, rtol=1e-10)
    np.testing.assert_allclose(run.alignment, f / scale / u_norm / w_norm, atol=1e-10)
    np.testing.assert_allclose(run.kernel, kernel, rtol=1e-10)
    np.testing.assert_allclose(
        run.kernel_change,
        kernel / kernel[0] - 1,
        rtol=0,
        atol=1e-10 * max(1, (kernel / kernel[0]).max()),
    )
    loss = net.second_moment * f**2 - 2 * net.cross_moment * f
    loss += net.cross_moment**2 / net.second_moment
    np.testing.assert_allclose(run.loss, loss, rtol=0, atol=1e-9 * loss.max())
    # Only the component along the data moves.
    across = Ws @ np.array([-n[1], n[0]])
    np.testing.assert_allclose(across, np.broadcast_to(across[0], across.shape))


def test_it_is_the_closed_form_and_exact() -> None:
    net = lf.OneDimensional.random(
        50, (0.3, 0.01), rng=4, cross_moment=-1.5, learning_rates=(0.5, 3), scale=2
    )
    times = np.array([0, 0.1, 1, 3])
    run = lf.closed_form(
        net.task,
        net.network,
        times=2 * times,
        learning_rates=(0.5, 3),
        scale=2,
        save_product=True,
    )
    assert run.exact
    assert run.product is not None
    np.testing.assert_allclose(
        net.solve(times).output, run.product[:, 0, 0], rtol=1e-13
    )


def test_extreme_scales_stay_exact() -> None:
    """Far limits: logistic for a tiny start, exponential for a huge kernel."""
    small = lf.OneDimensional([1e-9, 0], [0, 1e-9])
    t = np.array([10.0, 20.0, 21.0])
    f = small.solve(t / 2).output  # the loss has no factor 1/2
    logistic = 1 / (1 + np.exp(-2 * t) / 0.5e-18)  # from kappa/2, which grows
    np.testing.assert_allclose(f, logistic, rtol=1e-8)
    huge = lf.OneDimensional([1e9, 0], [0, 1e9])
    t = np.array([0.0, 1e-19, 1e-18, 1e-17])
    np.testing.assert_allclose(
        huge.solve(t).output, -np.expm1(-2 * 2e18 * t), rtol=1e-13
    )
    wide = lf.OneDimensional.random(1e15, 1e-15, rng=0)
    assert wide.solve([INF]).output[0] == pytest.approx(1, rel=1e-14)
    assert wide.solve([INF]).kernel[0] == pytest.approx(2 * np.sqrt(2), rel=1e-6)


def test_balanced_and_opposed_is_stuck_at_the_saddle() -> None:
    stuck = lf.OneDimensional([0.5, -0.25], [-0.5, 0.25])
    run = stuck.solve([0, 1, 100, INF])
    assert stuck.kappa == 0
    assert (run.output <= 0).all()
    assert run.output[-1] == 0
    assert stuck.time_to_reach(0) == INF
    assert np.isnan(run.alignment[-1])
    np.testing.assert_allclose(run.alignment[:2], -1)
    w, u = run.weights
    np.testing.assert_allclose(u[2], -w[2])
    assert abs(u[3]).max() == 0
    # With more in one layer it gets through.
    freed = lf.OneDimensional([0.5, -0.25], [-0.6, 0.3])
    assert freed.solve([INF]).output[0] == pytest.approx(1)
    assert 0 < freed.time_to_reach(0) < INF


def test_time_to_reach() -> None:
    net = lf.OneDimensional(
        [0.5, -0.2], [-0.1, 0.9], second_moment=0.7, learning_rates=(0.2, 3), scale=-2,
        cross_moment=-1,
    )  # fmt: skip
    assert net.output > 0
    for level in (0.0, 0.1, -0.5 * abs(net.target)):
        f = net.solve([net.time_to_reach(level)]).output[0]
        assert f == pytest.approx(level, abs=1e-14)
    same = lf.OneDimensional([0.5], [0.2])
    assert same.time_to_reach(0.05) == INF  # it moves the other way
    assert same.time_to_reach(same.output) == 0


def test_mechanisms_of_a_reversal() -> None:
    """Disalignment down to zero, then alignment, rescaling throughout."""
    net = lf.OneDimensional.random(1000, 1e-3, rng=1, cross_moment=1.0)
    sign = 1.0 if net.output < 0 else -1.0
    net = lf.OneDimensional.random(1000, 1e-3, rng=1, cross_moment=sign)
    turn = net.time_to_reach(0)
    run = net.solve([0, 0.5 * turn, turn, 1.5 * turn, 10 * turn, INF])
    found = run.mechanisms
    np.testing.assert_array_equal(np.delete(found.stretch, 2), [0, 0, 1, 1, 1])
    assert found.disalignment_share[1] > 0.99
    assert found.alignment_share[1] == 0
    assert found.alignment_share[4] > 0.9
    for i, j in ((0, 1), (3, 4), (3, 5)):
        zeta = np.log(run.alignment[j] / run.alignment[i])
        size = np.log(run.u_norm[j] * run.w_norm[j] / run.u_norm[i] / run.w_norm[i])
        change = np.log(run.output[j] / run.output[i])
        turning = found.alignment[j] - found.disalignment[j]
        assert turning == pytest.approx(zeta, rel=1e-9)
        assert found.rescaling[j] == pytest.approx(size, rel=1e-7)
        shares = found.alignment_share[j] + found.disalignment_share[j]
        assert shares == pytest.approx(zeta / change, rel=1e-9)
        assert shares + found.rescaling_share[j] == pytest.approx(1, rel=1e-12)


def test_mechanisms_say_why_they_are_not_defined() -> None:
    still = lf.OneDimensional([1.0], [2.0], cross_moment=2.0)  # at the target
    found = still.solve([0, 1, INF]).mechanisms
    assert found.reason[0].startswith("the first time of its stretch")
    assert (
        found.reason[1]
        == found.reason[2]
        == ("the output has not changed since the stretch began")
    )
    zero = lf.OneDimensional([1.0, 0], [0, 1.0]).solve([0, 1, 2])
    assert zero.mechanisms.reason[0] == "the output is zero"
    assert zero.mechanisms.stretch.tolist() == [-1, 0, 0]
    assert zero.mechanisms.reason[2] == ""
    for values in (found, zero.mechanisms):
        empty = np.array([reason == "" for reason in values.reason])
        for name in ("alignment", "rescaling", "rescaling_share", "alignment_share"):
            np.testing.assert_array_equal(np.isfinite(getattr(values, name)), empty)


def test_starts_with_zero_layers() -> None:
    nothing = lf.OneDimensional([0.0, 0], [0.0, 0]).solve([0, 1, INF])
    np.testing.assert_array_equal(nothing.output, 0)
    assert np.isnan(nothing.kernel_change).all()
    assert np.isnan(nothing.alignment).all()
    one = lf.OneDimensional([0.0, 0], [1.0, 2], cross_moment=-1).solve([0, 1, INF])
    assert np.isnan(one.alignment[0])
    np.testing.assert_allclose(one.alignment[1:], -1)
    assert one.output[2] == pytest.approx(-1)
    unlearned = lf.OneDimensional([1.0, 2], [0.5, 1], cross_moment=0).solve([0, INF])
    assert unlearned.output[1] == 0
    assert unlearned.kernel_change[1] == pytest.approx(-0.4)
    assert unlearned.mechanisms.reason[1] == "the output is zero"


def test_a_single_neuron_learns_by_rescaling_alone() -> None:
    run = lf.OneDimensional([0.1], [0.3]).solve([0, 1, 2])
    np.testing.assert_allclose(run.alignment, 1)
    np.testing.assert_array_equal(run.mechanisms.rescaling_share[1:], 1)


def test_nothing_moves_in_the_kernel_regime() -> None:
    net = lf.OneDimensional.parameterised("ntk", 1e12, rng=0)
    run = net.solve([0, INF])
    assert abs(run.kernel_change[1]) < 1e-5
    assert abs(run.alignment).max() < 1e-5
    assert abs(run.u_norm[1] / run.u_norm[0] - 1) < 1e-5


def test_named_parameterisations_are_what_they_say() -> None:
    """Against entries drawn in full width."""
    rng = np.random.default_rng(0)
    w, d = 200_000, 3
    for name, sigmas, rates, scale in (
        ("standard", (d**-0.5, w**-0.5), (1, 1), 1),
        ("ntk", (d**-0.5, 1), (1 / d, 1), w**-0.5),
        ("mean-field", (d**-0.5, 1), (w / d, w), 1 / w),
        ("xavier", ((2 / (d + w)) ** 0.5, (2 / (w + 1)) ** 0.5), (1, 1), 1),
        ("kaiming", ((2 / d) ** 0.5, (2 / w) ** 0.5), (1, 1), 1),
    ):
        drawn = lf.OneDimensional.parameterised(name, w, d_in=d, rng=0)
        full = lf.OneDimensional(
            sigmas[1] * rng.normal(size=w),
            sigmas[0] * rng.normal(size=(w, d)),
            direction=np.ones(d),
            learning_rates=rates,
            scale=scale,
        )
        assert drawn.kappa == pytest.approx(full.kappa, rel=0.02)
        assert drawn.learning_rates == pytest.approx(full.learning_rates)
        assert drawn.width == w


def test_exponents_are_those_of_the_laziness_number() -> None:
    for name, one in lf.parameterisation.EXPONENTS.items():
        lazy = [
            lf.OneDimensional.parameterised(name, w, rng=0).laziness[0]
            for w in (1e9, 1e12)
        ]
        measured = np.log(lazy[1] / lazy[0]) / np.log(1e3)
        assert measured == pytest.approx(one.laziness, abs=1e-4)
    phases = {name: one.phase for name, one in lf.parameterisation.EXPONENTS.items()}
    assert phases == {
        "standard": "kernel",
        "ntk": "kernel",
        "mean-field": "feature",
        "xavier": "feature",
        "kaiming": "kernel",
    }
    tilted = lf.parameterisation.Parameterisation(
        width=0.7, scale=-0.2, variance=(-0.3, -1), learning_rates=(0.4, 1.2)
    )
    values = []
    for N in (1e6, 1e9):
        settings = tilted.at(N)
        net = lf.OneDimensional.random(
            settings.width,
            settings.variance,
            learning_rates=settings.learning_rates,
            scale=settings.scale,
            rng=0,
        )
        values.append(net.kappa)
    assert np.log(values[1] / values[0]) / np.log(1e3) == pytest.approx(
        tilted.laziness, abs=0.02
    )


def test_same_seed_same_network() -> None:
    one, two, other = (lf.OneDimensional.random(30, 0.1, rng=r) for r in (1, 1, 2))
    assert one.output == two.output != other.output


def test_to_xarray() -> None:
    run = lf.OneDimensional([0.5, -0.2], [0.1, 0.4]).solve([0, 1, 2])
    data = run.to_xarray()
    np.testing.assert_array_equal(data["output"], run.output)
    assert data.attrs["kappa"] == run.start.kappa
    reason = data["mechanism_reason"]  # f changes sign between the first two times
    meanings = reason.attrs["flag_meanings"].split()
    assert meanings[reason.values[2]] == "defined"
    assert meanings[reason.values[1]].startswith("the_first_time_of_its_stretch")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"second_moment": 0}, "second_moment must be a real number > 0, not 0.0"),
        ({"second_moment": -1.0}, "second_moment must be a real number > 0, not -1"),
        ({"cross_moment": np.nan}, "cross_moment must be a real number, not nan"),
        ({"learning_rates": (0, 1)}, "learning_rates must be > 0 here"),
        ({"scale": 0}, "scale must not be 0"),
        ({"w": [1.0, 2.0, 3.0]}, r"w must have shape \(2 x 1\), not \(3, 1\)"),
        ({"w": [[1.0], [2.0]]}, "direction must be given with a matrix w"),
        ({"w": [[1.0], [2.0]], "direction": [0.0]}, "direction must not be zero"),
        ({"w": [[1.0], [2.0]], "direction": [1, 2]}, "direction must have shape"),
        ({"w": [[1.0]], "direction": [1]}, r"w must have shape \(2 x any\)"),
        ({"direction": [1.0]}, "direction must be None with a vector w"),
        ({"u": []}, "u must not be empty"),
        ({"u": [1, np.inf]}, "u must be finite"),
        ({"u": [1e-200, 0]}, "u must be zero or between 1e-60 and 1e"),
        ({"w": [1e200, 0]}, "w must be zero or between 1e-60 and 1e"),
        ({"cross_moment": 1e300, "second_moment": 1e-300}, "the target, must be fin"),
        ({"u": 3.0}, "u must be one-dimensional"),
    ],
)
def test_bad_input(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"u": [1.0, 2.0], "w": [0.5, 0.5]}
    with pytest.raises(ValueError, match=message):
        lf.OneDimensional(**(good | arguments))


def test_more_bad_input() -> None:
    with pytest.raises(TypeError, match="u must be a matrix of real numbers"):
        lf.OneDimensional(["a"], [1.0])
    with pytest.raises(TypeError, match="second_moment must be a real number"):
        lf.OneDimensional([1.0], [1.0], second_moment="1")  # type: ignore[arg-type]
    net = lf.OneDimensional([1.0], [1.0])
    with pytest.raises(ValueError, match="times must not decrease"):
        net.solve([1, 0])
    with pytest.raises(ValueError, match=r"name must be one of \['standard', 'ntk'"):
        lf.OneDimensional.parameterised("mup", 10)
    with pytest.raises(TypeError, match=r"width must be a real number >= 1, not \(5,"):
        lf.OneDimensional.random((5, 5), 1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="width must be a real number >= 1"):
        lf.OneDimensional.parameterised("ntk", 0.5)
    with pytest.raises(ValueError, match="d_in must be a real number >= 1"):
        lf.OneDimensional.parameterised("ntk", 10, d_in=0)
    exponents = lf.parameterisation.Parameterisation
    with pytest.raises(ValueError, match="width must be a real number >= 0, not -1"):
        exponents(width=-1)
    with pytest.raises(TypeError, match="variance must be a pair of exponents"):
        exponents(variance=0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="N must be a real number > 0"):
        exponents().at(0)
