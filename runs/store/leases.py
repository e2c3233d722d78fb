"""Leases in the table of runs: who drives a run, until when, and when another may take it over."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Hashable
from typing import Any, Literal

from ...errors import RunBusy
from . import journal, rows
from .holder import Holder, this_process
from .records import Event, Lease

TTL = 15.0  # seconds; the heartbeat renews after a third of it
_SAFE = 0.9  # the part of it in which effects are dispatched: the rest covers the way from the check to the call

_RENEW = "update runs set until = ?, ticks = ? where rid = ? and fence = ? and holder is not null"
RELEASE = "update runs set holder = null, until = null, ticks = null, ttl = null where rid = ? and fence = ?"

COLUMNS = "rid, fence, holder, until, ticks, ttl, dead_from"
"""What ``Leases.look`` wants to see of a run."""

Held = Literal["free", "dead", "over", "held"]
"""Nobody drives a run; who did is proved dead; the lease of who did, and may live, is over; somebody does."""

# Leases that live in this process. One that was dropped without a release commits nothing any more: it is over at once.
_held: weakref.WeakValueDictionary[tuple[Hashable, int, int], Lease] = weakref.WeakValueDictionary()


class Leases:
    """Takes and renews the leases of one store.

    Args:
        path: the store's, to name it.
        file: what tells this store from others in the process.
        ttl: seconds that a lease lasts without renewal; None in memory, where it lasts until it is released.
    """

    def __init__(self, path: str, file: Hashable, ttl: float | None) -> None:
        self.path = path
        self.file = file
        self.ttl = ttl
        self._watched: dict[int, tuple[tuple[Any, ...], float]] = {}

    def take(self, cursor: sqlite3.Cursor, run: str) -> Lease:
        """Give this process the lease of a run, inside the caller's transaction.

        Raises:
            RunNotFound: no such run.
            RunBusy: somebody holds it, who may be alive.
        """
        row = cursor.execute(f"select {COLUMNS} from runs where id = ?", (run,)).fetchone()
        if row is None:
            raise rows.missing(run, self.path)
        rid, fence, *_, dead_from = row
        state = self.look(row, run)
        if state == "held":
            raise self._busy(run, Holder.read(row[2]), row[3], row[4])
        self._watched.pop(rid, None)
        return self.begin(cursor, rid, run, fence + 1, dead_from if state == "dead" else fence + 1)

    def look(self, row: tuple[Any, ...], run: str) -> Held:
        """Whether a run can be taken, and why.

        Args:
            row: rid, fence, holder, until, ticks, ttl and dead_from.
            run: the run's id.

        Raises:
            JournalBroken: the holder does not decode.
        """
        if row[2] is None:
            return "free"
        try:
            other = Holder.read(row[2])
        except (ValueError, TypeError) as cause:
            raise rows.broken(self.path, f"the holder of run {run!r}", cause, row=f"runs {row[0]}") from cause
        if other.provably_dead():
            return "dead"
        return "over" if self._over(other, row) else "held"

    def begin(
        self, cursor: sqlite3.Cursor, rid: int, run: str, fence: int, dead_from: int, last: Event | None = None
    ) -> Lease:
        """Write this process down as the holder of a run that nobody holds; ``last`` is its last event, where known."""
        wall, ticks = time.time(), time.monotonic()
        ttl = self.ttl
        cursor.execute(
            "update runs set fence = ?, dead_from = ?, holder = ?, until = ?, ticks = ?, ttl = ? where rid = ?",
            (
                fence,
                dead_from,
                this_process().text(),
                *((None, None) if ttl is None else (wall + ttl, ticks + ttl)),
                ttl,
                rid,
            ),
        )
        tail, link = journal.tail(cursor, rid, run) if last is None else (last.number, last.link)
        lease = Lease(rid, run, fence, tail, link, float("inf") if ttl is None else ticks + ttl * _SAFE, dead_from)
        _held[self.file, rid, fence] = lease
        return lease

    def forget(self, lease: Lease) -> None:
        """This process does not drive by it any more, even where that cannot be written: it may take the run anew.

        Args:
            lease: the run's.
        """
        _held.pop((self.file, lease.rid, lease.fence), None)

    def _over(self, other: Holder, row: tuple[Any, ...]) -> bool:
        """Whether the lease of a holder that may live is over: nobody has it any more, or its time is up."""
        rid, fence, _, until, ticks, ttl, _ = row
        here = this_process()
        if (until is None or other.same_process(here)) and (self.file, rid, fence) not in _held:
            return True
        if until is None:
            return False
        if other.same_clock(here):
            return time.monotonic() > float(ticks)  # on one boot, a wall clock that jumps changes nothing
        if time.time() > until:
            return True
        # The other's wall clock may be wrong: a lease that nobody renewed while we watched is over too.
        seen, since = self._watched.setdefault(rid, ((fence, until), time.monotonic()))
        if seen != (fence, until):
            self._watched[rid] = ((fence, until), time.monotonic())
            return False
        return time.monotonic() - since > float(ttl)

    def _busy(self, run: str, other: Holder, until: float | None, ticks: float | None) -> RunBusy:
        who = other.describe()
        here = this_process()
        if other == here:
            who += ", this process"
        if until is None or ticks is None:
            left = "until it releases it"
        else:
            seconds = ticks - time.monotonic() if other.same_clock(here) else until - time.time()
            left = f"for {max(seconds, 0):.0f} s more, unless it renews"
        return RunBusy(
            f"run {run!r} is driven by {who}, {left}. Wait for it, or stop that process.",
            run=run,
            holder=other.describe(),
            until=until,
        )


def renew(cursor: sqlite3.Cursor, lease: Lease, ttl: float) -> float:
    """Prolong a lease inside the caller's transaction.

    Returns:
        The new deadline, for when the transaction has committed; minus infinity when the lease is lost.
    """
    wall, ticks = time.time(), time.monotonic()
    if cursor.execute(_RENEW, (wall + ttl, ticks + ttl, lease.rid, lease.fence)).rowcount:
        return ticks + ttl * _SAFE
    return float("-inf")


def _after_fork() -> None:
    """Called in a forked child: what its parent holds is the parent's, and nothing is dispatched under it here."""
    for lease in list(_held.values()):
        lease.deadline = float("-inf")
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
