"""How a model is heard while it answers: the words come early, and the answer is the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, Field

from guideway import think
from guideway.nodes.calls import ModelAnswer, ModelRequest
from guideway.nodes.models import ChatModel
from guideway.nodes.streaming import heard_by, listener
from guideway.testing.models import ScriptedModel
from tests.nodes.world import Reading, Ticket

USED = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
CALL = {"name": "find", "args": {"order_id": "17"}, "id": "c1", "type": "tool_call"}


class Speaking(BaseChatModel):
    """A chat model that answers in one piece, or in chunks: words, then a tool call, then what it used."""

    words: list[str] = Field(default_factory=list)
    calls: bool = False
    breaks: bool = False
    stream_usage: bool | None = None
    asked: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "speaking"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        self.asked.append("whole")
        calls = [CALL] if self.calls else []
        message = AIMessage(
            "".join(self.words),
            tool_calls=calls,
            usage_metadata=USED,
            response_metadata={"finish_reason": "stop", "model_provider": "x"},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.asked.append("chunks")
        for word in self.words:
            yield ChatGenerationChunk(message=AIMessageChunk(word))
            if self.breaks:
                raise TimeoutError("the line went dead")
        if self.calls:
            for name, args, call in [("find", "", "c1"), (None, '{"order_id": ', None), (None, '"17"}', None)]:
                chunk = tool_call_chunk(name=name, args=args, id=call, index=0)
                yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[chunk]))
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                "",
                usage_metadata=USED if self.stream_usage else None,
                response_metadata={"finish_reason": "stop", "model_provider": "x"},
            )
        )

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools)


def ask(model: Any, request: ModelRequest, heard: list[str] | None) -> ModelAnswer:
    """One answer, with somebody listening or nobody."""

    async def work() -> ModelAnswer:
        with heard_by(None if heard is None else heard.append):
            return await ChatModel(model).answer(request)

    return asyncio.run(work())


def same(left: ModelAnswer, right: ModelAnswer) -> None:
    """The same answer, but for the id, which each call has of its own."""
    assert left.message.model_dump(exclude={"id"}) == right.message.model_dump(exclude={"id"})
    assert type(left.message) is type(right.message) is AIMessage
    assert (left.input_tokens, left.output_tokens, left.usd) == (right.input_tokens, right.output_tokens, right.usd)


@pytest.mark.parametrize("calls", [False, True])
def test_a_heard_answer_is_the_same_answer(calls):
    """Words are heard as they come; the message with its tool calls, its usage and its kind is what it would be."""
    tools = ({"type": "function", "function": {"name": "find", "parameters": {}}},) if calls else ()
    request = ModelRequest("default", [HumanMessage("hi")], tools)
    heard: list[str] = []
    model = Speaking(words=["One ", "two ", "three."], calls=calls)
    answer = ask(model, request, heard)
    assert heard == ["One ", "two ", "three."]
    same(answer, ask(model, request, None))
    assert answer.input_tokens == 7
    assert answer.message.tool_calls == ([CALL] if calls else [])
    assert model.asked == ["chunks", "whole"]


def test_nobody_listens_nothing_changes():
    """Without a listener the model is asked for the whole, and its usage is left as the author had it."""
    model = Speaking(words=["a"])
    ask(model, ModelRequest("default", [HumanMessage("hi")]), None)
    assert (model.asked, model.stream_usage) == (["whole"], None)


def test_an_author_who_refuses_the_usage_is_obeyed():
    """stream_usage=False stays: the answer is then counted by its bounds."""
    request = ModelRequest("default", [HumanMessage("hi")], prompt_bound=50)
    assert ask(Speaking(words=["a"], stream_usage=False), request, []).input_tokens == 50


class Structured(Speaking):
    """One that has structured output of its own, as providers do it: a runnable around the model."""

    def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Any:
        return self | RunnableLambda(lambda raw: {"raw": raw, "parsed": None, "parsing_error": None})


def test_structured_output_is_heard_and_parsed():
    """The JSON is heard as it is written, and the answer is parsed as ever."""
    heard: list[str] = []
    words = ['{"intent": "refund", ', '"confidence": 0.9}']

    @think(output=Reading)
    def read(message: str) -> str:
        return message

    async def work() -> Any:
        with heard_by(heard.append):
            return await read.arun(Ticket(), models=Structured(words=words))

    outcome = asyncio.run(work())
    assert outcome.update == {"intent": "refund", "confidence": 0.9}
    assert heard == words


def test_an_error_in_the_middle_is_an_error_as_ever():
    """What was heard before stays heard; the failure has its category, and the next model of the line is asked."""
    heard: list[str] = []

    @think(writes="message", model=["first", "second"])
    def talk(message: str) -> str:
        return message

    async def work(models: Any) -> Any:
        with heard_by(heard.append):
            return await talk.arun(Ticket(), models=models)

    broken = Speaking(words=["One ", "two"], breaks=True)
    outcome = asyncio.run(work({"first": broken, "second": broken}))
    assert outcome.error.category == "timeout"
    outcome = asyncio.run(work({"first": broken, "second": ScriptedModel(["all well"])}))
    assert outcome.update == {"message": "all well"}
    assert heard == ["One ", "One ", "One ", "all", " well"]


class Dumb:
    """A model that cannot speak while it thinks."""

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        return ModelAnswer(AIMessage("all at once"), 1, 1)


class NotStreaming(Speaking):
    """A chat model that was told not to stream."""

    disable_streaming: Any = True


@pytest.mark.parametrize("model", [Dumb(), NotStreaming(words=["all ", "at once"])], ids=["own", "langchain"])
def test_a_model_that_cannot_be_heard_is_told_at_its_end(model):
    """Whoever listens hears every answer: one that came in one piece is one piece."""
    heard: list[str] = []

    @think(writes="message")
    def talk(message: str) -> str:
        return message

    async def work() -> Any:
        with heard_by(heard.append):
            return await talk.arun(Ticket(), models=model)

    assert asyncio.run(work()).update == {"message": "all at once"}
    assert heard == ["all at once"]


def test_the_authors_own_callbacks_go_on():
    """Who traces by LangChain's callbacks still sees the call."""
    seen: list[str] = []

    class Tracer(AsyncCallbackHandler):
        async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            seen.append("start")

    async def outer(_: Any) -> Any:
        with heard_by(lambda _: None):
            return await ChatModel(Speaking(words=["a"])).answer(ModelRequest("default", [HumanMessage("hi")]))

    asyncio.run(RunnableLambda(outer).ainvoke("x", config={"callbacks": [Tracer()]}))
    assert seen == ["start"]


def test_a_scripted_model_speaks_word_by_word():
    """A test of a watched flow needs no provider; JSON and tool calls are as without a listener."""
    heard: list[str] = []

    class Answer(BaseModel):
        text: str

    async def work() -> list[str]:
        model = ScriptedModel(["Hello  there,\nyou", Answer(text="x y"), [("find", {})]])
        request = ModelRequest("default", [HumanMessage("hi")])
        with heard_by(heard.append):
            return [str((await model.answer(request)).message.text) for _ in range(3)]

    said = asyncio.run(work())
    assert heard == ["Hello", "  there,", "\nyou", '{"text":"x', ' y"}']
    assert "".join(heard) == "".join(said)


def test_listening_ends_with_its_block():
    """A listener hears what is asked inside its block alone, also one within another."""
    assert listener() is None
    outer: list[str] = []
    with heard_by(outer.append):
        with heard_by(None):
            assert listener() is None
        assert listener() == outer.append
    assert listener() is None
