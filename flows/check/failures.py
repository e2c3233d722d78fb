"""F602: edges for failures that cannot happen, as far as a node's kind and what is declared of its tools say.

F603, which repeats.py has, and F602 are what is found about failures beside F601.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from ...guards.outcomes import TRANSIENT, Failed, dotted
from ...nodes.act import Act
from ...nodes.ask import Ask
from ...nodes.compute import Compute
from ...nodes.context import NotSent, ToolError
from ...nodes.node import Node
from ...nodes.think import Think
from ...nodes.tool import Tool
from ..each import Each
from ..subflow import Subflow
from .graph import Graph, names_of
from .killed import may_be_unknown
from .repeats import repeated
from .report import Finding

_OF_CALLS = ("rate_limited", "model_refused", "unknown_effect", "exhausted", "invalid_call")
"""What only a call outside fails with."""


def failures(graph: Graph) -> list[Finding]:
    """F602 and F603.

    Args:
        graph: the flow's graph.
    """
    return [*cannot_fail_so(graph), *repeated(graph)]


def cannot_fail_so(graph: Graph) -> Iterator[Finding]:
    """F602: an edge for a category, or for a class of exceptions, that its source never fails with.

    Args:
        graph: the flow's graph.
    """
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        for route in graph.flow.rows.get(name, ()):
            if not isinstance(route.match, Failed):
                continue
            told: dict[str, list[str]] = {}
            for item, why in _never(graph, node, route.match):
                told.setdefault(why, []).append(item)
            for why, items in told.items():
                what = ", ".join(f"failed({item})" for item in items)
                message = f"{name!r} never fails so: {what} on the edge '{route.id}' matches nothing. {why}"
                yield Finding("F602", "warning", message, route.line, names_of(graph.path(name)))


def _never(graph: Graph, node: Node[..., Any], match: Failed) -> Iterator[tuple[str, str]]:
    """What of a match cannot happen, each with why; the transient categories only where none of them can."""
    why = impossible(graph, node)
    all_three = set(TRANSIENT) <= set(match.categories)
    for category in match.categories:
        if category in why and (not all_three or category not in TRANSIENT or set(TRANSIENT) <= why.keys()):
            yield f"'{category}'", why[category]
    known = _classes(node)
    for name in match.types:
        if known is not None and name not in known[0]:
            yield name.rpartition(".")[2], known[1]


# categories


def impossible(graph: Graph, node: Node[..., Any]) -> dict[str, str]:
    """The categories that a node never fails with, each with why.

    Args:
        graph: the flow's graph.
        node: the node.
    """
    if isinstance(node, Compute):
        return dict.fromkeys(_OF_CALLS, "A compute calls nothing outside; what does is a tool")
    if isinstance(node, Ask):
        late = "That nobody answers in time is no failure: it goes the way expired="
        if node.fn is not None:
            return {"unknown_effect": "A question has no effect"}
        plain = dict.fromkeys((*_OF_CALLS, "unavailable", "declined"), "A question that is a text calls nothing")
        return plain | {"timeout": late}
    if isinstance(node, Think):
        return {"unknown_effect": "A call of a model has no effect", "invalid_call": "It calls no tool"}
    if isinstance(node, Tool):
        return _of_tool(node)
    return _of_act(node) if isinstance(node, Act) else _of_held(graph, node)


def _of_tool(tool: Tool[..., Any]) -> dict[str, str]:
    if tool.effect != "once":
        return {"unknown_effect": f"Its effect is {tool.effect!r}: only one of effect='once' can be unknown"}
    if tool.reconcile is not None:
        return {}
    why = "A call with effect='once' that ends so proves nothing: it is unknown_effect, which only that name matches"
    return dict.fromkeys(("timeout", "rate_limited"), why)


def _of_act(act: Act) -> dict[str, str]:
    told = "What fails a call of an act is told to the model, and the act goes on"
    found: dict[str, str] = dict.fromkeys(("timeout", "rate_limited", "model_refused", "declined"), told)
    if not any(tool.key for tool in act.tools):
        found["unavailable"] = told
    if not may_be_unknown(act):
        found["unknown_effect"] = "None of its tools has effect='once'"
    return found


def _of_held(graph: Graph, node: Node[..., Any]) -> dict[str, str]:
    """An each or a subflow fails with what failed inside of it, and with what its own budget and lists say."""
    if isinstance(node, Each) and node.inner is not None:
        inside = impossible(graph, node.inner)
        return {category: why for category, why in inside.items() if category not in ("exhausted", "declined")}
    return {} if _any_unknown(graph, node) else {"unknown_effect": "No tool inside of it has effect='once'"}


def _any_unknown(graph: Graph, node: Node[..., Any]) -> bool:
    inner = graph.nested(node)
    if inner is None:
        return may_be_unknown(node)
    return any(_any_unknown(inner, held) for held in inner.flow.nodes.values())


# classes


def _classes(node: Node[..., Any]) -> tuple[frozenset[str], str] | None:
    """The classes that a failed outcome of a node can have, and why no other; None: any."""
    if isinstance(node, Each | Subflow):
        return frozenset(), "What failed inside is told by its category, without the exception's class"
    if isinstance(node, Act):
        return _bases(ValidationError), "What a tool of an act raises is told to the model, and the act goes on"
    if isinstance(node, Tool) and node.effect == "once" and node.reconcile is None:
        proofs = (*node.not_done, ToolError, NotSent)
        behind = _bases(ValidationError) | _bases(TypeError) | _bases(NotImplementedError)  # of what does not fit
        known = behind.union(*(_bases(cls) | _under(cls) for cls in proofs))
        return known, (
            "With effect='once' only what is listed proves that nothing was done; all else is unknown_effect. "
            "Where it does prove that, write not_done=..."
        )
    return None


def _bases(cls: type[BaseException]) -> frozenset[str]:
    return frozenset(dotted(base) for base in cls.__mro__)


def _under(cls: type[BaseException]) -> frozenset[str]:
    found: set[type[BaseException]] = set()
    todo = [cls]
    while todo:
        more = set(todo.pop().__subclasses__()) - found
        found |= more
        todo += more
    return frozenset(map(dotted, found))
