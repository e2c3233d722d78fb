"""Branches that run side by side, lists of items and flows inside: one directed flow for each rule."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Item,
    Refusal,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    ended,
    exists,
    failed,
    fields,
    on,
    subflow,
    tool,
    when,
)
from guideway.flows.check import Report, check


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    x: str | None = None
    y: str | None = None
    log: Annotated[list[str], add] = []
    few: Annotated[list[int], Field(max_length=4)] = []
    many: list[int] = []
    came: list[Item[int]] = []


t = fields(S)


@compute(writes="x")
def x(n: int) -> str:
    return "x"


@compute(writes="y")
def y(n: int) -> str:
    return "y"


@compute(writes="n")
def use_x(x: str) -> int:
    return 1


@compute(writes="n")
def use_both(x: str, y: str) -> int:
    return 1


@compute(writes="log")
def note(n: int) -> list[str]:
    return ["n"]


@tool(effect="none", writes="n")
def look(n: int) -> int:
    return n


@tool(effect="idempotent", stakes="high", writes="y")
def pay(n: int) -> str:
    return "paid"


good, other, bad = End("good"), End("other", verdict="escalated"), End("bad", verdict="failed")
both = all_of(x, y)
more = t.n > 1


def report(*rows: Any, **options: Any) -> Report:
    """What the checks say of a flow of these rows."""
    return check(Flow("f", state=S, edges=rows, **options))


def codes(*rows: Any, **options: Any) -> list[str]:
    """The codes of a flow's findings."""
    return [item.code for item in report(*rows, **options).findings]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([on(x, good), on(y, bad)], "come to 'bad' and 'good', and join nowhere"),
        ([on(x, y), on(y, good)], "join at 'y', which is one of its heads"),
        ([on(x, when(more) >> both, good), on(y, good)], "leads back to it"),
        ([on(x, when(more) >> bad, use_x), on(y, use_x), on(use_x, good)], "join nowhere"),
        (
            [on(x, failed() >> approval("lead", denied=bad) >> use_x, use_x), on(y, use_x), on(use_x, good)],
            "'x' leads to 'bad' instead",
        ),
    ],
)
def test_branches_have_one_exit(rows, said):
    """F105 tells what is wrong with a region, with the ways that show it."""
    found = [item for item in report(on(START, both), *rows).findings if item.code == "F105"]
    assert len(found) == 1
    assert said in found[0].message
    assert found[0].example is not None
    assert found[0].example["ways"]


def test_a_failure_may_leave_a_region():
    """A failed(...) edge that leads elsewhere, and on_failure, leave the region whole."""
    assert codes(on(START, both), on(x, failed() >> bad, use_both), on(y, use_both), on(use_both, good)) == []
    assert codes(on(START, both), on(x, use_both), on(y, use_both), on(use_both, good), on_failure=bad) == []


def test_what_any_branch_wrote_is_there_behind_the_join():
    """A join is an and: the field of each branch is there, and what no branch wrote is not."""
    assert codes(on(START, both), on(x, use_both), on(y, use_both), on(use_both, good)) == []
    findings = report(on(START, all_of(x, look)), on(x, use_both), on(look, use_both), on(use_both, good)).findings
    assert [(item.code, item.message.split("'")[3]) for item in findings] == [("F301", "y")]
    assert findings[0].example is not None
    assert [step["node"] for step in findings[0].example["steps"]] == ["look", "x"]


def test_what_a_branch_made_sure_of_holds_behind_the_join():
    """A guard of one branch on a field that no branch writes is known where they join."""
    rows = on(START, all_of(look, y)), on(look, when(exists(t.x)) >> note, failed() >> bad), on(note, use_x)
    assert "F301" not in codes(*rows, on(y, use_x), on(use_x, good))


def test_a_branch_does_not_see_what_its_siblings_write():
    """A read in one branch of what only another writes is an error, with the run that shows it."""
    (finding,) = report(on(START, all_of(x, y)), on(x, good), on(y, use_x), on(use_x, good)).findings
    assert (finding.code, finding.path) == ("F301", ("START", "all_of(x, y)", "y", "use_x"))
    assert finding.example is not None


def test_behind_a_failure_that_left_a_region_nothing_of_it_is_sure():
    """What a branch wrote need not be there where a sibling's failure took the run out of the region."""
    rows = on(START, both), on(x, failed() >> use_x, good), on(y, good), on(use_x, bad)
    (finding,) = report(*rows).findings
    assert (finding.code, finding.path) == ("F302", ("START", "all_of(x, y)", "x", "use_x"))


def test_a_field_with_a_reducer_is_written_in_parallel():
    """F304 is about fields that nothing merges; its example names both writers."""
    again = note.named("again")
    assert codes(on(START, all_of(note, again)), on(note, good), on(again, good)) == []
    second = x.named("second")
    (finding,) = report(on(START, all_of(x, second)), on(x, good), on(second, good)).findings
    assert (finding.code, finding.severity) == ("F304", "error")
    assert finding.example is not None
    assert (finding.example["field"], finding.example["then"]) == ("x", ["x", "second"])


def test_writers_whose_conditions_keep_them_apart_are_a_warning():
    """Where no run comes to both writers, the write that may be lost is told as a warning."""
    first, second = note.named("first"), x.named("second")
    rows = on(START, all_of(first, y)), on(first, when(t.n == 1) >> x, good), on(x, good)
    found = report(*rows, on(y, when(t.n == 2) >> second, good), on(second, good)).findings
    assert [(item.code, item.severity, item.example) for item in found] == [("F304", "warning", None)]


def test_a_region_costs_all_of_its_branches():
    """max_steps is the sum of the branches, each by its longest way, and what follows."""
    rows = on(START, both), on(x, when(more) >> look, use_both), on(look, use_both), on(y, use_both)
    facts = report(*rows, on(use_both, good)).facts
    assert (facts.max_steps, facts.max_calls) == (4, 1)


def test_a_limit_on_every_way_of_one_branch_bounds_the_region():
    """A cycle through a region is bounded by a limit in one branch, and by none where another way leads past it."""
    limit = at_most(2)
    around = on(use_both, when(more) >> both, good)
    held = on(START, both), on(x, when(limit) >> look), on(look, use_both), on(y, use_both), around
    assert "F401" not in codes(*held)
    assert report(*held).facts.max_steps == 11
    loose = on(START, both), on(x, when(limit) >> look, use_both), on(look, use_both), on(y, use_both), around
    assert "F401" in codes(*loose)
    plain = on(START, both), on(x, use_both), on(y, use_both), around
    finding = next(item for item in report(*plain).findings if item.code == "F401")
    assert finding.path == ("START", "all_of(x, y)", "x", "use_both", "all_of(x, y)", "x", "use_both")
    assert finding.example is not None


def test_a_person_in_one_branch_paces_the_region():
    """A cycle through a region waits for a person where one of its branches does."""
    person = ask("person", "What now?", name="person", writes="x")
    fork = all_of(person, y)
    rows = on(START, fork), on(person, use_both), on(y, use_both), on(use_both, when(more) >> fork, good)
    assert codes(*rows) == ["F402"]


def test_a_high_stakes_node_needs_its_approval_on_the_head():
    """The edge from a fork to a head is one like any other."""
    lead = approval("lead", denied=good)
    assert "F501" in codes(on(START, all_of(x, pay)), on(x, good), on(pay, good))
    assert "F501" not in codes(on(START, all_of(x, lead >> pay)), on(x, good), on(pay, good))


def test_no_approval_outlives_a_join():
    """A high-stakes exit is told once, whatever the edges to it carry; behind a node of its own it is sound."""
    one, two = approval("one", denied=pay), approval("two", denied=pay)
    found = report(on(START, both), on(x, one >> pay), on(y, two >> pay), on(pay, good)).findings
    assert [item.code for item in found] == ["F501", "F506", "F506"]  # and both noes lead there
    assert "no approval outlives a join" in found[0].message
    assert found[0].example is not None
    lead = approval("lead", denied=good)
    assert codes(on(START, both), on(x, note), on(y, note), on(note, lead >> pay), on(pay, good)) == []


def test_a_reason_that_one_branch_surely_brings_is_there_behind_the_join():
    """F303 is for an exit that no branch surely brings a reason to."""

    @compute(writes="log")
    def explain(refusal: Refusal) -> list[str]:
        return [refusal.gate]

    rows = on(START, both), on(x, approval("lead", denied=explain) >> explain), on(y, explain), on(explain, good)
    assert "F303" in codes(*rows)


# lists


def over(field: str, **options: Any) -> Any:
    """An each over a field."""
    return each(look, name="looks", item="n", over=field, into="came", **options)


def test_a_list_with_a_bound_costs_its_items():
    """Each item is a step, and the each one more; a list of any length is bounded by a budget alone."""
    few, many = over("few"), over("many")
    facts = report(on(START, few), on(few, good)).facts
    assert (facts.max_steps, facts.max_calls) == (5, 4)
    free = report(on(START, many), on(many, good)).facts
    assert free.max_steps is None
    assert [proof.text.split(":")[0] for proof in free.proofs if proof.proved is None] == [
        "the list many of 'looks' may have any length"
    ]
    assert report(on(START, many), on(many, good), budget=Budget(steps=9)).facts.max_steps == 9


def test_the_items_of_a_list_fit_what_works_on_them():
    """F305: a list of text is none for a node that takes numbers."""

    class Texts(BaseModel):
        items: list[str] = []
        came: list[Item[int]] = []

    node = each(look, name="looks", item="n", over="items", into="came")
    (finding,) = check(
        Flow("f", state=Texts, edges=[on(START, node), on(node, good)], accepts={"F401": "no cycle"})
    ).failures
    assert (finding.code, finding.example and finding.example["item"]) == ("F305", "a")


def test_a_list_that_may_be_none_is_no_list():
    """The each's own read is checked as every read is."""

    class Perhaps(BaseModel):
        items: list[int] | None = None
        came: list[Item[int]] = []

    node = each(look, name="looks", item="n", over="items", into="came")
    found = check(Flow("f", state=Perhaps, edges=[on(START, node), on(node, good)])).findings
    assert [item.code for item in found] == ["F301"]


# flows inside


class Inner(BaseModel):
    """The state of the flow inside."""

    n: int
    x: str | None = None


ti = fields(Inner)
shared = Flow("shared", state=Inner, edges=[on(START, when(ti.n > 3) >> other, x), on(x, good)])


def test_what_a_flow_gives_back_is_known_by_its_end():
    """Behind the end at which it was written a field is there; behind any end it need not be."""
    inside = subflow(shared, name="inside")
    assert codes(on(START, inside), on(inside, ended(other) >> good, use_x), on(use_x, good)) == []
    (finding,) = report(on(START, inside), on(inside, use_x), on(use_x, good)).findings
    assert finding.code == "F301"
    assert finding.example is not None
    assert (finding.example["input"]["n"], finding.example["steps"][0]["end"]) == (4, "other")


def test_a_flow_is_given_what_its_fields_take():
    """A field that may be None is none for a required one of the flow inside."""

    class Strict(BaseModel):
        x: str

    strict = Flow("strict", state=Strict, edges=[on(START, good)])
    inside = subflow(strict, name="inside", writes={})
    (finding,) = report(on(START, inside), on(inside, good)).findings
    assert finding.code == "F301"
    assert "field 'x' of its flow takes str" in finding.message


def test_a_flow_gives_back_what_the_fields_around_it_take():
    """F305: an end at which a field may be None, for a field that takes no None; shown by a run inside."""

    class Outer(BaseModel):
        n: int = 0
        text: str = ""

    node = subflow(shared, name="inside", writes={"text": "x"})
    found = check(Flow("f", state=Outer, edges=[on(START, node), on(node, good)])).findings
    assert [item.code for item in found] == ["F305"]
    assert found[0].example is not None
    assert found[0].example["inside"]["then"] == "other"


def test_findings_of_a_flow_inside_are_told_once_with_its_node():
    """A flow that is two nodes is checked once, and its paths bear the first node's name."""
    stuck = Flow("stuck", state=Inner, edges=[on(START, x)])
    one, two = subflow(stuck, name="one"), subflow(stuck, name="two")
    found = report(on(START, one), on(one, two), on(two, good)).findings
    inside = [item for item in found if item.code == "F102"]
    assert [item.path for item in inside] == [("one/START", "one/x")]
    assert inside[0].message.startswith("in flow 'stuck', the node 'one': ")


def test_a_flow_inside_costs_its_own_bound():
    """A subflow is a step beside those of its flow, which its own budget caps."""
    inside = subflow(shared, name="inside")
    assert report(on(START, inside), on(inside, good)).facts.max_steps == 2
    endless = Flow(
        "endless", state=Inner, edges=[on(START, x), on(x, when(ti.n > 1) >> x, good)], budget=Budget(steps=7)
    )
    capped = subflow(endless, name="capped")
    assert report(on(START, capped), on(capped, good)).facts.max_steps == 8
