"""How ask runs: the question, the form, the time."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from guideway.errors import ConfigError, NodeError, StateInvalid
from guideway.guards.gates import approval
from guideway.guards.target import Target
from guideway.nodes.ask import ask
from guideway.nodes.calls import PENDING, Expired, Suspended
from guideway.nodes.execution import execute
from guideway.nodes.outcome import Outcome, Refusal
from tests.nodes.world import Reading, Recorder, Ticket


class Elsewhere(Target):
    """A way."""

    name = "elsewhere"


def about(message: str) -> str:
    return f"What about {message!r}?"


async def about_async(message: str) -> str:
    return about(message)


customer = ask("customer", about, writes="messages")


async def test_a_question_waits_until_it_is_answered():
    """Nothing is written while nobody has answered; then the answer is, once."""
    recorder = Recorder()
    with pytest.raises(Suspended, match="customer waits for customer"):
        await execute(customer, Ticket(message="hi"), calls=recorder)
    recorder.decisions["answer"] = "Blue."
    outcome = await execute(customer, Ticket(message="hi"), calls=recorder)
    assert recorder.asked == ["What about 'hi'?", "What about 'hi'?"]
    (message,) = outcome.update["messages"]
    assert (message.type, message.content, message.id) == ("human", "Blue.", "run-1:message#0")


@pytest.mark.parametrize("question", ["What about 'hi'?", about, about_async])
def test_questions_are_texts_or_functions(question):
    """A question is a text, or a function of state fields, sync or async."""
    node = ask("lead", question, name="lead's word", writes="message")
    asked: list[str] = []

    def decide(what: Any) -> str:
        asked.append(f"{what.kind} {what.name} {what.role} {what.question}")
        return "fine"

    assert node.run(Ticket(message="hi"), decide=decide).update == {"message": "fine"}
    assert asked == ["answer lead's word lead What about 'hi'?"]


def test_a_form_is_validated_and_spread():
    """An answer by a pydantic model is spread over the fields of its names, or stored whole."""
    spread = ask("lead", "Read it.", form=Reading)
    whole = ask("lead", "Read it.", form=Reading, writes="order")
    given = {"lead": {"intent": "refund", "confidence": 1}}
    assert spread.run(Ticket(), decide=given).update == {"intent": "refund", "confidence": 1.0}
    assert whole.run(Ticket(), decide=given).update == {"order": Reading(intent="refund", confidence=1.0)}
    assert ask("lead", "Which?", form=Literal["refund"], writes="intent").run(
        Ticket(), decide={"lead": "refund"}
    ).update == {"intent": "refund"}


def test_an_answer_that_does_not_fit_fails():
    """What is no answer of the form is refused where it is given, and never written."""
    node = ask("lead", "Read it.", form=Reading)
    assert node.accept({"intent": "refund", "confidence": 1}) == {"intent": "refund", "confidence": 1.0}
    with pytest.raises(StateInvalid, match="the answer to 'lead' must be Reading: confidence: Field required"):
        node.accept({"intent": "refund"})
    outcome = node.run(Ticket(), decide={"lead": {"intent": "refund"}})
    assert outcome.error is not None
    assert (outcome.error.category, outcome.update) == ("invalid_input", {})


def test_a_time_that_ran_out_goes_its_way():
    """expired= is where nobody's answer leads."""
    away = Elsewhere()
    node = ask("lead", "Well?", writes="message", within="1h", expired=away)
    outcome = node.run(Ticket(), decide={"lead": Expired})
    assert (outcome.kind, outcome.way, outcome.update) == ("expired", away, {})
    assert outcome.refusal == Refusal(kind="expired", gate="lead")
    assert node.within == 3600


def failed(outcome: Outcome) -> str:
    assert outcome.error is not None
    return f"{outcome.error.category}: {outcome.error.message}"


def test_a_question_that_cannot_be_asked_fails():
    """A function that raises, or gives no text, fails the step, and nobody is asked."""

    def nothing(message: str) -> Any:
        return None

    def broken(message: str) -> str:
        raise ValueError("no words")

    assert failed(ask("lead", nothing, writes="message").run(Ticket())) == (
        "bug: the question of 'lead' must be a str, not NoneType"
    )
    assert failed(ask("lead", broken, writes="message").run(Ticket())) == "bug: no words"


def test_nobody_there_is_told():
    """node.run needs decide= for a question; PENDING suspends it as a run would be."""
    with pytest.raises(ConfigError, match="'customer' asks 'customer': .* and nothing answers; give run"):
        customer.run(Ticket())
    with pytest.raises(Suspended, match="waits for"):
        customer.run(Ticket(), decide={"customer": PENDING})


def test_what_ask_refuses():
    """No role, no question, half of a time, or a way that is none are errors."""
    wrong: Any = "elsewhere"
    with pytest.raises(NodeError, match="needs the role that answers"):
        ask("", "What?", writes="message")
    with pytest.raises(NodeError, match=r"ask\('lead'\) asks nothing: give a question"):
        ask("lead", "  ", writes="message")
    with pytest.raises(NodeError, match="has within= and not the other half: add expired="):
        ask("lead", "What?", writes="message", within="1h")
    with pytest.raises(NodeError, match="has expired= and not the other half: add within="):
        ask("lead", "What?", writes="message", expired=Elsewhere())
    with pytest.raises(NodeError, match="has expired='elsewhere', which is no way"):
        ask("lead", "What?", writes="message", within="1h", expired=wrong)
    with pytest.raises(NodeError, match="question= was given a lambda"):
        ask("lead", lambda message: message, writes="message")


def test_the_shape_of_a_question():
    """Role, time, way and who may not answer decide where a run can stand; words and form are the build's."""
    boss = approval("boss")
    shape = ask("lead", "Well?", writes="message", within="1h", expired=boss >> Elsewhere(), not_by=["ann"]).spec()[
        "shape"
    ]
    assert (shape["role"], shape["within"], shape["expired"], shape["not_by"]) == ("lead", 3600, "elsewhere", ["ann"])
    one, two = ask("lead", "One?", writes="message").spec(), ask("lead", "Two?", writes="message").spec()
    assert one["shape"] == two["shape"]
    assert one["build"] != two["build"]
