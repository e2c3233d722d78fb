"""Replays recorded conversations through the flow: the recorded model and customer, the flow's own tools and gates."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

from guideway import Request, Run

from .database import Tables
from .errors import DataError
from .flow import Conversation as State
from .flow import airline_desk, escalated
from .recorded import Call, Conversation, read_conversations
from .served import Office
from .tools import WRITING

Approve = Literal["all", "gold", "none"]
"""Which writes the supervisor says yes to: every one, the right ones, or none."""


class RecordedModel(BaseChatModel):
    """A chat model that says what the recorded agent said at this place of the conversation.

    The place is read from the prompt, so a step that is repeated after a crash gets the same answer.
    """

    conversation: Conversation

    @property
    def _llm_type(self) -> str:
        return "recorded"

    def bind_tools(
        self,
        tools: Sequence[Any],  # LangChain's signature
        **_: Any,
    ) -> Runnable[Any, AIMessage]:
        """Itself: the recorded agent knew its tools."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # LangChain's signature
        run_manager: CallbackManagerForLLMRun | None = None,  # the same
        **_: Any,
    ) -> ChatResult:
        said = self.conversation.agent[sum(isinstance(message, AIMessage) for message in messages)]
        calls = [{"name": call.name, "args": call.arguments, "id": call.id} for call in said.tool_calls]
        message = AIMessage(content=said.content or "", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


@dataclass
class Summary:
    """What a replay counted; the last line of the command.

    Args:
        conversations: how many were replayed.
        tool_calls: recorded calls up to where each conversation stopped; a call that was denied is none.
        matched: those whose answer is the recorded one, to the byte.
        writes: writes that succeeded.
        wrong_writes: those that are not among the conversation's right actions.
        escalated: conversations that stopped because a write was denied.
        seconds: how long it took, without reading the data.
    """

    conversations: int = 0
    tool_calls: int = 0
    matched: int = 0
    writes: int = 0
    wrong_writes: int = 0
    escalated: int = 0
    seconds: float = 0.0


@dataclass
class Replay:
    """A replay's counts, and in words what was not as recorded."""

    summary: Summary = field(default_factory=Summary)
    differences: list[str] = field(default_factory=list[str])

    @property
    def as_recorded(self) -> bool:
        """Whether every call was answered as recorded and every run came to an end."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """The counts by name."""
        return asdict(self.summary)

    def add(self, conversation: Conversation, run: Run[State]) -> None:
        """Counts one conversation that was replayed.

        Args:
            conversation: what was recorded.
            run: what happened.
        """
        counts = self.summary
        stopped = run.end == escalated.name
        counts.conversations += 1
        counts.escalated += stopped
        if run.status != "ended" or run.verdict == "failed":
            self.differences.append(f"{conversation.name}: the run is {run.status}, verdict {run.verdict}: {run.error}")
        for call, recorded, answered in _compared(conversation, run.state.messages, stopped=stopped):
            counts.tool_calls += 1
            counts.matched += answered == recorded
            if answered != recorded:
                self.differences.append(f"{conversation.name}: {call.name}: {answered!r} instead of {recorded!r}")
            if call.name in WRITING and answered is not None and not answered.startswith("Error: "):
                counts.writes += 1
                counts.wrong_writes += not conversation.is_gold(call.name, call.arguments)


def replay(data: Path, recording: Path, approve: Approve) -> Replay:
    """Replays every conversation of a recording, each on a fresh database.

    Args:
        data: the folder of the tables and the policy.
        recording: conversations.jsonl, or a file of the same shape.
        approve: which writes the supervisor says yes to.

    Raises:
        DataError: data or recording are missing or broken.
    """
    office = Office(Tables.load(data), _policy(data / "policy.md"))
    conversations = read_conversations(recording)
    began = time.perf_counter()
    result = Replay()
    for conversation in conversations:
        result.add(conversation, _run(conversation, office, approve))
    result.summary.seconds = round(time.perf_counter() - began, 2)
    return result


def _run(conversation: Conversation, office: Office, approve: Approve) -> Run[State]:
    """One conversation: the customer's recorded answers, the supervisor's decisions, until nothing waits."""
    roles = {"customer": {"customer"}, "supervisor": {"supervisor"}}
    first, *later = conversation.customer
    answers = iter(later)
    with airline_desk.compile(
        models={"default": RecordedModel(conversation=conversation)}, deps=office, roles=roles
    ) as app:
        run = app.start({"heard": first}, run_id=conversation.name, by="recording")
        while run.status == "waiting":
            request = run.waiting[0]
            if request.role == "customer":
                app.answer(request, next(answers), by="customer")
            elif _says_yes(conversation, request, approve):
                app.approve(request, by="supervisor")
            else:
                app.deny(request, by="supervisor", note="not among the right actions of this conversation")
            run = app.resume(run.id)
    return run


def _says_yes(conversation: Conversation, request: Request, approve: Approve) -> bool:
    call = request.call
    if approve == "gold":
        return call is not None and conversation.is_gold(call.tool, call.arguments)
    return approve == "all"


def _compared(
    conversation: Conversation, messages: Sequence[BaseMessage], *, stopped: bool
) -> Iterator[tuple[Call, str, str | None]]:
    """Each recorded call with its recorded and its replayed answer, by place; a missing answer is None.

    In a conversation that was stopped only what came before the denied call is compared: its last proposal.
    """
    answers = [str(message.content) for message in messages if isinstance(message, ToolMessage)]
    proposed = sum(len(message.tool_calls) for message in messages if isinstance(message, AIMessage))
    for place, (call, recorded) in enumerate(conversation.calls()):
        if stopped and place >= proposed - 1:
            return
        yield call, recorded, answers[place] if place < len(answers) else None


def _policy(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"the airline data is missing: there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the airline data cannot be read: {path}: {error}") from None
