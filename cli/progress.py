"""What is seen while a run works: each step as it is committed, and on a terminal what runs now."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .screen import Screen
from .story import Teller

if TYPE_CHECKING:
    from rich.status import Status

    from ..runs.app import App
    from ..runs.store import Event

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
        self._status: Status | None = None

    def __enter__(self) -> Self:
        self.app._engine.listeners.append(self._heard)
        if self.screen.live:
            self._status = self.screen.console.status("starting", spinner="line")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
            teller = self._tellers[run] = Teller(self._steps_before(run, event))
        for entry in teller.tell(event):
            if event.kind not in _SILENT:
                front = f"{run}  " if self.many else ""
                self.screen.line(f"{front}{entry.mark:>3}  {entry.head}", entry.style if entry.mark == "-" else "")
        to = event.body.get("to", {})
        if self._status is not None and "node" in to:
            from rich.text import Text

            from .screen import visible

            self._status.update(Text(visible(to["node"])))

    def _steps_before(self, run: str, event: Event) -> int:
        events = self.app.store.events(run)
        return sum(1 for item in events if item.kind == "step" and item.number < event.number)
