"""What is really in a SQLite file, seen by a connection of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def count(path: Path, sql: str, *values: Any) -> int:
    """The number that a query gives: read from the file, so that only what was committed counts.

    Args:
        path: the file.
        sql: gives one number.
        values: for its question marks.
    """
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(sql, values).fetchone()[0])


def size(path: Path) -> int:
    """Bytes of the file and of its write-ahead log, once the log is folded in.

    Args:
        path: the file.
    """
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    return path.stat().st_size + log_length(path)


def log_length(path: Path) -> int:
    """Bytes of a file's write-ahead log.

    Args:
        path: the file.
    """
    log = path.with_name(path.name + "-wal")
    return log.stat().st_size if log.exists() else 0


def at_least(found: int, wanted: int, what: str) -> None:
    """Refuses a round that did not do its work, so that no line of the table measures a no-op.

    Args:
        found: how many there are.
        wanted: how many there must be.
        what: of what, for the message.

    Raises:
        RuntimeError: fewer.
    """
    if found < wanted:
        raise RuntimeError(f"{found} {what}, where at least {wanted} must be")
