"""A store that cannot be written, only read: an auditor's copy, another user's file, a disk that is mounted so."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable

from ...errors import JournalBroken, StoreLocked, StoreReadOnly
from . import schema
from .border import mapped
from .database import Database, came_through_fork, inherited
from .driving import Driving
from .leases import TTL, Leases
from .opening import BUSY, connect, find, version_of
from .schema import Tables


class ArchivedStore(Driving):
    """A store of runs that is read as it is, and left as it is: whatever would write raises StoreReadOnly.

    Args:
        path: the file.

    Raises:
        StoreNotFound: the file is missing.
        StoreForeign: it is something else.
        StoreTooNew: a newer guideway wrote it.
        StoreReadOnly: it cannot be read without writing: an older schema, or a log beside it that was not folded in.
        JournalBroken: the file is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        where = os.path.abspath(path)
        super().__init__(open_archive(where, schema.STORE))
        self._leases = Leases(where, self._db.file or object(), TTL)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._db.close()


def open_archive(path: str, tables: Tables) -> Database:
    """Open the file at a path for reading alone; nothing is made, not even beside it where that can be avoided.

    Args:
        path: absolute.
        tables: what the file holds.

    Raises:
        StoreError: as ``ArchivedStore``.
    """
    find(path)
    status = os.stat(path)
    if came_through_fork((status.st_dev, status.st_ino)):
        raise inherited(path)
    if _holds(path + "-journal"):
        raise _needs_writing(path, f"{path}-journal is what a crash left, and must be rolled back first")
    logged = _holds(path + "-wal")
    try:
        # Without a log the file is whole by itself, and SQLite would want to make one. With one, it must be read too.
        connection = connect(path, BUSY, "mode=ro" if logged else "immutable=1")
    except sqlite3.Error as error:
        raise _mapped(error, path, logged=logged) from error
    try:
        version = version_of(connection, path, tables, create=False)
        connection.execute("pragma query_only=on")
    except sqlite3.Error as error:
        connection.close()
        raise _mapped(error, path, logged=logged) from error
    except BaseException:
        connection.close()
        raise
    if version < len(tables.steps):
        connection.close()
        raise _needs_writing(
            path, f"it has schema {version}, and must be brought forward to schema {len(tables.steps)}"
        )
    database = Database(connection, path, (status.st_dev, status.st_ino), power=False)
    database.still = None if logged else _unchanged(path)
    return database


def _holds(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False


def _needs_writing(path: str, why: str) -> StoreReadOnly:
    return StoreReadOnly(
        f"{path}: the store cannot be written, and not be read without it: {why}. Copy it, with its -wal and -journal "
        "where they are there, to a folder that can be written, and read the copy.",
        path=path,
    )


def _mapped(error: sqlite3.Error, path: str, *, logged: bool) -> Exception:
    found = mapped(error, path)
    if logged and not isinstance(found, JournalBroken):
        return _needs_writing(path, f"{path}-wal holds the latest commits and cannot be read here ({error})")
    return found


def _unchanged(path: str) -> Callable[[], None]:
    """Raises where another program began to write the file: without a log, SQLite does not watch it for us."""

    def looks() -> tuple[int, int, bool]:
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns, _holds(path + "-wal")

    first = looks()

    def still() -> None:
        if looks() != first:
            raise StoreLocked(f"{path}: another program writes this store just now. Read it again.", path=path)

    return still
