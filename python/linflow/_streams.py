"""Random streams, keyed by the root seed and the parameters of what is drawn.

Each purpose has a stream of its own: the truth, the noise and the network that
``rng=0`` gives are independent of each other, and each depends on its own parameters
only, never on the position in a grid. A stream is
``numpy.random.default_rng(SeedSequence(root, spawn_key=(purpose, seed, *words)))``,
where a real parameter counts by its bits; the compiled core draws from the same
streams, number for number.
"""

from __future__ import annotations

import enum
import hashlib
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from linflow._core import random as core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import BitGenerator, Generator, SeedSequence
    from numpy.typing import NDArray

    RngLike = int | SeedSequence | Generator | BitGenerator | None


class Purpose(enum.IntEnum):
    """What a stream is for; part of its key."""

    TRUTH = 1
    NOISE = 2
    NETWORK = 3
    FACTORS = 4
    EXTENSION = 5
    CELL = 6


class Root(NamedTuple):
    """Where streams come from: entropy, and the number(s) of the seed below it."""

    entropy: int | tuple[int, ...]
    seed: tuple[int, ...]

    def child(self, seed: int) -> Root:
        """Root of repetition number `seed` from here; number 0 is this root itself.

        Repetitions of a root whose own seed is n are the seeds n, n + 1, … of the same
        entropy: those of ``rng=0`` have nothing to do with ``rng=1``.
        """
        return Root(self.entropy, (*self.seed[:-1], self.seed[-1] + seed))

    def sequence(self) -> np.random.SeedSequence:
        """Return the ``SeedSequence`` that `root` reads this root from."""
        return np.random.SeedSequence(self.entropy, spawn_key=self.seed)

    def stream(self, purpose: Purpose, *parameters: float) -> np.random.SeedSequence:
        """Seed of the stream for one purpose and one set of parameters."""
        words = [word for value in parameters for word in _words(value)]
        return np.random.SeedSequence(
            self.entropy, spawn_key=(int(purpose), *self.seed, *words)
        )

    def state_words(
        self, purpose: Purpose, *parameters: float | NDArray[np.float64]
    ) -> NDArray[np.uint64]:
        """Seed words of the streams of many sets of parameters, shape (count, 4).

        What ``state_words(self.stream(purpose, ...))`` gives for each, without an
        object per stream. At least one of the parameters is an array.
        """
        words = _uint32_words(self.entropy)
        words += [0] * (_POOL - len(words))
        for key in (int(purpose), *self.seed):
            words += _uint32_words(key)
        first = next(i for i, one in enumerate(parameters) if np.ndim(one))
        for value in parameters[:first]:
            words += _words(float(value))
        columns = np.stack(np.broadcast_arrays(*parameters[first:]))
        columns = columns.astype(np.float64, copy=False) + 0.0  # -0 counts as 0
        return core.state_words(words, columns.view(np.uint64))


def root(rng: RngLike) -> Root:
    """Return the root of all streams from whatever ``default_rng`` takes.

    An int is that entropy with seed 0. A ``SeedSequence`` counts by its entropy and
    spawn key: the children of ``SeedSequence(n).spawn(k)`` are the seeds 0, 1, … of the
    root n. A ``Generator`` or ``BitGenerator`` is consumed (two calls give two roots),
    and None takes fresh entropy.

    Raises
    ------
    TypeError, ValueError
        When `rng` is none of these, or a negative int.
    """
    if isinstance(rng, np.random.Generator | np.random.BitGenerator):
        words = np.random.default_rng(rng).integers(0, 2**32, size=4, dtype=np.uint64)
        return Root(tuple(int(word) for word in words), (0,))
    if isinstance(rng, np.random.SeedSequence):
        entropy: Any = rng.entropy
        if not isinstance(entropy, int):
            entropy = tuple(int(word) for word in entropy)
        return Root(entropy, tuple(int(key) for key in rng.spawn_key) or (0,))
    if rng is None:
        fresh: Any = np.random.SeedSequence().entropy
        return Root(fresh, (0,))
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        if rng < 0:
            message = f"rng must be a non-negative integer, not {rng}"
            raise ValueError(message)
        return Root(int(rng), (0,))
    message = (
        "rng must be an integer, a numpy SeedSequence, Generator or BitGenerator, or "
        f"None, not {rng!r}"
    )
    raise TypeError(message)


def of_cell(
    root: Root, parameters: Mapping[str, float | str]
) -> np.random.SeedSequence:
    """Return the stream of a cell that has these parameters, in any order.

    Examples
    --------
    >>> from linflow import _streams as streams
    >>> root = streams.root(0)
    >>> one = streams.of_cell(root, {"depth": 2, "gamma": 0.5})
    >>> two = streams.of_cell(root, {"gamma": 0.5, "depth": 2})
    >>> bool((one.generate_state(2) == two.generate_state(2)).all())
    True
    """
    words: list[int] = []
    for name in sorted(parameters):
        value = parameters[name]
        words += _letters(name)
        words += _letters(value) if isinstance(value, str) else _words(value)
    return np.random.SeedSequence(
        root.entropy, spawn_key=(int(Purpose.CELL), *root.seed, *words)
    )


def state_words(stream: np.random.SeedSequence) -> NDArray[np.uint64]:
    """Seed words, shape (4,), that the core's generator starts from."""
    return stream.generate_state(4, np.uint64).astype(np.uint64, copy=False)


_POOL = 4  # words of a SeedSequence's pool


def _uint32_words(value: int | tuple[int, ...]) -> list[int]:
    """Return an integer, or several, as 32-bit words, the low ones first."""
    if not isinstance(value, int):
        return [word for one in value for word in _uint32_words(one)]
    words = [value & 0xFFFFFFFF]
    while value := value >> 32:
        words.append(value & 0xFFFFFFFF)
    return words


def _letters(text: str) -> tuple[int, int]:
    """Return a digest of a text as two 32-bit words."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    low, high = struct.unpack("<II", digest)
    return low, high


def _words(value: float) -> tuple[int, int]:
    """Return the bits of a real number as two 32-bit words; -0 counts as 0."""
    low, high = struct.unpack("<II", struct.pack("<d", float(value) + 0.0))
    return low, high
