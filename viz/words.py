"""Text as a reader may see it: nothing invisible in it, never too long, wrapped.

What stands in names, questions and guards may come from strangers. Control characters, marks that turn the
direction of writing, and other characters that cannot be seen are written as escapes, and what is cut says so.
"""

from __future__ import annotations

import textwrap
import unicodedata

NAME, TEXT = 80, 400
"""How many characters of a name, and of any other text, are shown."""

_COMBINING = 2  # accents on one character; more than this piles up over its neighbours


def shown(text: str, limit: int = TEXT) -> str:
    """Text on one line with all that cannot be seen as escapes, cut at a limit.

    Args:
        text: anything.
        limit: how many characters are shown at most, escapes counted as what they stand for.
    """
    cut = f"… ({len(text):,} characters)" if len(text) > limit else ""
    seen: list[str] = []
    piled = 0
    for char in text[:limit]:
        piled = piled + 1 if unicodedata.combining(char) else 0
        seen.append(char if char.isprintable() and piled <= _COMBINING else _escape(char))
    return "".join(seen) + cut


def _escape(char: str) -> str:
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char)
    code = ord(char)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def wrapped(text: str, width: int, limit: int = TEXT) -> list[str]:
    """Text as ``shown``, in lines of at most a width; a line that goes on is indented by nothing.

    Args:
        text: anything.
        width: characters a line.
        limit: as for ``shown``.
    """
    return textwrap.wrap(shown(text, limit), width, break_on_hyphens=False) or [""]


def listed(names: list[str], most: int = 6) -> str:
    """Names with commas; those above a number are counted instead.

    Args:
        names: the names.
        most: how many are named.
    """
    rest = len(names) - most
    return ", ".join(names) if rest <= 1 else f"{', '.join(names[:most])} and {rest} more"
