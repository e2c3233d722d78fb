"""Two people must say yes, and who started the run is none of them."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, in_doubt, pay_back, t

board = approval("board", quorum=2, denied=denied, shows=[t.message, t.amount])

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, board >> pay_back), on(pay_back, failed("unknown_effect") >> in_doubt, answered)],
)
