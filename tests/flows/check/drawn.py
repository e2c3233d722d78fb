"""Flows drawn by hypothesis, and runs of them by the pure semantics with drawn outcomes and decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, Literal

from hypothesis import strategies as st
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Failure,
    Flow,
    FlowError,
    Property,
    Refusal,
    always,
    approval,
    ask,
    at_most,
    at_most_once,
    compute,
    exists,
    failed,
    fields,
    never,
    none_of,
    on,
    one_of,
    policy,
    tool,
    when,
)
from guideway.flows.decisions import gate_at
from guideway.flows.position import Ask, Begun, Decided, Done, Incoming, Move, Place, Run
from guideway.flows.semantics import next_move
from guideway.guards.budgets import Spent
from guideway.guards.gates import Gate
from guideway.nodes.outcome import ErrorRecord, Outcome

Mark = Literal["a", "b"]


class S(BaseModel):
    """The state of all drawn flows."""

    need: int
    n: int = 0
    flag: bool = False
    name: str | None = None
    mark: Mark | None = None


class Both(BaseModel):
    """A result that is spread."""

    name: str | None
    mark: Mark


t = fields(S)


def is_odd(n: int) -> bool:
    """A condition by a named function, which raises for some states."""
    if n == 3:
        raise RuntimeError("three")
    return n % 2 == 1


def marked_a(mark: Mark) -> bool:
    """A condition by a named function of a field that may be None."""
    return mark == "a"


def never_four(n: int) -> str | None:
    """A policy, which raises for some states."""
    if n == 5:
        raise RuntimeError("five")
    return "four" if n == 4 else None


READS: tuple[tuple[str, Any], ...] = (
    ("n", int), ("n", float), ("name", str), ("name", str | None), ("mark", Mark), ("mark", Mark | None),
    ("mark", str), ("mark", Literal["a"]), ("flag", bool), ("need", int),
    ("refusal", Refusal), ("refusal", Refusal | None), ("failure", Failure), ("failure", Failure | None),
)  # fmt: skip

VALUES: dict[Any, Any] = {
    int: st.integers(0, 6),
    bool: st.booleans(),
    str: st.sampled_from(["x", "y"]),
    str | None: st.sampled_from(["x", None]),
    Mark: st.sampled_from(["a", "b"]),
    Literal["a"]: st.just("a"),
    Mark | None: st.sampled_from(["a", "b", None]),
    Both: st.builds(Both, name=st.sampled_from(["x", None]), mark=st.sampled_from(["a", "b"])),
    Both | None: st.none() | st.builds(Both, name=st.sampled_from(["x", None]), mark=st.sampled_from(["a", "b"])),
}

WRITES: tuple[tuple[str | None, Any], ...] = (
    ("n", int), ("flag", bool), ("name", str), ("name", str | None), ("mark", Literal["a"]), ("mark", Mark | None),
    (None, Both), (None, Both | None),
)  # fmt: skip

CONDITIONS = (
    t.n < 3, t.flag == True, exists(t.name), none_of(exists(t.name)), t.mark == "a", one_of(t.mark, "b"),  # noqa: E712  # an expression, not a truth value
    (t.n > 1) & exists(t.mark), (t.n > 2) | exists(t.mark), none_of(t.mark == "a"), is_odd, marked_a,
)  # fmt: skip


CLEAR = [item for item in CONDITIONS if item not in (is_odd, marked_a)]
"""The conditions that the checks see into."""


def function(name: str, reads: list[tuple[str, Any]], returns: Any) -> Any:
    """A function with a drawn signature."""

    def body(**_: Any) -> Any:
        raise AssertionError("drawn flows are run by their semantics alone")

    body.__name__ = body.__qualname__ = name
    hints = dict(reads)
    body.__signature__ = Signature([Parameter(key, Parameter.KEYWORD_ONLY, annotation=hints[key]) for key in hints])
    body.__annotations__ = hints | {"return": returns}
    return body


@dataclass
class Parts:
    """What the edges of a drawn flow are made of."""

    nodes: list[Any]
    ends: list[Any]
    limits: list[Any]
    gates: int = 0
    plain: bool = False

    def target(self, draw: Any) -> Any:
        return draw(st.sampled_from([*self.nodes, *self.ends]))

    def way(self, draw: Any, depth: int) -> Any:
        kind = draw(st.sampled_from(["target", "target", "gate", "edge"])) if depth else "target"
        if kind == "gate":
            return self.gate(draw, depth - 1)
        return self.gate(draw, depth - 1) >> self.target(draw) if kind == "edge" else self.target(draw)

    def gate(self, draw: Any, depth: int = 1, *, raises: bool = True) -> Any:
        self.gates += 1
        name = f"gate{self.gates}"
        if raises and not self.plain and draw(st.integers(0, 3)) == 0:
            return policy(never_four, violated=self.way(draw, depth), name=name)
        within = "1h" if draw(st.booleans()) else None
        return approval(
            "boss",
            name=name,
            within=within,
            denied=self.way(draw, depth),
            expired=None if within is None else self.way(draw, depth),
            unless=draw(st.none() | st.sampled_from([t.n < 2, exists(t.name)])),
        )


@st.composite
def nodes(draw: Any, place: int) -> Any:
    name = f"v{place}"
    reads = draw(st.lists(st.sampled_from(READS), max_size=2, unique_by=lambda item: item[0]))
    kind = draw(st.sampled_from(["compute", "compute", "compute", "high", "ask"]))
    if kind == "ask":
        return ask("someone", "What now?", name=name, writes="name")
    field, returns = draw(st.sampled_from(WRITES))
    if kind == "compute":
        return compute(writes=field, name=name)(function(name, reads, returns))
    fn = function(name, reads, returns)
    return tool(effect="once", stakes="high", timeout=1.0, writes=field, name=name)(fn)


@st.composite
def edges(draw: Any, parts: Parts, *, start: bool) -> Any:
    row: list[Any] = []
    for _ in range(draw(st.integers(0, 3))):
        guards: list[Any] = []
        if not start and draw(st.integers(0, 3)) == 0:
            guards.append(failed(*draw(st.sampled_from([(), ("timeout",), ("bug", "exhausted"), (LookupError,)]))))
        conditions = CLEAR if parts.plain else CONDITIONS
        items = draw(st.lists(st.sampled_from([*conditions, *parts.limits]), max_size=2))
        if items:
            guards.append(when(*items))
        if draw(st.integers(0, 4)) == 0:
            guards.append(parts.gate(draw))
        edge = parts.target(draw)
        for guard in reversed(guards):
            edge = guard >> edge if not hasattr(edge, "guards") else type(edge)((guard, *edge.guards), edge.target)
        if guards:
            row.append(edge)
    if draw(st.integers(0, 5)) or not row:
        row.append(parts.target(draw))
    return row


@st.composite
def flows(draw: Any, properties: int = 0, *, plain: bool = False) -> Flow[S]:
    """A flow of 2 to 6 nodes with loops, limits, failures, gates and the flow's own ways, and so many properties.

    A plain one has no functions on its edges and no policies.
    """
    drawn = [draw(nodes(place)) for place in range(draw(st.integers(2, 6)))]
    limits = [at_most(draw(st.integers(1, 3)), name=f"limit{place}") for place in range(2)]
    parts = Parts(drawn, [End("good"), End("bad", verdict="failed")], limits, plain=plain)
    rows = [on(START, *draw(edges(parts, start=True)))]
    rows += [on(node, *draw(edges(parts, start=False))) for node in drawn if draw(st.integers(0, 12))]
    ways: dict[str, Any] = {}
    for kind in ("on_failure", "on_exhausted"):
        if draw(st.booleans()):
            target = parts.target(draw)
            ways[kind] = parts.gate(draw, raises=False) >> target if draw(st.integers(0, 3)) == 0 else target
    steps = draw(st.none() | st.integers(0, 12))
    budget = None if steps is None else Budget(steps=steps, keep=Budget(steps=min(steps, draw(st.integers(0, 2)))))
    flow = Flow("drawn", state=S, edges=rows, budget=budget, **ways)
    if not properties:
        return flow
    asked = [draw(claims(flow)) for _ in range(properties)]
    return Flow("drawn", state=S, edges=rows, budget=budget, properties=asked, **ways)


@st.composite
def claims(draw: Any, flow: Flow[S]) -> Property:
    """A property of a flow: any form, about its nodes, gates, ends and conditions."""
    nodes, ends = list(flow.nodes.values()), list(flow.ends.values())
    gates = [gate for routes in flow.rows.values() for route in routes for gate in route.gates]
    some = st.lists(st.sampled_from([*nodes, *gates]), min_size=1, max_size=2, unique_by=id).map(tuple)
    let = st.lists(st.sampled_from([*nodes, *gates, *CLEAR]), min_size=1, max_size=2, unique_by=id).map(tuple)
    come = st.lists(st.sampled_from([*nodes, *gates, *ends]), min_size=1, max_size=2, unique_by=id).map(tuple)
    went = st.lists(st.sampled_from([*nodes, *gates, *ends, *CLEAR]), min_size=1, max_size=2, unique_by=id).map(tuple)
    forms = [
        lambda: never(draw(come)).unless(draw(let)),
        lambda: never(draw(some)).after(draw(let)),
        lambda: always(draw(some)).before(draw(come)),
        lambda: always(draw(some)).leads_to(draw(went)),
        lambda: at_most_once(draw(some)),
    ]
    for _ in range(20):
        try:
            return draw(st.sampled_from(forms))()
        except FlowError:  # a thing stands on both sides
            continue
    return at_most_once(nodes[0])


@dataclass(frozen=True)
class Taken:
    """One move of a drawn run: what it left, the state there, the move, what came in, and what people said."""

    source: str
    state: S
    move: Move
    incoming: Incoming
    decided: tuple[Decided, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """What the node that it left came to; None at the start."""
        return self.incoming.outcome if isinstance(self.incoming, Done) else None


CATEGORIES = ("bug", "timeout", "declined", "exhausted", "unknown_effect", "cancelled")

INPUTS = st.fixed_dictionaries(
    {"need": st.integers(0, 3)},
    optional={
        "n": st.integers(0, 6), "flag": st.booleans(), "name": VALUES[str | None], "mark": VALUES[Mark | None]
    },
)  # fmt: skip


def run(draw: Any, flow: Flow[S], most: int = 60) -> Iterator[Taken]:
    """A run by the semantics alone: outcomes, results and decisions are drawn."""
    state, source = flow.type.start(draw(INPUTS)), "START"
    incoming: Incoming = Begun()
    counters: dict[str, int] = {}
    steps, out = 0, False
    for _ in range(most):
        place = Place(state, dict(counters), Spent(steps=steps), out=out)
        move = next_move(flow, place, incoming)
        said: list[Decided] = []
        while isinstance(move, Ask):
            place = place._replace(out=move.out)
            said.append(_decision(draw, flow, move))
            move = next_move(flow, place, said[-1])
        for name in move.why.counted:
            counters[name] = counters.get(name, 0) + 1
        out = move.out
        yield Taken(source, state, move, incoming, tuple(said))
        if not isinstance(move, Run):
            return
        source, steps = move.at.node, steps + 1
        outcome = draw(outcomes(flow.nodes[source]))
        state, incoming = flow.type.fold(state, flow.type.write(state, outcome.update)), Done(source, outcome)


def _decision(draw: Any, flow: Flow[S], asked: Ask) -> Decided:
    gate: Gate = gate_at(flow, asked.at)
    no = draw(st.none() | st.sampled_from(sorted(gate.ways())))
    return Decided(asked.at, "request", refusal=None if no is None else Refusal(kind=no, gate=gate.name))


@st.composite
def outcomes(draw: Any, node: Any) -> Outcome:
    if draw(st.integers(0, 3)) == 0:
        classes = draw(st.sampled_from([(), ("builtins.LookupError",)]))
        return Outcome("failed", error=ErrorRecord(draw(st.sampled_from(CATEGORIES)), "Drawn", "drawn", classes))
    value = draw(VALUES[node.returns])
    if node.writes is not None:
        return Outcome("ok", {node.writes: value})
    return Outcome("ok", {} if value is None else {"name": value.name, "mark": value.mark})
