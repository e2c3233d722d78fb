"""How a yes is taken back: until what it let pass is dispatched, by whoever said it, or by a holder of the role.

What a revocation comes to depends on how far the yes has come. A quorum that is not there yet loses one yes, and stays
open: nobody said no. A decision that the run has not used becomes a no. One that it has used is marked, and the
commit before the dispatch refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import DecisionRefused, GuidewayError
from ..flows.flow import Flow
from ..flows.position import AtGate, AtNode, Parked, Position
from .asking import approvers
from .branches import Branch
from .codec import read_position
from .keys import Keys
from .retrying import places_to_retry
from .roles import Roles, normal
from .standing import Standing, versions_of
from .store import Draft, Event, RequestRow, RunRow, SqliteStore
from .views import Request

_OVER = {
    "dispatched": "what it let pass was dispatched already. Cancel the run when the call is over, or settle it where "
    "the run parks",
    "denied": "the decision is a no",
    "edited": "the call was edited, and is asked about anew",
    "answered": "it was answered: there is no yes to take back",
    "expired": "nobody decided in time",
    "withdrawn": "it is not asked any more",
    "revoked": "it was taken back already",
}


class Revoking:
    """Revocations in the runs of one flow."""

    flow: Flow[Any]
    store: SqliteStore
    keys: Keys | None
    roles: Roles | None

    def revoke(self, request: Request | str, *, by: str, note: str | None, proof: str) -> RequestRow:
        """Takes a yes back.

        Args:
            request: the request, or its id.
            by: who takes it back.
            note: why.
            proof: how the name was proved.

        Raises:
            DecisionRefused: it cannot be taken back, or not by them; ``data["reason"]`` says why.
            RequestNotFound: no such request.
            RunNotReady: the run was cancelled.
        """
        row = self.asks(request, "approval")
        if not isinstance(by, str) or not normal(by):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise refused(row, "name", "by= must name who takes it back")
        body: dict[str, Any] = {"request": row.id, "by": by, "note": note, "proof": proof, "digest": row.digest}

        def build(run: RunRow, now: RequestRow, events: list[Event]) -> tuple[Draft, str]:
            self.of_this_flow(run, now)
            said = [event.body for event in events if event.kind == "decided" and event.body["request"] == now.id]
            self._may_take_back(run, now, said, by)
            if now.status == "open":
                return Draft("decided", body | {"status": "revoked"}), "open"
            if now.status == "approved":
                return Draft("decided", body | {"status": "denied", "revoked": True}), "denied"
            self._must_be_used_yet(run, now, said, events)
            return Draft("decided", body | {"status": "revoked"}), "revoked"

        return self.store.revoke(row.id, build)

    def asks(self, request: Request | str, kind: str) -> RequestRow:
        """The request, which asks for an approval, or for an answer."""
        raise NotImplementedError

    def of_this_flow(self, run: RunRow, row: RequestRow) -> None:
        """Refuses a request of another flow."""
        raise NotImplementedError

    def may_decide(self, run: RunRow, row: RequestRow, by: str) -> None:
        """Refuses who may not decide a request."""
        raise NotImplementedError

    def _may_take_back(self, run: RunRow, row: RequestRow, said: list[dict[str, Any]], by: str) -> None:
        mine = any(normal(name) == normal(by) for name in approvers(said))
        if row.status == "open" and not mine:
            raise refused(row, "open", f"{by!r} has not said yes to it: deny it instead")
        if row.status in _OVER:
            raise refused(row, row.status, _OVER[row.status])
        if not mine:
            self.may_decide(run, row, by)

    def _must_be_used_yet(self, run: RunRow, row: RequestRow, said: list[dict[str, Any]], events: list[Event]) -> None:
        """Refuses where the run has used the decision, and nothing that it let pass is still to be dispatched."""
        if not said or said[-1]["status"] != "approved":
            raise refused(row, "decision", "there is no yes to take back")
        try:
            standing = Standing(self.flow, row.run, self.keys, versions_of(self.store)).apply_all(events)
            used = any(row.id in needed for needed in _needed(standing, events, over=run.status == "ended"))
        except GuidewayError:  # the flow changed so that the run does not fold: where it stands is not known
            used = True
        if not used:
            raise refused(row, "over", "the run is past it, and nothing that it let pass is still to be dispatched")


def _needed(standing: Standing[Any], events: list[Event], *, over: bool) -> Iterator[tuple[str, ...]]:
    """The approvals that the places where a run stands need; once it is over, those where a retry would go on."""
    branches = list(standing.open_branches())
    for dropped in standing.dropped.values():
        for child in (*dropped.children, *dropped.failed.values()):
            branches += [child, *child.within_branches()]
    for branch in branches:
        yield from _of_branch(branch)
    if over:
        for place in places_to_retry(events):
            yield _of(read_position(place["to"]))


def _of_branch(branch: Branch) -> Iterator[tuple[str, ...]]:
    yield _of(branch.at)
    yield tuple(item.id for item in branch.requests.values() if item.consumed)
    for failed in branch.failed.values():
        yield from _of_branch(failed)


def _of(at: Position) -> tuple[str, ...]:
    if isinstance(at, Parked):
        at = at.at
    if isinstance(at, AtNode):
        return (*at.also, at.grant) if at.grant is not None else at.also
    return at.also if isinstance(at, AtGate) else ()


def refused(row: RequestRow, reason: str, told: str) -> DecisionRefused:
    """The error of a decision that does not count.

    Args:
        row: the request.
        reason: one word.
        told: why, in words.
    """
    return DecisionRefused(f"request {row.id!r}: {told}", run=row.run, request=row.id, reason=reason)
