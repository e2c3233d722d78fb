"""What a kill in the middle of each step leads to. What is recorded is never done again; this is about the rest."""

from __future__ import annotations

from typing import Any

from ...guards.outcomes import Failed
from ...nodes.act import Act
from ...nodes.node import Node
from ...nodes.tool import Tool
from .effects import tools_of
from .graph import Graph
from .report import Killed


def killed(graph: Graph) -> dict[str, Killed]:
    """For each step that a run can take, what a kill in the middle of it leads to; those inside as ``node/inner``.

    Args:
        graph: the flow's graph.
    """
    found: dict[str, Killed] = {}
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        inner = graph.nested(node)
        if inner is not None:
            found |= {f"{name}/{one}": word for one, word in killed(inner).items()}
            continue
        for tool in tools_of(node):
            found[f"{name}/{tool.name}" if isinstance(node, Act) else name] = _of(graph, name, tool)
        if not list(tools_of(node)):
            found[name] = "again"
    return found


def _of(graph: Graph, name: str, tool: Tool[..., Any]) -> Killed:
    if tool.effect != "once":
        return "again"
    if tool.reconcile is not None:
        return "asked"
    return "edge" if takes_unknown(graph, name) else "parks"


def takes_unknown(graph: Graph, name: str) -> bool:
    """Whether a node's row has an edge for an effect that is not known.

    Args:
        graph: the flow's graph.
        name: the node.
    """
    return any(
        isinstance(route.match, Failed) and "unknown_effect" in route.match.categories
        for route in graph.flow.rows.get(name, ())
    )


def may_be_unknown(node: Node[..., Any]) -> bool:
    """Whether a call of a node itself may end without anyone knowing what it did.

    Args:
        node: the node.
    """
    return any(tool.effect == "once" for tool in tools_of(node))
