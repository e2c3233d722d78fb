"""The saver's file: its tables, and how it is found, made and known again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress

from ..store import opening
from ..store.border import foreign, mapped, too_new
from ..store.database import Database, came_through_fork, inherited

APPLICATION = 0x67776370  # "gwcp" in the file's header: checkpoints of a saver, not a store of runs

# A channel's value is written once for each version of it; a checkpoint's body names the channels that it has.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        create table checkpoints (
            thread text not null,
            ns text not null,
            id text not null,
            parent text,
            body blob not null,
            metadata blob not null,
            primary key (thread, ns, id)
        ) strict
        """,
        """
        create table channels (
            thread text not null,
            ns text not null,
            name text not null,
            version text not null,
            value blob not null,
            primary key (thread, ns, name, version)
        ) strict
        """,
        """
        create table writes (
            thread text not null,
            ns text not null,
            checkpoint text not null,
            task text not null,
            place integer not null,
            path text not null,
            channel text not null,
            value blob not null,
            primary key (thread, ns, checkpoint, task, place)
        ) strict
        """,
    ),
)
"""Step n brings a file of version n to version n + 1; steps are added, never changed."""


def open_tables(path: str, *, power: bool) -> Database:
    """Open the saver's file, made when it is missing.

    Args:
        path: of the file, or ``":memory:"``.
        power: every commit survives a power loss.

    Raises:
        StoreNotFound: the folder is missing.
        StoreForeign: the file is something else, a store of runs too.
        StoreTooNew: a newer guideway wrote it.
        StoreReadOnly: the file or its folder cannot be written.
        StoreLocked: another program holds it.
    """
    if path == ":memory:":
        connection = opening.connect(path, opening.BUSY)
        _bring_forward(connection, path)
        return Database(connection, path, None, power=False)
    path = os.path.abspath(path)
    opening._find_or_make(path, create=True)
    status = os.stat(path)
    file = (status.st_dev, status.st_ino)
    if came_through_fork(file):
        raise inherited(path)
    try:
        connection = opening.connect(path, opening.PATIENCE)
    except sqlite3.Error as error:
        raise mapped(error, path) from error
    try:
        _bring_forward(connection, path)
        opening.write_ahead(connection, path)
        connection.execute(f"pragma synchronous={'full' if power else 'normal'}")
        connection.patience = opening.BUSY
    except sqlite3.Error as error:
        connection.close()
        raise mapped(error, path) from error
    except BaseException:
        connection.close()
        raise
    return Database(connection, path, file, power=power)


def _version(connection: sqlite3.Connection, path: str) -> int:
    application, version, tables = (
        int(connection.execute(sql).fetchone()[0])
        for sql in ("pragma application_id", "pragma user_version", "select count(*) from sqlite_master")
    )
    if application == version == tables == 0:
        return 0
    if application != APPLICATION:
        raise foreign(path, "an SQLite file of something else (a saver's file holds checkpoints only)")
    if version > len(STEPS):
        raise too_new(path, version, len(STEPS))
    return version


def _bring_forward(connection: sqlite3.Connection, path: str) -> None:
    """Make or migrate the tables, all steps in one transaction."""
    if _version(connection, path) == len(STEPS):
        return
    connection.execute("begin immediate")
    try:
        for step in STEPS[_version(connection, path) :]:  # again: another process may have been faster
            for statement in step:
                connection.execute(statement)
        connection.execute(f"pragma application_id={APPLICATION}")
        connection.execute(f"pragma user_version={len(STEPS)}")
        connection.execute("commit")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("rollback")
        raise
