"""Where a data set comes from: versions, processor, command, root seed."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


def session() -> dict[str, str]:
    """Return what made the results of this call."""
    return {
        "numpy": np.__version__,
        "python": sys.version.split()[0],
        "command": " ".join(sys.argv),
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a data set from the record of its sweep.

    Settings, then provenance: that of the first session, which is the one that made the
    store, and the number of sessions.
    """
    sessions = record["sessions"]
    return {
        **{
            key: value for key, value in record["settings"].items() if value is not None
        },
        "instruction_set": ", ".join(record["instruction_sets"]),
        **(sessions[0] if sessions else {}),
        "sessions": len(sessions),
    }
