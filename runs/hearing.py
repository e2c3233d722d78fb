"""Hears that a run was cancelled or taken over while it is driven: the drive is given up soon, not at its next commit.

A store has no way to call a process, so it is asked: once for all the runs that a loop drives. What is
given up is a wait: for a model, between two tries, for a tool without effect. A call with an effect that
this process has begun is never broken off; its driver finds at its end that the run is not its own.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from types import TracebackType
from typing import Self

from ..errors import GuidewayError, LeaseLost
from .store import Lease, SqliteStore
from .underway import open_tools

EVERY = 0.3
"""Seconds between two looks at the store."""

_log = logging.getLogger("guideway")


class Hearing:
    """Gives the task that drives a run up when the run is not its own any more; use it by ``async with``.

    The task is cancelled, so that whatever it awaits is; on the way out LeaseLost stands for the
    cancellation. A cancellation from outside stays one.

    Args:
        store: the store.
        lease: the run's, as this process got it.
        every: seconds between two looks; of one loop and store, the first driver's count.
    """

    def __init__(self, store: SqliteStore, lease: Lease, *, every: float = EVERY) -> None:
        self.store = store
        self.lease = lease
        self.status: str | None = None
        self._every = every
        self._task: asyncio.Task[object] | None = None
        self._before = 0

    @property
    def lost(self) -> bool:
        """Whether the drive was given up."""
        return self.status is not None

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        assert self._task is not None  # inside of a coroutine there is one
        self._before = self._task.cancelling()
        _ear(self.store, self._every).add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _ear(self.store, self._every).remove(self)
        if not self.lost or self._task is None:
            return
        others = self._task.uncancel() > self._before
        if isinstance(error, asyncio.CancelledError) and not others:
            run = self.lease.run
            raise LeaseLost(
                f"run {run!r} is {self.status} now, and this process does not drive it any more. Look at the run.",
                run=run,
                status=self.status,
            ) from error

    def look(self, fence: int | None, status: str) -> None:
        """Gives the drive up where the store says that the run is another's, or nobody's.

        Args:
            fence: of whoever may drive the run now; None where the run is gone.
            status: the run's.
        """
        if fence == self.lease.fence or self.lost or self._task is None or self._in_a_call():
            return
        self.status = status
        self._task.cancel()

    def _in_a_call(self) -> bool:
        """Whether a call with an effect has begun here and has not ended: others' events say nothing about that."""
        try:
            events = self.store.events(self.lease.rid)
        except GuidewayError:
            return False  # a journal that cannot be read is not driven on either
        return bool(open_tools([event for event in events if event.number <= self.lease.tail]))


def hearing(store: SqliteStore, lease: Lease, *, every: float = EVERY) -> Hearing:
    """Listens in an ``async with`` around what drives a run.

    Args:
        store: the store.
        lease: the run's, as this process got it.
        every: seconds between two looks.

    Raises:
        LeaseLost: on the way out, when the run was cancelled or taken over; ``data["status"]`` is its status.
    """
    return Hearing(store, lease, every=every)


class _Ear:
    """Looks at a store for all who listen on one loop; it looks while there is somebody."""

    def __init__(self, store: SqliteStore, every: float) -> None:
        self._store = weakref.ref(store)
        self._every = every
        self._heard: set[Hearing] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, one: Hearing) -> None:
        self._heard.add(one)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._look)

    def remove(self, one: Hearing) -> None:
        self._heard.discard(one)

    def _look(self) -> None:
        self._timer = None
        store = self._store()
        if store is None or not self._heard:
            return
        try:
            found = store.fences({one.lease.rid for one in self._heard})
        except GuidewayError as error:  # a store that cannot be read now is asked again
            _log.debug("nobody could be heard: %s", error)
        else:
            for one in tuple(self._heard):
                one.look(*found.get(one.lease.rid, (None, "gone")))
        self._timer = asyncio.get_running_loop().call_later(self._every, self._look)


_Ears = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Ear]
_ears: weakref.WeakKeyDictionary[SqliteStore, _Ears] = weakref.WeakKeyDictionary()


def _ear(store: SqliteStore, every: float) -> _Ear:
    loop = asyncio.get_running_loop()
    ears = _ears.setdefault(store, weakref.WeakKeyDictionary())
    ear = ears.get(loop)
    if ear is None:
        ear = ears[loop] = _Ear(store, every)
    return ear
