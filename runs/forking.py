"""Forks: new runs that begin where another one stood after a step, without the decisions that came behind it.

A fork's first two events hold all that it has of its parent, so that it is folded, resumed and verified by itself.
Where it goes is decided anew when it is driven, by the semantics, from what had come in at that place: so no grant
can cross, an exemption is looked at again, and an update has its say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigError, DecisionRefused, RunNotReady, StateInvalid
from ..flows.flow import Flow
from ..flows.position import AtFork, AtNode
from ..guards.gates import Approval
from ..guards.secrecy import SEALED
from ..nodes.sealing import using
from .codec import write_position, write_spent
from .incoming import missing, rest_of, written, written_of_step
from .inheriting import to_inherit
from .keys import Keys
from .roles import normal
from .standing import Standing, Versions
from .store.records import Draft, Event, RunRow


def first_events(
    flow: Flow[Any],
    row: RunRow,
    events: Sequence[Event],
    versions: Versions,
    *,
    at: int,
    by: str,
    update: Mapping[str, Any] | None,
    keys: Keys,
) -> list[Draft]:
    """The first events of a fork.

    Args:
        flow: the parent's flow, as it is now.
        row: the parent.
        events: its journal.
        versions: gives the manifest of a version.
        at: the number of the step after which the fork stands; 0 for the start.
        by: who forks.
        update: state fields to write first.
        keys: the App's, under which secrets are kept.

    Raises:
        ConfigError: ``at`` is no number of a step.
        DecisionRefused: nobody is named.
        RunNotReady: the run did not stand at one place there, or an effect before it is not settled.
        StateInvalid: the update does not fit the state.
    """
    if not isinstance(by, str) or not normal(by):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise DecisionRefused("by= must name who forks the run", run=row.id, reason="name")
    if update is not None and not isinstance(update, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise StateInvalid(f"update= takes a mapping of state fields, not a {type(update).__name__}")
    last = _place(row, events, at)
    now = Standing(flow, row.id, keys, versions).apply_all(events)
    _nothing_unsettled(now, row, events, at, last)
    standing = Standing(flow, row.id, keys, versions).apply_all(events[: last - 1])
    place = _what_came_in(standing, events[last - 1], at)
    if standing.past:
        told = f"it was of another version there (shape {standing.shape!r}), whose state is not that of flow"
        raise _not_there(row, f"{told} {flow.name!r} as it is now", events, at)
    gone = missing(flow, place["after"])
    if gone is not None:
        raise _not_there(row, f"flow {flow.name!r} does not have {gone} any more", events, at)
    root = standing.root
    calls = to_inherit(flow, row.id, events, after=last, base=standing.inherits, steps=root.ordinal, forks=root.forks)
    vault = standing.vault or keys.new()
    with using(vault):
        state, delta = flow.type.dump(standing.state), flow.type.write(standing.state, update or {})
    version = {"flow": flow.name, "shape": flow.shape, "build": flow.build}
    started = {**version, "by": by, "state": state, "to": write_position(AtNode("START"))}
    if vault is not None:
        started["sealed"] = {SEALED: keys.again(vault)}
    forked: dict[str, Any] = {"run": row.id, "at": at, "by": by, "spent": write_spent(standing.spent), "calls": calls}
    if delta:
        forked["update"] = delta
    return [Draft("started", started), Draft("forked", forked | place)]


def _what_came_in(standing: Standing[Any], event: Event, at: int) -> dict[str, Any]:
    """Applies the last event of the parent that counts, and says what was decided about by it, and with what."""
    root = standing.root
    place = _counted(standing) | {"after": None}
    if at > 0:
        if event.kind == "join":
            assert isinstance(root.at, AtFork)
            place["after"] = written(rest_of(root, root.at).incoming)
        else:
            place["after"] = written_of_step(event.body)
            if event.body["kind"] == "ok" and root.frame.flow.watched:
                place["happened"] = [*place.get("happened", ()), ["ok", event.body["node"], "", [], 1]]
    standing.apply(event)
    if event.kind == "forked":  # a fork of a fork at its start
        place = _counted(standing) | {"after": standing.begins}
    return place


def _counted(standing: Standing[Any]) -> dict[str, Any]:
    """What a fork has of what its parent had counted; what a person said yes to does not cross."""
    frame = standing.root.frame
    people = {name for name, gate in standing.flow.gates.items() if isinstance(gate, Approval)}
    happened = frame.history.to_json(lambda mark: mark.kind != "yes" or mark.name not in people)
    return {"counters": dict(frame.counters), "out": frame.out} | ({"happened": happened} if happened else {})


# where a run can be forked


def places(events: Sequence[Event]) -> dict[int, int]:
    """The steps after which a run stood at one place, each with the number of the last event that counts.

    Behind the last step of the branches of an ``all_of`` that is their join; nothing that holds others counts
    before it is over, for its branches, items and flows have states of their own.

    Args:
        events: the run's journal.
    """
    begun = 2 if len(events) > 1 and events[1].kind == "forked" else 1
    found = {0: begun}
    steps = 0
    for event in events:
        own = "branch" not in event.body
        if is_step(event):
            steps += 1
            if own:
                found[steps] = event.number
        elif event.kind == "join" and own:
            found.setdefault(steps, event.number)
    return found


def is_step(event: Event) -> bool:
    """Whether an event is a step of its run.

    Args:
        event: the event.
    """
    return event.kind == "step" or (event.kind == "settled" and event.body["kind"] == "gave_up")


def _place(row: RunRow, events: Sequence[Event], at: int) -> int:
    """The number of the last event of the parent that counts."""
    if not isinstance(at, int) or isinstance(at, bool) or at < 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise ConfigError(f"fork(at={at!r}) takes the number of a step, or 0 for where the run started")
    found = places(events).get(at)
    if found is not None:
        return found
    steps = [event for event in events if is_step(event)]
    if at > len(steps):
        raise _not_there(row, f"it has {len(steps)} steps so far", events, at)
    body = steps[at - 1].body
    told = f"step {at} ({body['node']!r}) is in its branch {body['branch']!r}, beside or inside of which more was open"
    raise _not_there(row, told, events, at)


def _not_there(row: RunRow, why: str, events: Sequence[Event], at: int) -> RunNotReady:
    there = places(events)
    near = [max((step for step in there if step < at), default=None), min((s for s in there if s > at), default=None)]
    told = " or ".join(f"at={step}" for step in near if step is not None)
    return RunNotReady(
        f"run {row.id!r} cannot be forked at={at}: {why}. The nearest places are {told}", run=row.id, status=row.status
    )


def _nothing_unsettled(now: Standing[Any], row: RunRow, events: Sequence[Event], at: int, last: int) -> None:
    """Refuses a place behind a call that the run is parked for: whether it happened is part of that place."""
    unknown = {
        id(call.intent): call.intent
        for branch in now.open_branches()
        for call in branch.calls.values()
        if call.result is None and call.intent is not None and call.intent["kind"] == "tool"
    }
    for event in events[:last]:
        if id(event.body) in unknown:
            raise RunNotReady(
                f"run {row.id!r} cannot be forked at={at}: nobody knows whether {event.body['tool']!r}, which was "
                "called before that, happened. Settle it first",
                run=row.id,
                status=row.status,
            )
