"""Flows drawn by hypothesis that fan out, work on lists and hold flows, and runs of them by the pure semantics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from hypothesis import strategies as st
from pydantic import Field

from guideway import START, Budget, End, Flow, StateInvalid, all_of, approval, at_most, each, ended, failed, on, subflow
from guideway import compute as make_compute
from guideway.flows.each import Each
from guideway.flows.position import (
    Ask,
    AtEnd,
    AtJoin,
    AtLeft,
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
    Park,
    Place,
    Run,
)
from guideway.flows.semantics import next_move
from guideway.flows.subflow import Subflow
from guideway.nodes.outcome import ErrorRecord, Outcome, Refusal
from tests.flows.check import drawn


class F(drawn.S):
    """The state of all drawn flows: with a list to work on, and a field for what came of it."""

    items: Annotated[list[str], Field(max_length=3)] = Field(default=[])
    came: list[dict[str, Any]] = Field(default=[])


def item_of(item: str) -> str:
    """Works on one item."""
    return item


@dataclass
class Shape:
    """A flow under way: rows, and what its edges may lead to."""

    draw: Any
    depth: int
    ends: list[Any]
    limits: list[Any]
    rows: list[Any] = field(default_factory=list)
    count: int = 0

    def node(self) -> Any:
        """A node of any kind, without its row."""
        self.count += 1
        kind = self.draw(st.integers(0, 9))
        if kind == 0 and self.depth:
            inner = self.draw(flows(depth=self.depth - 1))
            keep = self.draw(st.sampled_from([None, {"need": "n"}, {"need": "need", "name": "name"}]))
            back = self.draw(st.sampled_from([None, {}, {"name": "name"}, {"mark": "name"}, {"n": "need"}]))
            return subflow(inner, name=f"v{self.count}", reads=keep, writes=back)
        if kind == 1:
            work = make_compute(name=f"work{self.count}")(item_of)
            return each(work, name=f"v{self.count}", item="item", over="items", into="came")
        if kind == 2 and self.depth:
            inner = self.draw(flows(depth=self.depth - 1))
            return each(inner, name=f"v{self.count}", item="name", over="items", into="came")
        return self.draw(drawn.nodes(self.count))

    def row(self, node: Any, target: Any, exit: Any, more: list[Any]) -> None:
        """The row of a node: failures, loops, short cuts to the exit, and on to the target."""
        draw = self.draw
        edges: list[Any] = []
        if draw(st.integers(0, 3)) == 0:
            edges.append(
                failed(*draw(st.sampled_from([(), ("timeout",)]))) >> draw(st.sampled_from([exit, *self.ends]))
            )
        if isinstance(node, Subflow) and draw(st.booleans()):
            what = draw(st.sampled_from(["success", "escalated", "failed", *node.flow.ends.values()]))
            edges.append(ended(what) >> draw(st.sampled_from([exit, target])))
        if draw(st.integers(0, 2)) == 0:
            condition = draw(st.sampled_from(drawn.CONDITIONS))
            edges.append(drawn.when(condition) >> exit)
        if draw(st.integers(0, 3)) == 0:
            back = draw(st.sampled_from([node, *more]))
            edges.append(
                drawn.when(draw(st.sampled_from(drawn.CONDITIONS)), draw(st.sampled_from(self.limits))) >> back
            )
        self.rows.append(on(node, *edges, target))

    def chain(self, exit: Any, depth: int, *, head: bool) -> Any:
        """One to three places after one another, the last of which leads to the exit; gives the first."""
        target = exit
        for place in range(self.draw(st.integers(1, 2))):
            last = place and head  # a head is a node
            if depth and not last and self.draw(st.booleans()):
                target = self.fan(target, depth)
            else:
                node = self.node()
                self.row(node, target, exit, [])
                target = node
        if not hasattr(target, "kind"):
            node = self.node()
            self.row(node, target, exit, [])
            target = node
        return target

    def fan(self, target: Any, depth: int) -> Any:
        """A region that joins at a node of its own."""
        join = self.node()
        heads: list[Any] = []
        for _ in range(2):
            first = self.chain(join, depth - 1, head=True)
            self.count += 1
            gate = approval("boss", name=f"gate{self.count}", denied=join)
            heads.append(gate >> first if self.draw(st.integers(0, 3)) == 0 else first)
        fork = all_of(*heads)
        self.row(join, target, target, [fork])
        return fork


@st.composite
def flows(draw: Any, depth: int = 2) -> Flow[F]:
    """A flow whose regions are whole, with flows inside to a depth."""
    ends = [End("good"), End("other", verdict="escalated"), End("bad", verdict="failed")]
    limits = [at_most(draw(st.integers(1, 2)), name=f"limit{place}") for place in range(2)]
    shape = Shape(draw, depth, ends, limits)
    first = shape.chain(ends[0], 2, head=True)
    ways = {"on_failure": draw(st.sampled_from(ends))} if draw(st.booleans()) else {}
    steps = draw(st.none() | st.integers(0, 30))
    budget = None if steps is None else Budget(steps=steps)
    return Flow(f"drawn{depth}", state=F, edges=[on(START, first), *shape.rows], budget=budget, **ways)


@st.composite
def wild_flows(draw: Any) -> Flow[F]:
    """A flow whose branches lead anywhere: most of its regions are broken."""
    ends = [End("good"), End("bad", verdict="failed")]
    shape = Shape(draw, 1, ends, [at_most(1, name="limit")])
    nodes = [shape.node() for _ in range(draw(st.integers(3, 6)))]
    forks = [
        all_of(*draw(st.lists(st.sampled_from(nodes), min_size=2, max_size=3, unique=True)))
        for _ in range(draw(st.integers(1, 2)))
    ]
    every = [*nodes, *forks, *ends]
    rows = [on(START, draw(st.sampled_from([*forks, nodes[0]])))]
    for node in nodes:
        if draw(st.integers(0, 12)):
            edges = [
                drawn.when(draw(st.sampled_from(drawn.CONDITIONS))) >> draw(st.sampled_from(every))
                for _ in range(draw(st.integers(0, 2)))
            ]
            edges += [failed() >> draw(st.sampled_from(every))] if draw(st.booleans()) else []
            rows.append(on(node, *edges, draw(st.sampled_from(every))))
    ways = {"on_failure": draw(st.sampled_from(every))} if draw(st.booleans()) else {}
    return Flow("wild", state=F, edges=rows, budget=draw(st.none() | st.just(Budget(steps=9))), **ways)


# runs


class Stopped(Exception):
    """A run that is not followed any further."""


@dataclass
class Seen:
    """One thing that happened in a run.

    Args:
        flow: in which flow.
        what: ``run``, ``refused input``, ``refused result`` or ``lost write``.
        name: the node, or the field that was written twice.
        state: the state there.
        move: the move that led to the node.
    """

    flow: Flow[F]
    what: str
    name: str
    state: Any = None
    move: Run | None = None


@dataclass
class Runner:
    """Runs flows by the semantics alone; branches and items one after the other."""

    draw: Any
    most: int = 120
    steps: int = 0
    seen: list[Seen] = field(default_factory=list)

    def run(self, flow: Flow[F]) -> None:
        """A run of its own, until it ends, parks or has gone on for long."""
        given = self.draw(drawn.INPUTS) | {"items": self.draw(st.lists(st.sampled_from(["x", "y"]), max_size=3))}
        try:
            self.flow(flow, flow.type.start(given))
        except Stopped:
            return

    def flow(self, flow: Flow[F], state: Any) -> tuple[AtEnd, Any]:
        """A flow from START: where it came to, and its state there."""
        counters: dict[str, int] = {}
        move, state, _ = self.branch(flow, state, None, Begun(), counters)
        return (move.at if isinstance(move, Finish) else AtEnd(None, "failed")), state

    def branch(self, flow: Flow[F], state: Any, region: Any, incoming: Incoming, counters: dict[str, int]) -> Any:
        """From what came in until it ends, joins or leaves: the last move, the state, and the deltas."""
        deltas: list[dict[str, Any]] = []
        while True:
            move = self.decided(flow, Place(state, dict(counters), region=region), incoming, counters)
            if isinstance(move, Park):
                raise Stopped
            if isinstance(move, Fork):
                incoming, more = self.fork(flow, state, move, counters)
                state = flow.type.merged(state, more)
                deltas += more
            elif isinstance(move, Run):
                self.steps += 1
                if self.steps > self.most:
                    raise Stopped
                self.seen.append(Seen(flow, "run", move.at.node, state, move))
                outcome, more = self.step(flow, move.at.node, state)
                for delta in more:
                    state = flow.type.fold(state, delta)
                deltas += more
                incoming = Done(move.at.node, outcome)
            else:
                return move, state, deltas

    def decided(self, flow: Flow[F], place: Place, incoming: Incoming, counters: dict[str, int]) -> Move:
        """The move after all that people decide."""
        move = next_move(flow, place, incoming)
        while isinstance(move, Ask):
            gate = drawn.gate_at(flow, move.at)
            no = self.draw(st.none() | st.sampled_from(sorted(gate.ways())))
            refusal = None if no is None else Refusal(kind=no, gate=gate.name)
            move = next_move(flow, place, Decided(move.at, "request", refusal=refusal))
        for name in move.why.counted:
            counters[name] = counters.get(name, 0) + 1
        return move

    def fork(self, flow: Flow[F], state: Any, move: Fork, counters: dict[str, int]) -> Any:
        """The branches of a fork: what comes in behind them, and what they wrote."""
        region = flow.regions[move.at.fork]
        came: list[AtJoin] = []
        left: AtLeft | None = None
        wrote: list[dict[str, Any]] = []
        fields: set[str] = set()
        for head in move.heads:
            last, _, deltas = self.branch(flow, state, region, Headed(head), counters)
            wrote += deltas
            mine = {name for delta in deltas for name in delta if flow.type.fields[name].reducer is None}
            self.seen += [Seen(flow, "lost write", name) for name in mine & fields]
            fields |= mine
            if isinstance(last, Join):
                came.append(last.at)
            else:
                assert isinstance(last, Leave), last
                left = left or last.at
        if left is not None:
            return left, wrote
        refusal = next((at.refusal for at in came if at.refusal is not None), None)
        failure = next((at.failure for at in came if at.failure is not None), None)
        return Joined(came[0].exit, refusal, failure), wrote

    def step(self, flow: Flow[F], name: str, state: Any) -> tuple[Outcome, list[dict[str, Any]]]:
        """One step: its outcome, and what it writes."""
        node = flow.nodes[name]
        if isinstance(node, Subflow):
            return self.subflow(flow, node, state)
        if isinstance(node, Each):
            return self.each(flow, node, state)
        outcome = self.draw(drawn.outcomes(node))
        return outcome, [flow.type.write(state, outcome.update)]

    def subflow(self, flow: Flow[F], node: Subflow, state: Any) -> tuple[Outcome, list[dict[str, Any]]]:
        given = {name: getattr(state, outer) for name, outer in node.given(F).items()}
        try:
            start = node.flow.type.start(given)
        except StateInvalid:
            self.seen.append(Seen(flow, "refused input", node.name))
            return Outcome("failed", error=ErrorRecord("invalid_input", "StateInvalid", "")), []
        at, inner = self.flow(node.flow, start)
        failing = at.verdict == "failed"
        error = ErrorRecord("bug", "Drawn", "drawn") if failing else None
        outcome = Outcome("failed" if failing else "ok", error=error, end=at.end, verdict=at.verdict)
        if at.end is None:
            return outcome, []
        try:
            back = {outer: getattr(inner, own) for outer, own in node.gives(F).items()}
            return outcome, [flow.type.write(state, back)]
        except StateInvalid:
            self.seen.append(Seen(flow, "refused result", node.name))
            return Outcome("failed", error=ErrorRecord("invalid_output", "StateInvalid", "")), []

    def each(self, flow: Flow[F], node: Each, state: Any) -> tuple[Outcome, list[dict[str, Any]]]:
        entries: list[dict[str, Any]] = []
        for index, item in enumerate(state.items):
            self.steps += 1
            if node.flow is not None:
                given = {name: getattr(state, outer) for name, outer in node.given(F).items()} | {node.item: item}
                self.flow(node.flow, node.flow.type.start(given))
            entries.append({"index": index, "value": item})
        failing = bool(entries) and self.draw(st.integers(0, 3)) == 0
        outcome = Outcome("failed", error=ErrorRecord("bug", "ItemsFailed", "drawn")) if failing else Outcome("ok")
        return outcome, [flow.type.write(state, {node.into: entries})]


def all_in(flow: Flow[Any]) -> list[Flow[Any]]:
    """A flow and all flows inside of it."""
    found: dict[int, Flow[Any]] = {}
    todo = [flow]
    while todo:
        here = todo.pop()
        found[id(here)] = here
        todo += [
            node.flow for node in here.nodes.values() if isinstance(node, Each | Subflow) and node.flow is not None
        ]
    return list(found.values())
