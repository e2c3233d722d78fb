"""What the events of a run say without its flow: what it wrote, what it spent, where it stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import JournalBroken
from ..guards.budgets import NOTHING, Spent
from ..runs.agreeing import agreed
from ..runs.codec import add_spent
from ..runs.lifecycle import OVER
from ..runs.store import Damaged
from ..runs.views import Request, row_view
from .places import Places

if TYPE_CHECKING:
    from ..runs.store import Driving, Event, RequestRow, RunRow
    from .damages import Damages


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
    events = store.events(row.rid)
    with readable(store, row.id, events):
        return Places(store.manifest(row.shape, row.build)).take_all(events)


@contextmanager
def readable(store: Driving, run: str, events: Sequence[Event]) -> Generator[None]:
    """Tells what somebody wrote into a journal by hand as a broken row, and not as an error of this program.

    Args:
        store: where the run is.
        run: its id.
        events: its journal.

    Raises:
        JournalBroken: an event does not hold what its kind holds.
    """
    try:
        yield
    except _MISSHAPEN as error:
        raise JournalBroken(
            f"{store.path}: event {_first_misfit(events)} of run {run!r} cannot be told: {error!r}. Nothing was "
            "changed. Restore the store from a copy.",
            path=store.path,
            row=_first_misfit(events),
        ) from error


_MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError, IndexError, AssertionError)


def _first_misfit(events: Sequence[Event]) -> int:
    """The first event that cannot be told; the last where all can by themselves."""
    from .story import story

    def wrong(count: int) -> bool:
        try:
            past(events[:count], None)
            story(events[:count])
        except _MISSHAPEN:
            return True
        return False

    return min(bisect_left(range(1, len(events) + 1), True, key=wrong) + 1, len(events))


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

    Raises:
        JournalBroken: one of them, or its run, is damaged.
    """
    decided: Decided = {}
    return [_asked(store, row, decided) for row in rows]


def readable_requests(
    store: Driving, rows: Iterable[RequestRow | Damaged], damages: Damages, most: int | None
) -> list[Request]:
    """Requests as ``with_decisions`` gives them; what is damaged is taken apart, and is none of them.

    Args:
        store: the store.
        rows: their rows; no more of them are read than are needed.
        damages: takes the damaged ones.
        most: how many at most; None for all.
    """
    found: list[Request] = []
    decided: Decided = {}
    for row in rows:
        if len(found) == most:
            break
        if isinstance(row, Damaged):
            damages.take(row)
        elif row.run not in damages:
            with damages.of(row.run):
                found.append(_asked(store, row, decided))
    return found


Decided = dict[int, dict[str, list[dict[str, Any]]]]
"""The decisions of runs, by the run's number in the store and by request."""


def _asked(store: Driving, row: RequestRow, decided: Decided) -> Request:
    if row.rid not in decided:
        its: dict[str, list[dict[str, Any]]] = {}
        decided[row.rid] = its
        for event in store.events(row.rid):
            if event.kind in ("decided", "expired"):
                its.setdefault(event.body["request"], []).append(event.body)
    so_far = decided[row.rid].get(row.id, ())
    return replace(row_view(agreed(row, store.path)), decisions=tuple(so_far))
