"""A reply that the lead refuses is written anew; no limit counts a no, so the budget ends it."""

from __future__ import annotations

from guideway import START, Budget, Flow, Refusal, approval, on, think
from tests.flows.check.corpus.desks.refunds import Ticket, answered, send_note


@think(writes="reply")
def write(message: str, refusal: Refusal | None) -> str:
    return f"Answer. Last time: {refusal}\n\n{message}"


flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, write),
        on(write, approval("lead", denied=write) >> send_note),
        on(send_note, answered),
    ],
    budget=Budget(steps=10),
)
