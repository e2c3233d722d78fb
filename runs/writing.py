"""What a drive commits: events with all that changes with them, in one transaction, folded as they were stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from ..errors import GuidewayError, LeaseLost
from ..flows.flow import Flow
from ..flows.position import Position
from ..nodes.calls import Stop
from .branches import Branch
from .readiness import still
from .standing import Standing
from .store import Draft, Event, Lease, Part, TailMoved
from .store.records import EffectTaken

if TYPE_CHECKING:
    from .engine import Engine
    from .recording import Recording
    from .sharing import Queue

S = TypeVar("S", bound=BaseModel)


class Writing(Generic[S]):
    """One run, under the lease of this process, and its journal.

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
        self.queue: Queue | None = None  # of the loop that drives it
        self.busy: set[str] = set()
        self.untold: dict[str, Recording] = {}
        self.opened: set[tuple[str, int, str | None]] = set()  # what holds others, and whose approvals were used
        self._settling: list[asyncio.Future[None]] = []
        self.misfit = False  # it does not fit the flow as it is now: nothing is done
        self._stopped = False

    def commit(
        self,
        branch: Branch,
        drafts: Sequence[Draft],
        *,
        power: bool = False,
        status: str | None = None,
        rests: Position | None = None,
        again: bool = True,
        **change: Any,
    ) -> None:
        """Commits events and what changes with them, and folds them.

        An event that somebody else appended in between (a decision) is folded first; a run that somebody
        cancelled is not ours any more.

        Args:
            branch: whose events they are.
            drafts: the events.
            power: the commit survives a power loss.
            status: the run's new status; ``running`` is written where the stored one was another.
            rests: where the branch comes to rest by it: where nothing else can go on, the run waits or is parked.
            again: commit again after what somebody else appended; else TailMoved goes to the caller.
            change: whatever else ``store.append`` takes.

        Raises:
            LeaseLost: another process drives the run now, or it was cancelled.
        """
        self._name(branch, drafts)
        while True:
            to = self._to(branch, status, rests)
            try:
                events = self.engine.store.append(self.lease, drafts, power=power, status=to, **change)
            except TailMoved as moved:
                if not again:
                    raise
                self.fold(moved.events)
                continue
            break
        self._committed(branch, drafts, to, events)

    async def share(
        self,
        branch: Branch,
        drafts: Sequence[Draft],
        *,
        power: bool = False,
        status: str | None = None,
        rests: Position | None = None,
        again: bool = True,
        **change: Any,
    ) -> None:
        """As ``commit``, in one transaction with what other runs of the same loop commit in this turn of it.

        A run that is alone commits at once. So does one with several branches: what one of them commits, the others
        must see before they decide anything.

        Args:
            branch: whose events they are.
            drafts: the events.
            power: the commit survives a power loss.
            status: the run's new status; ``running`` is written where the stored one was another.
            rests: where the branch comes to rest by it.
            again: commit again after what somebody else appended; else TailMoved goes to the caller.
            change: whatever else ``store.append`` takes.

        Raises:
            LeaseLost: another process drives the run now, or it was cancelled.
            CancelledError: the task was cancelled; what had happened is committed and folded.
        """
        queue = self.queue
        if queue is None or not queue.shared or len(self.standing.branches) > 1:
            self.commit(branch, drafts, power=power, status=status, rests=rests, again=again, **change)
            return
        how: dict[str, Any] = {"power": power, "status": status, "rests": rests, "again": again, **change}
        self._name(branch, drafts)
        while True:
            to = self._to(branch, status, rests)
            part = self.engine.store.part(self.lease, drafts, power=power, status=to, **change)
            try:
                await queue.write(part)
            except asyncio.CancelledError as cancelled:
                try:
                    if part.over:
                        self._conclude(branch, drafts, to, part, how)
                except (GuidewayError, EffectTaken, TailMoved) as refused:
                    raise cancelled from refused
                raise
            try:
                events = part.result()
            except TailMoved as moved:
                if not again:
                    raise
                self.fold(moved.events)
                continue
            break
        self._committed(branch, drafts, to, events)

    def _conclude(
        self, branch: Branch, drafts: Sequence[Draft], to: str | None, part: Part[list[Event]], how: dict[str, Any]
    ) -> None:
        """For one who was cancelled: what was written is folded; what others' events kept out is written behind them.

        Only a call is not begun any more.
        """
        try:
            events = part.result()
        except TailMoved as moved:
            self.fold(moved.events)
            if not part.begins:
                self.commit(branch, drafts, **how)
        else:
            self._committed(branch, drafts, to, events)

    def _name(self, branch: Branch, drafts: Sequence[Draft]) -> None:
        if branch.path:
            for draft in drafts:
                draft.body["branch"] = branch.path

    def _to(self, branch: Branch, status: str | None, rests: Position | None) -> str | None:
        to = status or (None if rests is None else self._resting(branch, rests))
        return "running" if to is None and self.status != "running" else to

    def _committed(self, branch: Branch, drafts: Sequence[Draft], to: str | None, events: Sequence[Event]) -> None:
        if to is not None:
            self.status = to
        if self.untold and any(draft.kind == "step" for draft in drafts):
            self.untold.pop(branch.path, None)
        self.fold(events)

    def _resting(self, branch: Branch, at: Position) -> str | None:
        """The run's status once this branch stands there and does not go on; None while anything else does."""
        if self.busy - {branch.path}:
            return None
        before, branch.at = branch.at, at
        try:
            return still(self.standing, branch.path)
        finally:
            branch.at = before

    def fold(self, events: Sequence[Event]) -> None:
        """Folds events that were stored, and tells the listeners.

        Args:
            events: the next of the run.

        Raises:
            LeaseLost: the run was cancelled.
        """
        for event in events:
            self.standing.apply(event)
            if event.kind == "cancelled":
                raise LeaseLost(f"run {self.standing.run!r} was cancelled", run=self.standing.run, status="cancelled")
            self.engine.tell(self.standing.run, event)
        if self._settling:
            self._settled()

    async def settlement(self) -> None:
        """Waits until something else of the run is committed: a call that was settled may have given back.

        Raises:
            Stop: the drive stops, and nothing will be committed.
        """
        if not self._stopped:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._settling.append(waiter)
            await waiter
        if self._stopped:
            raise Stop()

    def stop(self) -> None:
        """Begins nothing more; whoever waits for a settlement waits no longer."""
        self._stopped = True
        self._settled()

    def _settled(self) -> None:
        for waiter in self._settling:
            if not waiter.done():
                waiter.set_result(None)
        self._settling = []

    def reserved_beside(self, branch: Branch) -> bool:
        """Whether a call of another branch is under way, whose reservation may be given back in part.

        Args:
            branch: the branch that asks.
        """
        return any(
            call.result is None and call.intent is not None and call.intent["kind"] == "model"
            for path in self.busy - {branch.path}
            if (other := self.standing.branches.get(path)) is not None
            for call in other.calls.values()
        )

    def withdraw(self, branch: Branch, change: dict[str, Any], *, own: bool = True) -> None:
        """Requests of what is over, and that nobody used, are withdrawn with it.

        Args:
            branch: what is over, with all that came from it.
            change: the commit's changes, added to.
            own: the branch's own requests too, not only those of what came from it.
        """
        taken: Mapping[str, str] = change.get("request_status", {})
        branches = (*((branch,) if own else ()), *branch.within_branches())
        left = {
            item.id: "withdrawn"
            for one in branches
            for item in one.requests.values()
            if not item.consumed and item.id not in taken
        }
        if left:
            change["request_status"] = {**taken, **left}
