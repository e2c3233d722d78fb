"""Connections that wait for their turn: what finds the file locked is tried again, often, until their patience is over.

SQLite's own waiting ends up asking ten times a second. Where many processes write one file as fast as they can, that
is slow, and luck decides who never gets a turn; this asks more than a hundred times a second.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Self, cast

SLICE = 0.03
"""Seconds that SQLite waits by itself before it is asked again: within them it looks after 1, 3, 8 and 18 ms."""


class Patient(sqlite3.Connection):
    """A connection that waits for its turn; ``patience`` is for how many seconds."""

    patience = SLICE

    def cursor(self, factory: Any = None) -> Any:
        """A cursor that waits for its turn."""
        return super().cursor(factory or _Cursor)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """A statement on a cursor of its own."""
        return self.cursor().execute(sql, parameters)


class _Cursor(sqlite3.Cursor):
    """Tries again what finds the file locked: SQLite has done nothing of it then."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if not _locked(error):
                raise
        return self._again(sql, parameters)

    def _again(self, sql: str, parameters: Any) -> Self:
        end = time.monotonic() + cast(Patient, self.connection).patience - SLICE
        while True:
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if not _locked(error) or time.monotonic() >= end:
                    raise


def _locked(error: sqlite3.OperationalError) -> bool:
    code = error.sqlite_errorcode
    return code & 0xFF == sqlite3.SQLITE_BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT  # which waiting does not cure
