"""What else a store keeps: manifests by version, business keys of effects, LangGraph's checkpoints."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import StoreError
from . import rows
from .chain import decode, encode
from .records import Checkpoint, Effect, EffectRow, EffectTaken, VersionRow


def manifest(cursor: sqlite3.Cursor, shape: str, build: str, path: str) -> dict[str, Any] | None:
    """The manifest of a version of a flow, None when no run of it was ever here."""
    row = cursor.execute("select data from manifests where shape = ? and build = ?", (shape, build)).fetchone()
    data: dict[str, Any] | None = None
    if row is not None:
        data = _decoded(row[0], path, f"the manifest of shape {shape}", f"manifests {shape} {build}")
    return data


def versions(cursor: sqlite3.Cursor) -> list[VersionRow]:
    """The versions that are kept, that of the newest run first."""
    found = cursor.execute(
        "select m.shape, m.build, r.flow, count(r.rid) from manifests m"
        " left join runs r on r.shape = m.shape and r.build = m.build"
        " group by m.shape, m.build order by max(r.rid) desc, m.rowid desc"
    )
    return [VersionRow(shape, build, flow, runs) for shape, build, flow, runs in found]


def put_manifest(cursor: sqlite3.Cursor, shape: str, build: str, data: dict[str, Any]) -> None:
    """Keep the manifest of a version; the first one stays."""
    text = encode(data, "the manifest").decode()
    cursor.execute("insert or ignore into manifests (shape, build, data) values (?, ?, ?)", (shape, build, text))


_EFFECT = "select e.key, r.id, e.rid, e.number, e.status, e.result from effects e left join runs r using (rid)"


def effect(cursor: sqlite3.Cursor, key: str, path: str) -> EffectRow | None:
    """Who used a business key; None when nobody did."""
    row = cursor.execute(f"{_EFFECT} where e.key = ?", (key,)).fetchone()
    return None if row is None else _effect(row, path)


def effects(cursor: sqlite3.Cursor, rid: int, path: str) -> list[EffectRow]:
    """The business keys that a run holds."""
    rows_of = cursor.execute(f"{_EFFECT} where e.rid = ? order by e.number", (rid,)).fetchall()
    return [_effect(row, path) for row in rows_of]


def _effect(row: tuple[Any, ...], path: str) -> EffectRow:
    found, run, rid, number, status, result = row
    value = None if result is None else _decoded(result, path, f"the effect {found!r}", f"effects {found}")
    return EffectRow(found, run or f"number {rid}", rid, number, status, value)


def set_effect(cursor: sqlite3.Cursor, rid: int, number: int, change: Effect, path: str) -> None:
    """Claim, settle or free a business key for a run.

    Raises:
        EffectTaken: it is claimed already, by any run.
        StoreError: a run settles a key that it does not hold.
    """
    row: tuple[Any, ...]
    if change.status == "intent":
        row = (change.key, rid, number)
        sql = "insert or ignore into effects (key, rid, number, status) values (?, ?, ?, 'intent')"
    elif change.status == "not_done":
        row = (change.key, rid)
        sql = "delete from effects where key = ? and rid = ?"
    else:
        result = encode(change.result, f"the result of {change.key!r}").decode()
        row = (change.status, result, change.key, rid)
        sql = "update effects set status = ?, result = ? where key = ? and rid = ?"
    if cursor.execute(sql, row).rowcount:
        return
    found = effect(cursor, change.key, path)
    if found is not None and change.status == "intent":
        raise EffectTaken(found)
    raise StoreError(f"{path}: the effect {change.key!r} is not held by this run. Claim it first.", path=path)


def checkpoint(cursor: sqlite3.Cursor, rid: int, ns: str) -> Checkpoint | None:
    """The latest snapshot of a run in one of LangGraph's namespaces."""
    row = cursor.execute("select data, writes from checkpoints where rid = ? and ns = ?", (rid, ns)).fetchone()
    return None if row is None else Checkpoint(row[0], row[1], ns)


def put_checkpoint(cursor: sqlite3.Cursor, rid: int, new: Checkpoint) -> None:
    """Keep this snapshot in place of the one before it."""
    cursor.execute(
        "insert into checkpoints (rid, ns, data, writes) values (?, ?, ?, ?) on conflict do update set "
        "data = coalesce(excluded.data, data), writes = excluded.writes",
        (rid, new.ns, new.data, new.writes),
    )


def _decoded(text: str, path: str, what: str, row: str) -> Any:
    try:
        return decode(text)
    except ValueError as cause:
        raise rows.broken(path, what, cause, row=row) from cause
