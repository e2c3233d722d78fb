"""Opening a store: the file is found or made, known as ours, brought to today's schema, and writable."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...errors import StoreError, StoreForeign, StoreNotFound, StoreReadOnly, ToolMissing
from .border import foreign, mapped, too_new
from .database import Database, came_through_fork, inherited
from .patience import SLICE, Patient
from .schema import Tables

PATIENCE = 5.0  # seconds that opening waits for a lock; a foreign program's is not worth more
BUSY = 60.0  # seconds that a statement waits for another process of ours: far more than a commit takes
PAGE = 8192  # bytes of a page of a new file: of rows of a kilobyte and a third, two would fill one of SQLite's 4096
LOG_PAGES = 500  # of the write-ahead log before it is folded in: 4 MB; folding syncs twice, so rarely is cheap
POWER_PAGES = 125  # where every commit syncs: syncing a log that grows is dear, one that is written over is not
OLDEST = (3, 37, 0)  # knows strict tables

_making = threading.Lock()


def open_memory(tables: Tables) -> Database:
    """A database in memory, with the tables of a file's."""
    connection = connect(":memory:", BUSY)
    connection.execute("pragma synchronous=off")
    _bring_forward(connection, "(in memory)", tables, create=True)
    return Database(connection, "(in memory)", None, power=False)


def open_file(path: str, tables: Tables, *, create: bool, power: bool, patience: float = PATIENCE) -> Database:
    """Open the file at a path.

    Args:
        path: absolute.
        tables: what the file holds; an older one is brought forward.
        create: make the file when it is missing.
        power: every commit survives a power loss.
        patience: seconds to wait for whoever holds the file.

    Raises:
        StoreNotFound: the folder is missing, or the file is and ``create`` is false.
        StoreForeign: the file is something else.
        StoreTooNew: a newer guideway wrote it.
        StoreReadOnly: the file or its folder cannot be written.
        StoreLocked: another program holds it.
    """
    with _making:  # closing a file descriptor of ours would drop the locks of a connection to the same file
        fresh = _find_or_make(path, create)
        status = os.stat(path)
        if came_through_fork((status.st_dev, status.st_ino)):
            raise inherited(path)
        try:
            connection = connect(path, patience)
            connection.execute(f"pragma page_size={PAGE}")  # a file that is there keeps its own
        except sqlite3.Error as error:
            raise mapped(error, path) from error
    try:
        _bring_forward(connection, path, tables, create=create)
        write_ahead(connection, path)
        connection.execute(f"pragma synchronous={'full' if power else 'normal'}")
        connection.execute(f"pragma wal_autocheckpoint={POWER_PAGES if power else LOG_PAGES}")
        connection.execute("begin immediate")  # read-only and locked files are found now, not at the first step
        connection.execute("rollback")
        connection.patience = BUSY
    except sqlite3.Error as error:
        connection.close()
        raise mapped(error, path) from error
    except BaseException:
        connection.close()
        raise
    if fresh:
        _sync_folder(path)
    return Database(connection, path, (status.st_dev, status.st_ino), power=power)


def connect(path: str, patience: float, how: str = "mode=rw") -> Patient:
    """A connection in autocommit mode to an existing file, or to ``:memory:``.

    Args:
        path: absolute, or ``:memory:``.
        patience: seconds that a statement waits for a lock.
        how: of SQLite's parameters of a URI.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        raise ToolMissing(
            f"Python uses SQLite {sqlite3.sqlite_version}, and a store needs {'.'.join(map(str, OLDEST))} or newer. "
            "Install a newer SQLite, or a Python that brings one."
        )
    target = path if path == ":memory:" else f"{Path(path).as_uri()}?{how}"
    options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False, "uri": True}
    connection = sqlite3.connect(target, timeout=SLICE, factory=Patient, **options)
    connection.patience = patience
    connection.execute("pragma trusted_schema=off")
    connection.execute("pragma fullfsync=on")  # macOS: its fsync alone does not survive a power loss
    connection.execute("pragma checkpoint_fullfsync=on")
    return connection


def find(path: str) -> None:
    """Refuse what is no file.

    Raises:
        StoreNotFound: the folder or the file is missing.
        StoreForeign: it is a folder, a device or a pipe.
    """
    _must_have_a_folder(path)
    if not os.path.exists(path):
        raise StoreNotFound(f"{path}: there is no store. Check the path; a run's start makes a store.", path=path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise foreign(path, "a device or a pipe")


def _must_have_a_folder(path: str) -> None:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise StoreNotFound(f"{path}: the folder {folder} does not exist. Make it, or name another place.", path=path)
    if os.path.isdir(path):
        raise foreign(path, "a folder")


def _find_or_make(path: str, create: bool) -> bool:
    _must_have_a_folder(path)
    fresh = False
    if create and not os.path.exists(path):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            fresh = True
        except FileExistsError:
            pass  # another process was faster
        except OSError as error:
            raise _read_only(path, str(error)) from error
    find(path)
    for place in (path, os.path.dirname(path)):
        if not os.access(place, os.W_OK):
            raise _read_only(path, f"{place} is not writable")
    return fresh


def _read_only(path: str, found: str) -> StoreReadOnly:
    return StoreReadOnly(
        f"{path}: the store cannot be written ({found}). Give this user write access to the file and its folder.",
        path=path,
    )


def version_of(connection: sqlite3.Connection, path: str, tables: Tables, *, create: bool) -> int:
    """The file's schema version, 0 for an empty file; refuses what is not ours. Called in a transaction."""
    application, version, count = (
        int(connection.execute(sql).fetchone()[0])
        for sql in ("pragma application_id", "pragma user_version", "select count(*) from sqlite_master")
    )
    if application == version == count == 0:
        if not create:
            raise StoreForeign(f"{path}: this file is empty, not a store. Check the path.", path=path)
        return 0
    if application != tables.application:
        raise foreign(path, "an SQLite file of another program")
    if version > len(tables.steps):
        raise too_new(path, version, len(tables.steps))
    return version


def _bring_forward(connection: sqlite3.Connection, path: str, tables: Tables, *, create: bool) -> None:
    """Make or migrate the tables, all steps in one transaction: a store is never half-made."""
    with _transaction(connection, "begin"):  # one look at one state: another process may be making the tables just now
        version = version_of(connection, path, tables, create=create)
    if version == len(tables.steps):
        return
    with _transaction(connection, "begin immediate"):
        version = version_of(connection, path, tables, create=create)  # again: that process may have been faster
        take_steps(connection, tables, version)


def take_steps(connection: sqlite3.Connection, tables: Tables, version: int) -> None:
    """Bring the tables from a version to today's, inside the caller's transaction."""
    for step in tables.steps[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"pragma application_id={tables.application}")
    connection.execute(f"pragma user_version={len(tables.steps)}")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Generator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("commit")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("rollback")
        raise


def write_ahead(connection: sqlite3.Connection, path: str) -> None:
    """Set the file's mode, which needs the file for a moment alone.

    Raises:
        StoreError: the file system does not allow it.
    """
    mode = connection.execute("pragma journal_mode=wal").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"{path}: this file system does not allow SQLite's write-ahead log (the mode is {mode!r}). "
            "Put the store on a local disk.",
            path=path,
        )


def _sync_folder(path: str) -> None:
    # A new file's name must survive a power loss too; some systems do not allow this, and then it is theirs.
    with suppress(OSError):
        handle = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
