"""What people and policies say to the calls of a step: requests that open, decisions that are used once."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import DecisionRefused, GuidewayError, StoreError
from ..flows.decisions import Answer, Asks, Passed, Stopped, call_of, permit
from ..flows.each import Each
from ..flows.edits import Edits, edited, seen_by_guards
from ..flows.position import AtNode, Parked
from ..guards.budgets import NOTHING
from ..guards.evaluation import OpaqueFailed
from ..guards.gates import Gate
from ..guards.secrecy import masked
from ..nodes.ask import Ask
from ..nodes.calls import PENDING, Allowed, Call, CallFailed, Expired, Pending, Refused, Stop, Suspended, stem
from ..nodes.node import Node
from ..nodes.outcome import ErrorRecord, Outcome, Refusal
from ..nodes.sealing import cleaned
from .asking import Opening, answer_request, approval_request, digest_of_call
from .branches import Branch
from .branches import Pending as Request
from .editing import edits_of_slot
from .store.records import Draft, TailMoved

if TYPE_CHECKING:
    from .driver import Drive

ITEM = "permit.item"
"""The slot of the gates of an item."""


class Permits:
    """The part of a step's calls that asks people.

    Args:
        drive: the run being driven.
        branch: where the step is.
        at: the node, with the request that let the run reach it, or ``exempt:<gate>``, the digest that it names, and
            what people changed of the call.
    """

    def __init__(self, drive: Drive[Any], branch: Branch, at: AtNode) -> None:
        self.drive = drive
        self.branch = branch
        self.node = at.node
        self.grant = at.grant
        self.digest = at.digest
        self.edits = at.edits
        self.openings: list[Opening] = []
        self.spent = NOTHING
        self.also = at.also
        self.granted: dict[str, tuple[str, str]] = {}
        self.said_yes: dict[str, tuple[str, ...]] = {}
        self.edited: set[str] = set()
        self.waits = False
        self.log: list[dict[str, Any]] = []

    async def permit(
        self, slot: str, tool: Node[..., Any], call: Call, gates: tuple[Gate, ...]
    ) -> Allowed | Refused | Pending:
        """See ``Calls.permit``: gates are walked by the semantics; a request opens where one asks."""
        return self._asked(slot, call, gates, edits_of_slot(self.branch, slot), self.branch.state)

    def _asked(
        self, slot: str, proposed: Call, gates: tuple[Gate, ...], edits: Edits | None, state: Any
    ) -> Allowed | Refused | Pending:
        made = 0 if edits is None else len(edits.made)
        call = edited(proposed, edits)
        asked = [item for item in self.branch.requests.values() if item.body.get("slot") == slot]
        for item in asked:
            if item.status == "edited":
                self._consume(item)
        # what was decided about the call as it was before an edit decides nothing about it as it is now
        found = {
            (item.body["index"], tuple(item.body["turns"])): item
            for item in asked
            if item.status != "edited" and len(item.body.get("edited", ())) == made
        }

        def answered(index: int, turns: tuple[str, ...]) -> Answer | None:
            item = found.get((index, turns))
            if item is None or item.status == "open":
                return None
            self._consume(item)
            return Answer(item.id, refusal_of(item))

        try:
            verdict = permit(gates, state, call, self.branch.frame.flow.tools, answered, edits)
        except OpaqueFailed as cause:
            raise CallFailed(
                ErrorRecord("bug", type(cause.cause).__name__, cleaned(f"{cause.name} raised: {cause.cause}"))
            ) from cause
        if isinstance(verdict, Asks):
            if (verdict.index, verdict.turns) not in found:
                self._open(slot, verdict, call, edits)
            self.waits = True
            return PENDING
        self.log.extend({"slot": slot} | entry for entry in verdict.log)
        if isinstance(verdict, Stopped):
            return Refused(verdict.refusal, verdict.way)
        self._grant(slot, verdict)
        if edits is None:
            return Allowed(call)
        self.edited.add(_call_slot(slot))
        return Allowed(call, _told(proposed, call))

    async def permit_item(self, each: Each, values: Mapping[str, Any]) -> Outcome | None:
        """What the gates of an each say of one item; None where they let it pass.

        Args:
            each: the each.
            values: what its node reads.

        Raises:
            Suspended: a person is asked.
        """
        if not each.gates:
            return None
        node = each.of_item
        call = Call(tool=node.name, arguments=node.arguments(values), source=node.source)
        self.edits = edits = edits_of_slot(self.branch, ITEM)
        state = seen_by_guards(self.branch.frame.flow, node, self.branch.state, edits, but=(each.item,))
        try:
            answer = self._asked(ITEM, call, each.gates, edits, state)
        except CallFailed as failure:
            return Outcome("failed", error=failure.record)
        if answer is PENDING:
            raise Suspended()
        if isinstance(answer, Refused):
            return Outcome("expired" if answer.refusal.kind == "expired" else "refused", refusal=answer.refusal)
        self.grant, self.digest = self.granted.pop(_call_slot(ITEM), (None, None))
        self.also = self.said_yes.pop(_call_slot(ITEM), ())
        return self._unlike(edited(call, edits))

    # edits

    @property
    def changed(self) -> dict[str, Any] | None:
        """The arguments that people changed, which the node is given instead of what the state gives."""
        return None if self.edits is None else self.edits.arguments

    def unlike_approved(self, node: Node[..., Any]) -> Outcome | None:
        """The failure of a step whose call was edited, and would not run as it was approved; None where it would.

        Args:
            node: the node.
        """
        return None if self.edits is None else self._unlike(call_of(node, self.branch.state, self.edits))

    def _unlike(self, call: Call) -> Outcome | None:
        if self.edits is None or (self.grant and digest_of_call(self.grant, call) == self.digest):
            return None
        return Outcome("failed", error=not_approved(f"the edited call of {call.tool!r}"))

    def _grant(self, slot: str, passed: Passed) -> None:
        if passed.grant is None:
            return
        self.said_yes[_call_slot(slot)] = passed.approvals
        approved = self.branch.requests.get(passed.grant)
        digest = "" if approved is None else approved.body["digest"]
        self.granted[_call_slot(slot)] = (passed.grant, digest)

    def _open(self, slot: str, asks: Asks, call: Call, edits: Edits | None) -> None:
        request = self.drive.request_id(self.branch, len(self.openings))
        place = {"slot": slot, "index": asks.index, "turns": list(asks.turns)} | self.drive.about(self.branch)
        self.openings.append(
            approval_request(
                request=request,
                run=self.drive.standing.run,
                gate=asks.gate,
                node=self.node,
                call=call,
                state=self.branch.state,
                edits=edits,
                place=place,
            )
        )

    async def answer(self, slot: str, ask: Ask, question: str) -> Any:
        """See ``Calls.answer``."""
        for item in self.branch.requests.values():
            if item.body.get("slot") != slot:
                continue
            if item.status == "open":
                self.waits = True
                return PENDING
            self._consume(item)
            refusal = refusal_of(item)
            return item.decisions[-1]["value"] if refusal is None else Expired(refusal)
        request = self.drive.request_id(self.branch, len(self.openings))
        run, about = self.drive.standing.run, self.drive.about(self.branch)
        self.openings.append(
            answer_request(request=request, run=run, ask=ask, question=question, place={"slot": slot} | about)
        )
        self.waits = True
        return PENDING

    def _consume(self, item: Request) -> None:
        """A decision is used once: by compare-and-set in the store, before anything follows from it."""
        while not item.consumed:
            body = {"request": item.id, "slot": item.body["slot"], "decision": item.decisions[-1]}
            try:
                self._commit("gate", body, again=False, request_status={item.id: "consumed"})
            except TailMoved as moved:  # a yes may have been taken back: what is decided now is used
                self._fold(moved)

    # an approval holds until what it lets pass is dispatched

    def approvals(self, slot: str) -> tuple[str, ...]:
        """The requests whose approval a call needs to hold: those of its node, and its own.

        Args:
            slot: the call's.
        """
        of_the_node = (*self.also, self.grant) if self.grant and self.digest else self.also
        return tuple(dict.fromkeys((*of_the_node, *self.said_yes.get(stem(slot), ()))))

    def dispatching(self, slot: str) -> dict[str, Any]:
        """What changes with the commit before a call is dispatched: from now on its approvals cannot be taken back.

        Args:
            slot: the call's.

        Raises:
            CallFailed: one was taken back.
        """
        needed = self.approvals(slot)
        for request in needed:
            if request in self.drive.standing.revoked:
                raise CallFailed(taken_back(self.drive.standing.revoked[request], self.node), final=True)
        return {"request_status": dict.fromkeys(needed, "dispatched")} if needed else {}

    def not_dispatched(self, slot: str) -> dict[str, Any]:
        """What changes when it is known that a call did nothing: its approvals may be taken back before the next try.

        Args:
            slot: the call's.
        """
        needed = self.approvals(slot)
        return {"request_status": dict.fromkeys(needed, "undispatched")} if needed else {}

    def dispatch(self, slot: str) -> None:
        """Says that a call without an intent is dispatched, if its approvals hold: one that was taken back is final.

        Args:
            slot: the call's.

        Raises:
            CallFailed: an approval was taken back; nothing was committed.
        """
        held = self.dispatching(slot)
        if not held:
            return
        with self._approved(slot):
            self.drive.commit(self.branch, [], power=True, **held)

    async def intend(self, slot: str, intent: dict[str, Any], **change: Any) -> None:
        """Commits the intent of a call that is about to be dispatched, if its approvals hold.

        Args:
            slot: the call's.
            intent: the event's body.
            change: whatever else changes with it.

        Raises:
            CallFailed: an approval was taken back; nothing was committed.
        """
        held = self.dispatching(slot)
        with self._approved(slot):
            await self.drive.share(self.branch, [Draft("intent", intent)], power=True, **held, **change)

    @contextmanager
    def _approved(self, slot: str) -> Generator[None]:
        try:
            yield
        except DecisionRefused as error:  # it was taken back just now, and the commit told what came in between
            self.dispatching(slot)
            raise Stop() from error
        except GuidewayError as error:
            raise Stop() from error

    def _fold(self, moved: TailMoved) -> None:
        try:
            self.drive.fold(moved.events)
        except GuidewayError as error:
            raise Stop() from error

    def _commit(self, kind: str, body: dict[str, Any], *, power: bool = True, **change: Any) -> None:
        try:
            self.drive.commit(self.branch, [Draft(kind, body)], power=power, **change)
        except StoreError as error:
            raise Stop() from (self._unrecorded(body["slot"], error) if kind == "result" else error)
        except GuidewayError as error:
            raise Stop() from error

    async def _put(self, kind: str, body: dict[str, Any], *, power: bool = True, **change: Any) -> None:
        """As ``_commit``, with what other runs of the loop commit in this turn of it."""
        try:
            await self.drive.share(self.branch, [Draft(kind, body)], power=power, **change)
        except StoreError as error:
            raise Stop() from (self._unrecorded(body["slot"], error) if kind == "result" else error)
        except GuidewayError as error:
            raise Stop() from error

    def _unrecorded(self, slot: str, error: StoreError) -> StoreError:
        """The error of a result that cannot be stored: it must not sound as if nothing had been done."""
        call = self.branch.calls.get(slot)
        if call is None or call.intent is None or call.intent["kind"] != "tool":
            return error
        told = (
            f"{error.message} Tool {call.intent['tool']!r} was called before that, and what became of it could not be "
            "recorded: when the run is resumed, a call that may be made only once is reconciled, or waits for "
            "somebody to settle it."
        )
        return type(error)(told, **error.data)


def approvals_of(branch: Branch, slot: str | None) -> tuple[str, ...]:
    """The requests whose approval a call of the step under way needed: those of its node, and its own.

    Args:
        branch: where the step is.
        slot: the call's; None where there is none.
    """
    at = branch.at.at if isinstance(branch.at, Parked) else branch.at
    if slot is None or not isinstance(at, AtNode):
        return ()
    mine = {stem(slot).replace("call.", "permit.", 1), ITEM if branch.of_item else ""}
    own = [
        item.id
        for item in branch.requests.values()
        if item.consumed and item.status == "approved" and item.body.get("slot") in mine
    ]
    return (*at.also, *((at.grant,) if at.grant and at.digest else ()), *own)


def refusal_of(item: Request) -> Refusal | None:
    """The no that a decided request holds; None for a yes or an answer.

    Args:
        item: the request.
    """
    decision = item.decisions[-1]
    if item.status in ("approved", "answered"):
        return None
    return Refusal(
        kind="expired" if item.status == "expired" else "denied",
        gate=item.body["gate"],
        who=decision.get("by"),
        when=_iso(decision["at"]),
        note=decision.get("note"),
    )


def taken_back(decision: dict[str, Any], node: str) -> ErrorRecord:
    """The error of a call whose approval was taken back before it was dispatched.

    Args:
        decision: as journalled.
        node: the node that the call belongs to.
    """
    note = f": {decision['note']}" if decision.get("note") else ""
    told = f"{decision['by']} took back the approval of {node!r} at {_iso(decision['at'])}{note}; it was not run"
    return ErrorRecord("invalid_call", "Revoked", told)


def not_approved(what: str) -> ErrorRecord:
    """The error of a call that no approval names.

    Args:
        what: the call, in words.
    """
    told = f"{what} has no approval that names exactly this call; it was not run"
    return ErrorRecord("invalid_call", "NotApproved", told)


def _told(proposed: Call, call: Call) -> str:
    """What a model is told of a call that people changed."""
    was, now = masked(proposed.arguments), masked(call.arguments)
    changed = [name for name, value in call.arguments.items() if value != proposed.arguments.get(name)]
    words = [f"{name}={json.dumps(now[name])} instead of {json.dumps(was.get(name))}" for name in changed]
    return f"A person changed the arguments of this call before it ran: {', '.join(words)}" if words else ""


def _call_slot(slot: str) -> str:
    """The slot of the call that a permission is about."""
    return slot.replace("permit.", "call.", 1)


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
