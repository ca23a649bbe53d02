"""The compiled core: loads the variant for this processor's instruction set.

The wheel carries the same sources built for several instruction sets (x86-64-v2, v3
and v4; one ``generic`` module elsewhere). One of them is loaded per process: the best
that the processor supports, or the one named by the environment variable
``LINFLOW_INSTRUCTION_SET``.
"""

from __future__ import annotations

import importlib
import os
import sys

from linflow._core import _cpu

ENVIRONMENT = "LINFLOW_INSTRUCTION_SET"


def _choose() -> str:
    """Name of the variant to load."""
    built = list(_cpu.VARIANTS)
    supported = [name for name in built if _cpu.supported(name)]
    wanted = os.environ.get(ENVIRONMENT, "")
    if wanted:
        if wanted not in supported:
            message = (
                f"{ENVIRONMENT}={wanted!r}: must be one of {supported} "
                f"(built: {built}, those that this processor can run)"
            )
            raise ImportError(message)
        return wanted
    if not supported:
        message = f"linflow was built for {built}; this processor can run none of them"
        raise ImportError(message)
    return supported[-1]


VARIANTS: tuple[str, ...] = tuple(_cpu.VARIANTS)
VARIANT: str = _choose()

_module = importlib.import_module(f"linflow._core._linflow_{VARIANT}")
for _noun in (
    "build",
    "products",
    "random",
    "network",
    "stop",
    "spectrum",
    "descent",
    "layer_descent",
    "cost",
    "levels",
    "nodes",
    "phi_functions",
    "flow",
    "self_consistent",
    "lazy",
    "riccati",
    "closed_form",
    "modes",
    "ensemble",
):
    _submodule = getattr(_module, _noun)
    sys.modules[f"{__name__}.{_noun}"] = _submodule
    setattr(sys.modules[__name__], _noun, _submodule)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_module.build.before_fork)
