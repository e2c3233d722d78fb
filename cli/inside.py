"""How far all that a run is inside of has come, by its events alone; as ``runs.progress`` says it of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..runs.progress import Kind, in_order
from .places import Places
from .spots import Spot

_UNITS = {"each": ("item", "items"), "all_of": ("branch", "branches"), "subflow": ("flow", "flows")}


@dataclass(frozen=True, slots=True)
class Inside:
    """How far one of them has come; see ``runs.progress.Progress``.

    Args:
        total: how many parts there are; None where only the flow's code could say it.
        cancelled: the run was cancelled: nothing waits, is parked or can go on any more.
    """

    kind: Kind
    name: str
    path: str
    total: int | None
    done: int
    failed: int
    waiting: int
    parked: int
    working: int
    cancelled: bool = False

    @property
    def begun(self) -> int:
        """How many parts have begun."""
        return self.done + self.failed + self.waiting + self.parked + self.working

    @property
    def over(self) -> int:
        """How many parts are over."""
        return self.done + self.failed

    def text(self) -> str:
        """It in one line."""
        if self.kind == "subflow":
            return f"inside {self.name} ({self.path})"
        unit = _UNITS[self.kind][self.total != 1]
        of = "" if self.total is None else f" of {self.total}"
        said = [f"{self.over}{of} {unit} over" + (f", {self.failed} of them failed" if self.failed else "")]
        left = 0 if self.total is None else self.total - self.begun
        said += [f"{self.working} can go on"] if self.working else []
        said += [f"{self.waiting} wait{'s' * (self.waiting == 1)} for people"] if self.waiting else []
        said += [f"{self.parked} parked"] if self.parked else []
        said += [f"{left} {'not over' if self.cancelled else 'not begun'}"] if left else []
        return f"{self.name} ({self.path}): {', '.join(said)}"


def inside(places: Places) -> tuple[Inside, ...]:
    """What a run is inside of, outermost first; empty where it stands at one place.

    Args:
        places: where it stands.
    """
    found = tuple(_inside(places.root))
    if places.cancelled:
        return tuple(replace(one, waiting=0, parked=0, working=0, cancelled=True) for one in found)
    return found


def _inside(spot: Spot) -> Iterator[Inside]:
    found = _opened(spot)
    if found is None:
        return
    kind, name, path, total = found
    counts = Counter(part.state for part in spot.parts.values())
    yield Inside(
        kind,
        name,
        path,
        total,
        done=counts["done"] + spot.good,
        failed=counts["failed"] + spot.bad,
        waiting=counts["waiting"],
        parked=counts["parked"],
        working=counts["working"],
    )
    for part in sorted(spot.parts.values(), key=lambda one: in_order(one.path)):
        yield from _inside(part)


def _opened(spot: Spot) -> tuple[Kind, str, str, int | None] | None:
    first = next(iter(spot.parts), "").rstrip("0123456789")
    if "fork" in spot.at:
        return "all_of", spot.at["fork"], first, len(spot.parts)
    if spot.name is None:
        return None
    kind = spot.node.get("kind") or {"i": "each", "s": "subflow"}.get(first[-1:])
    own = f"{spot.path}." if spot.path else ""
    if kind == "each":
        return "each", spot.name, f"{own}{spot.steps + 1}i", spot.size
    if kind == "subflow":
        return "subflow", spot.name, f"{own}{spot.steps + 1}s", 1
    return None
