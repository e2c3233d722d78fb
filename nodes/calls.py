"""The port between a node's execution and whoever records its calls.

A run implements ``Calls`` on its journal; ``node.run`` has a direct implementation (``direct.py``).
Execution names every call by a slot, a text that is unique within the step and does not depend on timing:
``model.0``, ``model.1`` (each try, repair and fallback), ``tool.0`` (attempt 0), ``call.2.0`` (the third
proposed call, attempt 0), ``permit.2``, ``answer``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol

from .context import Left
from .outcome import ErrorRecord, Refusal

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

    from ..guards.gates import Gate, Way
    from .ask import Ask
    from .threads import Left as LeftRunning
    from .tool import Tool

EXHAUSTED_AROUND = "ExhaustedAround"
"""The type of the record where the budget of a flow around a subflow is used up: its way is that flow's, not the
subflow's. Where that flow is further out, the number of flows between follows."""

KEY_UNKNOWN = "KeyUnknown"
"""The type of the record where nobody knows what became of another run's call with the same business key: a person
must settle that one first, and no model can do anything about it."""

DEFAULT_MAX_TOKENS = 1024
"""How long an answer may be, for the budget's bound, where nothing is said."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool, whole, as it will run.

    Args:
        tool: the tool's name.
        arguments: by parameter, validated, JSON-able, defaults included.
        id: the model's id of the call; None where no model proposed it.
        source: the hash of the tool's body.
    """

    tool: str
    arguments: dict[str, Any]
    id: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model.

    Args:
        slot: the model's slot, or its name where the author named it directly.
        messages: the prompt.
        tools: the tools offered, as OpenAI function dicts.
        output: the JSON schema of the answer; None for text.
        max_tokens: how long the answer may be; None where nobody bounds it.
        prompt_bound: how many tokens the prompt is at most.
        secret: the answer may hold a secret: nobody hears it while it comes, and it is sealed.
    """

    slot: str
    messages: list[BaseMessage]
    tools: tuple[dict[str, Any], ...] = ()
    output: dict[str, Any] | None = None
    max_tokens: int | None = None
    prompt_bound: int = 0
    secret: bool = False

    @property
    def answer_bound(self) -> int:
        """How many tokens the answer is at most, for the budget."""
        return DEFAULT_MAX_TOKENS if self.max_tokens is None else self.max_tokens


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model answered, and what it used up.

    Args:
        message: the answer; its id is given before anyone records it.
        input_tokens: tokens of the prompt.
        output_tokens: tokens of the answer.
        usd: its price; None where it is not known.
    """

    message: AIMessage
    input_tokens: int
    output_tokens: int
    usd: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-able data that ``from_json`` reads back."""
        from ..guards.messages import plain

        return {
            "message": plain(self.message),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd": self.usd,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ModelAnswer:
        """The answer that ``to_json`` wrote.

        Args:
            data: what ``to_json`` gave.
        """
        from ..guards.messages import with_ids

        message: Any = with_ids([data["message"]])[0]
        return cls(message, data["input_tokens"], data["output_tokens"], data["usd"])


class Pending(Enum):
    """The type of ``PENDING``."""

    PENDING = "pending"


PENDING: Final = Pending.PENDING
"""A decision or an answer is not there yet."""


class NotDone(Enum):
    """The type of ``NOT_DONE``."""

    NOT_DONE = "not done"

    def __repr__(self) -> str:
        return "NOT_DONE"


NOT_DONE: Final = NotDone.NOT_DONE
"""What ``reconcile=`` returns where the effect did not happen, and what ``app.settle`` takes for it."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """All gates of a call said yes; the call may carry edited arguments.

    Args:
        call: the call as it may run.
        note: what the model that proposed it is told besides the result.
    """

    call: Call
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A gate of a call said no; without a way the model is told."""

    refusal: Refusal
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody answered in time."""

    refusal: Refusal


class Suspended(Exception):
    """The step waits for a decision or an answer; only the driver catches it."""


class Stop(Exception):
    """The driver must stop (a lease that was lost, ...); it passes through execution untouched."""


class CallFailed(Exception):
    """A call, or the step with it, failed; what a port sees from ``send`` and may record.

    Args:
        record: what went wrong.
        running: the call may go on after its timeout, here or elsewhere.
        final: trying again changes nothing, whatever its category: somebody has to do something first.
    """

    def __init__(self, record: ErrorRecord, *, running: bool = False, final: bool = False) -> None:
        super().__init__(record.message)
        self.record = record
        self.running = running
        self.final = final


class RecordedFailure(CallFailed):
    """A call failed before this process, and the record says so; it is not sent again."""


class UnknownEffect(CallFailed):
    """An effect may have happened or not (an intent without a result).

    Args:
        message: what is known.
    """

    def __init__(self, message: str) -> None:
        super().__init__(ErrorRecord("unknown_effect", "UnknownEffect", message))


class Exhausted(CallFailed):
    """The budget does not cover the next call.

    Args:
        message: which amount, how much is left and what was asked.
        around: how many flows further out than the one that the step is in the budget is.
    """

    def __init__(self, message: str, *, around: int = 0) -> None:
        super().__init__(ErrorRecord("exhausted", exhausted_type(around), message))


def exhausted_type(around: int) -> str:
    """The type of the record of a budget that is used up.

    Args:
        around: how many flows further out than the place that hears of it the budget is.
    """
    return "Exhausted" if around == 0 else EXHAUSTED_AROUND + str(around - 1 or "")


def seen_from_around(type: str) -> str:
    """The type of such a record as the flow around has it.

    Args:
        type: the type, as the flow inside has it; another one stays what it is.
    """
    if not type.startswith(EXHAUSTED_AROUND):
        return type
    return exhausted_type(int(type.removeprefix(EXHAUSTED_AROUND) or 0))


class Send(Protocol):
    """Sends a tool's call."""

    def __call__(self, key: str, left: LeftRunning | None = None) -> Awaitable[Any]:
        """The JSON-able result.

        Args:
            key: the idempotency key that it is sent under.
            left: is told of a once-only call whose thread goes on when nobody waits for it any more.

        Raises:
            CallFailed: it failed, which may be recorded.
        """
        ...


class Calls(Protocol):
    """Whoever sends a step's calls, or returns what was recorded of them.

    Every method may raise ``Stop`` or a GuidewayError of the driver's own; execution lets them pass.
    """

    async def model(
        self,
        slot: str,
        request: ModelRequest,
        send: Callable[[], Awaitable[ModelAnswer]],
        *,
        price: Callable[[int, int], float | None],
    ) -> ModelAnswer:
        """The model's answer, sent or recorded.

        Args:
            slot: the call's name within the step.
            request: what is asked, with its bound in tokens.
            send: sends it; raises CallFailed, which may be recorded.
            price: dollars for tokens in and out; None where the price is unknown.

        Raises:
            Exhausted: the bound does not fit.
            CallFailed: it failed, now or on record.
        """
        ...

    async def tool(
        self,
        slot: str,
        tool: Tool[..., Any],
        call: Call,
        send: Send,
        *,
        reconcile: Callable[[], Awaitable[Any]] | None = None,
    ) -> Any:
        """The tool's JSON-able result, sent or recorded.

        Args:
            slot: the call's name within the step.
            tool: the tool.
            call: the call, whole.
            send: sends it under an idempotency key; raises CallFailed, which may be recorded.
            reconcile: asks the world, where the tool has one: the JSON-able result or NOT_DONE; for an
                intent that another process left open.

        Raises:
            Exhausted: no call is left.
            UnknownEffect: an intent is open and nothing proves how it ended.
            CallFailed: it failed, now or on record.
        """
        ...

    async def permit(
        self, slot: str, tool: Tool[..., Any], call: Call, gates: tuple[Gate, ...]
    ) -> Allowed | Refused | Pending:
        """What the gates of a proposed call say.

        Args:
            slot: the request's name within the step.
            tool: the tool.
            call: the call, whole.
            gates: asked in order, all must say yes.
        """
        ...

    async def answer(self, slot: str, ask: Ask, question: str) -> Any:
        """A person's answer, JSON-able; or Expired, or PENDING.

        Args:
            slot: the request's name within the step.
            ask: the node that asks.
            question: what is asked.
        """
        ...

    async def pause(self, seconds: float) -> None:
        """Waits between attempts.

        Args:
            seconds: how long.
        """
        ...

    def left(self) -> Left:
        """What is left of the budget."""
        ...

    def key(self, slot: str) -> str:
        """The idempotency key of a slot; the same for all its attempts (see ``stem``).

        Args:
            slot: the call's name within the step.
        """
        ...


def stem(slot: str) -> str:
    """A slot without its attempt: ``call.2.1`` is ``call.2``, ``tool.0`` is ``tool``; ``permit.2`` stays.

    Args:
        slot: a call's name within the step.
    """
    head, _, last = slot.rpartition(".")
    return head if head and last.isdigit() and (head == "tool" or head.startswith("call.")) else slot
