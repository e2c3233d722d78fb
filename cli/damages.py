"""What cannot be read of a store: it is listed beside what can, and hides none of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import JournalBroken
from .failing import DONE, FAILED, described
from .screen import Screen

if TYPE_CHECKING:
    from ..runs.store import Damaged


class Damages:
    """The runs of a list that are damaged, each with the first thing that was found wrong with it."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, JournalBroken]] = {}

    def take(self, found: Damaged) -> None:
        """Takes what the store found.

        Args:
            found: what stands for the run.
        """
        self._found.setdefault(found.run, (found.flow, found.error))

    @contextmanager
    def of(self, run: str, flow: str = "") -> Generator[None]:
        """Takes what cannot be read of a run in here.

        Args:
            run: the run's id.
            flow: its flow's name.
        """
        try:
            yield
        except JournalBroken as error:
            self._found.setdefault(run, (flow, error))

    def __contains__(self, run: str) -> bool:
        return run in self._found

    @property
    def status(self) -> int:
        """The exit status of a list with these in it."""
        return FAILED if self._found else DONE

    def data(self) -> list[dict[str, Any]]:
        """For machines: beside requests and parked places each is told by its kind, beside runs by its status."""
        return [
            {"kind": "damaged", "id": run, "run": run, "flow": flow, "status": "damaged"}
            | {"error": described(error, error.message, FAILED)}
            for run, (flow, error) in self._found.items()
        ]

    def show(self, screen: Screen) -> None:
        """Writes one line for each.

        Args:
            screen: where.
        """
        if self._found:
            screen.say()
        for run, (_, error) in self._found.items():
            screen.line(f"run {run} is damaged: {error.message}", "red")
