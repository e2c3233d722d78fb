"""The faces by which a run is watched while it works; ``App`` is made of them."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from .store import Event
from .views import Run

if TYPE_CHECKING:
    from .engine import Engine

S = TypeVar("S", bound=BaseModel)


class Watching(Generic[S]):
    """A run's events as they are committed."""

    _engine: Engine[S]

    async def astream(self, input_or_run_id: Mapping[str, Any] | S | str, **start: Any) -> AsyncIterator[Event]:
        """See ``stream``."""
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        with self._listening(lambda event: loop.call_soon_threadsafe(events.put_nowait, event)) as watched:
            task = asyncio.ensure_future(self._run_or_resume(input_or_run_id, watched, start))
            task.add_done_callback(lambda _: events.put_nowait(None))
            while (event := await events.get()) is not None:
                yield event
            await task

    def stream(self, input_or_run_id: Mapping[str, Any] | S | str, **start: Any) -> Iterator[Event]:
        """Runs, and yields the journal's events as they are committed.

        Args:
            input_or_run_id: an input starts a run, a run's id resumes one.
            start: what ``start`` takes beside the input.
        """
        events: queue.Queue[Event | BaseException | None] = queue.Queue()
        with self._listening(events.put) as watched:

            def work() -> None:
                try:
                    self._engine.portal.call(self._run_or_resume(input_or_run_id, watched, start))
                except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                    events.put(error)
                else:
                    events.put(None)

            thread = threading.Thread(target=work, name="guideway-stream", daemon=True)
            thread.start()
            while (event := events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
            thread.join()

    async def _run_or_resume(self, given: Any, watched: _Watch, start: dict[str, Any]) -> Run[S]:
        if isinstance(given, str):
            watched.run = given
            return await self._engine.resume(given)
        drive = self._engine.begin(given, start.pop("run_id", None), start.pop("by", None), start.pop("tags", ()))
        watched.run = drive.lease.run
        return await self._engine.drive(drive)

    def _listening(self, put: Callable[[Event], Any]) -> _Watch:
        return _Watch(self._engine, put)


class _Watch:
    """Listens to the events of one run while it is watched."""

    def __init__(self, engine: Engine[Any], put: Callable[[Event], Any]) -> None:
        self.engine, self.put = engine, put
        self.run: str | None = None

    def __call__(self, run: str, event: Event) -> None:
        if run == self.run:
            self.put(event)

    def __enter__(self) -> _Watch:
        self.engine.listeners.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.listeners.remove(self)
