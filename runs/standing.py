"""Where a run stands, folded from its journal: the journal is the truth and the position.

``Standing.apply`` is the one function that folds: a resumed run folds every stored event through it, a
live run folds each event as it is committed. Nothing else changes a standing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from ..errors import JournalBroken, StateInvalid
from ..flows.position import AtGate, AtNode, Parked, Position
from ..flows.state import Delta, StateType
from ..guards.budgets import Spent
from .codec import add_spent, read_error, read_position
from .store.records import Event

S = TypeVar("S", bound=BaseModel)


@dataclass(slots=True)
class Pending:
    """A request of the place where the run stands.

    Args:
        id: the request's id.
        body: what it asks, as journalled in ``asked``.
        decisions: the decisions so far, in order, as journalled in ``decided``.
        status: open, approved, denied, answered, expired.
        consumed: whether the run has taken the decision.
    """

    id: str
    body: dict[str, Any]
    decisions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: str = "open"
    consumed: bool = False


@dataclass(slots=True)
class Recorded:
    """A call inside the step under way: its intent, and its result once there is one."""

    intent: dict[str, Any] | None = None
    intent_at: float = 0.0
    result: dict[str, Any] | None = None


class Standing(Generic[S]):
    """Where one run stands: place, state, counters, spending, and the calls and requests of the step under way.

    Args:
        kind: the state's type.
        run: the run's id.
    """

    __slots__ = (
        "_ahead", "asked", "at", "build", "by", "calls", "counters", "error", "kept", "kind", "ordinal", "out",
        "requests", "run", "shape", "spent", "started", "state", "steps", "tail", "updated",
    )  # fmt: skip

    def __init__(self, kind: StateType[S], run: str) -> None:
        self.kind = kind
        self.run = run
        self.state: S = None  # type: ignore[assignment]  # the `started` event comes first and sets it
        self.at: Position = AtNode("START")
        self.counters: dict[str, int] = {}
        self.spent = Spent()
        self.out = False
        self.steps = 0
        self.ordinal = 0
        self.asked = 0
        self.tail = 0
        self.requests: dict[str, Pending] = {}
        self.calls: dict[str, Recorded] = {}
        self.kept: dict[str, Recorded] = {}
        self.by: str | None = None
        self.started = 0.0
        self.updated = 0.0
        self.shape = ""
        self.build = ""
        self.error: dict[str, Any] | None = None
        self._ahead: tuple[Delta, S] | None = None

    # reading ahead, for the semantics

    def after(self, delta: Delta) -> S:
        """The state that folding this delta will give; remembered, so that it is not computed twice.

        Args:
            delta: what the step under way is about to write.
        """
        if not delta:
            return self.state
        ahead = self.kind.fold(self.state, delta)
        self._ahead = (delta, ahead)
        return ahead

    # folding

    def apply(self, event: Event) -> None:
        """Folds one event.

        Args:
            event: the next event of the run.

        Raises:
            JournalBroken: the event is unknown, out of order, or does not fit the state's type.
        """
        if event.number != self.tail + 1:
            raise JournalBroken(
                f"run {self.run!r}: event {event.number} follows event {self.tail}: the journal has a gap",
                row=event.number,
            )
        fold = _FOLDS.get(event.kind)
        if fold is None:
            raise JournalBroken(
                f"run {self.run!r}: event {event.number} is of unknown kind {event.kind!r}: "
                "a newer guideway wrote it, or the row is damaged",
                row=event.number,
            )
        try:
            fold(self, event)
        except (KeyError, TypeError, AttributeError, StateInvalid) as error:
            raise JournalBroken(
                f"run {self.run!r}: event {event.number} ({event.kind}) does not fold: {error}", row=event.number
            ) from error
        self.tail = event.number
        self.updated = event.at

    def apply_all(self, events: Iterable[Event]) -> Standing[S]:
        """Folds events in order; gives itself back.

        Args:
            events: the next events of the run.
        """
        for event in events:
            self.apply(event)
        return self

    def write(self, delta: Delta) -> None:
        """Applies a delta to the state; only folds of events call it."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == delta:  # the same bytes, so the same state
            self.state = ahead[1]
        else:
            self.state = self.kind.fold(self.state, delta)

    def move(self, body: dict[str, Any]) -> None:
        """Takes a move that an event holds: the position, counters, the way out; the step's calls are over."""
        self.at = read_position(body["to"])
        for name in body.get("counted", ()):
            self.counters[name] = self.counters.get(name, 0) + 1
        self.out = self.out or body.get("out", False)
        self.requests = {}
        self.calls = {}


def _started(self: Standing[Any], event: Event) -> None:
    body = event.body
    self.state = self.kind.load(body["state"])
    self.by, self.started = body.get("by"), event.at
    self.shape, self.build = body["shape"], body["build"]
    self.move(body)


def _step(self: Standing[Any], event: Event) -> None:
    body = event.body
    self.steps += 1
    self.ordinal += 1
    self.spent = add_spent(self.spent, body.get("spent"))
    if body.get("delta"):
        self.write(body["delta"])
    self.error = body.get("error")
    self.kept = self.calls
    self.move(body)


def _gate(self: Standing[Any], event: Event) -> None:
    body = event.body
    if "to" in body:
        self.move(body)
        return
    self.requests[body["request"]].consumed = True


def _asked(self: Standing[Any], event: Event) -> None:
    self.asked += 1
    self.requests[event.body["request"]] = Pending(event.body["request"], event.body)


def _decided(self: Standing[Any], event: Event) -> None:
    body = event.body
    pending = self.requests.get(body["request"])
    if pending is None:
        return
    pending.decisions.append(body | {"at": event.at})
    pending.status = body["status"]
    if pending.status == "approved" and len(approvers(pending.decisions)) < pending.body.get("quorum", 1):
        pending.status = "open"


def _intent(self: Standing[Any], event: Event) -> None:
    self.calls[event.body["slot"]] = Recorded(event.body, event.at)
    self.spent = add_spent(self.spent, event.body.get("spent"))


def _result(self: Standing[Any], event: Event) -> None:
    recorded = self.calls.setdefault(event.body["slot"], Recorded())
    recorded.result = event.body
    self.spent = add_spent(self.spent, event.body.get("spent"))


def _parked(self: Standing[Any], event: Event) -> None:
    at = self.at.at if isinstance(self.at, Parked) else self.at
    if isinstance(at, AtNode):
        self.at = Parked(at, event.body["reason"])
    self.error = event.body.get("error")
    self.spent = add_spent(self.spent, event.body.get("spent"))


def _settled(self: Standing[Any], event: Event) -> None:
    body = event.body
    if isinstance(self.at, Parked):
        self.at = self.at.at
    self.error = None
    if body["kind"] == "done":
        self.calls.setdefault(body["slot"], Recorded()).result = {"slot": body["slot"], "value": body["value"]}
    elif body["kind"] == "not_done":
        self.calls.pop(body["slot"], None)
    else:  # given up: a step that failed, so that what comes next has other keys
        self.steps += 1
        self.ordinal += 1
        self.spent = add_spent(self.spent, body["spent"])
        self.kept = self.calls
        self.move(body)


def _resumed(self: Standing[Any], event: Event) -> None:
    body = event.body
    self.shape, self.build = body.get("shape", self.shape), body.get("build", self.build)
    if isinstance(self.at, Parked):
        self.at = self.at.at
    if "to" in body:  # a retry: back to the node that failed, with what its effects gave, or nobody knows of them
        calls = {slot: call for slot, call in self.kept.items() if _lasts(call)} if body["again"] else self.calls
        self.move(body)
        self.ordinal -= body["again"]
        self.error = None
        self.calls = calls


def _lasts(call: Recorded) -> bool:
    """Whether a call of an attempt that is over counts in the next: an effect that happened, or perhaps did."""
    if call.intent is None or call.intent["kind"] != "tool":
        return False
    return call.result is None or "value" in call.result


def _ended(self: Standing[Any], event: Event) -> None:
    if event.body.get("error") is not None:
        self.error = event.body["error"]


def _noted(self: Standing[Any], event: Event) -> None:
    """The event changes no standing: it is there to be read."""


_FOLDS = {
    "started": _started,
    "step": _step,
    "gate": _gate,
    "asked": _asked,
    "decided": _decided,
    "expired": _decided,
    "intent": _intent,
    "result": _result,
    "parked": _parked,
    "settled": _settled,
    "resumed": _resumed,
    "ended": _ended,
    "breach": _noted,
    "cancelled": _noted,
}


def approvers(decisions: Iterable[dict[str, Any]]) -> set[str]:
    """Who said yes: the quorum counts people, not decisions.

    Args:
        decisions: as journalled in ``decided``.
    """
    return {str(decision["by"]) for decision in decisions if decision["status"] == "approved"}


def waits_at(standing: Standing[Any]) -> AtGate | None:
    """The gate on an edge where the run stands, or None.

    Args:
        standing: where it stands.
    """
    return standing.at if isinstance(standing.at, AtGate) else None


def last_error(standing: Standing[Any]) -> Any:
    """The last step's error record, or None.

    Args:
        standing: where the run stands.
    """
    return read_error(standing.error)
