"""Tells people of requests, by ``notify=``: when one opens, and again before it expires.

What is to be told stands in the store, with the request: whoever of the processes on a store comes first
takes it out of there and tells it. So a request is told of at most once when it opens and at most once
before it expires, and a process that dies before it took it leaves it to the next. One that dies in
between has told nobody, or somebody: it is not told again.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from ..errors import GuidewayError
from .agreeing import agreed
from .store import Event, SqliteStore
from .views import Request, row_view

_log = logging.getLogger("guideway")

Notify = Callable[[Request], Any]
"""What ``notify=`` takes: called with the request; what it returns is awaited where that can be."""

DRAIN = 10.0
"""Seconds that closing an App, or the end of the process, waits for a notice that is being told."""


class Noticing:
    """Tells of the requests of one flow's runs, in a thread of its own: a run never waits for it.

    Args:
        store: where the requests are.
        flow: the flow's name.
        notify: called with each request, one after the other; an async one on a loop of that thread.
    """

    def __init__(self, store: SqliteStore, flow: str, notify: Notify) -> None:
        self.store = store
        self.flow = flow
        self.notify = notify
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again = False

    def heard(self, run: str, event: Event) -> None:
        """Listens to the events of runs: of a request that opens people are told at once.

        Args:
            run: the run's id.
            event: what was committed.
        """
        if event.kind == "asked":
            self.look()

    def look(self) -> None:
        """Tells, in the background, of what opened and of what expires soon; costs one question where there is none."""
        if not self.store.to_tell(self.flow, time.time()):
            return
        with self._lock:
            self._again = True
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="guideway-notify", daemon=True)
                self._thread.start()
                _working.add(self)

    def close(self) -> None:
        """Waits, for ten seconds at most, until everything is told."""
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(DRAIN)

    def _work(self) -> None:
        with asyncio.Runner() as runner:
            while self._more():
                try:
                    self._tell_all(runner)
                except GuidewayError as error:
                    _log.error("who is to be told of requests cannot be found: %s", error)

    def _more(self) -> bool:
        with self._lock:
            more, self._again = self._again, False
            if not more:
                self._thread = None  # the next request starts another
                _working.discard(self)
            return more

    def _tell_all(self, runner: asyncio.Runner) -> None:
        while found := self.store.to_tell(self.flow, time.time()):
            for request, moment in found:
                if self.store.told(request, moment, time.time()):
                    self._tell(runner, request)

    def _tell(self, runner: asyncio.Runner, request: str) -> None:
        try:
            value = self.notify(row_view(agreed(self.store.request(request), self.store.path)))
            if inspect.isawaitable(value):
                runner.run(_awaited(value))
        except (Exception, SystemExit):  # noqa: BLE001  # the author's mistake, or the mail server's: the run goes on
            _log.exception("notify= failed for request %s; it is not called again for this", request)


async def _awaited(value: Any) -> None:
    await value


_working: weakref.WeakSet[Noticing] = weakref.WeakSet()


@atexit.register
def _finish() -> None:
    for noticing in list(_working):
        noticing.close()
