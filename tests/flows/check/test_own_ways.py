"""F403 and F404: the flow's own ways are paid for, and do not lead back to themselves."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    ended,
    failed,
    fields,
    on,
    subflow,
    think,
    tool,
    when,
)
from guideway.flows.check import Finding, check
from guideway.testing import ScriptedModel


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    x: str | None = None
    y: str | None = None


t = fields(S)
more = t.n < 5


@compute(writes="n")
def a(n: int) -> int:
    return n + 1


@compute(writes="x")
def x(n: int) -> str:
    return "x"


@compute(writes="y")
def y(n: int) -> str:
    return "y"


@think(writes="x", max_tokens=300, model="openai:gpt-4o")
def say(n: int) -> str:
    return "Say it."


@think(writes="y")
def add(n: int) -> str:
    return "Add to it."


@tool(effect="none", writes="n")
def look(n: int) -> int:
    return n


b, c = a.named("b"), a.named("c")
good, out = End("good"), End("out", verdict="partial")
person = ask("person", "What now?", writes="x")
around = on(START, a), on(a, when(more) >> a, good)


def found(code: str, *rows: Any, **options: Any) -> list[Finding]:
    """The findings of a code of a flow that goes round until its budget ends it."""
    return [item for item in check(Flow("f", state=S, edges=[*around, *rows], **options)).findings if item.code == code]


def short(budget: Budget, *rows: Any, way: Any) -> list[str]:
    """The parts of the budget that F403 names, each with what is kept and needed."""
    findings = found("F403", *rows, budget=budget, on_exhausted=way)
    assert all(item.severity == "warning" for item in findings)
    return [part for item in findings for part in item.message.split("): ")[1].split(". ")[0].split("; ")]


ONE = ["no steps kept, where 1 is needed"]


@pytest.mark.parametrize(
    ("rows", "way", "needed"),
    [
        ([on(b, out)], b, 1),
        ([on(person, out)], person, 1),
        ([on(b, c), on(c, out)], b, 2),
        ([on(b, when(more) >> c, out), on(c, out)], b, 1),
        ([on(b, failed() >> out, c), on(c, out)], b, 2),
        ([on(x, b), on(y, b), on(b, out)], all_of(x, y), 3),
    ],
)
def test_the_shortest_way_out_must_be_kept(rows, way, needed):
    """A step for each node of the shortest way on which nothing fails; a fork costs its branches; no more is asked."""
    kept = needed - 1
    (told,) = short(Budget(steps=9, keep=Budget(steps=kept)), *rows, way=way)
    assert told == f"{kept or 'no'} steps kept, where {needed} {'is' if needed == 1 else 'are'} needed"
    assert short(Budget(steps=9, keep=Budget(steps=needed)), *rows, way=way) == []


def test_a_run_ends_failed_where_it_is_told_and_comes_to_its_end_where_it_is_not():
    """What F403 says is what a run does: five steps, and the sixth is only there if it was kept."""
    for keep, end in ((None, None), (Budget(steps=1), "out")):
        flow = Flow(
            "f", state=S, edges=[on(START, a), on(a, when(t.n < 99) >> a, good), on(b, out)],
            budget=Budget(steps=5, keep=keep), on_exhausted=b,
        )  # fmt: skip
        run = flow.compile().start({})
        assert (run.end, bool(check(flow).findings)) == (end, end is None)


def test_the_example_of_a_way_that_is_not_taken_is_what_the_semantics_say():
    """The finding carries the spending and the error with which such a run ends."""
    (finding,) = found("F403", on(b, out), budget=Budget(steps=5), on_exhausted=b)
    assert finding.example == {
        "spent": {"steps": 5}, "verdict": "failed", "error": "budget steps=5 is used up: 5 spent before 'b'",
    }  # fmt: skip
    assert finding.path == ("START", "a", "b", "out")
    (longer,) = found("F403", on(b, c), on(c, out), budget=Budget(steps=5, keep=Budget(steps=1)), on_exhausted=b)
    assert longer.example is None


def test_calls_are_kept_for_models_and_tools():
    """Each model and tool on the way out is a call; what computes or asks is none."""
    rows = [on(START, say), on(say, when(more) >> say, good), on(look, add), on(add, out), on(b, out)]

    def told(way: Any, calls: int | None = None) -> list[str]:
        budget = Budget(calls=9, keep=Budget(calls=calls))
        flow = Flow("f", state=S, edges=rows, budget=budget, on_exhausted=way)
        return [item.message for item in check(flow).findings if item.code == "F403"]

    assert "no calls kept, where 2 are needed" in told(look)[0]
    assert "1 calls kept, where 2 are needed" in told(look, calls=1)[0]
    assert told(look, calls=2) == []
    assert told(b) == []


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (Budget(tokens=9000), "no tokens kept, where the answers of models may need 301, and the prompts come on top"),
        (Budget(tokens=9000, keep=Budget(tokens=300)), "300 tokens kept, where the answers of models may need 301"),
        (Budget(tokens=9000, keep=Budget(tokens=301)), ""),
        (Budget(usd=1.0, keep=Budget(usd=0.5)), ""),
        (Budget(usd=1.0), "no usd kept, where the answers of models may need 0.00"),
        (Budget(seconds=60), "none of its seconds is kept"),
        (Budget(seconds=60, keep=Budget(seconds=1)), ""),
    ],
)
def test_tokens_dollars_and_time_are_kept_as_far_as_is_known(budget, told):
    """Answers may be as long as their nodes say; one that says nothing has a token at least; time is kept at all."""
    parts = short(budget, on(say, add), on(add, out), way=say)
    assert [part[: len(told)] for part in parts] == ([told] if told else [])


def test_an_answer_whose_price_is_not_known_asks_for_no_dollars():
    """A model that is named by a slot may cost nothing."""
    assert short(Budget(usd=1.0), on(add, out), way=add) == []


def test_the_way_out_names_what_is_kept_already():
    """What the message proposes is the whole keep=, with what it has."""
    budget = Budget(steps=9, tokens=9000, keep=Budget(tokens=5000))
    (finding,) = found("F403", on(say, out), budget=budget, on_exhausted=say)
    assert finding.message.endswith("keep=Budget(steps=1, tokens=5000)")


def test_an_end_needs_nothing():
    """A way out that is an end is always taken; so is one that nothing but a deadline leads to."""
    assert short(Budget(steps=9), way=out) == []
    assert short(Budget(deadline="1h"), on(b, out), way=b) == []


def test_a_part_that_the_edges_keep_from_being_used_up_is_not_told():
    """Nine steps, where the edges allow three, are never used up; where calls can be, the rest must do."""
    rows = [on(START, look), on(look, when(at_most(2)) >> look, good), on(b, c), on(c, out)]

    def codes(budget: Budget) -> list[str]:
        return [item.code for item in check(Flow("f", state=S, edges=rows, budget=budget, on_exhausted=b)).findings]

    assert codes(Budget(steps=3)) == []
    assert codes(Budget(steps=2)) == ["F403"]
    assert codes(Budget(steps=4, calls=2)) == ["F403"]
    assert codes(Budget(steps=5, calls=2)) == []


def test_a_budget_leads_to_on_failure_where_nothing_else_is_said():
    """Without on_exhausted= the way of failures must be kept for."""
    (finding,) = found("F403", on(b, failed() >> out, out), budget=Budget(steps=5), on_failure=b)
    assert finding.message.startswith("on_failure=, which is for a used-up budget too, leads to 'b'")


def test_a_no_on_the_way_out_is_looked_at():
    """A gate on the way out may lead elsewhere, which must be kept for too."""
    (finding,) = found(
        "F403", on(b, out), budget=Budget(steps=5), on_exhausted=approval("lead", denied=b, name="lead") >> out
    )
    assert finding.message.startswith("the way denied= of 'lead' on on_exhausted= leads to 'b'")
    assert finding.example is None


def test_a_flow_on_the_way_out_costs_its_own_shortest_way():
    """A subflow is a step beside those of its flow; one with a budget of its own may end by that."""
    inside = Flow("inside", state=S, edges=[on(START, x), on(x, y), on(y, good)])
    node = subflow(inside, name="node")
    assert short(Budget(steps=9, keep=Budget(steps=2)), on(node, out), way=node) == ["2 steps kept, where 3 are needed"]
    small = Flow("small", state=S, edges=inside.source_rows, budget=Budget(steps=1), on_exhausted=out)
    node = subflow(small, name="node")
    assert short(Budget(steps=9, keep=Budget(steps=1)), on(node, out), way=node) == []


# on_failure


def rounds(*rows: Any, way: Any, **options: Any) -> list[str]:
    """The cycles that F404 tells."""
    budget = options.get("budget", Budget(steps=9, keep=Budget(steps=3)))
    found_ = found("F404", *rows, on_failure=way, budget=budget)
    assert all(item.severity == "warning" for item in found_)
    return [item.message.split(" fails: ")[1].split(" goes round")[0] for item in found_]


def test_a_node_that_is_its_own_way_for_failures_is_told():
    """With its cycle, and a run that was seen to go round; a row that catches its failures ends it."""
    assert rounds(on(b, out), way=b) == ["b fails > b"]
    (finding,) = found("F404", on(b, out), on_failure=b, budget=Budget(steps=9, keep=Budget(steps=1)))
    assert finding.example is not None
    assert [step["node"] for step in finding.example["steps"]] == ["a", "b"]
    assert rounds(on(b, failed() >> out, out), way=b) == []


def test_a_way_for_failures_that_comes_back_by_failures_is_told():
    """Failures that are handed on come back too; what only comes back where something did well does not."""
    assert rounds(on(b, failed() >> c, out), on(c, out), way=b) == ["b fails > c fails > b"]
    assert rounds(on(b, failed() >> out, c), on(c, out), way=b) == []


def test_a_fork_that_fails_into_itself_is_told():
    """A branch that fails leaves its region by on_failure, which forks again."""
    fork = all_of(x, y)
    assert rounds(on(x, b), on(y, b), on(b, failed() >> out, out), way=fork) == [
        "all_of(x, y) > x fails > all_of(x, y)"
    ]


def test_what_a_limit_or_a_person_holds_back_is_not_told():
    """A limit on the failing edge, a person who is asked each time, and a plain question do not run away."""
    twice = on(b, failed() >> when(at_most(2)) >> c, failed() >> out, out)
    assert rounds(twice, on(c, out), way=b) == []
    assert rounds(on(b, out), way=approval("lead", denied=out) >> b) == []
    assert rounds(on(person, out), way=person) == []


def test_functions_on_the_edges_that_may_raise_are_named():
    """A row that catches all failures does not catch what its own conditions raise."""

    def odd(n: int) -> bool:
        return n % 2 == 1

    (finding,) = found(
        "F404", on(b, failed() >> out, when(odd) >> good, out), on_failure=b,
        budget=Budget(steps=9, keep=Budget(steps=1)),
    )  # fmt: skip
    assert "where 'b' fails, or a function that its edges ask raises: b fails > b" in finding.message


def test_a_cycle_that_nothing_bounds_is_told_as_that():
    """Without a budget the cycle is F401's."""
    report = check(Flow("f", state=S, edges=[on(START, a), on(a, good), on(b, out)], on_failure=b))
    assert [item.code for item in report.findings] == ["F401"]


# rows that name every end


ti = fields(S)
paid, not_ours, lost = End("paid"), End("not ours", verdict="escalated"), End("lost", verdict="failed")
billing = subflow(
    Flow("billing", state=S, edges=[on(START, when(ti.n > 3) >> paid, when(ti.n > 1) >> not_ours, lost)]),
    name="billing",
)


def covered(*edges: Any) -> bool | None:
    """Whether the row behind the subflow is proved to cover every case."""
    report = check(Flow("f", state=S, edges=[on(START, billing), on(billing, *edges)], on_failure=out), solver=False)
    return next(proof.proved for proof in report.facts.proofs if proof.text.startswith("the edges of every row"))


def test_a_row_that_names_every_end_covers_every_case():
    """One edge for each end that is not failed, by name or by verdict, is as good as a bare target."""
    assert covered(ended(paid) >> good, ended(not_ours) >> out) is True
    assert covered(ended("success") >> good, ended("escalated", "failed") >> out) is True
    assert covered(ended(paid) >> good, out) is True


def test_a_row_that_may_let_an_end_through_is_open():
    """An end without an edge, or with one under a condition or a limit alone, is not covered."""
    assert covered(ended(paid) >> good) is None
    assert covered(ended(paid) >> good, ended(not_ours) >> when(more) >> out) is None
    assert covered(ended(paid) >> good, ended(not_ours) >> when(at_most(1)) >> out) is None


def test_a_bare_target_behind_every_end_is_never_taken():
    """F106 tells it; an edge for failures is for more than ends, and is not told."""

    def told(*edges: Any) -> list[str]:
        flow = Flow("f", state=S, edges=[on(START, billing), on(billing, *edges)], on_failure=out)
        return [item.message for item in check(flow).findings if item.code == "F106"]

    (message,) = told(ended(paid, not_ours) >> good, out)
    assert "edges above it take 'paid' (success), 'not ours' (escalated)" in message
    assert told(ended(paid, not_ours, lost) >> good, failed() >> out) == []
    assert told(ended(paid) >> good, out) == []


@pytest.mark.parametrize("n", [0, 2, 5])
def test_no_run_falls_through_a_row_that_names_every_end(n):
    """Whatever end the flow inside comes to, the run goes on by an edge."""
    flow = Flow(
        "f", state=S, edges=[on(START, billing), on(billing, ended(paid) >> good, ended(not_ours) >> out)],
        on_failure=lost,
    )  # fmt: skip
    run = flow.compile(models={"default": ScriptedModel([])}).start({"n": n})
    assert run.end == {0: "lost", 2: "out", 5: "good"}[n]
