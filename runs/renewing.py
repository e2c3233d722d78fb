"""Which requests are asked anew when a run goes on under another version: what people saw is not what would run.

A no stays a no. A yes, an answer or a question that is still open counts only where today's flow would ask the same:
the same gate with the same role and quorum, about the same call, of a tool with the same body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..flows.decisions import call_of, gate_at, turned
from ..flows.each import Each
from ..flows.position import AtGate, AtHead, AtNode, Position
from ..guards.gates import Approval, Gate
from ..nodes.act import Act
from ..nodes.ask import Ask
from ..nodes.calls import Call, stem
from ..nodes.node import Node
from .asking import digest_of_call
from .branches import Branch, Pending, waits_at_gate
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
        return _on_edge(branch, at, edges, seen)
    if isinstance(at, AtNode) and at.grant and node is not None and not _called(branch):
        route = _granted_on(branch, edges, events)
        if route is not None and _stale(at, node, route, edges, seen):
            return AtHead(route, at.refusal, at.failure, at.edits), []
    return at, [item.id for item in _of_the_step(branch, node, edges)]


def _on_edge(branch: Branch, at: AtGate | AtHead, edges: Edges, seen: Any) -> tuple[Position, list[str]]:
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
    if pending is None:
        return (at if gate is not None else again), []
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
        and (node is None or digest_of_call(pending.id, call_of(node, seen, at.edits)) == pending.body["digest"])
    )
    return (at, []) if same else (again, [pending.id])


def _called(branch: Branch) -> bool:
    """Whether the step under way has called a tool: then what was approved is under way, or done."""
    return any(call.intent is not None and call.intent["kind"] == "tool" for call in branch.calls.values())


def _granted_on(branch: Branch, edges: Edges, events: Sequence[Event]) -> str | None:
    """The edge of today on which a branch came to where it stands; None where that is none."""
    for event in reversed(events):
        if event.body.get("branch", "") == branch.path and "to" in event.body:
            route = event.body.get("edge")
            return None if route is None else edges.of(route)
    return None


def _stale(at: AtNode, node: Node[..., Any], route: str, edges: Edges, seen: Any) -> bool:
    """Whether the yes that let a branch come to its node is not about what the node would do today."""
    assert at.grant is not None
    if any(edges.gate_changed(gate.name) for gate in edges.flow.routes[route].gates):
        return True
    exempt = at.grant.startswith("exempt:") and not at.digest
    return not exempt and digest_of_call(at.grant, call_of(node, seen, at.edits)) != at.digest


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
    return not changed and (tool.name, tool.source) == (call["tool"], call["source"])


def _name(branch: Branch) -> str:
    return branch.at.node if isinstance(branch.at, AtNode) else ""
