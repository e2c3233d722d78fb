"""rich's console as the command line uses it."""

from __future__ import annotations

from typing import NoReturn, TextIO

from rich.console import Console


class Terminal(Console):
    """A console that reads no meaning into data, and raises where its reader has left.

    Args:
        file: where it writes.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False, soft_wrap=False)

    def on_broken_pipe(self) -> NoReturn:
        """Raises BrokenPipeError: rich would end the thread that writes, which may be the one that drives a run."""
        raise BrokenPipeError
