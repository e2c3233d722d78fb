"""F3, data: what a node reads fits its parameters, on every way that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ...nodes.act import Act
from ...nodes.annotations import members, text
from ...nodes.node import Node
from ...nodes.sealing import shown as seen
from ...nodes.signature import MISSING, Param
from ..each import Each
from ..subflow import Subflow
from .arcs import Arc
from .borders import Unsure, borders
from .dataflow import Dataflow
from .fitting import YES, accepts, fits, same, whole_type
from .graph import Graph, names_of, told
from .parallel import parallel_writes
from .replay import replay
from .report import TRUST, Finding, Proof


@dataclass(frozen=True, slots=True)
class Reading:
    """A parameter of a node, of a tool that it calls, or of what it holds, that reads a field."""

    node: str
    owner: Node[..., Any]
    param: Param
    field: str

    def __str__(self) -> str:
        if self.owner.name != self.node:
            return f"{self.owner.kind} {self.owner.name!r} of {self.node!r}, parameter {self.param.name!r}"
        of_flow = isinstance(self.owner, Each | Subflow) and self.param not in self.owner.params
        what = f"field {self.param.name!r} of its flow" if of_flow else f"parameter {self.param.name!r}"
        return f"node {self.node!r}, {what}"


def data(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """All of F3.

    Args:
        graph: the flow's graph.
    """
    found, proofs = _reads(graph)
    lost = list(parallel_writes(graph))
    if graph.levels.branches:
        sure = any(item.severity == "error" for item in lost)
        proved = not lost or (False if sure else None)
        what = "no field without a reducer is written by two branches that run side by side"
        proofs.append(Proof(what, proved, lost[0].path if lost else ()))
    return [*found, *lost], proofs


def _reads(graph: Graph) -> tuple[list[Finding], list[Proof]]:
    """What is found about reads and about what is handed over."""
    flow = Dataflow(graph)
    unknown: list[Unsure] = []
    found = [*unfit_reads(flow, unknown), *missing_reasons(graph), *borders(flow, unknown)]
    statement = f"every value that a node reads fits its parameter, {TRUST}"
    if found:
        worst = next((item for item in found if item.severity == "error"), None)
        sure = worst is not None
        return found, [Proof(statement, False if sure else None, (worst or found[0]).path)]
    if unknown:
        node, first = unknown[0]
        count = "" if len(unknown) == 1 else f" and {len(unknown) - 1} more"
        what = f"{statement}: {first} is validated when the node runs{count}"
        return found, [Proof(f"{what}; give the field the same type", None, names_of(graph.path(node)))]
    return found, [Proof(statement, True)]


def unfit_reads(flow: Dataflow, unknown: list[Unsure]) -> Iterator[Finding]:
    """F301, F302: a parameter's type does not take every value that the field can have there."""
    infos = flow.graph.flow.state.model_fields
    alike: dict[tuple[str, int], tuple[bool, Any]] = {}  # with the type, so that its id stays its own
    for reading in _readings(flow.graph):
        info, wanted = infos[reading.field], reading.param.annotation
        key = (reading.field, id(wanted))
        if key not in alike:
            alike[key] = same(wanted, info), wanted
        if alike[key][0]:
            continue
        bits = flow.at(reading.node)
        for member, given in enumerate(flow.values.types[reading.field]):
            bit = flow.values.bit(reading.field, member)
            fit, value = fits(wanted, given) if bits & bit else YES
            if fit == "unknown" and _default_is_refused(wanted, info):
                fit, value = "no", info.default
            if fit == "no":
                yield _unfit(flow, reading, flow.path(reading.node, reading.field, member), value)
                break
            if fit == "unknown":
                unknown.append((reading.node, f"{reading} ({text(wanted)})"))
                break


def _default_is_refused(wanted: Any, info: FieldInfo) -> bool:
    return info.default is not PydanticUndefined and accepts(wanted, info.default) is False


def _readings(graph: Graph) -> Iterator[Reading]:
    fields = graph.flow.state.model_fields
    for name in graph.nodes:
        for owner, param in _params(graph, graph.flow.nodes[name]):
            if param.field is not None and param.field in fields:
                yield Reading(name, owner, param, param.field)


def _params(graph: Graph, node: Node[..., Any]) -> Iterator[tuple[Node[..., Any], Param]]:
    """What a node reads: its own parameters, those of what it calls, and the fields of a flow that it holds."""
    if isinstance(node, Act):
        yield from node.hidden()
    elif not isinstance(node, Subflow):
        yield from ((node, param) for param in node.fields())
    if isinstance(node, Each) and node.inner is not None:
        yield from ((node.inner, param) for param in node.inner.fields() if param.name != node.item)
    inner = graph.nested(node)
    if inner is not None and isinstance(node, Each | Subflow):
        for name, outer in node.given(graph.flow.state).items():
            yield node, Param(name, outer, whole_type(inner.flow.state.model_fields[name]), default=MISSING)


def _unfit(flow: Dataflow, reading: Reading, path: tuple[Arc, ...], value: Any) -> Finding:
    graph, wanted = flow.graph, reading.param.annotation
    done = replay(graph, path, {reading.field: value})
    shown = done is not None and accepts(wanted, getattr(done.state, reading.field)) is False
    way_out = "Give the field the parameter's type, or the parameter the field's"
    if value is None:
        way_out = f"Take {text(wanted)} | None, or guard the way with exists(t.{reading.field})"
    what = (
        f"{reading} takes {text(wanted)}, but {graph.flow.state.__name__}.{reading.field} "
        f"{'is' if shown else 'may be'} {value!r} on the way {told(path)}: the step would fail as invalid_input"
    )
    example = done.example | {"reads": {reading.param.name: seen(value)}} if done else None
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
                done = replay(graph, path, {})
                shown = done is not None and getattr(done.at, param.kind, None) is None
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
