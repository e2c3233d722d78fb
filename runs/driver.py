"""Drives one run: executes the nodes where it stands, asks the semantics what comes next, commits, and again.

The executor is the pure semantics plus the journal. It knows no LangGraph; LangGraph's tasks call it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from ..errors import StateInvalid
from ..flows.decisions import call_of, gate_at
from ..flows.each import Each
from ..flows.edits import further
from ..flows.position import (
    Ask,
    AtEnd,
    AtFork,
    AtGate,
    AtHead,
    AtNode,
    Decided,
    Done,
    Finish,
    Join,
    Leave,
    Move,
    Park,
    Parked,
    Run,
)
from ..flows.subflow import Subflow
from ..flows.watching import forbidden
from ..guards.budgets import NOTHING, Spent
from ..nodes.calls import Call, CallFailed, Stop, Suspended
from ..nodes.execution import execute
from ..nodes.node import Node
from ..nodes.outcome import ErrorRecord, Outcome
from .asking import Opening, approval_request
from .branches import Branch, waits_at_gate
from .codec import write_error, write_move, write_position, write_spent
from .editing import edit_of
from .overruns import may_go_on
from .permits import refusal_of
from .readiness import HOLDERS
from .recording import Recording
from .scheduling import Scheduling
from .store.records import Draft, TailMoved

S = TypeVar("S", bound=BaseModel)


class Drive(Scheduling[S]):
    """One run, driven under its lease by this process.

    Args:
        engine: the flow with its store, models and deps.
        lease: the right to drive.
        standing: where the run stands.
    """

    async def unit(self, branch: Branch) -> None:
        """One step of a branch, or what stands between two."""
        at = branch.at
        try:
            if isinstance(at, AtNode):
                node = branch.node
                if node is None:
                    self.begun(branch)
                elif at.forbidden is not None:
                    error = forbidden(at.forbidden, f"{at.node!r} did not start")
                    self.close_step(branch, at, Outcome("failed", error=error), [], {})
                elif node.kind not in HOLDERS:
                    await self._step(branch, at, node)
                elif not self.let_in(branch, at):
                    pass
                elif isinstance(node, Subflow):
                    self.subflow(branch, at, node)
                else:
                    assert isinstance(node, Each)
                    self.each(branch, at, node)
            elif isinstance(at, AtGate):
                await self._gate(branch, at)
            elif isinstance(at, AtFork):
                self.join(branch, at)
            elif isinstance(at, AtHead):
                self.head(branch, at)
        except Stop as stop:
            raise (stop.__cause__ or stop) from None

    # one step

    def let_in(self, branch: Branch, at: AtNode) -> bool:
        """Whether the approvals of a node that holds others hold; else its step has failed.

        Args:
            branch: where the node is.
            at: the node.
        """
        place = (branch.path, branch.ordinal, at.grant)
        if not (at.digest or at.also) or place in self.opened:
            return True
        try:
            Recording(self, branch, at).dispatch(at.node)
        except CallFailed as failure:
            self.close_step(branch, at, Outcome("failed", error=failure.record), [], {})
            return False
        self.opened.add(place)
        return True

    async def _step(self, branch: Branch, at: AtNode, node: Node[..., Any]) -> None:
        recording = Recording(self, branch, at)
        begun = time.monotonic()
        try:
            if branch.index is not None and branch.of_item:
                outcome = await self._item(branch, recording)
            elif (unlike := recording.unlike_approved(node)) is not None:
                outcome = unlike
            elif (revoked := _revoked(recording, node)) is not None:
                outcome = revoked
            else:
                outcome = await execute(
                    node,
                    branch.state,
                    edits=recording.changed,
                    calls=recording,
                    models=self.engine.models,
                    deps=self.engine.deps,
                    refusal=at.refusal,
                    failure=at.failure,
                    run=self.standing.run,
                    step=self.standing.steps + 1,
                )
        except Suspended:
            await self._wait(branch, recording.openings)
            return
        await self._finish_step(branch, at, outcome, recording, time.monotonic() - begun)

    async def _item(self, branch: Branch, recording: Recording) -> Outcome:
        """One item of an each: its gates, then its node, which sees the item beside the state."""
        parent = branch.parent
        each = None if parent is None else parent.node
        assert parent is not None
        assert isinstance(each, Each)
        assert branch.index is not None
        values: dict[str, Any] = {**parent.state.__dict__, each.item: parent.items(each)[branch.index]}
        refused = await recording.permit_item(each, values)
        if refused is None:
            refused = _revoked(recording, each.of_item)
        if refused is not None:
            return refused
        return await execute(
            each.of_item,
            values,
            edits=recording.changed,
            calls=recording,
            models=self.engine.models,
            deps=self.engine.deps,
            run=self.standing.run,
            step=self.standing.steps + 1,
        )

    async def _finish_step(
        self, branch: Branch, at: AtNode, outcome: Outcome, recording: Recording, seconds: float
    ) -> None:
        spent = Spent(steps=1, seconds=round(seconds, 6))  # no clock knows more, and each digit is stored
        if recording.spent is not NOTHING:
            spent += recording.spent
        body: dict[str, Any] = {"node": at.node, "kind": outcome.kind, "spent": write_spent(spent)}
        if outcome.attempts > 1:
            body["attempts"] = outcome.attempts
        if outcome.calls:
            body["calls"] = list(outcome.calls)
        if recording.log:
            body["gates"] = recording.log
        if outcome.refusal is not None:
            body["refusal"] = outcome.refusal.model_dump(exclude_none=True)
        if branch.index is not None and branch.of_item:
            if outcome.error is not None and outcome.error.category == "unknown_effect":
                self._park(branch, "unknown_effect", at, outcome.error, spent)
            else:
                if _refused(outcome, branch, recording):
                    body["spent"] = {}
                self.item_over(branch, outcome, body)
            return
        kind = branch.frame.kind
        try:
            delta = kind.write(branch.state, outcome.update)
        except StateInvalid as error:
            record = ErrorRecord("invalid_output", "StateInvalid", str(error))
            outcome, delta = Outcome("failed", error=record, attempts=outcome.attempts), {}
            body["kind"] = "failed"
        move = self.next(branch, Done(at.node, outcome), self.standing.after(branch, delta), spent)
        if isinstance(move, Park):
            self._park(branch, move.at.reason, at, move.error, spent)
            return
        if delta:
            body["delta"] = delta
        unknown = False
        if outcome.error is not None:
            body["error"] = write_error(outcome.error)
            unknown = outcome.error.category == "unknown_effect"
        drafts, change = self._composed(branch, "step", body, move, {})
        try:
            await self.share(branch, drafts, again=not unknown, **change)
        except TailMoved as moved:  # how the call ended may be told just now: the step looks again, and calls nothing
            self.fold(moved.events)

    # gates on edges

    async def _gate(self, branch: Branch, at: AtGate) -> None:
        """At a gate on an edge: asks where nobody was asked, waits, or takes the decision."""
        pending = waits_at_gate(branch)
        if pending is None:
            await self._wait(branch, [self._opening(branch, at, branch.state)])
        elif pending.status == "open":
            await self._wait(branch, [])
        else:
            edits = further(at.edits, edit_of(pending), at.index, at.turns) if pending.status == "edited" else None
            refusal = None if edits is not None else refusal_of(pending)
            decided = Decided(at, pending.id, pending.body["digest"], refusal, edits)
            move = self.next(branch, decided, branch.state)
            body = {"request": pending.id, "gate": pending.body["gate"], "decision": pending.decisions[-1]}
            consumed = {"request_status": {pending.id: "consumed"}}
            drafts, change = self._composed(branch, "gate", body, move, consumed)
            try:
                await self.share(branch, drafts, again=False, **change)
            except TailMoved as moved:  # a yes may have been taken back: what is decided now is looked at again
                self.fold(moved.events)

    def commit_move(self, branch: Branch, kind: str, body: dict[str, Any], move: Move, **change: Any) -> None:
        """Commits the event that a move follows from, with the move.

        Args:
            branch: what moves.
            kind: the event's.
            body: the event's.
            move: the move.
            change: whatever else changes with it.
        """
        drafts, change = self._composed(branch, kind, body, move, change)
        self.commit(branch, drafts, **change)

    def _composed(
        self, branch: Branch, kind: str, body: dict[str, Any], move: Move, change: dict[str, Any]
    ) -> tuple[list[Draft], dict[str, Any]]:
        """The events of a move, and what changes with them."""
        write_move(body, move, out=branch.frame.out)
        drafts = [Draft(kind, body)]
        if isinstance(move, Run) and not branch.requests:  # nearly every move
            return drafts, change
        if isinstance(move, Finish):
            self._end(branch, drafts, move.at, write_error(move.error), change)
        elif isinstance(move, Leave) and branch.heads_frame:
            self._end(branch, drafts, AtEnd(None, "failed"), write_error(move.at.error), change)
        elif isinstance(move, Ask):
            opening = self._opening(branch, move.at, self._state_after(branch, body))
            change.setdefault("open_requests", []).append(opening.row)
            drafts.append(opening.draft)
            change["rests"] = move.at
        elif branch.requests:
            self.withdraw(branch, change)
        if isinstance(move, Join | Leave) or (isinstance(move, Finish) and branch.parent is not None):
            change["rests"] = move.at  # a sibling may be parked, or wait for a person
        return drafts, change

    def _state_after(self, branch: Branch, body: dict[str, Any]) -> Any:
        state = branch.state
        for delta in body.get("deltas", ()):
            state = branch.frame.kind.fold(state, delta)
        if body.get("delta"):
            return self.standing.after(branch, body["delta"])
        if "fork" in body and not body.get("refused"):
            deltas = [delta for child in branch.children.values() for delta in child.deltas]
            return branch.frame.kind.merged(branch.state, deltas)
        return state

    def _end(
        self, branch: Branch, drafts: list[Draft], at: AtEnd, error: dict[str, Any] | None, change: dict[str, Any]
    ) -> None:
        drafts.append(Draft("ended", {"end": at.end, "verdict": at.verdict, "error": error}))
        if branch.parent is None:
            change |= {"status": "ended", "verdict": at.verdict, "end": at.end, "error": error}
        self.withdraw(branch, change)

    def _park(self, branch: Branch, reason: str, at: AtNode, record: ErrorRecord | None, spent: Spent) -> None:
        slot = next((name for name, call in branch.calls.items() if call.result is None), None)
        error = write_error(record)
        body = {
            "reason": reason,
            "node": at.node,
            "slot": slot,
            "error": error,
            "spent": write_spent(Spent(seconds=spent.seconds)),
        }
        unknown = None if slot is None else branch.calls[slot]
        if unknown is not None and (where := may_go_on(unknown.running)) is not None:
            body["running"] = where
        while True:
            try:
                self.commit(branch, [Draft("parked", body)], rests=Parked(at, reason), again=False, error=error)
            except TailMoved as moved:
                self.fold(moved.events)
                if unknown is not None and unknown.result is not None:
                    return  # it ended just now, and said how: the step goes on with that
            else:
                return

    # asking

    def _opening(self, branch: Branch, at: AtGate, state: Any) -> Opening:
        flow = branch.frame.flow
        route = flow.routes[at.route]
        target = flow.nodes.get(route.target.name)
        edits = at.edits
        call = call_of(target, state, edits) if target is not None else Call(tool=route.target.name, arguments={})
        return approval_request(
            request=self.request_id(branch, 0),
            run=self.standing.run,
            gate=gate_at(flow, at),
            node=route.target.name,
            call=call,
            state=state,
            edits=edits,
            place={"at": write_position(at)} | self.about(branch),
        )

    def request_id(self, branch: Branch, more: int) -> str:
        """The id of the next request of a branch: from its path, never from timing.

        Args:
            branch: whose.
            more: how many are about to open before it.
        """
        own = f"{branch.path}." if branch.path else ""
        return f"{self.standing.run}.{own}{branch.asked + more + 1}"

    def about(self, branch: Branch) -> dict[str, Any]:
        """What a request says of its place: the nodes around, and which item it is about.

        Args:
            branch: whose.
        """
        if branch.parent is None:
            return {}
        found: dict[str, Any] = {"within": list(branch.within)} if branch.within else {}
        for one in (branch, *branch.above()):
            each = None if one.parent is None else one.parent.node
            if one.index is not None and one.parent is not None and isinstance(each, Each):
                found["item"] = {"index": one.index, "of": each.name}
                break
        return found

    async def _wait(self, branch: Branch, openings: Sequence[Opening]) -> None:
        drafts = [opening.draft for opening in openings]
        rows = [opening.row for opening in openings]
        try:
            await self.share(branch, drafts, rests=branch.at, again=False, open_requests=rows)
        except TailMoved as moved:  # somebody decided meanwhile: to wait now could be to wait for ever
            self.fold(moved.events)


def _revoked(recording: Recording, node: Node[..., Any]) -> Outcome | None:
    """The failure of a node that calls nothing and whose approval was taken back; None where it may run."""
    if node.kind not in ("compute", "ask"):  # what calls others is asked before each call
        return None
    try:
        recording.dispatch(node.name)
    except CallFailed as failure:
        return Outcome("failed", error=failure.record)
    return None


def _refused(outcome: Outcome, branch: Branch, recording: Recording) -> bool:
    """Whether the budget refused an item before it called anything: then it is no execution, and counts no step."""
    spent = outcome.error is not None and outcome.error.category == "exhausted"
    return spent and not branch.calls and not recording.spent.calls
