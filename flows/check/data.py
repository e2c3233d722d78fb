"""F3, data: what a node reads fits its parameters, on every way that leads to it.

For each place the members of its type that each field can have there: anything at the start, since an input
may give any field; what a node returns after an ok outcome; what was there before after a failed one; not
None behind a condition that is known only where there is a value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from ...nodes.act import Act
from ...nodes.annotations import members, text
from ...nodes.node import Node
from ...nodes.signature import Param
from ..rows import START
from .arcs import HUBS, Arc
from .fitting import YES, accepts, fits, same
from .graph import Came, Graph, names_of, path_in, search, told
from .knowing import NOTHING, not_passed, passed
from .replay import replay
from .report import Finding, Proof
from .values import Effect, Values

Spot = tuple[str, bool]
"""A place, and whether a bit is set when it is reached."""

TRUST = "as long as functions return what they declare"
"""What all of F3 rests on."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A parameter of a node, or of a tool that it calls, that reads a field."""

    node: str
    owner: Node[..., Any]
    param: Param
    field: str

    def __str__(self) -> str:
        whose = f"node {self.node!r}" if self.owner.name == self.node else f"tool {self.owner.name!r} of {self.node!r}"
        return f"{whose}, parameter {self.param.name!r}"


def data(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """All of F3.

    Args:
        graph: the flow's graph.
    """
    flow = _Dataflow(graph)
    found = [*unfit_reads(flow), *missing_reasons(graph)]
    statement = f"every value that a node reads fits its parameter, {TRUST}"
    if found:
        worst = next((item for item in found if item.severity == "error"), None)
        sure = worst is not None
        return found, [Proof(statement, False if sure else None, (worst or found[0]).path)]
    if flow.unknown:
        first = flow.unknown[0]
        count = "" if len(flow.unknown) == 1 else f" and {len(flow.unknown) - 1} more"
        what = f"{statement}: {first} ({text(first.param.annotation)}) is validated when the node runs{count}"
        return found, [Proof(f"{what}; give the field the same type", None, names_of(graph.path(first.node)))]
    return found, [Proof(statement, True)]


class _Dataflow:
    """What each field can hold at each place."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = Values(graph.flow.type)
        self.unknown: list[Reading] = []
        self.effects: dict[str, Effect] = {name: self.values.effect(graph.flow.nodes[name]) for name in graph.nodes}
        self.masks = {id(arc): self.values.without_none(fields) for arc, fields in self._known()}

    def _known(self) -> Iterator[tuple[Arc, frozenset[str]]]:
        """For each arc with conditions the fields that are not None once it is taken."""
        behind: dict[str, frozenset[str]] = {}
        for source, routes in self.graph.flow.rows.items():
            before = NOTHING
            for route in routes:
                behind[route.id] = passed(route) | (before if route.match is None and source not in HUBS else NOTHING)
                before |= not_passed(route) if route.match is None else NOTHING
        for arc in self.graph.arcs:
            if arc.row is not None and behind[arc.row.id]:
                yield arc, behind[arc.row.id]

    def along(self, arc: Arc, at: int) -> int:
        """What can be there after an arc, from what can be there when its source begins."""
        cleared, written = self.effects.get(arc.source, (0, 0))
        after = (at & ~cleared) | written
        if arc.on == "ok":
            bits = after
        elif arc.on == "spent" or (arc.on == "failed" and arc.source in self.graph.raising):
            bits = at | after
        elif arc.on == "refused":
            bits = at | written if isinstance(self.graph.flow.nodes[arc.source], Act) else at
        else:
            bits = at
        return bits & self.masks.get(id(arc), self.values.all)

    @cached_property
    def at(self) -> dict[str, int]:
        """What can be there when each place is reached."""
        found = {START.name: self.values.all}
        todo, waiting = deque([START.name]), {START.name}
        while todo:
            name = todo.popleft()
            waiting.discard(name)
            for arc in self.graph.out.get(name, ()):
                bits = self.along(arc, found[name])
                before = found.get(arc.target)
                if before is None or bits & ~before:
                    found[arc.target] = bits | (before or 0)
                    if arc.target not in waiting:
                        waiting.add(arc.target)
                        todo.append(arc.target)
        return found

    def path(self, name: str, bit: int) -> tuple[Arc, ...]:
        """A shortest path on which a place is reached with a bit set."""
        if bit not in self._found:
            self._found[bit] = search((START.name, True), lambda here: self._onward(here, bit))
        return path_in(self._found[bit], (name, True))

    def _onward(self, here: Spot, bit: int) -> Iterator[tuple[Arc, Spot]]:
        at = self.values.all if here[1] else self.values.all & ~bit
        for arc in self.graph.out.get(here[0], ()):
            yield arc, (arc.target, bool(self.along(arc, at) & bit))

    @cached_property
    def _found(self) -> dict[int, Came[Spot]]:
        return {}


def unfit_reads(flow: _Dataflow) -> Iterator[Finding]:
    """F301, F302: a parameter's type does not take every value that the field can have there."""
    infos = flow.graph.flow.state.model_fields
    for reading in _readings(flow.graph):
        info, wanted = infos[reading.field], reading.param.annotation
        if same(wanted, info):
            continue
        bits = flow.at[reading.node]
        for member, given in enumerate(flow.values.types[reading.field]):
            bit = flow.values.bit(reading.field, member)
            fit, value = fits(wanted, given) if bits & bit else YES
            if fit == "unknown" and _default_is_refused(wanted, info):
                fit, value = "no", info.default
            if fit == "no":
                yield _unfit(flow, reading, flow.path(reading.node, bit), value)
                break
            if fit == "unknown":
                flow.unknown.append(reading)
                break


def _default_is_refused(wanted: Any, info: FieldInfo) -> bool:
    return info.default is not PydanticUndefined and accepts(wanted, info.default) is False


def _readings(graph: Graph) -> Iterator[Reading]:
    fields = graph.flow.state.model_fields
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        pairs = node.hidden() if isinstance(node, Act) else tuple((node, param) for param in node.fields())
        for owner, param in pairs:
            if param.field is not None and param.field in fields:
                yield Reading(name, owner, param, param.field)


def _unfit(flow: _Dataflow, reading: Reading, path: tuple[Arc, ...], value: Any) -> Finding:
    graph, wanted = flow.graph, reading.param.annotation
    done = replay(graph.flow, path, {reading.field: value})
    shown = done is not None and accepts(wanted, getattr(done.state, reading.field)) is False
    way_out = "Give the field the parameter's type, or the parameter the field's"
    if value is None:
        way_out = f"Take {text(wanted)} | None, or guard the way with exists(t.{reading.field})"
    what = (
        f"{reading} takes {text(wanted)}, but {graph.flow.state.__name__}.{reading.field} "
        f"{'is' if shown else 'may be'} {value!r} on the way {told(path)}: the step would fail as invalid_input"
    )
    example = done.example | {"reads": {reading.param.name: to_jsonable_python(value, fallback=repr)}} if done else None
    return Finding(
        "F301" if shown else "F302",
        "error" if shown else "warning",
        f"{what}. {way_out}",
        reading.owner.line,
        names_of(path),
        example if shown else None,
    )


def missing_reasons(graph: Graph) -> Iterator[Finding]:
    """F303: a node must be told why it was reached, a Refusal or a Failure, and can be reached without one."""
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        for param in node.params:
            if param.kind not in ("refusal", "failure") or not param.required or NoneType in members(param.annotation):
                continue
            for arc in graph.into.get(name, ()):
                if arc.source not in graph.came or getattr(arc, param.kind):
                    continue
                path = (*graph.path(arc.source), arc)
                done = replay(graph.flow, path, {})
                shown = done is not None and getattr(done.at, param.kind) is None
                word = "a gate's no" if param.kind == "refusal" else "a failure"
                yield Finding(
                    "F303", "error" if shown else "warning",
                    f"node {name!r}, parameter {param.name!r} must be told of {word}, but the node "
                    f"{'is' if shown else 'may be'} reached without one on the way {told(path)}: the step would fail "
                    f"as invalid_input. Take {text(param.annotation)} | None",
                    node.line, names_of(path),
                    done.example | {"reads": {param.name: None}} if shown and done is not None else None,
                )  # fmt: skip
                break
