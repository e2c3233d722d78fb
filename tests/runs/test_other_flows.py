"""Two flows in one store: a role of the one is nobody in the other."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from guideway import START, DecisionRefused, End, Flow, RunNotFound, RunNotReady, approval, compute, on


class Sheet(BaseModel):
    n: int = 0


@compute(writes="n")
def count(n: int) -> int:
    return n + 1


def flow(name: str) -> Flow[Sheet]:
    """One gate, one node."""
    lead = approval("lead", denied=End("no", verdict="escalated"))
    return Flow(name, state=Sheet, edges=[on(START, lead >> count), on(count, End("yes"))])


def test_an_app_decides_about_its_own_flow_alone(tmp_path):
    """Who leads one flow cannot see or decide another flow's requests, nor settle or retry its runs."""
    store = tmp_path / "runs.db"
    with (
        flow("one").compile(store=store, roles={"lead": {"ann"}}) as one,
        flow("two").compile(store=store, roles={"lead": {"bob"}}) as two,
    ):
        run = one.start({}, by="web")
        assert (len(one.inbox()), len(two.inbox())) == (1, 0)
        with pytest.raises(DecisionRefused, match="it is of flow 'one'"):
            two.approve(run.waiting[0], by="bob")
        for ask in (lambda: two.resume(run.id), lambda: two.get(run.id), lambda: two.retry(run.id, by="bob")):
            with pytest.raises((RunNotFound, RunNotReady), match="of flow 'one'"):
                ask()
        one.approve(run.waiting[0], by="ann")
        assert one.resume(run.id).verdict == "success"
