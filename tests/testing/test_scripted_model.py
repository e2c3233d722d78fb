"""ScriptedModel: the model of tests."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from guideway.errors import ConfigError
from guideway.nodes.calls import ModelRequest
from guideway.nodes.tool import tool
from guideway.testing.models import Prompt, ScriptedModel
from tests.nodes.world import Order


def request(*texts: str) -> ModelRequest:
    return ModelRequest("default", [HumanMessage(text) for text in texts])


@tool(effect="none")
def look(order_id: str) -> str:
    return order_id


@pytest.mark.parametrize(
    ("reply", "content", "calls"),
    [
        ("hello", "hello", []),
        (Order(id="1", total=2), '{"id":"1","total":2.0}', []),
        ({"id": "1"}, '{"id": "1"}', []),
        (AIMessage("own"), "own", []),
        ([("look", {"order_id": "1"})], "", [("look", {"order_id": "1"}, "call_1_0")]),
        (("look", {"order_id": "1"}), "", [("look", {"order_id": "1"}, "call_1_0")]),
        ([(look, {"order_id": "1"})], "", [("look", {"order_id": "1"}, "call_1_0")]),
        (
            [{"name": "look", "args": {"order_id": "1"}, "id": "mine"}, {"name": "end"}],
            "",
            [("look", {"order_id": "1"}, "mine"), ("end", {}, "call_1_1")],
        ),
    ],
)
async def test_replies(reply, content, calls):
    """Text, objects, dicts, messages and tool calls are answers."""
    answer = await ScriptedModel([reply]).answer(request("hi"))
    assert answer.message.content == content
    assert [(call["name"], call["args"], call["id"]) for call in answer.message.tool_calls] == calls


async def test_exceptions_are_raised():
    """An exception in the script, as an object or a class, is raised."""
    model = ScriptedModel([TimeoutError("slow"), ConnectionError])
    with pytest.raises(TimeoutError, match="slow"):
        await model.answer(request("hi"))
    with pytest.raises(ConnectionError, match="^$"):
        await model.answer(request("hi"))
    assert len(model.prompts) == 2


async def test_a_function_answers_by_the_prompt():
    """A function of the prompt gives the same answer however often it is asked; it may look at the whole request."""

    def script(prompt: str) -> str:
        assert isinstance(prompt, Prompt)
        return f"{len(prompt.request.messages)}: {prompt.upper()}"

    model = ScriptedModel(script)
    answers = [await model.answer(request("be brief", "hi")) for _ in range(2)]
    assert [answer.message.content for answer in answers] == ["2: BE BRIEF\n\nHI"] * 2


async def test_prompts_and_requests_are_kept():
    """What the model was asked can be looked at after the test."""
    model = ScriptedModel(["a", "b"])
    await model.answer(ModelRequest("default", [SystemMessage("be brief"), HumanMessage("hi")]))
    await model.answer(request("again"))
    assert model.prompts == ["be brief\n\nhi", "again"]
    assert [type(item) for item in model.requests] == [ModelRequest, ModelRequest]


async def test_a_script_that_has_ended_says_so():
    """The error names the prompt that had no reply, and the way out."""
    model = ScriptedModel(["a"])
    await model.answer(request("first"))
    with pytest.raises(
        ConfigError, match="has 1 replies and was asked a 2. time: 'second'; add a reply, or give a function"
    ):
        await model.answer(request("second"))


async def test_counts_are_the_same_every_time():
    """A token is four characters, at least one; a count can be given; the price is for a thousand."""
    answer = await ScriptedModel(["x" * 40]).answer(request("y" * 80))
    assert (answer.input_tokens, answer.output_tokens, answer.usd) == (20, 10, 0.0)
    called = await ScriptedModel([("look", {"order_id": "17"})]).answer(request(""))
    assert called.input_tokens == 1
    assert called.output_tokens > 1
    fixed = ScriptedModel(["x"], usage=(600, 400), price=2.0)
    answer = await fixed.answer(request("y"))
    assert (answer.input_tokens, answer.output_tokens, answer.usd) == (600, 400, 2.0)
    assert fixed.bound(request("y")) == 600
    assert ScriptedModel([]).bound(request("y" * 80)) == 20


@pytest.mark.parametrize("wrong", ["hello", 3, None])
def test_a_script_is_a_list_or_a_function(wrong):
    """A single text is a mistake that is told."""
    with pytest.raises(ConfigError, match="takes a list of replies or a function of the prompt, not"):
        ScriptedModel(wrong)


@pytest.mark.parametrize("wrong", [3, [3], [("look",)], [{"args": {}}]])
async def test_what_is_no_reply_is_told(wrong: Any):
    """Something that no model says is an error."""
    with pytest.raises(ConfigError, match="ScriptedModel"):
        await ScriptedModel([wrong]).answer(request("hi"))
