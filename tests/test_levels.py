"""The two-level condition, and lambda-balanced starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf
import reference_riccati as ref
from linflow._core import levels as core

LAMS = [-50.0, -3.0, -1e-9, 0.0, 1e-9, 0.5, 2.0, 50.0]
SHAPES = [(3, 5), (5, 3), (1, 4), (4, 1), (3, 3)]


@pytest.mark.parametrize("lam", LAMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_balanced_network_that_exists(lam: float, shape: tuple[int, int]) -> None:
    d_out, d_in = shape
    limit = d_out if lam > 0 else d_in if lam < 0 else 10**9
    for width in (1, 2, 3, 4, 5, d_in + d_out, d_in + d_out + 3, 1e6):
        init = lf.Balanced(width, lam=lam, size=0.3)
        if width > limit:
            name = "d_out" if lam > 0 else "d_in"
            with pytest.raises(ValueError, match=f"width must be at most {name} = "):
                init.sample(shape, rng=0)
            continue
        network = init.sample(shape, rng=0)
        assert network.width == width
        assert network.W1.shape[0] == min(width, d_in + d_out)
        size = np.sum(network.W1**2) + np.sum(network.W2**2)
        gap = network.balance - lam * np.eye(len(network.balance))
        assert np.abs(gap).max() <= 1e-13 * size
        assert lf.is_balanced(network)
        assert lf.is_balanced(network, lam=lam)
        assert not lf.is_balanced(network, lam=lam + 1.0)
        levels = lf.two_level(network)
        assert levels.exact
        assert levels.lam == pytest.approx(lam, abs=1e-12 * size)
        assert levels.mu == pytest.approx(0, abs=1e-12 * size**2)
        assert lf.two_level(network, network.law).exact


def test_prescribed_and_random_singular_values() -> None:
    for lam, shape, width in ((0.7, (4, 3), 4), (-50.0, (3, 5), 2), (0.0, (4, 4), 20)):
        modes = min(width, *shape)
        for prescribed in ([0.1, 0.5][:modes], [0.0], [2.0] * modes):
            network = lf.Balanced(width, lam=lam, size=prescribed).sample(shape, rng=0)
            values = np.linalg.svd(network.product, compute_uv=False)
            expected = np.zeros(min(shape))
            expected[: len(prescribed)] = sorted(prescribed, reverse=True)
            np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-13)
    # Factors and values are drawn from the stream of `rng` alone.
    one, same, other = (
        lf.Balanced(3, lam=0.1, size=0.5).sample((4, 3), rng=seed).product
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize(
    ("words", "shape", "error", "match"),
    [
        (
            {"width": 4, "lam": 1.0},
            (3, 9),
            ValueError,
            "at most d_out = 3 when lam > 0",
        ),
        (
            {"width": 4, "lam": -1.0},
            (9, 3),
            ValueError,
            "at most d_in = 3 when lam < 0",
        ),
        ({"width": 1e9, "lam": 1e-9}, (3, 3), ValueError, "W2.T W2 of that rank"),
        ({"width": 2, "size": [1.0] * 3}, (3, 3), ValueError, "at most min.width"),
        ({"width": 2, "size": [-1.0]}, (3, 3), ValueError, "size must be"),
        ({"width": 2, "size": -1.0}, (3, 3), ValueError, "size must be"),
        ({"width": 2, "size": [np.nan]}, (3, 3), ValueError, "size must be"),
        ({"width": 2, "size": 1e200}, (3, 3), ValueError, "size must be at most 1e"),
        ({"width": 2, "size": 1j}, (3, 3), TypeError, "size must be"),
        ({"width": 0}, (3, 3), ValueError, "width must be"),
        ({"width": 2, "lam": np.inf}, (3, 3), ValueError, "lam must be"),
        ({"width": 2, "lam": 1j}, (3, 3), TypeError, "lam must be"),
    ],
)
def test_balanced_refuses_with_the_reason(
    words: dict[str, Any],
    shape: tuple[int, int],
    error: type[Exception],
    match: str,
) -> None:
    with pytest.raises(error, match=match.replace("W2.T", r"W2\^T")):
        lf.Balanced(**words).sample(shape, rng=0)


def test_two_level_of_wide_networks(rng: np.random.Generator) -> None:
    """The self-consistent start has the two levels of its law; a draw comes close."""
    for lam, kappa in ((0.0, 0.3), (0.5, 0.3), (-2.0, 5.0)):
        Q = ref.self_consistent_start(0.2 * rng.normal(size=(4, 3)), lam, kappa)
        levels = lf.two_level(lf.Network(Q[:3].T, Q[3:]))
        assert levels.exact
        assert levels.lam == pytest.approx(lam, abs=1e-12)
        assert levels.mu == pytest.approx(kappa**2 - lam**2 / 4, rel=1e-12)
    residuals = []
    for width in (1e2, 1e4, 1e6):
        network = lf.Gaussian(width, (1 / width, 2 / width)).sample((4, 3), rng=0)
        levels = lf.two_level(network)
        assert not levels.exact
        assert levels.lam == pytest.approx(1, abs=20 / np.sqrt(width))
        residuals.append(levels.residual)
    np.testing.assert_allclose(np.diff(np.log10(residuals)), -1, atol=0.3)


def test_residual_is_conserved_by_the_flow(rng: np.random.Generator) -> None:
    T = rng.normal(size=(4, 3))
    W1, W2 = 0.5 * rng.normal(size=(6, 3)), 0.5 * rng.normal(size=(4, 6))
    before = lf.two_level(lf.Network(W1, W2))
    after = lf.two_level(lf.Network(*ref.weights(T, W1, W2, [3.0])[0]))
    assert not before.exact
    np.testing.assert_allclose(after[:3], before[:3], rtol=1e-9)


@pytest.mark.parametrize("shape", [(4, 3), (3, 7), (1, 1)])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.2, 3.0), (3.0, 0.2)])
def test_levels_from_traces_are_those_from_eigenvalues(
    shape: tuple[int, int], scales: tuple[float, float], rng: np.random.Generator
) -> None:
    """What plans the splitting, by power sums; also where mu is cut off at 0."""
    found = []
    for units in (sum(shape), sum(shape) + 5, 1000):
        W1 = scales[0] * rng.normal(size=(units, shape[1])) / np.sqrt(units)
        W2 = scales[1] * rng.normal(size=(shape[0], units)) / np.sqrt(units)
        levels = lf.two_level(lf.Network(W1, W2))
        found.append(levels.mu)
        ours = core.fitted_levels(W1.T, W2)
        np.testing.assert_allclose(ours[:2], levels[:2], rtol=1e-9, atol=1e-12)
        # The square of the residual is a difference. That of `two_level` may be more.
        x = np.linalg.eigvalsh(W1 @ W1.T - W2.T @ W2)
        x = x[np.argsort(-abs(x))][: sum(shape)]
        off = np.linalg.norm(x**2 + levels.lam * x - levels.mu)
        residual = off / np.linalg.norm(x**2)
        assert ours[2] ** 2 == pytest.approx(residual**2, rel=1e-9, abs=1e-13)
        assert residual <= levels.residual * (1 + 1e-9) + 1e-12
    assert max(found) > 0 or scales != (1.0, 1.0)


def test_one_level_from_traces() -> None:
    """Of a balanced network, which leaves mu = 0 and directions at zero."""
    for lam in (0.7, -0.7):
        network = lf.Balanced(2, lam=lam, size=0.3).sample((4, 5), rng=0)
        found = core.fitted_levels(network.W1.T, network.W2)
        np.testing.assert_allclose(found, [lam, 0.0, 0.0], atol=1e-7)


@pytest.mark.parametrize("size", [1e-70, 1e-45, 1e39, 1e70])
def test_levels_scale(size: float, rng: np.random.Generator) -> None:
    """As squares of the weights, whatever their units; beyond, fourth powers are."""
    W1, W2 = rng.normal(size=(6, 3)), rng.normal(size=(4, 6))
    one = lf.two_level(lf.Network(W1, W2))
    other = lf.two_level(lf.Network(size * W1, size * W2))
    given = lf.two_level(lf.Network(size * W1, size * W2), other.law)
    expected = one.lam * size**2, one.mu * size**4, one.residual
    for levels in (other, given):
        np.testing.assert_allclose(levels[:3], expected, rtol=1e-9)
        assert not levels.exact


@pytest.mark.parametrize("lam", [0.3, 1.5, -4.0])
@pytest.mark.parametrize("size", [1e-3, 0.5, 2.0])
@pytest.mark.parametrize("off", [0.0, 1e-12, -1e-12, 1e-6, -1e-6, 1e-3, -1e-3])
def test_balanced_units_beside_unbalanced_ones(
    lam: float, size: float, off: float
) -> None:
    """Their balance is next to 0, where x^2 + lam x is, and yet is another level."""
    first, second = np.sqrt(np.maximum([-lam, lam], 0) + 0.5)
    more = size * np.sqrt(1 + off)
    network = lf.Network(np.diag([first, size]), np.diag([second, more]))
    task = lf.Task([[2.0, 1.0], [-1.0, 1.0]])
    times = np.linspace(0, 4, 9)
    closure = lf.closed_form(task, network, times=times, save_product=True)
    flow = lf.gradient_flow(
        task, network, times=times, rtol=1e-9, method="dop853", save_product=True
    )
    assert closure.product is not None
    assert flow.product is not None
    error = np.linalg.norm(closure.product - flow.product, axis=(1, 2)).max()
    error /= max(np.linalg.norm(task.target), np.linalg.norm(network.product))
    assert closure.exact is False
    assert closure.error_bound is not None
    assert 1e-5 < error < closure.error_bound
    # Given levels are judged alike; a unit that is not in use meets any.
    balanced = lf.Network(size * np.eye(2), size * np.eye(2))
    assert lf.two_level(balanced).exact
    assert not lf.two_level(balanced, (lam, 0.0)).exact
    unused = np.diag([1.0, 0.0])
    levels = lf.two_level(lf.Network(first * unused, second * unused))
    assert levels.exact
    assert levels.lam == pytest.approx(lam)


@pytest.mark.parametrize("tiny", [3e-8, 5e-8, 1e-7])
@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 2)])
def test_units_at_the_level_that_fill_a_side(
    shape: tuple[int, int], tiny: float
) -> None:
    """What is left beside them is rounding; without one of them it is not."""
    d_out, d_in = shape
    rng = np.random.default_rng(0)
    side = min(shape)
    lam = 1.5 if d_out <= d_in else -1.5
    full = lf.Balanced(side, lam=lam, size=0.5).sample(shape, rng=0)
    W1 = np.vstack([full.W1[:side], tiny * rng.normal(size=(1, d_in))])
    W2 = np.hstack([full.W2[:, :side], tiny * rng.normal(size=(d_out, 1))])
    assert lf.two_level(lf.Network(W1, W2)).residual < 1e-6
    few = lf.Network(np.vstack([W1[:1], W1[-1:] / tiny]), W2[:, [0, -1]])
    assert lf.two_level(few).residual > 1e-3


def test_wide_weights_are_compressed_first(rng: np.random.Generator) -> None:
    W1, W2 = rng.normal(size=(50, 3)), rng.normal(size=(2, 50))
    wide = lf.Network(W1, W2)
    np.testing.assert_allclose(
        lf.two_level(wide)[:3], lf.two_level(wide.compress())[:3], rtol=1e-10
    )


def test_is_balanced_needs_all_units(rng: np.random.Generator) -> None:
    """A level on the kept units of a wider network is not one on all of them."""
    kept = lf.Balanced(2, lam=0.5).sample((3, 4), rng=0)
    wider = lf.Network(kept.W1, kept.W2, width=10)
    assert lf.is_balanced(kept)
    assert not lf.is_balanced(wider)
    random = lf.Network(rng.normal(size=(3, 4)), rng.normal(size=(3, 3)))
    assert not lf.is_balanced(random)
    assert lf.is_balanced(random, rtol=10.0)


def test_bad_input() -> None:
    for function in (lf.two_level, lf.is_balanced):
        with pytest.raises(TypeError, match="network must be a Network"):
            function(np.eye(3))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a Network of two layers, not Deep"):
            function(lf.DeepNetwork([np.eye(2)] * 3))
    network = lf.Balanced(2).sample((3, 3), rng=0)
    assert lf.two_level(network, (1.0, 0.5)) == lf.two_level(network, lf.Law(1.0, 0.5))
    assert lf.two_level(network, (1.0, 0.5)).residual == np.inf
    with pytest.raises(TypeError, match="law must be a pair"):
        lf.two_level(network, 0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rtol must be"):
        lf.is_balanced(network, rtol=-1)
    with pytest.raises(ValueError, match="lam must be"):
        lf.is_balanced(network, lam=np.nan)
