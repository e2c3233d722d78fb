"""What a store keeps beside a run's journal, held against it: its row, its requests, business keys and manifests.

A run's row says whether it is over, a request's what people are asked, a business key's who may not call any more, and
a manifest what a run is compared with when its flow has changed: all are written with the journal, and follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import JournalBroken
from ..flows.manifest import hashes
from .agreeing import agreed
from .inheriting import made
from .lifecycle import OVER
from .store import Driving, EffectRow, Event, RunRow
from .store.rows import broken

NOTHING: Mapping[str, Any] = MappingProxyType({})
_MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError, IndexError)


def contradictions(store: Driving, run: str) -> list[str]:
    """What the store says beside a run's journal that its journal does not say; each in words, with its row.

    Args:
        store: the store.
        run: the run's id.

    Raises:
        RunNotFound: there is no such run.
        JournalBroken: the journal itself does not fit; see ``SqliteStore.verify``.
    """
    row = store.run(run)
    events = store.events(row.rid)
    try:
        versions = _versions(events)
        keys = _keys(events)
    except _MISSHAPEN as error:
        raise JournalBroken(
            f"{store.path}: the journal of run {run!r} cannot be told: {error!r}. Nothing was changed. Restore the "
            "store from a copy.",
            path=store.path,
        ) from error
    told = [*_row(row, events), *_requests(store, run)]
    for shape, build in versions:
        told += _manifest(store, shape, build)
    erased = {event.number for event in events if event.erased is not None}
    held = {effect.key: effect for effect in store.effects(row.rid)}
    for key, (number, status, value) in keys.items():
        told += _key(key, held.pop(key, None), number, status, value)
    told += [
        f"the business key {key!r} is held by the call of event {effect.number}, and no such call is in the journal "
        f"(effects {key})"
        for key, effect in held.items()
        if effect.number not in erased
    ]
    return told


def row_agrees(row: RunRow, events: list[Event], path: str) -> None:
    """Refuses a run's row that is not what the run's journal says: nobody is to be told that it is over when it is not.

    Args:
        row: the run's.
        events: its journal, read after the row.
        path: the store's, to name it.

    Raises:
        JournalBroken: they contradict each other.
    """
    for told in _row(row, events):
        raise broken(path, f"run {row.id!r}", told, row=f"runs {row.rid}")


def _row(row: RunRow, events: list[Event]) -> list[str]:
    """Whether a run is over, how, and who started it: what is read of its row alone, and decides who may drive it."""
    if not events or row.tail != events[-1].number:  # somebody drives it, and one of them was read later
        return []
    if any(event.erased is not None for event in events):  # what they said is gone
        return []
    over, ended = None, NOTHING
    for event in events:
        if event.kind in ("ended", "cancelled") and not event.body.get("branch"):
            over, ended = event.kind, event.body
        elif event.kind == "resumed":
            over, ended = None, NOTHING
    told = {"status": row.status if row.status in OVER else None, "verdict": row.verdict, "end": row.end}
    said = {"status": over, "verdict": ended.get("verdict"), "end": ended.get("end")}
    began = events[0].body
    told["starter"], said["starter"] = row.by, began.get("by")
    return [
        f"its row's {name} is {told[name]!r}, and by the journal {value!r} (runs {row.rid})"
        for name, value in said.items()
        if told[name] != value
    ]


def _requests(store: Driving, run: str) -> list[str]:
    """The requests that are not as they were asked."""
    told: list[str] = []
    for request in store.requests(run=run):
        try:
            agreed(request, store.path)
        except JournalBroken as error:
            told.append(error.message)
    return told


def _versions(events: list[Event]) -> list[tuple[str, str]]:
    """The versions of its flow that a run was of, by shape and build."""
    kinds = ("started", "forked", "resumed", "migrated")
    bodies = [event.body for event in events if event.kind in kinds and not event.body.get("branch")]
    return list(dict.fromkeys((body["shape"], body["build"]) for body in bodies if body.get("shape")))


def _keys(events: list[Event]) -> dict[str, tuple[int, str, Any]]:
    """Of each business key of a run's calls the last call that used it, and what became of that."""
    found: dict[str, tuple[int, str, Any]] = {}
    for call in made(events):
        key = call.intent.get("business")
        if key:
            status = "free" if call.undone else "done" if call.known else "intent"
            found[key] = (call.number, status, call.value if status == "done" else None)
    return found


def _key(key: str, row: EffectRow | None, number: int, status: str, value: Any) -> list[str]:
    if row is None:
        lost = f"the business key {key!r} of the call of event {number} is free, and by the journal it is not: a second"
        return [] if status == "free" else [f"{lost} run would make the call again (effects {key})"]
    by = f"by the call of event {row.number}, {row.status}"
    if status == "free":
        return [f"the business key {key!r} is held {by}, and by the journal that did nothing (effects {key})"]
    if (row.number, row.status) != (number, status):
        return [
            f"the business key {key!r} is held {by}, and by the journal by event {number}, {status} (effects {key})"
        ]
    if row.result != value:
        return [f"the business key {key!r} holds another result than the journal (effects {key})"]
    return []


def _manifest(store: Driving, shape: str, build: str) -> list[str]:
    where = f"(manifests {shape} {build})"
    try:
        manifest = store.manifest(shape, build)
        if manifest is None:
            return [f"the manifest of shape {shape}, build {build} is missing {where}"]
        found = hashes(manifest)
    except JournalBroken as error:
        return [error.message]
    except _MISSHAPEN as error:
        return [f"the manifest of shape {shape}, build {build} is none: {error!r} {where}"]
    if found != (shape, build):
        return [f"the manifest of shape {shape}, build {build} was changed: it is of {found[0]}, {found[1]} {where}"]
    return []
