"""Where a run that failed is tried again: the step that failed, in whatever branch, item or subflow it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..flows.position import AtHead, AtNode, Parked, Position
from .codec import read_position, write_position
from .store.records import Event


def places_to_retry(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The places from which a run that is over goes on: the branch, the position, whether its step was tried there.

    Args:
        events: the run's journal.
    """
    return _of(_ByBranch(events), "")


class _ByBranch:
    """A journal by branch."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events: dict[str, list[Event]] = {}
        for event in events:
            places = {place["branch"] for place in event.body.get("places", ())}
            for path in places | {event.body.get("branch", "")}:  # a retry belongs to wherever it went back to
                self.events.setdefault(path, []).append(event)

    def of(self, path: str) -> list[Event]:
        """The events of one branch, in order."""
        return self.events.get(path, [])


def _of(journal: _ByBranch, path: str) -> list[dict[str, Any]]:
    own = journal.of(path)
    over = [event for event in own if event.kind in ("step", "join") or event.body.get("kind") == "gave_up"]
    if not over:
        return [_place(path, _first(journal, path), again=False)]
    last = over[-1]
    body = last.body
    if last.kind == "join" and body.get("left"):
        return [place for left in body["left"] for place in _of(journal, left)]
    if last.kind == "join":  # the branches are done: they are joined again
        return [_place(path, _before(path, own, last), again=False)]
    if "items" in body and "error" in body:
        return [_place(path, _before(path, own, last), again=False), *_items(journal, body["child"])]
    if "end" in body and "error" in body:
        return [_place(path, _before(path, own, last), again=False), *_of(journal, body["child"])]
    before = _before(path, own, last)
    if isinstance(before, Parked):
        before = before.at
    if not isinstance(before, AtNode):
        return [_place(path, AtNode("START"), again=False)]
    return [_place(path, before, again=True)]


def _items(journal: _ByBranch, prefix: str) -> list[dict[str, Any]]:
    """The failed items that were flows: each goes on where it failed, since what it did is done."""
    found: list[dict[str, Any]] = []
    for item, events in journal.events.items():
        number = item.removeprefix(prefix)
        if item == number or not number.isdigit():
            continue
        if events[-1].kind == "ended" and events[-1].body["verdict"] == "failed":
            found += _of(journal, item)
    return found


def _first(journal: _ByBranch, path: str) -> Position:
    """Where a branch that did no step began: at a head of its fork, else where its flow starts."""
    above, _, name = path.rpartition(".")
    fork, head, number = name.partition("b")
    if not head:
        return AtNode("START")
    forks = [event.body["heads"] for event in journal.of(above) if "heads" in event.body]
    return AtHead(forks[int(fork) - 1][int(number)])


def _before(path: str, own: Sequence[Event], last: Event) -> Position | None:
    """Where a branch stood before an event."""
    found: Position | None = None
    for event in own:
        if event.number >= last.number:
            break
        if "to" in event.body:
            found = read_position(event.body["to"])
        elif event.kind in ("resumed", "migrated"):
            for place in event.body.get("places", ()):
                if place["branch"] == path:
                    found = read_position(place["to"])
    return found


def _place(path: str, at: Position | None, *, again: bool) -> dict[str, Any]:
    to = AtNode("START") if at is None else at
    return {"branch": path, "to": write_position(to), "again": again}
