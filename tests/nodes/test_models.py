"""What models= and model= may be, and how LangChain's chat models answer requests."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from pydantic import Field

from guideway.errors import ConfigError
from guideway.guards.messages import Messages
from guideway.nodes import prices
from guideway.nodes.calls import ModelAnswer, ModelRequest
from guideway.nodes.models import ChatModel, Models, as_models, usage
from guideway.nodes.think import think
from guideway.nodes.tool import tool
from guideway.testing.models import ScriptedModel
from tests.nodes.world import Reading, Ticket


class Chat(BaseChatModel):
    """A chat model of LangChain's that answers what it is told to, and keeps what it was asked."""

    model_name: str = "gpt-4o-mini"
    replies: list[Any] = Field(default_factory=list)
    max_tokens: int | None = None
    seen: list[Any] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "chat"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        self.seen.append((messages, self.max_tokens, kwargs))
        reply = self.replies.pop(0)
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools)


class Structured(Chat):
    """One that has structured output of its own."""

    def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Any:
        assert include_raw
        self.seen.append(schema)
        return RunnableLambda(self.invoke) | (lambda raw: {"raw": raw, "parsed": None, "parsing_error": None})


class Unstructured(Chat):
    """One that has none."""

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


USED = {"input_tokens": 30, "output_tokens": 10, "total_tokens": 40}


def prompt(message: str) -> str:
    return message


read = think(prompt, output=Reading)
reply = think(prompt, writes="message")
LIMITED = think(prompt, writes="message", max_tokens=77)


def test_a_chat_model_answers():
    """A LangChain chat model is asked with the prompt, and what it used up is counted and priced."""
    chat = Chat(replies=[AIMessage("Hello.", usage_metadata=USED)])
    outcome = reply.run(Ticket(message="hi"), models=chat)
    assert outcome.update == {"message": "Hello."}
    assert [message.content for message in chat.seen[0][0]] == ["hi"]
    assert outcome.spent.tokens == 40
    assert outcome.spent.usd == pytest.approx(30 * 0.15e-6 + 10 * 0.6e-6)


def test_a_chat_model_is_held_to_max_tokens():
    """max_tokens= of the node, or of the model, is the answer's bound; the author's model stays as it is."""
    chat = Chat(replies=[AIMessage("x"), AIMessage("x")], max_tokens=500)
    LIMITED.run(Ticket(), models=chat)
    reply.run(Ticket(), models=chat)
    assert [entry[1] for entry in chat.seen] == [77, 500]
    assert chat.max_tokens == 500
    assert ChatModel(chat).max_tokens == 500
    assert ChatModel(Chat()).max_tokens is None


def test_a_chat_model_is_offered_tools():
    """bind_tools gets the tools' schemas."""

    @tool(effect="none")
    def look(order_id: str) -> str:
        return order_id

    @think(tools=[look])
    def agent(messages: Messages) -> Messages:
        return messages

    chat = Chat(replies=[AIMessage("", tool_calls=[{"name": "look", "args": {"order_id": "1"}, "id": "c"}])])
    outcome = agent.run(Ticket(messages=["hi"]), models=chat)
    assert outcome.update["messages"][0].tool_calls[0]["name"] == "look"
    assert chat.seen[0][2]["tools"] == [look.schema()]


def test_a_chat_models_structured_output_is_used():
    """Where the model has structured output, it gets the schema, and its raw answer is parsed."""
    chat = Structured(replies=[AIMessage('{"intent": "refund", "confidence": 1}')])
    assert read.run(Ticket(), models=chat).update == {"intent": "refund", "confidence": 1.0}
    assert chat.seen[0]["title"] == "Reading"


def test_without_structured_output_the_model_is_told_the_schema():
    """Where the model has none, the schema stands in the prompt."""
    chat = Unstructured(replies=[AIMessage('{"intent": "refund", "confidence": 1}')])
    assert read.run(Ticket(), models=chat).kind == "ok"
    asked = chat.seen[0][0]
    assert asked[0].content == Ticket().message
    assert asked[-1].content.startswith("Answer with JSON alone, of this JSON schema:\n{")


def test_usage_that_is_not_reported_is_bounded():
    """A provider that reports no usage is charged what there can be at most."""
    request = ModelRequest("default", [HumanMessage("hi")], prompt_bound=34)
    assert usage(AIMessage("12345"), request) == (34, 37)
    assert usage(AIMessage("12345", usage_metadata=USED), request) == (30, 10)


def test_anything_that_answers_is_a_model():
    """An object with async def answer(request) needs nothing of LangChain's models."""

    class Echo:
        async def answer(self, request: ModelRequest) -> ModelAnswer:
            return ModelAnswer(AIMessage(str(request.messages[0].content).upper()), 1, 1)

    outcome = reply.run(Ticket(message="hi"), models=Echo())
    assert outcome.update == {"message": "HI"}
    assert outcome.calls[0]["model"] == "Echo"
    assert outcome.calls[0]["usd"] is None


def test_slots_are_resolved():
    """A slot may hold a model, another slot's name, or a line; a node may name models itself."""
    one, two = ScriptedModel(["1"]), ScriptedModel(["2"])
    models = Models({"default": [one, two], "strong": "default", "own": two})
    assert models.slots == ("default", "strong", "own")
    assert models.line("strong") == (one, two)
    assert models.line(["own", one]) == (two, one)
    assert models.line(one) == (one,)
    assert as_models(models) is models
    assert as_models([one, two]).line("default") == (one, two)
    assert as_models({"a": one}).line("a") == (one,)


def test_a_slot_that_there_is_not_is_told():
    """The error names the slots that are configured, and the node's line."""
    with pytest.raises(ConfigError, match="there is no model 'strong': configured slots are 'default'; give models="):
        Models({"default": ScriptedModel([])}).line("strong")
    with pytest.raises(ConfigError, match="desk.py:3: ConfigError: .* configured slots are none"):
        Models().line("default", "desk.py:3")
    with pytest.raises(ConfigError, match="there is no model 'default'"):
        Models({"default": "default"}).line("default")


def test_what_is_no_model_is_told():
    """Something that cannot answer is an error where it is configured."""
    wrong: Any = 3
    with pytest.raises(ConfigError, match=r"models\['default'\] is 3 \(int\), which is no model; give a LangChain"):
        Models({"default": wrong})
    with pytest.raises(ConfigError, match="model= is 3"):
        Models().line(wrong)


def langchain(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    """Puts a langchain in place that makes chat models so: the real one is optional."""
    package, module = ModuleType("langchain"), ModuleType("langchain.chat_models")
    module.init_chat_model = make  # type: ignore[attr-defined]  # a module made here
    package.chat_models = module  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, "langchain", package)
    monkeypatch.setitem(sys.modules, "langchain.chat_models", module)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ImportError("no langchain_openai"),
            "the model 'openai:gpt-4o' needs its package: pip install langchain langchain-openai",
        ),
        (ValueError("no key"), "the model 'openai:gpt-4o' cannot be made: no key"),
    ],
)
def test_a_provider_that_is_not_there_is_told(monkeypatch, error, words):
    """'provider:name' is made by langchain when it is first used; what is missing is told with its command."""

    def make(name: str) -> Any:
        raise error

    langchain(monkeypatch, make)
    models = Models({"default": "openai:gpt-4o"})
    with pytest.raises(ConfigError, match=words):
        models.line("default")


def test_langchain_that_is_not_installed_is_told(monkeypatch):
    """guideway needs langchain-core alone; langchain is named where it is needed."""
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(ConfigError, match="the model 'openai:gpt-4o' needs the package langchain: pip install"):
        Models().line("openai:gpt-4o")


def test_a_provider_is_made_once(monkeypatch):
    """A model named by its provider is made when it is first needed, and kept; it knows its name for the price."""
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return Chat()

    langchain(monkeypatch, make)
    models = Models({"default": "openai:gpt-4o-mini"})
    assert made == []
    (first,), (second,) = models.line("default"), models.line("openai:gpt-4o-mini")
    assert first is second
    assert made == ["openai:gpt-4o-mini"]
    assert isinstance(first, ChatModel)
    assert (first.name, first.provider) == ("gpt-4o-mini", "openai")
    assert first.price(1_000_000, 0) == pytest.approx(0.15)


def test_prices():
    """Known models have a price, by provider or without; an unknown one has none."""
    assert prices.usd("gpt-4o-mini", 1_000_000, 1_000_000) == pytest.approx(0.75)
    assert prices.usd("gpt-4o-mini", 1_000_000, 1_000_000, provider="openai") == pytest.approx(0.75)
    assert prices.usd("gpt-4o-mini", 1_000_000, 0, provider="nobody") == pytest.approx(0.15)
    assert prices.usd("a-model-of-my-own", 1, 1) is None


def test_an_answer_goes_to_json_and_back():
    """What a port records of an answer is read back as it was."""
    message = AIMessage("x", id="m", tool_calls=[{"name": "f", "args": {}, "id": "c"}], usage_metadata=USED)
    answer = ModelAnswer(message, 30, 10, 0.5)
    assert ModelAnswer.from_json(answer.to_json()) == answer
