"""F1: every node is reached, every outcome has a way on, every way can come to an end; and what is refused earlier."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    GateError,
    Messages,
    act,
    approval,
    ask,
    compute,
    failed,
    fields,
    on,
    policy,
    think,
    tool,
    when,
)
from guideway.flows.check import check


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    name: str | None = None
    messages: Messages = []


t = fields(S)


@compute(writes="n")
def a(n: int) -> int:
    return n


b, c, d = a.named("b"), a.named("c"), a.named("d")
good, bad = End("good"), End("bad", verdict="failed")


def small(n: int) -> str | None:
    return None if n < 9 else "too much"


def found(*rows: Any, codes: str = "F1", **more: Any) -> dict[str, str]:
    """The messages of a flow's findings by code."""
    flow = Flow("f", state=S, edges=rows, **more)
    return {item.code: item.message for item in check(flow).findings if item.code.startswith(codes)}


def test_a_sound_flow_has_no_finding():
    """Nodes that are reached and lead on to an end give nothing to say."""
    report = check(Flow("f", state=S, edges=[on(START, a), on(a, b), on(b, good)]))
    assert report.findings == ()
    assert report.ok


def test_a_node_behind_an_unreachable_one_says_so():
    """Where only unreachable nodes lead to a node, the message names them, so that one repair is seen to mend both."""
    report = check(Flow("f", state=S, edges=[on(START, a), on(a, good), on(b, c), on(c, good)]))
    assert [item.message.split(":")[1].split(".")[0] for item in report.findings] == [
        " no edge leads to it", " only 'b' leads to it, which nothing reaches",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([on(START, a), on(a, approval("lead", denied=b) >> good)], {}),
        ([on(START, a), on(a, approval("lead", denied=policy(small, violated=b)) >> good)], {}),
        ([on(START, a), on(a, approval("lead", denied=policy(small, violated=good) >> b) >> good)], {}),
        ([on(START, a), on(a, failed() >> b, good)], {}),
        ([on(START, a), on(a, good)], {"on_failure": b}),
        ([on(START, a), on(a, good)], {"on_exhausted": b, "budget": Budget(steps=3)}),
        ([on(START, a), on(a, good)], {"on_failure": approval("lead", denied=b) >> good}),
    ],
)
def test_every_kind_of_way_reaches(rows, more):
    """A node is reached by a gate's way, an escalation, a failure, or the flow's own ways."""
    assert found(*rows, on(b, good), **more) == {}


def test_the_way_of_a_question_reaches():
    """What follows when nobody answers is reached."""
    person = ask("person", "What now?", writes="name", within="1h", expired=b)
    assert found(on(START, person), on(person, good), on(b, good)) == {}


def test_the_way_of_an_acts_gate_reaches():
    """The gates of the calls of an act have ways too; they may also have none, and then the model is told."""

    @tool(effect="none")
    def look(n: int) -> str:
        return ""

    @think(tools=[look])
    def agent(messages: Messages) -> Messages:
        return messages

    def rows(lead: Any) -> list[Any]:
        do = act([look], name="do", gates={look: lead})
        return [on(START, agent), on(agent, do), on(do, good), on(b, good)]

    assert found(*rows(approval("lead", denied=b))) == {}
    assert set(found(*rows(approval("lead")))) == {"F101"}


def test_an_edge_between_unreachable_nodes_reaches_nothing():
    """Two nodes that lead to each other alone are both told."""
    report = check(Flow("f", state=S, edges=[on(START, a), on(a, good), on(b, c), on(c, b)]))
    assert [(item.code, item.message[:8]) for item in report.findings if item.code == "F101"] == [
        ("F101", "node 'b'"), ("F101", "node 'c'"),
    ]  # fmt: skip


def test_a_stuck_node_is_shown_by_the_semantics():
    """The example of a node without a row is the semantics' own move; what leads to it is not told again."""
    report = check(Flow("f", state=S, edges=[on(START, a), on(a, b)]))
    (finding,) = report.findings
    assert (finding.code, finding.path) == ("F102", ("START", "a", "b"))
    assert finding.example is not None
    assert finding.example["verdict"] == "failed"


def test_failures_alone_are_no_way_on():
    """A row of failed(...) edges leaves an ok outcome stuck, after a node and at START."""
    assert set(found(on(START, a), on(a, failed() >> good))) == {"F103"}
    assert "'START'" in found(on(START, failed() >> good))["F103"]


def test_the_flows_own_ways_are_no_way_to_an_end():
    """A part that only a failure or a used-up budget leaves is told once, with all its nodes."""
    rows = on(START, a), on(a, b), on(b, c), on(c, b)
    messages = found(*rows, budget=Budget(steps=9), on_exhausted=good, on_failure=good)
    assert set(messages) == {"F104"}
    assert messages["F104"].startswith("'b', 'c' cannot reach an end")


def test_two_traps_are_two_findings():
    """Each part that cannot be left is told by itself."""
    report = check(
        Flow("f", state=S, edges=[on(START, when(t.n > 1) >> a, b), on(a, a), on(b, b)], budget=Budget(steps=5))
    )
    assert [item.message.split()[0] for item in report.findings] == ["'a'", "'b'"]


def test_a_gates_way_leads_out():
    """A part that a gate's no leaves is no trap."""
    assert found(on(START, a), on(a, approval("lead", denied=good) >> a), budget=Budget(steps=5)) == {}


def test_a_gate_without_its_way_is_refused_when_the_flow_is_built():
    """No check is needed for the ways of an edge's gates: a flow without them cannot be made."""
    with pytest.raises(GateError, match="no way for 'denied'"):
        Flow("f", state=S, edges=[on(START, approval("lead") >> good)])
    with pytest.raises(GateError, match="no way for 'violated'"):
        Flow("f", state=S, edges=[on(START, policy(small) >> good)])
    with pytest.raises(GateError, match="no way for 'expired'"):
        Flow("f", state=S, edges=[on(START, approval("lead", denied=bad, within="1h") >> good)])
