"""F405, F406, F407, F602, F603: whether budgets, loops, times, edges for failures and ways back make sense."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Messages,
    Retry,
    ToolError,
    act,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    failed,
    fields,
    on,
    policy,
    subflow,
    think,
    tool,
    when,
)
from guideway.flows.check import Finding, Report, check
from guideway.flows.position import Finish, Run
from tests.flows.check import drawn


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    name: str = ""
    ok: bool = False
    done: str | None = None
    items: Annotated[list[str], Field(max_length=3)] = []
    came: list[Any] = []
    messages: Messages = []


t = fields(S)


@compute(writes="n")
def a(n: int) -> int:
    return n


@compute(writes="ok")
def b(ok: bool) -> bool:
    return ok


@think(writes="name", max_tokens=500, timeout=2.0, repairs=1)
def reason(n: int) -> str:
    return ""


@tool(effect="none", writes="name")
def look(n: int) -> str:
    return ""


@tool(effect="once", stakes="low", timeout=1.0, writes="done")
def send(name: str) -> str:
    return "sent"


good, bad, out = End("good"), End("bad", verdict="failed"), End("out", verdict="partial")


def report(*rows: Any, state: Any = S, **options: Any) -> Report:
    """What the checks say of a flow of these rows."""
    return check(Flow("f", state=state, edges=rows, **options))


def found(code: str, *rows: Any, **options: Any) -> list[Finding]:
    """The findings of a code."""
    return [item for item in report(*rows, **options).findings if item.code == code]


# F405


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (Budget(steps=2), "needs 3 steps"),
        (Budget(steps=4, keep=Budget(steps=2)), "needs 3 steps"),
        (Budget(steps=3), None),
        (Budget(calls=1), "needs 2 calls"),
        (Budget(calls=2), None),
        (Budget(tokens=499), "needs 500 tokens for one answer alone"),
        (Budget(tokens=500), None),
        (Budget(seconds=1), None),
    ],
)
def test_an_end_is_told_that_the_budget_never_pays_for(budget, told):
    """To the very step, what is kept apart; of tokens one answer; of seconds nothing is known."""
    one = found("F405", on(START, reason), on(reason, look), on(look, a), on(a, good), budget=budget, on_exhausted=out)
    assert [item.severity for item in one] == (["warning"] if told else [])
    assert told is None or told in one[0].message


def test_the_example_is_what_the_semantics_say():
    """With all steps spent, the last node does not run."""
    (item,) = found("F405", on(START, a), on(a, b), on(b, good), budget=Budget(steps=1), on_exhausted=out)
    assert item.path == ("START", "a", "b", "good")
    assert item.example == {
        "spent": {"steps": 1}, "before": "b", "error": "budget steps=1 is used up: 1 spent before 'b'",
    }  # fmt: skip


def test_the_cheapest_way_may_be_one_on_which_something_fails():
    """A failed call is a step, and needs no call; an end behind on_exhausted= is not the question."""
    rows = on(START, look), on(look, failed() >> good, reason), on(reason, good)
    assert found("F405", *rows, budget=Budget(calls=0, steps=1)) == []
    assert report(*rows, budget=Budget(calls=5, steps=5)).facts.cheapest == {"good": {"steps": 1, "calls": 0}}
    behind = on(START, a), on(a, b), on(b, good)
    assert found("F405", *behind, budget=Budget(steps=1), on_exhausted=good) == []


def test_a_fork_needs_all_branches_and_a_flow_its_own_way():
    """The branches together, the flow's nodes and its own step."""
    inner = Flow("inner", state=S, edges=[on(START, look), on(look, good)])
    sub = subflow(inner, name="sub")
    rows = on(START, all_of(reason, look)), on(reason, sub), on(look, sub), on(sub, good)
    facts = report(*rows, budget=Budget(steps=9, calls=9)).facts
    assert facts.cheapest == {"good": {"steps": 4, "calls": 3}}
    assert "the cheapest way to 'good': 4 steps and 3 calls" in str(report(*rows, budget=Budget(steps=9, calls=9)))


def test_a_branch_may_leave_by_a_failure_for_less():
    """What leaves a region pays for no sibling."""
    rows = (
        on(START, all_of(reason, look)),
        on(reason, a),
        on(look, failed() >> good, a),
        on(a, b),
        on(b, good),
    )
    assert report(*rows, budget=Budget(steps=9)).facts.cheapest == {"good": {"steps": 1}}


def test_the_rounds_that_a_budget_pays_for_are_counted():
    """Of a cycle that only the budget ends: what is left beside the cheapest way, by what a round needs."""
    rows = on(START, look), on(look, when(t.name == "x") >> good, reason), on(reason, look)
    facts = report(*rows, budget=Budget(steps=9, calls=20), on_exhausted=out).facts
    assert facts.rounds == {"look > reason > look": 4}
    assert report(*rows[:1], on(look, when(t.name == "x") >> good, when(at_most(3)) >> look, out),
                  budget=Budget(steps=9)).facts.rounds == {}  # fmt: skip


@settings(max_examples=40)
@given(drawn.flows(), st.data())
def test_no_run_comes_to_an_end_for_less(flow: Flow[drawn.S], data: st.DataObject):
    """A drawn run that came to a success end without its budget's way took no fewer steps than the cheapest way."""
    cheapest, steps = check(flow).facts.cheapest, 0
    for taken in drawn.run(data.draw, flow):
        steps += isinstance(taken.move, Run)
        if isinstance(taken.move, Finish) and taken.move.at.end in cheapest and not taken.move.out:
            assert steps >= cheapest[taken.move.at.end]["steps"]


# F406


def test_a_cycle_whose_ways_out_never_change_is_told_with_what_ends_it():
    """By a limit, and by the budget."""
    limited = on(START, a), on(a, when(t.ok == True) >> good, when(at_most(3)) >> a, out)  # noqa: E712  # an expression
    (item,) = found("F406", *limited)
    assert (item.severity, item.path) == ("warning", ("START", "a", "a"))
    assert "until a limit is used up: its ways out ask about ok" in item.message
    endless = on(START, a), on(a, when(t.ok == True) >> good, a)  # noqa: E712  # an expression
    (item,) = found("F406", *endless, budget=Budget(steps=9), on_exhausted=out)
    assert "until the budget is used up" in item.message


def opaque(ok: bool) -> bool:
    """May look at a clock."""
    return ok


def rule(ok: bool) -> str | None:
    """A rule."""
    return None if ok else "no"


@pytest.mark.parametrize(
    "rows",
    [
        [on(a, when(t.n > 3) >> good, when(at_most(3)) >> a, out)],
        [on(a, when(at_most(3)) >> a, good)],
        [on(a, when(t.ok == True) >> good, when(at_most(3)) >> a, good)],  # noqa: E712  # an expression
        [on(a, when(opaque) >> good, when(at_most(3)) >> a, out)],
        [on(a, when(t.ok == True) >> good, when(at_most(3)) >> b, out), on(b, a)],  # noqa: E712  # an expression
        [on(a, when(t.ok == True) >> good, failed() >> out, when(at_most(3)) >> a, bad)],  # noqa: E712  # an expression
        [on(a, when(t.ok == True) >> good, when(at_most(3)) >> policy(rule, violated=out) >> a, bad)],  # noqa: E712  # an expression
    ],
)
def test_what_may_change_ends_or_counts_is_no_livelock(rows):
    """A field that is written, a number of rounds, a function, another node's write, a failure, a gate."""
    assert found("F406", on(START, a), *rows) == []


def test_a_validator_of_the_whole_state_may_change_anything():
    """Nothing is told where every write may change every field."""

    class Whole(S):
        @model_validator(mode="after")
        def turned(self) -> Whole:
            return self

    f = fields(Whole)
    rows = on(START, a), on(a, when(f.ok == True) >> good, when(at_most(3)) >> a, out)  # noqa: E712  # an expression
    assert found("F406", *rows, state=Whole) == []


# F603

row = on(send, failed("unknown_effect") >> bad, a)


@pytest.mark.parametrize(
    "rows",
    [
        [row, on(a, when(t.n > 1, at_most(2)) >> send, good)],
        [row, on(a, failed() >> send, good)],
        [on(send, failed("unknown_effect") >> send, good)],
        [on(send, failed("bug") >> when(at_most(1)) >> send, good)],
    ],
)
def test_a_way_back_to_what_may_have_been_done_is_told(rows):
    """After an ok outcome, by another node's failure, and after failures that prove nothing."""
    (item,) = found("F603", on(START, send), *rows, budget=Budget(steps=9), on_exhausted=out)
    assert (item.severity, item.path[-1]) == ("warning", "send")


@pytest.mark.parametrize(
    "rows",
    [
        [row, on(a, when(t.n > 1, at_most(2)) >> approval("lead", denied=bad) >> send, good)],
        [row, on(a, reason), on(reason, when(t.n > 1, at_most(2)) >> send, good)],
        [on(send, failed("transient") >> when(at_most(2)) >> send, failed("unknown_effect") >> bad, good)],
    ],
)
def test_a_person_new_arguments_or_a_proof_make_it_fine(rows):
    """An approval on the edge back, a node that writes what it reads, and a failure that proves nothing was done."""
    assert found("F603", on(START, send), *rows) == []


def test_a_key_makes_it_once():
    """The second call finds what the first did."""
    keyed = tool(effect="once", stakes="low", timeout=1.0, writes="done", key="name", name="keyed")(send.fn)
    assert found("F603", on(START, keyed), on(keyed, a), on(a, when(t.n > 1, at_most(2)) >> keyed, good)) == []


def test_what_a_branch_writes_beside_it_is_new():
    """The loop goes through a fork, one branch of which writes what the other's tool reads."""
    rows = (
        on(START, all_of(send, look)),
        on(send, a),
        on(look, a),
        on(a, when(t.n > 1, at_most(2)) >> all_of(send, look), good),
    )
    assert found("F603", *rows) == []


# F407


def times(*rows: Any, **options: Any) -> tuple[float | None, float | None]:
    """The working and the waiting time."""
    facts = report(*rows, **options).facts.times
    return facts.working, facts.waiting


def test_the_working_time_counts_attempts_repairs_and_pauses():
    """Two answers of 2 s; three attempts of 1 s with pauses of 0.5 and 1 s; what asks the world works too."""
    tried = tool(effect="none", timeout=1.0, writes="name", retry=Retry(attempts=3), name="tried")(look.fn)
    settled = tool(effect="once", stakes="low", timeout=1.0, writes="done", reconcile=ask_world, name="settled")(
        send.fn
    )
    assert times(on(START, reason), on(reason, good)) == (4.0, 0)
    assert times(on(START, tried), on(tried, good)) == (4.5, 0)
    assert times(on(START, settled), on(settled, good)) == (2.0, 0)
    assert times(on(START, a), on(a, when(at_most(2)) >> tried, good), on(tried, a)) == (9.0, 0)


def ask_world(name: str) -> str:
    """Asks the world."""
    return "sent"


def test_the_waiting_time_is_the_longest_way_through_the_gates():
    """An escalation adds up, a way with gates of its own too, and another way through the row does not."""
    chief = approval("chief", within="30m", denied=bad, expired=bad)
    lead = approval("lead", within="10m", denied=bad, expired=chief)
    assert times(on(START, lead >> a), on(a, good)) == (0, 2400)
    aside = approval("aside", within="1m", denied=chief >> b, expired=bad)
    assert times(on(START, when(t.n > 1) >> lead >> a, aside >> a), on(a, good), on(b, good)) == (0, 2400)
    person = ask("person", "Who?", name="person", writes="name", within="1h", expired=chief >> b)
    assert times(on(START, person), on(person, good), on(b, good)) == (0, 5400)
    assert times(on(START, a), on(a, good), on_failure=chief >> out, on_exhausted=out) == (0, 1800)
    assert times(on(START, a), on(a, good), on_failure=chief >> b)[1] is None  # b may fail, again and again


def test_gates_on_heads_of_calls_and_of_items_are_waited_for():
    """Each head's, the longest of an act's calls, and every item's."""
    head = approval("head", within="1h", denied=b, expired=b)
    assert times(on(START, all_of(head >> a, look)), on(a, b), on(look, b), on(b, good))[1] == 3600

    @think(tools=[send], timeout=1.0)
    def agent(messages: Messages) -> Messages:
        return messages

    do = act([send], name="do", gates={send: approval("lead", within="1h", expired=bad)})
    facts = report(on(START, agent), on(agent, do), on(do, good)).facts.times
    assert (facts.waiting, facts.working) == (3600, None)
    assert facts.open_work == {"do": "calls as often as a model proposes"}
    every = each(approval("lead") >> send, name="every", item="name", over="items", into="came")
    facts = report(on(START, every), on(every, good)).facts.times
    assert (facts.working, facts.waiting, facts.open_wait) == (3.0, None, {"lead": "has no within="})


def test_what_has_no_time_is_named():
    """A tool without a timeout, a gate without a time, and a cycle without a bound."""
    lead = approval("lead", denied=bad)
    shown = str(report(on(START, lead >> look), on(look, good)))
    assert "working time (F407): no bound: look has no timeout=" in shown
    assert "waiting time (F407): no bound: lead has no within=" in shown
    endless = report(on(START, reason), on(reason, when(t.n > 1) >> good, reason)).facts.times
    assert endless.open_work == {"a cycle": "has no limit, and the budget no steps="}
    assert times(on(START, reason), on(reason, when(t.n > 1) >> good, reason), budget=Budget(steps=5)) == (20.0, 0)


def test_a_flow_inside_takes_its_own_time():
    """Its times count for its node, and what leaves it open is named within it."""
    inner = Flow("inner", state=S, edges=[on(START, reason), on(reason, good)])
    loose = Flow("loose", state=S, edges=[on(START, look), on(look, good)])
    sub, worse = subflow(inner, name="sub"), subflow(loose, name="worse")
    assert times(on(START, sub), on(sub, good)) == (4.0, 0)
    facts = report(on(START, worse), on(worse, good)).facts.times
    assert facts.open_work == {"worse/look": "has no timeout="}


# F602


class Declined(Exception):
    """Nothing was paid."""


class Narrow(Declined):
    """A kind of it."""


def never(node: Any, *what: Any) -> bool:
    """Whether an edge for such failures is told to match nothing."""
    return bool(found("F602", on(START, node), on(node, failed(*what) >> bad, good)))


once = tool(effect="once", stakes="low", timeout=1.0, writes="done", not_done=Declined, name="once")(send.fn)
settled = tool(effect="once", stakes="low", timeout=1.0, writes="done", reconcile=ask_world, name="settled")(send.fn)
question = ask("person", "Who?", name="person", writes="name")
of_items = each(look, name="every", item="n", over="items", into="came")
of_sends = each(send, name="sends", item="name", over="items", into="came")


@think(tools=[look, once])
def agent(messages: Messages) -> Messages:
    """Proposes calls."""
    return messages


@pytest.mark.parametrize(
    ("node", "what", "told"),
    [
        (a, ("rate_limited",), True), (a, ("unknown_effect",), True), (a, ("exhausted",), True),
        (a, ("timeout",), False), (a, ("bug",), False), (a, (LookupError,), False), (a, (), False),
        (a, ("transient",), False), (question, ("timeout",), True), (question, ("transient",), True),
        (question, ("invalid_input",), False), (reason, ("unknown_effect",), True), (reason, ("timeout",), False),
        (look, ("unknown_effect",), True), (look, ("timeout",), False), (look, ("declined",), False),
        (once, ("unknown_effect",), False), (once, ("timeout",), True), (once, ("transient",), False),
        (once, (Declined,), False), (once, (Narrow,), False), (once, (Exception,), False), (once, (ToolError,), False),
        (once, (LookupError,), True), (settled, (LookupError,), False), (settled, ("timeout",), False),
        (of_items, ("unknown_effect",), True), (of_items, (LookupError,), True), (of_items, ("timeout",), False),
        (of_sends, ("unknown_effect",), False), (of_sends, ("declined",), False),
    ],
)  # fmt: skip
def test_what_a_node_never_fails_with_is_told(node, what, told):
    """By its kind, its effect, and what proves that nothing was done."""
    assert never(node, *what) is told


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (("timeout",), True), (("declined",), True), (("unavailable",), True), ((LookupError,), True),
        (("unknown_effect",), False), (("exhausted",), False), (("invalid_input",), False), ((Exception,), False),
    ],
)  # fmt: skip
def test_what_fails_a_call_of_an_act_does_not_fail_the_act(what, told):
    """It is told to the model."""
    do = act([look, once], name="do")
    one = found("F602", on(START, agent), on(agent, do), on(do, failed(*what) >> bad, good))
    assert bool(one) is told


def test_a_flow_inside_is_unknown_only_where_a_call_in_it_may_be():
    """Whatever else fails in it may fail it; classes are not handed on."""
    plain = subflow(Flow("plain", state=S, edges=[on(START, look), on(look, good)]), name="plain")
    sends = subflow(Flow("sends", state=S, edges=[on(START, send), on(send, good)]), name="sends")
    assert never(plain, "unknown_effect")
    assert never(plain, LookupError)
    assert not never(plain, "timeout", "bug")
    assert not never(sends, "unknown_effect")
