"""What is seen while a run works: each step as it is committed, and on a terminal what runs now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .inside import inside
from .places import Places
from .screen import Screen
from .story import Teller

if TYPE_CHECKING:
    from rich.status import Status

    from ..runs.app import App
    from ..runs.store import Event

PAUSE = 0.1
"""Seconds between two changes of what a terminal shows of now: nobody reads faster, and there may be many places."""

_SILENT = frozenset({"started", "decided"})  # known to whoever types the command


class Progress:
    """Listens to an App's runs while a command drives them, and writes a line for each thing that happens.

    Args:
        app: the App.
        screen: where; nothing is written for machines.
        many: several runs are driven, and each line names its run.
    """

    def __init__(self, app: App[Any], screen: Screen, *, many: bool = False) -> None:
        self.app = app
        self.screen = screen
        self.many = many
        self.run: str | None = None
        self._tellers: dict[str, Teller] = {}
        self._tenths: dict[tuple[str, str], int] = {}
        self._status: Status | None = None
        self._next = 0.0

    def __enter__(self) -> Self:
        self.app._engine.listeners.append(self._heard)
        if self.screen.live:
            self._status = self.screen.console.status("starting", spinner="line")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Listens no more; a second time does nothing."""
        if self._heard in self.app._engine.listeners:
            self.app._engine.listeners.remove(self._heard)
        if self._status is not None:
            self._status.stop()

    def _heard(self, run: str, event: Event) -> None:
        with suppress(BrokenPipeError):  # whoever read the lines left; the run goes on
            self._tell(run, event)

    def _tell(self, run: str, event: Event) -> None:
        if self.screen.json:
            self.run = run
            return
        if run != self.run and not self.many:
            self.screen.line(f"run {run}")
        self.run = run
        teller = self._tellers.get(run)
        if teller is None:
            teller = self._tellers[run] = self._teller(run, event)
        front = f"{run}  " if self.many else ""
        for entry in teller.tell(event):
            if event.kind not in _SILENT:
                where = f"  {entry.where}" if entry.where else ""
                style = entry.style if entry.mark == "-" else ""
                self.screen.line(f"{front}{entry.mark:>3}  {entry.head}{where}", style)
        for said in self._crowds(run, event, teller):
            self.screen.line(f"{front}{'':>3}  {said}", "dim")
        if self._status is not None:
            self._show_now(teller, event)

    def _teller(self, run: str, event: Event) -> Teller:
        """One who knows the events before the first that is heard."""
        store = self.app.store
        row = store.run(run)
        places = Places(store.manifest(row.shape, row.build))
        return Teller(places.take_all(item for item in store.events(row.rid) if item.number < event.number))

    def _crowds(self, run: str, event: Event, teller: Teller) -> Iterator[str]:
        """How far the items have come that are not told one by one, at every tenth of them."""
        each = teller.crowds.of(event.body.get("branch", ""))
        spot = None if each is None else teller.places.spots.get(each.rpartition(".")[0])
        if each is None or spot is None or not spot.size:
            return
        tenth = (spot.good + spot.bad) * 10 // spot.size
        if tenth > self._tenths.get((run, each), 0):
            self._tenths[run, each] = tenth
            yield from (one.text() for one in inside(teller.places) if one.path == each)

    def _show_now(self, teller: Teller, event: Event) -> None:
        from rich.text import Text

        from .screen import visible

        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PAUSE
        now = next((one.text() for one in inside(teller.places) if one.kind != "subflow"), None)
        now = now or event.body.get("to", {}).get("node")
        if now is not None and self._status is not None:
            self._status.update(Text(visible(now)))
