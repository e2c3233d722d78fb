"""The product engine's other questions: gaps that can be reached, and noes that are passed by."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from guideway import START, Flow, all_of, approval, on, policy, when
from guideway.flows.check.arcs import no_way
from guideway.flows.check.feasible import feasible
from guideway.flows.check.graph import Graph, names_of
from guideway.flows.check.product import Proved, Refuted, Undecided
from guideway.flows.check.reaching import after_no, gap
from tests.flows.check.test_properties import S, a, b, c, d, done, other, reckon, rule, t, x

BACK = approval("lead", denied=b)


def asked(graph: Graph) -> Any:
    """What the solver says of a way."""
    assert graph.symbols is not None
    ask = partial(feasible, graph, graph.symbols)
    return lambda way: ask(way.path, claims=way.claims)


GAPS: dict[str, tuple[list[Any], str, Any]] = {
    "reached": ([on(START, a), on(a, when(t.total > 5) >> done)], "a", ("START", "a")),
    "at the start": ([on(START, when(t.total > 5) >> a), on(a, done)], "START", ("START",)),
    "not reached": (
        [on(START, a), on(a, when(t.total > 5) >> b, done), on(b, when(t.total > 3) >> done)], "b", None,
    ),
    "reached behind a write": (
        [on(START, a), on(a, when(t.total > 5) >> reckon, done), on(reckon, b), on(b, when(t.total > 3) >> done)], "b",
        ("START", "a", "reckon", "b"),
    ),
    "covered": ([on(START, a), on(a, when(t.total > 5) >> done, other)], "a", None),
}  # fmt: skip


@pytest.mark.parametrize("case", GAPS)
def test_a_gap_is_one_where_a_run_can_come_to_it(case):
    """A row's end is reached by a path with values, or by none."""
    rows, source, path = GAPS[case]
    graph = Graph(Flow("f", state=S, edges=rows), solver=True)
    found = gap(graph, no_way(source), asked(graph))
    if path is None:
        assert isinstance(found, Proved)
    else:
        assert isinstance(found, Refuted)
        assert names_of(found.path[:-1]) == (path if source != "START" else ())
        assert found.values.state == "yes"
    assert isinstance(gap(graph, no_way(source)), Proved if case == "covered" else Undecided)


def test_a_gap_in_a_branch_is_found():
    """A branch with a row that is looked at is not passed over."""
    rows = [on(START, all_of(a, b)), on(a, when(t.total > 5) >> c), on(b, c), on(c, done)]
    graph = Graph(Flow("f", state=S, edges=rows), solver=True)
    found = gap(graph, no_way("a"))
    assert isinstance(found, Undecided)
    assert names_of(found.path[:-1]) == ("START", "all_of(a, b)", "a")


NOES: dict[str, tuple[list[Any], Any]] = {
    "stays a no": ([on(START, a), on(a, BACK >> x), on(b, done), on(x, done)], Proved),
    "is asked anew": ([on(START, a), on(a, BACK >> x), on(b, a), on(x, done)], Proved),
    "is passed by": ([on(START, a), on(a, BACK >> x), on(b, c), on(c, x), on(x, done)], ("START", "a", "b", "c", "x")),
    "another gate decides": (
        [on(START, a), on(a, BACK >> x), on(b, policy(rule, violated=done) >> x), on(x, done)], Proved,
    ),
    "a yes about another": (
        [on(START, a), on(a, BACK >> x), on(b, approval("lead", name="lead2", denied=done) >> c), on(c, x),
         on(x, done)],
        ("START", "a", "b", "c", "x"),
    ),
    "escalated": ([on(START, a), on(a, approval("clerk", denied=BACK) >> x), on(b, done), on(x, done)], Proved),
    "the gate's own yes about another": (
        [on(START, a), on(a, BACK >> x), on(b, d), on(d, BACK >> c), on(c, x), on(x, done)],
        ("START", "a", "b", "d", "c", "x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOES)
def test_a_no_stays_a_no_until_a_gate_says_yes_about_the_same(case):
    """Behind a no the same node starts only by a new decision about it, or the path is told by which it does."""
    rows, expected = NOES[case]
    graph = Graph(Flow("f", state=S, edges=rows), solver=True)
    found = after_no(graph, "x", asked(graph))
    if expected is Proved:
        assert isinstance(found, Proved)
    else:
        assert isinstance(found, Refuted)
        assert names_of(found.path) == expected
