"""A run, checked: its journal against its chain, and what else the store keeps of it against its journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import JournalBroken
from ..runs.store import Damaged
from ..runs.verifying import contradictions
from .screen import Screen

if TYPE_CHECKING:
    from ..runs.store import Driving, RunRow


@dataclass(frozen=True)
class Checked:
    """What was found of one run.

    Args:
        run: its id.
        events: how many it has; None where that cannot be told.
        broken: the first event that was changed or is missing.
        beside: what the store says beside the journal, and the journal does not.
    """

    run: str
    events: int | None
    broken: int | None = None
    beside: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return self.broken is None and not self.beside

    def data(self) -> dict[str, Any]:
        """For machines."""
        return {
            "run": self.run,
            "events": self.events,
            "ok": self.ok,
            "first_bad_event": self.broken,
            "beside": list(self.beside),
        }

    def show(self, screen: Screen) -> None:
        """Writes it: one line, and one for each thing beside the journal.

        Args:
            screen: where.
        """
        if self.ok:
            screen.line(f"run {self.run}: {self.events} events, and each fits the one before it")
        elif self.broken is not None:
            screen.line(f"run {self.run}: event {self.broken} was changed or is missing, of {self.events}", "red")
        for told in self.beside:
            screen.line(f"run {self.run}: {told}", "red")


def checked(store: Driving, row: RunRow | Damaged) -> Checked:
    """Checks a run.

    Args:
        store: where it is.
        row: its row, or what stands for it.
    """
    if isinstance(row, Damaged):
        return Checked(row.run, None, None, (row.error.message,))
    broken = store.verify(row.id)
    if broken is not None:
        return Checked(row.id, row.tail, broken)
    try:
        return Checked(row.id, row.tail, None, tuple(contradictions(store, row.id)))
    except JournalBroken as error:
        return Checked(row.id, row.tail, None, (error.message,))
