"""From a flow to its diagram: nothing of the flow is missing from the picture, and nothing is in it that is not so."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, ask, at_most, compute, failed, fields, on, when
from guideway.viz.extract import diagram_of
from guideway.viz.model import Diagram, Edge, Node
from tests.first_page import refund_desk
from tests.viz.drawings import DESK, ESCALATION, human, sum_up


def named(diagram: Diagram, name: str) -> Node:
    """The node of that name."""
    (found,) = [node for node in diagram.nodes if node.name == name]
    return found


def arrows(diagram: Diagram, name: str) -> list[tuple[str, int | None, str, str]]:
    """The edges that leave the nodes of that name: kind, order, words, and the target's name."""
    nodes = {node.key: node for node in diagram.nodes}
    return [
        (edge.kind, edge.order, " ".join(edge.words), nodes[edge.target].name)
        for edge in diagram.edges
        if nodes[edge.source].name == name
    ]


def told(node: Node) -> list[str]:
    """What is told about a node."""
    return [line.text for line in node.lines]


def part(node: Node, name: str) -> tuple[list[str], list[str]]:
    """The marks and lines of a node's part."""
    (found,) = [item for item in node.parts if item.name == name]
    return [mark.text for mark in found.marks], [line.text for line in found.lines]


def test_guards_stand_on_edges_in_the_order_tried():
    """Each edge of a row has its place and its guards in words; the bare target is taken otherwise."""
    diagram = diagram_of(refund_desk)
    assert arrows(diagram, "read") == [
        ("step", 1, "confidence < 0.7", "handed over"),
        ("step", 2, 'intent == "refund" and exists(order_id)', "find_order"),
        ("step", 3, "otherwise", "write_reply"),
    ]
    assert arrows(diagram, "START") == [("step", None, "", "read")]
    assert arrows(diagram, "find_order") == [
        ("failed", 1, "failed: LookupError", "handed over"),
        ("step", 2, "otherwise", "lead"),
    ]


def test_a_gate_stands_on_its_edge_with_all_its_ways():
    """The approval is a shape between source and target, with role, time and fields, and an edge for each answer."""
    diagram = diagram_of(refund_desk)
    lead = named(diagram, "lead")
    assert (lead.kind, told(lead)) == ("approval", ["role lead · within 24h", "shows message"])
    assert arrows(diagram, "lead") == [
        ("yes", None, "approved", "pay_back"),
        ("no", None, "denied", "write_reply"),
        ("no", None, "expired after 24h", "handed over"),
    ]


def test_effects_stakes_and_tries_are_told():
    """A tool shows its effect, its stakes, what flows through it, and how often it may be called."""
    pay_back = named(diagram_of(refund_desk), "pay_back")
    assert [(mark.kind, mark.text) for mark in pay_back.marks] == [("once", "effect: once"), ("high", "HIGH STAKES")]
    assert told(pay_back) == ["order → refund_id", "timeout 10s · once per order.id"]
    assert told(named(diagram_of(refund_desk), "find_order")) == ["order_id → order", "timeout 5s · 3 attempts"]
    assert told(named(diagram_of(refund_desk), "read")) == ["message → intent, order_id, confidence"]


def test_ends_have_verdicts_and_their_condition():
    """An end shows its verdict, and what must be true for it to be a success."""
    diagram = diagram_of(refund_desk)
    assert {node.name: node.verdict for node in diagram.nodes if node.kind == "end"} == {
        "answered": "success",
        "handed over": "escalated",
        "gave up": "partial",
    }
    assert told(named(diagram, "answered")) == ["if exists(reply)", "else failed"]


def test_the_flows_own_ways_leave_one_box():
    """Budget and flow-level ways are one box with an edge each, not an edge from every node."""
    diagram = diagram_of(refund_desk)
    assert told(named(diagram, "budget and failures")) == ["budget: 20 steps · 50,000 tokens · $0.10 · 2m of work"]
    assert arrows(diagram, "budget and failures") == [
        ("anywhere", None, "budget used up", "gave up"),
        ("anywhere", None, "a failure that no edge matches", "handed over"),
    ]


def test_what_is_kept_and_what_ends_the_run_is_told():
    """The box says what is kept for the way out, and that a failure without a way ends the run."""
    assert told(named(diagram_of(DESK), "budget and failures")) == [
        "budget: 40 steps · $1.50 · 1m30s of work · within 2h",
        "kept for the way out: 2 steps",
        "a failure that no edge matches ends the run",
    ]


def test_gates_of_a_tool_are_listed_in_act():
    """Each tool of act shows its marks and the gates asked for it; each gate stands below with what its noes do."""
    node = named(diagram_of(DESK), "do")
    assert part(node, "look_up") == (["no effect"], ["timeout 3s · 3 attempts"])
    assert part(node, "refund") == (
        ["effect: once", "HIGH STAKES"],
        ["asks fair and then supervisor · timeout 10s · once per order_id"],
    )
    assert part(node, "fair") == ([], ["a rule in code, reads total", "violated: the model is told"])
    assert part(node, "supervisor") == (
        ["unless total < 50"],
        [
            "role supervisor · within 30m",
            "“May it?”",
            "shows customer, total",
            "denied: the model is told",
            "expired: asks boss",
        ],
    )
    assert part(node, "boss") == ([], ["role boss · quorum 2 · within 4h"])


def test_ways_out_of_a_tools_gates_are_edges():
    """Where a gate of a tool names a way, an edge leaves act for it; the model's being told is none."""
    assert arrows(diagram_of(DESK), "do")[-2:] == [
        ("no", None, "boss: denied", "to a human"),
        ("no", None, "boss: expired after 4h", "to a human"),
    ]


def test_a_high_stakes_tool_without_a_gate_stands_out():
    """A tool of act whose stakes are high, with no gate for it, says so where nobody misses it."""
    from guideway import act, think
    from tests.viz.drawings import Chat, Messages, refund

    @think(tools=[refund])
    def agent(messages: Messages) -> Messages:
        return messages

    bare = act([refund], name="bare")
    done = End("done")
    flow = Flow("bare", state=Chat, edges=[on(START, agent), on(agent, bare), on(bare, done)])
    (found,) = named(diagram_of(flow), "bare").parts
    assert (found.lines[0].text, found.lines[0].tone) == ("no gate", "alert")


def test_an_ask_shows_who_what_and_how_long():
    """An ask shows its role, its question, its time, and the edge for when nobody answers."""
    diagram = diagram_of(DESK)
    assert told(named(diagram, "customer")) == ["asks customer, within 1h", "“What else?”", "→ messages"]
    assert arrows(diagram, "customer")[-1] == ("no", None, "expired after 1h", "sum_up")


def test_limits_say_which_counter_they_share():
    """A limit on several edges says that it is one counter; one on a single edge needs no name."""
    found = [words for _, _, words, _ in arrows(diagram_of(DESK), "agent")]
    assert found[0] == "failed: transient and at most 1 time"
    assert found[1:3] == ["proposes() and at most 8 times (rounds, shared)", "at most 8 times (rounds, shared)"]


def test_an_unnamed_shared_counter_gets_a_name():
    """Two edges with one unnamed limit show that they count together."""

    class S(BaseModel):
        x: int = 0

    @compute(writes="x")
    def one(x: int) -> int:
        return x

    twice = at_most(2)
    done = End("done")
    again = one.named("again")
    flow = Flow(
        "f", state=S, edges=[on(START, one), on(one, when(twice) >> again, done), on(again, when(twice) >> one, done)]
    )
    assert arrows(diagram_of(flow), "one")[0][2] == "at most 2 times (counter 1, shared)"
    assert arrows(diagram_of(flow), "again")[0][2] == "at most 2 times (counter 1, shared)"


def test_an_or_among_other_conditions_keeps_its_parentheses():
    """Conditions of one edge are joined by "and": an "or" among them is in parentheses, or the label would lie."""
    assert arrows(diagram_of(ESCALATION), "sum_up")[0][2] == "(total > 100 or tries > 3) and exists(customer)"


def test_escalation_decides_about_the_same_target():
    """Where a no leads to another gate, that gate's yes leads on along the same edge."""
    found = arrows(diagram_of(ESCALATION), "director")
    assert found.count(("yes", None, "approved", "pay")) == 2  # one for each edge that its escalation stands on
    assert ("no", None, "expired after 24h", "director") in arrows(diagram_of(ESCALATION), "the manager")
    assert ("yes", None, "passes", "the manager") in arrows(diagram_of(ESCALATION), "lawful")


def test_a_gate_on_two_edges_is_drawn_on_both():
    """Every edge shows its own gates, so that no edge into a node seems to be without one."""
    diagram = diagram_of(ESCALATION)
    assert sum(node.name == "the manager" for node in diagram.nodes) == 2
    pay = named(diagram, "pay")
    into = [edge for edge in diagram.edges if edge.target == pay.key]
    assert {edge.kind for edge in into} == {"yes"}


def test_who_may_decide_is_told_where_it_is_not_the_default():
    """A gate whose starter may decide says so."""
    directors = [node for node in diagram_of(ESCALATION).nodes if node.name == "director"]
    assert all("who started the run may decide" in told(node) for node in directors)


def test_flow_level_ways_may_bear_gates():
    """A flow's way with a gate on it shows the gate between the box and the target."""
    diagram = diagram_of(ESCALATION)
    assert arrows(diagram, "failures") == [("anywhere", None, "a failure that no edge matches", "director")]
    assert ("yes", None, "approved", "sum_up") in arrows(diagram, "director")


def test_an_ask_whose_time_ends_at_gates_shows_them():
    """A way of an ask that is gates and a target is drawn with its gates."""
    from tests.viz.drawings import Chat, director

    waits = ask("customer", "Well?", writes="note", within="1h", expired=director >> sum_up)
    flow = Flow("f", state=Chat, edges=[on(START, waits), on(waits, human), on(sum_up, human)])
    diagram = diagram_of(flow)
    assert arrows(diagram, "customer")[-1] == ("no", None, "expired after 1h", "director")
    assert ("yes", None, "approved", "sum_up") in arrows(diagram, "director")


def test_failed_of_anything_and_unreached_nodes_are_drawn():
    """failed() says so, and a node that nothing leads to is still in the picture."""

    class S(BaseModel):
        x: int = 0

    s = fields(S)

    @compute(writes="x")
    def one(x: int) -> int:
        return x

    done, alone = End("done"), one.named("alone")
    flow = Flow("f", state=S, edges=[on(START, one), on(one, failed() >> done, when(s.x > 1) >> done), on(alone, done)])
    diagram = diagram_of(flow)
    assert arrows(diagram, "one") == [("failed", 1, "failed", "done"), ("step", 2, "x > 1", "done")]
    assert arrows(diagram, "alone") == [("step", None, "", "done")]


def test_every_route_and_every_node_is_in_the_picture():
    """Each edge of each row, each node and each end of the flow is drawn, and each drawn edge has both its ends."""
    for flow in (refund_desk, DESK, ESCALATION):
        diagram = diagram_of(flow)
        keys = [node.key for node in diagram.nodes]
        assert len(keys) == len(set(keys))
        assert {"START", *flow.nodes, *flow.ends} <= {node.name for node in diagram.nodes}
        assert {end for edge in diagram.edges for end in (edge.source, edge.target)} <= set(keys)
        for name, routes in flow.rows.items():
            source = "anywhere" if name.startswith("on_") else f"node:{name}"
            drawn: list[Edge] = [edge for edge in diagram.edges if edge.source == source and edge.kind != "no"]
            assert len(drawn) >= len(routes)
