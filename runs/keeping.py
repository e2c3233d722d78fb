"""The events of a run's view: read when somebody looks, and at the latest when the App is closed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from weakref import WeakSet

from ..errors import GuidewayError, StoreError
from .store import Event, SqliteStore


class Kept:
    """The events of one view. Most views are never asked for them, so they are not read before.

    Args:
        store: where they are.
        rid: the store's number of the run.
        run: the run's id.
        tail: the number of the view's last event.
        events: the events, where they are at hand.
    """

    __slots__ = ("__weakref__", "_events", "_failed", "_place")

    def __init__(self, store: SqliteStore, rid: int, run: str, tail: int, events: Sequence[Event] | None) -> None:
        self._place = (store, rid, run, tail)
        self._events = None if events is None else list(events)
        self._failed: GuidewayError | None = None

    def __call__(self) -> list[Event]:
        """The events, in order.

        Raises:
            StoreError: the App was closed, and they could not be read then.
        """
        if self._failed is not None:
            run = self._place[2]
            raise StoreError(
                f"the events of run {run!r} could not be read when its App was closed ({self._failed.message}): look "
                f"at run.events or run.steps before close(), or take the run again by app.get({run!r}) of an open App"
            ) from self._failed
        if self._events is None:
            store, rid, _, tail = self._place
            self._events = [event for event in store.events(rid) if event.number <= tail]
        return self._events

    def keep(self) -> None:
        """Reads them now if nobody did: the store is about to be closed."""
        try:
            self()
        except GuidewayError as error:
            self._failed = error


class Keeper:
    """The events of all views of an App that somebody still holds."""

    def __init__(self) -> None:
        self._kept: WeakSet[Kept] = WeakSet()
        self._lock = threading.Lock()  # views are made in any thread

    def of(self, store: SqliteStore, rid: int, run: str, tail: int, events: Sequence[Event] | None) -> Kept:
        """The events of a new view.

        Args:
            store: where they are.
            rid: the store's number of the run.
            run: the run's id.
            tail: the number of the view's last event.
            events: the events, where they are at hand.
        """
        kept = Kept(store, rid, run, tail, events)
        if events is None:
            with self._lock:
                self._kept.add(kept)
        return kept

    def close(self) -> None:
        """Reads what was not read, for those who look at a run after its App was closed."""
        with self._lock:
            held = list(self._kept)
            self._kept.clear()
        for kept in held:
            kept.keep()
