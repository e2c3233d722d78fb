"""How ``@think`` runs: the prompt, the model's answer, and its repairs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import GuidewayError
from ..guards.durations import written
from ..guards.outcomes import TRANSIENT
from .annotations import is_model
from .calls import DEFAULT_MAX_TOKENS, CallFailed, ModelAnswer, ModelRequest
from .categories import error_record, is_control_flow
from .execution import Job, invoke, is_inner_cancel, require_models
from .models import Answering, prompt_bound
from .outcome import ErrorRecord, Outcome
from .plan import told
from .retrying import retried
from .sealing import traits
from .shapes import is_list
from .streaming import heard_by, listener

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

    from .think import Think


async def run_think(node: Think[..., Any], job: Job) -> Outcome:
    """Asks the model, shows it what does not fit, and writes the answer.

    Args:
        node: the node.
        job: what it is given, and the port.

    Raises:
        CallFailed: the model failed, refused, or gave no answer that fits (``invalid_output``).
    """
    assert node.fn is not None
    prompt = messages_of(await invoke(node.fn, job.arguments()), node)
    asking = _Asking(node, job)
    if node.tools:
        message = _with_call_ids((await asking.ask(prompt)).message)
        return job.ok({node.writes or job.messages(): [message]})
    problem = ""
    for _ in range(node.repairs + 1):
        message = (await asking.ask(prompt)).message
        try:
            return job.write(parsed(node, message))
        except _Unfit as error:
            problem = str(error)
            prompt = [*prompt, *_correction(message, problem)]
    tries = "once" if node.repairs == 0 else f"{node.repairs + 1} times"
    what = f"{node.name!r} was answered {tries}, and no answer fits: {problem}"
    raise CallFailed(ErrorRecord("invalid_output", "InvalidOutput", what))


class _Asking:
    """The model calls of one step; their slots count up, over attempts, fallbacks and repairs."""

    def __init__(self, node: Think[..., Any], job: Job) -> None:
        self.node, self.job, self.count = node, job, 0
        self.line = require_models(job.models, node).line(node.model, node.line)

    async def ask(self, messages: list[BaseMessage]) -> ModelAnswer:
        """The answer of the first model of the line that does not fail in passing.

        Raises:
            CallFailed: all of them failed, or one of them for good.
        """

        async def attempt(number: int) -> ModelAnswer:
            self.job.attempts = max(self.job.attempts, number + 1)
            for model in self.line[:-1]:
                try:
                    return await self._send(model, messages)
                except CallFailed as error:
                    if error.record.category not in TRANSIENT:
                        raise
            return await self._send(self.line[-1], messages)

        found: ModelAnswer = await retried(self.node.retry, self.job.calls.pause, attempt)
        return found

    async def _send(self, model: Answering, messages: list[BaseMessage]) -> ModelAnswer:
        job, slot = self.job, f"model.{self.count}"
        self.count += 1
        request = self._request(model, messages)
        job.sent += 1
        entry: dict[str, Any] = {"slot": slot, "kind": "model", "model": _name(model)}
        job.log.append(entry)

        async def send() -> ModelAnswer:
            answer = await _answer(self.node, model, request)
            if answer.message.id:
                return answer
            named = answer.message.model_copy(update={"id": job.calls.key(slot)})
            return ModelAnswer(named, answer.input_tokens, answer.output_tokens, answer.usd)

        def price(input_tokens: int, output_tokens: int) -> float | None:
            own = getattr(model, "price", None)
            return None if own is None else own(input_tokens, output_tokens)

        try:
            answer = await job.calls.model(slot, request, send, price=price)
        except CallFailed as error:
            entry["error"] = {
                "category": error.record.category,
                "type": error.record.type,
                "message": error.record.message,
            }
            raise
        job.tokens += answer.input_tokens + answer.output_tokens
        job.usd += answer.usd or 0.0
        entry |= {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens, "usd": answer.usd}
        _refused(self.node, answer.message)
        return answer

    def _request(self, model: Answering, messages: list[BaseMessage]) -> ModelRequest:
        left = self.job.calls.left()
        bounded = left.tokens is not None or left.usd is not None
        limit: int | None = self.node.max_tokens or getattr(model, "max_tokens", None)
        slot = self.node.model if isinstance(self.node.model, str) else _name(model)
        longest = limit or (DEFAULT_MAX_TOKENS if bounded else None)
        secret = not self.node.tools and traits(self.node.answer_adapter).secret
        request = ModelRequest(slot, messages, self.node.offered, self.node.answer_schema, longest, secret=secret)
        return replace(request, prompt_bound=prompt_bound(model, request))


async def _answer(node: Think[..., Any], model: Answering, request: ModelRequest) -> ModelAnswer:
    """One call of a model, within the node's timeout; what it raises is made data."""
    timer = asyncio.timeout(node.timeout)
    try:
        async with timer:
            return await _heard(model, request)
    except asyncio.CancelledError as error:
        if not is_inner_cancel(error):
            raise
        raise CallFailed(error_record(error, "cancelled", f"the model of {node.name!r} was cancelled")) from error
    except Exception as error:
        if is_control_flow(error) or isinstance(error, CallFailed | GuidewayError):
            raise  # a GuidewayError says that the model is set up wrong, which no edge should hide
        if isinstance(error, TimeoutError) and timer.expired():
            assert node.timeout is not None
            what = f"the model of {node.name!r} did not answer within {written(node.timeout)}"
            raise CallFailed(error_record(error, "timeout", what)) from error
        raise CallFailed(error_record(error)) from error


async def _heard(model: Answering, request: ModelRequest) -> ModelAnswer:
    """The answer; where somebody listens and the model did not speak meanwhile, they are told its text at the end."""
    listening = listener()
    if listening is None:
        return await model.answer(request)
    spoken = False

    def hear(text: str) -> None:
        nonlocal spoken
        spoken = True
        listening(text)

    with heard_by(hear):
        answer = await model.answer(request)
    text = str(answer.message.text)
    if text and not spoken:
        listening(text)
    return answer


def _name(model: Answering) -> str:
    name = getattr(model, "name", None)
    return name if isinstance(name, str) else type(model).__name__


def messages_of(prompt: Any, node: Think[..., Any]) -> list[BaseMessage]:
    """The messages of a prompt: a str is a user's message.

    Args:
        prompt: what the node's function returned.
        node: the node.

    Raises:
        CallFailed: it is no prompt, or an empty one (``bug``).
    """
    from langchain_core.messages import convert_to_messages

    given = prompt.to_messages() if hasattr(prompt, "to_messages") else prompt
    items: list[Any] = list(given) if is_list(given) else [given]
    try:
        found = list(convert_to_messages(items))
    except (ValueError, TypeError, NotImplementedError) as error:
        what = f"{node.name!r} returned no prompt, which is a str or messages: {error}"
        raise CallFailed(error_record(error, "bug", what)) from error
    if not found or prompt == "":
        raise CallFailed(ErrorRecord("bug", "EmptyPrompt", f"{node.name!r} returned an empty prompt"))
    return found


class _Unfit(Exception):
    """An answer that does not fit; its text is told to the model."""


_CUT = frozenset({"length", "max_tokens", "MAX_TOKENS"})
_NO = frozenset({"content_filter", "refusal", "SAFETY"})


def _ended(message: AIMessage) -> Any:
    told = message.response_metadata
    return told.get("finish_reason") or told.get("stop_reason") or told.get("done_reason")


def _refused(node: Think[..., Any], message: AIMessage) -> None:
    """Raises where the model refused to answer, as its provider tells it."""
    refusal = message.additional_kwargs.get("refusal")
    if refusal or _ended(message) in _NO:
        what = f"the model of {node.name!r} refused: {refusal or _ended(message)}"
        raise CallFailed(ErrorRecord("model_refused", "ModelRefused", what))


def parsed(node: Think[..., Any], message: AIMessage) -> Any:
    """The answer as its own type.

    Args:
        node: the node.
        message: the model's message.

    Raises:
        _Unfit: it does not fit.
    """
    if _ended(message) in _CUT:
        raise _Unfit("the answer was cut off at its longest; answer shorter")
    said = str(message.text)
    model = node.answer_model
    if model is None:
        if not said.strip():
            raise _Unfit("the answer is empty")
        return said
    if message.tool_calls:
        text = json.dumps(message.tool_calls[-1]["args"])
    else:
        text = _json_in(said)
        if not is_model(node.returns):
            try:
                return node.answer_adapter.validate_python(said.strip().strip("\"'`."))
            except ValidationError:
                pass  # not the bare value: it may be JSON around it
    try:
        found = model.model_validate_json(text)
    except ValidationError as error:
        raise _Unfit(told(error, node.answer_adapter)) from error
    return found if is_model(node.returns) else found.__dict__["value"]


def _json_in(said: str) -> str:
    """The JSON in an answer that may be fenced or have words around it."""
    first, last = said.find("{"), said.rfind("}")
    return said[first : last + 1] if 0 <= first < last else said


def _correction(message: AIMessage, problem: str) -> list[BaseMessage]:
    """The answer that does not fit, and what is wrong with it, as the model is shown them."""
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    words = f"Your answer does not fit: {problem}\nAnswer again, and change only what is wrong."
    if message.tool_calls:
        # a provider wants every call answered by a tool message before anything else
        return [message, *(ToolMessage(words, tool_call_id=call["id"] or "") for call in message.tool_calls)]
    if not str(message.text).strip():
        message = AIMessage("(nothing)")
    return [message, HumanMessage(words)]


def _with_call_ids(message: AIMessage) -> AIMessage:
    """The message with an id for each of its calls, so that each can be answered."""
    calls = [
        call if call["id"] else {**call, "id": f"{message.id}.{place}"} for place, call in enumerate(message.tool_calls)
    ]
    return message if calls == message.tool_calls else message.model_copy(update={"tool_calls": calls})
