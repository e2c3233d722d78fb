"""Under a half and from a half on; the edge in between, for the middle, never has its turn."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, handed_over, read, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(
            read,
            when(t.confidence < 0.5) >> handed_over,
            when(t.confidence >= 0.5) >> answered,
            when(t.confidence > 0.4, t.confidence < 0.6) >> denied,
        ),
    ],
)

EXPECTED = {"code": "F204", "severity": "warning", "path": ("START", "read"), "example": None, "also": ()}
