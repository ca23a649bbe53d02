"""Regimes: the lines of the phase diagram, its regions, and single modes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import linflow as lf
from linflow import regimes
from linflow.regimes import ModeRegime, Regime

D, RANK = 200, 5


def test_lines_follow_their_physical_meaning() -> None:
    """Insert the points of each line into the quantity that defines it."""
    lines = regimes.boundaries(D, RANK)
    x = np.linspace(-3, 0, 7)

    def kappa(y: Any) -> Any:
        return D**x * D**y

    np.testing.assert_allclose(kappa(lines.active_lazy(x)), D)
    np.testing.assert_allclose(kappa(lines.all_active(x)), math.sqrt(D))
    start = (D**x) ** 2 * D ** lines.noisy_start(x)  # sigma^4 w
    np.testing.assert_allclose(start, 1.0)
    np.testing.assert_allclose(D ** lines.underparameterised(x), RANK)
    assert lines.underparameterised(x).shape == x.shape
    assert lines.active_lazy(0.0) == 1.0


def test_boundaries_iterate_in_order_and_are_frozen() -> None:
    lines = regimes.boundaries(D, RANK)
    assert [line.label for line in lines] == [
        "active / lazy",
        "all active, noise too",
        "noisy start",
        "width = rank",
    ]
    with pytest.raises(AttributeError):
        lines.active_lazy = lines.all_active  # type: ignore[misc]


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (-1.85, 2.25, Regime.ACTIVE),  # [TAJ] figure 1
        (-1.85, 2.6, Regime.MIXED),
        (-1.6, 2.75, Regime.LAZY),
        (-0.5, 2.0, Regime.NOISY_START),  # also lazy by kappa
        (0.0, 0.4, Regime.NOISY_START),  # also active by kappa
        (-2.0, 0.1, Regime.UNDERPARAMETERISED),
        (0.0, 0.1, Regime.UNDERPARAMETERISED),  # also a noisy start
    ],
)
def test_regions_and_precedence(x: float, y: float, expected: Regime) -> None:
    assert regimes.classify(x, y, d=D, rank=RANK) == expected


def test_points_on_lines() -> None:
    edge = math.log(RANK) / math.log(D)
    assert regimes.classify(-3, edge, d=D, rank=RANK) == Regime.ACTIVE
    assert regimes.classify(-1.5, 2.5, d=D, rank=RANK) == Regime.MIXED
    assert regimes.classify(-1.5, 2.0, d=D, rank=RANK) == Regime.MIXED
    assert regimes.classify(-1.25, 2.5, d=D, rank=RANK) == Regime.LAZY  # sigma^4 w = 1


def test_classify_broadcasts() -> None:
    x, y = np.linspace(-3, 0, 6), np.linspace(0, 2.8, 5)
    codes = regimes.classify(x, y[:, None], d=D, rank=RANK)
    assert codes.shape == (5, 6)
    assert codes.dtype == np.int8
    assert set(codes.ravel()) == {0, 1, 2, 3}  # this grid misses the lazy wedge
    one_by_one = [[int(regimes.classify(a, b, d=D, rank=RANK)) for a in x] for b in y]
    np.testing.assert_array_equal(codes, one_by_one)
    assert regimes.classify(-1, 1, d=D, rank=RANK).shape == ()
    assert Regime(int(codes[0, 0])).label == "underparameterised"
    assert Regime.NOISY_START.label == "noisy start"


def test_rank_one_is_never_underparameterised_at_width_one() -> None:
    assert regimes.classify(-3, 0, d=D, rank=1) == Regime.ACTIVE


@pytest.mark.parametrize(
    ("d", "rank", "message"),
    [
        (1, 1, "d is 1; it must be at least 2"),
        (10, 0, "rank is 0; it must be between 1 and d = 10"),
        (10, 11, "rank is 11; it must be between 1 and d = 10"),
    ],
)
def test_bad_dimensions(d: int, rank: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regimes.boundaries(d, rank)
    with pytest.raises(ValueError, match=message):
        regimes.classify(-1, 1, d=d, rank=rank)


@pytest.mark.parametrize("value", [2.5, "3", None, float("nan"), True])
def test_dimensions_are_integers(value: Any) -> None:
    with pytest.raises(TypeError, match=r"rank is .*; it must be an integer"):
        regimes.boundaries(10, value)
    sizes: Any = (np.int32(10), np.int64(10))
    assert regimes.boundaries(*sizes).underparameterised(0) == 1


def test_bad_exponents() -> None:
    with pytest.raises(ValueError, match="gamma_sigma2 contains nan; it must be fin"):
        regimes.classify([-1, np.nan], 1, d=D, rank=RANK)
    with pytest.raises(ValueError, match="gamma_w contains inf"):
        regimes.classify(-1, np.inf, d=D, rank=RANK)
    with pytest.raises(ValueError, match=r"broadcast: gamma_sigma2 \(2,\), gamma_w"):
        regimes.classify([1, 2], [1, 2, 3], d=D, rank=RANK)


def test_words_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="gamma_w is 'a'; it must be real numbers"):
        regimes.classify(-1, "a", d=D, rank=RANK)
    with pytest.raises(TypeError, match="target_singular_values is"):
        regimes.mode_laziness(1.0, [[1.0], [2.0, 3.0]])


def test_mode_laziness() -> None:
    np.testing.assert_array_equal(
        regimes.mode_laziness(2.0, [4, 1, 0]), [0.5, 2, np.inf]
    )
    np.testing.assert_array_equal(regimes.mode_laziness(0.0, [4, 0]), [0, 0])
    np.testing.assert_array_equal(
        regimes.mode_laziness([[1], [2]], [1, 2]), [[1, 0.5], [2, 1]]
    )
    assert regimes.mode_laziness(1e300, 1e-300) == np.inf
    with pytest.raises(ValueError, match="kappa contains -1; it must be at least 0"):
        regimes.mode_laziness(-1, [1])
    with pytest.raises(ValueError, match="target_singular_values contains nan"):
        regimes.mode_laziness(1, [1, np.nan])


def test_classify_modes() -> None:
    codes = regimes.classify_modes([0, 0, 0, 2, 1, 3], [0.5, 1, 5, 5, 0, 0], 1.0)
    assert codes.tolist() == [
        ModeRegime.LAZY_FOREVER,
        ModeRegime.LAZY_NOW,  # s* = kappa
        ModeRegime.LAZY_NOW,
        ModeRegime.ACTIVE,
        ModeRegime.ACTIVE,  # s0 = kappa
        ModeRegime.ACTIVE,  # although it will come down
    ]
    assert (regimes.classify_modes(0, [0, 1], 0) == ModeRegime.ACTIVE).all()
    with pytest.raises(ValueError, match="s_star contains -2; it must be at least 0"):
        regimes.classify_modes(0, [1, -2], 1)
    with pytest.raises(ValueError, match="s0 contains nan"):
        regimes.classify_modes(np.nan, 1, 1)


def test_modes_agree_with_laziness() -> None:
    """A mode that starts at zero is lazy for ever just when kappa/s* > 1."""
    s_star, kappa = np.linspace(0, 3, 31), np.array([[0.5], [1.05], [2.0]])
    never = regimes.classify_modes(0, s_star, kappa) == ModeRegime.LAZY_FOREVER
    np.testing.assert_array_equal(never, regimes.mode_laziness(kappa, s_star) > 1)


def test_laziness_is_the_same_number_in_three_papers() -> None:
    """Against the formulas of each paper, rates and scale included."""
    rng = np.random.default_rng(0)
    task = lf.Task(rng.normal(size=(3, 5)))
    s = task.singular_values
    v1, v2, w, e1, e2, g = 0.3, 0.02, 1e5, 0.5, 4.0, -0.1
    kappa = abs(g) * w * (v2 * np.sqrt(e1 / e2) + v1 * np.sqrt(e2 / e1)) / 2
    init = lf.Gaussian(w, (v1, v2))
    number = regimes.laziness(task, init, (e1, e2), g)
    np.testing.assert_allclose(number, kappa / s, rtol=1e-13)
    np.testing.assert_allclose(
        regimes.laziness(task, lf.Gaussian(w, v1)), v1 * w / s, rtol=1e-13
    )
    for lam, width in ((-0.6, 5), (0.6, 3), (0.0, 8)):
        number = regimes.laziness(task, lf.Balanced(width, lam=lam))
        np.testing.assert_allclose(number, abs(lam) / 2 / s, rtol=1e-13)
    one = lf.OneDimensional.random(
        1e9, (v1, v2), learning_rates=(e1, e2), scale=g, cross_moment=-2, rng=0
    )
    np.testing.assert_allclose(regimes.laziness(one), 1e9 / w * kappa / 2, rtol=1e-3)


def test_laziness_is_what_runs_report_and_what_their_kernels_do() -> None:
    task = lf.Task(np.diag([3.0, 1.0, 0.2]))
    for init, rates, scale in (
        (lf.Gaussian(1e9, (1e-9, 4e-9)), (2.0, 0.5), 3.0),
        (lf.Balanced(3, lam=1.5, size=0.0), (1.0, 1.0), 0.5),
        (lf.Weights(np.zeros((3, 3)), 0.7 * np.eye(3)), (0.3, 2.0), 1.0),
    ):
        keywords: dict[str, Any] = {"learning_rates": rates, "scale": scale}
        number = regimes.laziness(task, init, **keywords)
        network = init.sample(task, 1)
        run = lf.closed_form(task, network, times=[np.inf], **keywords)
        assert run.kappa is not None
        np.testing.assert_allclose(number, run.kappa / task.singular_values)
        # From s = 0 the kernel of each mode grows by sqrt(1 + 1/Lambda^2).
        assert run.network is not None
        kernels = [
            np.diag(rates[1] * n.W1.T @ n.W1 + rates[0] * n.W2 @ n.W2.T)
            for n in (network, run.network)
        ]
        np.testing.assert_allclose(
            kernels[1] / kernels[0], np.sqrt(1 + 1 / number**2), rtol=1e-3
        )
    net = lf.OneDimensional([1.0, 2.0], [0.5, -1.0], cross_moment=0.5)
    same = regimes.laziness(net.task, net.network)
    np.testing.assert_allclose(same, regimes.laziness(net))
    run = lf.closed_form(task, init, times=[1.0])
    assert regimes.laziness(task, run).shape == (3,)


def test_laziness_of_nothing_to_learn_is_infinite() -> None:
    task = lf.Task([[1.0, 0.0], [0.0, 0.0]])
    number = regimes.laziness(task, lf.Gaussian(100, 0.01))
    np.testing.assert_allclose(number, [1.0, np.inf])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((2.0, [1.0]), TypeError, "task must be a Task or a OneDimensional, not 2.0"),
        ((lf.Task([[1.0]]),), TypeError, "init must be Gaussian"),
        (
            (lf.Task([[1.0]]), lf.Weights([[1.0, 2.0]], [[1.0]])),
            ValueError,
            "weights give a",
        ),
        (
            (lf.Task([[1.0]]), lf.Gaussian(9, 1), (0, 1)),
            ValueError,
            "learning_rates must be > 0",
        ),
        ((lf.Task([[1.0]]), lf.Gaussian(9, 1), 1, 0), ValueError, "scale must not be"),
        (
            (lf.OneDimensional([1.0], [1.0]), lf.Gaussian(9, 1)),
            ValueError,
            "init, learning_rates and scale must not be given with a OneDim",
        ),
        (
            (lf.Task([[1.0]], mask=np.array([[True]])), lf.Gaussian(9, 1)),
            ValueError,
            "task must have the plain mean squared error",
        ),
    ],
)
def test_laziness_of_bad_input(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        regimes.laziness(*arguments)
