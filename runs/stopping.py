"""The end of a process that drives runs: what was begun is recorded first, if that does not take too long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..errors import GuidewayError
from .overruns import go_on_here
from .store import Lease, SqliteStore
from .underway import between_calls
from .working import LOOK

GRACE = 10.0
"""Seconds that a command waits at its end for calls to be over: as long as Docker waits before it kills."""

_log = logging.getLogger("guideway")


def let_go(store: SqliteStore, over: Callable[[], bool], grace: float = GRACE) -> None:
    """Begins no further call in the runs that this process drives, and lets each go as soon as none is under way.

    Calls that overran their timeout are waited for too.

    Args:
        store: where the runs are.
        over: whether the runs came to their end meanwhile.
        grace: seconds until a call that is under way is not waited for any more.
    """
    until = time.monotonic() + grace
    left = store.held_here()
    for lease in left:
        lease.closing = True
    while not over() and time.monotonic() < until:
        left = [lease for lease in left if not _let_go(store, lease)]
        if not left and not go_on_here(store):
            return
        time.sleep(LOOK)


def wait_for_late_calls(store: SqliteStore, grace: float = GRACE) -> bool:
    """Waits for the calls that overran their timeout in this process: with it their threads would end.

    Args:
        store: where their runs are.
        grace: seconds until they are not waited for any more.

    Returns:
        Whether how each ended is recorded.
    """
    until = time.monotonic() + grace
    while go_on_here(store):
        if time.monotonic() >= until:
            return False
        time.sleep(LOOK)
    return True


def _let_go(store: SqliteStore, lease: Lease) -> bool:
    try:
        return store.let_go(lease, between=between_calls)
    except GuidewayError as error:
        _log.error("run %s is given up: %s", lease.run, error)
        return True
