"""The core's streams are NumPy's, number for number, and keyed as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linflow import _streams as streams
from linflow._core import random as core


@pytest.mark.parametrize("entropy", [0, 1, 2**100 + 7])
def test_normals_equal_numpy(entropy: int) -> None:
    stream = np.random.SeedSequence(entropy)
    expected = np.random.default_rng(np.random.SeedSequence(entropy)).standard_normal(
        10_000
    )
    drawn = core.standard_normal(streams.state_words(stream), 10_000)
    np.testing.assert_array_equal(drawn, expected)


def test_chi_squares_equal_numpy() -> None:
    degrees = np.concatenate([np.linspace(0.5, 40, 300), 10.0 ** np.arange(2, 16)])
    expected = np.random.default_rng(np.random.SeedSequence(5)).chisquare(degrees)
    drawn = core.chi_square(streams.state_words(np.random.SeedSequence(5)), degrees)
    np.testing.assert_array_equal(drawn, expected)


def test_purposes_and_parameters_have_streams_of_their_own() -> None:
    root = streams.root(0)
    keys = {
        tuple(streams.state_words(root.stream(purpose, *parameters)))
        for purpose in streams.Purpose
        for parameters in [(), (1.0,), (1.0, 2.0), (2.0, 1.0), (np.nextafter(1, 2),)]
    }
    assert len(keys) == 5 * len(streams.Purpose)


def test_minus_zero_is_zero() -> None:
    root = streams.root(0)
    one = root.stream(streams.Purpose.TRUTH, 0.0)
    two = root.stream(streams.Purpose.TRUTH, -0.0)
    assert one.spawn_key == two.spawn_key


def test_spawned_children_are_the_seeds() -> None:
    children = np.random.SeedSequence(7).spawn(3)
    for number, child in enumerate(children):
        assert streams.root(child) == streams.root(7).child(number)
    assert streams.root(np.random.SeedSequence(7)) == streams.root(7)


def test_a_generator_is_consumed() -> None:
    generator = np.random.default_rng(3)
    first, second = streams.root(generator), streams.root(generator)
    assert first != second
    assert first == streams.root(np.random.default_rng(3))


@pytest.mark.parametrize("bad", [-1, 1.5, "0", True])
def test_bad_rng(bad: object) -> None:
    with pytest.raises((TypeError, ValueError), match="rng must be"):
        streams.root(bad)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**200), st.integers(0, 2**32 - 1))
def test_root_survives_its_sequence(entropy: int, seed: int) -> None:
    root = streams.Root(entropy, (seed,))
    assert streams.root(root.sequence()) == root


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.integers(0, 2**200), st.lists(st.integers(0, 2**64), min_size=1)),
    st.integers(0, 2**40),
    st.lists(st.floats(allow_nan=False), min_size=2, max_size=5),
)
def test_many_streams_at_once_equal_seed_sequences(
    entropy: int | list[int], seed: int, parameters: list[float]
) -> None:
    root = streams.Root(
        entropy if isinstance(entropy, int) else tuple(entropy), (seed,)
    )
    purpose = streams.Purpose.NETWORK
    many = root.state_words(purpose, 3.0, np.array(parameters))
    for words, value in zip(many, parameters, strict=True):
        one = streams.state_words(root.stream(purpose, 3.0, value))
        np.testing.assert_array_equal(words, one)
