"""What the events of a run say without its flow: what it wrote, what it spent, where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..guards.budgets import Spent
from ..runs.codec import read_spent
from ..runs.views import Request, row_view

if TYPE_CHECKING:
    from ..runs.store import Event, RequestRow, SqliteStore


@dataclass(slots=True)
class Past:
    """What a run's events tell.

    Args:
        plain: the fields that are replaced at a write, as they stand.
        merged: the fields that a reducer merges: what was merged in, in order; only the flow's code can fold them.
        spent: what it has used up.
        steps: how many steps are over.
        place: the node that runs or failed, the gate that asks, or the end, in words.
        slots: the calls whose result is not known.
    """

    plain: dict[str, Any] = field(default_factory=dict[str, Any])
    merged: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    spent: Spent = field(default_factory=Spent)
    steps: int = 0
    place: str = "START"
    slots: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


def past(events: Iterable[Event], reducers: Iterable[str]) -> Past:
    """Folds what can be folded without the flow.

    Args:
        events: the run's events, in order.
        reducers: the fields that merge.
    """
    found = Past(merged={name: [] for name in reducers})
    for event in events:
        body = event.body
        if event.kind == "started":
            _write(found, body["state"])
        elif event.kind == "step":
            found.steps += 1
            found.slots.clear()
            _write(found, body.get("delta", {}))
        elif event.kind == "intent":
            found.slots[body["slot"]] = body
        elif event.kind == "result":
            found.slots.pop(body["slot"], None)
        if event.kind in ("step", "intent", "result", "parked"):
            found.spent += read_spent(body.get("spent"))
        if "to" in body:
            found.place = place_of(body["to"])
    return found


def place_of(to: dict[str, Any]) -> str:
    """A position in words.

    Args:
        to: as journalled.
    """
    if "node" in to:
        return str(to["node"])
    if "gate" in to:
        return f"the gate of {to['gate']}"
    if "parked" in to:
        return place_of(to["at"])
    return "no way on" if to.get("end") is None else f"the end {to['end']}"


def reducers_of(store: SqliteStore, shape: str, build: str) -> tuple[str, ...]:
    """The fields of a run's state that merge, by the manifest that the store kept.

    Args:
        store: the store.
        shape: the run's shape.
        build: the run's build.
    """
    manifest = store.manifest(shape, build) or {}
    return tuple(manifest.get("shape", {}).get("state", {}).get("reducers", {}))


def request_of(store: SqliteStore, request: str) -> Request:
    """A request with the decisions so far.

    Args:
        store: the store.
        request: its id.

    Raises:
        RequestNotFound: there is none.
    """
    return with_decisions(store, [store.request(request)])[0]


def with_decisions(store: SqliteStore, rows: Sequence[RequestRow]) -> list[Request]:
    """Requests with the decisions so far, which a quorum counts.

    Args:
        store: the store.
        rows: their rows.
    """
    decided: dict[str, list[dict[str, Any]]] = {}
    for rid in {row.rid for row in rows}:
        for event in store.events(rid):
            if event.kind in ("decided", "expired"):
                decided.setdefault(event.body["request"], []).append(event.body)
    return [replace(row_view(row), decisions=tuple(decided.get(row.id, ()))) for row in rows]


def _write(found: Past, delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name in found.merged:
            found.merged[name].append(value)
        else:
            found.plain[name] = value
