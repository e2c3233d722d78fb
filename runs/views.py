"""What people and programs see of a run: frozen views of the run, its steps and its requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from ..errors import JournalBroken
from ..guards.budgets import Spent
from ..guards.secrecy import SEALED, masked
from ..nodes.calls import Call
from ..nodes.outcome import ErrorRecord
from .codec import read_error, read_spent, read_tried
from .progress import Progress, Unsettled
from .store.records import Event, RequestRow

_SEALED = SEALED.encode()

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Request:
    """What a person is asked.

    Args:
        id: the request's id.
        run: the run's id.
        node: the node that will run, or that asks.
        gate: the gate's name, or the asking node's.
        role: who may decide.
        question: what is asked.
        shows: the fields shown, by their printed path.
        call: the tool and its whole arguments, as they will run; None where an answer is asked for.
        digest: of all that; a decision names it.
        asked: when, seconds since the epoch.
        expires: when it runs out, seconds since the epoch; None where it does not.
        quorum: how many people must say yes.
        not_by: who may not decide.
        kind: ``approval`` or ``answer``.
        status: open, approved, denied, edited, answered, expired or withdrawn; consumed once the run has used the
            decision, dispatched once what it let pass was begun, revoked where the yes was taken back before that.
        decisions: the decisions so far.
        edited: what people changed of the call before this was asked, in order: ``by``, ``request``, ``before`` and
            ``after`` by argument, ``note``.
        branch: the branch of the run that asks; ``""`` is the run's own. See ``Step``.
        within: the nodes around it, outermost first: each an ``each`` or a ``subflow``.
        item: which item of an ``each`` it is about, the innermost; None where it is about none.
    """

    id: str
    run: str
    node: str
    gate: str
    role: str
    question: str
    shows: dict[str, Any]
    call: Call | None
    digest: str
    asked: float
    expires: float | None
    quorum: int
    not_by: tuple[str, ...]
    kind: str
    status: str = "open"
    decisions: tuple[dict[str, Any], ...] = ()
    edited: tuple[dict[str, Any], ...] = ()
    branch: str = ""
    within: tuple[str, ...] = ()
    item: int | None = None


def request_view(body: dict[str, Any], status: str, decisions: tuple[dict[str, Any], ...] = ()) -> Request:
    """A request as people see it.

    Args:
        body: as journalled in ``asked``.
        status: its status.
        decisions: the decisions so far.
    """
    body, decisions = masked(body), masked(decisions)
    call = body.get("call")
    return Request(
        id=body["request"],
        run=body["run"],
        node=body["node"],
        gate=body["gate"],
        role=body["role"],
        question=body["question"],
        shows=body["shows"],
        call=None if call is None else Call(call["tool"], call["arguments"], call.get("id"), call["source"]),
        digest=body["digest"],
        asked=body["asked"],
        expires=body["due"],
        quorum=body["quorum"],
        not_by=tuple(body["not_by"]),
        kind=body["kind"],
        status=status,
        decisions=decisions,
        edited=tuple(body.get("edited", ())),
        branch=body.get("branch", ""),
        within=tuple(body.get("within", ())),
        item=body["item"]["index"] if "item" in body else None,
    )


def row_view(row: RequestRow) -> Request:
    """A request from its row in the store.

    Args:
        row: the row.

    Raises:
        JournalBroken: it does not hold a request.
    """
    try:
        return request_view(row.body, row.status)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise JournalBroken(
            f"request {row.id!r} of run {row.run!r} cannot be read: {error!r}. Nothing was changed. Restore the store "
            "from a copy.",
            row=f"requests {row.id}",
        ) from error


@dataclass(frozen=True)
class Step:
    """One execution of one node.

    Args:
        number: from 1.
        node: the node's name.
        outcome: ok, failed, refused or expired.
        update: what it wrote, JSON-able: field to value, for a reducer field what was merged in.
        edge: the edge that was taken; None where the run ended, parked or had no way on.
        guards: the edges tried, each with every guard's value and what it read.
        error: what went wrong.
        attempts: how often it was tried.
        started: when, seconds since the epoch.
        seconds: working time.
        spent: what it used up.
        decision: the last of ``decisions``; None where nobody was asked.
        calls: the calls inside it, as recorded.
        branch: the branch that it was in: ``""`` is the run's own, ``1b0`` head 0 of its first fork, ``5i17`` item 17
            of its fifth step, ``6s`` the flow of its sixth; inside of these, joined by dots.
        entry: what came of the item, where it was one of an each.
        decisions: what people decided, in order: about the calls in it, and at the gates of the edge out of it; for
            the first step of a run or branch also at the gates that led to it.
    """

    number: int
    node: str
    outcome: str
    update: dict[str, Any]
    edge: str | None
    guards: tuple[dict[str, Any], ...]
    error: ErrorRecord | None
    attempts: int
    started: float
    seconds: float
    spent: Spent
    decision: dict[str, Any] | None = None
    calls: tuple[dict[str, Any], ...] = ()
    branch: str = ""
    entry: dict[str, Any] | None = None
    decisions: tuple[dict[str, Any], ...] = ()


class Forked(NamedTuple):
    """Where a fork comes from: the run that it was made of, and the number of the step there; 0 for the start."""

    run: str
    at: int


@dataclass(frozen=True)
class Run(Generic[S]):
    """One execution of a flow, as it stood when this view was made.

    Args:
        id: the run's id.
        flow: the flow's name.
        shape: the flow's shape that the run is at.
        build: the flow's build that the run is at.
        status: ready, running, waiting, parked, ended or cancelled; in a list ``damaged`` where it cannot be read.
        verdict: success, partial, escalated or failed, once it ended.
        end: the end that it reached; None before, and where it had no way on.
        state: the state.
        waiting: the open requests.
        progress: how far all that the run is inside of has come: each ``each``, ``all_of`` and ``subflow`` that is
            open, outermost first; empty where it stands at one place.
        parked: what must be settled.
        forked: of a fork, the run and the step that it comes from; None where it is none.
        spent: what it has used up.
        error: why it ended badly or is parked.
        tags: the run's tags.
        by: who started it.
        started: when, seconds since the epoch.
        updated: when its last event was committed.
    """

    id: str
    flow: str
    shape: str
    build: str
    status: str
    verdict: str | None
    end: str | None
    state: S
    waiting: list[Request]
    spent: Spent
    error: ErrorRecord | None
    tags: tuple[str, ...]
    by: str | None
    started: float
    updated: float
    events_of: Callable[[], list[Event]] = field(repr=False, compare=False)
    progress: tuple[Progress, ...] = ()
    parked: tuple[Unsettled, ...] = ()
    forked: Forked | None = None

    @property
    def parent(self) -> str | None:
        """The id of the run that this one is a fork of; None where it is none."""
        return None if self.forked is None else self.forked.run

    @property
    def result(self) -> S:
        """The state that the run ended with, or has so far."""
        return self.state

    @cached_property
    def events(self) -> list[Event]:
        """The journal's events up to this view; they can be read after the App was closed too.

        Raises:
            StoreError: the App was closed, and could not read them when it was.
        """
        return self.events_of()

    @cached_property
    def steps(self) -> list[Step]:
        """The steps, in order."""
        return steps_of(self.events)


def event_view(event: Event) -> Event:
    """An event as people see it: its secrets masked.

    Args:
        event: as the journal holds it.
    """
    if _SEALED not in event.payload and event.payload:  # nearly every event; what is searched are the stored bytes
        return event
    body = masked(event.body)
    return event if body is event.body else event._replace(body=body, payload=b"")


def steps_of(events: list[Event]) -> list[Step]:
    """The steps of a run from its events; the gate's event completes the step that stopped there.

    Args:
        events: the run's events, in order.
    """
    steps: list[Step] = []
    calls: dict[str, list[dict[str, Any]]] = {}
    decisions: dict[str, list[dict[str, Any]]] = {}
    last: dict[str, int] = {}
    for event in events:
        body = event.body
        branch = body.get("branch", "")
        if event.kind in ("intent", "result"):
            calls.setdefault(branch, []).append({"event": event.kind} | body)
        elif event.kind in ("started", "join") or "head" in body:  # a gate that comes now is not the last step's
            last.pop(branch, None)
        elif event.kind == "gate" and "decision" in body:
            if "slot" in body or branch not in last:
                decisions.setdefault(branch, []).append(body["decision"])
            else:
                steps[last[branch]] = _decided(steps[last[branch]], body)
        elif event.kind == "step" or (event.kind == "settled" and body["kind"] == "gave_up"):
            last[branch] = len(steps)
            steps.append(_step(len(steps) + 1, event, tuple(calls.pop(branch, ())), tuple(decisions.pop(branch, ()))))
    return steps


def _decided(step: Step, body: dict[str, Any]) -> Step:
    return replace(
        step,
        edge=body.get("edge"),
        guards=(*step.guards, *read_tried(body)),
        decision=body["decision"],
        decisions=(*step.decisions, body["decision"]),
    )


def _step(number: int, event: Event, calls: tuple[dict[str, Any], ...], decisions: tuple[dict[str, Any], ...]) -> Step:
    body = event.body
    own = read_spent(body.get("spent"))
    whole = own
    for call in calls:
        whole = whole + read_spent(call.get("spent"))
    return Step(
        number=number,
        node=body["node"],
        outcome="failed" if event.kind == "settled" else body["kind"],
        update=_written(body),
        edge=body.get("edge"),
        guards=read_tried(body),
        error=read_error(body.get("error")),
        attempts=body.get("attempts", 1),
        started=event.at - own.seconds,
        seconds=own.seconds,
        spent=whole,
        decision=decisions[-1] if decisions else None,
        decisions=decisions,
        calls=calls,
        branch=body.get("branch", ""),
        entry=body.get("entry"),
    )


def _written(body: dict[str, Any]) -> dict[str, Any]:
    """What a step wrote: a node that holds others may have merged into a field more than once."""
    deltas: list[dict[str, Any]] = body.get("deltas", [])
    if not deltas:
        return dict(body.get("delta", {}))
    counts = Counter(name for delta in deltas for name in delta)
    written: dict[str, Any] = {}
    for delta in deltas:
        for name, value in delta.items():
            if counts[name] > 1:
                written.setdefault(name, []).append(value)
            else:
                written[name] = value
    return written
