"""The table of requests: opened with the event that asks, and moved only by compare-and-set."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from ...errors import DecisionRefused, JournalBroken, RequestNotFound
from . import rows
from .chain import decode, encode
from .records import Damaged, RequestDraft, RequestRow

_log = logging.getLogger("guideway")
_left_out: set[tuple[str, str]] = set()

# From which statuses a driver may bring a request to a new one: what was decided is used once.
_DECIDED = ("approved", "denied", "edited", "answered", "expired")
_STATUSES = frozenset(("open", *_DECIDED, "consumed", "dispatched", "revoked", "withdrawn"))
_FROM: dict[str, tuple[str, ...]] = {
    "expired": ("open",),
    "consumed": _DECIDED,
    "dispatched": ("consumed", "dispatched"),
    "undispatched": ("consumed", "dispatched"),
    "withdrawn": ("open", *_DECIDED),
}
_WRITTEN = {"undispatched": "consumed"}
"""What was dispatched and did nothing is as if it had not been dispatched yet."""

LEFT = 0.2
"""The share of a request's time that is left when people are reminded of it."""
LEAST = 60.0
"""Seconds that are left then at the least, so that somebody can act."""

TOLD = """
    update requests set notice = case when remind > ? then remind end where id = ? and status = 'open' and notice = ?
"""
"""Whoever carries this out tells people of the request, and nobody else does; a reminder that is due falls away."""

# What people are shown must be what the run asked: the row is compared with the event, from the run's last one back.
_ROW = """
    select q.id, r.id, q.rid, q.status, q.role, q.due, q.digest, q.body, q.status <> 'open' or exists (
        select 1 from events e where e.key between q.rid << 32 and (q.rid << 32) + 4294967295
        and e.kind = 'asked' and e.body = q.body order by e.key desc limit 1
    )
    from requests q join runs r using (rid)
"""


def open_one(cursor: sqlite3.Cursor, rid: int, request: RequestDraft, at: float) -> None:
    """Open a request of a run; people are to be told of it now, and again before it expires."""
    body = encode(request.body, f"the request {request.id!r}").decode()
    remind = remind_at(at, request.due)
    cursor.execute(
        "insert into requests (id, rid, status, role, due, digest, body, notice, remind) "
        "values (?, ?, 'open', ?, ?, ?, ?, ?, ?)",
        (request.id, rid, request.role, request.due, request.digest, body, at, remind),
    )


def remind_at(asked: float, due: float | None) -> float | None:
    """When people are reminded of a request that nobody decided.

    It is when a fifth of its time is left, but at least a minute, and never before half of it is over.

    Args:
        asked: when it opened, unix seconds.
        due: when it expires; None for never.
    """
    if due is None or due <= asked:
        return None
    whole = due - asked
    return due - min(max(whole * LEFT, LEAST), whole / 2)


def to_tell(cursor: sqlite3.Cursor, flow: str, now: float) -> list[tuple[str, float]]:
    """The open requests of a flow that people are to be told of, and the moment that each is known by."""
    return cursor.execute(
        "select q.id, q.notice from requests q join runs r using (rid) where q.status = 'open' and q.notice <= ? "
        "and (q.due is null or q.due > ?) and r.flow = ? order by q.notice, q.rowid",
        (now, now, flow),
    ).fetchall()


def move(cursor: sqlite3.Cursor, rid: int, request: str, status: str, path: str) -> None:
    """Bring a run's own request to a new status, where the old one allows it.

    Raises:
        RequestNotFound: this run has no such request.
        DecisionRefused: the request's status does not allow it.
    """
    before = _FROM.get(status, ())
    marks = ",".join("?" * len(before))
    changed = cursor.execute(
        f"update requests set status = ? where id = ? and rid = ? and status in ({marks})",
        (_WRITTEN.get(status, status), request, rid, *before),
    ).rowcount
    if not changed:
        row = find(cursor, request, path)
        if row.rid != rid:
            raise missing(request, path)
        raise refused(row, f"it cannot become {status}", row.status)


def find(cursor: sqlite3.Cursor, request: str, path: str) -> RequestRow:
    """A request by its id.

    Raises:
        RequestNotFound: no such request.
        JournalBroken: the row does not decode.
    """
    row = cursor.execute(f"{_ROW} where q.id = ?", (request,)).fetchone()
    if row is None:
        raise missing(request, path)
    return _row(row, path)


def listed(
    cursor: sqlite3.Cursor, path: str, condition: str, values: tuple[Any, ...], limit: int | None = None
) -> list[RequestRow]:
    """Requests that a condition of ours selects, those that expire first in front, then by age."""
    sql = f"{_ROW} where {condition} order by q.due is null, q.due, q.rowid limit ?"
    found = cursor.execute(sql, (*values, -1 if limit is None else limit)).fetchall()
    return [_row(row, path) for row in found]


def places(cursor: sqlite3.Cursor, condition: str, values: tuple[Any, ...]) -> list[tuple[int, int]]:
    """The places in the table of what ``listed`` gives, each with the number of its run; no row is decoded."""
    order = f"where {condition} order by q.due is null, q.due, q.rowid"
    return cursor.execute(f"select q.rowid, q.rid from requests q join runs r using (rid) {order}", values).fetchall()


def at(cursor: sqlite3.Cursor, place: int, rid: int, path: str) -> RequestRow | Damaged:
    """The request at a place of the table, or what stands for one that cannot be read."""

    def read() -> RequestRow:
        return _row(cursor.execute(f"{_ROW} where q.rowid = ?", (place,)).fetchone(), path)

    return rows.or_damaged(cursor, rid, path, read)


AFTER = """
    (q.due is null, coalesce(q.due, 0), q.rowid) >
    (select due is null, coalesce(due, 0), rowid from requests where id = ?)
"""
"""What comes behind a request in the order of ``listed``, whatever its status is by now."""


def readable(cursor: sqlite3.Cursor, path: str, condition: str, values: tuple[Any, ...]) -> list[RequestRow]:
    """As ``listed``; a row that does not decode is logged once and left out, so that it holds up no other."""
    found: list[RequestRow] = []
    for row in cursor.execute(f"{_ROW} where {condition} order by q.due is null, q.due, q.rowid", values).fetchall():
        try:
            rows.find(cursor, int(row[2]), path)
            asked = _row(row, path)
            if asked.body.get("due", asked.due) != asked.due:  # nobody's time is over because a row is damaged
                cause = "it expires at another time than the journal says"
                raise rows.broken(path, f"request {asked.id!r}", cause, row=f"requests {asked.id}")
            found.append(asked)
        except JournalBroken as error:
            if (path, row[0]) not in _left_out:
                _left_out.add((path, row[0]))
                _log.error("request %s cannot expire: %s", row[0], error)
    return found


def withdraw_open(cursor: sqlite3.Cursor, rid: int) -> None:
    """Withdraw what a run still asks."""
    cursor.execute("update requests set status = 'withdrawn' where rid = ? and status = 'open'", (rid,))


def settle(cursor: sqlite3.Cursor, row: RequestRow, expect: str, status: str) -> None:
    """Bring a request from the status that was expected to a new one.

    Raises:
        DecisionRefused: its status is another.
    """
    changed = cursor.execute(
        "update requests set status = ? where id = ? and status = ?", (status, row.id, expect)
    ).rowcount
    if not changed:
        raise refused(row, "somebody or something was faster", row.status)


def refused(row: RequestRow, why: str, reason: str) -> DecisionRefused:
    """The error for a decision that does not count."""
    return DecisionRefused(
        f"request {row.id!r} of run {row.run!r} is {row.status}: {why}. Nothing was recorded. "
        "`guideway inbox` lists what is open.",
        run=row.run,
        request=row.id,
        reason=reason,
        status=row.status,
    )


def missing(request: str, path: str) -> RequestNotFound:
    """The error for a request that is not there."""
    return RequestNotFound(
        f"{path}: there is no request {request!r}. `guideway inbox` lists what is open.", request=request
    )


def _row(row: tuple[Any, ...], path: str) -> RequestRow:
    request, run, rid, status, role, due, digest, body, journalled = row
    try:
        if status not in _STATUSES:
            raise ValueError(f"there is no status {status!r}")
        return RequestRow(request, run, rid, status, role, due, digest, decode(body), bool(journalled))
    except ValueError as cause:
        raise rows.broken(path, f"request {request!r}", cause, row=f"requests {request}") from cause
