"""What people and policies say to the calls of a step: requests that open, decisions that are used once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..errors import GuidewayError
from ..flows.decisions import Answer, Asks, Passed, Stopped, permit
from ..guards.budgets import NOTHING
from ..guards.evaluation import OpaqueFailed
from ..guards.gates import Gate
from ..nodes.ask import Ask
from ..nodes.calls import PENDING, Allowed, Call, CallFailed, Expired, Pending, Refused, Stop
from ..nodes.outcome import ErrorRecord, Refusal
from ..nodes.tool import Tool
from .asking import Opening, answer_request, approval_request
from .standing import Pending as Request
from .store.records import Draft

if TYPE_CHECKING:
    from .driver import Drive


class Permits:
    """The part of a step's calls that asks people.

    Args:
        drive: the run being driven.
        node: the node's name.
        grant: the request that let the run reach this node, or ``exempt:<gate>``.
        digest: of the call that the grant names.
    """

    def __init__(self, drive: Drive[Any], node: str, grant: str | None, digest: str | None) -> None:
        self.drive = drive
        self.node = node
        self.grant = grant
        self.digest = digest
        self.openings: list[Opening] = []
        self.spent = NOTHING
        self.granted: dict[str, tuple[str, str]] = {}
        self.waits = False
        self.log: list[dict[str, Any]] = []

    async def permit(
        self, slot: str, tool: Tool[..., Any], call: Call, gates: tuple[Gate, ...]
    ) -> Allowed | Refused | Pending:
        """See ``Calls.permit``: gates are walked by the semantics; a request opens where one asks."""
        found = {
            (item.body["index"], tuple(item.body["turns"])): item
            for item in self.drive.standing.requests.values()
            if item.body.get("slot") == slot
        }

        def answered(index: int, turns: tuple[str, ...]) -> Answer | None:
            item = found.get((index, turns))
            if item is None or item.status == "open":
                return None
            self._consume(item)
            return Answer(item.id, refusal_of(item))

        try:
            verdict = permit(gates, self.drive.standing.state, call, self.drive.flow.tools, answered)
        except OpaqueFailed as cause:
            raise CallFailed(
                ErrorRecord("bug", type(cause.cause).__name__, f"{cause.name} raised: {cause.cause}")
            ) from cause
        if isinstance(verdict, Asks):
            if (verdict.index, verdict.turns) not in found:
                self._open(slot, verdict, call)
            self.waits = True
            return PENDING
        self.log.extend({"slot": slot} | entry for entry in verdict.log)
        if isinstance(verdict, Stopped):
            return Refused(verdict.refusal, verdict.way)
        self._grant(slot, verdict)
        return Allowed(call)

    def _grant(self, slot: str, passed: Passed) -> None:
        if passed.grant is None:
            return
        approved = self.drive.standing.requests.get(passed.grant)
        digest = "" if approved is None else approved.body["digest"]
        self.granted[slot.replace("permit.", "call.", 1)] = (passed.grant, digest)

    def _open(self, slot: str, asks: Asks, call: Call) -> None:
        standing = self.drive.standing
        request = f"{standing.run}.{standing.asked + len(self.openings) + 1}"
        place = {"slot": slot, "index": asks.index, "turns": list(asks.turns)}
        self.openings.append(
            approval_request(
                request=request,
                run=standing.run,
                gate=asks.gate,
                node=self.node,
                call=call,
                state=standing.state,
                place=place,
            )
        )

    async def answer(self, slot: str, ask: Ask, question: str) -> Any:
        """See ``Calls.answer``."""
        standing = self.drive.standing
        for item in standing.requests.values():
            if item.body.get("slot") != slot:
                continue
            if item.status == "open":
                self.waits = True
                return PENDING
            self._consume(item)
            refusal = refusal_of(item)
            return item.decisions[-1]["value"] if refusal is None else Expired(refusal)
        request = f"{standing.run}.{standing.asked + 1}"
        self.openings.append(answer_request(request=request, run=standing.run, ask=ask, question=question, slot=slot))
        self.waits = True
        return PENDING

    def _consume(self, item: Request) -> None:
        """A decision is used once: by compare-and-set in the store, before anything follows from it."""
        if item.consumed:
            return
        body = {"request": item.id, "slot": item.body["slot"], "decision": item.decisions[-1]}
        self._commit("gate", body, request_status={item.id: "consumed"})

    def _commit(self, kind: str, body: dict[str, Any], *, power: bool = True, **change: Any) -> None:
        try:
            self.drive.commit([Draft(kind, body)], power=power, **change)
        except GuidewayError as error:
            raise Stop() from error


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


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
