"""The lifecycle of a run: which status follows which, and what is refused."""

from __future__ import annotations

import pytest

from guideway.errors import RunNotReady
from guideway.runs.lifecycle import OVER, STATUSES, TRIGGERS, advance

ALLOWED = {
    "ready": {"drive": "running", "park": "parked", "decide": "ready", "settle": "ready", "cancel": "cancelled"},
    "running": {
        "drive": "running",
        "wait": "waiting",
        "park": "parked",
        "end": "ended",
        "decide": "running",
        "settle": "running",
        "cancel": "cancelled",
    },
    "waiting": {"drive": "running", "wait": "waiting", "park": "parked", "decide": "ready", "cancel": "cancelled"},
    "parked": {
        "drive": "running",
        "park": "parked",
        "decide": "parked",
        "settle": "ready",
        "retry": "ready",
        "cancel": "cancelled",
    },
    "ended": {"retry": "ready"},
    "cancelled": {},
}
for status in ("ready", "running", "waiting", "parked", "ended"):  # a yes may be taken back until the dispatch
    ALLOWED[status]["revoke"] = status


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_move_is_as_listed(status, trigger):
    """Each status and trigger either leads to the status listed, or is refused with the run and its status named."""
    after = ALLOWED[status].get(trigger)
    if after is not None:
        assert advance(status, trigger) == after
        return
    with pytest.raises(RunNotReady, match=f"run 'r1' is {status}: '{trigger}' is not allowed then") as caught:
        advance(status, trigger, "r1")
    assert caught.value.data == {"run": "r1", "status": status}


def test_what_is_over_is_not_driven():
    """Nothing drives, decides about or cancels a run that is over."""
    assert not {"drive", "decide", "cancel", "park", "wait"} & {t for status in OVER for t in ALLOWED[status]}


def test_a_status_that_nobody_knows_is_refused():
    """A status from elsewhere is refused with those that there are."""
    with pytest.raises(RunNotReady, match=r"the run is lost: 'drive' is not allowed then. Statuses are ready, running"):
        advance("lost", "drive")
