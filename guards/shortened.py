"""Values as the decision log tells them: JSON-able, short, secrets masked."""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic_core import PydanticSerializationError, to_json

from .secrecy import SECRETS, hidden, secrets_in, words_of

CUT = 200
"""How many characters of a value the decision log keeps."""


_PLAIN = 10**18
"""Numbers below it are told as they are; NaN is below nothing."""


def shortened(value: Any) -> Any:
    """A value as the decision log tells it: JSON-able, at most ``CUT`` characters, text where JSON has no form.

    Args:
        value: anything that a state may hold.
    """
    if value is None or isinstance(value, bool) or (type(value) in (int, float) and abs(value) < _PLAIN):
        return value
    if type(value) is str:
        return _cut(value)
    if isinstance(value, list | tuple):
        value = cast(list[Any], value)[:CUT]  # what follows could not be told
    words = words_of(secrets_in(value))
    if words:
        return _hidden(value, words)
    try:
        written = to_json(value, inf_nan_mode="strings", bytes_mode="base64", serialize_unknown=True).decode()
    except (PydanticSerializationError, ValueError):
        return f"<{type(value).__name__}>"
    return json.loads(written) if len(written) <= CUT else _cut(written)


def _hidden(value: Any, words: set[str]) -> Any:
    """A value that holds secrets, as it is told: without them, whatever serializers of the author's would tell."""
    if isinstance(value, SECRETS):
        return str(value)
    try:
        written = hidden(to_json(value, inf_nan_mode="strings", serialize_unknown=True).decode(), words)
        return json.loads(written) if len(written) <= CUT else _cut(written)
    except (PydanticSerializationError, ValueError):
        return _cut(hidden(repr(value), words))


def _cut(written: str) -> str:
    return written if len(written) <= CUT else written[: CUT - 1] + "…"
