"""``follow``: what a finding says can happen is seen to happen."""

from __future__ import annotations

from typing import Any

import pytest

from guideway import START, ConfigError, End, Flow, all_of, always, approval, at_most_once, never, on, subflow, when
from guideway.flows.check import check
from guideway.testing import follow
from tests.flows.check import test_properties as props
from tests.flows.check.test_properties import S, a, b, c, done, other, reckon, t, x


def found(item: Any, rows: list[Any], **more: Any) -> tuple[Flow[S], Any]:
    """A flow, and the example of what is found of a property of it."""
    flow = Flow("f", state=S, edges=rows, properties=[item], **more)
    return flow, next(one.example for one in check(flow, solver=True).findings if one.code.startswith("F7"))


REFUTED = [case for case, (_, _, expected) in props.CASES.items() if expected is not None and expected[0] == "F701"]


@pytest.mark.parametrize("case", REFUTED)
def test_every_refutation_runs(case):
    """The run comes by the path that the finding tells to the node or the end at which the property is violated."""
    item, rows, (_, path) = props.CASES[case]
    flow, example = found(item, rows)
    run = follow(flow, example)
    places = [*(step.node for step in run.steps if step.error is None or step.error.type == "ExampleOver")]
    places += [run.end] if run.end else []
    assert [place for place in path.split() if place in flow.nodes or place in flow.ends] == [
        place for place in places if place in path.split()
    ]
    assert run.end is not None or run.error.type == "ExampleOver"


def test_what_happened_on_the_way_is_what_the_example_says():
    """Values, failures and noes of the example are those of the run; nothing of the author's is called."""
    back = approval("lead", denied=b)
    rows = [on(START, reckon), on(reckon, when(t.total > 40) >> back >> c, c), on(b, when(t.total < 60) >> x, done),
            on(c, done), on(x, done)]  # fmt: skip
    flow, example = found(never(x).after(b), rows)
    run = follow(flow, example)
    assert [(step.node, step.outcome) for step in run.steps] == [("reckon", "ok"), ("b", "ok"), ("x", "failed")]
    assert 40 < run.state.total < 60
    assert run.error.message == "here the example ends: the run came to 'x'"
    failing, example = found(always(a).leads_to(x), props.PLAIN, on_failure=other)
    run = follow(failing, example)
    assert (run.end, run.steps[0].outcome) == ("other", "failed")


def test_a_no_at_the_start_is_followed():
    """A gate on START's own edge says in the run what it says in the example."""
    first = approval("lead", denied=x)
    flow, example = found(always(a).before(x), [on(START, first >> a), on(a, x), on(x, done)])
    assert example["noes"] == {"lead": "denied"}
    assert [step.node for step in follow(flow, example).steps] == ["x"]


def test_flows_inside_are_followed_by_the_end_that_they_come_to():
    """A subflow does what the example says of its end."""
    inner = Flow("inner", state=S, edges=[on(START, a), on(a, when(t.total > 5) >> done, other)])
    sub = subflow(inner, name="sub")
    flow, example = found(at_most_once((sub, x)), [on(START, sub), on(sub, x), on(x, End("over"))])
    run = follow(flow, example)
    assert [(step.node, step.outcome) for step in run.steps] == [("sub", "ok"), ("x", "failed")]


def test_branches_are_followed():
    """The steps of branches are found by their nodes."""
    flow, example = found(never(c).after(x), [on(START, all_of(a, b)), on(a, x), on(b, c), on(x, c), on(c, done)])
    assert sorted(step.node for step in follow(flow, example).steps) == ["a", "b", "c", "x"]


def test_a_time_that_runs_out_cannot_be_followed():
    """Nobody can wait for a request to expire, and what is no example of a run is refused."""
    slow = approval("lead", denied=done, within="24h", expired=x)
    rows = [on(START, a), on(a, slow >> b), on(b, done), on(x, done)]
    flow, example = found(never(x).after(a), rows)
    assert example["steps"][0]["noes"] == {"lead": "expired"}
    with pytest.raises(ConfigError, match="a request of 'lead' runs out of time"):
        follow(flow, example)
    with pytest.raises(ConfigError, match="takes the example of a run"):
        follow(flow, {"fork": "all_of(a, b)", "ways": []})


def test_what_is_enforced_is_seen_without_that():
    """Where the property is enforced, the run shows what happens without that."""
    flow, example = found(never(x).unless(b).enforced(), props.PLAIN)
    assert flow.watched
    assert follow(flow, example).steps[-1].node == "x"


def test_a_finding_without_an_example_cannot_be_followed():
    """Its example is None, and the error says so at the caller's line."""
    with pytest.raises(ConfigError, match="not None: not every finding has one") as refused:
        follow(Flow("f", state=S, edges=[on(START, a), on(a, done)]), None)  # type: ignore[arg-type]  # what an author may write
    assert (refused.value.where or "").startswith("test_follow.py:")
