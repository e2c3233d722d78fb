"""Money goes out once in a run, says the property; the round that mends a reply goes by the payment."""

from __future__ import annotations

from guideway import START, Flow, at_most, at_most_once, compute, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, t, write


@compute(writes="query")
def pay_for_access(question: str) -> str:
    return question


flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, pay_for_access),
        on(pay_for_access, write),
        on(write, judge),
        on(judge, when(t.verdict == "good") >> answered, when(at_most(2)) >> pay_for_access, gave_up),
    ],
    properties=[at_most_once(pay_for_access)],
)

EXPECTED = {
    "code": "F701",
    "severity": "error",
    "path": ("START", "pay_for_access", "write", "judge", "pay_for_access"),
    "example": {"then": "pay_for_access"},
    "also": (),
}


def shown(ran):
    """It is called a second time."""
    assert ran.called[:4] == ["pay_for_access", "write", "judge", "pay_for_access"]
