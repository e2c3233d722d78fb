"""The recorded conversations as typed records, one a line of conversations.jsonl."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError

from .errors import DataError

STOP = "###STOP###"
"""The customer's last word holds this, where the customer ended the conversation."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Written(_Record):
    """The tool and the arguments, as the agent wrote them."""

    name: str
    arguments: Json[dict[str, Any]]


class Call(_Record):
    """A tool call that the agent proposed."""

    id: str
    function: Written

    @property
    def name(self) -> str:
        """The tool."""
        return self.function.name

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, unvalidated, their keys in the agent's order."""
        return self.function.arguments


class CustomerMessage(_Record):
    """What the customer said."""

    role: Literal["user"]
    content: str


class AgentMessage(_Record):
    """What the agent said, or the calls that it proposed."""

    role: Literal["assistant"]
    content: str | None = None
    tool_calls: tuple[Call, ...] = ()


class ToolMessage(_Record):
    """What a tool answered."""

    role: Literal["tool"]
    tool_call_id: str
    name: str
    content: str


Message = Annotated[CustomerMessage | AgentMessage | ToolMessage, Field(discriminator="role")]


class GoldAction(_Record):
    """One of the right tool calls."""

    name: str
    kwargs: dict[str, Any]


class Conversation(_Record):
    """One recorded conversation; it starts with the customer."""

    task_id: int
    trial: int
    user_id: str
    instruction: str
    reward: float
    messages: tuple[Message, ...] = Field(min_length=1)
    gold_actions: tuple[GoldAction, ...]
    gold_outputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The conversation in a word: ``task-12-trial-3``."""
        return f"task-{self.task_id}-trial-{self.trial}"

    @cached_property
    def customer(self) -> tuple[str, ...]:
        """What the customer said, in order."""
        return tuple(item.content for item in self.messages if isinstance(item, CustomerMessage))

    @cached_property
    def agent(self) -> tuple[AgentMessage, ...]:
        """What the agent said or proposed, in order."""
        return tuple(item for item in self.messages if isinstance(item, AgentMessage))

    def calls(self) -> Iterator[tuple[Call, str]]:
        """Each tool call with its recorded answer, in order.

        They are paired by place: the recording gives one id to several calls of a conversation.
        """
        waiting: deque[Call] = deque()
        for message in self.messages:
            if isinstance(message, AgentMessage):
                waiting.extend(message.tool_calls)
            elif isinstance(message, ToolMessage) and waiting:
                yield waiting.popleft(), message.content

    def is_gold(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Whether this call is among the right ones; 250 and 250.0 are the same amount, as in JSON.

        Args:
            name: the tool.
            arguments: as the agent wrote them, unvalidated.
        """
        return any(gold.name == name and gold.kwargs == arguments for gold in self.gold_actions)


def read_conversations(path: Path) -> list[Conversation]:
    """Reads a recording.

    Args:
        path: conversations.jsonl, or a file of the same shape; empty lines are skipped.

    Raises:
        DataError: the file is missing or unreadable, or a line is no conversation; in one line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DataError(f"the recording is missing: there is no file {path} (see --conversations)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the recording cannot be read: {path}: {error}") from None
    return [_conversation(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _conversation(path: Path, number: int, line: str) -> Conversation:
    try:
        return Conversation.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}:{number}: no recorded conversation: {place}: {first['msg']}") from None
    except ValueError as error:
        raise DataError(f"{path}:{number}: no JSON: {error}") from None
