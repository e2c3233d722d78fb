"""A run is known by its id, a text: the store's own numbers are nobody's names for runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import START, End, Flow, RunNotFound, compute, on


class Count(BaseModel):
    """The state."""

    n: int = 0


@compute(writes="n")
def add(n: int) -> int:
    """One more."""
    return n + 1


FLOW = Flow("count", state=Count, edges=[on(START, add), on(add, End("done"))])


@pytest.mark.parametrize("given", [1, True, 2.0, None, "run"])
@pytest.mark.parametrize("verb", ["get", "resume", "cancel", "retry", "fork", "settle"])
def test_a_number_or_a_run_is_no_id(verb, given):
    """What is no text hits no run, least of all some other one; a Run is told to give its id."""
    more: dict[str, dict[str, Any]] = {
        "cancel": {"by": "x"},
        "retry": {"by": "x"},
        "fork": {"at": 0, "by": "x"},
        "settle": {"step": None, "result": 1, "by": "x"},
    }
    with FLOW.compile() as app:
        run = app.start({}, run_id="payroll")
        what: Any = run if given == "run" else given
        hint = r"write run\.id" if given == "run" else "a run is known by its id, a text"
        with pytest.raises(RunNotFound, match=hint):
            getattr(app, verb)(what, **more.get(verb, {}))
        assert app.get("payroll").status == "ended"
        assert len(app.runs()) == 1
