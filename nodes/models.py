"""Models by slot: what a thinking node's ``model=`` stands for, resolved to something that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from ..errors import ConfigError
from . import prices
from .calls import ModelAnswer, ModelRequest
from .shapes import is_dict, is_series
from .streaming import listener

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

DEFAULT = "default"
"""The slot of a node that names no model."""


@runtime_checkable
class Answering(Protocol):
    """Anything that answers requests is a model.

    Beside ``answer`` it may have ``name``, ``max_tokens`` (how long its answers are at most),
    ``price(input_tokens, output_tokens)`` in dollars or None, and ``bound(request)``, the tokens of a prompt.
    """

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Answers one request.

        Args:
            request: what is asked.
        """
        ...


if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    AnyModel = str | BaseChatModel | Answering
    ModelChoice = AnyModel | Sequence[AnyModel]
    AnyModels: TypeAlias = "Models | Mapping[str, ModelChoice] | ModelChoice"
else:
    AnyModel = ModelChoice = AnyModels = Any


class Models:
    """The models that nodes may call, by slot.

    Args:
        slots: for each slot a LangChain chat model, ``"provider:name"``, anything with ``async def
            answer(request)``, or a list of these to fall back along when one fails in passing.

    Raises:
        ConfigError: something is no model.
    """

    def __init__(self, slots: Mapping[str, ModelChoice] | None = None) -> None:
        self._slots: dict[str, Any] = dict(slots or {})
        self._made: dict[str, Answering] = {}
        for name, choice in self._slots.items():
            for item in _each(choice):
                if not isinstance(item, str):
                    _answering(item, f"models[{name!r}]")

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the slots."""
        return tuple(self._slots)

    def line(self, choice: Any, where: str | None = None) -> tuple[Answering, ...]:
        """The models that a node's ``model=`` stands for, in the order tried.

        Args:
            choice: a slot, ``"provider:name"``, a model, or a list of these.
            where: the author's place.

        Raises:
            ConfigError: a slot that there is not, or a model that cannot be made here.
        """
        return tuple(self._resolved(choice, where, ()))

    def _resolved(self, choice: Any, where: str | None, seen: tuple[str, ...]) -> list[Answering]:
        found: list[Answering] = []
        for item in _each(choice):
            if not isinstance(item, str):
                found.append(_answering(item, "model="))
            elif item in self._slots and item not in seen:
                found.extend(self._resolved(self._slots[item], where, (*seen, item)))
            elif ":" in item:
                found.append(self._provider(item, where))
            else:
                there = ", ".join(repr(name) for name in self._slots) or "none"
                raise ConfigError(
                    f"there is no model {item!r}: configured slots are {there}; give models={{{item!r}: model}}, "
                    "or name it as 'provider:name'",
                    where=where,
                )
        return found

    def _provider(self, name: str, where: str | None) -> Answering:
        if name not in self._made:
            self._made[name] = ChatModel(_made(name, where), *reversed(name.split(":", 1)))
        return self._made[name]


def as_models(models: AnyModels) -> Models:
    """Models from what an author gives: slots, or one model (or line of models), which is then the default.

    Args:
        models: what was given.

    Raises:
        ConfigError: it is no model.
    """
    if isinstance(models, Models):
        return models
    return Models(models if isinstance(models, Mapping) else {DEFAULT: models})


def _each(choice: Any) -> Sequence[Any]:
    return choice if is_series(choice) else (choice,)


def _answering(model: Any, title: str) -> Answering:
    if isinstance(model, Answering):
        return model
    if hasattr(model, "ainvoke") and hasattr(model, "with_structured_output"):
        return ChatModel(model, getattr(model, "model_name", None) or getattr(model, "model", None))
    raise ConfigError(
        f"{title} is {model!r} ({type(model).__name__}), which is no model; give a LangChain chat model, "
        "'provider:name', or an object with async def answer(request)"
    )


def _made(name: str, where: str | None) -> Any:
    provider = name.split(":", 1)[0]
    packages = f"pip install langchain langchain-{provider.replace('_', '-')}"
    try:
        make = import_module("langchain.chat_models").init_chat_model  # optional: what is not installed has no types
    except ImportError as error:
        raise ConfigError(f"the model {name!r} needs the package langchain: {packages}", where=where) from error
    try:
        return make(name)
    except ImportError as error:
        raise ConfigError(f"the model {name!r} needs its package: {packages} ({error})", where=where) from error
    except Exception as error:
        raise ConfigError(f"the model {name!r} cannot be made: {error}", where=where) from error


_LIMITS = ("max_tokens", "max_output_tokens", "num_predict")


class ChatModel:
    """A LangChain chat model that answers requests.

    Args:
        chat: the chat model.
        name: the model's name, for its price.
        provider: the provider's id, where it is known.
    """

    def __init__(self, chat: BaseChatModel, name: str | None = None, provider: str | None = None) -> None:
        self.chat = chat
        self.name = name or type(chat).__name__
        self.provider = provider

    @property
    def max_tokens(self) -> int | None:
        """How long its answers are at most, where it was made with a limit."""
        limit = getattr(self.chat, self._limit() or "", None)
        return limit if isinstance(limit, int) and limit > 0 else None

    def _limit(self) -> str | None:
        return next((name for name in _LIMITS if name in type(self.chat).model_fields), None)

    def price(self, input_tokens: int, output_tokens: int) -> float | None:
        """Dollars, by the price list; None where it does not know the model."""
        return prices.usd(self.name, input_tokens, output_tokens, provider=self.provider)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Sends a request to the chat model; see ``Answering``."""
        chat, limit, messages = self.chat, self._limit(), request.messages
        update: dict[str, Any] = {}
        if request.max_tokens is not None and limit is not None and request.max_tokens != self.max_tokens:
            update[limit] = request.max_tokens
        if listener() is not None and getattr(chat, "stream_usage", False) is None:
            update["stream_usage"] = True  # else a streamed answer of OpenAI's would not say what it used
        if update:
            chat = chat.model_copy(update=update)
        runnable: Any = chat
        if request.tools:
            runnable = chat.bind_tools(list(request.tools))
        elif request.output is not None:
            try:
                runnable = chat.with_structured_output(request.output, include_raw=True)
            except NotImplementedError:
                messages = [*messages, _instruction(request.output)]
        found: Any = await runnable.ainvoke(messages, **_aloud())
        message: AIMessage = found["raw"] if is_dict(found) else found
        used = usage(message, request)
        return ModelAnswer(message, *used, self.price(*used))


def _aloud() -> dict[str, Any]:
    """What makes LangChain stream an answer that somebody listens to: it aggregates it to what it would have been."""
    listening = listener()
    if listening is None:
        return {}
    heard = listening
    from langchain_core.callbacks import AsyncCallbackHandler
    from langchain_core.runnables.config import ensure_config, merge_configs

    class Speaking(AsyncCallbackHandler):
        """Tells each piece of text; the two methods are by what LangChain knows that it is to stream."""

        async def on_llm_new_token(self, token: Any, *, chunk: Any = None, **_: Any) -> None:
            said = str(chunk.message.text) if hasattr(chunk, "message") else token
            if isinstance(said, str) and said:
                heard(said)

        def tap_output_aiter(self, run_id: Any, output: Any) -> Any:
            return output

        def tap_output_iter(self, run_id: Any, output: Any) -> Any:
            return output

    return {"config": merge_configs(ensure_config(), {"callbacks": [Speaking()]})}


def _instruction(schema: dict[str, Any]) -> BaseMessage:
    from langchain_core.messages import HumanMessage

    return HumanMessage(f"Answer with JSON alone, of this JSON schema:\n{json.dumps(schema)}")


def usage(message: AIMessage, request: ModelRequest) -> tuple[int, int]:
    """Tokens in and out as the provider reports them; where it does not, at most as many as there can be.

    Args:
        message: the answer.
        request: what was asked.
    """
    reported = message.usage_metadata
    if reported is not None:
        return reported["input_tokens"], reported["output_tokens"]
    return request.prompt_bound, message_bound(message)


def prompt_bound(model: Answering, request: ModelRequest) -> int:
    """How many tokens a prompt is at most: by the model's own count where it has one, else by its bytes.

    A token stands for at least one byte; 32 a message cover what a provider puts around it.

    Args:
        model: the model.
        request: what is asked.
    """
    own = getattr(model, "bound", None)
    if own is not None:
        return int(own(request))
    schemas = len(json.dumps([*request.tools, request.output])) if request.tools or request.output else 0
    return sum(message_bound(message) for message in request.messages) + schemas


def message_bound(message: BaseMessage) -> int:
    """How many tokens a message is at most.

    Args:
        message: a LangChain message.
    """
    content = message.content if isinstance(message.content, str) else json.dumps(message.content)
    calls = getattr(message, "tool_calls", None)
    return len(content.encode()) + (len(json.dumps(calls).encode()) if calls else 0) + 32
