"""The table of events: reading a run's journal, and writing what one commit changes."""

from __future__ import annotations

import sqlite3
from typing import Any, cast

from ...errors import StoreError
from ..lifecycle import OVER
from . import chain, requests, rows, shelf
from .chain import decode, encode, genesis, prepare
from .records import Change, Event

# The fence is checked by the statement that writes: an ordinary step is this one statement and nothing else.
APPEND = """
    insert into events (key, kind, at, body, link)
    select ?, ?, ?, ?, ? from runs where rid = ? and fence = ?
"""
_INSERT = "insert into events (key, kind, at, body, link) values (?, ?, ?, ?, ?)"
_SELECT = "select key, kind, at, cast(body as blob), link, erased from events where key > ? and key <= ? order by key"
_ID = "select id from runs where rid = ?"
_LAST = 0xFFFFFFFF


def key(rid: int, number: int) -> int:
    """The row of an event."""
    return rid << 32 | number


def tail(cursor: sqlite3.Cursor, rid: int, run: str) -> tuple[int, bytes]:
    """Number and link of a run's last event; 0 and the run's genesis when there is none."""
    row = cursor.execute(
        "select key, link from events where key between ? and ? order by key desc limit 1", (rid << 32, key(rid, _LAST))
    ).fetchone()
    return (0, genesis(run)) if row is None else (row[0] & _LAST, row[1])


def read(
    cursor: sqlite3.Cursor, rid: int, after: int, path: str, link: bytes | None = None, until: int = _LAST
) -> list[Event]:
    """A run's events after a number, in their order.

    Args:
        cursor: a cursor.
        rid: the store's number of the run.
        after: the number.
        path: the store's, to name it.
        link: of the event of that number, where the caller knows it.
        until: the number of the last that is wanted.

    Raises:
        JournalBroken: a row does not decode, does not fit the one before it, or is missing.
    """
    link = link or _link(cursor, rid, after)
    found = cursor.execute(_SELECT, (key(rid, after), key(rid, until))).fetchall()
    events: list[Event] = []
    expected = after
    for place, kind, at, payload, own, erased in found:
        number, expected = place & _LAST, expected + 1
        if number != expected:
            raise _broken(path, rid, expected, "it is missing")
        if payload is None:
            if erased is None:
                raise _broken(path, rid, number, "it has no payload")
            events.append(Event(number, kind, at, {}, own, b"", erased))
            continue
        try:
            body = decode(payload)
        except ValueError as error:
            raise _broken(path, rid, number, error) from error
        if not isinstance(body, dict):
            raise _broken(path, rid, number, "it is not an object")
        events.append(Event(number, kind, at, cast(dict[str, Any], body), own, payload))
    changed = chain.unfit(link, after, events)
    if changed is not None:
        raise _broken(path, rid, changed, "it was changed: it does not fit the one before it")
    return events


def since(cursor: sqlite3.Cursor, rid: int, number: int, link: bytes, path: str) -> list[Event] | None:
    """A run's events after one of which the caller knows the link; None where the row has another, or is gone."""
    return read(cursor, rid, number, path, link) if _link(cursor, rid, number) == link else None


def _link(cursor: sqlite3.Cursor, rid: int, number: int) -> bytes:
    """The link of an event; of number 0 the run's genesis."""
    sql, row = ("select link from events where key = ?", key(rid, number)) if number else (_ID, rid)
    found = cursor.execute(sql, (row,)).fetchone()
    if found is None:
        return b""
    return bytes(found[0]) if number else genesis(found[0])


def _broken(path: str, rid: int, number: int, cause: object) -> StoreError:
    return rows.broken(path, f"event {number} of run number {rid}", cause, row=f"events {key(rid, number)}")


def write(
    cursor: sqlite3.Cursor, rid: int, tail: int, link: bytes, change: Change, *, at: float, path: str
) -> list[Event]:
    """Write everything that a change says about one run, inside the caller's transaction.

    Args:
        cursor: in a transaction.
        rid: the store's number of the run.
        tail: number of the run's last event.
        link: the chain's digest up to it.
        change: what to write.
        at: unix seconds of the events.
        path: the store's, to name it.

    Raises:
        StateInvalid: data that JSON cannot carry.
        DecisionRefused: a request's status does not allow what is asked.
        EffectTaken: a business key is claimed already.
    """
    events = prepare(change.drafts, tail, link, at)
    insert(cursor, rid, events)
    for request in change.open_requests:
        requests.open_one(cursor, rid, request, at)
    for request_id, status in change.request_status.items():
        requests.move(cursor, rid, request_id, status, path)
    for effect in change.effects:
        shelf.set_effect(cursor, rid, tail + 1 + effect.place, effect, path)
    if change.checkpoint is not None:
        shelf.put_checkpoint(cursor, rid, change.checkpoint)
    _update_run(cursor, rid, change, at)
    return events


def insert(cursor: sqlite3.Cursor, rid: int, events: list[Event]) -> None:
    """Write events of a run, inside the caller's transaction."""
    for event in events:
        row = (key(rid, event.number), event.kind, event.at, event.payload.decode(), event.link)
        cursor.execute(_INSERT, row)


def verify(cursor: sqlite3.Cursor, rid: int, run: str) -> int | None:
    """The first event of a run that does not fit the chain; None when all fit. Rows need not decode."""
    found = cursor.execute(_SELECT, (key(rid, 0), key(rid, _LAST))).fetchall()
    events = (
        Event(place & _LAST, kind, at, {}, link, payload or b"", erased)
        for place, kind, at, payload, link, erased in found
    )
    return chain.verify(run, events)


def _update_run(cursor: sqlite3.Cursor, rid: int, change: Change, at: float) -> None:
    if change.status is not None:
        if change.status in OVER:
            requests.withdraw_open(cursor, rid)  # nobody is asked on behalf of what is over
        error = None if change.error is None else encode(change.error, "the run's error").decode()
        cursor.execute(
            "update runs set status = ?, verdict = ?, ending = ?, error = ?, updated = ? where rid = ?",
            (change.status, change.verdict, change.end, error, at, rid),
        )
    if change.shape is not None or change.build is not None:
        cursor.execute(
            "update runs set shape = coalesce(?, shape), build = coalesce(?, build), updated = ? where rid = ?",
            (change.shape, change.build, at, rid),
        )
    if change.evict:
        cursor.execute(
            "update runs set fence = fence + 1, holder = null, until = null, ticks = null, ttl = null where rid = ?",
            (rid,),
        )
