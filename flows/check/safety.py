"""F5, safety: what is at stake carries an approval on that very edge. F6: effects whose result may stay unknown.

The edges and nodes of a flow that is a node are looked at where that flow is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...guards.gates import Approval
from ...guards.printing import text
from ...nodes.act import Act
from ...nodes.tool import Tool
from ..each import Each
from ..semantics import EXHAUSTED
from .arcs import Arc, approved, gate_line
from .effects import tools_of
from .graph import Graph, names_of
from .killed import takes_unknown
from .refusals import after_a_no
from .replay import replay, seen
from .report import Finding, Proof
from .samples import NoSample, sample
from .strangers import strangers_text


def safety(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """All of F5 and F6.

    Args:
        graph: the flow's graph.
    """
    edges, tools = [*without_approval(graph), *high_stakes_joins(graph)], list(without_gate(graph))
    items = list(items_without_approval(graph))
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
    each = {name: node.inner for name, node in graph.flow.nodes.items() if isinstance(node, Each)}
    loose = {item.path[-1] for item in items}
    proofs += [
        Proof(f"every item of {name!r} needs an approval of that very step of {inner.name!r}", name not in loose)
        for name, inner in each.items()
        if inner is not None and inner.stakes == "high"
    ]
    passed_over = [*after_a_no(graph), *strangers_text(graph)]
    return [*edges, *tools, *items, *passed_over, *exemptions(graph), *unsettled(graph)], proofs


def without_approval(graph: Graph) -> Iterator[Finding]:
    """F501: a way into a high-stakes node without an approval on that very way."""
    for name, node in graph.flow.nodes.items():
        if node.stakes != "high":
            continue
        for arc in graph.into.get(name, ()):
            fallen_back = arc.source == EXHAUSTED and EXHAUSTED not in graph.flow.rows  # on_failure= says it already
            joins = graph.flow.forks and graph.levels.only_joins(arc)  # the join is told, once
            if not arc.approved and not fallen_back and not joins:
                path = (*graph.path(arc.source), arc)
                yield Finding(
                    "F501", "error",
                    f"{arc.words} leads to {name!r}, where stakes are high, without an approval of its own. "
                    f"Write approval(<role>, ...) >> {name} there",
                    arc.where or node.line, names_of(path), seen(graph, path),
                )  # fmt: skip


def high_stakes_joins(graph: Graph) -> Iterator[Finding]:
    """F501: branches join at a high-stakes node: what let them come there is not what runs, so no approval is left."""
    for fork, branches in graph.levels.branches.items():
        region = branches[0].region
        node = None if region is None else graph.flow.nodes.get(region.exit or "")
        if node is not None and node.stakes == "high":
            path = graph.path(node.name)
            yield Finding(
                "F501", "error",
                f"the branches of {fork} join at {node.name!r}, where stakes are high: no approval outlives a join. "
                f"Join at a node before it, and write approval(<role>, ...) >> {node.name} behind that",
                node.line, names_of(path), seen(graph, path),
            )  # fmt: skip


def items_without_approval(graph: Graph) -> Iterator[Finding]:
    """F504: a high-stakes node that an ``each`` runs for every item without an approval before it."""
    for name, node in graph.flow.nodes.items():
        if not isinstance(node, Each) or node.inner is None or node.inner.stakes == "low" or approved(node.gates):
            continue
        named = ", ".join(gate.name for gate in node.gates)
        what = f"can pass its gates ({named}) without an approval" if named else "has no gate"
        path = graph.path(name)
        yield Finding(
            "F504", "error",
            f"{node.works!r}, which {name!r} runs for every item and where stakes are high, {what}. "
            f"Write each(approval(<role>) >> {node.works}, ...)",
            node.line, names_of(path) or (name,), _with_an_item(graph, node, path),
        )  # fmt: skip


def _with_an_item(graph: Graph, node: Each, path: tuple[Arc, ...]) -> dict[str, Any] | None:
    """The example of a path to an ``each`` whose list has an item: with none, nothing would run."""
    assert node.inner is not None
    item = next((param.annotation for param in node.inner.fields() if param.name == node.item), None)
    try:
        wanted = {node.over: [sample(item)]}
    except NoSample:
        wanted = {}
    done = replay(graph, path, wanted) if path else None
    return None if done is None else done.example


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
        tools = [tool for tool in tools_of(node) if tool.effect == "once" and tool.reconcile is None]
        if not tools or takes_unknown(graph, name):
            continue
        which = f"{name!r}" if isinstance(node, Tool) else f"{', '.join(repr(tool.name) for tool in tools)} of {name!r}"
        yield Finding(
            "F601", "warning",
            f"when a call of {which} ends without proof (a crash, a timeout), the run parks until it is settled. "
            "Give it reconcile=<a function that asks the world>, or add failed('unknown_effect') >> ... to the row "
            f"of {name!r}",
            node.line, names_of(graph.path(name)),
        )  # fmt: skip


def _high(node: Act) -> list[Tool[..., Any]]:
    return [tool for tool in node.tools if tool.stakes == "high"]
