"""What a drawn run did, as a list of what happened, and what a property says of such a list, by its words alone.

Nothing of the checks takes part, and no automaton: each form is a sentence about places of the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from guideway import Flow, Property
from guideway.flows.position import Finish, Run
from guideway.flows.properties import Subject
from guideway.guards.evaluation import holds
from tests.flows.check.drawn import Taken


class Event(NamedTuple):
    """One thing that happened.

    Args:
        kind: ``ok`` a node ended well, ``yes`` or ``no`` a gate said so, ``start`` a node, ``end`` the run's.
        name: of the node, the gate or the end.
        verdict: at an end, the run's.
        state: at a start and at an end.
    """

    kind: str
    name: str
    verdict: str = ""
    state: Any = None


def lived(flow: Flow[Any], takens: Sequence[Taken]) -> list[Event]:
    """What happened in a run, in order, by the log that the semantics keep.

    Args:
        flow: the flow.
        takens: its moves.
    """
    found: list[Event] = []
    for taken in takens:
        if taken.outcome is not None and taken.outcome.kind == "ok":
            found.append(Event("ok", taken.source))
        move = taken.move
        said = [item for edge in move.why.tried for item in edge["guards"] if item["guard"] in flow.gates]
        found += [Event("yes" if item["value"] is True else "no", item["guard"]) for item in said]
        if isinstance(move, Run):
            found.append(Event("start", move.at.node, state=taken.state))
        elif isinstance(move, Finish) and move.at.end is not None:
            found.append(Event("end", move.at.end, move.at.verdict, taken.state))
    return found


def begins(item: Subject, event: Event) -> bool:
    """Whether a thing begins: a node starts, a gate says yes, an end is come to, a condition is seen to be true."""
    if item.tree is not None:
        return event.state is not None and holds(item.tree, event.state, {}, None) is True
    kind = {"node": "start", "gate": "yes", "end": "end"}.get(item.kind)
    if item.kind == "verdict":
        return event.kind == "end" and event.verdict == item.name
    return (event.kind, event.name) == (kind, item.name)


def done(item: Subject, event: Event) -> bool:
    """Whether a thing has happened: a node ended well; all else as it begins."""
    return (event.kind, event.name) == ("ok", item.name) if item.kind == "node" else begins(item, event)


def kept(item: Property, events: Sequence[Event]) -> bool:
    """Whether a property holds of what happened.

    Args:
        item: the property.
        events: what happened.
    """
    if item.form == "once":
        return sum(begins(one, event) for event in events for one in item.about) <= 1
    return all(_kept(item, one, events) for one in item.about)


def _kept(item: Property, about: Subject, events: Sequence[Event]) -> bool:
    mine = [place for place, event in enumerate(events) if begins(about, event)]
    if item.form == "unless":
        return all(_let(item, events, place, max((one for one in mine if one < place), default=-1)) for place in mine)
    if item.form == "after":
        return not any(_before(item, events, place) for place in mine)
    if item.form == "before":
        theirs = [place for place, event in enumerate(events) if any(begins(one, event) for one in item.other)]
        return all(_was_done(about, events, place) for place in theirs)
    over = next((place for place, event in enumerate(events) if event.kind == "end"), None)
    if over is None or not mine:
        return True
    return any(done(one, event) for event in events[mine[-1] :] for one in item.other)


def _let(item: Property, events: Sequence[Event], place: int, last: int) -> bool:
    """Whether something let what happens at a place: a gate since the last time, a node ever, a condition there."""
    for other in item.other:
        if other.tree is not None:
            if begins(other, events[place]):
                return True
        elif other.kind == "node":
            if any(done(other, event) for event in events[:place]):
                return True
        else:
            said = [
                event.kind for event in events[last + 1 : place] if event.name == other.name and event.kind in "yesno"
            ]
            if said and said[-1] == "yes":
                return True
    return False


def _before(item: Property, events: Sequence[Event], place: int) -> bool:
    """Whether any of the others began before a place; a condition counts there too."""
    return any(
        any(begins(other, event) for event in events[: place + (other.tree is not None)]) for other in item.other
    )


def _was_done(about: Subject, events: Sequence[Event], place: int) -> bool:
    """Whether a thing had happened before a place; a condition may hold there."""
    return any(done(about, event) for event in events[: place + (about.tree is not None)])
