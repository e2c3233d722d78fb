"""``ScriptedModel``: a model for tests, which answers from a script, offline and the same every time."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..errors import ConfigError
from ..nodes.calls import ModelAnswer, ModelRequest
from ..nodes.shapes import is_dict, is_series, is_tuple
from ..nodes.streaming import listener

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

Reply = Any
"""A str; a pydantic object or a dict (JSON); tool calls (a message of LangChain's, or a list of ``{"name", "args"}``
dicts or ``(name, args)`` pairs); or an exception, which is raised."""


class Prompt(str):
    """The text of a prompt, its messages joined by blank lines; ``request`` holds the whole."""

    __slots__ = ("request",)
    request: ModelRequest

    @classmethod
    def of(cls, request: ModelRequest) -> Prompt:
        """The prompt of a request.

        Args:
            request: what the model is asked.
        """
        prompt = cls("\n\n".join(str(message.text) for message in request.messages))
        prompt.request = request
        return prompt


class ScriptedModel:
    """Answers from a script; no network, no key, the same answers and the same counts every time.

    Where somebody watches the run, it speaks word by word.

    Args:
        replies: the answers in order, or a function of the prompt that gives each. A function is what a test
            needs that crashes between a call and its record: a list would then be one answer ahead.
        usage: tokens in and out of each call; by default a token for every four characters.
        price: dollars for a thousand tokens.
        name: what it is called in the outcome's calls, so that a line of models can be told apart.

    Attributes:
        prompts: the text of every prompt, in order.
        requests: every request, in order.
    """

    def __init__(
        self,
        replies: Sequence[Reply] | Callable[[Prompt], Reply],
        *,
        usage: tuple[int, int] | None = None,
        price: float = 0.0,
        name: str = "scripted",
    ) -> None:
        if isinstance(replies, str) or not (callable(replies) or isinstance(replies, Sequence)):
            raise ConfigError(f"ScriptedModel takes a list of replies or a function of the prompt, not {replies!r}")
        self._replies = replies if callable(replies) else list(replies)
        self._usage = usage
        self._price = price
        self.name = name
        self.prompts: list[Prompt] = []
        self.requests: list[ModelRequest] = []

    def price(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars for these tokens.

        Args:
            input_tokens: tokens of the prompt.
            output_tokens: tokens of the answer.
        """
        return (input_tokens + output_tokens) * self._price / 1000

    def bound(self, request: ModelRequest) -> int:
        """The tokens of a prompt, as they will be counted.

        Args:
            request: what is asked.
        """
        return self._usage[0] if self._usage is not None else _tokens(Prompt.of(request))

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """The next reply of the script.

        Args:
            request: what is asked.

        Raises:
            ConfigError: the script has no reply left.
        """
        prompt = Prompt.of(request)
        self.prompts.append(prompt)
        self.requests.append(request)
        reply = self._next(prompt)
        if isinstance(reply, BaseException) or (isinstance(reply, type) and issubclass(reply, BaseException)):
            raise reply
        message = _message(reply, len(self.prompts))
        await _spoken(str(message.text))
        said = str(message.text) + (
            json.dumps([call["args"] for call in message.tool_calls]) if message.tool_calls else ""
        )
        used = self._usage or (_tokens(prompt), _tokens(said))
        return ModelAnswer(message, *used, self.price(*used))

    def _next(self, prompt: Prompt) -> Reply:
        if callable(self._replies):
            return self._replies(prompt)
        place = len(self.prompts) - 1
        if place >= len(self._replies):
            raise ConfigError(
                f"ScriptedModel has {len(self._replies)} replies and was asked a {place + 1}. time: {prompt[:200]!r}; "
                "add a reply, or give a function of the prompt"
            )
        return self._replies[place]


async def _spoken(text: str) -> None:
    """Says an answer word by word to whoever listens."""
    heard = listener()
    if heard is None:
        return
    for word in re.findall(r"\s*\S+\s*?|\s+", text):
        heard(word)
        await asyncio.sleep(0)


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


def _message(reply: Reply, number: int) -> AIMessage:
    from langchain_core.messages import AIMessage

    if isinstance(reply, AIMessage):
        return reply
    if isinstance(reply, str):
        return AIMessage(reply)
    if isinstance(reply, BaseModel):
        return AIMessage(reply.model_dump_json(by_alias=True))
    if isinstance(reply, dict):
        return AIMessage(json.dumps(reply))
    if is_series(reply):
        items: Sequence[Any] = [reply] if isinstance(reply, tuple) and reply and isinstance(reply[0], str) else reply
        return AIMessage("", tool_calls=[_call(item, f"call_{number}_{place}") for place, item in enumerate(items)])
    raise ConfigError(
        f"ScriptedModel cannot reply {reply!r} ({type(reply).__name__}); give a str, a pydantic object, "
        "a dict, tool calls or an exception"
    )


def _call(item: Any, id: str) -> Any:
    if is_dict(item) and "name" in item:
        return {"name": item["name"], "args": item.get("args", {}), "id": item.get("id") or id}
    if is_tuple(item) and len(item) == 2:
        name = getattr(item[0], "name", item[0])
        return {"name": name, "args": item[1], "id": id}
    raise ConfigError(f"ScriptedModel: a tool call is {{'name', 'args'}} or (name, args), not {item!r}")
