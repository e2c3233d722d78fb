"""The heartbeat: one thread that renews the leases of a store, on a connection of its own.

The code of nodes runs elsewhere and cannot hold it up, unless it holds Python's interpreter lock for
longer than a lease lasts.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from contextlib import suppress

from .leases import renew
from .opening import connect
from .records import Lease


class Heartbeat:
    """Renews what it is given to hold, three times in the life of a lease.

    Args:
        path: the store's file.
        ttl: seconds that a lease lasts.
    """

    def __init__(self, path: str, ttl: float) -> None:
        self._path = path
        self._ttl = ttl
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._leases: weakref.WeakSet[Lease] = weakref.WeakSet()  # a lease that nobody has any more runs out
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        _hearts.add(self)

    def hold(self, lease: Lease) -> None:
        """Renew this lease until it is dropped; starts the thread when it does not run."""
        with self._lock:
            self._leases.add(lease)
            if self._thread is None or not self._thread.is_alive():
                self._wake.clear()
                thread = threading.Thread(target=self._run, name="guideway-heartbeat", daemon=True)
                thread.start()  # it may fail; then the lease runs out, and the next one tries again
                self._thread = thread

    def held(self) -> list[Lease]:
        """The leases that are renewed."""
        with self._lock:
            return list(self._leases)

    def drop(self, lease: Lease) -> None:
        """Renew this lease no more, and let nothing be dispatched under it."""
        with self._lock:
            self._leases.discard(lease)
            lease.deadline = float("-inf")

    def stop(self) -> list[Lease]:
        """Drop all, and wait until the thread has ended; returns what was held."""
        with self._lock:
            held = list(self._leases)
            self._leases.clear()
            self._wake.set()
            thread = self._thread
        if thread is not None:
            thread.join()
        return held

    def _run(self) -> None:
        pause = self._ttl / 3
        while True:
            self._wake.wait(pause)
            with self._lock:
                held = list(self._leases)
                if not held:
                    self._thread = None  # the next lease starts another
                    break
            try:
                self._beat(held)
                pause = self._ttl / 3
            except sqlite3.Error:
                pause = self._ttl / 15  # leases whose deadline passes meanwhile refuse by themselves
                self._disconnect()
            del held
        self._disconnect()

    def _beat(self, held: list[Lease]) -> None:
        if self._connection is None:
            self._connection = connect(self._path, self._ttl / 3)
            self._connection.execute("pragma synchronous=normal")
        cursor = self._connection.cursor()
        cursor.execute("begin immediate")
        try:
            deadlines = [renew(cursor, lease, self._ttl) for lease in held]
            cursor.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):
                cursor.execute("rollback")
            raise
        with self._lock:
            for lease, deadline in zip(held, deadlines, strict=True):
                if lease in self._leases:
                    lease.deadline = deadline
                    if deadline == float("-inf"):
                        self._leases.discard(lease)

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def leave_to_parent(self) -> None:
        """Called in a forked child, which has no such thread, and whose lock may be held for ever."""
        if self._connection is not None:
            _abandoned.append(self._connection)  # not even closed: that would touch the parent's files
        self._lock = threading.Lock()
        self._leases = weakref.WeakSet()
        self._thread = self._connection = None


_hearts: weakref.WeakSet[Heartbeat] = weakref.WeakSet()
_abandoned: list[sqlite3.Connection] = []


def _after_fork() -> None:
    for heart in list(_hearts):
        heart.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
