"""F507: what has become of each effect when a run comes to an end; and what a kill leads to."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from guideway import (
    START,
    End,
    Flow,
    Messages,
    act,
    all_of,
    at_most,
    compute,
    each,
    ended,
    failed,
    fields,
    on,
    subflow,
    think,
    tool,
    when,
)
from guideway.flows.check import check
from guideway.flows.position import AtEnd, Done, Finish
from guideway.nodes.outcome import Outcome
from guideway.nodes.tool import Tool
from tests.flows.check import drawn, fanned


class Declined(Exception):
    """Proves that nothing was paid."""


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    paid: str | None = None
    told: str | None = None
    items: Annotated[list[int], Field(max_length=3)] = []
    came: list[Any] = []
    messages: Messages = []


t = fields(S)


@tool(effect="once", stakes="low", timeout=1.0, writes="paid", not_done=Declined)
def pay(n: int) -> str:
    return "paid"


@tool(effect="once", stakes="low", timeout=1.0, writes="told")
def tell(n: int) -> str:
    return "told"


@compute(writes="n")
def a(n: int) -> int:
    return n


@compute(writes="n")
def b(n: int) -> int:
    return n


good, bad, other = End("good"), End("bad", verdict="failed"), End("other", verdict="partial")


def table(*rows: Any, **options: Any) -> dict[str, dict[str, str]]:
    """What the checks say of the ends."""
    return dict(check(Flow("f", state=S, edges=rows, **options)).facts.ends)


def test_what_went_well_has_surely_happened_and_what_failed_possibly():
    """The edge behind an ok outcome, and those behind failures of any kind."""
    rows = on(START, pay), on(pay, failed() >> bad, failed("unknown_effect") >> other, good)
    assert table(*rows) == {"good": {"pay": "surely"}, "bad": {"pay": "possibly"}, "other": {"pay": "possibly"}}


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ((Declined,), "never"),
        (("declined",), "never"),
        (("transient",), "never"),
        (("invalid_output",), "possibly"),
        (("bug",), "possibly"),
        ((Declined, "unknown_effect"), "possibly"),
        ((LookupError,), "possibly"),
    ],
)
def test_only_a_failure_that_proves_it_says_never(what, word):
    """What not_done= lists and what is unknown_effect otherwise proves it; what fails behind the call does not."""
    assert table(on(START, pay), on(pay, failed(*what) >> bad, good))["bad"]["pay"] == word


def test_a_function_on_an_edge_may_fail_a_step_that_went_well():
    """A function that raises fails the step behind its call, so its failures prove nothing."""

    def odd(n: int) -> bool:
        return n % 2 == 1

    assert table(on(START, pay), on(pay, failed(Declined) >> bad, when(odd) >> other, good))["bad"]["pay"] == "possibly"


def test_a_key_proves_nothing_of_another_runs_call():
    """A keyed call may fail since another run's is under way."""
    keyed = tool(effect="once", stakes="low", timeout=1.0, writes="paid", key="n", name="keyed")(pay.fn)
    assert table(on(START, keyed), on(keyed, failed("unavailable") >> bad, good))["bad"]["keyed"] == "possibly"


def test_one_of_two_ways_is_possibly():
    """What happened on one way to an end alone, is lost again at no loop, and never happened where no way leads."""
    rows = (
        on(START, when(t.n > 1) >> pay, when(t.n > 5) >> other, a),
        on(pay, a),
        on(a, when(t.n > 3, at_most(2)) >> tell, good),
        on(tell, a),
    )
    found = table(*rows, on_failure=bad)
    assert found["good"] == {"pay": "possibly", "tell": "possibly"}
    assert found["other"] == {"pay": "never", "tell": "never"}


def test_the_flows_own_ways_come_from_everywhere():
    """A step behind the payment may fail, so on_failure has it possibly; before it nothing was paid."""
    rows = on(START, a), on(a, pay), on(pay, failed() >> other, failed("unknown_effect") >> other, good)
    assert table(*rows, on_failure=bad, on_exhausted=other)["bad"] == {"pay": "never"}
    assert table(on(START, pay), on(pay, a), on(a, good), on_failure=bad)["bad"] == {"pay": "possibly"}


def test_where_branches_join_all_of_them_have_happened():
    """A join needs every branch; what leaves by a failure has what its siblings possibly did."""
    rows = (
        on(START, all_of(pay, tell)),
        on(pay, a),
        on(tell, failed("unknown_effect") >> bad, a),
        on(a, good),
    )
    assert table(*rows) == {
        "good": {"pay": "surely", "tell": "surely"}, "bad": {"pay": "possibly", "tell": "possibly"},
    }  # fmt: skip


def test_a_flow_inside_is_told_by_the_end_that_it_comes_to():
    """An edge for an end of a subflow has what has happened there."""
    paid, not_paid = End("paid"), End("not paid", verdict="partial")
    inner = Flow(
        "inner", state=S,
        edges=[on(START, when(t.n > 1) >> pay, not_paid), on(pay, failed("unknown_effect") >> paid, paid)],
    )  # fmt: skip
    desk = subflow(inner, name="desk")
    found = table(on(START, desk), on(desk, ended(not_paid) >> other, good), on_failure=bad)
    assert found == {
        "other": {"desk/pay": "never"}, "good": {"desk/pay": "possibly"}, "bad": {"desk/pay": "possibly"},
    }  # fmt: skip


def test_calls_of_a_model_and_items_of_a_list_have_possibly_happened():
    """Nobody knows whether a model proposes a call, or whether a list has an item."""

    @think(tools=[pay])
    def agent(messages: Messages) -> Messages:
        return messages

    do = act([pay], name="do")
    all_items = each(tell, name="all", item="n", over="items", into="came")
    found = table(on(START, agent), on(agent, do), on(do, all_items), on(all_items, good))
    assert found == {"good": {"do/pay": "possibly", "all/tell": "possibly"}}


def test_a_kill_is_looked_up_taken_up_or_parks():
    """By reconcile=, by the edge that names it, or by nobody; all else is done again."""
    asked = tool(effect="once", stakes="low", timeout=1.0, writes="paid", reconcile=ask_world, name="asked")(pay.fn)
    rows = [on(START, a), on(a, asked), on(asked, pay), on(pay, failed("unknown_effect") >> bad, tell), on(tell, good)]
    report = check(Flow("f", state=S, edges=rows))
    assert report.facts.killed == {"a": "again", "asked": "asked", "pay": "edge", "tell": "parks"}
    assert "killed in the middle of tell: the run parks until it is settled" in str(report)


def ask_world(n: int) -> str:
    """Asks the world."""
    return "paid"


def test_a_flow_without_effects_has_no_table():
    """Nothing is said where there is nothing to say."""
    report = check(Flow("f", state=S, edges=[on(START, a), on(a, good)]))
    assert report.facts.ends == {}
    assert "F507" not in str(report)


# no run contradicts the table

SURE, PERHAPS = "sure", "perhaps"


def did(outcome: Outcome) -> str | None:
    """Whether a once call with this outcome has happened."""
    if outcome.kind == "ok":
        return SURE
    assert outcome.error is not None
    return None if outcome.error.category in ("declined", "timeout") else PERHAPS


def contradicts(found: dict[str, Any], end: str, done: dict[str, set[str | None]]) -> list[str]:
    """The effects of which a run shows something else than the table of an end."""
    return [
        name
        for name, word in found[end].items()
        if (word == "never" and done.get(name, set()) & {SURE, PERHAPS})
        or (word == "surely" and SURE not in done.get(name, set()))
    ]


@settings(max_examples=40)
@given(drawn.flows(), st.data())
def test_no_run_contradicts_the_table(flow: Flow[drawn.S], data: st.DataObject):
    """At the end of a drawn run, what has happened is what the table says of that end."""
    found, done = check(flow).facts.ends, dict[str, set[str | None]]()
    for taken in drawn.run(data.draw, flow):
        if isinstance(taken.incoming, Done) and isinstance(flow.nodes[taken.source], Tool):
            done.setdefault(taken.source, set()).add(did(taken.incoming.outcome))
        if isinstance(taken.move, Finish) and taken.move.at.end is not None and found:
            assert contradicts(found, taken.move.at.end, done) == []


class Witness(fanned.Runner):
    """Notes what has happened in a run, in branches and flows inside too."""

    def __init__(self, draw: Any) -> None:
        super().__init__(draw)
        self.within: list[str] = []
        self.done: dict[str, set[str | None]] = {}
        self.came: AtEnd | None = None

    def step(self, flow: Any, name: str, state: Any) -> Any:
        """One step, noted where it is a tool's."""
        self.within.append(name)
        outcome, deltas = super().step(flow, name, state)
        if isinstance(flow.nodes[name], Tool):
            self.done.setdefault("/".join(self.within), set()).add(did(outcome))
        self.within.pop()
        return outcome, deltas

    def flow(self, flow: Any, state: Any) -> Any:
        """A flow, and where it came to."""
        self.came, state = super().flow(flow, state)
        return self.came, state


@settings(max_examples=25)
@given(fanned.flows(), st.data())
def test_no_run_with_branches_and_flows_inside_contradicts_the_table(flow: Flow[Any], data: st.DataObject):
    """The same where runs fan out, join, leave, and hold flows."""
    found, witness = check(flow).facts.ends, Witness(data.draw)
    given = data.draw(drawn.INPUTS) | {"items": data.draw(st.lists(st.sampled_from(["x"]), max_size=2))}
    try:
        came, _ = witness.flow(flow, flow.type.start(given))
    except fanned.Stopped:
        return
    if came.end is not None and found:
        assert contradicts(found, came.end, witness.done) == []
