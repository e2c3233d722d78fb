"""What the tests of nodes share: a small state, and a port that records calls as a run does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from guideway.errors import GuidewayError
from guideway.guards.messages import Messages
from guideway.nodes.calls import (
    PENDING,
    Allowed,
    Call,
    CallFailed,
    Exhausted,
    ModelAnswer,
    ModelRequest,
    RecordedFailure,
    UnknownEffect,
    stem,
)
from guideway.nodes.context import Left
from guideway.nodes.outcome import ErrorRecord


class Order(BaseModel):
    """A thing that a state holds."""

    id: str
    total: float


class Reading(BaseModel):
    """What a model reads out of a message."""

    intent: Literal["refund", "question"]
    confidence: float


def add(left: list[str], right: list[str]) -> list[str]:
    """A reducer."""
    return left + right


class Ticket(BaseModel):
    """The state of most tests."""

    message: str = "Order 17 arrived broken."
    intent: Literal["refund", "question"] | None = None
    confidence: float = 0.0
    order_id: str | None = "17"
    order: Order | None = None
    notes: Annotated[list[str], add] = []
    tags: list[str] = []
    count: int = 0
    messages: Messages = []


class Recorder:
    """A port that keeps what was sent, by slot, and returns it when the same slot comes again.

    Args:
        decisions: what ``permit`` and ``answer`` return, by slot; PENDING where there is none.
        left: what is left of the budget.
        calls: how many calls the budget still allows.
    """

    def __init__(
        self, decisions: dict[str, Any] | None = None, *, left: Left | None = None, calls: int | None = None
    ) -> None:
        self.decisions = decisions or {}
        self.results: dict[str, Any] = {}
        self.requests: dict[str, ModelRequest] = {}
        self.sent: list[str] = []
        self.keys: list[str] = []
        self.asked: list[str] = []
        self.seen: list[Call] = []
        self.order: list[str] = []
        self.pauses: list[float] = []
        self.calls = calls
        self.open: set[str] = set()
        self.stop: Exception | None = None
        self._left = left or Left()

    async def model(
        self,
        slot: str,
        request: ModelRequest,
        send: Callable[[], Awaitable[ModelAnswer]],
        *,
        price: Callable[[int, int], float | None],
    ) -> ModelAnswer:
        self.requests[slot] = request
        found = await self._once(slot, lambda: self._as_json(send))
        return ModelAnswer.from_json(found)

    async def _as_json(self, send: Callable[[], Awaitable[ModelAnswer]]) -> Any:
        return (await send()).to_json()

    async def tool(
        self,
        slot: str,
        tool: Any,
        call: Call,
        send: Callable[[str], Awaitable[Any]],
        *,
        reconcile: Callable[[], Awaitable[Any]] | None = None,
    ) -> Any:
        if slot in self.open:
            if reconcile is None:
                raise UnknownEffect(f"{slot} was left open")
            return await reconcile()
        key = self.key(slot)
        self.keys.append(key)
        self.seen.append(call)
        self.order.append(slot)
        return await self._once(slot, lambda: send(key))

    async def _once(self, slot: str, send: Callable[[], Awaitable[Any]]) -> Any:
        if self.stop is not None:
            raise self.stop
        if slot not in self.results:
            if self.calls is not None and len(self.sent) >= self.calls:
                raise Exhausted(f"budget calls={self.calls} is used up")
            self.sent.append(slot)
            try:
                self.results[slot] = await send()
            except CallFailed as failure:
                self.results[slot] = failure.record
        found = self.results[slot]
        if isinstance(found, ErrorRecord):
            raise RecordedFailure(found)
        return found

    async def permit(self, slot: str, tool: Any, call: Call, gates: Any) -> Any:
        self.asked.append(slot)
        self.order.append(slot)
        decision = self.decisions.get(slot, PENDING)
        return Allowed(call) if decision is True else decision

    async def answer(self, slot: str, ask: Any, question: str) -> Any:
        self.asked.append(question)
        return self.decisions.get(slot, PENDING)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def left(self) -> Left:
        return self._left

    def key(self, slot: str) -> str:
        return f"run-1:{stem(slot)}"


class LeaseGone(GuidewayError):
    """An error of a driver's own."""
