"""Rows, requests and runs as data for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import GuidewayError
from ..guards.budgets import AMOUNTS, Spent
from ..guards.secrecy import masked
from ..nodes.sealing import untyped
from .inside import inside
from .screen import stamp
from .words import place_of

if TYPE_CHECKING:
    from ..runs.store import Event, RunRow
    from ..runs.views import Request, Run
    from .past import Past


def of_row(row: RunRow, *, dead: bool) -> dict[str, Any]:
    """A run as the store lists it.

    Args:
        row: the row.
        dead: the process that drove it is known to have died.
    """
    return {
        "id": row.id,
        "flow": row.flow,
        "status": row.status,
        "verdict": row.verdict,
        "end": row.end,
        "by": row.by,
        "tags": list(row.tags),
        "created": stamp(row.created),
        "updated": stamp(row.updated),
        "holder": row.holder,
        "dead": dead,
        "events": row.tail,
        "shape": row.shape,
        "build": row.build,
        "error": row.error,
    }


def of_past(past: Past) -> dict[str, Any]:
    """What a run's events tell: its state as far as it is known without the flow, and where it stands.

    Args:
        past: what they tell.
    """
    places = past.places
    return {
        "forked": past.forked,
        "state": past.state,
        "merged": past.merged,
        "steps": places.steps,
        "at": place_of(places.root.at),
        "places": [
            {"branch": spot.path, "in": places.labels.get(spot.path), "at": place_of(spot.at), "is": spot.state}
            | ({"is": "cancelled"} if places.cancelled else {})
            for spot in places.standing()
        ],
        "progress": [asdict(one) for one in inside(places)],
        "parked": [
            {"branch": spot.path, "node": spot.name, "reason": spot.at["parked"], "calls": list(spot.calls.values())}
            for spot in places.parked()
        ],
        "spent": of_spent(past.spent),
    }


def of_request(request: Request) -> dict[str, Any]:
    """A request, whole.

    Args:
        request: the request.
    """
    return asdict(request) | {"asked": stamp(request.asked), "expires": stamp(request.expires)}


def of_run(run: Run[Any]) -> dict[str, Any]:
    """A run as its App sees it.

    Args:
        run: the run.
    """
    return {
        "id": run.id,
        "flow": run.flow,
        "status": run.status,
        "verdict": run.verdict,
        "end": run.end,
        "by": run.by,
        "tags": list(run.tags),
        "started": stamp(run.started),
        "updated": stamp(run.updated),
        "shape": run.shape,
        "build": run.build,
        "forked": None if run.forked is None else run.forked._asdict(),
        "state": _state(run),
        "waiting": [of_request(request) for request in run.waiting],
        "progress": [asdict(one) for one in run.progress],
        "parked": [asdict(one) for one in run.parked],
        "spent": of_spent(run.spent),
        "error": None if run.error is None else asdict(run.error),
    }


def of_spent(spent: Spent) -> dict[str, float]:
    """What a run has used up.

    Args:
        spent: the amounts.
    """
    return {name: getattr(spent, name) for name in AMOUNTS}


def of_event(event: Event) -> dict[str, Any]:
    """An event of the journal.

    Args:
        event: the event.
    """
    return {"number": event.number, "kind": event.kind, "at": stamp(event.at), "body": event.body}


def _state(run: Run[Any]) -> Any:
    try:
        return masked(untyped(run.state, by_alias=False))
    except (GuidewayError, ValueError, TypeError) as error:
        return {"not shown": str(error)}
