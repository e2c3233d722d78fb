"""What must be settled, as the inbox lists it: calls of which nobody knows whether they happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..runs.store import Damaged
from .past import places_of
from .places import Places
from .screen import Screen
from .spots import Spot
from .words import call_text

if TYPE_CHECKING:
    from ..runs.store import Driving, RunRow
    from .damages import Damages


@dataclass(frozen=True)
class Open:
    """A place that is parked.

    Args:
        row: its run.
        places: where the run stands.
        spot: the place.
    """

    row: RunRow
    places: Places
    spot: Spot

    @property
    def reason(self) -> str:
        """Why it is parked; the place of a run whose flow changed need not be a node."""
        return str(self.spot.at.get("parked", "flow_changed"))

    @property
    def changed(self) -> bool:
        """Whether the flow changed under it: then nothing is settled."""
        return self.reason == "flow_changed"

    @property
    def step(self) -> str:
        """What ``settle --step`` takes."""
        return self.spot.path or str(self.places.steps + 1)

    @property
    def running(self) -> str | None:
        """The process in which a call overran its timeout and still runs, as far as is known."""
        return running_in(self.spot)

    def data(self) -> dict[str, Any]:
        """For machines: beside requests it is told by its kind."""
        return {
            "kind": "parked",
            "run": self.row.id,
            "flow": self.row.flow,
            "step": self.step,
            "branch": self.spot.path,
            "node": self.spot.name,
            "reason": self.reason,
            "calls": list(self.spot.calls.values()),
            "running": self.running,
        }


CHANGED = "resume it under its own version, or under one that declares what became of it: docs/versions.md"
"""What a run needs that does not fit its flow any more."""


def unsettled(store: Driving, limit: int | None, damages: Damages) -> list[Open]:
    """The places that are parked, of the oldest runs first.

    Args:
        store: the store.
        limit: how many runs at most; None for all.
        damages: takes the runs that cannot be read.
    """
    rows = store.all_runs("parked", limit=-1 if limit is None else limit)
    found: list[Open] = []
    for row in reversed(rows):
        if isinstance(row, Damaged):
            damages.take(row)
            continue
        with damages.of(row.id, row.flow):
            places = places_of(store, row.id)
            found += [Open(row, places, spot) for spot in places.parked() or [places.root]]
    return found


def show_unsettled(screen: Screen, item: Open) -> None:
    """Writes a parked place: what nobody knows, where it still runs, and how it is settled.

    Args:
        screen: where.
        item: the place.
    """
    label = item.places.label(item.spot.path)
    what = item.spot.name or "the run"
    if item.changed:
        screen.say(f"{what} is parked: the flow changed, and the run does not fit it", "bold red")
    else:
        screen.say(f"{what} is parked, and must be settled: {item.reason}", "bold red")
    pairs = [("run", f"{item.row.id} of {item.row.flow}")]
    if label:
        pairs.append(("in", label))
    for call in item.spot.calls.values():
        if call.get("kind") == "tool":
            pairs += [("open call", call_text(call["tool"], call["arguments"])), ("key", str(call["key"]))]
    if item.running is not None:
        pairs.append(("running", f"it overran its timeout and still runs in {item.running}, as far as is known"))
    if item.changed:
        pairs.append(("way out", CHANGED))
    else:
        how = "--result JSON | --not-done | --give-up"
        pairs.append(("settle", f"guideway settle APP {item.row.id} --step {item.step} {how}"))
    screen.pairs(pairs)


def running_in(spot: Spot) -> str | None:
    """The process in which a call of a place overran its timeout and still runs; None where none is known to.

    Args:
        spot: the place.
    """
    from ..runs.overruns import may_go_on

    found = (may_go_on(call.get("running")) for call in spot.calls.values())
    return next((where for where in found if where is not None), None)
