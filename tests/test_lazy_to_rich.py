"""Sweeps from lazy to rich: against integration, and the limits of theory §7."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linflow as lf

SHAPES = [(5, 2, 2), (2, 2, 5), (3, 3, 3)]


def test_integrated_alike() -> None:
    keywords: dict[str, Any] = {"size": [0.1, 1.0], "times": [0, 1, 4], "seeds": 2}
    keywords["target"] = [1.0, 0.7]
    exact = lf.lazy_to_rich(SHAPES, [-2.0, 0.0, 2.0], **keywords)
    flow = lf.lazy_to_rich(
        SHAPES, [-2.0, 0.0, 2.0], dynamics="gradient_flow", rtol=1e-11, **keywords
    )
    assert dict(exact.sizes) == {
        "shape": 3, "size": 2, "lam": 3, "seed": 2, "time": 3
    }  # fmt: skip
    for name in exact:
        np.testing.assert_allclose(exact[name], flow[name], rtol=0, atol=1e-8)
        assert (exact[name][..., -1] != exact[name][..., 0]).all()
    np.testing.assert_array_equal(exact.d_out, [2, 5, 3])


def test_where_large_lam_is_lazy() -> None:
    far = lf.lazy_to_rich(SHAPES, [-1e3, -1e2, 1e2, 1e3], seeds=5)
    assert float(far.train_error[..., -1].max()) < 1e-20
    distance = far.kernel_distance.isel(time=-1, size=0)
    funnel, inverted, square = (distance.isel(shape=i) for i in range(3))
    for lazy in (
        funnel.sel(lam=[1e2, 1e3]),
        inverted.sel(lam=[-1e2, -1e3]),
        square.sel(lam=[1e2, 1e3]),
        square.sel(lam=[-1e2, -1e3]),
    ):
        assert float(lazy[1].max()) < 1e-5
        # C2 = lam I + O(1/lam): the angle falls as lam^-2, its cosine as lam^-4
        np.testing.assert_allclose(lazy[0] / lazy[1], 1e4, rtol=0.1)
    for rich in (funnel.sel(lam=[-1e2, -1e3]), inverted.sel(lam=[1e2, 1e3])):
        assert float(rich.mean("seed").min()) > 0.2


def test_cells_do_not_depend_on_the_grid() -> None:
    one = lf.lazy_to_rich((2, 2, 5), 1.0, size=0.1, seeds=3)
    many = lf.lazy_to_rich(SHAPES, [0.5, 1.0], size=[0.1, 0.2], seeds=4)
    part = many.isel(shape=[1]).sel(lam=[1.0], size=[0.1], seed=[0, 1, 2])
    np.testing.assert_array_equal(one.kernel_distance, part.kernel_distance)


def test_bad_input() -> None:
    cases: list[tuple[type[Exception], str, Any, Any, dict[str, Any]]] = [
        (ValueError, "width must be at most d_in = 2 when", (2, 3, 5), [-1.0], {}),
        (ValueError, "width must be at most d_out = 2 when", (5, 3, 2), [1.0], {}),
        (TypeError, "shapes must be one or more", 5, [1.0], {}),
        (ValueError, r"shapes\[0\] must be \(d_in", (5, 2), [1.0], {}),
        (
            ValueError,
            r"shapes\[1\] must be an integer",
            [(2, 2, 2), (2, 0, 2)],
            1.0,
            {},
        ),
        (ValueError, "shapes must not repeat", [(2, 2, 2), (2, 2, 2)], 1.0, {}),
        (ValueError, "lam must not repeat", (2, 2, 2), [1.0, 1.0], {}),
        (ValueError, "lam must be finite", (2, 2, 2), [np.inf], {}),
        (ValueError, "size must be a real number >= 0", (2, 2, 2), 1.0, {"size": -1.0}),
        (ValueError, "dynamics must be one of", (2, 2, 2), 1.0, {"dynamics": "lazy"}),
        (ValueError, "finite", (2, 2, 2), 1.0, {"dynamics": "gradient_flow"}),
        (ValueError, "seeds must be", (2, 2, 2), 1.0, {"seeds": 0}),
        (ValueError, "target must hold at most", (2, 2, 2), 1.0, {"target": [3, 2, 1]}),
        (ValueError, "target must be finite", (2, 2, 2), 1.0, {"target": -1.0}),
    ]
    kept = (TypeError, "observe must not be given", (2, 2, 2), 1.0, {"observe": "rank"})
    terminal = lf.events.train_below(0.1, terminal=True)
    flow = {"dynamics": "gradient_flow", "times": [0, 1], "events": terminal}
    cases += [kept, (TypeError, "events must not be given", (2, 2, 2), 1.0, flow)]
    for error, match, shapes, lam, keywords in cases:
        with pytest.raises(error, match=match):
            lf.lazy_to_rich(shapes, lam, **keywords)
