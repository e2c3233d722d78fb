"""F4: every cycle has a bound, and what a run can use up at most."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Messages,
    Retry,
    act,
    approval,
    ask,
    at_most,
    compute,
    failed,
    fields,
    on,
    policy,
    think,
    tool,
    when,
)
from guideway.flows.check import Report, check


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    name: str | None = None
    messages: Messages = []


t = fields(S)
more = t.n < 5


@compute(writes="n")
def a(n: int) -> int:
    return n


@tool(effect="none", writes="n", retry=Retry(attempts=3))
def look(n: int) -> int:
    return n


@think(writes="name")
def say(n: int) -> str:
    return "say"


def small(n: int) -> str | None:
    return None if n < 9 else "too much"


b, c = a.named("b"), a.named("c")
person = ask("person", "What now?", writes="name")
good = End("good")


def report(*rows: Any, **options: Any) -> Report:
    """What the checks say of a flow of these rows."""
    return check(Flow("f", state=S, edges=rows, **options))


def codes(*rows: Any, **options: Any) -> set[str]:
    """The codes of F4 among a flow's findings."""
    return {item.code for item in report(*rows, **options).findings if item.code.startswith("F4")}


def test_a_straight_flow_takes_its_longest_path():
    """Without cycles the bound is the longest path, and the edges gave it."""
    facts = report(on(START, a), on(a, when(more) >> b, c), on(b, c), on(c, good)).facts
    assert (facts.max_steps, facts.capped_by["max_steps"]) == (3, "edges")


def test_a_limit_adds_its_rounds():
    """Three rounds at most: one execution first, and one more each time the limited edge is taken."""
    assert report(on(START, a), on(a, when(at_most(3)) >> a, good)).facts.max_steps == 4


def test_a_limit_on_two_edges_is_one_counter():
    """What two edges share counts once, by the longer of the two pieces that it can begin."""
    rounds = at_most(3)
    rows = on(START, a), on(a, when(more, rounds) >> b, when(rounds) >> a, good), on(b, a)
    assert report(*rows).facts.max_steps == 1 + 3 * 2


def test_the_tightest_of_two_limits_counts():
    """An edge that bears two limits is taken as often as the smaller one lets it."""
    assert report(on(START, a), on(a, when(at_most(9), at_most(2)) >> a, good)).facts.max_steps == 3


def test_nested_cycles_add_and_do_not_multiply():
    """A counter is for the whole run, so an inner cycle is not begun anew in each round of the outer one."""
    rows = (
        on(START, a),
        on(a, b),
        on(b, when(more, at_most(4)) >> b, when(at_most(2)) >> a, good),
    )
    assert report(*rows).facts.max_steps == 2 + 4 * 1 + 2 * 2


def test_parts_that_follow_each_other_add():
    """Each part of the flow that goes round counts by itself, and the parts on a way add up."""
    rows = on(START, a), on(a, when(at_most(2)) >> a, b), on(b, when(at_most(5)) >> b, good)
    assert report(*rows).facts.max_steps == 3 + 6


def test_the_way_of_a_used_up_budget_comes_on_top():
    """on_exhausted is taken once, from anywhere: what it leads to is added; without it on_failure is meant."""
    rows = on(START, a), on(a, good), on(b, c), on(c, good)
    assert report(*rows, on_exhausted=b, budget=Budget(calls=1)).facts.max_steps == 3
    assert report(*rows, on_failure=b, budget=Budget(calls=1)).facts.max_steps is None


def test_a_budget_caps_the_figure():
    """The smaller of budget and edges is told, with which of the two it was."""
    rows = on(START, a), on(a, when(at_most(30)) >> a, good)
    facts = report(*rows, budget=Budget(steps=20)).facts
    assert (facts.max_steps, facts.capped_by["max_steps"]) == (20, "budget.steps")
    assert report(*rows, budget=Budget(steps=90)).facts.capped_by["max_steps"] == "edges"


def test_a_cycle_without_a_limit_is_an_error_that_was_seen():
    """The error names the cycle, and its example is a run that goes round."""
    (finding,) = report(on(START, a), on(a, b), on(b, when(more) >> a, good)).findings
    assert (finding.code, finding.severity) == ("F401", "error")
    assert finding.path == ("START", "a", "b", "a")
    assert finding.example is not None
    assert [step["node"] for step in finding.example["steps"]] == ["a", "b"]


def test_no_figure_without_a_bound():
    """An unbounded flow has no max_steps, and the proof says where."""
    facts = report(on(START, a), on(a, when(more) >> a, good)).facts
    assert (facts.max_steps, facts.capped_by["max_steps"]) == (None, None)
    assert [proof.path for proof in facts.proofs if proof.text.startswith("every cycle")] == [("START", "a", "a")]


@pytest.mark.parametrize("budget", [Budget(steps=9), Budget(seconds=9), Budget(deadline="1h")])
def test_steps_and_time_end_any_cycle(budget):
    """A budget of steps, seconds or a deadline ends whatever goes round."""
    assert codes(on(START, a), on(a, when(more) >> a, good), budget=budget) == set()


def test_a_deadline_does_not_end_what_it_leads_to():
    """Behind on_exhausted a deadline counts no more, so a cycle there is unbounded; seconds still count."""
    rows = on(START, a), on(a, good), on(b, when(more) >> b, good)
    assert codes(*rows, on_exhausted=b, budget=Budget(deadline="1h")) == {"F401"}
    assert codes(*rows, on_exhausted=b, budget=Budget(seconds=9, keep=Budget(seconds=2))) == set()


def test_calls_end_a_cycle_as_a_rule_only():
    """A budget of calls or tokens ends a cycle that calls, unless each round fails before it: that is not proved."""
    rows = on(START, say), on(say, when(more) >> say, good)
    for budget in (Budget(calls=9), Budget(tokens=9), Budget(usd=1.0)):
        found = report(*rows, budget=budget)
        assert not {item.code for item in found.findings} & {"F401", "F402"}
        assert [proof.proved for proof in found.facts.proofs if proof.text.startswith("every cycle")] == [None]
    assert codes(on(START, look), on(look, when(more) >> look, good), budget=Budget(tokens=9)) == {"F401"}


def test_a_cycle_without_a_call_is_not_ended_by_calls():
    """One way round that calls nothing is enough."""
    rows = on(START, say), on(say, when(more) >> say, a), on(a, when(more) >> a, good)
    assert codes(*rows, budget=Budget(calls=9)) == {"F401"}


def test_people_pace_a_cycle():
    """Where an approval or a question is in every round, an unbounded cycle is a warning."""
    lead = approval("lead", denied=good)
    assert codes(on(START, a), on(a, lead >> a)) == {"F402"}
    assert codes(on(START, person), on(person, when(more) >> a, good), on(a, person)) == {"F402"}


def test_an_exemption_does_not_pace():
    """An approval that is not asked in some case lets a run go round alone; a policy asks nobody."""
    assert codes(on(START, a), on(a, approval("lead", denied=good, unless=t.n < 2) >> a)) == {"F401"}
    assert codes(on(START, a), on(a, policy(small, violated=good) >> a)) == {"F401"}


def test_one_way_round_that_asks_nobody_is_an_error():
    """A person in one cycle does not pace another one through the same nodes."""
    lead = approval("lead", denied=good)
    assert codes(on(START, a), on(a, when(more) >> lead >> b, c), on(b, a), on(c, when(more) >> a, good)) == {"F401"}


def test_a_no_counts_no_limit_up():
    """A gate's way is taken without its edge being taken: a limit on that edge does not bound it."""
    lead = approval("lead", denied=a)
    rows = on(START, a), on(a, when(at_most(2)) >> lead >> good, good)
    assert codes(*rows) == {"F402"}
    assert report(*rows).facts.max_steps is None


def test_a_failing_way_for_failures_is_a_cycle():
    """A node that on_failure leads to may fail itself, and is led to again; what catches its failures ends that."""
    rows = on(START, a), on(a, good)
    assert codes(*rows, on(b, good), on_failure=b) == {"F401"}
    assert codes(*rows, on(b, failed() >> good, good), on_failure=b) == set()


def test_a_guard_that_raises_leads_to_on_failure():
    """A named function may raise, and then even a row that catches all failures leaves by on_failure."""

    def odd(n: int) -> bool:
        return n % 2 == 1

    rows = on(START, a), on(a, good)
    assert codes(*rows, on(b, failed() >> good, when(odd) >> good, good), on_failure=b) == {"F401"}


def test_calls_are_counted_with_attempts_and_repairs():
    """A tool's attempts, and a model's with its repairs, fallbacks and attempts, bound the calls of a step."""

    @think(writes="name", repairs=1, model=["x:one", "x:two"], retry=Retry(attempts=2))
    def ponder(n: int) -> str:
        return ""

    facts = report(on(START, look), on(look, ponder), on(ponder, a), on(a, good)).facts
    assert facts.max_calls == 3 + 2 * 2 * 2
    assert (facts.max_tokens, facts.max_usd) == (None, None)


def test_what_calls_nothing_costs_nothing():
    """A flow of computations has figures of zero, even where it is unbounded in steps."""
    facts = report(on(START, a), on(a, when(more) >> a, good)).facts
    assert (facts.max_calls, facts.max_tokens, facts.max_usd) == (0, 0, 0)


def test_an_act_makes_as_many_calls_as_are_proposed():
    """No edge bounds the calls of an act; a budget does."""

    @think(tools=[look])
    def agent(messages: Messages) -> Messages:
        return messages

    do = act([look], name="do")
    rows = on(START, agent), on(agent, do), on(do, good)
    assert report(*rows).facts.max_calls is None
    facts = report(*rows, budget=Budget(calls=7, tokens=99, usd=0.5)).facts
    assert (facts.max_calls, facts.max_tokens, facts.max_usd) == (7, 99, 0.5)
    assert facts.capped_by["max_usd"] == "budget.usd"


def test_a_part_counts_from_where_it_is_entered():
    """A part with two entries counts from the one that makes the longer walk."""
    rows = on(START, when(more) >> a, b), on(a, b), on(b, c), on(c, when(at_most(2)) >> b, when(at_most(1)) >> a, good)
    assert report(*rows).facts.max_steps == 3 + 2 * 2 + 3
    assert report(on(START, b), *rows[1:]).facts.max_steps == 2 + 2 * 2 + 3


def test_a_question_that_fails_before_it_is_asked_paces_nothing():
    """A question that a function tells may fail unasked, and so go round alone; a plain one cannot."""

    def question(n: int) -> str:
        return str(n)

    told = ask("told", question, writes="name")
    assert codes(on(START, told), on(told, good), on_failure=told) == {"F401"}
    assert codes(on(START, person), on(person, good), on_failure=person) == {"F402"}


def test_a_row_that_catches_failures_under_a_condition_leaks():
    """Only an edge for all failures, without a condition, keeps them from on_failure."""
    rows = on(START, a), on(a, good), on(b, when(more) >> good, good)
    for catch in (failed() >> when(t.n > 1) >> good, failed("timeout") >> good, failed(LookupError) >> good):
        assert codes(*rows[:2], on(b, catch, good), on_failure=b) == {"F401"}
    assert codes(*rows[:2], on(b, failed() >> good, good), on_failure=b) == set()


def test_a_rule_of_an_acts_call_that_raises_leads_to_on_failure():
    """Functions on the ways of an act's own gates may raise, past a row that catches all failures."""

    @think(tools=[look])
    def agent(messages: Messages) -> Messages:
        return messages

    lead = approval("lead", denied=policy(small, violated=good) >> good)
    do = act([look], name="do", gates={look: lead})
    plain = act([look], name="do", gates={look: approval("lead", denied=good)})
    for node, expected in ((do, {"F401"}), (plain, set[str]())):
        rows = on(START, agent), on(agent, failed() >> good, node), on(node, failed() >> good, good)
        assert codes(*rows, on_failure=node) == expected
