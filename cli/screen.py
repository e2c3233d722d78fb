"""What the command line writes: text that shows what it holds, tables that degrade, JSON for machines.

Data comes from strangers. Nothing of it reaches a terminal as a control sequence, as a change of the writing
direction or as rich's markup: what cannot be seen is written as an escape.
"""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from ..guards.secrecy import masked

if TYPE_CHECKING:
    from rich.console import Console

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # they make letters of some scripts, and pictures out of emoji
SHORT = 60
"""How many characters of a value a one-line summary keeps."""


def visible(text: str, *, keep: str = "") -> str:
    """A text with everything in it that a terminal would obey, or not show, written as an escape.

    Args:
        text: any text.
        keep: characters that stay as they are, such as a line break.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or char in _JOINERS else _visible(char) for char in text)


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _HIDDEN:
        return char
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
    if known is not None:
        return known
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def told(value: Any, limit: int | None = None) -> str:
    """A JSON-able value as one line that shows all it holds.

    Args:
        value: the value.
        limit: how many characters stay; None keeps all.
    """
    text = visible(json.dumps(masked(value), ensure_ascii=False, default=str))
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def moment(at: float | None) -> str:
    """A time as people here read it; a dash for none.

    Args:
        at: seconds since the epoch.
    """
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def stamp(at: float | None) -> str | None:
    """A time for machines: ISO 8601 in UTC; None stays None.

    Args:
        at: seconds since the epoch.
    """
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def as_line(data: Any) -> str:
    """Data as one line of JSON in printable ASCII, harmless on a terminal.

    Args:
        data: JSON-able data; what is not becomes text.
    """
    return json.dumps(masked(data), ensure_ascii=True, default=str, allow_nan=False).replace("\x7f", "\\u007f")


class Screen:
    """Where a command writes.

    Args:
        json: results go out as one line of JSON, and nothing else does.
        stream: where results go; by default the process's output.
    """

    def __init__(self, *, json: bool = False, stream: TextIO | None = None) -> None:
        self.json = json
        self.stream: TextIO = sys.stdout if stream is None else stream

    @cached_property
    def console(self) -> Console:
        """rich's console, with nothing that reads meaning into data."""
        from .terminal import Terminal

        return Terminal(self.stream)

    @property
    def live(self) -> bool:
        """Whether somebody sits at a terminal."""
        return not self.json and self.console.is_terminal

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.console.width

    def data(self, data: Any) -> None:
        """The result for a machine.

        Args:
            data: JSON-able data.
        """
        self.stream.write(as_line(data) + "\n")
        self.stream.flush()

    def say(
        self, text: str = "", style: str = "", *, indent: int = 0, first: str | None = None, keep: str = ""
    ) -> None:
        """A paragraph, wrapped to the width; nothing where a machine listens.

        Args:
            text: what is said; what cannot be seen in it is escaped.
            style: rich's style.
            indent: columns that stay free in front.
            first: what stands in these columns in front of the first line.
            keep: characters that are not escaped.
        """
        if self.json:
            return
        from rich.text import Text

        shown = Text(visible(text, keep=keep), style=style, overflow="fold")
        head = visible(first or "").ljust(indent)
        wrapped = shown.wrap(self.console, max(20, self.width - len(head))) if text else [Text()]
        for number, line in enumerate(wrapped):
            line.rstrip()
            front = Text(head if number == 0 else " " * len(head), style="dim" if first else "")
            whole = front + line
            whole.rstrip()
            self.console.print(whole, no_wrap=True, overflow="ignore", crop=False)

    def line(self, text: str, style: str = "") -> None:
        """One line, as long as it is: messages that people search for stay whole.

        Args:
            text: what is said; what cannot be seen in it is escaped.
            style: rich's style.
        """
        if self.json:
            return
        from rich.text import Text

        self.console.print(Text(visible(text), style=style), soft_wrap=True)

    def pairs(self, pairs: Sequence[tuple[str, str]], *, indent: int = 0, width: int = 10) -> None:
        """Labels, each with its text beside it.

        Args:
            pairs: label and text; an empty label goes on with the one before.
            indent: columns in front.
            width: columns of a label.
        """
        for label, text in pairs:
            self.say(text, indent=indent + width + 1, first=" " * indent + label.ljust(width + 1))

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; where it does not fit the width, one block of labels a row.

        Args:
            headers: the columns' names.
            rows: their cells.
        """
        if self.json:
            return
        from rich.cells import cell_len
        from rich.table import Table

        shown = [[visible(cell) for cell in row] for row in rows]
        widths = [max(cell_len(row[place]) for row in [list(headers), *shown]) for place in range(len(headers))]
        if sum(widths) + 2 * (len(widths) - 1) > self.width:
            longest = max(len(name) for name in headers)
            for number, row in enumerate(rows):
                if number:
                    self.say()
                self.pairs([(name, cell) for name, cell in zip(headers, row, strict=True) if cell], width=longest)
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in headers:
            table.add_column(name, no_wrap=True)
        for row in shown:
            from rich.text import Text

            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table, crop=False)
