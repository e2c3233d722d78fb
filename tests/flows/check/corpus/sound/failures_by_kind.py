"""What may pass is tried by a retry, what is declined ends, and all else is handed over by the flow's own way."""

from __future__ import annotations

from guideway import START, Flow, Retry, failed, on, tool
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, handed_over


@tool(effect="idempotent", writes="reply", retry=Retry(attempts=3), timeout=5.0)
def send(message: str) -> str:
    return message


flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, send), on(send, failed("declined") >> denied, answered)],
    on_failure=handed_over,
)
