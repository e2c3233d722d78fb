"""F506, a no stays a no: what gates refused does not run later without a new decision.

A person's no is undone by a person who is asked; a policy's by that policy, or by a person. The way back to the
same gate is such a decision; an exemption is none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from ...guards.gates import Approval, Gate, Policy
from ...nodes.act import Act
from ...nodes.compute import Compute
from ...nodes.node import Node
from ...nodes.tool import Tool
from ..each import Each
from ..rows import START
from .arcs import Arc
from .effects import tools_of
from .graph import Graph, names_of, path_in, search
from .replay import seen
from .report import Finding, Severity
from .spread import Bits, Spot, Spread

Action = Hashable
"""What runs: a tool with what it reads, or a node."""


class No(NamedTuple):
    """An action that a gate refused.

    Args:
        action: the action.
        name: how it is called where it was refused.
        gate: the gate.
        act: the ``act`` whose call it was; empty where it is a node.
    """

    action: Action
    name: str
    gate: str
    act: str = ""


def after_a_no(graph: Graph) -> Iterator[Finding]:
    """F506: an action can run after it was refused, and nobody decided anew.

    Args:
        graph: the flow's graph.
    """
    refusals = _Refusals(graph)
    if not refusals.bits:
        return
    refusals.solve()
    told: set[tuple[No, str]] = set()
    for arc in graph.arcs:
        for no in refusals.undone(arc):
            if (no, arc.target) not in told:
                told.add((no, arc.target))
                found = refusals.finding(arc, no)
                if found is not None:
                    yield found


class _Refusals:
    """Which noes stand where."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.flow = graph, graph.flow
        self.open = {name: frozenset(_open(graph, node)) for name, node in self.flow.nodes.items()}
        self.anywhere: frozenset[int] = frozenset().union(*self.open.values())
        self.bits: dict[No, int] = {}
        self.of: dict[Action, list[No]] = {}
        self.over: dict[Action, int] = {}
        self.said: dict[int, int] = {}
        for arc in graph.arcs:
            bits = 0
            for no in self._noes(arc):
                if no not in self.bits:
                    self.bits[no] = 1 << len(self.bits)
                    self.of.setdefault(no.action, []).append(no)
                    self.over[no.action] = self.over.get(no.action, 0) | self.bits[no]
                bits |= self.bits[no]
            if bits:
                self.said[id(arc)] = bits

    def _noes(self, arc: Arc) -> Iterator[No]:
        """What is refused on an arc."""
        for name, noes in arc.refused:
            if name in self.flow.nodes or name in self.flow.forks:
                for gate, _ in noes:
                    yield No(self.action(name), name, gate)
        node = self.flow.nodes.get(arc.source)
        if isinstance(node, Act) and self.anywhere:
            for tool in node.tools:
                gates = node.gates.get(tool.name, ())
                said = [gate.name for gate in gates if _may_be_told(gate)] if arc.on == "ok" else []
                said += [gate.name for gate in gates if arc.noes and gate.name == arc.noes[0][0]]
                if id(tool.fn) in self.anywhere:
                    yield from (No(("tool", id(tool.fn)), tool.name, gate, node.name) for gate in said)

    def action(self, name: str) -> Action:
        """What runs at a place: the same tool under another name is the same, where it reads the same.

        Args:
            name: a node or a fork.
        """
        node = self.flow.nodes.get(name)
        if isinstance(node, Tool):
            return ("tool", id(node.fn), tuple((param.name, param.field) for param in node.params))
        return ("node", name)

    def solve(self) -> None:
        """Finds which noes stand at each place."""
        self.spread = Spread(self.graph, self._along)
        self.at: dict[str, int] = {}
        for (_, place), bits in self.spread.found.items():
            self.at[place] = self.at.get(place, 0) | bits.may

    def _along(self, arc: Arc, at: Bits) -> Bits:
        """A no stands until its action runs."""
        over = 0 if arc.target in self.flow.ends else self.over.get(self.action(arc.target), 0)
        return Bits((at.may & ~over) | self.said.get(id(arc), 0))

    def undone(self, arc: Arc) -> list[No]:
        """The noes that an arc passes over: their action begins with its target, and nobody is asked.

        Args:
            arc: any.
        """
        if arc.target not in self.flow.nodes and arc.target not in self.flow.forks:
            return []
        action, inside = self.action(arc.target), self.open.get(arc.target, frozenset())
        at = self.at.get(arc.source, 0) | self.said.get(id(arc), 0)
        found = [no for no in self.of.get(action, ()) if not any(self._decides(gate, no) for gate in arc.passed)]
        for one, nos in self.of.items() if inside else ():
            if isinstance(one, tuple) and one[0] == "tool" and one[1] in inside:
                found += [no for no in nos if no.act != arc.target]
        return [no for no in found if self.bits[no] & at]

    def _decides(self, gate: Gate, no: No) -> bool:
        """Whether a gate that let the action pass is a decision that undoes a no."""
        refused = self.flow.gates.get(no.gate)
        if isinstance(refused, Policy) and isinstance(gate, Policy):
            return gate.fn == refused.fn
        return surely_asked(gate)

    # what is told

    def finding(self, arc: Arc, no: No) -> Finding | None:
        """What is found about a no that an arc passes over; None where it can do no harm, or was not seen.

        Args:
            arc: the arc.
            no: the no.
        """
        path = self._path(arc, self.bits[no])
        if not path:
            return None
        exempt = next((gate for gate in arc.passed if isinstance(gate, Approval)), None)
        grave = self._acts(arc.target)
        example = None if exempt is not None else seen(self.graph, path)
        if not grave and example is None:
            return None
        node = self.flow.nodes.get(arc.target)
        where = arc.where or (self.flow.line if node is None else node.line)
        severity: Severity = "error" if grave and example is not None else "warning"
        if exempt is not None and exempt.name == no.gate:
            severity = "fact"
        return Finding("F506", severity, self._words(arc, no, exempt), where, names_of(path), example)

    def _words(self, arc: Arc, no: No, exempt: Approval | None) -> str:
        what = f"{no.name!r}" if not no.act else f"the call of {no.name!r} that {no.act!r} proposed"
        here = "" if self.action(arc.target) == no.action and arc.target == no.name else f" in {arc.target!r}"
        if exempt is not None:
            return (
                f"after {no.gate!r} said no to {what}, it can run{here} unasked: {arc.words} leads there, and "
                f"{exempt.name!r} asks nobody where its unless= is true"
            )
        write = f"{no.gate} >> {arc.target}" if not here else f"a gate before {no.name} there too"
        return (
            f"after {no.gate!r} said no to {what}, it can run{here} all the same: {arc.words} leads there without "
            f"a new decision. Write {write}, or lead the no to another end"
        )

    def _path(self, arc: Arc, bit: int) -> tuple[Arc, ...]:
        """A shortest path on which a no is said, and then an arc is taken."""

        def onward(here: tuple[Spot, bool]) -> Iterator[tuple[Arc, tuple[Spot, bool]]]:
            for taken, there in self.spread.moves(here[0]):
                yield taken, (there, bool(self._along(taken, Bits(bit if here[1] else 0)).may & bit))

        own = bool(self.said.get(id(arc), 0) & bit)
        start: tuple[Spot, bool] = ((self.graph.levels.main, START.name), False)
        came = search(start, onward)
        for place in came:
            level, name = place[0]
            if name == arc.source and (own or place[1]) and any(arc is one for one in level.out[name]):
                return (*path_in(came, place), arc)
        return ()

    def _acts(self, name: str) -> bool:
        """Whether what begins at a place does something to the world."""
        fork = self.flow.forks.get(name)
        if fork is not None:
            return any(self._acts(head.target.name) for head in fork.heads)
        node = self.flow.nodes[name]
        inner = self.graph.nested(node)
        if inner is not None:
            return any(tool.effect != "none" for held in inner.flow.nodes.values() for tool in tools_of(held))
        return not isinstance(node, Compute) and any(tool.effect != "none" for tool in tools_of(node))


def _may_be_told(gate: Gate) -> bool:
    """Whether a no of a gate of a call may be told to the model, which then goes on."""
    return any(way is None or (isinstance(way, Gate) and _may_be_told(way)) for way in gate.ways().values())


def surely_asked(gate: Gate) -> bool:
    """Whether nothing passes a gate without a person who was asked.

    Args:
        gate: the gate.
    """
    ways = gate.ways().values()
    return (
        isinstance(gate, Approval) and gate.unless is None and all(surely_asked(w) for w in ways if isinstance(w, Gate))
    )


def _open(graph: Graph, node: Node[..., Any]) -> Iterator[int]:
    """The tools, by their functions, that a node can run at will: without a gate of its own before them."""
    inner = graph.nested(node)
    if isinstance(node, Act):
        yield from (id(tool.fn) for tool in node.tools if not node.gates.get(tool.name))
    elif isinstance(node, Each) and isinstance(node.inner, Tool) and not node.gates:
        yield id(node.inner.fn)
    elif inner is not None:
        for name, held in inner.flow.nodes.items():
            if isinstance(held, Tool) and any(not arc.passed for arc in inner.into.get(name, ())):
                yield id(held.fn)
            yield from _open(inner, held)
