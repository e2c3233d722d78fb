"""Requests whose time is over, expired from the store alone: no flow's code is needed for it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import DecisionRefused, JournalBroken, RunNotReady

if TYPE_CHECKING:
    from ..runs.store import Driving


def sweep(store: Driving) -> None:
    """Expires every request whose time is over; what cannot be written is left as it is.

    Args:
        store: the store.
    """
    from ..runs.store import ArchivedStore, Draft

    if isinstance(store, ArchivedStore):
        return
    for row in store.due(time.time()):
        body = {"request": row.id, "status": "expired", "by": None, "note": "nobody decided in time"}
        # somebody decided, or the run is over, in this very moment; or it is damaged, which whoever lists it is told
        with suppress(RunNotReady, DecisionRefused, JournalBroken):
            store.decide(row.id, Draft("expired", body), status="expired")
