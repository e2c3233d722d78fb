"""What drivers of many runs ask a store: which runs nobody drives, and to let one go between two calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import JournalBroken
from . import journal, requests
from .leases import COLUMNS, Held, Leases
from .outside import Outside
from .records import Event, Lease

DEATHS = 3
"""Drivers of a run that died one after the other, until it is taken only after all others."""

_DRIVABLE = f"select id, {COLUMNS} from runs where status in ('ready', 'running') and flow = ? order by rid"
_PARKED = """
    select id, (select max(key) from events where key between rid << 32 and (rid << 32) + 4294967295)
    from runs where status = 'parked' and flow = ? order by rid
"""
_EVICT = """
    update runs set fence = fence + 1, holder = null, until = null, ticks = null, ttl = null where rid = ? and fence = ?
"""


class Driving(Outside):
    """The store as workers see it."""

    _leases: Leases

    def drivable(self, flow: str) -> list[str]:
        """The ids of a flow's runs that are ready, or under way, and that nobody drives who may be alive: oldest first.

        A run under whose drivers one process after the other died comes last, so that it does not hold up the others.

        Args:
            flow: the flow's name.
        """
        with self._db.reading() as cursor:
            found = cursor.execute(_DRIVABLE, (flow,)).fetchall()
            first: list[str] = []
            last: list[str] = []
            for run, *row in found:
                state = self._look(tuple(row), run)
                deaths = row[1] - row[6] + (state == "dead")
                if state != "held":
                    (last if deaths >= DEATHS else first).append(run)
        return first + last

    def held(self, run_id: str) -> Held:
        """Whether somebody drives a run: ``free``, ``dead``, ``over`` or ``held``, as ``acquire`` sees it.

        Args:
            run_id: the run's id.
        """
        with self._db.reading() as cursor:
            row = cursor.execute(f"select {COLUMNS} from runs where id = ?", (run_id,)).fetchone()
            return "free" if row is None else self._leases.look(row, run_id)

    def _look(self, row: tuple[Any, ...], run: str) -> Held:
        try:
            return self._leases.look(row, run)
        except JournalBroken:
            return "free"  # whoever takes it is told

    def parked(self, flow: str) -> list[tuple[str, int]]:
        """The ids of a flow's parked runs, and the number of each one's last event: oldest first.

        Args:
            flow: the flow's name.
        """
        with self._db.reading() as cursor:
            found = cursor.execute(_PARKED, (flow,)).fetchall()
        return [(run, 0 if key is None else key & 0xFFFFFFFF) for run, key in found]

    def let_go(self, lease: Lease, *, between: Callable[[list[Event]], bool]) -> bool:
        """Let a run go where its driver may be at work, but only between two calls: then it commits nothing more.

        Args:
            lease: the run's.
            between: whether no call is under way, by the journal that this driver knows; asked in the transaction.

        Returns:
            Whether this process does not hold the run any more.
        """
        with self._db.writing("let go") as tx:
            events = journal.read(tx.cursor, lease.rid, 0, self.path)
            if not between([event for event in events if event.number <= lease.tail]):
                return False
            tx.cursor.execute(_EVICT, (lease.rid, lease.fence))
        self._drop(lease)
        return True

    def _drop(self, lease: Lease) -> None:
        lease.deadline = float("-inf")
        self._leases.forget(lease)

    def told(self, request: str, moment: float, now: float) -> bool:
        """Take it on to tell people of a request: only one caller of the store does for each moment.

        Args:
            request: the request's id.
            moment: as ``to_tell`` gave it.
            now: unix seconds.

        Returns:
            Whether it is this caller who tells.
        """
        return self._db.single(requests.TOLD, (now, request, moment), "notice") == 1
