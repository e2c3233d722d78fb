"""Drives one run: executes the node where it stands, asks the semantics what comes next, commits, and again.

The executor is the pure semantics plus the journal. It knows no LangGraph; LangGraph's tasks call it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from ..errors import LeaseLost, StateInvalid
from ..flows.decisions import call_of, gate_at
from ..flows.flow import Flow
from ..flows.position import (
    Ask,
    AtEnd,
    AtGate,
    AtNode,
    Begun,
    Decided,
    Done,
    Finish,
    Incoming,
    Move,
    Park,
    Parked,
    Place,
    Run,
)
from ..flows.semantics import next_move
from ..guards.budgets import NOTHING, Spent
from ..nodes.calls import Stop, Suspended
from ..nodes.execution import execute
from ..nodes.outcome import ErrorRecord, Outcome
from .asking import Opening, approval_request, digest_of_call
from .codec import write_error, write_move, write_position, write_spent
from .permits import refusal_of
from .recording import Recording
from .standing import Pending, Standing
from .store.records import Draft, Event, Lease, TailMoved

if TYPE_CHECKING:
    from .engine import Engine

S = TypeVar("S", bound=BaseModel)


class Drive(Generic[S]):
    """One run, driven under its lease by this process.

    Args:
        engine: the flow with its store, models and deps.
        lease: the right to drive.
        standing: where the run stands.
    """

    def __init__(self, engine: Engine[S], lease: Lease, standing: Standing[S]) -> None:
        self.engine = engine
        self.flow: Flow[S] = engine.flow
        self.lease = lease
        self.standing = standing
        self.status = "running"

    # going on

    async def go_on(self, *, stretch: bool) -> None:
        """Goes on from where the run stands, until it waits, parks or ends.

        Args:
            stretch: many steps in one call; else it returns after the first step.

        Raises:
            LeaseLost: another process drives the run now, or it was cancelled; nothing was committed.
        """
        while not self.over:
            at = self.standing.at
            try:
                if isinstance(at, AtGate):
                    self._gate(at)
                elif isinstance(at, AtNode):
                    await self._step(at) if at.node != "START" else self._begin()
            except Stop as stop:
                raise (stop.__cause__ or stop) from None
            if not stretch:
                return

    @property
    def over(self) -> bool:
        """Whether nothing can go on by itself: the run ended, is parked, was cancelled, or waits for a person."""
        return isinstance(self.standing.at, _STILL) or self.status not in ("ready", "running")

    def _begin(self) -> None:
        move = self._next(Begun(), self.standing.state)
        self._commit_move("gate", {"route": "START"}, move)

    async def _step(self, at: AtNode) -> None:
        node = self.flow.nodes[at.node]
        recording = Recording(self, at.node, at.grant, at.digest)
        begun = time.monotonic()
        try:
            outcome = await execute(
                node,
                self.standing.state,
                calls=recording,
                models=self.engine.models,
                deps=self.engine.deps,
                refusal=at.refusal,
                failure=at.failure,
                run=self.standing.run,
                step=self.standing.steps + 1,
            )
        except Suspended:
            self._wait(recording.openings)
            return
        self._finish_step(at, outcome, recording, time.monotonic() - begun)

    def _finish_step(self, at: AtNode, outcome: Outcome, recording: Recording, seconds: float) -> None:
        standing = self.standing
        try:
            delta = standing.kind.write(standing.state, outcome.update)
        except StateInvalid as error:
            record = ErrorRecord("invalid_output", "StateInvalid", str(error))
            outcome, delta = Outcome("failed", error=record, attempts=outcome.attempts), {}
        spent = Spent(steps=1, seconds=seconds)
        if recording.spent is not NOTHING:
            spent += recording.spent
        move = self._next(Done(at.node, outcome), standing.after(delta), spent)
        if isinstance(move, Park):
            self._park(move, spent)
            return
        body: dict[str, Any] = {"node": at.node, "kind": outcome.kind, "spent": write_spent(spent)}
        if delta:
            body["delta"] = delta
        if outcome.error is not None:
            body["error"] = write_error(outcome.error)
        if outcome.attempts > 1:
            body["attempts"] = outcome.attempts
        if outcome.calls:
            body["calls"] = list(outcome.calls)
        if recording.log:
            body["gates"] = recording.log
        if outcome.refusal is not None:
            body["refusal"] = outcome.refusal.model_dump(exclude_none=True)
        self._commit_move("step", body, move)

    def _gate(self, at: AtGate) -> None:
        """At a gate on an edge: asks where nobody was asked, waits, or takes the decision."""
        pending = next((item for item in self.standing.requests.values() if item.body.get("at") is not None), None)
        if pending is None:
            self._wait([self._opening(at, self.standing.asked)])
        elif pending.status == "open":
            self._wait([])
        else:
            self._take(at, pending)

    def _take(self, at: AtGate, pending: Pending) -> None:
        decision = pending.decisions[-1]
        decided = Decided(at, pending.id, pending.body["digest"], refusal_of(pending))
        move = self._next(decided, self.standing.state)
        body = {"request": pending.id, "gate": pending.body["gate"], "decision": decision}
        self._commit_move("gate", body, move, request_status={pending.id: "consumed"})

    # what comes next

    def _next(self, incoming: Incoming, state: S, spent: Spent = NOTHING) -> Move:
        at = self.standing
        place = Place(state, at.counters, at.spent + spent, at.started, time.time(), at.out)
        return next_move(self.flow, place, incoming)

    def _commit_move(self, kind: str, body: dict[str, Any], move: Move, **change: Any) -> None:
        write_move(body, move, out=self.standing.out)
        drafts = [Draft(kind, body)]
        if isinstance(move, Finish):
            self._end(drafts, move, change)
        elif isinstance(move, Ask):
            opening = self._opening(move.at, self.standing.asked, self._state_after(body))
            change.setdefault("open_requests", []).append(opening.row)
            drafts.append(opening.draft)
            change["status"] = "waiting"
        elif self.standing.requests:
            self.withdraw(change)
        self.commit(drafts, **change)

    def _state_after(self, body: dict[str, Any]) -> S:
        return self.standing.after(body.get("delta", {}))

    def _end(self, drafts: list[Draft], move: Finish, change: dict[str, Any]) -> None:
        error = write_error(move.error)
        drafts.append(Draft("ended", {"end": move.at.end, "verdict": move.at.verdict, "error": error}))
        change |= {"status": "ended", "verdict": move.at.verdict, "end": move.at.end, "error": error}
        self.withdraw(change)

    def withdraw(self, change: dict[str, Any]) -> None:
        """Requests of a step that is over and that nobody used are withdrawn with it.

        Args:
            change: the commit's changes, added to.
        """
        taken: Mapping[str, str] = change.get("request_status", {})
        left = {
            item.id: "withdrawn"
            for item in self.standing.requests.values()
            if not item.consumed and item.id not in taken
        }
        if left:
            change["request_status"] = {**taken, **left}

    def _park(self, move: Park, spent: Spent) -> None:
        slot = next((name for name, call in self.standing.calls.items() if call.result is None), None)
        error = write_error(move.error)
        body = {
            "reason": move.at.reason,
            "node": move.at.at.node,
            "slot": slot,
            "error": error,
            "spent": write_spent(Spent(seconds=spent.seconds)),
        }
        self.commit([Draft("parked", body)], status="parked", error=error)

    # asking

    def _opening(self, at: AtGate, asked: int, state: S | None = None) -> Opening:
        state = self.standing.state if state is None else state
        route = self.flow.routes[at.route]
        target = self.flow.nodes.get(route.target.name)
        request = f"{self.standing.run}.{asked + 1}"
        call = call_of(target, state) if target is not None else _to_end(route.target.name)
        return approval_request(
            request=request,
            run=self.standing.run,
            gate=gate_at(self.flow, at),
            node=route.target.name,
            call=call,
            state=state,
            place={"at": write_position(at)},
        )

    def _wait(self, openings: Sequence[Opening]) -> None:
        drafts = [opening.draft for opening in openings]
        try:
            self.commit(drafts, status="waiting", again=False, open_requests=[opening.row for opening in openings])
        except TailMoved as moved:  # somebody decided meanwhile: to wait now could be to wait for ever
            self._fold(moved.events)

    # the journal

    def commit(
        self,
        drafts: Sequence[Draft],
        *,
        power: bool = False,
        status: str | None = None,
        again: bool = True,
        **change: Any,
    ) -> None:
        """Commits events and what changes with them, and folds them.

        An event that somebody else appended in between (a decision) is folded first; a run that somebody
        cancelled is not ours any more.

        Args:
            drafts: the events.
            power: the commit survives a power loss.
            status: the run's new status; ``running`` is written where the stored one was another.
            again: commit again after what somebody else appended; else TailMoved goes to the caller.
            change: whatever else ``store.append`` takes.

        Raises:
            LeaseLost: another process drives the run now, or it was cancelled.
        """
        if status is None and self.status != "running":
            status = "running"
        while True:
            try:
                events = self.engine.store.append(self.lease, drafts, power=power, status=status, **change)
            except TailMoved as moved:
                if not again:
                    raise
                self._fold(moved.events)
                continue
            break
        if status is not None:
            self.status = status
        self._fold(events)

    def _fold(self, events: Sequence[Event]) -> None:
        for event in events:
            self.standing.apply(event)
            if event.kind == "cancelled":
                raise LeaseLost(f"run {self.standing.run!r} was cancelled", run=self.standing.run, status="cancelled")
            self.engine.tell(self.standing.run, event)


def first_move(flow: Flow[Any], state: BaseModel) -> dict[str, Any]:
    """Where a new run goes, as its first event has it: to a node at once, and to START where it asks or ends first.

    Args:
        flow: the flow.
        state: the run's first state.
    """
    now = time.time()
    move = next_move(flow, Place(state, started=now, now=now), Begun())
    if not isinstance(move, Run):
        return {"to": write_position(AtNode("START"))}  # the driver's first move, with its request or its end
    body: dict[str, Any] = {}
    write_move(body, move, out=False)
    return body


_STILL = (AtEnd, Parked)


def _to_end(name: str) -> Any:
    from ..nodes.calls import Call

    return Call(tool=name, arguments={})


__all__ = ["Drive", "digest_of_call"]
