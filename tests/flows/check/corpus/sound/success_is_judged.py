"""An end counts as a success only where there is a reply."""

from __future__ import annotations

from guideway import START, End, Flow, exists, on
from tests.flows.check.corpus.desks.refunds import Ticket, t, write_reply

answered = End("answered", succeeds_if=exists(t.reply))

flow = Flow("desk", state=Ticket, edges=[on(START, write_reply), on(write_reply, answered)])
