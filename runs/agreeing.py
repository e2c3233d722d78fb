"""What a run's row says beside its journal: both are written in one commit, so where they differ, a row is damaged."""

from __future__ import annotations

from typing import Any

from ..flows.position import AtEnd
from .lifecycle import OVER
from .standing import Standing
from .store import RequestRow, RunRow
from .store.rows import broken


def agree(row: RunRow, standing: Standing[Any], path: str) -> RunRow:
    """Gives the row back; refuses one that its journal contradicts: by it a run that is over could be driven on.

    Args:
        row: the run's.
        standing: where it stands by its journal.
        path: the store's, to name it.

    Raises:
        JournalBroken: they contradict each other.
    """
    if row.tail != standing.tail:  # one of them was read later
        return row
    at = standing.at
    ended = at if standing.over == "ended" and isinstance(at, AtEnd) else None
    told: dict[str, Any] = {
        "status": row.status if row.status in OVER else None,
        "verdict": row.verdict,
        "end": row.end,
        "starter": row.by,
        "shape": row.shape,
        "build": row.build,
    }
    journalled: dict[str, Any] = {
        "status": standing.over,
        "verdict": None if ended is None else ended.verdict,
        "end": None if ended is None else ended.end,
        "starter": standing.by,
        "shape": standing.shape,
        "build": standing.build,
    }
    for name, value in told.items():
        if value != journalled[name]:
            cause = f"its {name} is {value!r}, and by its journal {journalled[name]!r}"
            raise broken(path, f"the row of run {row.id!r}", cause, row=f"runs {row.rid}")
    return row


def agreed(row: RequestRow, path: str) -> RequestRow:
    """Gives the row of a request back; refuses one that is not as it was asked: people must see what will run.

    Args:
        row: the request's.
        path: the store's, to name it.

    Raises:
        JournalBroken: it is not what the run's journal says was asked.
    """
    cause = None if row.journalled else "it is not what the run's journal says was asked"
    for name, value in (("request", row.id), ("role", row.role), ("digest", row.digest), ("due", row.due)):
        if row.status == "open" and row.body.get(name) != value:
            cause = f"its {name} is {value!r}, and by the journal {row.body.get(name)!r}"
    if cause is not None:
        raise broken(path, f"request {row.id!r} of run {row.run!r}", cause, row=f"requests {row.id}")
    return row
