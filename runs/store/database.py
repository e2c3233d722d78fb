"""One connection under one lock: reading, writing in transactions, and the power-safe commit."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from ...errors import StoreError
from .border import mapped

Hook = Callable[[str, str], None]

LOOK = 64
"""Commits between two looks at the size of the write-ahead log: a power of two."""
LONG = 16 * 2**20
"""Bytes of the log at which it is cut: SQLite begins it anew by itself, but only in a moment when nobody reads."""
TELL = 64 * 2**20
"""Bytes of the log at which it is told that somebody reads for so long that it cannot be cut; then at twice that."""

_log = logging.getLogger("guideway")


class Transaction:
    """A write in progress: its cursor, and the kinds of what it writes, for the hook."""

    __slots__ = ("cursor", "kinds")

    def __init__(self, cursor: sqlite3.Cursor, kinds: str) -> None:
        self.cursor = cursor
        self.kinds = kinds


class Database:
    """The store's connection.

    Args:
        connection: in autocommit mode, usable from any thread.
        path: the store's, to name it in errors.
        file: device and inode of the store's file, None in memory.
        power: every commit survives a power loss.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, file: tuple[int, int] | None, *, power: bool) -> None:
        self.path = path
        self.file = file
        self.hook: Hook | None = None
        self.still: Callable[[], None] | None = None  # raises where what was read may have been half-written
        self._connection: Any = connection
        self._cursor: Any = connection.cursor()  # of statements that are over when they return
        self._commits = 0
        self._told = TELL
        self._lock = threading.RLock()
        self._always = power or file is None
        self.closed = False
        _opened.add(self)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Cursor]:
        """A cursor under the lock; inside a transaction of the same thread it sees that transaction."""
        with self._lock:
            try:
                yield self._connection.cursor()
                if self.still is not None:
                    self.still()
            except (sqlite3.Error, UnicodeEncodeError) as error:
                if self.still is not None:
                    self.still()
                raise mapped(error, self.path) from error

    @contextmanager
    def writing(self, kinds: str, *, power: bool = False) -> Generator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Args:
            kinds: what is written, for the hook; the block may set it later.
            power: this commit survives a power loss, and all before it do.
        """
        with self._lock:
            try:
                self._harden(power)
                cursor = self._cursor
                cursor.execute("begin immediate")
                try:
                    transaction = Transaction(self._connection.cursor(), kinds)
                    yield transaction
                    if self.hook is not None:
                        self.hook("before", transaction.kinds)
                    cursor.execute("commit")
                except BaseException:
                    with suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
                        cursor.execute("rollback")
                    raise
                if self.hook is not None:
                    self.hook("after", transaction.kinds)
                self._committed()
            except (sqlite3.Error, UnicodeEncodeError) as error:
                raise mapped(error, self.path) from error
            finally:
                self._soften(power)

    def single(self, sql: str, values: tuple[Any, ...], kinds: str, *, power: bool = False) -> int:
        """One statement that is its own transaction: how many rows it wrote; -1 when its key is taken."""
        with self._lock:
            try:
                if power:
                    self._harden(power)
                if self.hook is not None:
                    self.hook("before", kinds)
                count: int = self._cursor.execute(sql, values).rowcount
                if self.hook is not None:
                    self.hook("after", kinds)
                self._committed()
                return count
            except sqlite3.IntegrityError:
                return -1
            except (sqlite3.Error, UnicodeEncodeError) as error:
                raise mapped(error, self.path) from error
            finally:
                if power:
                    self._soften(power)

    def _committed(self) -> None:
        self._commits += 1
        if self._commits % LOOK or self.file is None:
            return
        with suppress(OSError, sqlite3.Error):  # of no concern to what was committed
            size = os.stat(f"{self.path}-wal").st_size
            if size < LONG or not self._cursor.execute("pragma wal_checkpoint(truncate)").fetchone()[0]:
                self._told = TELL
            elif size >= self._told:
                self._told = 2 * size
                _log.warning(
                    "%s-wal has grown to %d MB: another program has been reading the store for so long that its log "
                    "cannot be cut. Nothing is lost; end that program, or its transaction.",
                    self.path, size >> 20,
                )  # fmt: skip

    # By executescript: SQLite may carry this pragma out when it is compiled, and a cached statement is not again.

    def _harden(self, power: bool) -> None:
        if power and not self._always:
            self._connection.executescript("pragma synchronous=full")

    def _soften(self, power: bool) -> None:
        if power and not self._always:
            with suppress(sqlite3.Error):  # what stays hard is slow, and safe
                self._connection.executescript("pragma synchronous=normal")

    def close(self) -> None:
        """Close the connection; a second time does nothing."""
        with self._lock:
            if not self.closed:
                self.closed = True
                self._cursor.close()  # a statement that is not let go would keep the file open
                self._connection.close()
                _opened.discard(self)

    def leave_to_parent(self) -> None:
        """Called in a forked child: SQLite's connections do not survive a fork, so this one refuses all."""
        _abandoned.extend((self._cursor, self._connection))  # not even closed: that would touch the parent's files
        self._connection = self._cursor = _Inherited(self.path)
        self._lock = threading.RLock()
        self.closed = True


class _Inherited:
    """Stands for a connection that was opened before a fork."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __getattr__(self, name: str) -> NoReturn:
        raise inherited(self.path)


def inherited(path: str) -> StoreError:
    """The error for a store whose connection came through a fork."""
    return StoreError(
        f"{path}: this store was opened before this process was forked from its parent, and SQLite does not "
        "allow that. Open the store after the fork, or start the process with 'spawn'.",
        path=path,
    )


def came_through_fork(file: tuple[int, int]) -> bool:
    """Whether a parent of this process had this file open when it forked."""
    return file in _files_of_parent


_opened: weakref.WeakSet[Database] = weakref.WeakSet()
_abandoned: list[Any] = []
_files_of_parent: set[tuple[int, int]] = set()


def _after_fork() -> None:
    for database in list(_opened):
        if database.file is not None:
            _files_of_parent.add(database.file)
            database.leave_to_parent()
            _opened.discard(database)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
