"""Which requests are asked anew when a run goes on under another version: what people saw is not what would run.

A no stays a no. A yes, an answer or a question that is still open counts only where today's flow would ask the same:
the same gate with the same role and quorum, about the same call, of a tool with the same body.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from ..flows.decisions import asked_about, call_of, decide, gate_at, turned
from ..flows.each import Each
from ..flows.edits import Edits
from ..flows.position import AtGate, AtHead, AtNode, Parked, Position
from ..guards.evaluation import OpaqueFailed, observed
from ..guards.gates import Approval, Gate
from ..nodes.act import Act
from ..nodes.ask import Ask
from ..nodes.calls import Call, stem
from ..nodes.node import Node
from .asking import digest_of_call
from .branches import Branch, Pending, Recorded, waits_at_gate
from .codec import read_position
from .moving import Edges, Misfit
from .store.records import Event

_NO = ("denied", "expired")


def renewed(
    branch: Branch, at: Position, node: Node[..., Any] | None, edges: Edges, seen: Any, events: Sequence[Event]
) -> tuple[Position, list[str]]:
    """Where a branch goes on, and the requests of it that count no more.

    Args:
        branch: the branch, as it stood.
        at: where it stands in the flow of today.
        node: the node of today where it stands; None at none.
        edges: the edges of then and of today.
        seen: its state as the flow of today sees it.
        events: the run's journal.

    Raises:
        Misfit: a no was said by a gate that is not there any more.
    """
    if isinstance(at, AtGate | AtHead):
        return _on_edge(branch, at, edges, seen, events)
    now = at.at if isinstance(at, Parked) else at
    begun = branch.children or branch.entries  # the steps inside are under way: what they ask is asked there
    if isinstance(now, AtNode) and now.grant and node is not None and not begun:
        under_way = [call for call in branch.calls.values() if _counts(call)]
        route = _granted_on(branch, now, edges, events)
        lapsed = not _let_pass({*now.also, now.grant}, now.edits, route, edges, seen, events)
        if lapsed and any(_goes_on(node, call.intent or {}) for call in under_way if call.result is None):
            raise Misfit(f"{now.node!r} was called under an approval that the edge {route!r} asks otherwise now")
        if not under_way and (lapsed or _another(now, node, seen)):
            if any(_behind_a_no(request, events) for request in {*now.also, now.grant}):
                raise Misfit(_NO_STAYS.format(node=now.node))
            return AtHead(route, now.refusal, now.failure, now.edits), []
    return at, [item.id for item in _of_the_step(branch, node, edges)]


def _on_edge(
    branch: Branch, at: AtGate | AtHead, edges: Edges, seen: Any, events: Sequence[Event]
) -> tuple[Position, list[str]]:
    pending = waits_at_gate(branch)
    if isinstance(at, AtHead):
        if pending is not None and pending.status in _NO:
            raise Misfit(f"gate {pending.body['gate']!r} said no on an edge that is another one now")
        return at, [] if pending is None else [pending.id]
    again = AtHead(at.route, at.refusal, at.failure, at.edits)
    try:
        gate = gate_at(edges.flow, at)
    except KeyError:
        gate = None
    let_pass = gate is not None and _let_pass(at.also, at.edits, at.route, edges, seen, events, upto=at.index)
    target = edges.flow.routes[at.route].target.name
    if pending is None:
        if not let_pass and at.turns:
            raise Misfit(_NO_STAYS.format(node=target))
        return (at if let_pass else again), []
    if pending.status in _NO:
        if gate is None or gate.name != pending.body["gate"]:
            raise Misfit(f"gate {pending.body['gate']!r} said no, and it is not on the edge {at.route!r} any more")
        return at, []
    names = [one.name for one in edges.flow.routes[at.route].gates]
    node = edges.flow.nodes.get(edges.flow.routes[at.route].target.name)
    same = (
        gate is not None
        and gate.name == pending.body["gate"]
        and not any(edges.gate_changed(name) for name in {gate.name, *names})
        and let_pass
        and (node is None or digest_of_call(pending.id, call_of(node, seen, at.edits)) == pending.body["digest"])
    )
    if not same and at.turns:
        raise Misfit(_NO_STAYS.format(node=target))
    return (at, []) if same else (again, [pending.id])


_NO_STAYS = "a no on the way to {node!r} led to a gate that would be asked otherwise now, and is not to be asked anew"


def _behind_a_no(request: str | None, events: Sequence[Event]) -> bool:
    """Whether a request was asked because a gate before it had said no."""
    asked = (event.body for event in events if event.kind == "asked" and event.body["request"] == request)
    return any(body.get("at", body).get("turns") for body in asked)


def _counts(call: Recorded) -> bool:
    """Whether a call of a tool was made in the step under way, and is under way or done: what failed did nothing."""
    if call.intent is None or call.intent["kind"] != "tool":
        return False
    return call.result is None or "error" not in call.result


def _goes_on(node: Node[..., Any], intent: Mapping[str, Any]) -> bool:
    """Whether a call whose ending nobody knows may be made again without a person who settles it."""
    tools = {tool.name: tool for tool in getattr(node, "tools", (node,)) if tool is not None}
    tool = tools.get(intent["tool"])
    return getattr(tool, "effect", "once") != "once" or getattr(tool, "reconcile", None) is not None


def _granted_on(branch: Branch, at: AtNode, edges: Edges, events: Sequence[Event]) -> str:
    """The edge of today on which a branch came to where it stands: what was asked there, or was exempt."""
    here = (branch.at.at if isinstance(branch.at, Parked) else branch.at, at)
    route, gate, name = None, None, ""
    for event in reversed(events):
        body = event.body
        if event.kind == "asked" and body["request"] == at.grant and "at" in body:
            place = read_position(body["at"])
            assert isinstance(place, AtGate)
            route, gate, name = place.route, place, body["gate"]
            break
        mine = body.get("branch", "") == branch.path and "to" in body
        if route is None and mine and read_position(body["to"]) in here:
            route = body.get("edge")
    found = None if route is None else edges.of(route)
    if found is None and gate is not None:  # by the name that its edge had some versions ago
        found = edges.asking(at.node, gate.index, name)
    if found is None:
        raise Misfit(f"the run was let to {at.node!r} on the edge {route!r}, which the flow does not have any more")
    return found


def _let_pass(
    needed: Container[str | None],
    edits: Edits | None,
    route: str,
    edges: Edges,
    seen: Any,
    events: Sequence[Event],
    upto: int | None = None,
) -> bool:
    """Whether all gates of an edge would let pass today what they let pass: by the same yes, or without a person."""
    asked = {
        place.index: (place.turns, event.body)
        for event in events
        if event.kind == "asked" and event.body["request"] in needed and "at" in event.body
        for place in [read_position(event.body["at"])]
        if isinstance(place, AtGate)
    }
    edge = edges.flow.routes[route]
    state, call = asked_about(edges.flow, edge.target, seen, edits)
    for index, gate in enumerate(edge.gates[:upto]):
        if index in asked:
            turns, body = asked[index]
            ways = [turned(gate, turns[:count]) for count in range(len(turns) + 1)]
            if any(not isinstance(one, Gate) or edges.gate_changed(one.name) for one in ways):
                return False
            if not _as_asked(ways[-1], body, state):
                return False
            continue
        try:
            verdict = decide(gate, state, call, edges.flow.tools, edited=edits is not None)
        except OpaqueFailed:
            return False
        if edges.gate_changed(gate.name) or verdict.asks or verdict.refusal is not None:
            return False
    return True


def _as_asked(gate: Any, body: Mapping[str, Any], state: Any) -> bool:
    """Whether a gate asks as it asked then: the same people about the same fields."""
    if not isinstance(gate, Approval):
        return False
    shows = {name for item in gate.shows for name in observed(item, state)}
    told = (gate.name, gate.role, gate.quorum, shows)
    return told == (body["gate"], body["role"], body["quorum"], {*body["shows"]}) and {*gate.not_by} <= {
        *body["not_by"]
    }


def _another(at: AtNode, node: Node[..., Any], seen: Any) -> bool:
    """Whether what the node would do today is not what people said yes to."""
    return bool(at.digest) and digest_of_call(at.grant or "", call_of(node, seen, at.edits)) != at.digest


def _of_the_step(branch: Branch, node: Node[..., Any] | None, edges: Edges) -> Iterator[Pending]:
    """The requests inside of a step that count no more."""
    for item in branch.requests.values():
        slot = item.body.get("slot")
        if slot is None or item.status in _NO:
            continue
        if item.consumed and any(stem(name) == slot.replace("permit.", "call.", 1) for name in branch.calls):
            continue  # the call that it let pass was made
        if item.body["kind"] == "answer":
            if not _asks_the_same(item, node):
                yield item
        elif not _permits_the_same(branch, item, node, edges):
            yield item


def _asks_the_same(item: Pending, node: Node[..., Any] | None) -> bool:
    if not isinstance(node, Ask) or node.role != item.body["role"]:
        return False
    if node.question not in (None, item.body["question"]):
        return False
    asked = Call(node.name, {"question": item.body["question"]}, source=node.source)
    return bool(digest_of_call(item.id, asked) == item.body["digest"])


def _permits_the_same(branch: Branch, item: Pending, node: Node[..., Any] | None, edges: Edges) -> bool:
    call = item.body["call"]
    tool: Node[..., Any] | None
    gates: tuple[Gate, ...]
    if isinstance(node, Act):
        tool = next((one for one in node.tools if one.name == call["tool"]), None)
        gates = () if tool is None else node.gates.get(tool.name, ())
    else:
        each = None if branch.parent is None else edges.flow.nodes.get(edges.names.node(_name(branch.parent)))
        tool, gates = node, each.gates if isinstance(each, Each) else ()
    index: int = item.body["index"]
    gate = turned(next(iter(gates[index : index + 1]), None), tuple(item.body["turns"]))
    if tool is None or not isinstance(gate, Approval) or gate.name != item.body["gate"]:
        return False
    changed = any(edges.gate_changed(name) for name in {gate.name, *(one.name for one in gates)})
    changed = changed or not _as_asked(gate, item.body, branch.state)
    return not changed and (tool.name, tool.source) == (call["tool"], call["source"])


def _name(branch: Branch) -> str:
    return branch.at.node if isinstance(branch.at, AtNode) else ""
