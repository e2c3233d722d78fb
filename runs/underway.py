"""Which calls of a run are under way by its journal, and the tools of a flow that they call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..flows.flow import Flow
from ..flows.inside import nodes_in
from ..nodes.tool import Tool
from .store.records import Event

BRANCH = "branch"
"""Where an event of a parallel branch names it: a call belongs to its branch, and is over with that branch's step."""


def open_calls(events: Iterable[Event]) -> list[Event]:
    """The intents of calls whose result nobody has recorded, in their order.

    Args:
        events: a run's events from the first on.
    """
    found: dict[tuple[str, Any], Event] = {}
    for event in events:
        body = event.body
        branch = str(body.get(BRANCH, ""))
        if event.kind == "intent":
            found[branch, body.get("slot")] = event
        elif event.kind == "result" or (event.kind == "settled" and body["kind"] != "gave_up"):
            found.pop((branch, body.get("slot")), None)
        elif "to" in body or "entry" in body:  # the step is over, whatever became of its calls
            found = {key: call for key, call in found.items() if key[0] != branch}
    return list(found.values())


def open_tools(events: Iterable[Event]) -> list[Event]:
    """As ``open_calls``, but only calls that touch the world; a model's are not among them.

    Args:
        events: a run's events from the first on.
    """
    return [call for call in open_calls(events) if call.body.get("kind") == "tool"]


def between_calls(events: Iterable[Event]) -> bool:
    """Whether no call of a run is under way.

    Args:
        events: a run's events from the first on.
    """
    return not open_calls(events)


def tools_of(flow: Flow[Any] | None) -> list[Tool[..., Any]]:
    """The tools that a flow may call: those of its nodes, and of the flows within it.

    Args:
        flow: the flow; None where only the store is at hand, and no tool is known.
    """
    if flow is None:
        return []
    found = [item for node in nodes_in(flow) for item in (node, *getattr(node, "tools", ()))]
    return [item for item in found if isinstance(item, Tool)]
