"""What the tools of act read and write in a run: reducers, the last write, refused calls, and FromState."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from guideway import START, Anyone, End, Flow, FromState, Messages, act, approval, on, think, tool
from guideway.testing import ScriptedModel

DONE: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    DONE.clear()


def add(left: list[str], right: list[str]) -> list[str]:
    return left + right


class Desk(BaseModel):
    """The state of a desk."""

    messages: Messages = []
    customer: str = "ann"
    notes: Annotated[list[str], add] = ["first"]
    total: int = 0
    limit: int | None = 5


@tool(effect="none", writes="notes")
def note(text: str, customer: Annotated[str, FromState]) -> list[str]:
    """Notes."""
    return [f"{text} of {customer}"]


@tool(effect="none", writes="total")
def count(to: int) -> int:
    """Counts."""
    return to


@tool(effect="once", stakes="high", timeout=5, writes="total")
def pay(amount: int, limit: Annotated[int, FromState, Field(le=10)]) -> int:
    """Pays."""
    DONE.append((amount, limit))
    return amount


TOOLS = [note, count, pay]


@think(tools=TOOLS)
def talk(messages: Messages) -> Any:
    return messages or "hello"


done = End("done")
lead = approval("lead")
do = act(TOOLS, name="do", gates={pay: lead})
desk = Flow("desk", state=Desk, edges=[on(START, talk), on(talk, do), on(do, done)])


def calls(*proposed: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A model that proposes these calls."""
    return {"default": ScriptedModel(lambda _: list(proposed))}


def started(models: Any, **state: Any) -> Any:
    app = desk.compile(models=models, roles=Anyone())
    return app, app.start(state, by="web")


def test_a_reducers_field_gets_all_and_another_the_last():
    """Writes of one message's calls go through the field's reducer in order, and are added to what was there."""
    app, run = started(
        calls(("note", {"text": "a"}), ("count", {"to": 1}), ("note", {"text": "b"}), ("count", {"to": 2}))
    )
    with app:
        assert run.status == "ended"
        assert run.state.notes == ["first", "a of ann", "b of ann"]
        assert run.state.total == 2


@pytest.mark.parametrize("yes", [True, False])
def test_a_refused_call_writes_nothing_and_the_others_do(yes):
    """The calls that need no gate ran before; they ran once, and the refused one left its field alone."""
    app, run = started(calls(("count", {"to": 1}), ("pay", {"amount": 7}), ("note", {"text": "a"})))
    with app:
        assert run.status == "waiting"
        assert (run.state.total, run.state.notes) == (0, ["first"])  # the step is not over
        (app.approve if yes else app.deny)(run.waiting[0], by="ann")
        run = app.resume(run.id)
        assert run.state.total == (7 if yes else 1)
        assert run.state.notes == ["first", "a of ann"]
        assert ([(7, 5)] if yes else []) == DONE
        answers = [message for message in run.state.messages if message.type == "tool"]
        assert [message.status for message in answers] == ["success", "success" if yes else "error", "success"]


def test_what_comes_from_the_state_is_hidden_from_the_model_and_shown_to_the_approver():
    """FromState is in no schema, no model can give it, and it is part of the call approved and of its digest."""
    models = calls(("pay", {"amount": 7}))
    app, run = started(models, limit=3)
    with app:
        request = run.waiting[0]
        assert request.call.arguments == {"amount": 7, "limit": 3}
        offered = models["default"].requests[0].tools
        assert [list(item["function"]["parameters"]["properties"]) for item in offered] == [
            ["text"],
            ["to"],
            ["amount"],
        ]
    other, second = started(calls(("pay", {"amount": 7})), limit=4)
    with other:
        assert second.waiting[0].digest != request.digest
    app, run = started(calls(("pay", {"amount": 7, "limit": 9})))
    with app:
        assert (run.status, run.waiting, DONE) == ("ended", [], [])


@pytest.mark.parametrize("limit", [None, 11])
def test_what_comes_from_the_state_is_validated(limit):
    """A field whose value does not fit the parameter fails the step before anybody is asked, and nothing runs."""
    app, run = started(calls(("pay", {"amount": 7})), limit=limit)
    with app:
        assert (run.error.category, run.waiting, DONE) == ("invalid_input", [], [])
        assert "'limit' of 'pay'" in run.error.message


def test_what_comes_from_the_state_can_be_bound_to_another_field():
    """bind on the tool, or on the act node, reads another field; the same tool is a node that reads it too."""
    bound = act([note.bind(customer="message")], name="bound")
    assert bound.reads(Desk) == ("messages", "message")
    assert act([note]).bind(customer="message").reads(Desk) == ("messages", "message")
    outcome = note.run({"text": "a", "customer": "eve"})
    assert outcome.update == {"notes": ["a of eve"]}
