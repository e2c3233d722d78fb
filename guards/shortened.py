"""Values as the decision log tells them: JSON-able, short, secrets masked."""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic_core import to_jsonable_python

CUT = 200
"""How many characters of a value the decision log keeps."""


def shortened(value: Any) -> Any:
    """A value as the decision log tells it: JSON-able, at most ``CUT`` characters.

    Args:
        value: anything that a state may hold.
    """
    if value is None or isinstance(value, bool) or (type(value) in (int, float) and abs(value) < _LARGE):
        return value
    if type(value) is str:
        return _cut(value)
    if isinstance(value, list | tuple):
        value = cast(list[Any], value)[:CUT]  # what follows could not be told
    whole = plain(value)
    written = whole if isinstance(whole, str) else json.dumps(whole, ensure_ascii=False)
    return whole if len(written) <= CUT else _cut(written)


_LARGE = 10.0**300  # beyond it, infinities and NaN included, a number is told as text


def plain(value: Any) -> Any:
    """A value as JSON has it; a secret is masked, and what JSON cannot hold is told as text."""
    return to_jsonable_python(value, inf_nan_mode="strings", bytes_mode="base64", serialize_unknown=True)


def _cut(written: str) -> str:
    return written if len(written) <= CUT else written[: CUT - 1] + "…"
