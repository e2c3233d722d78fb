"""F3: what a node reads fits its parameters, on every way that leads to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field, field_validator

from guideway import (
    START,
    Budget,
    End,
    Failure,
    Flow,
    FromState,
    Messages,
    Refusal,
    act,
    any_of,
    approval,
    ask,
    compute,
    exists,
    failed,
    fields,
    length,
    none_of,
    on,
    policy,
    some,
    think,
    tool,
    when,
)
from guideway.flows.check import Finding, Report, check


class Order(BaseModel):
    """A model within the state."""

    id: str
    note: str | None = None


class S(BaseModel):
    """The state of most cases."""

    n: int = 0
    name: str | None = None
    mark: Literal["a", "b"] = "a"
    order: Order | None = None
    messages: Messages = []


t = fields(S)
good, bad = End("good"), End("bad", verdict="failed")


@compute(writes="name")
def name_it(n: int) -> str:
    return "x"


@compute(writes="name")
def maybe_name_it(n: int) -> str | None:
    return None


@compute(writes="n")
def use(name: str) -> int:
    return 1


@compute(writes="n")
def use_order(order: Order) -> int:
    return 1


@compute(writes="n")
def count(n: int) -> int:
    return n


def report(*rows: Any, state: Any = S, **options: Any) -> Report:
    """What the checks say of a flow of these rows."""
    return check(Flow("f", state=state, edges=rows, **options))


def reads(*rows: Any, **options: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Code and path of a flow's findings about reads."""
    return [(item.code, item.path) for item in report(*rows, **options).findings if item.code.startswith("F3")]


def only(found: Report) -> Finding:
    """The one finding about reads."""
    (finding,) = [item for item in found.findings if item.code.startswith("F3")]
    return finding


def proof(found: Report) -> bool | None:
    """What is proved about reads."""
    (one,) = [item for item in found.facts.proofs if item.text.startswith("every value that a node reads")]
    return one.proved


def test_a_default_that_does_not_fit_is_an_error_that_was_executed():
    """The example is an input and a way by which the semantics lead a run to a read that pydantic refuses."""
    found = report(on(START, use), on(use, good))
    finding = only(found)
    assert (finding.code, finding.severity, finding.path) == ("F301", "error", ("START", "use"))
    assert finding.example == {"input": {"name": None}, "steps": [], "then": "use", "reads": {"name": None}}
    assert proof(found) is False


def test_what_a_writer_returns_fits():
    """A result that is not None makes the field fit behind it, and that is proved."""
    found = report(on(START, name_it), on(name_it, use), on(use, good))
    assert found.findings == ()
    assert proof(found) is True


def test_an_optional_result_takes_it_back():
    """What a node may return as None can be None behind it, on the one way that leads through it."""
    rows = on(START, name_it), on(name_it, when(t.n > 1) >> maybe_name_it, use), on(maybe_name_it, use), on(use, good)
    assert reads(*rows) == [("F301", ("START", "name_it", "maybe_name_it", "use"))]


def test_a_failed_outcome_writes_nothing():
    """On a failed edge a field holds what it held before the node."""
    assert reads(on(START, name_it), on(name_it, failed() >> use, good), on(use, good)) == [
        ("F301", ("START", "name_it", "use"))
    ]


def test_on_failure_is_a_way_from_every_node():
    """The flow's own way leads from a node that failed before the field was written; the message says who fails."""
    rows = on(START, count), on(count, name_it), on(name_it, good), on(use, failed() >> bad, good)
    finding = only(report(*rows, on_failure=use))
    assert (finding.code, finding.path) == ("F301", ("START", "count", "use"))
    assert "START > count fails > use" in finding.message


def test_on_exhausted_is_a_way_from_everywhere():
    """A budget can be used up before a node has written; where that cannot be carried out, it is a warning."""
    rows = on(START, name_it), on(name_it, good), on(use, good)
    assert reads(*rows, on_exhausted=use, budget=Budget(steps=9)) == [("F301", ("START", "name_it", "use"))]
    rows = on(START, when(t.n > 1) >> good, bad), on(use, good)
    assert reads(*rows, on_exhausted=use, budget=Budget(steps=9)) == [("F302", ("START", "use"))]


def test_a_guard_that_raises_takes_the_written_state_to_the_failed_edges():
    """A named function on an edge fails the step after it has written, so its failed edges can see None."""

    def odd(name: str) -> bool:
        return False

    rows = (
        on(START, name_it),
        on(name_it, maybe_name_it),
        on(maybe_name_it, failed() >> use, when(odd) >> good, good),
        on(use, good),
    )
    assert reads(*rows) == [("F302", ("START", "name_it", "maybe_name_it", "use"))]
    plain = on(maybe_name_it, failed() >> use, good)
    assert reads(*rows[:2], plain, rows[3]) == []


@pytest.mark.parametrize(
    "condition",
    [
        exists(t.name),
        t.name == "x",
        length(t.name) > 2,
        (t.n > 1) & exists(t.name),
        any_of(t.name == "x", t.name == "y"),
        none_of(t.name == "x"),
        none_of(none_of(exists(t.name))),
    ],
)
def test_a_condition_that_is_known_only_with_a_value_helps(condition):
    """Known to be true means that all that was looked at is there."""
    assert reads(on(START, when(condition) >> use, good), on(use, good)) == []


@pytest.mark.parametrize("condition", [t.n > 1, (t.n > 1) | exists(t.name), none_of(exists(t.name), t.n > 1)])
def test_a_condition_that_can_be_true_without_the_value_does_not(condition):
    """An `or` with something else, and the absence itself, say nothing of a value."""
    assert [code for code, _ in reads(on(START, when(condition) >> use, good), on(use, good))] == ["F301"]


def test_a_named_function_is_asked_only_when_its_fields_are_there():
    """It is not called where what it reads is None, so behind it that is there."""

    def fine(name: str) -> bool:
        return True

    assert reads(on(START, when(fine) >> use, good), on(use, good)) == []


def test_reaching_into_an_optional_model_helps():
    """A comparison within a model is known only where the model is there."""
    assert reads(on(START, when(some(t.order).id == "x") >> use_order, good), on(use_order, good)) == []


def test_what_falls_through_an_absence_is_there():
    """Behind `none_of(exists(x))`, alone on an earlier edge, x exists; beside another condition that is not said."""
    absent = none_of(exists(t.name))
    assert reads(on(START, when(absent) >> good, use), on(use, good)) == []
    assert [code for code, _ in reads(on(START, when(absent, t.n > 1) >> good, use), on(use, good))] == ["F301"]


def test_a_guards_help_ends_where_the_field_is_written_again():
    """Knowledge about a field is dropped by a write, on the one way that writes."""
    rows = (
        on(START, when(exists(t.name)) >> count, good),
        on(count, when(t.n > 1) >> maybe_name_it, use),
        on(maybe_name_it, use),
        on(use, good),
    )
    assert reads(*rows) == [("F301", ("START", "count", "maybe_name_it", "use"))]


def test_a_way_that_was_not_carried_out_is_a_warning():
    """Behind a named function no value is made up, and no function is called: what is not seen is not an error."""
    called: list[int] = []

    def fine(n: int) -> bool:
        called.append(n)
        return True

    found = report(on(START, when(fine) >> use, good), on(use, good))
    finding = only(found)
    assert (finding.code, finding.severity, finding.example) == ("F302", "warning", None)
    assert proof(found) is None
    assert called == []


def test_a_way_that_cannot_be_taken_is_no_error():
    """Where conditions contradict each other no run is led there, so it stays a warning."""
    rows = on(START, when(t.n > 3) >> count, good), on(count, good)
    assert reads(*rows) == []
    impossible = on(START, when(t.n > 3, t.n < 2) >> use, good), on(use, good)
    assert [code for code, _ in reads(*impossible)] == ["F302"]


def test_a_policy_is_never_called():
    """An edge with a policy is not carried out."""

    def strict(n: int) -> str | None:
        raise AssertionError("called")

    assert [code for code, _ in reads(on(START, policy(strict, violated=good) >> use), on(use, good))] == ["F302"]


def test_gates_are_led_through_by_made_up_decisions():
    """An example goes through an approval that says yes, and by its way where it says no."""
    lead = approval("lead", denied=use)
    finding = only(report(on(START, count), on(count, lead >> good), on(use, good)))
    assert finding.example is not None
    assert finding.example["steps"] == [
        {"node": "count", "outcome": "ok", "update": {"n": 1}, "noes": {"lead": "denied"}}
    ]


def test_a_spread_result_writes_what_it_surely_has():
    """A model writes all its fields; a TypedDict without a key, or a result that may be None, leaves them."""

    class Found(BaseModel):
        name: str

    class Perhaps(TypedDict, total=False):
        name: str

    @compute
    def whole(n: int) -> Found:
        return Found(name="x")

    @compute
    def part(n: int) -> Perhaps:
        return {}

    @compute
    def nothing(n: int) -> Found | None:
        return None

    for node, codes in ((whole, []), (part, ["F301"]), (nothing, ["F301"])):
        found = reads(on(START, node), on(node, use), on(use, good))
        assert [code for code, _ in found] == codes, node


def test_a_models_answer_is_what_it_writes():
    """A think node writes its output's fields; an optional one can be None."""

    class Reading(BaseModel):
        name: str
        order: Order | None

    @think(output=Reading)
    def read(n: int) -> str:
        return ""

    assert reads(on(START, read), on(read, use), on(use, good)) == []
    assert reads(on(START, read), on(read, use_order), on(use_order, good)) == [
        ("F301", ("START", "read", "use_order"))
    ]


def test_what_a_tool_of_an_act_writes_is_not_sure():
    """No call may be proposed, so a field keeps what it had; a hidden parameter is read like any other."""

    @tool(effect="none", writes="name")
    def look(n: int) -> str:
        return "x"

    @tool(effect="none")
    def tell(text: str, name: Annotated[str, FromState]) -> str:
        return text

    @think(tools=[look, tell])
    def agent(messages: Messages) -> Messages:
        return messages

    do = act([look], name="do")
    assert [code for code, _ in reads(on(START, agent), on(agent, do), on(do, use), on(use, good))] == ["F301"]
    say = act([tell], name="say")
    finding = only(report(on(START, agent), on(agent, say), on(say, good)))
    assert "tool 'tell' of 'say', parameter 'name'" in finding.message


def test_the_question_of_an_ask_reads_too():
    """Its function's parameters are read like a node's; its answer is written like a result."""

    def question(name: str) -> str:
        return f"{name}?"

    person = ask("person", question, writes="name")
    assert [code for code, _ in reads(on(START, person), on(person, use), on(use, good))] == ["F301"]
    plain = ask("person", "Who?", writes="name")
    assert reads(on(START, plain), on(plain, use), on(use, good)) == []


def test_a_validator_of_the_field_may_change_what_is_written():
    """Where the state has a validator of its own, a write proves nothing of the field."""

    class V(BaseModel):
        n: int = 0
        name: str | None = None

        @field_validator("name")
        @classmethod
        def no_x(cls, value: str | None) -> str | None:
            return None

    rows = on(START, name_it), on(name_it, use), on(use, good)
    assert reads(*rows, state=V) == [("F301", ("START", "name_it", "use"))]


def test_a_literal_that_is_too_wide_is_told_by_its_value():
    """A parameter of fewer values than its field: the value that does not fit is shown."""

    @compute(writes="n")
    def only_a(mark: Literal["a"]) -> int:
        return 1

    finding = only(report(on(START, only_a), on(only_a, good)))
    assert (finding.code, finding.example and finding.example["reads"]) == ("F301", {"mark": "b"})


def test_a_default_that_a_constraint_refuses_is_told():
    """Whether a constraint holds is not known in general; for the default it is tried."""

    @compute(writes="name")
    def positive(n: Annotated[int, Field(gt=0)]) -> str:
        return ""

    finding = only(report(on(START, positive), on(positive, good)))
    assert finding.example is not None
    assert finding.example["reads"] == {"n": 0}


def test_what_cannot_be_known_is_said_to_be_open():
    """A constraint on a field without a default is neither proved nor told as a mistake."""

    class R(BaseModel):
        n: int
        name: str | None = None

    @compute(writes="name")
    def positive(n: Annotated[int, Field(gt=0)]) -> str:
        return ""

    found = report(on(START, positive), on(positive, good), state=R)
    assert found.findings == ()
    assert proof(found) is None


def test_types_that_take_more_than_the_field_are_fine():
    """A wider parameter, an int as a float, and a description beside the type ask for no more than there is."""

    @compute(writes="n")
    def wide(n: float, name: Annotated[str | None, "who"], mark: str, order: Order | str | None) -> int:
        return 1

    found = report(on(START, wide), on(wide, good))
    assert found.findings == ()
    assert proof(found) is True


def test_a_required_field_is_given_by_the_input():
    """A field without a default is there from the start, and examples make a value up for it."""

    class R(BaseModel):
        order: Order
        name: str | None = None

    @compute(writes="name")
    def look(order: Order) -> str:
        return ""

    @compute(writes="name")
    def look_twice(name: str) -> str:
        return ""

    assert reads(on(START, look), on(look, good), state=R) == []
    finding = only(report(on(START, look_twice), on(look_twice, good), state=R))
    assert finding.example is not None
    assert finding.example["input"] == {"name": None, "order": {"id": "a", "note": None}}


def test_a_reason_must_be_there_on_every_way():
    """A parameter typed Refusal or Failure without None is an error where some way brings none."""

    @compute(writes="name")
    def sorry(refusal: Refusal) -> str:
        return ""

    @compute(writes="name")
    def mend(failure: Failure) -> str:
        return ""

    lead = approval("lead", denied=sorry)
    assert reads(on(START, lead >> good), on(sorry, good)) == []
    assert reads(on(START, lead >> sorry), on(sorry, good)) == [("F303", ("START", "sorry"))]
    assert reads(on(START, count), on(count, failed() >> mend, good), on(mend, good)) == []
    assert reads(on(START, count), on(count, mend), on(mend, good)) == [("F303", ("START", "count", "mend"))]


def test_a_yes_after_a_no_takes_the_reason_back():
    """Where another gate lets pass after a refusal, the node that is reached has no refusal to read."""

    @compute(writes="name")
    def sorry(refusal: Refusal) -> str:
        return ""

    boss = approval("boss", denied=good)
    lead = approval("lead", denied=boss >> sorry)
    assert [code for code, _ in reads(on(START, lead >> good), on(sorry, good))] == ["F303"]


def test_what_may_be_written_may_be_none():
    """A result that may be None takes a value back, spread or by an act that goes the way of a refused call."""

    class Found(BaseModel):
        name: str | None

    @compute
    def perhaps(n: int) -> Found | None:
        return None

    @tool(effect="none", writes="name")
    def look(n: int) -> str | None:
        return None

    @think(tools=[look])
    def agent(messages: Messages) -> Messages:
        return messages

    there = exists(t.name)
    rows = on(START, when(there) >> perhaps, good), on(perhaps, use), on(use, good)
    assert reads(*rows) == [("F301", ("START", "perhaps", "use"))]
    do = act([look], name="do", gates={look: approval("lead", denied=use)})
    rows = on(START, when(there) >> agent, good), on(agent, do), on(do, good), on(use, good)
    assert [code for code, _ in reads(*rows)] == ["F302"]
