"""The events of a run's view: read when somebody looks, and at the latest when the App is closed.

Most views are never asked for their events, and those of a thousand steps take some megabytes, so they are not kept
from the start. Only the last view that an App made by reading a journal has its events at hand: whoever looks at a run
often looks at its steps next.
"""

from __future__ import annotations

import threading
from weakref import WeakSet, ref

from ..errors import GuidewayError, StoreError
from .store import Event, RunRow, SqliteStore
from .views import event_view

AT_HAND = 5_000
"""Events that a view has at hand, at most."""


class Kept:
    """The events of one view.

    Args:
        store: where they are.
        rid: the store's number of the run.
        run: the run's id.
        tail: the number of the view's last event.
    """

    __slots__ = ("__weakref__", "_events", "_failed", "at_hand", "rid", "run", "store", "tail")

    def __init__(self, store: SqliteStore, rid: int, run: str, tail: int) -> None:
        self.store, self.rid, self.run, self.tail = store, rid, run, tail
        self._events: list[Event] | None = None
        self._failed: GuidewayError | None = None
        self.at_hand: list[Event] | None = None

    def __call__(self) -> list[Event]:
        """The events, in order.

        Raises:
            StoreError: the App was closed, and they could not be read then.
        """
        if self._failed is not None:
            raise StoreError(
                f"the events of run {self.run!r} could not be read when its App was closed ({self._failed.message}): "
                f"look at run.events or run.steps before close(), or take the run again by app.get({self.run!r}) of an "
                "open App"
            ) from self._failed
        if self._events is None:
            at_hand = self.at_hand  # another thread may take them away
            self.take(self.store.events(self.rid) if at_hand is None else at_hand)
        assert self._events is not None
        return self._events

    def take(self, found: list[Event] | GuidewayError) -> None:
        """Takes the events that were read, or why they could not be; nothing where it has them already.

        Args:
            found: all events of the run, later ones too.
        """
        if isinstance(found, GuidewayError):
            self._failed = None if self._events is not None else found
        elif self._events is None:
            self._events = [event_view(event) for event in found if event.number <= self.tail]
            self.at_hand = None

    @property
    def read(self) -> bool:
        """Whether it has them."""
        return self._events is not None


class Keeper:
    """The events of all views of an App that somebody still holds."""

    def __init__(self) -> None:
        self._kept: WeakSet[Kept] = WeakSet()
        self._lock = threading.Lock()  # views are made in any thread
        self._last: ref[Kept] | None = None  # who has its events at hand

    def of(self, store: SqliteStore, row: RunRow, tail: int, events: list[Event] | None = None) -> Kept:
        """The events of a new view.

        Args:
            store: where they are.
            row: the run's.
            tail: the number of the view's last event.
            events: the run's, where they were just read.
        """
        kept = Kept(store, row.rid, row.id, tail)
        with self._lock:
            self._kept.add(kept)
            if events is not None and len(events) <= AT_HAND:
                last = None if self._last is None else self._last()
                if last is not None:
                    last.at_hand = None
                kept.at_hand, self._last = events, ref(kept)
        return kept

    def close(self) -> None:
        """Reads what was not read, once for each run, for those who look at a run after its App was closed."""
        with self._lock:
            held = [kept for kept in self._kept if not kept.read]
            self._kept.clear()
        found: dict[int, list[Event] | GuidewayError] = {}
        for kept in held:
            if kept.rid not in found:
                found[kept.rid] = _read(kept)
            kept.take(found[kept.rid])


def _read(kept: Kept) -> list[Event] | GuidewayError:
    try:
        return kept.store.events(kept.rid)
    except GuidewayError as error:
        return error
