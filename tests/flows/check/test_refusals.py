"""F506, a no stays a no; F505, strangers' text where nobody looks."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from guideway import (
    START,
    End,
    Flow,
    FromState,
    Messages,
    act,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    failed,
    fields,
    on,
    one_of,
    policy,
    some,
    subflow,
    think,
    tool,
    when,
)
from guideway.flows.check import Finding, check
from guideway.flows.check.texts import carries_text
from guideway.flows.position import Run
from tests.flows.check import drawn


class Color(Enum):
    """A type with few values."""

    RED = "red"


class Order(BaseModel):
    """A type with a text inside."""

    total: float
    id: str = ""


class Plain(BaseModel):
    """A type without one."""

    total: float
    at: Color


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    name: str = ""
    kind: Literal["a", "b"] = "a"
    receipt: str | None = None
    order: Order | None = None
    items: list[str] = []
    came: list[Any] = []
    messages: Messages = []


t = fields(S)


@compute(writes="n")
def a(n: int) -> int:
    return n


@compute(writes="n")
def b(n: int) -> int:
    return n


@tool(effect="idempotent", writes="receipt")
def send(name: str) -> str:
    return "sent"


def small(n: int) -> str | None:
    return None if n < 9 else "too much"


good, bad = End("good"), End("bad", verdict="partial")
lead = approval("lead", within="1h", denied=a, expired=b)
tail = on(send, good)


def found(*rows: Any, code: str = "F506", **options: Any) -> list[Finding]:
    """The findings of a code in a flow of these rows."""
    return [item for item in check(Flow("f", state=S, edges=rows, **options)).findings if item.code == code]


def test_a_way_from_a_no_to_the_same_action_is_an_error_that_was_carried_out():
    """The path has the no and the way on, and the example is a run of it, one for denied and one for expired."""
    one = found(on(START, lead >> send), on(a, send), on(b, bad), tail)
    assert [(item.severity, item.path) for item in one] == [("error", ("START", "a", "send"))]
    assert one[0].example is not None
    assert one[0].example["steps"] == [{"node": "a", "outcome": "ok", "update": {"n": 1}}]
    other = found(on(START, lead >> send), on(a, bad), on(b, send), tail)
    assert [(item.severity, item.path) for item in other] == [("error", ("START", "b", "send"))]


@pytest.mark.parametrize(
    "rows",
    [
        [on(START, lead >> send), on(a, bad), on(b, bad)],
        [on(START, lead >> send), on(a, when(at_most(1)) >> lead >> send, bad), on(b, bad)],
        [on(START, lead >> send), on(a, approval("chief", denied=bad) >> send), on(b, bad)],
        [on(START, policy(small, violated=a) >> send), on(a, policy(small, violated=bad, name="again") >> send)],
        [on(START, policy(small, violated=a) >> send), on(a, approval("chief", denied=bad) >> send)],
        [on(START, approval("x", denied=approval("y", denied=bad)) >> send)],
        [on(START, when(t.n > 1) >> send, lead >> send), on(a, bad), on(b, bad)],
    ],
)
def test_a_new_decision_is_none(rows):
    """No way back, the same gate, another person, the same rule, an escalation, and a way that comes before any no."""
    rows = [*rows, tail, *[on(node, bad) for node in (a, b) if not any(row.source is node for row in rows)]]
    assert [item.code for item in check(Flow("f", state=S, edges=rows)).findings if item.code == "F506"] == []


def test_a_way_of_the_gate_itself_may_lead_to_what_it_refused():
    """The shortest of all: denied= names the target."""
    (item,) = found(on(START, approval("x", denied=send) >> send), tail)
    assert (item.severity, item.path) == ("error", ("START", "send"))
    assert "the way denied= of 'x'" in item.message


def test_a_rule_does_not_undo_what_a_person_said():
    """A policy on the second edge is no person; what it lets pass is a warning, since no policy is called."""
    (item,) = found(on(START, lead >> send), on(a, policy(small, violated=bad) >> send), on(b, bad), tail)
    assert item.severity == "warning"


def test_another_rule_does_not_undo_a_rule():
    """The violated one must be asked again."""

    def other(n: int) -> str | None:
        return None

    (item,) = found(on(START, policy(small, violated=a) >> send), on(a, policy(other, violated=bad) >> send), tail)
    assert item.severity == "warning"


def test_an_exemption_is_no_decision():
    """By another gate it is a warning, by the same one a fact."""
    exempt = approval("lead", name="exempt", denied=bad, unless=t.n < 5)
    (item,) = found(on(START, lead >> send), on(a, exempt >> send), on(b, bad), tail)
    assert (item.severity, item.example) == ("warning", None)
    same = approval("lead", denied=a, unless=t.n < 5)
    (item,) = found(on(START, same >> send), on(a, when(at_most(2)) >> same >> send, bad), tail)
    assert item.severity == "fact"


def test_what_only_reads_is_a_warning():
    """A model call behind a gate is no effect, and yet was refused."""

    @think(writes="name")
    def answer(name: str) -> str:
        return name

    (item,) = found(on(START, lead >> answer), on(a, answer), on(b, bad), on(answer, good))
    assert item.severity == "warning"


def test_the_same_tool_under_another_name_is_the_same_action():
    """Where it reads the same fields; bound to others it is another letter."""
    again, other = send.named("again"), send.bind(name="receipt").named("other")
    (item,) = found(on(START, lead >> send), on(a, again), on(b, bad), tail, on(again, good))
    assert (item.severity, item.path[-1]) == ("error", "again")
    assert found(on(START, lead >> send), on(a, other), on(b, bad), tail, on(other, good)) == []


def test_a_no_in_one_act_holds_in_the_next():
    """A call that a lead refused is proposed again where the tool has no gate; in the act itself it is asked again."""

    @think(tools=[send])
    def agent(messages: Messages) -> Messages:
        return messages

    first = act([send], name="first", gates={send: approval("lead")})
    free = act([send], name="free")
    rows = on(START, agent), on(agent, first), on(first, when(t.n > 1, at_most(3)) >> agent, free), on(free, good)
    (item,) = found(*rows)
    assert (item.severity, item.path) == ("error", ("START", "agent", "first", "free"))
    assert "the call of 'send' that 'first' proposed" in item.message
    assert found(on(START, agent), on(agent, first), on(first, when(t.n > 1, at_most(3)) >> agent, good)) == []


def test_a_flow_inside_and_an_each_do_not_get_around_a_no():
    """What they run at will counts; what has its own gate there does not."""
    inner = Flow("inner", state=S, edges=[on(START, send), on(send, good)])
    desk, every = subflow(inner, name="desk"), each(send, name="every", item="name", over="items", into="came")
    for node in (desk, every):
        (item,) = found(on(START, lead >> send), on(a, node), on(b, bad), tail, on(node, good))
        assert (item.severity, item.path[-1]) == ("error", node.name)
    gated = each(approval("chief") >> send, name="gated", item="name", over="items", into="came")
    assert found(on(START, lead >> send), on(a, gated), on(b, bad), tail, on(gated, good)) == []


def test_a_no_in_a_branch_holds_behind_the_join():
    """What a head's gate refused must not run where the branches have joined."""
    head = approval("lead", denied=b)
    again = send.named("again")
    rows = on(START, all_of(a, head >> send)), on(a, b), on(send, b), on(b, again), on(again, good)
    (item,) = found(*rows)
    assert item.path[-1] == "again"


@settings(max_examples=40)
@given(drawn.flows(), st.data())
def test_no_run_does_what_was_refused_that_was_not_told(flow: Flow[drawn.S], data: st.DataObject):
    """A high-stakes node that people refused runs only where one said yes since, or F506 names it."""
    told = {item.path[-1] for item in check(flow).findings if item.code == "F506"}
    refused: set[str] = set()
    for taken in drawn.run(data.draw, flow):
        asked = {flow.routes[said.at.route].target.name: said.refusal is None for said in taken.decided}
        refused = (refused - {name for name, yes in asked.items() if yes}) | {
            name for name, yes in asked.items() if not yes
        }
        if isinstance(taken.move, Run):
            name = taken.move.at.node
            assert name not in refused or name in told or flow.nodes[name].stakes == "low"
            refused.discard(name)


# strangers' text


@tool(effect="once", stakes="high", timeout=1.0, writes="receipt")
def pay(name: str, n: int) -> str:
    return "paid"


after_pay = on(pay, failed("unknown_effect") >> bad, good)
exempt = approval("lead", denied=bad, unless=t.n < 5)


def unseen(*rows: Any) -> list[str]:
    """What F505 says comes from where."""
    return [item.message.split("arguments: ")[1].split(". Ask")[0] for item in found(*rows, code="F505")]


def test_text_of_the_input_of_a_model_and_of_a_search_is_from_outside():
    """Each is named with the argument that it reaches; a number is none."""

    @think(writes="name")
    def read(n: int) -> str:
        return ""

    @tool(effect="none", writes="name")
    def search(n: int) -> str:
        return ""

    person = ask("person", "Who?", name="person", writes="name")
    assert unseen(on(START, exempt >> pay), after_pay) == ["name from the input"]
    for node, words in (
        (read, "what was answered to 'read'"), (search, "what 'search' returned"),
        (person, "what was answered to 'person'"),
    ):  # fmt: skip
        assert unseen(on(START, node), on(node, exempt >> pay), after_pay) == [f"name from {words}"]


def test_what_a_compute_makes_of_it_is_from_outside_too():
    """Unless its type holds no text, or it read none."""

    @compute(writes="name")
    def from_text(receipt: str | None) -> str:
        return receipt or ""

    @compute(writes="name")
    def from_number(n: int) -> str:
        return str(n)

    @compute(writes="name")
    def closed(receipt: str | None) -> Literal["x", "y"]:
        return "x"

    assert unseen(on(START, from_text), on(from_text, exempt >> pay), after_pay) == ["name from the input"]
    for node in (from_number, closed):
        assert unseen(on(START, node), on(node, exempt >> pay), after_pay) == []


def test_where_somebody_looks_nothing_is_said():
    """An approval that asks, beside the exempted one too; and a receipt of a tool that acts."""

    @tool(effect="idempotent", writes="name")
    def book(n: int) -> str:
        return "b1"

    assert unseen(on(START, approval("lead", denied=bad) >> pay), after_pay) == []
    assert unseen(on(START, exempt >> approval("chief", denied=bad) >> pay), after_pay) == []
    assert unseen(on(START, book), on(book, exempt >> pay), after_pay) == []


def test_an_exemption_that_names_the_values_pins_them():
    """one_of and == on the very field; a comparison of another field pins nothing."""
    for rule in (one_of(t.name, "a", "b"), t.name == "a", (t.name == "a") & (t.n < 3)):
        assert unseen(on(START, approval("lead", denied=bad, unless=rule) >> pay), after_pay) == []
    loose = approval("lead", denied=bad, unless=(t.name == "a") | (t.n < 3))
    assert unseen(on(START, loose >> pay), after_pay) == ["name from the input"]


def test_exempted_calls_of_a_model_and_items_are_looked_at_too():
    """What a model proposed, what is taken from the state, and what the list holds."""

    @tool(effect="once", stakes="high", timeout=1.0)
    def transfer(to: str, name: Annotated[str, FromState], amount: float) -> str:
        return ""

    @think(tools=[transfer])
    def agent(messages: Messages) -> Messages:
        return messages

    do = act([transfer], name="do", gates={transfer: exempt})
    rows = on(START, agent), on(agent, do), on(do, failed("unknown_effect") >> bad, good)
    assert unseen(*rows) == ["to from what a model proposed; name from the input"]
    exempted = approval("lead", unless=t.n < 5)
    every = each(exempted >> pay, name="every", item="name", over="items", into="came")
    assert unseen(on(START, every), on(every, good)) == ["name from the input"]


@pytest.mark.parametrize(
    ("annotation", "carries"),
    [
        (str, True), (str | None, True), (list[str], True), (dict[str, int], True), (Order, True), (Any, True),
        (list[Order], True), (object, True),
        (int, False), (bool | None, False), (Color, False), (Literal["a"], False), (Plain, False),
        (list[Plain], False), (tuple[int, ...], False), (Annotated[str, Field(pattern="^A$")], False),
        (Annotated[str, Field(pattern="^A$")] | None, False), (Annotated[str, Field(max_length=3)], True),
    ],
)  # fmt: skip
def test_which_types_hold_free_text(annotation, carries):
    """Texts, what holds them, and what is not known; not numbers, few values, or texts that must look a certain way."""
    assert carries_text(annotation) is carries


def test_what_an_approved_change_returned_may_be_taken_back_unasked():
    """A receipt decides: the exemption reads what the tool returned, and nothing of a stranger's is in it."""

    @tool(effect="once", stakes="high", timeout=1.0, writes="order")
    def change(n: int) -> Order:
        return Order(total=1.0)

    @tool(effect="once", stakes="high", timeout=1.0, writes="receipt")
    def undo(order: Order) -> str:
        return "undone"

    exempted = approval("lead", denied=bad, unless=some(t.order).total < 5)
    assert (
        unseen(
            on(START, approval("lead", name="first", denied=bad) >> change),
            on(change, exempted >> undo),
            on(undo, good),
        )
        == []
    )
