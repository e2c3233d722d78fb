"""A node reads a field that no node has written yet, and its default is what the node takes."""

from __future__ import annotations

from guideway import START, Flow, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, send_note, write_reply

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, write_reply), on(write_reply, send_note), on(send_note, answered)],
)
