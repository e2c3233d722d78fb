"""A flow whose input alone decides, before any node has run."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, send_note, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, when(t.amount > 1000) >> denied, send_note), on(send_note, answered)],
)
