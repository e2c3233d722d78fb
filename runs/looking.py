"""How a run is seen from outside: a frozen view of it, or of what is wrong with it; and what people are asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NoReturn, TypeVar

from pydantic import BaseModel

from ..errors import GuidewayError, JournalBroken
from ..guards.budgets import NOTHING
from ..nodes.outcome import ErrorRecord
from .agreeing import agreed
from .codec import read_error
from .keeping import Kept
from .lifecycle import OVER
from .progress import progress_of, unsettled_of
from .standing import Standing
from .store import Damaged, Driving, RunRow
from .views import Forked, Request, Run, request_view, row_view

S = TypeVar("S", bound=BaseModel)

DAMAGED = "damaged"
"""The status of a run in a list that cannot be read: it hides none of the others."""

_log = logging.getLogger("guideway")
_told: set[tuple[str, str]] = set()


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


def damaged_view(row: RunRow | Damaged, state: type[S], error: GuidewayError) -> Run[S]:
    """A run that cannot be read: what its row says, and what is wrong. Its state has no field; its events raise.

    Args:
        row: the run's row, or what stands for it.
        state: the flow's model of the state.
        error: what was raised when it was read.
    """
    nothing = state.model_construct()
    object.__setattr__(nothing, "__dict__", {})  # no default is told as if it were the run's

    def events_of() -> NoReturn:
        raise error

    known = row if isinstance(row, RunRow) else None
    return Run(
        id=row.run if isinstance(row, Damaged) else row.id,
        flow=row.flow,
        shape="" if known is None else known.shape,
        build="" if known is None else known.build,
        status=DAMAGED,
        verdict=None,
        end=None,
        state=nothing,
        waiting=[],
        spent=NOTHING,
        error=ErrorRecord("bug", type(error).__name__, error.message),
        tags=() if known is None else known.tags,
        by=None if known is None else known.by,
        started=0.0 if known is None else known.created,
        updated=0.0 if known is None else known.updated,
        events_of=events_of,
    )


def open_requests(store: Driving, *, role: str | None, flow: str, after: str | None) -> Iterator[Request]:
    """What people are asked; a request that cannot be read cannot be decided: it is logged once, and left out.

    Args:
        store: the store.
        role: only those of this role.
        flow: only those of this flow's runs.
        after: the id of the last request of the page before.

    Raises:
        RequestNotFound: no request is called as ``after`` says.
    """
    for row in store.all_requests(role, flow=flow, after=after):
        try:
            if isinstance(row, Damaged):
                raise row.error
            yield row_view(agreed(row, store.path))
        except JournalBroken as error:
            told = (store.path, str(error))
            if told not in _told:
                _told.add(told)
                _log.error("a request of run %s is left out of the inbox: %s", row.run, error)
