"""How act runs: every proposed call is checked, permitted, executed, and answered once."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import BaseModel

from guideway.errors import ConfigError, NodeError
from guideway.guards.fields import fields
from guideway.guards.functions import exists
from guideway.guards.gates import Approval, approval, policy
from guideway.guards.target import Target
from guideway.nodes.act import act
from guideway.nodes.calls import Allowed, Call, Expired, Refused, Suspended
from guideway.nodes.context import Context, FromState, ToolError
from guideway.nodes.direct import Asked
from guideway.nodes.execution import execute
from guideway.nodes.outcome import ErrorRecord, Outcome, Refusal
from guideway.nodes.tool import tool
from tests.nodes.world import Order, Recorder, Ticket

PAID: list[Any] = []


class Elsewhere(Target):
    """A way."""

    name = "elsewhere"


@tool(effect="none")
def look(order_id: str, limit: int = 3) -> Order:
    """Looks an order up."""
    if order_id == "0":
        raise ToolError("order not found")
    if order_id == "broken":
        raise KeyError("shelf")
    return Order(id=order_id, total=limit)


@tool(effect="once", stakes="high", timeout=1)
def pay(order_id: str, amount: float) -> str:
    """Pays."""
    if amount < 0:
        raise RuntimeError("broken pipe")
    PAID.append((order_id, amount))
    return f"paid {amount}"


@tool(effect="none", writes="notes")
def note(text: str, message: Annotated[str, FromState], context: Context) -> list[str]:
    """Notes something."""
    return [f"{text} about {message} as {context.key}"]


@pytest.fixture(autouse=True)
def nobody_paid() -> None:
    PAID.clear()


def said(*calls: tuple[str, dict[str, Any]], **more: Any) -> AIMessage:
    return AIMessage(
        "",
        id="m1",
        tool_calls=[{"name": name, "args": args, "id": f"c{n}"} for n, (name, args) in enumerate(calls)],
        **more,
    )


def ticket(*calls: tuple[str, dict[str, Any]], **more: Any) -> Ticket:
    return Ticket(message="hi", messages=[HumanMessage("help", id="m0"), said(*calls)], **more)


def contents(outcome: Outcome) -> list[str]:
    return [message.content for message in outcome.update["messages"]]


lead = approval("lead")


def test_calls_are_executed_in_order_and_answered_once():
    """Every call gets one tool message with its id and name; text as it is, else JSON."""
    outcome = act([look, note]).run(ticket(("look", {"order_id": "1"}), ("note", {"text": "x"})))
    assert outcome.kind == "ok"
    messages = outcome.update["messages"]
    assert all(isinstance(message, ToolMessage) for message in messages)
    assert [(item.tool_call_id, item.name, item.status) for item in messages] == [
        ("c0", "look", "success"),
        ("c1", "note", "success"),
    ]
    assert contents(outcome) == ['{"id": "1", "total": 3.0}', '["x about hi as call.1"]']
    assert outcome.spent.calls == 2
    assert [call["slot"] for call in outcome.calls] == ["call.0.0", "call.1.0"]
    assert outcome.calls[0]["arguments"] == {"order_id": "1", "limit": 3}


def test_json_is_written_as_json_writes_it_by_default():
    """A model sees the very text that json.dumps gives."""

    @tool(effect="none")
    def odd() -> dict[str, Any]:
        return {"a": "é", "b": [1, None, True]}

    @tool(effect="none")
    def nothing() -> None:
        return None

    assert contents(act([odd, nothing]).run(ticket(("odd", {}), ("nothing", {})))) == [
        '{"a": "\\u00e9", "b": [1, null, true]}',
        "null",
    ]


def test_an_unknown_tool_is_an_observation():
    """A tool that is not there is told to the model, and nothing runs."""
    outcome = act([look]).run(ticket(("lookup", {}), ("look", {"order_id": "1"})))
    assert contents(outcome)[0] == "Error: there is no tool 'lookup'; there are: look"
    assert outcome.update["messages"][0].status == "error"
    assert outcome.calls[0]["error"]["category"] == "invalid_call"
    assert outcome.spent.calls == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "order_id: Field required"),
        ({"order_id": 3}, "order_id: Input should be a valid string"),
        ({"order_id": "1", "limit": "many"}, "limit: Input should be a valid integer"),
        ({"order_id": "1", "color": "red"}, "color: Extra inputs are not permitted"),
    ],
)
def test_arguments_that_do_not_fit_are_an_observation(args, words):
    """Missing, wrong and unknown arguments are told to the model, and nothing runs."""
    outcome = act([look]).run(ticket(("look", args)))
    assert contents(outcome)[0].startswith("Error: the arguments do not fit: ")
    assert words in contents(outcome)[0]
    assert outcome.spent.calls == 0


def test_a_hidden_parameter_cannot_be_set_by_the_model():
    """What is taken from the state is no argument."""
    outcome = act([note]).run(ticket(("note", {"text": "x", "message": "forged"})))
    assert "message: Extra inputs are not permitted" in contents(outcome)[0]


def test_arguments_that_are_not_json_are_an_observation():
    """A call that LangChain could not read is answered too."""
    broken = AIMessage(
        "",
        id="m1",
        invalid_tool_calls=[{"name": "look", "args": "{", "id": "c9", "error": "cut off", "type": "invalid_tool_call"}],
    )
    outcome = act([look]).run(Ticket(messages=[broken]))
    assert contents(outcome) == ["Error: the arguments are not JSON: cut off"]
    assert outcome.update["messages"][0].tool_call_id == "c9"


@pytest.mark.parametrize(("order", "words"), [("0", "Error: order not found"), ("broken", "Error: 'shelf'")])
def test_a_tool_that_fails_without_effect_is_an_observation(order, words):
    """Domain errors and failures of tools that may run again are told to the model."""
    outcome = act([look]).run(ticket(("look", {"order_id": order}), ("look", {"order_id": "1"})))
    assert contents(outcome) == [words, '{"id": "1", "total": 3.0}']
    assert outcome.update["messages"][0].status == "error"


def test_a_unknown_effect_fails_the_step():
    """A once call whose ending is not known is nothing for the model to judge; the calls after it do not run."""
    outcome = act([pay, look]).run(ticket(("pay", {"order_id": "1", "amount": -1}), ("look", {"order_id": "1"})))
    assert (outcome.kind, outcome.update) == ("failed", {})
    assert outcome.error is not None
    assert outcome.error.category == "unknown_effect"
    assert [call["tool"] for call in outcome.calls] == ["pay"]


async def test_a_budget_that_is_used_up_fails_the_step():
    """Exhausted is the flow's to handle, not the model's."""
    state = ticket(("look", {"order_id": "1"}), ("look", {"order_id": "2"}))
    outcome = await execute(act([look]), state, calls=Recorder(calls=1))
    assert outcome.error is not None
    assert outcome.error.category == "exhausted"


def test_a_state_that_does_not_fit_a_tool_fails_the_step():
    """What a tool takes from the state is not the model's fault; it is told before anything runs."""

    @tool(effect="none")
    def strict(order_id: Annotated[str, FromState]) -> str:
        return order_id

    outcome = act([look, strict]).run(ticket(("look", {"order_id": "1"}), ("strict", {}), order_id=None))
    assert outcome.error is not None
    assert outcome.error.category == "invalid_input"
    assert outcome.spent.calls == 0


def test_what_tools_write():
    """A tool's writes= updates the state; a reducer's field gets all of them, another the last."""

    @tool(effect="none", writes="count")
    def count(to: int) -> int:
        return to

    outcome = act([note, count]).run(
        ticket(
            ("note", {"text": "a"}),
            ("count", {"to": 1}),
            ("note", {"text": "b"}),
            ("count", {"to": 2}),
            ("count", {"to": "x"}),
        )
    )
    assert outcome.update["notes"] == ["a about hi as call.0", "b about hi as call.2"]
    assert outcome.update["count"] == 2


def test_a_call_that_did_not_run_writes_nothing():
    """A refused or failed call leaves the field of its tool's writes= alone."""

    @tool(effect="none", writes="count")
    def count(to: int) -> int:
        raise ToolError("not countable")

    state = ticket(("count", {"to": 1}), ("note", {"text": "a"}))
    outcome = act([note, count], gates={note: lead}).run(state, decide={"lead": False})
    assert contents(outcome) == ["Error: not countable", "Refused by lead"]
    assert outcome.update.keys() == {"messages"}


def test_a_tool_that_writes_messages():
    """They stand after all the tool messages, which a provider wants right after the calls."""

    @tool(effect="none", writes="messages")
    def tell(text: str) -> list[Any]:
        return [HumanMessage(text), "and so on"]

    outcome = act([tell]).run(ticket(("tell", {"text": "a"}), ("tell", {"text": "b"})))
    messages = outcome.update["messages"]
    assert [message.type for message in messages] == ["tool", "tool", "human", "human", "human", "human"]
    assert len({message.id for message in messages}) == 6


def test_nothing_proposed_is_nothing_done():
    """Without a model message, without calls, or with all of them answered, act writes nothing."""
    do = act([look])
    answered = ticket(("look", {"order_id": "1"}))
    answered.messages.append(ToolMessage("done", tool_call_id="c0", id="m2"))
    for state in (Ticket(), Ticket(messages=["hello"]), Ticket(messages=[AIMessage("hi", id="m1")]), answered):
        assert (do.run(state).kind, do.run(state).update) == ("ok", {})


def test_only_calls_without_an_answer_are_executed():
    """A call that a tool message answers already is not executed again."""
    state = ticket(("look", {"order_id": "1"}), ("look", {"order_id": "2"}))
    state.messages.append(ToolMessage("done", tool_call_id="c0", id="m2"))
    outcome = act([look]).run(state)
    assert [message.tool_call_id for message in outcome.update["messages"]] == ["c1"]


# gates


def gated() -> Any:
    return act([look, pay], name="do", gates={pay: lead})


CALLS = (("pay", {"order_id": "1", "amount": 5}), ("look", {"order_id": "1"}), ("pay", {"order_id": "2", "amount": 6}))


def test_each_gated_call_gets_its_own_decision():
    """A yes to one call is none to another; calls without a gate go on; a no is told to the model with its reason."""
    asked: list[Asked] = []

    def decide(what: Asked) -> Any:
        asked.append(what)
        return True if what.call and what.call.arguments["order_id"] == "1" else "too much"

    outcome = gated().run(ticket(*CALLS), decide=decide)
    assert contents(outcome) == ["paid 5.0", '{"id": "1", "total": 3.0}', "Refused by lead: too much"]
    assert PAID == [("1", 5.0)]
    assert [(item.name, item.role, item.call) for item in asked] == [
        ("lead", "lead", Call("pay", {"order_id": "1", "amount": 5.0}, "c0", pay.source)),
        ("lead", "lead", Call("pay", {"order_id": "2", "amount": 6.0}, "c2", pay.source)),
    ]


def test_a_plain_no_and_a_time_that_ran_out():
    """A no without a note, and no answer in time, are told as such; neither pays."""
    timed = act([pay], gates={pay: approval("lead", within="1h", expired=approval("boss"))})
    state = ticket(CALLS[0])
    assert contents(gated().run(state, decide={"lead": False})) == ["Refused by lead"]
    assert contents(timed.run(state, decide={"lead": Expired, "boss": "no"})) == ["Refused by boss: no"]
    assert contents(timed.run(state, decide={"lead": Expired, "boss": True})) == ["paid 5.0"]
    assert PAID == [("1", 5.0)]


def test_without_a_decision_nothing_runs():
    """node.run asks decide=, and says how to give it."""
    with pytest.raises(ConfigError, match="'lead' asks 'lead': 'May pay run.', and nothing answers; give run"):
        gated().run(ticket(*CALLS))
    assert PAID == []


async def test_pending_calls_suspend_the_step_after_the_others():
    """All permissions are asked for first; what may run runs; the rest is found on record the next time."""
    recorder = Recorder({"permit.0": True})
    with pytest.raises(Suspended, match="do: 1 of 3 calls wait for a decision"):
        await execute(gated(), ticket(*CALLS), calls=recorder)
    assert recorder.order == ["permit.0", "permit.2", "call.0.0", "call.1.0"]
    assert recorder.sent == ["call.0.0", "call.1.0"]
    recorder.decisions["permit.2"] = Refused(Refusal(kind="denied", gate="lead", note="no"))
    outcome = await execute(gated(), ticket(*CALLS), calls=recorder)
    assert contents(outcome) == ["paid 5.0", '{"id": "1", "total": 3.0}', "Refused by lead: no"]
    assert PAID == [("1", 5.0)]


async def test_a_refusal_with_a_way_ends_the_step():
    """The outcome is the no with its way; every call has its message, those that did not run say so."""
    away = Elsewhere()
    no = Refusal(kind="denied", gate="lead", note="fraud")
    recorder = Recorder({"permit.0": Refused(no, away)})
    outcome = await execute(gated(), ticket(*CALLS), calls=recorder)
    assert (outcome.kind, outcome.refusal, outcome.way) == ("refused", no, away)
    assert contents(outcome) == [
        "Refused by lead: fraud",
        '{"id": "1", "total": 3.0}',
        "Not run: lead refused another call of this message",
    ]
    assert PAID == []


async def test_a_time_that_ran_out_with_a_way_expires_the_step():
    """A gate that expired goes its way as expired."""
    recorder = Recorder({"permit.0": Refused(Refusal(kind="expired", gate="lead"), Elsewhere())})
    outcome = await execute(gated(), ticket(CALLS[0]), calls=recorder)
    assert outcome.kind == "expired"
    assert contents(outcome) == ["Refused by lead: nobody decided in time"]


async def test_every_right_write_before_a_refusal_happens():
    """Calls that were allowed run though another one's refusal ends the step."""
    recorder = Recorder({"permit.0": True, "permit.2": Refused(Refusal(kind="denied", gate="lead"), Elsewhere())})
    outcome = await execute(gated(), ticket(*CALLS), calls=recorder)
    assert outcome.kind == "refused"
    assert PAID == [("1", 5.0)]


async def test_edited_arguments_run_as_they_were_approved():
    """Edits are validated again, change arguments only, and are what is recorded."""
    edited = Allowed(Call("look", {"order_id": "1", "amount": 2}, "other", "forged"))
    recorder = Recorder({"permit.0": edited})
    outcome = await execute(gated(), ticket(CALLS[0]), calls=recorder)
    assert PAID == [("1", 2.0)]
    assert outcome.update["messages"][0].tool_call_id == "c0"
    assert recorder.seen == [Call("pay", {"order_id": "1", "amount": 2}, "c0", pay.source)]
    assert outcome.calls[0]["arguments"] == {"order_id": "1", "amount": 2}


@pytest.mark.parametrize("arguments", [{"order_id": "1"}, {"order_id": "1", "amount": 2, "extra": 1}])
async def test_edits_may_not_add_or_drop_arguments(arguments):
    """An edit of another shape runs nothing."""
    outcome = await execute(gated(), ticket(CALLS[0]), calls=Recorder({"permit.0": Allowed(Call("pay", arguments))}))
    assert outcome.error is not None
    assert outcome.error.category == "invalid_call"
    assert PAID == []


async def test_edits_that_do_not_fit_run_nothing():
    """An edited value is validated like any other."""
    edited = Allowed(Call("pay", {"order_id": "1", "amount": "much"}))
    outcome = await execute(gated(), ticket(CALLS[0]), calls=Recorder({"permit.0": edited}))
    assert outcome.error is not None
    assert outcome.error.category == "invalid_input"


def small(call: Call, message: str) -> str | None:
    return None if call.arguments["amount"] < 10 else f"{call.arguments['amount']} is too much for {message}"


def test_policies_decide_without_people():
    """A policy reads the call and the state; its reason is told to the model, or its way is taken."""
    state = ticket(("pay", {"order_id": "1", "amount": 5}), ("pay", {"order_id": "2", "amount": 50}))
    told = act([pay], gates={pay: policy(small)}).run(state)
    assert contents(told) == ["paid 5.0", "Refused by small: 50.0 is too much for hi"]
    away = Elsewhere()
    left = act([pay], gates={pay: [policy(small, violated=away)]}).run(state)
    assert (left.kind, left.way) == ("refused", away)


def test_gates_are_asked_in_order():
    """All gates of a call must say yes, and a no ends the asking."""
    both = act([pay], gates={pay: [policy(small), lead]})
    state = ticket(("pay", {"order_id": "1", "amount": 50}))
    assert contents(both.run(state)) == ["Refused by small: 50.0 is too much for hi"]
    assert contents(both.run(ticket(CALLS[0]), decide={"lead": True})) == ["paid 5.0"]
    assert contents(both.run(ticket(CALLS[0]), decide={"lead": {"amount": 1}})) == ["paid 1.0"]


def test_an_exemption_asks_nobody():
    """approval(unless=) lets a call pass where it is known to hold, over a state or a mapping of its fields."""
    t = fields(Ticket)
    do = act([pay], gates={pay: approval("lead", unless=exists(t.order))})
    state = ticket(CALLS[0], order=Order(id="1", total=1))
    assert contents(do.run(state)) == ["paid 5.0"]
    assert contents(do.run({"messages": state.messages, "order": state.order})) == ["paid 5.0"]


def test_what_act_refuses():
    """Gates for a tool that is not there, things that are no tools or gates, and names that clash are errors."""

    def other(order_id: str) -> str:
        return order_id

    wrong: Any = other
    with pytest.raises(NodeError, match=r"act\(name='do'\) has gates for 'pay', which is not among its tools: look"):
        act([look], name="do", gates={pay: lead})
    with pytest.raises(NodeError, match="holds <function .*, which is no tool; decorate the function with @tool"):
        act([wrong])
    with pytest.raises(NodeError, match="has two tools named 'look'"):
        act([look, look.named("look")])
    with pytest.raises(NodeError, match="has no tools"):
        act([])
    with pytest.raises(NodeError, match="takes a list of tools"):
        act(look)  # type: ignore[arg-type]  # the mistake is the case
    with pytest.raises(NodeError, match=r"gates\[look\] takes a gate or a list of gates"):
        act([look], gates={look: []})
    with pytest.raises(NodeError, match=r"gates\[look\] holds .*, which is no gate"):
        act([look], gates={look: [wrong]})
    with pytest.raises(NodeError, match="has a tool named 'look up': models call tools by names of at most 64"):
        act([look.named("look up")])
    with pytest.raises(NodeError, match="approval 'lead' has within= and no way for expired"):
        act([look], gates={look: approval("lead", within="1h")})


def test_gates_are_known_by_tool():
    """The gates of an act are data: a reviewer and a checker read them."""
    assert gated().gates == {"pay": (lead,)}
    assert isinstance(lead, Approval)
    assert gated().spec()["shape"]["gates"] == {"pay": ["lead"]}


async def test_a_recorded_failure_of_a_call_is_told_again():
    """What failed before a crash is the same observation after it, and is not called again."""
    recorder = Recorder()
    recorder.results["call.0.0"] = ErrorRecord("declined", "ToolError", "order not found")
    outcome = await execute(act([look]), ticket(("look", {"order_id": "1"})), calls=recorder)
    assert contents(outcome) == ["Error: order not found"]
    assert recorder.sent == []


def test_aliases_and_models_are_arguments():
    """Arguments may be models, and are handed over as such."""

    class Passenger(BaseModel):
        name: str

    @tool(effect="none")
    def book(passengers: list[Passenger]) -> int:
        return len([item for item in passengers if isinstance(item, Passenger)])

    outcome = act([book]).run(ticket(("book", {"passengers": [{"name": "Ann"}]})))
    assert contents(outcome) == ["1"]
    assert outcome.calls[0]["arguments"] == {"passengers": [{"name": "Ann"}]}
