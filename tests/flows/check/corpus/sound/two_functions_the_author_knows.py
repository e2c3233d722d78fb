"""Two named functions that exclude each other, as the author knows; what is in neither goes to a person."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, send_note


def polite(message: str) -> bool:
    """Whether the customer says please."""
    return "please" in message


def rude(message: str) -> bool:
    """Whether the customer shouts."""
    return message.isupper()


flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, when(polite) >> send_note, when(rude) >> handed_over, handed_over),
        on(send_note, answered),
    ],
)
