"""What is inside of a flow at any depth: the flows of its subflows and of what works on items, and their nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..nodes.node import Node
from .each import Each
from .subflow import Subflow

if TYPE_CHECKING:
    from .flow import Flow


def flows_in(flow: Flow[Any]) -> Iterator[Flow[Any]]:
    """The flow and all flows inside of it, each once, outermost first.

    Args:
        flow: the flow.
    """
    seen: list[Flow[Any]] = []
    todo = [flow]
    while todo:
        found = todo.pop(0)
        if any(found is one for one in seen):
            continue
        seen.append(found)
        yield found
        todo.extend(
            node.flow for node in found.nodes.values() if isinstance(node, Each | Subflow) and node.flow is not None
        )


def nodes_in(flow: Flow[Any]) -> Iterator[Node[Any, Any]]:
    """The nodes of a flow and of all flows inside of it, and the nodes that work on items.

    Args:
        flow: the flow.
    """
    for found in flows_in(flow):
        for node in found.nodes.values():
            yield node
            if isinstance(node, Each) and node.inner is not None:
                yield node.inner


def node_within(flow: Flow[Any], within: Sequence[str], name: str) -> Node[Any, Any] | None:
    """A node by its name and the names of the nodes around it; None where the flow does not have it.

    Args:
        flow: the run's flow.
        within: the names of the nodes around it, outermost first.
        name: its name.
    """
    for around in within:
        node = flow.nodes.get(around)
        if isinstance(node, Each) and node.inner is not None:
            return node.inner if node.inner.name == name else None
        if not isinstance(node, Each | Subflow) or node.flow is None:
            return None
        flow = node.flow
    return flow.nodes.get(name)
