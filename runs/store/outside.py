"""What people change about a run without driving it: decisions, cancels, and whatever else they settle."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..lifecycle import advance
from . import journal, requests, rows
from .database import Database, Transaction
from .reading import Reading
from .records import Change, Draft, Event, RequestRow, RunRow

Guard = Callable[[RunRow, RequestRow, Callable[[], list[Event]]], str | None]
"""Called inside a decision's transaction with the run, the request and a function that reads the whole journal: one
decision of a long run should not cost as much as all that came before it.

It raises to refuse. It may return a status that the request takes instead: ``open``, when a quorum
wants more than this yes.
"""
TakeBack = Callable[[RunRow, RequestRow, list[Event]], tuple[Draft, str]]
"""Called inside a transaction with a run, a request and the journal; says what is recorded and the request's new
status, or raises."""
Build = Callable[[RunRow, list[Event], list[RequestRow]], Change]
"""Called inside a transaction with a run, its journal and all its requests; says what to change, or raises."""


class Outside(Reading):
    """Changes from outside of a run's driver, each power-safe and in one transaction.

    Args:
        database: the store's connection.
        clock: gives the unix time of events and of decisions.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        super().__init__(database)
        self._clock = clock

    def append_outside(self, run_id: str, build: Build, *, power: bool = True) -> list[Event]:
        """Change a run without holding it: settle, retry, and whatever else a person decides.

        A driver that works at that time gets TailMoved at its next commit; LeaseLost, when the change evicts it.

        Args:
            run_id: the run's id.
            power: this commit survives a power loss.
            build: called inside the transaction with what is there; says what to change, or raises to refuse.

        Raises:
            RunNotFound: no such run.
        """
        with self._db.writing("", power=power) as tx:
            row = rows.find(tx.cursor, run_id, self.path)
            events = journal.read(tx.cursor, row.rid, 0, self.path)
            asked = requests.listed(tx.cursor, self.path, "q.rid = ?", (row.rid,))
            change = build(row, events, asked)
            return self._outside(tx, row, change)

    def decide(
        self,
        request_id: str,
        draft: Draft,
        *,
        status: str,
        digest: str | None = None,
        expect: str = "open",
        guard: Guard | None = None,
    ) -> tuple[RequestRow, Event]:
        """Record a decision about a request, and wake the run that waits for it: power-safe, exactly one wins.

        Args:
            request_id: the request's id.
            draft: the event that says who decided what.
            status: what the request becomes: approved, denied, edited, answered or expired.
            digest: of what was seen; None decides about whatever is asked (expiry).
            expect: the status that the request must have.
            guard: looks at the run, the request and the journal inside the transaction; see Guard.

        Raises:
            RequestNotFound: no such request.
            DecisionRefused: ``data["reason"]`` is the request's status when it is not the one expected; ``digest`` when
                something else was seen; ``late`` after its time, ``early`` for an expiry before it.
            RunNotReady: the run is over.
        """
        with self._db.writing(draft.kind, power=True) as tx:
            request = requests.find(tx.cursor, request_id, self.path)
            self._refuse(request, digest, expect, status)
            row = rows.find(tx.cursor, request.rid, self.path)
            if guard is not None:
                status = guard(row, request, lambda: journal.read(tx.cursor, row.rid, 0, self.path)) or status
            if status != expect:
                requests.settle(tx.cursor, request, expect, status)
            after = advance(row.status, "decide", row.id)
            woken = after if after != row.status and status != expect else None
            (event,) = self._outside(tx, row, Change((draft,), status=woken))
            return requests.find(tx.cursor, request_id, self.path), event

    def _refuse(self, request: RequestRow, digest: str | None, expect: str, status: str) -> None:
        if request.status != expect:
            raise requests.refused(request, f"only what is {expect} can be decided so", request.status)
        if digest is not None and digest != request.digest:
            raise requests.refused(request, "what was seen is not what is asked now; look at it again", "digest")
        over = request.due is not None and self._clock() >= request.due
        if over and status != "expired":
            raise requests.refused(request, "its time is over", "late")
        if not over and status == "expired":
            raise requests.refused(request, "its time is not over", "early")

    def revoke(self, request_id: str, build: TakeBack) -> RequestRow:
        """Record that a yes is taken back: power-safe, and never after what it let pass was dispatched.

        The driver's commit before a dispatch expects the status that this one changes: exactly one of the two wins.

        Args:
            request_id: the request's id.
            build: called inside the transaction with the run, the request and the journal; says what is recorded and
                the request's new status, or raises to refuse.

        Raises:
            RequestNotFound: no such request.
            RunNotReady: the run was cancelled.
        """
        with self._db.writing("decided", power=True) as tx:
            request = requests.find(tx.cursor, request_id, self.path)
            row = rows.find(tx.cursor, request.rid, self.path)
            advance(row.status, "revoke", row.id)
            draft, status = build(row, request, journal.read(tx.cursor, row.rid, 0, self.path))
            requests.settle(tx.cursor, request, request.status, status)
            self._outside(tx, row, Change((draft,)))
            return requests.find(tx.cursor, request_id, self.path)

    def cancel(self, run_id: str, draft: Draft, *, guard: Callable[[RunRow, list[Event]], None] | None = None) -> Event:
        """End a run from outside: its open requests are withdrawn, and its driver can commit nothing more.

        Args:
            run_id: the run's id.
            draft: the event that says who cancelled it, and why.
            guard: looks at the run and the journal inside the transaction, and raises to refuse.

        Raises:
            RunNotFound: no such run.
            RunNotReady: it is over already.
        """
        with self._db.writing(draft.kind, power=True) as tx:
            row = rows.find(tx.cursor, run_id, self.path)
            status = advance(row.status, "cancel", run_id)
            if guard is not None:
                guard(row, journal.read(tx.cursor, row.rid, 0, self.path))
            (event,) = self._outside(tx, row, Change((draft,), status=status, evict=True))
            return event

    def _outside(self, tx: Transaction, row: RunRow, change: Change) -> list[Event]:
        tx.kinds = kinds(change.drafts) or "update"
        return journal.write(tx.cursor, row.rid, row.tail, row.link, change, at=self._clock(), path=self.path)


def kinds(drafts: Sequence[Draft]) -> str:
    """What a commit of these drafts is called for the hook."""
    return ",".join(draft.kind for draft in drafts)
