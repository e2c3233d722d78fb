"""F5, safety: what is at stake carries an approval on that very edge. F6: effects whose result may stay unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...guards.gates import Approval
from ...guards.printing import text
from ...nodes.act import Act
from ...nodes.node import Node
from ...nodes.tool import Tool
from ..semantics import EXHAUSTED
from .arcs import approved, gate_line
from .graph import Graph, names_of
from .replay import seen
from .report import Finding, Proof


def safety(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """All of F5 and F6.

    Args:
        graph: the flow's graph.
    """
    edges, tools = list(without_approval(graph)), list(without_gate(graph))
    bad = {item.path[-1] for item in edges}
    proofs = [
        Proof(f"every way into {name!r} carries an approval of that very step", name not in bad)
        for name, node in graph.flow.nodes.items()
        if node.stakes == "high"
    ]
    acting = [name for name, node in graph.flow.nodes.items() if isinstance(node, Act) and _high(node)]
    ungated = {item.path[-1] for item in tools}
    proofs += [
        Proof(f"every high-stakes call of {name!r} needs an approval of that very call", name not in ungated)
        for name in acting
    ]
    return [*edges, *tools, *exemptions(graph), *unsettled(graph)], proofs


def without_approval(graph: Graph) -> Iterator[Finding]:
    """F501: a way into a high-stakes node without an approval on that very way."""
    for name, node in graph.flow.nodes.items():
        if node.stakes != "high":
            continue
        for arc in graph.into.get(name, ()):
            fallen_back = arc.source == EXHAUSTED and EXHAUSTED not in graph.flow.rows  # on_failure= says it already
            if not arc.approved and not fallen_back:
                path = (*graph.path(arc.source), arc)
                yield Finding(
                    "F501", "error",
                    f"{arc.words} leads to {name!r}, where stakes are high, without an approval of its own. "
                    f"Write approval(<role>, ...) >> {name} there",
                    arc.where or node.line, names_of(path), seen(graph.flow, path),
                )  # fmt: skip


def without_gate(graph: Graph) -> Iterator[Finding]:
    """F502: a high-stakes tool of an ``act`` without an approval among its gates."""
    for name, node in graph.flow.nodes.items():
        if not isinstance(node, Act):
            continue
        for tool in _high(node):
            gates = node.gates.get(tool.name, ())
            if not approved(gates):
                named = ", ".join(gate.name for gate in gates)
                what = f"can pass its gates ({named}) without an approval" if gates else "has no gate"
                yield Finding(
                    "F502", "error",
                    f"the tool {tool.name!r} of {name!r}, where stakes are high, {what}. "
                    f"Write act(..., gates={{{tool.name}: approval(<role>)}})",
                    node.line, names_of(graph.path(name)) or (name,),
                )  # fmt: skip


def exemptions(graph: Graph) -> Iterator[Finding]:
    """F503: an approval that is not asked in some case; a fact for whoever reviews the flow."""
    for name, gate in graph.flow.gates.items():
        if isinstance(gate, Approval) and gate.unless is not None:
            what = f"the approval {name!r} is not asked where {text(gate.unless)}"
            yield Finding("F503", "fact", what, gate_line(gate))


def unsettled(graph: Graph) -> Iterator[Finding]:
    """F601: a ``once`` tool whose result may stay unknown, with nothing said about it: the run parks."""
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        tools = [tool for tool in _tools(node) if tool.effect == "once" and tool.reconcile is None]
        if not tools or any(
            route.match is not None and "unknown_effect" in route.match.categories
            for route in graph.flow.rows.get(name, ())
        ):
            continue
        which = f"{name!r}" if isinstance(node, Tool) else f"{', '.join(repr(tool.name) for tool in tools)} of {name!r}"
        yield Finding(
            "F601", "warning",
            f"when a call of {which} ends without proof (a crash, a timeout), the run parks until it is settled. "
            "Give it reconcile=<a function that asks the world>, or add failed('unknown_effect') >> ... to the row "
            f"of {name!r}",
            node.line, names_of(graph.path(name)),
        )  # fmt: skip


def _tools(node: Node[..., Any]) -> tuple[Tool[..., Any], ...]:
    return (node,) if isinstance(node, Tool) else node.tools if isinstance(node, Act) else ()


def _high(node: Act) -> list[Tool[..., Any]]:
    return [tool for tool in node.tools if tool.stakes == "high"]
