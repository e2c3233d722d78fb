"""Once-only calls that a fork inherits: what was done behind the place where it forked is not done again.

A call is known by its tool and its arguments, not by the tool's body: what was done stays done when the code changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..flows.flow import Flow
from ..nodes.calls import NOT_DONE, PENDING, Call
from .store.records import Event
from .underway import tools_of


@dataclass(slots=True, eq=False)
class Made:
    """A call of a tool that a run began, and what is known of it.

    Args:
        intent: what was said before it; of an inherited result, that.
        number: that event's.
        at: when it was begun, seconds since the epoch.
        last: the number of the last event that says something about it.
        known: whether its result is known.
        value: its result.
        undone: whether it is proved that nothing was done.
    """

    intent: dict[str, Any]
    number: int
    at: float
    last: int
    known: bool = False
    value: Any = None
    undone: bool = False

    def done(self, event: Event, value: Any) -> None:
        """It happened.

        Args:
            event: the event that says so.
            value: its result.
        """
        self.known, self.value, self.last = True, value, event.number

    def not_done(self, event: Event) -> None:
        """It is proved that it did not happen.

        Args:
            event: the event that says so.
        """
        self.undone, self.last = True, event.number


def made(events: Iterable[Event]) -> list[Made]:
    """The calls of tools with an effect that a run made, in order; failed ones too.

    Args:
        events: the run's, from the first on.
    """
    calls: list[Made] = []
    under_way: dict[str, dict[str, Made]] = {}
    kept: dict[str, dict[str, Made]] = {}
    failed: set[str] = set()
    for event in events:
        body = event.body
        branch: str = body.get("branch", "")
        slots = under_way.setdefault(branch, {})
        if event.kind == "intent" and body["kind"] == "tool":
            slots[body["slot"]] = call = Made(body, event.number, body.get("sent", event.at), event.number)
            calls.append(call)
        elif event.kind == "result" and "late" in body:
            _late(calls, slots, event)
        elif event.kind == "result":
            if "inherited" in body and body["slot"] not in slots:
                slots[body["slot"]] = call = Made(body, event.number, event.at, event.number)
                calls.append(call)
            _result(slots, event)
        elif event.kind == "step" or (event.kind == "settled" and body["kind"] == "gave_up"):
            kept[branch] = under_way.pop(branch)
            if "failure" in body.get("entry", ()):
                failed.add(branch)
        elif event.kind == "settled":
            _settled(slots, event)
        elif event.kind == "resumed":
            for place in body.get("places", ()):
                there: str = place["branch"]
                tried = {there} if place["again"] else {path for path in failed if path.rpartition(".")[0] == there}
                under_way |= {path: kept.get(path, {}) for path in tried}  # a new attempt of a step has its calls
                failed -= tried
    return calls


def _result(slots: dict[str, Made], event: Event) -> None:
    slot: str = event.body["slot"]
    head, _, last = slot.rpartition(".")
    if last == "reconciled":
        if head in slots:
            slots.pop(head).not_done(event)
    elif slot in slots:
        if "value" in event.body:
            slots[slot].done(event, event.body["value"])
        else:
            slots.pop(slot).not_done(event)


def _late(calls: list[Made], slots: dict[str, Made], event: Event) -> None:
    """The end of a call that nobody waited for any more, whose step may be over."""
    call = next(call for call in calls if call.number == event.body["late"])
    if "value" in event.body:
        call.done(event, event.body["value"])
    else:
        call.not_done(event)
        if slots.get(event.body["slot"]) is call:
            del slots[event.body["slot"]]


def _settled(slots: dict[str, Made], event: Event) -> None:
    call = slots.get(event.body.get("slot") or "")
    if call is None:
        return
    if event.body["kind"] == "done":
        call.done(event, event.body["value"])
    else:
        call.not_done(event)


# what a fork inherits


def to_inherit(
    flow: Flow[Any],
    run: str,
    events: Sequence[Event],
    *,
    after: int,
    base: Iterable[dict[str, Any]],
    steps: int,
    forks: int,
) -> list[dict[str, Any]]:
    """The calls behind an event that happened, or may have happened, in their order, as a fork's journal holds them.

    Args:
        flow: the flow, whose tools say which of them are once-only.
        run: the run's id.
        events: its journal, whole.
        after: the number of the event that the fork stands behind.
        base: what the run itself, being a fork, had not met yet at that event.
        steps: how many steps its own branch had done then.
        forks: how often its own branch had forked then.
    """
    tools = tools_of(flow)
    harmless = {tool.name for tool in tools} - {tool.name for tool in tools if tool.effect == "once"}
    found = {origin_of(entry): dict(entry) for entry in base}
    for call in made(events):
        intent = call.intent
        inherited: dict[str, Any] | None = intent.get("inherited")
        key = (run, call.number) if inherited is None else origin_of(inherited)
        if inherited is None and call.last > after and intent["tool"] not in harmless:
            names = ("tool", "arguments", "key", "timeout")
            about = {name: intent[name] for name in names} | {"branch": intent.get("branch", "")}
            found[key] = {"run": run, "event": call.number, "sent": call.at, "ticks": intent.get("ticks"), **about}
        if key not in found:
            continue
        if call.undone:
            del found[key]
        elif call.known:
            found[key]["value"] = call.value
    return [entry | {"branch": _seen_from(entry["branch"], steps, forks)} for entry in found.values()]


def _seen_from(path: str, steps: int, forks: int) -> str:
    """A branch's path as a fork counts it, whose own branch begins anew; what lies before it is nowhere."""
    first, dot, rest = path.partition(".")
    digits = len(first) - len(first.lstrip("0123456789-"))
    if digits == 0:
        return path
    letter = first[digits]
    return f"{int(first[:digits]) - (forks if letter == 'b' else steps)}{first[digits:]}{dot}{rest}"


def origin_of(data: dict[str, Any]) -> tuple[str, int]:
    """Which call of which run this is: the run's id, and the number of the intent's event.

    Args:
        data: an entry of what is inherited, or what an event says of it.
    """
    return data["run"], data["event"]


def same_call(inherits: Sequence[dict[str, Any]], call: Call, branch: str) -> dict[str, Any] | None:
    """The first inherited call of this tool with these arguments; of this branch, where it has one.

    Args:
        inherits: what is inherited.
        call: the call that is about to be made.
        branch: the path of the branch that makes it.
    """
    text = _canonical(call.arguments)
    found = [entry for entry in inherits if entry["tool"] == call.tool and _canonical(entry["arguments"]) == text]
    return next((entry for entry in found if entry["branch"] == branch), found[0] if found else None)


def _canonical(arguments: dict[str, Any]) -> str:
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def became_of(events: Iterable[Event], number: int) -> Any:
    """What is known now of a call: its result, NOT_DONE, or PENDING where nobody knows.

    Args:
        events: the journal of the run that made it.
        number: the number of the intent's event.
    """
    for call in made(events):
        if call.number == number:
            return NOT_DONE if call.undone else call.value if call.known else PENDING
    return cast("Any", PENDING)
