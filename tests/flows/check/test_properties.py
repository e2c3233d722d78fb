"""F7: properties are proved, refuted by a path that is carried out, or left open."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Messages,
    act,
    all_of,
    always,
    approval,
    at_most,
    at_most_once,
    compute,
    ended,
    enforced,
    failed,
    fields,
    never,
    on,
    policy,
    proposes,
    think,
    tool,
    when,
)
from guideway.flows.check import check
from guideway.flows.check.graph import Graph
from guideway.flows.check.passing import Passing, Passings
from guideway.flows.check.product import Proved, Undecided, reach
from guideway.flows.monitors import monitors_of

KINDS = Literal["small", "large", "odd"]


class S(BaseModel):
    """A state."""

    total: float = 1.0
    kind: KINDS = "small"
    note: str = ""


t = fields(S)


@compute
def a(total: float) -> None:
    """A node that writes nothing."""


b, c, d, x, y = (a.named(name) for name in "bcdxy")


@compute(writes="total")
def reckon(total: float) -> float:
    """A node that writes a number."""
    return total


@compute(writes="kind")
def small_or_odd(total: float) -> Literal["small", "odd"]:
    """A node whose return type leaves one kind out."""
    return "small"


@compute(writes="kind")
def any_kind(total: float) -> KINDS:
    """A node that may return each kind."""
    return "small"


def named(name: str, note: str) -> bool:
    """A named condition, which the checks do not call."""
    return note == name


def rule(total: float) -> str | None:
    """A policy."""
    return None if total < 50 else "too much"


done, other = End("done"), End("other", verdict="escalated")
boss = approval("boss", denied=other)
lead = approval("lead", denied=other)
asked_up = approval("clerk", denied=boss)
limited = policy(rule, violated=other)

PLAIN = [on(START, a), on(a, when(t.total > 5) >> b, c), on(b, x), on(c, x), on(x, done)]
GATED = [on(START, a), on(a, when(t.total > 5) >> lead >> x, b), on(b, lead >> x), on(x, done)]
LOOP = [on(START, a), on(a, lead >> x), on(x, when(at_most(2)) >> x, done)]
UP = [on(START, a), on(a, asked_up >> x), on(x, done)]
BESIDE = [on(START, all_of(a, b)), on(a, x), on(b, y), on(x, c), on(y, c), on(c, done)]
SPLIT = [on(START, a), on(a, when(t.total > 5) >> b, c), on(b, when(t.total > 3) >> d, x), on(c, x), on(d, done),
         on(x, done)]  # fmt: skip


def judged(item: Any, rows: list[Any], *, solver: bool = False, **more: Any) -> Any:
    """What the checks say of a property: its finding's code and path, or nothing where it is proved."""
    report = check(Flow("f", state=S, edges=rows, properties=[item], **more), solver=solver)
    found = [finding for finding in report.findings if finding.code.startswith("F7")]
    proof = next(proof for proof in report.facts.proofs if proof.text.startswith(str(item)))
    assert proof.proved is {"": True, "F701": False, "F702": False, "F703": None}[found[0].code if found else ""]
    if not found:
        return None
    assert (found[0].example is None) == (found[0].code == "F703" and not item.marked)
    return found[0].code, " ".join(found[0].path[1:])


CASES: dict[str, tuple[Any, list[Any], Any]] = {
    "before, proved": (always(a).before(x), PLAIN, None),
    "before, refuted": (always(b).before(x), PLAIN, ("F701", "a c x")),
    "before an end": (always(b).before(done), PLAIN, ("F701", "a c x done")),
    "after, proved": (never(b).after(c), PLAIN, None),
    "after, refuted": (never(x).after(b), PLAIN, ("F701", "a b x")),
    "once, proved": (at_most_once(x), PLAIN, None),
    "once, refuted": (at_most_once(x), LOOP, ("F701", "a x x")),
    "once, counted together": (at_most_once((b, x)), PLAIN, ("F701", "a b x")),
    "leads to, proved": (always(b).leads_to(x), PLAIN, None),
    "leads to, refuted": (always(a).leads_to(b), PLAIN, ("F701", "a c x done")),
    "leads to an end": (always(a).leads_to((b, done)), PLAIN, None),
    "leads to a verdict": (always(a).leads_to(ended("escalated")), PLAIN, ("F701", "a b x done")),
    "unless a gate, proved": (never(x).unless(lead), GATED, None),
    "unless a gate, each time": (never(x).unless(lead), LOOP, ("F701", "a x x")),
    "unless a node": (never(x).unless(b), PLAIN, ("F701", "a c x")),
    "unless a node or a gate": (never(x).unless((b, lead)), GATED, None),
    "unless a gate that may be passed over": (never(x).unless(asked_up), UP, ("F701", "a x")),
    "unless one of two gates": (never(x).unless((asked_up, boss)), UP, None),
    "never an end": (never(other).unless(b), GATED, ("F701", "a other")),
    "a gate, never": (never(lead).after(b), GATED, ("F701", "a b x")),
    "a gate, always": (always(lead).before(x), GATED, None),
    "a gate that says no": (never(x).unless(lead), [on(START, lead >> a), on(a, x), on(x, done)], None),
    "a no behind a yes": (
        never(x).unless(boss),
        [on(START, boss >> a), on(a, approval("boss", name="boss2", denied=x) >> b), on(b, done), on(x, done)], None,
    ),
    "branches in both orders": (never(x).after(y), BESIDE, ("F703", "all_of(a, b) a b y x")),
    "branches, before the join": (always((x, y)).before(c), BESIDE, None),
    "branches, only one of them": (always(x).before(y), BESIDE, ("F701", "all_of(a, b) b y")),
    "branches, once": (at_most_once((x, c)), BESIDE, ("F701", "all_of(a, b) a x c")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of_a_property(case):
    """Each form over each kind of thing: proved, or refuted by a shortest path that was carried out."""
    item, rows, expected = CASES[case]
    assert judged(item, rows) == expected


def test_a_gate_s_own_no_takes_its_yes_back():
    """An approval that was given for one step is gone when the same gate says no: the way of its no has none."""
    second = approval("lead", denied=x)
    rows = [on(START, second >> a), on(a, second >> b), on(b, done), on(x, done)]
    assert judged(never(x).unless(second), rows) == ("F701", "x")
    assert judged(always(second).before(b), rows) is None


FAILING: dict[str, tuple[Any, list[Any], Any]] = {
    "through on_failure": (always(a).leads_to(x), PLAIN, ("F702", "a other")),
    "named as well": (always(a).leads_to((x, other)), PLAIN, None),
    "through an edge for failures": (
        always(b).before(x), [on(START, a), on(a, failed() >> x, b), on(b, x), on(x, done)], ("F702", "a x"),
    ),
    "a step that failed has not happened": (
        always(a).before(other), [on(START, a), on(a, done)], ("F702", "a other"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILING)
def test_what_only_failures_violate_is_a_warning(case):
    """A property that holds where nothing fails is refuted by a failure with a warning."""
    item, rows, expected = FAILING[case]
    assert judged(item, rows, on_failure=other) == expected


def test_a_used_up_budget_is_a_way_too():
    """What on_exhausted leads past is told as what failures lead past."""
    found = judged(always(a).leads_to(x), PLAIN, on_exhausted=other, budget=Budget(steps=9))
    assert found == ("F702", "a other")


def test_what_raises_on_an_edge_comes_behind_what_was_said_before():
    """Where a function on an edge raises, what came before it has happened: a gate said yes, and nothing began."""
    away = End("away", verdict="escalated")
    rows = [on(START, a), on(a, boss >> limited >> b), on(b, done)]
    assert judged(never(away).after(boss), rows, on_failure=away) == ("F703", "a away")


def named_raises(note: str) -> bool:
    """A condition of the author's."""
    return not note


def passes_alone(self: Passings, gate: Any, target: str) -> Passing:
    """Only the gate itself lets a run pass."""
    return Passing(self._said(gate, "yes", target), ())


# what the solver adds


PRUNED: dict[str, tuple[Any, list[Any], Any]] = {
    "conditions that exclude each other": (never(x).after(b), SPLIT, None),
    "a condition at the start": (never(d).unless(t.total > 5), SPLIT, None),
    "a condition that does not hold": (never(d).unless(t.total > 9), SPLIT, ("F701", "a b d")),
    "a condition that held before": (always(t.total > 5).before(d), SPLIT, None),
    "dropped where it is written": (
        never(x).after(b),
        [on(START, a), on(a, when(t.total > 5) >> b, c), on(b, when(t.note == "w") >> reckon, y),
         on(reckon, y), on(c, done),
         on(y, when(t.total < 3) >> x, done), on(x, done)],
        ("F701", "a b reckon y x"),
    ),
    "what one node returns is not what another does": (
        never(x).after(b),
        [on(START, b), on(b, when(t.note == "w") >> any_kind, small_or_odd), on(any_kind, c), on(c, y),
         on(small_or_odd, y), on(y, when(t.kind == "large") >> x, done), on(x, done)],
        ("F701", "b any_kind c y x"),
    ),
    "what a node cannot return": (
        never(x).after(b),
        [on(START, b), on(b, small_or_odd), on(small_or_odd, when(t.kind == "large") >> x, done), on(x, done)], None,
    ),
    "a limit is counted": (
        at_most_once(d), [on(START, a), on(a, when(at_most(1)) >> d, done), on(d, a)], None,
    ),
    "a limit is counted, and let pass": (
        at_most_once(d), [on(START, a), on(a, when(at_most(2)) >> d, done), on(d, a)], ("F701", "a d a d"),
    ),
    "facts behind a fork": (
        never(x).after(b),
        [on(START, a), on(a, when(t.total > 5) >> b, done), on(b, all_of(c, d)), on(c, y), on(d, y),
         on(y, when(t.total < 3) >> x, done), on(x, done)],
        None,
    ),
    "facts that a branch overwrites": (
        never(x).after(b),
        [on(START, a), on(a, when(t.total > 5) >> b, done), on(b, when(t.note == "w") >> d, y),
         on(d, all_of(c, reckon)), on(c, y), on(reckon, y), on(y, when(t.total < 3) >> x, done), on(x, done)],
        ("F701", "a b d all_of(c, reckon) c y x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PRUNED)
def test_the_solver_proves_more_and_refutes_more(case):
    """Paths that no run can go are left out, and those that one can are found with values that lead along them."""
    item, rows, expected = PRUNED[case]
    assert judged(item, rows, solver=True) == expected


def test_a_function_of_the_author_leaves_it_open():
    """No function is called: a path past one is neither refuted nor proved, and the property is enforced."""
    rows = [on(START, a), on(a, when(named_raises) >> x, b), on(b, x), on(x, done)]
    assert judged(always(b).before(x), rows, solver=True) == ("F703", "a x")


def test_what_is_marked_and_not_kept_by_the_edges_is_enforced():
    """The author's mark makes of what the edges do not keep what the run does."""
    assert judged(enforced(always(b).before(x)), PLAIN) == ("F703", "a c x")
    report = check(
        Flow("f", state=S, edges=PLAIN, properties=[enforced(always(b).before(x)), enforced(always(a).before(x))])
    )
    assert [item.code for item in report.findings] == ["F703"]
    assert [proof.text for proof in report.facts.proofs if proof.text.startswith("always")] == [
        "always(b).before(x) (enforced)", "always(a).before(x) (and enforced)",
    ]  # fmt: skip


def test_a_cycle_that_nothing_bounds_may_put_off_what_must_come():
    """always(...).leads_to(...) needs more than ends: a run that goes round for ever comes to none."""
    rows = [on(START, a), on(a, b), on(b, when(t.total > 5) >> lead >> b, x), on(x, done)]
    assert judged(always(a).leads_to((x, other)), rows, accepts={"F402": "people"}) == ("F703", "a b")
    bounded = [on(START, a), on(a, b), on(b, when(t.total > 5, at_most(3)) >> lead >> b, x), on(x, done)]
    assert judged(always(a).leads_to((x, other)), bounded) is None
    assert judged(always(a).leads_to((x, other)), rows, budget=Budget(steps=50)) is None


def test_the_search_is_capped():
    """Where there are too many states it is given up, and that is said."""
    forks = all_of(*(a.named(f"n{place}") for place in range(12)))
    heads = [head.target for head in forks.heads]
    rows = [on(START, forks), *(on(head, x) for head in heads), on(x, done)]
    flow = Flow("f", state=S, edges=rows)
    monitor = monitors_of(at_most_once(tuple(heads)))[0]
    found = reach(Graph(flow), monitor, states=100)
    assert isinstance(found, Undecided)
    item = always(tuple(heads[:6])).before(x)
    assert all(isinstance(reach(Graph(flow), one), Proved) for one in monitors_of(item))


def test_a_large_flow_is_searched_without_recursion():
    """A chain of 10,000 nodes is no deeper for Python than a short one, and each node is one state."""
    nodes = [a.named(f"n{place}") for place in range(10_000)]
    rows = [on(START, nodes[0]), *(on(one, two) for one, two in pairwise(nodes)), on(nodes[-1], done)]
    graph = Graph(Flow("long", state=S, edges=rows))
    assert isinstance(reach(graph, monitors_of(at_most_once(nodes[-1]))[0]), Proved)


class Talk(BaseModel):
    """A state with messages."""

    messages: Messages = []


@tool(effect="none", timeout=5.0)
def look_around(query: str) -> str:
    """A tool that a model may call."""
    return query


@think(tools=[look_around])
def agent(messages: Messages) -> Messages:
    """A model that proposes calls."""
    return messages


def test_a_path_on_which_a_model_proposes_is_not_made_up():
    """Values that the solver believes of messages may read as none: the property is watched, and nothing breaks."""
    do = act([look_around], name="do")
    rows = [on(START, agent), on(agent, when(proposes()) >> do, End("done")), on(do, agent)]
    said = check(Flow("talk", state=Talk, edges=rows, budget=Budget(steps=9), properties=[at_most_once(do)]))
    (found,) = [item for item in said.findings if item.code.startswith("F7")]
    assert (found.code, found.path) == ("F703", ("START", "agent", "do", "agent", "do"))
