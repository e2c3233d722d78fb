"""A path carried out: the semantics, led along it by made-up values, so that what is told of it was seen.

No function of an author's is called: a path past a named function or a policy is not carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from ...errors import GuidewayError
from ...nodes.outcome import Outcome, Refusal
from ...nodes.sealing import shown
from ..decisions import gate_at
from ..each import Each
from ..monitors import Monitor
from ..position import (
    Ask,
    AtEnd,
    AtJoin,
    AtNode,
    Begun,
    Decided,
    Done,
    Finish,
    Fork,
    Headed,
    Incoming,
    Join,
    Joined,
    Leave,
    Move,
    Place,
    Run,
)
from ..regions import Region
from ..rows import START
from ..semantics import NO_WAY_ON, next_move
from ..subflow import Subflow
from ..watching import Watch, happened, watch
from .arcs import NO_CASE, NO_WAY, Arc, may_raise
from .graph import Graph
from .laying import Hop, Laying
from .samples import NoSample, sample, sample_update
from .scripts import Script, decided, script, scripted_error, step_told

Delta = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Replay:
    """A path that was carried out.

    Args:
        state: the state at its end.
        at: where it ended, with what a node can read of a no or a failure.
        example: the input and what each node did, JSON-able.
        input: the input.
        violated: whether something happened that violates what was watched.
    """

    state: BaseModel
    at: AtNode | AtEnd
    example: dict[str, Any]
    input: dict[str, Any]
    violated: bool = False


def replay(graph: Graph, path: Sequence[Arc], wanted: Mapping[str, Any]) -> Replay | None:
    """Carries out a path to a node; None where made-up values do not lead a run along it.

    Args:
        graph: the flow's graph.
        path: arcs from START to a node.
        wanted: what fields shall hold when the node is reached.
    """
    done = _led(graph, Laying(graph).path(path), wanted, None)
    return done if done is not None and isinstance(done.at, AtNode) else None


def replay_end(
    graph: Graph, path: Sequence[Arc], wanted: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> Replay | None:
    """Carries out a path to an end.

    Args:
        graph: the flow's graph.
        path: arcs from START to an end.
        wanted: what fields shall hold there.
        given: the input; None: it is made up.
    """
    done = _led(graph, Laying(graph).path(path), wanted, given)
    return done if done is not None and isinstance(done.at, AtEnd) and done.at.end is not None else None


def replay_watched(
    graph: Graph, path: Sequence[Arc], monitors: tuple[Monitor, ...], wanted: Mapping[str, Any]
) -> Replay | None:
    """Carries out a path on which a property is violated; None where made-up values do not lead to that.

    Args:
        graph: the flow's graph.
        path: arcs from START.
        monitors: the property's automata.
        wanted: what fields shall hold at its end.
    """
    done = _led(graph, Laying(graph).path(path), wanted, None, watch(monitors))
    return done if done is not None and done.violated else None


def replay_stuck(
    graph: Graph, path: Sequence[Arc], first: Mapping[str, Any], values: Sequence[Mapping[str, Any]]
) -> Replay | None:
    """Carries out a path that ends where no edge passes; None where the values do not lead to that.

    Args:
        graph: the flow's graph.
        path: arcs from START, the last of them one of ``no_way``.
        first: values of the input.
        values: for each arc what its source writes, by field.
    """
    hops = Laying(graph).path(path)
    return _led(graph, hops, {}, None, found=decided(hops, path, first, values)) if hops else None


def replay_values(
    graph: Graph,
    path: Sequence[Arc],
    monitors: tuple[Monitor, ...],
    given: Mapping[str, Any],
    values: Sequence[Mapping[str, Any]],
) -> Replay | None:
    """Carries out a path on which a property is violated, with given values; None where they do not lead to that.

    Args:
        graph: the flow's graph.
        path: arcs from START.
        monitors: the property's automata.
        given: values of the input; what is missing is made up.
        values: for each arc what its source writes, by field.
    """
    hops = Laying(graph).path(path)
    made = decided(hops, path, given, values) if hops else None
    done = _led(graph, hops, {}, None, watch(monitors), made)
    return done if done is not None and done.violated else None


def replay_beside(graph: Graph, before: Sequence[Arc], ways: Sequence[Sequence[Arc]]) -> dict[str, Any] | None:
    """Carries out a way in each of some branches of one fork; gives the example.

    Args:
        graph: the flow's graph.
        before: arcs from START to the fork.
        ways: arcs from the fork to a node of a branch.
    """
    done = _led(graph, Laying(graph).beside(before, ways), {}, None)
    return None if done is None else done.example | {"then": [way[-1].target for way in ways]}


def seen(graph: Graph, path: Sequence[Arc]) -> dict[str, Any] | None:
    """The example of a path that was carried out; None where it was not.

    Args:
        graph: the flow's graph.
        path: arcs from START, or from what nothing reaches, to a node.
    """
    if not path or path[0].source != START.name or path[-1].target not in graph.flow.nodes:
        return None
    done = replay(graph, path, {})
    return None if done is None else done.example


def _led(
    graph: Graph,
    hops: list[Hop] | None,
    wanted: Mapping[str, Any],
    given: Mapping[str, Any] | None,
    watched: Watch | None = None,
    found: Script | None = None,
) -> Replay | None:
    if not hops or _calls(graph, hops):
        return None
    for choice in range(max(1, *(len(hop.first.ends) for hop in hops))):
        try:
            done = _Lead(graph, script(graph, hops, wanted, given, choice, found), watched).along(hops)
        except (NoSample, GuidewayError, ValidationError):
            continue
        if done is not None and all(_holds(done.state, name, value) for name, value in wanted.items()):
            return done
    return None


def _calls(graph: Graph, hops: Sequence[Hop]) -> bool:
    """Whether a function of the author's would be called on the way."""
    sources = {arc.source for hop in hops for arc in hop[:2]}
    return any(may_raise(route) for source in sources for route in graph.flow.rows.get(source, ()))


def _holds(state: BaseModel, name: str, value: Any) -> bool:
    """Whether a field holds what was wanted; what is of another type, as a number may be, is for the caller to see."""
    return bool(getattr(state, name) == value) or (value is None) == (getattr(state, name) is None)


@dataclass(slots=True)
class _Forked:
    """A fork whose branches are carried out one after the other."""

    fork: str
    region: Region
    state: Any
    heads: int
    head: int = 0
    deltas: list[Delta] = field(default_factory=list[Delta])
    arrived: dict[int, tuple[list[Delta], AtJoin]] = field(default_factory=dict[int, "tuple[list[Delta], AtJoin]"])


class _Lead:
    """Leads the semantics along hops."""

    def __init__(self, graph: Graph, script: Script, watched: Watch | None = None) -> None:
        self.graph, self.flow, self.script, self.watched = graph, graph.flow, script, watched
        self.violated = False
        self.begins: dict[str, Any] = {}
        self.state: Any = None
        self.counters: dict[str, int] = {}
        self.out = False
        self.forked: list[_Forked] = []
        self.steps: list[dict[str, Any]] = []

    def along(self, hops: list[Hop]) -> Replay | None:
        """Carries out all hops; None where the semantics go another way."""
        self.state = self.flow.type.start(self.script.input)
        move: Move | None = None
        for hop, update in zip(hops, self.script.updates, strict=True):
            if isinstance(move, Finish):
                return None
            incoming = self._incoming(hop, update)
            move = None if incoming is None else self._joined(self._next(incoming, dict(hop.last.noes)))
            if move is None or not self._came(move, hop.last.target):
                return None
        if isinstance(move, Leave):
            move = Finish(AtEnd(None, "failed"), move.why, move.at.error, move.out)  # so it ends where the fork was
        if not isinstance(move, Run | Finish):
            return None
        example = {"input": self.script.input, **self.begins, "steps": self.steps, "then": hops[-1].last.target}
        return Replay(self.state, move.at, shown(example), self.script.input, self.violated)

    def _incoming(self, hop: Hop, update: dict[str, Any]) -> Incoming | None:
        """What comes in where a hop begins; its source is carried out."""
        arc = hop.first
        if arc.source == START.name:
            self.begins = {"noes": dict(hop.last.noes)} if hop.last.noes else {}
            return Begun()
        if arc.on == "head":
            while self.forked and self.forked[-1].fork != arc.source:
                self.forked.pop()
            if not self.forked or arc.row is None:
                return None
            forked = self.forked[-1]
            self.state, forked.head, forked.deltas = forked.state, arc.head, []
            return Headed(arc.row.id)
        outcome = self._outcome(arc, update)
        if outcome is None:
            return None
        delta = self.flow.type.write(self.state, outcome.update)
        self.state = self.flow.type.fold(self.state, delta)
        if self.forked:
            self.forked[-1].deltas.append(delta)
        self.steps.append(step_told(hop, outcome))
        return Done(arc.source, outcome)

    def _next(self, incoming: Incoming, noes: dict[str, str]) -> Move:
        """The move after all that people decide on the way: no where the path says so, else yes."""
        region = self.forked[-1].region if self.forked else None
        place = Place(self.state, self.counters, out=self.out, region=region, watch=self.watched)
        move = self._watch(incoming, next_move(self.flow, place, incoming))
        while isinstance(move, Ask):
            gate = gate_at(self.flow, move.at).name
            refusal = Refusal(kind=noes[gate], gate=gate) if gate in noes else None  # type: ignore[arg-type]  # the noes are those of gates
            place, incoming = place._replace(out=move.out, watch=self.watched), Decided(move.at, refusal=refusal)
            move = self._watch(incoming, next_move(self.flow, place, incoming))
        for name in move.why.counted:
            self.counters[name] = self.counters.get(name, 0) + 1
        self.out = move.out
        return move

    def _watch(self, incoming: Incoming, move: Move) -> Move:
        """Has what is watched see a move; what would violate it is noted, and goes on as if nobody watched."""
        if self.watched is None:
            return move
        if isinstance(move, Run) and move.at.forbidden is not None:
            self.violated, move = True, move._replace(at=move.at._replace(forbidden=None))
        elif isinstance(move, Finish | Leave):
            error = move.error if isinstance(move, Finish) else move.at.error
            self.violated |= error is not None and error.category == "forbidden"
        ok = incoming.node if isinstance(incoming, Done) and incoming.outcome.kind == "ok" else None
        self.watched = self.watched.after(happened(ok, move.why.seen, move.at))
        return move

    def _joined(self, move: Move) -> Move:
        """The move after all joins that are full."""
        while isinstance(move, Join) and self.forked:
            forked = self.forked[-1]
            forked.arrived[forked.head] = (forked.deltas, move.at)
            if len(forked.arrived) < forked.heads:
                break
            self.forked.pop()
            came = [forked.arrived[head] for head in sorted(forked.arrived)]
            deltas = [delta for wrote, _ in came for delta in wrote]
            self.state = self.flow.type.merged(forked.state, deltas)
            if self.forked:
                self.forked[-1].deltas += deltas
            refusal = next((at.refusal for _, at in came if at.refusal is not None), None)
            failure = next((at.failure for _, at in came if at.failure is not None), None)
            move = self._next(Joined(move.at.exit, refusal, failure), {})
        return move

    def _came(self, move: Move, target: str) -> bool:
        """Whether a move leads to a place."""
        if isinstance(move, Fork):
            region = self.flow.regions[move.at.fork]
            self.forked.append(_Forked(move.at.fork, region, self.state, len(move.heads)))
            return move.at.fork == target
        if isinstance(move, Run):
            return move.at.node == target
        if target in (NO_CASE, NO_WAY):
            error = move.error if isinstance(move, Finish) else move.at.error if isinstance(move, Leave) else None
            return error is not None and error.type == NO_WAY_ON
        return (isinstance(move, Join) and move.at.exit == target) or (
            isinstance(move, Finish) and move.at.end == target
        )

    # what nodes do

    def _outcome(self, arc: Arc, update: dict[str, Any]) -> Outcome | None:
        node = self.flow.nodes[arc.source]
        if isinstance(node, Subflow) and arc.ends:
            return self._of_flow(node, arc, update)
        if arc.on == "ok" and isinstance(node, Each):
            return self._of_items(node, update)
        if arc.on == "ok":
            return Outcome("ok", sample_update(node, self.flow.state, update))
        if arc.on == "refused":
            gate, no = arc.noes[-1]
            refusal = Refusal(kind=no, gate=gate)  # type: ignore[arg-type]  # the noes are those of gates
            return Outcome("expired" if no == "expired" else "refused", refusal=refusal, way=arc.way)
        return Outcome("failed", error=scripted_error(arc))

    def _of_flow(self, node: Subflow, arc: Arc, update: dict[str, Any]) -> Outcome | None:
        """What a subflow does that comes to one of the ends of an arc: its own flow is carried out."""
        inner = self.graph.nested(node)
        assert inner is not None
        given = {name: getattr(self.state, outer) for name, outer in node.given(self.flow.state).items()}
        back = node.gives(self.flow.state)
        wanted = {back[name]: value for name, value in update.items() if name in back}
        for end, verdict in arc.ends:
            done = replay_end(inner, inner.path(end), wanted, given)
            if done is None or not isinstance(done.at, AtEnd) or done.at.verdict != verdict:
                continue
            if any(self.flow.type.fields[outer].reducer is not None for outer in back):
                return None  # what it added is not known from the state that it ended with
            wrote = {outer: getattr(done.state, own) for outer, own in back.items()}
            failed = verdict == "failed"
            return Outcome(
                "failed" if failed else "ok", wrote, scripted_error(arc) if failed else None, end=end, verdict=verdict
            )
        return None

    def _of_items(self, node: Each, update: dict[str, Any]) -> Outcome | None:
        """What an each does whose items all do well."""
        count = len(getattr(self.state, node.over) or ())
        if count and node.inner is None:
            return None
        entries = [{"index": place, "value": sample(node.inner.returns)} for place in range(count) if node.inner]
        return Outcome("ok", {node.into: entries} | update)
