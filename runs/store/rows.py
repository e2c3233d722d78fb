"""Rows of runs, read from the store and turned into RunRow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from ...errors import ConfigError, JournalBroken, RunNotFound
from ..lifecycle import STATUSES
from .border import mapped
from .chain import decode, encode, genesis
from .holder import Holder
from .records import Damaged, RunRow

T = TypeVar("T")

_RUN = """
    select r.rid, r.id, r.flow, r.shape, r.build, r.status, r.verdict, r.ending, r.starter, r.tags, r.created,
        r.updated, r.fence, r.holder, r.error, e.key, e.link
    from runs r left join events e on e.key =
        (select max(key) from events where key between r.rid << 32 and (r.rid << 32) + 4294967295)
"""


def find(cursor: sqlite3.Cursor, run: str | int, path: str) -> RunRow:
    """The row of a run, by id or by the store's number.

    Raises:
        RunNotFound: no such run.
        JournalBroken: the row does not decode.
    """
    column = "rid" if isinstance(run, int) else "id"
    row = cursor.execute(f"{_RUN} where r.{column} = ?", (run,)).fetchone()
    if row is None:
        raise missing(run, path)
    return _row(row, path)


def number(cursor: sqlite3.Cursor, run: str | int, path: str) -> int:
    """The store's number of a run.

    Raises:
        RunNotFound: no such run.
    """
    if isinstance(run, int):
        return run
    row = cursor.execute("select rid from runs where id = ?", (run,)).fetchone()
    if row is None:
        raise missing(run, path)
    return int(row[0])


def missing(run: str | int, path: str) -> RunNotFound:
    """The error for a run that is not there."""
    return RunNotFound(f"{path}: there is no run {run!r}. `guideway runs` lists the runs of a store.", run=run)


def listed(
    cursor: sqlite3.Cursor,
    path: str,
    *,
    status: str | None,
    flow: str | None,
    tags: Iterable[str],
    limit: int,
    after: str | None,
) -> list[RunRow | Damaged]:
    """Runs, newest first, those that cannot be read too; ``after`` is the last run of the page before."""
    wanted: list[str] = []
    values: list[Any] = []
    for column, value in (("status", status), ("flow", flow)):
        if value is not None:
            wanted.append(f"r.{column} = ?")
            values.append(value)
    for tag in tag_list(tags):
        wanted.append(
            "case when json_valid(r.tags) then exists (select 1 from json_each(r.tags) where value = ?) else false end"
        )
        values.append(tag)
    if after is not None:
        wanted.append("r.rid < ?")
        values.append(_page_after(cursor, after, path))
    where = f"where {' and '.join(wanted)}" if wanted else ""
    order = f"{where} order by r.rid desc limit ?"
    try:
        found = cursor.execute(f"{_RUN} {order}", (*values, limit)).fetchall()
        return [_row(row, path) for row in found]
    except (sqlite3.DatabaseError, JournalBroken):  # one of them is damaged: each is read by itself
        numbers = cursor.execute(f"select r.rid from runs r {order}", (*values, limit)).fetchall()
        return [or_damaged(cursor, rid, path, partial(find, cursor, rid, path)) for (rid,) in numbers]


def whole(row: T | Damaged) -> T:
    """A row that can be read.

    Raises:
        JournalBroken: it cannot.
    """
    if isinstance(row, Damaged):
        raise row.error
    return row


def or_damaged(cursor: sqlite3.Cursor, rid: int, path: str, read: Callable[[], T]) -> T | Damaged:
    """What is read of a run, or what stands for it where that cannot be.

    Args:
        cursor: a cursor.
        rid: the store's number of the run.
        path: the store's, to name it.
        read: reads it.
    """
    try:
        return read()
    except (sqlite3.DatabaseError, JournalBroken) as error:
        found = mapped(error, path) if isinstance(error, sqlite3.DatabaseError) else error
        if not isinstance(found, JournalBroken):
            raise  # the store as a whole cannot be read now
        row = cursor.execute("select cast(id as blob), cast(flow as blob) from runs where rid = ?", (rid,)).fetchone()
        run, flow = (f"number {rid}", "") if row is None else (part.decode(errors="replace") for part in row)
        return Damaged(run, flow, found)


def tag_list(tags: Iterable[str]) -> list[str]:
    """Tags as a list of words.

    Raises:
        ConfigError: it is one text, which would be read as letters, or one of them is no text.
    """
    if isinstance(tags, str):
        raise ConfigError(f"tags={tags!r} is one text, which would be read as letters: write tags=[{tags!r}]")
    found = list(tags)
    for tag in found:
        if not isinstance(tag, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise ConfigError(f"the tag {tag!r} is no text: tags= is a list of words, such as ['vip', 'march']")
    return found


def tag_text(tags: Iterable[str]) -> str:
    """Tags as the column holds them; ConfigError as ``tag_list``."""
    return encode(tag_list(tags), "the tags").decode()


def _page_after(cursor: sqlite3.Cursor, after: str, path: str) -> int:
    try:
        return number(cursor, after, path)
    except RunNotFound as error:
        raise RunNotFound(
            f"{path}: there is no run {after!r} to list what comes after it. "
            "Give the id of the last run of the page before.",
            run=after,
        ) from error


def _row(row: tuple[Any, ...], path: str) -> RunRow:
    rid, run, flow, shape, build, status, verdict, end, by, tags, created, updated, fence, *rest = row
    holder, error, key, link = rest
    try:
        if status not in STATUSES:
            raise ValueError(f"there is no status {status!r}")
        return RunRow(
            rid=rid,
            id=run,
            flow=flow,
            shape=shape,
            build=build,
            status=status,
            verdict=verdict,
            end=end,
            by=by,
            tags=tuple(json.loads(tags)),
            created=created,
            updated=updated,
            fence=fence,
            holder=None if holder is None else Holder.read(holder).describe(),
            tail=0 if key is None else key & 0xFFFFFFFF,
            link=genesis(run) if link is None else link,
            error=None if error is None else decode(error),
        )
    except (ValueError, TypeError) as cause:
        raise broken(path, f"the row of run {run!r}", cause, row=f"runs {rid}") from cause


def broken(path: str, what: str, cause: object, *, row: str) -> JournalBroken:
    """The error for a row that does not decode or does not fit."""
    return JournalBroken(
        f"{path}: {what} cannot be read ({cause}). Nothing was changed. Restore the store from a copy.",
        path=path,
        row=row,
    )
