"""The faces by which a run is watched while it works; ``App`` is made of them."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from ..errors import ConfigError, GuidewayError
from .lifecycle import OVER
from .store import Event, Lease
from .underway import between_calls
from .views import Run, event_view

if TYPE_CHECKING:
    from .engine import Engine

S = TypeVar("S", bound=BaseModel)

LOOK = 0.02
"""Seconds between two looks whether a run can be let go."""

_log = logging.getLogger("guideway")


class Watching(Generic[S]):
    """A run's events as they are committed, and its models' words as they come."""

    _engine: Engine[S]

    async def astream(
        self,
        input_or_run_id: Mapping[str, Any] | S | str,
        *,
        run_id: str | None = None,
        by: str | None = None,
        tags: Iterable[str] = (),
    ) -> AsyncIterator[Event]:
        """See ``stream``; the run is driven on the caller's loop.

        Whoever stops early leaves it going there; when that loop ends, the run is let go where it stands.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        watch = _Watch(self._engine, lambda event: loop.call_soon_threadsafe(events.put_nowait, event))
        task = watch.task = loop.create_task(self._driven(input_or_run_id, watch, run_id, by, tags))
        task.add_done_callback(lambda _: events.put_nowait(None))
        task.add_done_callback(lambda _: self._ended(watch))
        self._watches.add(watch)
        try:
            while (event := await events.get()) is not None:
                yield event
            await task
        finally:
            watch.leave()

    def stream(
        self,
        input_or_run_id: Mapping[str, Any] | S | str,
        *,
        run_id: str | None = None,
        by: str | None = None,
        tags: Iterable[str] = (),
    ) -> Iterator[Event]:
        """Runs, and yields the journal's events as they are committed, and its models' words as they come.

        It begins when the first event is asked for, and ends when the run waits, parks or ends. A word is an event
        of kind ``token`` and number 0, which no journal holds: its body has ``node``, ``slot`` and ``text``. Events
        and words of branches, items and flows inside have ``branch`` in their body: it tells them apart. A model
        that cannot be heard while it speaks gives its whole text in one.

        Whoever stops early (``break``) stops watching, not the run: it goes on in the background to where it next
        waits or ends. ``close()`` lets it go between two calls, and it can be resumed. What goes wrong in the run
        is raised here while somebody watches, and logged afterwards.

        Args:
            input_or_run_id: an input starts a run, a run's id resumes one.
            run_id: a new run's id; by default one is made.
            by: who starts it; required where the flow has an approval.
            tags: words to find it by.

        Raises:
            WouldDeadlock: called from a node on guideway's own loop.
            ConfigError: ``run_id=``, ``by=`` or ``tags=`` for a run that is there already.
            GuidewayError: what ``start`` and ``resume`` raise.
        """
        self._engine.portal.call(_nothing())  # this thread is not the one that will drive
        events: queue.Queue[Event | BaseException | None] = queue.Queue()
        watch = _Watch(self._engine, events.put)
        self._watches.add(watch)

        async def drive() -> Run[S]:
            watch.task = asyncio.current_task()
            return await self._driven(input_or_run_id, watch, run_id, by, tags)

        def work() -> None:
            try:
                self._engine.portal.call(drive())
            except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                events.put(error)
            else:
                events.put(None)
            finally:
                self._ended(watch)

        thread = threading.Thread(target=work, name="guideway-stream", daemon=True)
        thread.start()
        try:
            while (event := events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
            thread.join()
        finally:
            watch.leave()

    async def _driven(
        self, given: Mapping[str, Any] | S | str, watch: _Watch, run_id: str | None, by: str | None, tags: Iterable[str]
    ) -> Run[S]:
        engine = self._engine
        if isinstance(given, str):
            if run_id is not None or by is not None or tags:
                raise ConfigError(f"run {given!r} is there already: run_id=, by= and tags= are for a new one")
            watch.run = given
            engine.sweep()
            if engine.store.run(given).status in OVER:
                return engine.get(given)
            drive = await engine.take(given)
        else:
            drive = engine.begin(given, run_id, by, tags)
            watch.run = drive.lease.run
            for event in engine.store.events(watch.run):  # a run is begun before anybody can listen to it
                watch.put(event_view(event))
        watch.lease = drive.lease
        return await engine.drive(drive)

    # watches that were left

    @cached_property
    def _watches(self) -> set[_Watch]:
        return set()

    def _ended(self, watch: _Watch) -> None:
        self._watches.discard(watch)
        watch.over.set()
        task = watch.task
        if watch.left and task is not None and task.done() and not task.cancelled():
            error = task.exception()
            if error is not None:
                _log.error("run %s, which nobody watches any more, stopped: %s", watch.run, error)

    def _let_watched_go(self) -> None:
        """Lets go of the runs that are still driven for somebody who watched: each as soon as no call is under way."""
        for watch in tuple(self._watches):
            if watch.loop_is_here():
                continue  # a loop that is held up here could not let go
            while not watch.over.is_set() and watch.moving():
                watch.let_go()
                watch.over.wait(LOOK)

    async def _alet_watched_go(self) -> None:
        for watch in tuple(self._watches):
            while not watch.over.is_set() and watch.moving():
                watch.let_go()
                await asyncio.sleep(LOOK)


class _Watch:
    """One who watches one run.

    Args:
        engine: the engine that drives it.
        put: is given each event; called in any thread.
    """

    def __init__(self, engine: Engine[Any], put: Callable[[Event], Any]) -> None:
        self.engine, self.put = engine, put
        self.run: str | None = None
        self.lease: Lease | None = None
        self.task: asyncio.Task[Any] | None = None
        self.left = False
        self.over = threading.Event()
        self._given_up = False
        engine.listeners.append(self.told)
        engine.ears.append(self.heard)

    def told(self, run: str, event: Event) -> None:
        """Passes an event on, if it is of the run that is watched.

        Args:
            run: whose it is.
            event: the event.
        """
        if run == self.run:
            self.put(event_view(event))

    def heard(self, run: str, said: dict[str, Any]) -> None:
        """Passes a model's words on, if they are of the run that is watched.

        Args:
            run: whose they are.
            said: node, slot and text.
        """
        if run == self.run:
            self.put(Event(0, "token", time.time(), said, b""))

    def leave(self) -> None:
        """Nobody watches any more."""
        if not self.left:
            self.left = True
            self.engine.listeners.remove(self.told)
            self.engine.ears.remove(self.heard)

    def loop_is_here(self) -> bool:
        """Whether the run is driven on the loop that runs in this thread."""
        try:
            return self.task is not None and self.task.get_loop() is asyncio.get_running_loop()
        except RuntimeError:
            return False

    def moving(self) -> bool:
        """Whether the run's loop still runs, or has not begun with it."""
        return self.task is None or self.task.get_loop().is_running()

    def let_go(self) -> bool:
        """Lets the run go if no call of it is under way; True when that is done."""
        if self.lease is None or self.task is None or self._given_up:
            return self._given_up
        self.lease.closing = True
        try:
            self._given_up = self.engine.store.let_go(self.lease, between=between_calls)
        except GuidewayError as error:
            _log.error("run %s is given up: %s", self.run, error)
            self._given_up = True
        if self._given_up:
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)
        return self._given_up


async def _nothing() -> None:
    pass
