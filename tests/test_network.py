"""Networks: compression, the Bartlett draw and its law, given weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import linflow as lf
import reference
from linflow import _streams as streams

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@settings(max_examples=60, deadline=None)
@given(shapes, st.integers(1, 60), st.integers(0, 1000))
def test_compression_keeps_everything(
    shape: tuple[int, int], width: int, seed: int
) -> None:
    d_out, d_in = shape
    rng = np.random.default_rng(seed)
    wide = lf.Network(rng.normal(size=(width, d_in)), rng.normal(size=(d_out, width)))
    small = wide.compress()
    assert small.W1.shape[0] == min(width, d_in + d_out)
    assert small.width == width
    np.testing.assert_allclose(small.gram, wide.gram, rtol=0, atol=1e-12 * width)
    np.testing.assert_allclose(small.product, wide.product, rtol=0, atol=1e-12 * width)
    if width > d_in + d_out:
        back = small.expand()
        np.testing.assert_allclose(back.W1, wide.W1, rtol=0, atol=1e-12)
        np.testing.assert_allclose(back.W2, wide.W2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [1, 3.4, 7.6, 8, 8.5, 9.25, 1e3, 1e15])
def test_draw_equals_numpy(width: float) -> None:
    d_out, d_in, variances = 3, 5, (0.7, 2.0)
    network = lf.Gaussian(width, variances).sample((d_out, d_in), rng=11)
    used = width if width >= 8 else round(width)
    assert network.width == used
    stream = streams.root(11).stream(
        streams.Purpose.NETWORK, d_out, d_in, used, *variances
    )
    expected = reference.bartlett(stream, d_in, d_out, used, variances)
    np.testing.assert_allclose(
        np.vstack([network.W1.T, network.W2]), expected, rtol=1e-15, atol=0
    )


@pytest.mark.parametrize("width", [6, 7, 40])
def test_law_of_the_draw(width: int) -> None:
    """Entries of P against direct draws of the wide network, two-sample KS test.

    With 4,000 draws the test has power against one degree of freedom too many at
    width 6 and 7 and against sigma in place of sigma^2; see the next test.
    """
    for name, (drawn, direct) in _entries(width, 4000).items():
        assert stats.ks_2samp(drawn, direct).pvalue > 1e-4, name
        for moment in (1, 2):
            a, b = drawn**moment, direct**moment
            error = np.hypot(a.std(), b.std()) / np.sqrt(len(a))
            assert abs(a.mean() - b.mean()) < 4.5 * error, (name, moment)


def test_law_test_has_power() -> None:
    """Draws with w + 1 degrees of freedom, and with sigma squared, are told apart."""
    right, wrong = _entries(6, 4000), _entries(7, 4000)
    assert stats.ks_2samp(right["C1"][0], wrong["C1"][0]).pvalue < 1e-4
    assert stats.ks_2samp(right["C1"][0], right["C2"][0]).pvalue < 1e-4


def _entries(width: int, count: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    d_out, d_in, variances = 2, 3, (0.5, 2.0)
    init = lf.Gaussian(width, variances)
    rng = np.random.default_rng(width)
    drawn, direct = [], []
    for seed in range(count):
        drawn.append(init.sample((d_out, d_in), rng=seed).gram)
        W1 = np.sqrt(variances[0]) * rng.standard_normal((width, d_in))
        W2 = np.sqrt(variances[1]) * rng.standard_normal((d_out, width))
        direct.append(lf.Network(W1, W2).gram)
    a, b = np.array(drawn), np.array(direct)
    places = {
        "C1": (0, 0),
        "C1 off": (0, 2),
        "C2": (4, 4),
        "A": (3, 0),
        "A last": (4, 2),
    }
    return {name: (a[:, i, j], b[:, i, j]) for name, (i, j) in places.items()}


def test_wide_networks_concentrate() -> None:
    network = lf.Gaussian(1e14, (2e-14, 1e-14)).sample((3, 4), rng=0)
    expected = np.diag([2.0] * 4 + [1.0] * 3)
    np.testing.assert_allclose(network.gram, expected, atol=1e-5)
    assert network.law is not None
    assert network.law.kappa == pytest.approx(1.5, rel=1e-14)
    assert network.law.lam == pytest.approx(-1.0, rel=1e-14)


def test_same_stream_for_every_grid() -> None:
    one = lf.Gaussian(50, 0.1).sample((4, 4), rng=3)
    two = lf.Gaussian(50, 0.1).sample((4, 4), rng=3)
    other = lf.Gaussian(50, 0.1).sample((4, 4), rng=4)
    np.testing.assert_array_equal(one.W1, two.W1)
    assert not np.array_equal(one.W1, other.W1)


def test_expand_with_a_basis_of_ones_own(rng: np.random.Generator) -> None:
    network = lf.Gaussian(100, 0.5).sample((2, 3), rng=0)
    basis, _ = np.linalg.qr(rng.normal(size=(20, 5)))
    wide = network.expand(basis)
    assert wide.W1.shape == (20, 3)
    np.testing.assert_allclose(wide.gram, network.gram, atol=1e-12)
    with pytest.raises(ValueError, match="basis must be given"):
        network.expand()
    with pytest.raises(ValueError, match="basis must have orthonormal columns"):
        network.expand(np.ones((20, 5)))


@pytest.mark.parametrize(
    ("width", "variance", "message"),
    [
        (0.5, 1.0, "width must be a real number >= 1, not 0.5"),
        (-3, 1.0, "width must be"),
        (np.nan, 1.0, "width must be"),
        (np.inf, 1.0, "width must be"),
        (1e16, 1.0, "width must be at most 1e\\+15"),
        ((), 1.0, "width must be a number, or one or more"),
        (10, -1.0, "variance must be a real number >= 0, not -1.0"),
        (10, (1.0, np.nan), "variance\\[1\\] must be"),
        (10, 1e160, "variance must be such that .* is finite, not .*1e.160"),
    ],
)
def test_bad_gaussian(width: float, variance: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lf.Gaussian(width, variance)


@pytest.mark.parametrize("init", [lf.Gaussian(1e9, 1.0), lf.Balanced(1e9)])
def test_shapes_that_do_not_fit_are_refused(init: lf.Gaussian | lf.Balanced) -> None:
    with pytest.raises(MemoryError, match=r"10000000000 network .* smaller shape"):
        init.sample((10**10, 10**10), 0)


@pytest.mark.parametrize("name", ["outputs", "inputs"])
@pytest.mark.parametrize(("count", "variance"), [(10**15, 0.0), (10**9, 1.0)])
def test_extensions_that_do_not_fit_are_refused(
    name: str, count: int, variance: float
) -> None:
    network = lf.Gaussian(1e9, 1.0).sample((3, 4), 0)
    with pytest.raises(MemoryError, match=f"{name}={count} .* lower {name}"):
        network.extend(**{name: count}, variance=variance)


def test_bad_weights() -> None:
    with pytest.raises(
        ValueError, match=r"W2 must have shape \(any x 3\), not \(2, 4\)"
    ):
        lf.Weights(np.ones((3, 2)), np.ones((2, 4)))
    with pytest.raises(TypeError, match=r"task must be a Task or a shape .* type list"):
        lf.Gaussian(3, 0.1).sample([[1, 2], [3]], rng=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="W1 must be finite; 1 of its 4"):
        lf.Weights([[1.0, np.nan], [1.0, 1.0]], np.ones((2, 2)))
    with pytest.raises(TypeError, match="real numbers, not of complex"):
        lf.Weights(np.ones((3, 2)) * 1j, np.ones((2, 3)))
    with pytest.raises(ValueError, match="the task needs"):
        lf.Weights(np.ones((3, 2)), np.ones((2, 3))).sample((4, 4))


def test_law() -> None:
    network = lf.Network(np.eye(2), np.eye(2), law=(1.0, 2.0))
    assert network.law is not None
    assert network.law.kappa == 1.5
    with pytest.raises(ValueError, match=r"law.mu must be a real number >= 0, not -1"):
        lf.Network(np.eye(2), np.eye(2), law=(0.0, -1.0))
    with pytest.raises(TypeError, match=r"law must be a pair \(lam, mu\), or None"):
        lf.Network(np.eye(2), np.eye(2), law=1.0)  # type: ignore[arg-type]


# ---- further outputs and inputs ------------------------------------------------------


def test_extend_keeps_what_is_there(rng: np.random.Generator) -> None:
    network = lf.Balanced(width=2, lam=-0.5).sample((3, 4), rng=0)
    rows, columns = rng.normal(size=(2, 2)), rng.normal(size=(2, 1))
    wider = network.extend(outputs=rows, inputs=columns)
    assert wider.shape == (5, 5)
    np.testing.assert_array_equal(wider.W2, np.vstack([network.W2, rows]))
    np.testing.assert_array_equal(wider.W1, np.hstack([network.W1, columns]))
    assert wider.law is None
    zeros = network.extend(outputs=1, inputs=2)
    assert zeros.shape == (4, 6)
    assert zeros.law == network.law
    assert lf.is_balanced(zeros, lam=-0.5)
    assert lf.Gaussian(100, 0.1).sample((2, 3), rng=0).extend(outputs=1).law is None


def test_extend_in_the_users_units(rng: np.random.Generator) -> None:
    wide = lf.Network(rng.normal(size=(40, 3)), rng.normal(size=(2, 40)))
    longer = wide.compress().extend(outputs=1).expand()
    np.testing.assert_allclose(longer.W1, wide.W1, atol=1e-12)
    np.testing.assert_array_equal(longer.W2[2], 0)


@pytest.mark.parametrize("width", [2, 5, 6, 1000.5])
def test_extend_draws_the_law_of_the_wide_network(width: float) -> None:
    """Moments of new weights over each other and over old ones, of any width."""
    start = lf.Gaussian(width, 0.5).sample((2, 3), rng=0)
    variance, draws = 0.25, 4000
    blocks = np.array(
        [start.extend(1, 1, variance=variance, rng=i).gram for i in range(draws)]
    )
    w, old = start.width, [0, 1, 2, 4, 5]
    np.testing.assert_allclose(blocks[0][np.ix_(old, old)], start.gram, atol=1e-9 * w)
    size = np.diag(start.gram)
    for new, other in ((3, 6), (6, 3)):
        square = blocks[:, new, new]  # variance chi^2_w
        assert square.mean() == pytest.approx(
            variance * w, rel=5 * (2 / w / draws) ** 0.5
        )
        assert square.var() == pytest.approx(2 * variance**2 * w, rel=0.3)
        cross = blocks[:, new, other]
        assert cross.var() == pytest.approx(variance**2 * w, rel=0.25)
        np.testing.assert_allclose(
            blocks[:, new, old].var(axis=0), variance * size, rtol=0.12
        )
    again = start.extend(1, 1, variance=variance, rng=7).gram
    np.testing.assert_array_equal(again, blocks[7])


def test_extend_bad_input() -> None:
    network = lf.Balanced(width=2).sample((3, 4), rng=0)
    with pytest.raises(ValueError, match="outputs must be an integer >= 0"):
        network.extend(-1)
    with pytest.raises(TypeError, match="inputs must be an integer"):
        network.extend(inputs=1.5)
    with pytest.raises(ValueError, match=r"outputs must have shape \(any x 2\)"):
        network.extend(np.ones((2, 3)))
    with pytest.raises(ValueError, match="variance must be a real number >= 0"):
        network.extend(1, variance=-1.0)
    with pytest.raises(AttributeError, match="two layers"):
        lf.Gaussian((4, 4), 0.1).sample((2, 2), rng=0).extend(1)
