"""Where runs stood when this process took them, so that taking one again folds only what came since.

A cache, and nothing else: the journal stays the truth. What is kept was folded from the journal before anything was
driven, so that no node, listener or caller ever had it in hand; it is believed only where the journal still has the
link that it stands on, and each time it is given away whole.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from ..flows.inside import flows_in
from .gone import GONE, UNTYPED
from .standing import Standing

if TYPE_CHECKING:
    from .store import Lease, RunRow, SqliteStore

EVENTS = 20_000
"""Events that the journals of all kept standings have together, at most: what bounds the memory."""
SEEN = 1_000
"""Runs of which it is known that they were taken before."""


S = TypeVar("S", bound=BaseModel)


class Remembered(Generic[S]):
    """The standings of runs that are taken again and again, as those are that wait for people."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Standing[S], bytes]] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()  # runs are taken in any thread
        self._events = 0

    def goes_on(self, store: SqliteStore, lease: Lease) -> Standing[S] | None:
        """Where a run stands, folded on from where it stood before; None where that is not known.

        Args:
            store: where its journal is.
            lease: the run's, so that nobody else drives it.

        Raises:
            JournalBroken: an event that came since cannot be read, or does not fold.
        """
        with self._lock:
            standing, link = self._forget(lease.run)
        if standing is None:
            return None
        events = store.since(lease.rid, standing.tail, link)
        return None if events is None else standing.apply_all(events)

    def keep(self, standing: Standing[S], row: RunRow) -> None:
        """Keeps a copy of a standing, from the second time on that its run is taken: most are taken once.

        A run that has secrets is not kept: they are in clear in its state, and stay in memory only while it is driven.

        Args:
            standing: as it was just folded.
            row: the run's.
        """
        run = standing.run
        with self._lock:
            again = run in self._seen
            self._seen[run] = None
            self._seen.move_to_end(run)
            if len(self._seen) > SEEN:
                self._seen.popitem(last=False)
        bare = standing.vault is None and not standing.past and standing.over is None
        if not (again and bare and row.tail == standing.tail <= EVENTS):
            return
        kept = copied(standing)
        with self._lock:
            self._forget(run)
            self._kept[run] = kept, row.link
            self._events += kept.tail
            while self._events > EVENTS:
                self._forget(next(iter(self._kept)))

    def _forget(self, run: str) -> tuple[Standing[S] | None, bytes]:
        standing, link = self._kept.pop(run, (None, b""))
        self._events -= 0 if standing is None else standing.tail
        return standing, link


def copied(standing: Standing[S]) -> Standing[S]:
    """A standing that shares nothing that changes with another.

    Args:
        standing: the other, of the version of today.
    """
    shared: list[Any] = [standing.keys, GONE, UNTYPED]
    for flow in flows_in(standing.flow):
        shared += (flow, flow.type, *flow.regions.values())
    return deepcopy(standing, {id(one): one for one in shared})
