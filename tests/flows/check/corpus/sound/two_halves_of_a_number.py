"""A row without a bare target: under the threshold, and not under it."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, read, t, write_reply

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, when(t.confidence < 0.7) >> handed_over, when(t.confidence >= 0.7) >> write_reply),
        on(write_reply, answered),
    ],
)
