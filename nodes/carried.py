"""Text that comes from outside, brought to what JSON and UTF-8 can carry before anybody uses it."""

from __future__ import annotations

from typing import Any

from .shapes import is_dict, is_list


def carried(value: Any) -> Any:
    """A JSON-able value whose text can be written: halves of surrogate pairs become U+FFFD.

    Models bring them (an emoji cut in two), and so do names of files.

    Args:
        value: JSON-able data.
    """
    if isinstance(value, str):
        return value if value.isascii() else _text(value)
    if is_dict(value):
        return {_text(name): carried(item) for name, item in value.items()}
    if is_list(value):
        return [carried(item) for item in value]
    return value


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
