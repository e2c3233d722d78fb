"""Which file a store is, recorded in the store itself, so that a copy is noticed before it is driven.

A file is known by its inode: that stays when it is renamed, and when its disk is mounted anew under another
device's number; a copy has another one.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
import uuid
from contextlib import closing
from socket import gethostname

from ...errors import StoreError
from .database import Database
from .opening import connect

_log = logging.getLogger("guideway")

_ADD = "insert into files (store, inode, path, host, at) select ?, ?, ?, ?, ? where not exists (select 1 from files {})"
_LAST = "select store, inode, path, host, at from files order by number desc limit 1"


def record(database: Database) -> None:
    """Say in a store that says nothing of it yet which file it is.

    Args:
        database: the store's connection.
    """
    if database.file is None:
        return
    with database.reading() as cursor:
        known = cursor.execute("select 1 from files limit 1").fetchone()
    if known is None:
        database.single(_ADD.format(""), _row(database, uuid.uuid4().hex), "file")


def look(database: Database) -> None:
    """Before a run of a store is driven: where the file is another than any before, this is logged and recorded.

    Args:
        database: the store's connection.
    """
    try:
        _look(database)
    except StoreError as error:  # whoever drives the run meets it at the next commit
        _log.warning("%s: which file this store is could not be looked up: %s", database.path, error)


def _look(database: Database) -> None:
    if database.file is None:
        return
    with database.reading() as cursor:
        inode = str(database.file[1])
        if cursor.execute("select 1 from files where inode = ?", (inode,)).fetchone() is not None:
            return
        last = cursor.execute(_LAST).fetchone()
    if last is None:
        return
    store, before, path, host, at = last
    database.single(_ADD.format("where inode = ?"), (*_row(database, store), inode), "file")
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    if host == gethostname() and _is(path, before, store):
        _log.warning(
            "%s is a copy of %r, which is still there, and its runs are driven now. Whatever both of them have still "
            "to do is done twice: never drive the other again, or stop now. This is said once.",
            database.path, path,
        )  # fmt: skip
    else:
        _log.warning(
            "%s is another file than this store was when it was %r on %r (since %s): it was copied, restored or moved, "
            "and its runs are driven now. If the other one is driven too, or was driven on after this was copied, then "
            "effects are done twice. This is said once.",
            database.path, path, host, since,
        )  # fmt: skip


def _row(database: Database, store: str) -> tuple[object, ...]:
    assert database.file is not None
    return store, str(database.file[1]), database.path, gethostname(), time.time()


def _is(path: str, inode: str, store: str) -> bool:
    """Whether at a path there still is the file that was there, and this store in it; it is read, and not touched."""
    try:
        status = os.stat(path)
        if str(status.st_ino) != inode or not stat.S_ISREG(status.st_mode):
            return False
        with closing(connect(path, 0.0, "immutable=1")) as other:
            return other.execute("select 1 from files where store = ? limit 1", (store,)).fetchone() is not None
    except (OSError, ValueError, sqlite3.Error):
        return False
