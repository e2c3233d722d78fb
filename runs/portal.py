"""The portal: guideway's own event loop in a thread, by which the sync face reaches the async core."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from ..errors import WouldDeadlock

T = TypeVar("T")

PATIENCE = 4.0
"""Seconds that the end of the loop waits for what was cancelled."""


class Portal:
    """One loop in one daemon thread, started when first needed."""

    def __init__(self) -> None:
        self.interrupted: Callable[[Callable[[], bool]], object] | None = None
        """Called when whoever waits for the loop is interrupted, with what tells whether the work is over by now."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the loop and waits for its result; works inside a running loop of the caller's.

        Args:
            work: the coroutine.

        Raises:
            WouldDeadlock: it was called from the portal's own thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise WouldDeadlock(
                "a sync method of an App was called from a node that runs on guideway's own loop: it would wait for "
                "itself. Make the node async and await the method's async twin (app.astart, app.aresume, ...)"
            )
        future = asyncio.run_coroutine_threadsafe(work, self._running())
        try:
            try:
                return future.result()
            except KeyboardInterrupt:
                if self.interrupted is not None:
                    self.interrupted(future.done)
                    if future.done() and not future.cancelled() and future.exception() is None:
                        return future.result()  # it came to its end first
                raise
        except BaseException:
            future.cancel()
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                loop = asyncio.new_event_loop()
                ready = threading.Event()
                self._closing = threading.Event()
                self._thread = threading.Thread(
                    target=_serve, args=(loop, ready, self._closing), name="guideway", daemon=True
                )
                self._thread.start()
                ready.wait()
                self._loop = loop
            return self._loop

    def close(self) -> None:
        """Stops the loop and its thread, and cancels what is under way there; a later call starts them anew."""
        with self._lock:
            loop, thread, closing, self._loop, self._thread = self._loop, self._thread, self._closing, None, None
        if loop is None or thread is None or not thread.is_alive():
            return
        closing.set()
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(timeout=PATIENCE + 1)


def _serve(loop: asyncio.AbstractEventLoop, ready: threading.Event, closing: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.call_soon(ready.set)
    try:
        while not closing.is_set():
            with suppress(KeyboardInterrupt, SystemExit):  # a node's own: its caller is told, and others work on
                loop.run_forever()
        _give_up(loop)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _give_up(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels what is still under way, so that nobody waits for ever for a loop that has stopped."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=PATIENCE))
        loop.run_until_complete(asyncio.sleep(0))  # those who wait in other threads are told
