"""Deep networks: compression, laws, and the closed equations of balanced ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import linflow as lf
from reference_flow import relative

RNG = np.random.default_rng(3)


def orthogonal(n: int) -> Any:
    return np.linalg.qr(RNG.standard_normal((n, n)))[0]


def balanced(depth: int, d: int, size: float) -> tuple[list[Any], Any]:
    """Layers with W_{l+1}' W_{l+1} = W_l W_l' and their product."""
    frames = [orthogonal(d) for _ in range(depth + 1)]
    root = np.diag(size * np.geomspace(1, 0.3, d)) ** (1 / depth)
    root = np.diag(np.diag(root))
    layers = [frames[i + 1] @ root @ frames[i].T for i in range(depth)]
    product = layers[0]
    for layer in layers[1:]:
        product = layer @ product
    return layers, product


@pytest.mark.parametrize("depth", [3, 4])
def test_balanced_deep_flow_follows_its_closed_equation(depth: int) -> None:
    """A' = -sum_l (AA')^((L-l)/L) G (A'A)^((l-1)/L), to 1e-8."""
    layers, A0 = balanced(depth, 4, 0.3)
    target = RNG.standard_normal((4, 4))
    times = np.linspace(0, 3, 7)

    def rhs(_: float, y: Any) -> Any:
        U, s, Vt = np.linalg.svd(y.reshape(4, 4))
        G = y.reshape(4, 4) - target
        out = np.zeros((4, 4))
        for part in range(1, depth + 1):
            left = U * s ** (2 * (depth - part) / depth) @ U.T
            right = Vt.T * s ** (2 * (part - 1) / depth) @ Vt
            out -= left @ G @ right
        return out.ravel()

    solution = solve_ivp(
        rhs, (0, 3), A0.ravel(), "DOP853", times, rtol=1e-12, atol=1e-14
    )
    run = lf.gradient_flow(
        lf.Task(target), lf.Weights(*layers), times=times, rtol=1e-10, save_product=True
    )
    assert run.product is not None
    assert relative(run.product, solution.y.T.reshape(-1, 4, 4)) < 1e-8
    assert isinstance(run.network, lf.DeepNetwork)
    for balance in run.network.balances:
        assert np.abs(balance).max() < 1e-8


@pytest.mark.parametrize("depth", [3, 4])
def test_single_mode_equation(depth: int) -> None:
    """Single mode: s' = L s^(2 - 2/L) (s* - s)."""
    start = [np.array([[0.2 ** (1 / depth)]])] * depth
    solution = solve_ivp(
        lambda _, s: depth * s ** (2 - 2 / depth) * (1.5 - s),
        (0, 2),
        [0.2],
        "DOP853",
        rtol=1e-13,
        atol=1e-15,
    )
    run = lf.gradient_flow(
        lf.Task([[1.5]]), lf.Weights(*start), times=[2.0], rtol=1e-11
    )
    np.testing.assert_allclose(run.last_product[0, 0], solution.y[0, -1], rtol=1e-9)


def test_compression_changes_nothing() -> None:
    shapes = [(40, 3), (4, 40), (30, 4), (5, 30)]
    layers = [0.3 * RNG.standard_normal(shape) for shape in shapes]
    wide = lf.DeepNetwork(layers)
    small = wide.compress()
    assert [layer.shape[0] for layer in small.layers] == [7, 4, 9, 5]
    assert small.widths == (40, 4, 30)
    np.testing.assert_allclose(small.product, wide.product)
    task = lf.Task(RNG.standard_normal((5, 3)))
    narrow = lf.gradient_descent(task, small, step_size=0.01, max_steps=100)
    full = [layer.copy() for layer in layers]
    for _ in range(100):
        W1, W2, W3, W4 = full
        G = W4 @ W3 @ W2 @ W1 - task.target
        full = [
            W1 - 0.01 * W2.T @ W3.T @ W4.T @ G,
            W2 - 0.01 * W3.T @ W4.T @ G @ W1.T,
            W3 - 0.01 * W4.T @ G @ (W2 @ W1).T,
            W4 - 0.01 * G @ (W3 @ W2 @ W1).T,
        ]
    np.testing.assert_allclose(
        narrow.last_product, full[3] @ full[2] @ full[1] @ full[0], atol=1e-12
    )


def test_a_width_of_1e9_is_free() -> None:
    init = lf.Gaussian((1e9, 6), (1e-9, 1e-9, 0.2))
    network = init.sample((5, 4), 0)
    assert isinstance(network, lf.DeepNetwork)
    assert network.widths == (1e9, 6)
    assert [layer.shape for layer in network.layers] == [(10, 4), (6, 10), (5, 6)]
    # W1' W1 concentrates at sigma^2 w = 1.
    np.testing.assert_allclose(
        network.layers[0].T @ network.layers[0], np.eye(4), atol=1e-3
    )
    run = lf.gradient_flow(lf.Task(np.eye(5, 4)), init, times=[20.0], rng=0)
    assert run.network is not None
    assert run.train_error is not None
    assert run.train_error[-1] < 0.2 / 20


@pytest.mark.parametrize("widths", [(1e9, 1e9), (1e15, 1e15), (3, 1e9, 1e9)])
def test_huge_neighbours_are_refused_by_name(widths: tuple[float, ...]) -> None:
    """They can't be compressed: 2^60 numbers or more."""
    with pytest.raises(MemoryError, match=r"width=.* would need .* lower width"):
        lf.Gaussian(widths, 1e-9).sample((3, 4), 0)


def test_law_of_compressed_deep_networks() -> None:
    """Second moment of the product: prod_l sigma_l^2 w_l, compressed or not."""
    squares = [
        np.mean(lf.Gaussian((20, 3, 50), 0.1).sample((2, 3), seed).product ** 2)
        for seed in range(3000)
    ]
    expected = 0.1**4 * 20 * 3 * 50
    assert abs(np.mean(squares) / expected - 1) < 0.1


def test_streams_and_widths() -> None:
    init = lf.Gaussian((20, 3), 0.1)
    first, again, other = (init.sample((2, 3), seed) for seed in (0, 0, 1))
    assert (first.product == again.product).all()
    assert (first.product != other.product).any()
    assert repr(init) == "Gaussian(width=(20.0, 3.0), variance=(0.1, 0.1, 0.1))"
    assert lf.Gaussian((4,), 0.1).sample((2, 3), 0).width == 4


def test_weights_of_three_layers_and_refusals() -> None:
    layers = [np.ones((2, 3)), np.ones((2, 2)), np.ones((4, 2))]
    assert lf.Weights(*layers).sample((4, 3)).shape == (4, 3)
    task = lf.Task(np.ones((4, 3)))
    with pytest.raises(ValueError, match="two layers"):
        lf.self_consistent(
            task, lf.Weights(*layers), step_size=0.1, max_steps=1, kappa=1.0
        )
    with pytest.raises(ValueError, match="W2"):
        lf.DeepNetwork([np.ones((2, 3)), np.ones((2, 5)), np.ones((4, 2))])
    with pytest.raises(ValueError, match="three or more"):
        lf.DeepNetwork(layers[:2])
    with pytest.raises(ValueError, match="variance"):
        lf.Gaussian((5, 5), (0.1, 0.1))
    with pytest.raises(ValueError, match=r"width\[1\]"):
        lf.Gaussian((5, 0), 0.1)
    with pytest.raises(ValueError, match="task needs"):
        lf.gradient_flow(lf.Task(np.ones((3, 3))), lf.Weights(*layers), times=[1.0])


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("W1", "layers"),
        ("width", "widths"),
        ("gram", "layers"),
        ("balance", "balances"),
    ],
)
def test_what_two_layers_have_alone_says_where_to_look(name: str, instead: str) -> None:
    network = lf.DeepNetwork([np.eye(2)] * 3)
    with pytest.raises(AttributeError, match=rf"{name} is not of .* see \.{instead}$"):
        getattr(network, name)
    assert hasattr(network, instead)


@pytest.mark.parametrize("depth", [2, 3])
def test_rates_in_an_array(depth: int) -> None:
    """They are a sequence like any other; a list of ones, too."""
    task = lf.Task([[1.0, 0.5]])
    init = lf.Weights(*([np.ones((2, 2))] * (depth - 1)), np.ones((1, 2)))
    rates = tuple(1.0 + layer for layer in range(depth))
    for dynamics, keywords in (
        (lf.gradient_flow, {"times": [0.1]}),
        (lf.gradient_descent, {"step_size": 0.01, "max_steps": 3}),
    ):
        runs = [
            dynamics(task, init, learning_rates=given, **keywords)  # type: ignore[arg-type]
            for given in (rates, np.array(rates))
        ]
        np.testing.assert_array_equal(runs[0].last_product, runs[1].last_product)
        plain = dynamics(task, init, **keywords)
        for ones in ([1.0] * depth, np.ones(depth)):
            run = dynamics(task, init, learning_rates=ones, **keywords)  # type: ignore[arg-type]
            np.testing.assert_array_equal(run.last_product, plain.last_product)


@pytest.mark.parametrize("scale", [1e200, -1e200])
def test_scales_whose_squares_overflow_are_refused(scale: float) -> None:
    task, init = lf.Task([[1.0, 0.5]]), lf.Gaussian(9, 0.1)
    with pytest.raises(ValueError, match="scale and learning_rates must be such"):
        lf.gradient_flow(task, init, times=[1.0], scale=scale)
    with pytest.raises(ValueError, match="scale and learning_rates must be such"):
        lf.closed_form(task, init, times=[1.0], scale=scale)
    words = {"scale": scale, "learning_rates": (1e-200, 1e-200)}  # their product is 1
    with pytest.raises(ValueError, match=r"such that scale\^2, scale\^2 eta1 and"):
        lf.closed_form(task, init, times=[1.0], **words)  # type: ignore[arg-type]
