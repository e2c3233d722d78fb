"""The answer was meant to be written by the new node; the edge still leads to the old end."""

from __future__ import annotations

from guideway import START, Flow, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, read, write_reply

flow = Flow("desk", state=Ticket, edges=[on(START, read), on(read, answered), on(write_reply, answered)])

EXPECTED = {"code": "F101", "severity": "error", "path": (), "example": None, "also": ()}
