"""Invoices and letters have their edges; a form goes nowhere."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.papers import Paper, by_hand, filed, sort, t

flow = Flow(
    "papers",
    state=Paper,
    edges=[on(START, sort), on(sort, when(t.kind == "invoice") >> by_hand, when(t.kind == "letter") >> filed)],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START", "sort"), "example": None, "also": ()}


def shown(ran):
    """The run is stuck with a form."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.kind == "form"
