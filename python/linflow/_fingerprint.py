"""What a function and its arguments are, in words: equal today and tomorrow.

A store names its sweep's settings by them. What a value prints is not enough: two tasks
of one shape print the same, and so do long arrays that differ in the middle.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import pickle
import textwrap
import types
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 200  # characters of a value that is given in full
TITLE = 60  # of what is printed beside the digest of one that is not
PLAIN = (type(None), bool, int, float, complex, str, bytes)


def word(value: Any) -> str:
    """Return a value in words, with a digest of what it holds unless it is plain.

    Examples
    --------
    >>> import numpy as np
    >>> from linflow._fingerprint import word
    >>> word({"b": 2, "a": np.float64(0.5)})
    "{'a': 0.5, 'b': 2}"
    >>> word(np.eye(2)).rpartition(" ")[0]
    'array (2, 2) float64'
    """
    with contextlib.suppress(RecursionError):
        text = _plain(value)
        if text is not None and len(text) <= LONGEST:
            return text
    if type(value) is np.ndarray and not value.dtype.hasobject:
        return f"array {value.shape} {value.dtype} {_hash(_bytes(value))}"
    title, name = repr(value).partition("\n")[0][:TITLE], type(value).__qualname__
    # An address or the order of a set changes.
    if not title.startswith(name) or " at 0x" in title.lower():
        title = name
    return f"{title} {_digest(value)}"


def source(function: Any) -> str:
    """Return a digest of a function's own code, comments and layout apart."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
        text = ast.dump(ast.parse(text))
    except (OSError, TypeError, SyntaxError):  # built in, or typed at a prompt
        return "unknown"
    return _hash(text.encode())


def _plain(value: Any) -> str | None:
    """Return numbers, words, and lists and dicts of them as one writes them."""
    if type(value) in PLAIN:
        return repr(value)
    if isinstance(value, np.bool_ | np.integer | np.floating | np.complexfloating):
        return repr(value.item())
    if type(value) is dict:
        pairs = [(_plain(key), _plain(one)) for key, one in value.items()]
        if any(None in pair for pair in pairs):
            return None
        return "{" + ", ".join(f"{key}: {one}" for key, one in sorted(pairs)) + "}"
    if type(value) in (list, tuple):
        parts = [_plain(one) for one in value]
        if None in parts:
            return None
        inside = ", ".join(one for one in parts if one is not None)
        if type(value) is list:
            return f"[{inside}]"
        return f"({inside},)" if len(parts) == 1 else f"({inside})"
    return None


def _bytes(value: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(value).tobytes()


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _digest(value: Any, above: tuple[int, ...] = ()) -> str:
    """Return a digest of what a value holds, whatever the order of dicts and sets."""
    if type(value) is np.ndarray and not value.dtype.hasobject:
        head = f"array {value.shape} {value.dtype.str} "
        return _hash(head.encode() + _bytes(value))
    if id(value) in above:
        return "above"
    within = (*above, id(value))

    def join(parts: Any) -> str:
        return " ".join(_digest(one, within) for one in parts)

    def pairs(items: Any) -> str:
        return " ".join(sorted(join(pair) for pair in items))

    name = type(value).__qualname__
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        text = f"{value.__module__}.{value.__qualname__} {source(value)}"
    elif type(value) not in (list, tuple, dict) and (plain := _plain(value)):
        text = plain
    elif type(value) in (list, tuple):
        text = join(value)
    elif type(value) is dict:
        text = pairs(value.items())
    elif type(value) in (set, frozenset):
        text = " ".join(sorted(_digest(one, within) for one in value))
    else:
        try:
            how = value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        except Exception:  # a lock, a file: nothing that has a value
            how = name
        if isinstance(how, str):
            text = how
        else:  # the pickling protocol: function, arguments, state, elements, entries
            make, arguments, state, elements, entries = (*how, *[None] * 3)[:5]
            text = f"{join((make, arguments, state, list(elements or ())))} "
            text += pairs(entries or ())
    return _hash(f"{name} {text}".encode(errors="surrogatepass"))
