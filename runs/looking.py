"""How a run that was folded is seen from outside: a frozen view of it."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from .codec import read_error
from .keeping import Kept
from .lifecycle import OVER
from .progress import progress_of, unsettled_of
from .standing import Standing
from .store import RunRow
from .views import Forked, Run, request_view

S = TypeVar("S", bound=BaseModel)


def view_of(row: RunRow, standing: Standing[S], events_of: Kept) -> Run[S]:
    """A frozen view of a run.

    Args:
        row: the run's row.
        standing: where it stands.
        events_of: its events, for when somebody looks.
    """
    over = row.status in OVER
    requests = [
        request_view(item.body, item.status, tuple(item.decisions))
        for item in standing.requests.values()
        if item.status == "open" and not over
    ]
    error = read_error(row.error) or (read_error(standing.parked[0].error) if standing.parked else None)
    return Run(
        id=row.id,
        flow=row.flow,
        shape=standing.shape,
        build=standing.build,
        status=row.status,
        verdict=row.verdict,
        end=row.end,
        state=standing.shown,
        waiting=requests,
        spent=standing.spent,
        error=error,
        tags=row.tags,
        by=row.by,
        started=standing.started,
        updated=standing.updated,
        events_of=events_of,
        progress=progress_of(standing, over=over),
        parked=unsettled_of(standing, over=over),
        forked=None if standing.forked is None else Forked(*standing.forked),
    )
