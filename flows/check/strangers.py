"""F505, strangers' text: what came from outside is an argument of a high-stakes call at which nobody looks.

An approval shows the call whole, so this is about what an exemption lets pass. From outside is the input, what a
model or a person answers, and what a tool that only reads (``effect="none"``) returns; what a compute makes of
these, too. What a tool returns that acts is a receipt, and no stranger's. A type without free text carries none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...guards.expressions import And, Compare, Const, Expr, OneOf, Read
from ...guards.gates import Approval, Gate
from ...guards.printing import text
from ...nodes.act import Act
from ...nodes.ask import Ask
from ...nodes.compute import Compute
from ...nodes.node import Node
from ...nodes.signature import Param
from ...nodes.think import Think
from ...nodes.tool import Tool
from ..each import Each
from ..rows import START
from ..subflow import Subflow
from .arcs import Arc, approved
from .fitting import whole_type
from .graph import Graph, names_of
from .refusals import surely_asked
from .report import Finding
from .spread import Bits, Spread
from .texts import carries_text
from .values import always_has


class _Call(NamedTuple):
    """A high-stakes call that an exemption lets pass.

    Args:
        name: how it is called.
        tool: the tool.
        gate: the approval.
        place: the node.
        arc: the arc that leads there; None where the gates are the node's own.
        given: the parameters that a model fills, or that an item is given to.
    """

    name: str
    tool: Tool[..., Any]
    gate: Approval
    place: str
    arc: Arc | None = None
    given: tuple[str, ...] = ()


def strangers_text(graph: Graph) -> Iterator[Finding]:
    """F505: text from outside is an argument of a call that runs unseen.

    Args:
        graph: the flow's graph.
    """
    calls = list(_unseen(graph))
    written = _Written(graph) if calls else None
    for call in calls:
        assert written is not None
        found: dict[str, list[str]] = {}
        for param in call.tool.fields():
            for source in _sources(written, call, param):
                found.setdefault(source, []).append(param.name)
        if found:
            yield _finding(graph, call, found)


def _unseen(graph: Graph) -> Iterator[_Call]:
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        if isinstance(node, Tool) and node.stakes == "high":
            for arc in graph.into.get(name, ()):
                gate = _exempt(arc.passed)
                if gate is not None and arc.source in graph.came:
                    yield _Call(name, node, gate, name, arc)
        elif isinstance(node, Act):
            for tool in node.tools:
                gate = _exempt(node.gates.get(tool.name, ()))
                if gate is not None and tool.stakes == "high":
                    yield _Call(f"{name}/{tool.name}", tool, gate, name, given=tuple(p.name for p in tool.offered()))
        elif isinstance(node, Each) and isinstance(node.inner, Tool) and node.inner.stakes == "high":
            gate = _exempt(node.gates)
            if gate is not None:
                yield _Call(f"{name}/{node.inner.name}", node.inner, gate, name)


def _exempt(gates: tuple[Gate, ...]) -> Approval | None:
    """The approval that lets pass what nobody looked at; None where somebody does, or there is none (F501)."""
    if not approved(gates) or any(map(surely_asked, gates)):
        return None
    return next((gate for gate in gates if isinstance(gate, Approval) and gate.unless is not None), None)


def _sources(written: _Written, call: _Call, param: Param) -> Iterator[str]:
    """Where the text of an argument comes from."""
    if not carries_text(param.annotation) or (call.gate.unless is not None and _pinned(call.gate.unless, param)):
        return
    if param.name in call.given:
        yield "what a model proposed"
        return
    node = written.graph.flow.nodes[call.place]
    field = node.over if isinstance(node, Each) and param.name == node.item else param.field
    if field is not None and field in written.fields:
        yield from written.origins(field, written.before(call.place, call.arc))


def _pinned(tree: Expr, param: Param) -> bool:
    """Whether an exemption holds only for values of an argument that it names."""
    match tree:
        case And(items):
            return any(_pinned(item, param) for item in items)
        case OneOf(Read(name), _) | Compare("==", Read(name), Const(_)):
            return name == param.field
        case _:
            return False


class _Written:
    """Who wrote each field last, at each place."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.fields = graph.flow.state.model_fields
        self.writers: list[tuple[str, str]] = []
        self.of: dict[str, int] = {}
        self.by: dict[str, list[tuple[str, int, bool]]] = {}
        for name in self.fields:
            self._writes(START.name, name, sure=False)
        for name in graph.nodes:
            node = graph.flow.nodes[name]
            for field in node.written(graph.flow.state):
                if field in self.fields:
                    self._writes(name, field, sure=self._surely(node, field))
        start = (1 << len(self.fields)) - 1
        self.spread = Spread(graph, self._along, Bits(start))

    def _writes(self, writer: str, field: str, *, sure: bool) -> None:
        bit = 1 << len(self.writers)
        self.writers.append((writer, field))
        self.of[field] = self.of.get(field, 0) | bit
        self.by.setdefault(writer, []).append((field, bit, sure))

    def _surely(self, node: Node[..., Any], field: str) -> bool:
        """Whether an ok outcome replaces what a field held."""
        if self.graph.flow.type.fields[field].reducer is not None or isinstance(node, Act):
            return False
        return isinstance(node, Each | Subflow) or node.writes == field or always_has(node.returns, field)

    def _along(self, arc: Arc, at: Bits) -> Bits:
        if arc.source not in self.graph.flow.nodes:
            return at
        may = at.may
        for field, bit, sure in self.by.get(arc.source, ()):
            may = (may & ~self.of[field] if sure and arc.on == "ok" else may) | bit
        return Bits(may)

    def before(self, place: str, arc: Arc | None) -> int:
        """What may have written the fields when a place begins.

        Args:
            place: the place.
            arc: the arc that leads there; None: any.
        """
        at = self.spread.at(place if arc is None else arc.source)
        if at is None:
            return 0
        return at.may if arc is None else self._along(arc, at).may

    def origins(self, field: str, at: int) -> Iterator[str]:
        """What came from outside into a field, in words.

        Args:
            field: the field.
            at: what may have written the fields.
        """
        told: set[str] = set()
        todo, seen = [(field, at)], set[tuple[str, str]]()
        while todo:
            name, bits = todo.pop()
            for place, (writer, wrote) in enumerate(self.writers):
                if wrote != name or not bits >> place & 1 or (writer, wrote) in seen:
                    continue
                seen.add((writer, wrote))
                node = self.graph.flow.nodes.get(writer)
                if not carries_text(self._type(node, wrote)):
                    continue
                if isinstance(node, Compute):
                    todo += [(read, self.before(writer, None)) for read in node.reads(self.graph.flow.state)]
                    continue
                source = _origin(node)
                if source and source not in told:
                    told.add(source)
                    yield source

    def _type(self, node: Node[..., Any] | None, field: str) -> Any:
        """The type of what is written: of a node that stores one value its own, else the field's."""
        if node is not None and node.writes == field and isinstance(node, Compute | Think | Tool | Ask):
            return node.returns
        return whole_type(self.fields[field])


def _origin(node: Node[..., Any] | None) -> str:
    """What a node wrote, as a source of strangers' text; empty where it is none."""
    if node is None:
        return "the input"
    if isinstance(node, Tool):
        return f"what {node.name!r} returned" if node.effect == "none" else ""
    if isinstance(node, Act):
        return f"what tools of {node.name!r} returned" if any(tool.effect == "none" for tool in node.tools) else ""
    if isinstance(node, Each) and isinstance(node.inner, Tool) and node.inner.effect != "none":
        return ""
    return f"what was answered to {node.name!r}" if isinstance(node, Think | Ask) else f"what came of {node.name!r}"


def _finding(graph: Graph, call: _Call, found: dict[str, list[str]]) -> Finding:
    unless = "" if call.gate.unless is None else text(call.gate.unless)
    what = "; ".join(f"{', '.join(names)} from {source}" for source, names in found.items())
    path = graph.path(call.place) if call.arc is None else (*graph.path(call.arc.source), call.arc)
    where = graph.flow.nodes[call.place].line if call.arc is None else call.arc.where
    return Finding(
        "F505", "warning",
        f"where {unless}, {call.gate.name!r} asks nobody and {call.name!r} runs unseen, with text from outside in "
        f"its arguments: {what}. Ask in this case too, have unless= name the values that may pass (one_of), or give "
        "the parameter a type without free text (a Literal, an Enum, a pattern)",
        where, names_of(path),
    )  # fmt: skip
