"""Kernels, representations and movement against brute force and integration."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator, eigsh

import linflow as lf
import reference_riccati as ref
from linflow import observables

if TYPE_CHECKING:
    from linflow._core import Array

INF = np.inf


def jacobian_kernel(
    W1: Array, W2: Array, X: Array, rates: tuple[float, float], scale: float
) -> Array:
    """Return the kernel from all derivatives, one weight at a time.

    The outputs are linear in each weight, so that a difference over a step of 1 is the
    derivative.
    """
    base = (scale * W2 @ W1 @ X).ravel()
    K = np.zeros((base.size, base.size))
    for which, rate in enumerate(rates):
        for place in np.ndindex((W1, W2)[which].shape):
            layers = [W1.copy(), W2.copy()]
            layers[which][place] += 1.0
            slope = (scale * layers[1] @ layers[0] @ X).ravel() - base
            K += rate * np.outer(slope, slope)
    return K


@pytest.mark.parametrize("shape", [(3, 4), (4, 2), (1, 1)])
@pytest.mark.parametrize("width", [1, 3, 20])
@pytest.mark.parametrize(("rates", "scale"), [((1.0, 1.0), 1.0), ((0.3, 2.0), -1.5)])
def test_kernel_equals_the_jacobians(
    shape: tuple[int, int],
    width: int,
    rates: tuple[float, float],
    scale: float,
    rng: np.random.Generator,
) -> None:
    d_out, d_in = shape
    X = rng.normal(size=(d_in, 5))
    pairs = []
    for _ in range(2):
        W1, W2 = rng.normal(size=(width, d_in)), rng.normal(size=(d_out, width))
        network = lf.Network(W1, W2)
        exact = jacobian_kernel(W1, W2, X, rates, scale)
        pairs.append((network, exact))
        keywords: dict[str, Any] = {"learning_rates": rates, "scale": scale}
        K = observables.kernel(network, X, **keywords)
        compressed = observables.kernel(network.compress(), X, **keywords)
        size = np.abs(exact).max()
        np.testing.assert_allclose(K, exact, rtol=0, atol=1e-12 * size)
        np.testing.assert_allclose(compressed, exact, rtol=0, atol=1e-12 * size)
        operator = observables.kernel_operator(network, X, **keywords)
        np.testing.assert_allclose(
            operator @ np.eye(len(exact)), exact, rtol=0, atol=1e-12 * size
        )
    (one, K0), (two, K) = pairs
    cosine = (K * K0).sum() / np.linalg.norm(K) / np.linalg.norm(K0)
    distance = observables.kernel_distance(two, one, inputs=X, learning_rates=rates)
    assert float(distance) == pytest.approx(1 - cosine, abs=1e-12)
    movement = observables.kernel_movement(two, one, inputs=X, learning_rates=rates)
    assert float(movement) == pytest.approx(
        np.linalg.norm(K - K0) / np.linalg.norm(K0), rel=1e-12
    )


def test_kernel_drives_the_outputs(rng: np.random.Generator) -> None:
    """dF/dt = -K (F - Y), rates and scale included."""
    X = rng.normal(size=(3, 8))
    W1, W2 = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    T = rng.normal(size=(2, 3))
    rates, scale = (0.5, 3.0), 0.7
    G = (scale * W2 @ W1 - T) @ X @ X.T
    slope = -(scale**2) * (rates[1] * G @ W1.T @ W1 + rates[0] * W2 @ W2.T @ G) @ X
    K = observables.kernel_operator(
        lf.Network(W1, W2), X, learning_rates=rates, scale=scale
    )
    residual = (scale * W2 @ W1 - T) @ X
    np.testing.assert_allclose(-K.matvec(residual), slope, rtol=1e-12)


def test_operator_serves_scipy(rng: np.random.Generator) -> None:
    network = lf.Gaussian(1e9, 1e-9).sample((4, 5), rng=0)
    X = rng.normal(size=(5, 6))
    top = eigsh(
        aslinearoperator(observables.kernel_operator(network, X)),
        k=3,
        return_eigenvectors=False,
    )
    exact = np.linalg.eigvalsh(observables.kernel(network, X))[-3:]
    np.testing.assert_allclose(np.sort(top), exact, rtol=1e-9)


# ---- along runs ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "width", "lam"),
    [((5, 2), 2, 3.0), ((5, 2), 2, -3.0), ((2, 5), 2, 0.5), ((4, 4), 4, 0.0)],
)
def test_exact_observables_along_a_run(
    shape: tuple[int, int], width: int, lam: float
) -> None:
    """Predicted by the exact solution to 1e-9 of what integration finds."""
    task = lf.low_rank_task(shape, 2, noise=0.3, rng=1)
    init = lf.Balanced(width, lam=lam, size=0.2).sample(task, rng=2)
    times = np.linspace(0, 2, 9)
    exact = lf.closed_form(task, init, times=times, save_gram=True)
    assert exact.exact
    pairs = ref.weights(task.target, init.W1, init.W2, times)
    C1 = np.array([W1.T @ W1 for W1, _ in pairs])
    C2 = np.array([W2 @ W2.T for _, W2 in pairs])
    flow = lf.gradient_flow(task, init, times=times, rtol=1e-12, save_gram=True)
    assert flow.weights is None
    X = np.random.default_rng(3).normal(size=(shape[1], 7))
    for inputs in (None, X):
        for function in (observables.kernel_distance, observables.kernel_movement):
            expected = function((C1, C2), inputs=inputs)
            assert expected[-1] > 1e-3
            for run in (exact, flow):
                np.testing.assert_allclose(
                    function(run, inputs=inputs), expected, rtol=0, atol=1e-9
                )
    for layer, G in (("input", C1), ("output", C2)):
        expected = np.array([1 - observables.similarity(one, G[0]) for one in G])
        change = observables.representation_change(exact, layer=layer)
        np.testing.assert_allclose(change, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        observables.input_representation(exact, X),
        [(W1 @ X).T @ (W1 @ X) for W1, _ in pairs],
        rtol=0,
        atol=1e-8,
    )


def test_kernel_at_infinity_by_shape_and_sign() -> None:
    """Theory §7: lazy where |lam| fills the outputs or inputs, else delayed rich."""

    def distance(shape: tuple[int, int, int], lam: float) -> float:
        d_in, width, d_out = shape
        task = lf.Task(np.random.default_rng(0).normal(size=(d_out, d_in)))
        init = lf.Balanced(width, lam=lam, size=0.1)
        run = lf.closed_form(task, init, times=[0, INF], rng=0, save_gram=True)
        assert run.train_error is not None
        assert run.train_error[-1] < 1e-20
        return float(observables.kernel_distance(run)[-1])

    for lazy, rich in (
        (((2, 2, 5), -1.0), ((2, 2, 5), 1.0)),  # inverted funnel: w = d_in
        (((5, 2, 2), 1.0), ((5, 2, 2), -1.0)),  # funnel: w = d_out
    ):
        far = [distance(lazy[0], lazy[1] * lam) for lam in (10.0, 100.0, 1000.0)]
        assert far[0] > 1e3 * far[1] > 1e6 * far[2]  # as lam^-4
        assert far[2] < 1e-8
        assert all(distance(rich[0], rich[1] * lam) > 0.1 for lam in (100.0, 1000.0))
    for sign in (1.0, -1.0):
        assert distance((3, 3, 3), sign * 1000.0) < 1e-4
    assert distance((2, 2, 5), 0.0) > 0.1


def solvers(times: Array) -> dict[str, Any]:
    step = times[1] / 40
    stepped: dict[str, Any] = {"step_size": step, "max_steps": 40 * (len(times) - 1)}
    stepped["save_every"] = 40
    return {
        "closed": partial(lf.closed_form, times=times),
        "self-consistent": partial(lf.self_consistent, times=times),
        "stepped": partial(lf.self_consistent, **stepped),
        "balanced": partial(lf.balanced, times=times),
        "lazy": partial(lf.lazy, times=times),
        "descent": partial(lf.gradient_descent, **stepped),
        "flow": partial(lf.gradient_flow, times=times),
    }


@pytest.mark.parametrize("name", solvers(np.arange(2.0)))
@pytest.mark.parametrize(("rates", "scale"), [((1.0, 1.0), 1.0), ((2.0, 0.5), -3.0)])
def test_every_dynamics_has_gram_matrices(
    name: str, rates: tuple[float, float], scale: float
) -> None:
    """They fit the product: P is positive, and its A-block is the output map."""
    task = lf.low_rank_task((4, 3), 2, rng=0)
    init = lf.Gaussian(1e8, (2e-8, 1e-8))
    times = np.array([0.0, 0.02, 0.04])
    run = solvers(times)[name](
        task, init, rng=0, learning_rates=rates, scale=scale, save_gram=True,
        save_product=True,
    )  # fmt: skip
    plain = solvers(times)[name](
        task, init, rng=0, learning_rates=rates, scale=scale, save_gram=True
    )
    assert plain.product is None
    start = init.sample(task, rng=0)
    C1, C2, A = run.input_gram, run.output_gram, run.product / scale
    np.testing.assert_array_equal(C1, plain.input_gram)
    size = np.abs(C1).max()
    if name in ("closed", "descent", "flow", "lazy"):
        np.testing.assert_allclose(C1[0], start.W1.T @ start.W1, atol=1e-12 * size)
        np.testing.assert_allclose(C2[0], start.W2 @ start.W2.T, atol=1e-12 * size)
    if name == "lazy":
        assert not observables.kernel_movement(run).any()
        return
    # Conserved: C2 G + G C1 drives A, and the flow keeps tr(C2)/eta2 - tr(C1)/eta1.
    trace = np.trace(C2, axis1=1, axis2=2) / rates[1]
    trace = trace - np.trace(C1, axis1=1, axis2=2) / rates[0]
    np.testing.assert_allclose(trace, trace[0], rtol=0, atol=0.02 * abs(size))
    for c1, c2, a in zip(C1, C2, A, strict=True):
        P = np.block([[c1, a.T], [a, c2]])
        assert np.linalg.eigvalsh(P)[0] > -1e-9 * size
    if name not in ("balanced", "descent", "stepped"):  # near the flow, near each other
        flow = lf.gradient_flow(
            task, init, times=times, rng=0, learning_rates=rates, scale=scale,
            save_gram=True,
        )  # fmt: skip
        assert flow.input_gram is not None
        assert flow.output_gram is not None
        np.testing.assert_allclose(C1, flow.input_gram, atol=2e-3 * size)
        np.testing.assert_allclose(C2, flow.output_gram, atol=2e-3 * size)


def test_self_consistent_gram_matrices_obey_the_formula(
    rng: np.random.Generator,
) -> None:
    task = lf.Task(rng.normal(size=(3, 5)))
    init = lf.Gaussian(1e6, (1e-6, 3e-6))
    run = lf.self_consistent(
        task, init, times=[0, 0.3], rng=0, save_gram=True, save_product=True
    )
    assert run.lam is not None
    assert run.kappa is not None
    assert run.product is not None
    A, half = run.product[1], run.lam / 2
    assert run.input_gram is not None
    assert run.output_gram is not None
    C1, C2 = run.input_gram[1], run.output_gram[1]
    for C, M, sign in ((C1, A.T @ A, 1), (C2, A @ A.T, -1)):
        root = C + sign * half * np.eye(len(C))
        np.testing.assert_allclose(
            root @ root, M + run.kappa**2 * np.eye(len(C)), rtol=0, atol=1e-12
        )
        assert np.linalg.eigvalsh(root)[0] > 0


def test_closed_form_float32_and_interruption() -> None:
    task = lf.low_rank_task((4, 3), 1, rng=0)
    init = lf.Balanced(3, lam=0.5, size=0.1)
    keywords: dict[str, Any] = {"times": [0, 0.1, INF], "rng": 0, "save_gram": True}
    single = lf.closed_form(task, init, dtype="float32", **keywords)
    double = lf.closed_form(task, init, **keywords)
    assert single.input_gram is not None
    assert double.input_gram is not None
    np.testing.assert_allclose(single.input_gram, double.input_gram, atol=1e-4)

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(lf.Interrupted) as caught:
        lf.closed_form(
            lf.low_rank_task(60, 1, rng=0),
            lf.Gaussian(1e6, 1e-6),
            times=np.linspace(0, 1, 3000),
            rng=0,
            save_gram=True,
            n_threads=1,
            progress=stop,
        )
    partial = caught.value.partial
    assert len(partial.input_gram) == len(partial.times) < 3000


# ---- weights -------------------------------------------------------------------------


def test_weight_movement_in_the_users_units(rng: np.random.Generator) -> None:
    """Of a wide network from its compressed one, and back by expand."""
    task = lf.low_rank_task((3, 2), 1, rng=0)
    W1, W2 = rng.normal(size=(40, 2)) / 5, rng.normal(size=(3, 40)) / 5
    times = np.array([0.0, 0.5, 1.0])
    wide = ref.weights(task.target, W1, W2, times)
    expected = [
        [np.linalg.norm(a - W1) / np.linalg.norm(W1) for a, _ in wide],
        [np.linalg.norm(b - W2) / np.linalg.norm(W2) for _, b in wide],
    ]
    init = lf.Weights(W1, W2)
    run = lf.gradient_flow(task, init, times=times, rtol=1e-11, save_weights=True)
    np.testing.assert_allclose(
        observables.weight_movement(run), np.transpose(expected), atol=1e-8
    )
    assert run.network is not None
    np.testing.assert_allclose(run.network.expand().W1, wide[-1][0], atol=1e-8)
    network = run.network_at(1)
    np.testing.assert_allclose(network.expand().W2, wide[1][1], atol=1e-8)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_descent_keeps_its_weights(dtype: str, rng: np.random.Generator) -> None:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    W1, W2 = rng.normal(size=(4, 2)), rng.normal(size=(3, 4))
    keywords: dict[str, Any] = {"step_size": 0.01, "save_every": 5, "dtype": dtype}
    run = lf.gradient_descent(
        task, lf.Weights(W1, W2), max_steps=12, save_weights=True, **keywords
    )
    assert run.weights is not None
    assert [one.shape for one in run.weights] == [(4, 4, 2), (4, 3, 4)]
    for point, step in enumerate([0, 5, 10, 12]):
        a, b = W1, W2
        for _ in range(step):
            G = b @ a - task.target
            a, b = a - 0.01 * b.T @ G, b - 0.01 * G @ a.T
        tolerance = 1e-13 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(run.weights[0][point], a, atol=tolerance)
        np.testing.assert_allclose(run.weights[1][point], b, atol=tolerance)
    deep = lf.Weights(np.eye(3, 2), np.ones((3, 3)), np.ones((3, 3)))
    three = lf.gradient_descent(task, deep, max_steps=10, save_weights=True, **keywords)
    assert three.network is not None
    assert three.weights is not None
    for layer, saved in zip(three.network.layers, three.weights, strict=True):
        np.testing.assert_array_equal(layer, saved[-1])
    assert observables.weight_movement(three).shape == (3, 3)


def test_gram_matrices_survive_a_file(tmp_path: Any) -> None:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    run = lf.closed_form(
        task, lf.Balanced(2, size=0.1), times=[0, 1], rng=0, save_gram=True
    )
    back = lf.Trajectory.load(run.save(tmp_path / "run"))
    np.testing.assert_array_equal(back.input_gram, run.input_gram)
    data = run.to_xarray()
    assert data.output_gram.dims == ("time", "d_out", "d_out_2")


def test_files_that_a_run_can_not_be() -> None:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    run = lf.closed_form(task, lf.Balanced(2, size=0.1), times=[0, 1], rng=0)
    with pytest.raises(ValueError, match=r"path must end in .npz, .*not in '.zarr'"):
        run.save("run.zarr")
    run.attrs["matrix"] = np.eye(2)
    with pytest.raises(TypeError, match="attrs must hold what JSON has"):
        run.save("run")


# ---- bad input -----------------------------------------------------------------------


def test_bad_input() -> None:
    task = lf.low_rank_task((3, 2), 1, rng=0)
    init = lf.Gaussian(10, 0.1)
    network = init.sample(task, rng=0)
    run = lf.closed_form(task, init, times=[0, 1], rng=0)
    with pytest.raises(ValueError, match="save_gram=True"):
        observables.kernel_distance(run)
    with pytest.raises(ValueError, match="rotation of the hidden units"):
        observables.weight_movement(run)
    with pytest.raises(ValueError, match="save_weights=True"):
        run.network_at(0)
    flow = lf.gradient_flow(task, init, times=[0, 1], rng=0)
    with pytest.raises(ValueError, match="run it with save_weights=True"):
        observables.weight_movement(flow)
    with pytest.raises(TypeError, match="run must be a Trajectory"):
        observables.weight_movement(network)
    with pytest.raises(ValueError, match="reference must be given"):
        observables.kernel_distance(network)
    with pytest.raises(ValueError, match="reference must be of the shape"):
        observables.kernel_movement(network, lf.Network([[1.0]], [[1.0]]))
    with pytest.raises(ValueError, match=r"inputs must have shape \(2 x any\)"):
        observables.kernel(network, np.eye(3))
    with pytest.raises(TypeError, match="state must be a Trajectory, a Network"):
        observables.kernel(7)
    with pytest.raises(ValueError, match="state must be a pair"):
        observables.kernel((np.eye(2), np.ones((3, 2))))
    with pytest.raises(ValueError, match="state must be one state"):
        observables.kernel_operator((np.ones((4, 2, 2)), np.ones((4, 3, 3))))
    with pytest.raises(ValueError, match="vector must hold 6 numbers, not 4"):
        observables.kernel_operator(network).matvec(np.ones(4))
    with pytest.raises(ValueError, match="matrices of one shape"):
        observables.similarity(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="layer must be one of"):
        observables.representation_change(network, network, layer="hidden")
    deep = lf.Gaussian((5, 5), 0.1)
    for function, keywords in (
        (lf.gradient_flow, {"times": [0, 1]}),
        (lf.gradient_descent, {"step_size": 0.1, "max_steps": 1}),
    ):
        with pytest.raises(ValueError, match="save_gram must be False for a network"):
            function(task, deep, rng=0, save_gram=True, **keywords)
