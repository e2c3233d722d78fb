"""A path carried out: the semantics, led along it by made-up values, so that what is told of it was seen.

No function of an author's is called: a path past a named function or a policy is not carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from ...errors import GuidewayError
from ...nodes.outcome import ErrorRecord, Outcome, Refusal
from ..decisions import gate_at
from ..position import Ask, AtNode, Begun, Decided, Done, Incoming, Move, Place, Run
from ..rows import START
from ..semantics import next_move
from .arcs import HUBS, Arc, may_raise
from .samples import NoSample, sample, sample_update
from .wishes import wishes

if TYPE_CHECKING:
    from ..flow import Flow


@dataclass(frozen=True, slots=True)
class Replay:
    """A path that was carried out.

    Args:
        state: the state at its end.
        at: where it ended, with what the node can read of a no or a failure.
        example: the input and what each node did, JSON-able.
    """

    state: BaseModel
    at: AtNode
    example: dict[str, Any]


class _Hop(NamedTuple):
    """From one node to the next: an arc, or two by way of the flow's own."""

    first: Arc
    last: Arc


@dataclass(slots=True)
class _Script:
    """The values that are made up: of the input, and of what each hop's source writes."""

    input: dict[str, Any] = field(default_factory=dict[str, Any])
    updates: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def replay(flow: Flow[Any], path: Sequence[Arc], wanted: Mapping[str, Any]) -> Replay | None:
    """Carries out a path to a node; None where made-up values do not lead a run along it.

    Args:
        flow: the flow.
        path: arcs from START to a node.
        wanted: what fields shall hold when the node is reached.
    """
    hops = _hops(path)
    if not hops or any(may_raise(route) for hop in hops for route in _rows(flow, hop)):
        return None
    try:
        return _run(flow, hops, _script(flow, hops, wanted))
    except (NoSample, GuidewayError, ValidationError):
        return None


def seen(flow: Flow[Any], path: Sequence[Arc]) -> dict[str, Any] | None:
    """The example of a path that was carried out; None where it was not.

    Args:
        flow: the flow.
        path: arcs from START, or from what nothing reaches, to a node.
    """
    if not path or path[0].source != START.name or path[-1].target not in flow.nodes:
        return None
    done = replay(flow, path, {})
    return None if done is None else done.example


def _hops(path: Sequence[Arc]) -> list[_Hop]:
    hops: list[_Hop] = []
    first: Arc | None = None
    for arc in path:
        if arc.target in HUBS:
            first = first or arc
            continue
        hops.append(_Hop(first or arc, arc))
        first = None
    return hops


def _rows(flow: Flow[Any], hop: _Hop) -> tuple[Any, ...]:
    return (*flow.rows.get(hop.first.source, ()), *flow.rows.get(hop.last.source, ()))


# made-up values


def _script(flow: Flow[Any], hops: list[_Hop], wanted: Mapping[str, Any]) -> _Script:
    script = _Script({}, [{} for _ in hops])
    for name, value in wanted.items():
        _put(flow, script, hops, len(hops) - 1, name, value)
    fields = flow.state.model_fields
    for place, hop in enumerate(hops):
        for name, value in wishes(flow.rows.get(hop.first.source, ()), hop.first.row, fields):
            _put(flow, script, hops, place, name, value)
    for name, info in fields.items():
        if info.is_required() and name not in script.input:
            script.input[name] = sample(info.annotation)
    return script


def _put(flow: Flow[Any], script: _Script, hops: list[_Hop], place: int, name: str, value: Any) -> None:
    """Has a field hold a value when a hop is taken: its last writer writes it, else the input gives it."""
    for at in range(place, -1, -1):
        arc = hops[at].first
        if arc.source != START.name and arc.on == "ok" and name in flow.nodes[arc.source].written(flow.state):
            script.updates[at].setdefault(name, value)
            return
    script.input.setdefault(name, value)


# the run


def _run(flow: Flow[Any], hops: list[_Hop], script: _Script) -> Replay | None:
    state: Any = flow.type.start(script.input)
    counters: dict[str, int] = {}
    steps: list[dict[str, Any]] = []
    out = False
    at: AtNode | None = None
    for hop, update in zip(hops, script.updates, strict=True):
        incoming: Incoming = Begun()
        if hop.first.source != START.name:
            outcome = _outcome(flow, hop.first, update)
            state = flow.type.fold(state, flow.type.write(state, outcome.update))
            incoming = Done(hop.first.source, outcome)
            steps.append(_step(hop, outcome))
        place = Place(state, counters, out=out)
        move = _decided(flow, place, next_move(flow, place, incoming), dict(hop.last.noes))
        if not isinstance(move, Run) or move.at.node != hop.last.target:
            return None
        for name in move.why.counted:
            counters[name] = counters.get(name, 0) + 1
        out, at = move.out, move.at
    assert at is not None
    example = {"input": script.input, "steps": steps, "then": at.node}
    return Replay(state, at, to_jsonable_python(example, fallback=repr))


def _outcome(flow: Flow[Any], arc: Arc, update: dict[str, Any]) -> Outcome:
    if arc.on == "ok":
        return Outcome("ok", sample_update(flow.nodes[arc.source], flow.state, update))
    if arc.on == "refused":
        gate, no = arc.noes[-1]
        refusal = Refusal(kind=no, gate=gate)  # type: ignore[arg-type]  # the noes are those of gates
        return Outcome("expired" if no == "expired" else "refused", refusal=refusal, way=arc.way)
    category, classes = "exhausted" if arc.on == "spent" else "bug", tuple[str, ...]()
    if arc.row is not None and arc.row.match is not None:
        category = next(iter(arc.row.match.categories), category)
        classes = arc.row.match.types[:1]
    return Outcome("failed", error=ErrorRecord(category, "Scripted", "made up by the check", classes))


def _decided(flow: Flow[Any], place: Place, move: Move, noes: dict[str, str]) -> Move:
    """The move after all that people decide on the way: no where the path says so, else yes."""
    while isinstance(move, Ask):
        gate = gate_at(flow, move.at).name
        refusal = Refusal(kind=noes[gate], gate=gate) if gate in noes else None  # type: ignore[arg-type]  # as above
        place = place._replace(out=move.out)
        move = next_move(flow, place, Decided(move.at, refusal=refusal))
    return move


def _step(hop: _Hop, outcome: Outcome) -> dict[str, Any]:
    step: dict[str, Any] = {"node": hop.first.source, "outcome": outcome.kind}
    if outcome.update:
        step["update"] = outcome.update
    if outcome.error is not None:
        step["error"] = outcome.error.category
    if hop.last.noes:
        step["noes"] = dict(hop.last.noes)
    return step
