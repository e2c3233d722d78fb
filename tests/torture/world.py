"""The world outside of a run: a ledger on disk that keeps what was really done, whatever becomes of the process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class World:
    """Where tools act; it is handed to them as ``Context.deps``.

    Args:
        folder: holds the ledger.
        dies_after: the name of the effect right after which the process dies, before anything is recorded; once.
        points: told of each effect, before and after it.
    """

    folder: Path
    dies_after: str | None = None
    points: Callable[[str], None] | None = None

    @property
    def ledger(self) -> Path:
        """One line an effect: its name, its idempotency key, and what it was about."""
        return self.folder / "ledger"

    def does(self, effect: str, key: str, about: object) -> str:
        """Do something that cannot be undone, in one write that is on the disk when this returns.

        Args:
            effect: its name.
            key: the idempotency key; a world that honours keys is not assumed: every call counts.
            about: what it is about.
        """
        if self.points is not None:
            self.points(f"effect before {effect}")
        file = os.open(self.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, f"{effect}\t{key}\t{about}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)
        if self.dies_after == effect and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.points is not None:
            self.points(f"effect after {effect}")
        return f"{effect} of {about}"

    @property
    def mark(self) -> Path:
        """Says that the process died after the effect already."""
        return self.folder / "died"

    def done(self) -> list[str]:
        """What was done, in order."""
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def found(self, key: str) -> str | None:
        """The result of what was done under a key; None where nothing was."""
        for line in self.done():
            effect, own, about = line.split("\t")
            if own == key:
                return f"{effect} of {about}"
        return None

    @property
    def mended(self) -> bool:
        """Whether what keeps failing was mended."""
        return (self.folder / "mended").exists()

    def mend(self) -> None:
        """Mend what keeps failing."""
        (self.folder / "mended").touch()

    def unmend(self) -> None:
        """Let it fail again."""
        (self.folder / "mended").unlink(missing_ok=True)
