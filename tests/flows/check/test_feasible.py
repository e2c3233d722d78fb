"""Whether a run can go along a path: what is called impossible no run does."""

from __future__ import annotations

from itertools import islice, product
from operator import add
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from guideway import START, End, Flow, approval, at_most, compute, exists, failed, fields, length, on, when
from guideway.flows.check.arcs import HUBS, Arc, no_way
from guideway.flows.check.feasible import Feasible, feasible
from guideway.flows.check.graph import Graph
from guideway.flows.check.replay import replay_stuck
from guideway.flows.position import Finish, Run
from guideway.guards.conditions import condition
from tests.flows.check.drawn import S as Drawn
from tests.flows.check.drawn import flows, run


class S(BaseModel):
    n: int = 0
    name: str | None = None


t = fields(S)
good, bad = End("good"), End("bad")


@compute(writes="n")
def a() -> int:
    raise AssertionError("no function is called")


@compute(writes="name")
def b() -> str:
    raise AssertionError("no function is called")


@compute(writes="name")
def maybe() -> str | None:
    raise AssertionError("no function is called")


def along(flow: Flow[Any], *places: str, goal: Any = None) -> Feasible:
    """Whether a run can go from START by the arcs between some places; the first arc of each pair."""
    graph = Graph(flow, solver=True)
    assert graph.symbols is not None
    names = ["START", *places]
    path = [
        next(arc for arc in graph.out[source] if arc.target == target)
        for source, target in zip(names, places, strict=False)
    ]
    return feasible(graph, graph.symbols, path, None if goal is None else condition(goal))


def test_what_is_written_is_new():
    """A condition that passed says nothing of a field that was written since."""
    rows = [on(START, a), on(a, when(t.n < 3) >> maybe, bad), on(maybe, when(t.n < 3) >> a, when(t.n > 5) >> good, bad)]
    flow = Flow("f", state=S, edges=rows)
    assert along(flow, "a", "maybe", "good").state == "no"
    assert along(flow, "a", "maybe", "a", "bad").state == "yes"
    assert along(flow, "a", "maybe", "bad").state == "no"


def test_why_a_path_is_impossible_is_told_by_single_conditions():
    """The core names the arcs and the conditions that exclude each other, and nothing else."""
    rows = [on(START, a), on(a, when(t.n < 3, t.name == "x") >> maybe, bad), on(maybe, when(t.n > 5) >> good, bad)]
    found = along(Flow("f", state=S, edges=rows), "a", "maybe", "good")
    assert found.core == ((1, condition(t.n < 3), True), (2, condition(t.n > 5), True))


def test_a_failed_step_leaves_the_state_as_it_was():
    """Behind a failed edge a field holds what it held before the step, not what its type says."""
    rows = [on(START, when(exists(t.name)) >> bad, b), on(b, failed() >> maybe, bad), on(maybe, good)]
    flow = Flow("f", state=S, edges=rows)
    assert along(flow, "b", "maybe", goal=exists(t.name)).state == "no"
    rows = [on(START, when(exists(t.name)) >> bad, b), on(b, maybe), on(maybe, good)]
    assert along(Flow("f", state=S, edges=rows), "b", "maybe", goal=exists(t.name)).state == "yes"


def test_the_return_type_of_a_node_is_known():
    """What a node writes is of its return type, though the field may hold more."""
    rows = [on(START, b), on(b, when(exists(t.name)) >> good, bad)]
    assert along(Flow("f", state=S, edges=rows), "b", "bad").state == "no"


def test_a_gate_that_is_exempt_says_no_to_nothing():
    """A no is only said where the exemption of the gate is not known to be true."""

    def flow(passed: Any) -> Flow[S]:
        lead = approval("lead", denied=b, unless=t.n < 2)
        return Flow("f", state=S, edges=[on(START, a), on(a, when(passed) >> lead >> good, bad), on(b, bad)])

    assert along(flow(t.n < 1), "a", "b").state == "no"
    assert along(flow(t.n < 4), "a", "b").state == "yes"


def test_limits_count_on_a_path():
    """An edge with a limit is taken as often as that says, and what stands below it only when it is used up."""
    rows = [on(START, a), on(a, at_most(2) >> a, good)]
    flow = Flow("f", state=S, edges=rows)
    assert along(flow, "a", "a", "a", "a", "good").state == "no"
    assert along(flow, "a", "a", "a", "good").state == "yes"
    assert along(flow, "a", "a", "good").state == "no"


def test_an_edge_for_the_same_failures_is_tried_before():
    """What stands below it is taken only where its conditions do not pass; of other failures they say nothing."""
    for above, below, way in (
        (failed(LookupError), failed(LookupError), "no"),
        (failed(), failed("timeout"), "no"),
        (failed(LookupError), failed("timeout"), "yes"),
        (failed(), failed("exhausted"), "yes"),
        (failed("timeout"), failed(), "yes"),
    ):
        rows = [on(START, a), on(a, above >> at_most(1) >> bad, below >> good, bad)]
        assert along(Flow("f", state=S, edges=rows), "a", "good").state == way, (above, below)
        twice = [on(START, a), on(a, above >> at_most(1) >> a, below >> good, bad)]
        assert along(Flow("f", state=S, edges=twice), "a", "a", "good").state == "yes"


def test_the_values_that_were_found_lead_a_run_along_the_path():
    """What is to be written at each arc, and the input, are told, and the semantics go that way with them."""
    rows = [on(START, a), on(a, when(t.n * 3 == 21) >> maybe, bad), on(maybe, when(t.name == "x", t.n > 6) >> good)]
    graph = Graph(Flow("f", state=S, edges=rows), solver=True)
    assert graph.symbols is not None
    path = [*graph.path("maybe"), no_way("maybe")]
    found = feasible(graph, graph.symbols, path)
    assert found.state == "yes"
    assert found.values[1] == {"n": 7}
    done = replay_stuck(graph, path, found.input, found.values)
    assert done is not None
    assert done.state.n == 7  # type: ignore[attr-defined]  # it is an S


class Log(BaseModel):
    log: Annotated[list[str], add] = []


@compute(writes="log")
def write() -> list[str]:
    raise AssertionError("no function is called")


def test_what_is_not_followed_is_not_called_possible():
    """A field with a reducer is not followed: nobody knows what it holds, and the path is left open."""
    rows = [on(START, write), on(write, when(length(fields(Log).log) > 3) >> good, bad)]
    assert along(Flow("f", state=Log, edges=rows), "write", "good").state == "unknown"


def arcs_between(graph: Graph, source: str, target: str) -> list[tuple[Arc, ...]]:
    """The ways from a place to another that come to nothing in between but the flow's own ways."""
    found: list[tuple[Arc, ...]] = []
    for arc in graph.out.get(source, ()):
        if arc.target == target:
            found.append((arc,))
        elif arc.target in HUBS:
            found += [(arc, *rest) for rest in arcs_between(graph, arc.target, target)]
    return found


def was_possible(flow: Flow[Drawn], draw: Any) -> None:
    """Asserts that of the ways by which a drawn run may have gone, one is not called impossible."""
    graph = Graph(flow, solver=True)
    assert graph.symbols is not None
    ways: list[list[tuple[Arc, ...]]] = []
    for taken in run(draw, flow, most=4):
        move = taken.move
        target = move.at.node if isinstance(move, Run) else move.at.end if isinstance(move, Finish) else None
        if target is not None:
            ways.append(arcs_between(graph, taken.source, target))
            continue
        if isinstance(move, Finish) and move.error is not None and "no edge of" in move.error.message:
            ways.append([(no_way(taken.source),)])
        break
    choices = list(islice(product(*ways), MOST))
    said = (feasible(graph, graph.symbols, [arc for arcs in choice for arc in arcs]).state for choice in choices)
    assert len(choices) == MOST or any(state != "no" for state in said)


MOST = 40
"""How many of the ways of a run are looked at."""


@settings(max_examples=60)
@given(flows(), st.data())
def test_no_run_goes_a_path_that_is_called_impossible(flow: Flow[Drawn], data: st.DataObject):
    """What a drawn run did, whatever nodes answered and people decided, is not called impossible."""
    was_possible(flow, data.draw)


@pytest.mark.torture
@settings(max_examples=3000)
@given(flows(), st.data())
def test_no_run_goes_a_path_that_is_called_impossible_at_length(flow: Flow[Drawn], data: st.DataObject):
    """The same, over many more flows and runs."""
    was_possible(flow, data.draw)
