"""Commits that the runs of one loop share: what is ready in the same turn of the loop is one transaction.

A run that is driven alone commits by itself, and nothing waits. Where others are driven beside it, its commit is
queued, and the queue is written as a whole at the loop's next turn. Whoever committed waits for that, so nothing
follows from a step before it is as durable as it was promised to be; what has to survive a power loss waits for one
sync of the disk instead of one each.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

from ..errors import StoreError
from .store import Checkpoint, Event, Lease, Part, SqliteStore

T = TypeVar("T")


class Queue:
    """The commits of one loop to one store; what drives a run there does so inside of ``with``.

    Args:
        store: the store.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._drives = 0
        self._waiting: dict[Part[Any], asyncio.Future[None]] = {}

    def __enter__(self) -> Queue:
        self._drives += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drives -= 1

    @property
    def shared(self) -> bool:
        """Whether several runs are driven on this loop."""
        return self._drives > 1

    async def begin(self, run: Mapping[str, Any]) -> tuple[Lease, list[Event]]:
        """Begin a run, with what else is committed in this turn where others are driven.

        Args:
            run: what ``store.begin`` takes.

        Raises:
            RunExists: the id is taken.
            StateInvalid: a body is not JSON.
            CancelledError: the task was cancelled; nobody holds the run, if it was begun at all.
        """
        if not self.shared:
            return self._store.begin(**run)
        part = self._store.beginning(**run)
        try:
            await self.write(part)
        except asyncio.CancelledError:
            if part.over and part.error is None:
                self._store.release(part.result()[0])
            raise
        return part.result()

    async def release(self, lease: Lease, checkpoint: Checkpoint | None = None) -> None:
        """Let a run go, with what else is committed in this turn where others are driven.

        Args:
            lease: the run's.
            checkpoint: LangGraph's snapshot, kept with it.
        """
        if self.shared:
            part = self._store.releasing(lease, checkpoint=checkpoint)
            await self.write(part)
            if part.error is not None:
                self._store.not_released(lease, part.error)
        else:
            self._store.release(lease, checkpoint=checkpoint)

    async def write(self, part: Part[Any]) -> None:
        """Wait until a part is written with others, or refused: it is ``over`` then.

        A cancellation does not take back what has happened: a part that is not written yet is written first, alone,
        before the cancellation is raised. Only what would begin a call is left out.

        Args:
            part: what to commit.

        Raises:
            CancelledError: the task was cancelled meanwhile; ``part.over`` tells whether it was written.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._flush)
        waiter = self._waiting[part] = loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            if self._waiting.pop(part, None) is not None and not part.begins:
                self._store.together((part,))
            raise

    def _flush(self) -> None:
        found, self._waiting = self._waiting, {}
        waiting = {part: waiter for part, waiter in found.items() if not (part.begins and waiter.cancelled())}
        if not waiting:
            return
        try:
            self._store.together(tuple(waiting))
        finally:
            for part, waiter in waiting.items():
                if not part.over:  # the thread was interrupted: nobody knows whether it was written
                    part.fail(StoreError(f"{self._store.path}: the commit was interrupted. Resume the run."))
                if not waiter.done():
                    waiter.set_result(None)


class Sharing:
    """The queues of a store, one for each loop: loops run in threads of their own, and share nothing but the file.

    Args:
        store: the store.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Queue] = weakref.WeakKeyDictionary()

    def here(self) -> Queue:
        """The queue of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            queue = self._queues.get(loop)
            if queue is None:
                queue = self._queues[loop] = Queue(self._store)
        return queue
