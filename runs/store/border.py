"""The border to SQLite: each of its errors becomes one of guideway's, with the store's path and a way out."""

from __future__ import annotations

import sqlite3

from ...errors import (
    GuidewayError,
    JournalBroken,
    StateInvalid,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreNotFound,
    StoreReadOnly,
    StoreTooNew,
)

_LOCKED = (
    StoreLocked,
    "the store is held by another program ({cause}). Stop that program, or wait until it is done",
)
_READONLY = (
    StoreReadOnly,
    "the store cannot be written ({cause}). Give this user write access to the file and its folder",
)
_DAMAGED = (
    JournalBroken,
    "the store's file is damaged ({cause}). Restore it from a copy",
)
_FAILED = (StoreError, "the store cannot be used ({cause}). Nothing was committed")

BY_CODE: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_READONLY: _READONLY,
    sqlite3.SQLITE_PERM: _READONLY,
    sqlite3.SQLITE_AUTH: _READONLY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_CANTOPEN: (
        StoreNotFound,
        "the store's file cannot be opened ({cause}). Check that it, and its folder, are there",
    ),
    sqlite3.SQLITE_NOTADB: (StoreForeign, "the file is not a guideway store ({cause}). Name another file"),
    sqlite3.SQLITE_FULL: (StoreError, "the disk is full ({cause}). Nothing was committed. Make room and resume"),
    sqlite3.SQLITE_IOERR: (
        StoreError,
        "the disk failed ({cause}). What was being committed may be there or not. Check the disk and resume",
    ),
}


def mapped(error: sqlite3.Error | UnicodeEncodeError, path: str) -> GuidewayError:
    """The error of guideway's that stands for one of SQLite's.

    Args:
        error: what sqlite3 raised; text that is not Unicode it cannot even bind.
        path: the store's, to name it.
    """
    if isinstance(error, UnicodeEncodeError):
        return StateInvalid(f"{error.object!r} is not text that can be stored ({error.reason}). Nothing was committed.")
    code = getattr(error, "sqlite_errorcode", None)
    kind, text = _FAILED if code is None else BY_CODE.get(code & 0xFF, _FAILED)
    if code is None and "decode to UTF-8" in str(error):
        kind, text = _DAMAGED
    elif isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        text = "the store was closed. Open it anew"
    return kind(f"{path}: {text.format(cause=error)}.", path=path)


def foreign(path: str, found: str) -> StoreForeign:
    """The error for a file that is not a store."""
    return StoreForeign(
        f"{path}: this is not a guideway store, but {found}. It was left as it is. Name another file.", path=path
    )


def too_new(path: str, found: int, known: int) -> StoreTooNew:
    """The error for a file that a newer guideway wrote."""
    return StoreTooNew(
        f"{path}: this store has schema {found}, and this guideway knows schemas up to {known}. "
        "It was left as it is. Install a newer guideway.",
        path=path,
        found=found,
        known=known,
    )
