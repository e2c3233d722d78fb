"""How thinking nodes run: prompts, structured answers, repairs, tools, fallbacks, limits."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from guideway.errors import ConfigError
from guideway.guards.messages import Messages
from guideway.guards.retry import Retry
from guideway.nodes.calls import ModelAnswer, ModelRequest
from guideway.nodes.context import Left
from guideway.nodes.execution import execute
from guideway.nodes.models import Models
from guideway.nodes.outcome import ErrorRecord, Outcome
from guideway.nodes.think import Think, think
from guideway.nodes.tool import tool
from guideway.testing.models import ScriptedModel
from tests.nodes.world import Order, Reading, Recorder, Ticket

GOOD = Reading(intent="refund", confidence=0.9)


def prompt(message: str) -> str:
    return f"Classify: {message}"


read = think(prompt, output=Reading)
reply = think(prompt, writes="message")


@tool(effect="none")
def look(order_id: str) -> str:
    """Looks an order up."""
    return order_id


@think(tools=[look])
def agent(messages: Messages) -> list[Any]:
    return [("system", "Be brief."), *messages]


class Status(Exception):
    """An error that bears an HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status


def error_of(outcome: Outcome) -> ErrorRecord:
    assert outcome.kind == "failed"
    assert outcome.error is not None
    return outcome.error


def test_text_is_written_to_its_field():
    """A str answer is stored in writes=; the function's str is the user's message."""
    model = ScriptedModel(["Hello."])
    outcome = reply.run(Ticket(message="hi"), models=model)
    assert outcome.update == {"message": "Hello."}
    assert model.prompts == ["Classify: hi"]
    assert [message.type for message in model.requests[0].messages] == ["human"]
    assert model.requests[0].output is None


async def test_prompt_functions_may_be_async():
    """An async prompt function is awaited."""

    @think(writes="message")
    async def later(message: str) -> str:
        await asyncio.sleep(0)
        return message

    assert (await later.arun(Ticket(), models=ScriptedModel(["x"]))).update == {"message": "x"}


@pytest.mark.parametrize(
    "said",
    [
        GOOD,
        {"intent": "refund", "confidence": 0.9},
        '{"intent": "refund", "confidence": 0.9}',
        'Sure!\n```json\n{"intent": "refund", "confidence": 0.9}\n```',
        [("Reading", {"intent": "refund", "confidence": 0.9})],
    ],
)
def test_a_structured_answer_is_spread_over_its_fields(said):
    """However a model words it (JSON, fenced, a tool call), the answer is parsed and spread."""
    assert read.run(Ticket(), models=ScriptedModel([said])).update == {"intent": "refund", "confidence": 0.9}


def test_a_structured_answer_may_be_stored_whole():
    """With writes= the object itself is stored."""
    whole = think(prompt, output=Order, writes="order")
    assert whole.run(Ticket(), models=ScriptedModel([{"id": "1", "total": 2}])).update == {
        "order": Order(id="1", total=2)
    }


@pytest.mark.parametrize("said", ["refund", ' "refund".', '{"value": "refund"}', {"value": "refund"}])
def test_a_literal_answer(said):
    """A Literal is answered by the bare word or by JSON."""
    choose = think(prompt, output=Literal["refund", "question"], writes="intent")
    model = ScriptedModel([said])
    assert choose.run(Ticket(), models=model).update == {"intent": "refund"}
    assert model.requests[0].output is not None
    assert model.requests[0].output["properties"]["value"]["enum"] == ["refund", "question"]


def test_an_answer_that_does_not_fit_is_shown_to_the_model_again():
    """The model sees its answer and what is wrong with it, up to repairs times, within one step."""
    model = ScriptedModel(["refund?", {"intent": "refund", "confidence": "high"}, GOOD])
    outcome = read.run(Ticket(message="hi"), models=model)
    assert outcome.update == {"intent": "refund", "confidence": 0.9}
    assert outcome.spent.calls == 3
    assert outcome.attempts == 1
    assert [message.type for message in model.requests[2].messages] == ["human", "ai", "human", "ai", "human"]
    assert "Your answer does not fit: confidence: Input should be a valid number" in model.prompts[2]
    assert [call["slot"] for call in outcome.calls] == ["model.0", "model.1", "model.2"]


def test_a_structured_tool_call_is_answered_before_it_is_repaired():
    """A provider wants every tool call answered by a tool message."""
    model = ScriptedModel([[("Reading", {"intent": "refund"})], GOOD])
    assert read.run(Ticket(), models=model).kind == "ok"
    assert [message.type for message in model.requests[1].messages] == ["human", "ai", "tool"]
    assert "confidence: Field required" in model.prompts[1]


@pytest.mark.parametrize("repairs", [0, 1, 2])
def test_repairs_end(repairs):
    """After the last repair the step fails as invalid_output, and says what did not fit."""
    node = think(prompt, output=Reading, repairs=repairs)
    model = ScriptedModel(["no"] * (repairs + 1))
    error = error_of(node.run(Ticket(), models=model))
    assert error.category == "invalid_output"
    assert f"was answered {'once' if repairs == 0 else f'{repairs + 1} times'}, and no answer fits" in error.message


def test_an_empty_or_cut_answer_does_not_fit():
    """Text that is empty, or cut off at its longest, is repaired like a structured answer."""
    from langchain_core.messages import AIMessage

    cut = AIMessage("Dear cust", response_metadata={"finish_reason": "length"})
    model = ScriptedModel(["  ", cut, "Dear customer."])
    assert reply.run(Ticket(), models=model).update == {"message": "Dear customer."}
    assert "the answer is empty" in model.prompts[1]
    assert "(nothing)" in model.prompts[1]
    assert "the answer was cut off at its longest; answer shorter" in model.prompts[2]


@pytest.mark.parametrize(
    "told",
    [
        {"additional_kwargs": {"refusal": "I cannot help with that."}},
        {"response_metadata": {"finish_reason": "content_filter"}},
        {"response_metadata": {"stop_reason": "refusal"}},
    ],
)
def test_a_refusal_of_the_model_is_its_own_category(told):
    """Where the provider says that the model refused, nothing is repaired."""
    from langchain_core.messages import AIMessage

    error = error_of(read.run(Ticket(), models=ScriptedModel([AIMessage("", **told)])))
    assert error.category == "model_refused"


async def test_with_tools_the_models_message_is_appended():
    """Its id, and ids of its calls, are there and do not change in a second execution."""
    from langchain_core.messages import AIMessage

    said = AIMessage("", tool_calls=[{"name": "look", "args": {"order_id": "1"}, "id": None}])
    outcomes = [
        await execute(
            agent, Ticket(messages=["hello"]), calls=Recorder(), models=Models({"default": ScriptedModel([said])})
        )
        for _ in range(2)
    ]
    (message,) = outcomes[0].update["messages"]
    assert message.id == "run-1:model.0"
    assert message.tool_calls[0]["id"] == "run-1:model.0.0"
    assert outcomes[0] == outcomes[1]


def test_the_model_is_offered_its_tools():
    """The request holds the tools' schemas, and the prompt's messages as they were given."""
    model = ScriptedModel(["Which order?"])
    outcome = agent.run(Ticket(messages=["hello"]), models=model)
    assert outcome.update["messages"][0].content == "Which order?"
    assert model.requests[0].tools == (look.schema(),)
    assert [message.type for message in model.requests[0].messages] == ["system", "human"]


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (Status(429), "rate_limited"),
        (Status(503), "unavailable"),
        (TimeoutError("slow"), "timeout"),
        (Status(400), "bug"),
    ],
)
def test_failures_of_the_model_have_their_category(error, category):
    """The classifier reads the exception's type and status."""
    assert error_of(read.run(Ticket(), models=ScriptedModel([error]))).category == category


def test_a_model_that_takes_too_long():
    """timeout= bounds one call of the model."""

    class Slow:
        async def answer(self, request: ModelRequest) -> ModelAnswer:
            await asyncio.sleep(5)
            raise AssertionError("too late")

    node = think(prompt, writes="message", timeout="20ms")
    error = error_of(node.run(Ticket(), models=Slow()))
    assert (error.category, error.message) == ("timeout", "the model of 'prompt' did not answer within 20ms")


async def test_cancellations():
    """A cancelled step is cancelled; something that a model awaited and that was cancelled is a failure of its own."""

    class Waiting:
        async def answer(self, request: ModelRequest) -> ModelAnswer:
            await asyncio.sleep(60)
            raise AssertionError("too late")

    task = asyncio.create_task(reply.arun(Ticket(), models=Waiting()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError, match="^$"):
        await task
    outcome = await reply.arun(Ticket(), models=ScriptedModel([asyncio.CancelledError()]))
    assert error_of(outcome).category == "cancelled"


async def test_failures_in_passing_are_tried_again():
    """retry= tries the model again, in the next slot."""
    node = think(prompt, output=Reading, retry=Retry(attempts=3, pause=0.001))
    recorder = Recorder()
    model = ScriptedModel([Status(503), Status(429), GOOD])
    outcome = await execute(node, Ticket(), calls=recorder, models=Models({"default": model}))
    assert outcome.kind == "ok"
    assert (outcome.attempts, len(recorder.pauses)) == (3, 2)
    assert recorder.sent == ["model.0", "model.1", "model.2"]


def test_a_line_of_models_is_fallen_back_along():
    """A failure in passing goes to the next model, another kind does not; the last one's failure is the step's."""
    node = think(prompt, output=Reading, model=["first", "second"])
    first, second = ScriptedModel([Status(503), ValueError("bad"), Status(503)]), ScriptedModel([GOOD, Status(504)])
    models = {"first": first, "second": second}
    assert node.run(Ticket(), models=models).kind == "ok"
    assert error_of(node.run(Ticket(), models=models)).category == "bug"
    assert error_of(node.run(Ticket(), models=models)).category == "timeout"


async def test_recorded_answers_are_not_paid_again():
    """A second execution over the same record asks no model, and gives the same outcome."""
    recorder = Recorder()
    model = ScriptedModel(["no", GOOD])
    first = await execute(read, Ticket(), calls=recorder, models=Models({"default": model}))
    second = await execute(read, Ticket(), calls=recorder, models=Models({"default": model}))
    assert first == second
    assert len(model.prompts) == 2


async def test_what_was_used_up_is_counted():
    """Tokens and dollars of all calls, repairs too, are the step's."""
    model = ScriptedModel(["no", GOOD], usage=(100, 20), price=0.01)
    outcome = await execute(read, Ticket(), calls=Recorder(), models=Models({"default": model}))
    assert (outcome.spent.calls, outcome.spent.tokens) == (2, 240)
    assert outcome.spent.usd == pytest.approx(0.0024)
    assert outcome.calls[0] == {
        "slot": "model.0",
        "kind": "model",
        "model": "scripted",
        "input_tokens": 100,
        "output_tokens": 20,
        "usd": 0.0012,
    }


@pytest.mark.parametrize(
    ("node", "left", "asked", "bound"),
    [
        (reply, Left(), None, 1024),
        (reply, Left(tokens=9_000), 1024, 1024),
        (reply, Left(usd=1.0), 1024, 1024),
        (reply, Left(calls=3), None, 1024),
        (think(prompt, writes="message", max_tokens=50), Left(), 50, 50),
    ],
)
async def test_the_answers_bound(node: Think[..., Any], left, asked, bound):
    """A model is held to max_tokens where it is said, or where a budget counts; the bound is 1,024 else."""
    recorder = Recorder(left=left)
    model = ScriptedModel(["x"])
    await execute(node, Ticket(), calls=recorder, models=Models({"default": model}))
    request = recorder.requests["model.0"]
    assert (request.max_tokens, request.answer_bound) == (asked, bound)
    assert model.requests[0].max_tokens == asked


async def test_the_prompts_bound_is_never_below_its_bytes():
    """Without a count of the model's own, every byte may be a token, and 32 stand around a message."""

    class Plain:
        async def answer(self, request: ModelRequest) -> ModelAnswer:
            from langchain_core.messages import AIMessage

            return ModelAnswer(AIMessage("x"), 1, 1)

    recorder = Recorder()
    await execute(reply, Ticket(message="é"), calls=recorder, models=Models({"default": Plain()}))
    assert recorder.requests["model.0"].prompt_bound == len(b"Classify: ") + 2 + 32
    await execute(agent, Ticket(messages=["hi"]), calls=recorder, models=Models({"default": Plain()}))
    assert recorder.requests["model.0"].prompt_bound > 2 * 32 + len(str(look.schema()))


async def test_a_budget_that_does_not_fit_fails_the_step():
    """Exhausted is data, and no model is asked."""
    model = ScriptedModel([GOOD])
    outcome = await execute(read, Ticket(), calls=Recorder(calls=0), models=Models({"default": model}))
    assert error_of(outcome).category == "exhausted"
    assert model.prompts == []


@pytest.mark.parametrize("given", [None, 3, [], ""])
def test_what_is_no_prompt_is_a_bug(given):
    """A function that returns nothing to ask fails its step, and says so."""

    @think(writes="message")
    def broken(message: str) -> Any:
        return given

    error = error_of(broken.run(Ticket(), models=ScriptedModel(["x"])))
    assert error.category == "bug"
    assert "prompt" in error.message


def test_a_prompt_function_that_raises_is_a_bug():
    """The prompt is the author's code."""

    @think(writes="message")
    def broken(message: str) -> str:
        raise ZeroDivisionError("x")

    assert error_of(broken.run(Ticket(), models=ScriptedModel(["x"]))).category == "bug"


def test_a_model_that_is_not_configured_is_an_error():
    """A missing model is no failure of the step: it is told, with the slots there are."""
    with pytest.raises(ConfigError, match="node 'prompt' calls a model, but no models are configured"):
        read.run(Ticket())
    with pytest.raises(ConfigError, match="there is no model 'default': configured slots are 'strong'; give models="):
        read.run(Ticket(), models={"strong": ScriptedModel([GOOD])})


def test_a_script_that_has_ended_is_an_error():
    """A test whose script is too short says so, instead of failing the step."""
    with pytest.raises(ConfigError, match="ScriptedModel has 0 replies and was asked a 1. time"):
        read.run(Ticket(), models=ScriptedModel([]))


def test_structured_answers_may_be_of_any_type():
    """A list or a number is asked for as the value of an object."""

    class Item(BaseModel):
        name: str

    many = think(prompt, output=list[Item], writes="items")
    assert many.run({"message": "x"}, models=ScriptedModel([{"value": [{"name": "a"}]}])).update == {
        "items": [Item(name="a")]
    }
