"""Durations as authors write them: ``"24h"``, ``"1h30m"``, a timedelta, or seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from ..errors import FlowError, caller

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")

Duration = str | float | int | timedelta
"""Seconds as a number, a timedelta, or text made of number and unit: ms, s, m, h, d, w."""


def seconds(value: Duration, what: str) -> float:
    """The seconds that a duration means.

    Args:
        value: the duration, e.g. ``"24h"``, ``90``, ``timedelta(minutes=5)``.
        what: what it is for, for the message.

    Raises:
        FlowError: it is not a duration, or not above zero.
    """
    found: float
    if isinstance(value, timedelta):
        found = value.total_seconds()
    elif isinstance(value, str):
        text = value.replace(" ", "")
        if not _WHOLE.fullmatch(text):
            raise FlowError(f'{what}={value!r} is not a duration; write "90s", "10m", "24h" or "7d"', where=caller())
        found = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        found = float(value)
    if not math.isfinite(found) or found <= 0:
        raise FlowError(f"{what}={value!r} must be a time above zero", where=caller())
    return found


def written(value: float) -> str:
    """A duration in seconds as an author would write it: ``86400`` is ``1d``, ``5400`` is ``1h30m``."""
    if value < 1:
        return f"{round(value * 1000)}ms"
    rest, parts = value, ""
    for unit in ("d", "h", "m"):
        count = int(rest // _UNITS[unit])
        if count:
            parts += f"{count}{unit}"
            rest -= count * _UNITS[unit]
    if rest > 1e-9 or not parts:
        parts += f"{rest:g}s"
    return "24h" if parts == "1d" else parts
