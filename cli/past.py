"""What the events of a run say without its flow: what it wrote, what it spent, where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import JournalBroken
from ..guards.budgets import NOTHING, Spent
from ..runs.agreeing import agreed
from ..runs.codec import add_spent
from ..runs.lifecycle import OVER
from ..runs.views import Request, row_view
from .places import Places

if TYPE_CHECKING:
    from ..runs.store import Driving, Event, RequestRow, RunRow


@dataclass(slots=True)
class Past:
    """What a run's events tell.

    Args:
        places: where it stands.
        spent: what it has used up.
        forked: of a fork, the run and the step that it comes from.
    """

    places: Places
    spent: Spent = NOTHING
    forked: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """The fields that are replaced at a write, as they stand."""
        return self.places.root.plain

    @property
    def merged(self) -> dict[str, list[Any]]:
        """The fields that a reducer merges: what was merged in, in order; only the flow's code can fold them."""
        reducers = self.places.root.manifest.get("shape", {}).get("state", {}).get("reducers", {})
        return {name: self.places.root.merged.get(name, []) for name in reducers}


def past(events: Iterable[Event], manifest: dict[str, Any] | None) -> Past:
    """Folds what can be folded without the flow.

    Args:
        events: the run's events, in order.
        manifest: the flow's, as the store kept it.
    """
    found = Past(Places(manifest))
    for event in events:
        found.places.take(event)
        if event.kind == "forked":
            found.forked = {"run": event.body["run"], "at": event.body["at"]}
        if event.kind in ("forked", "step", "intent", "result", "parked", "settled"):
            found.spent = add_spent(found.spent, event.body.get("spent"))
    return found


def places_of(store: Driving, run: str) -> Places:
    """Where a run stands.

    Args:
        store: the store.
        run: the run's id.

    Raises:
        RunNotFound: there is none.
    """
    row = store.run(run)
    return Places(store.manifest(row.shape, row.build)).take_all(store.events(row.rid))


def died(store: Driving, row: RunRow) -> bool:
    """Whether the process that drove a run is known to have died, and nobody has taken the run since.

    Args:
        store: the store.
        row: the run.
    """
    if row.holder is None or row.status in OVER:
        return False
    try:
        return store.held(row.id) == "dead"
    except JournalBroken:
        return False  # whoever resumes it is told


def request_of(store: Driving, request: str) -> Request:
    """A request with the decisions so far.

    Args:
        store: the store.
        request: its id.

    Raises:
        RequestNotFound: there is none.
    """
    return with_decisions(store, [store.request(request)])[0]


def with_decisions(store: Driving, rows: Sequence[RequestRow]) -> list[Request]:
    """Requests with the decisions so far, which a quorum counts.

    Args:
        store: the store.
        rows: their rows.
    """
    decided: dict[str, list[dict[str, Any]]] = {}
    for rid in {row.rid for row in rows}:
        for event in store.events(rid):
            if event.kind in ("decided", "expired"):
                decided.setdefault(event.body["request"], []).append(event.body)
    return [replace(row_view(agreed(row, store.path)), decisions=tuple(decided.get(row.id, ()))) for row in rows]
