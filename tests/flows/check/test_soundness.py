"""What the checks say of a flow holds in its runs: drawn flows, run by the pure semantics with drawn outcomes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guideway import Flow
from guideway.flows.check import Report, check
from guideway.flows.check.arcs import HUBS
from guideway.flows.check.bounds import used_before
from guideway.flows.check.graph import Graph
from guideway.flows.position import AtEnd, Finish, Run
from guideway.nodes.calls import CallFailed
from tests.flows.check.drawn import S, Taken, flows, run
from tests.house import examples

MANY = settings(max_examples=examples(150))
"""What needs no solver is drawn often; what routing is proved by, and properties, test_proofs_hold.py looks at."""


def ending_at(report: Report, *codes: str) -> set[str]:
    """The nodes that findings of some codes lead to."""
    return {item.path[-1] for item in report.findings if item.code in codes and item.path}


def named(report: Report, code: str) -> set[str]:
    """The nodes that findings name first."""
    return {item.message.split("'")[1] for item in report.findings if item.code == code}


def onward(graph: Graph, source: str) -> set[str]:
    """Where a run can go next from a place, by the arcs."""
    found: set[str] = set()
    for arc in graph.out.get(source, ()):
        found |= onward(graph, arc.target) if arc.target in HUBS else {arc.target}
    return found


@MANY
@given(flows(), st.data())
def test_no_run_takes_more_steps_than_the_checks_allow(flow: Flow[S], data: st.DataObject):
    """max_steps bounds every run, whatever nodes answer and people decide; a node without a bound is told."""
    report = check(flow, solver=False)
    steps = sum(isinstance(taken.move, Run) for taken in run(data.draw, flow))
    if report.facts.max_steps is not None:
        assert steps <= report.facts.max_steps
    else:
        assert {item.code for item in report.findings} & {"F401", "F402"}


@MANY
@given(flows(), st.data())
def test_every_move_is_an_arc(flow: Flow[S], data: st.DataObject):
    """The arcs hold every way that the semantics take, so what is proved over them holds for runs."""
    graph = Graph(flow)
    for taken in run(data.draw, flow):
        if isinstance(taken.move, Run):
            assert taken.move.at.node in onward(graph, taken.source)
        elif isinstance(taken.move, Finish) and taken.move.at.end is not None:
            assert taken.move.at.end in onward(graph, taken.source)


@MANY
@given(flows(), st.data())
def test_no_run_comes_to_a_node_that_is_called_unreachable(flow: Flow[S], data: st.DataObject):
    """F101 names no node that a run can reach; F102 and F103 name every node after which a run is stuck."""
    report = check(flow, solver=False)
    unreachable = named(report, "F101")
    for taken in run(data.draw, flow):
        if isinstance(taken.move, Run):
            assert taken.move.at.node not in unreachable
        if isinstance(taken.move, Finish) and "has no edge for this outcome" in getattr(
            taken.move.error, "message", ""
        ):
            assert taken.source in named(report, "F102") | named(report, "F103")


@MANY
@given(flows(), st.data())
def test_no_run_fails_over_a_read_that_was_not_told(flow: Flow[S], data: st.DataObject):
    """A value that a parameter does not take, or a reason that is missing, was told by F301, F302 or F303."""
    report = check(flow, solver=False)
    told = ending_at(report, "F301", "F302", "F303")
    for taken in run(data.draw, flow):
        if isinstance(taken.move, Run) and taken.move.at.node not in told:
            assert reads(flow, taken) is None


def reads(flow: Flow[S], taken: Taken) -> CallFailed | None:
    """What a node says when it is given what it reads; None where all fits."""
    assert isinstance(taken.move, Run)
    at = taken.move.at
    plan = flow.nodes[at.node].plan(S)
    try:
        plan.read(taken.state.__dict__)
        plan.given(lambda: None, at.refusal, at.failure)
    except CallFailed as error:
        return error
    return None


@MANY
@given(flows(), st.data())
def test_no_run_comes_to_high_stakes_without_a_grant_that_was_not_told(flow: Flow[S], data: st.DataObject):
    """A high-stakes node that F501 does not name is only reached with an approval, or by its exemption."""
    report = check(flow, solver=False)
    told = ending_at(report, "F501")
    for taken in run(data.draw, flow):
        if isinstance(taken.move, Run) and taken.move.at.node not in told:
            assert flow.nodes[taken.move.at.node].stakes == "low" or taken.move.at.grant is not None


@MANY
@given(flows(), st.data())
def test_no_run_falls_through_a_row_that_is_proved_to_cover_every_case(flow: Flow[S], data: st.DataObject):
    """Where the rows are proved to cover every case, no run ends because no edge passed."""
    report = check(flow)
    covered = any(proof.text.startswith("the edges of every row") and proof.proved for proof in report.facts.proofs)
    for taken in run(data.draw, flow):
        if covered and isinstance(taken.move, Finish) and taken.move.at == AtEnd(None, "failed"):
            assert taken.move.error is not None
            assert taken.move.error.type != "NoWayOn"


@MANY
@given(flows(), st.data())
def test_no_run_is_stopped_on_its_way_out_that_was_not_told(flow: Flow[S], data: st.DataObject):
    """Where the steps that are not kept were used up and the way out is not taken at once, F403 says so."""
    told, steps, out = {item.code for item in check(flow, solver=False).findings}, 0, False
    most = used_before(Graph(flow), "max_steps")
    for taken in run(data.draw, flow):
        if isinstance(taken.move, Run):
            steps, out = steps + 1, taken.move.out
        elif isinstance(taken.move, Finish) and taken.move.out and not out and taken.move.at.end is None:
            bound = None if flow.budget is None else flow.budget.bound("steps", on_the_way_out=False)
            if bound is not None and steps >= bound and (most is None or most > bound) and set(HUBS) & set(flow.rows):
                assert "F403" in told


@MANY
@given(flows())
def test_every_error_about_a_read_carries_what_was_executed(flow: Flow[S]):
    """F301 and errors of F303 come with the input and steps that were carried out; nothing else claims so much."""
    for item in check(flow, solver=False).findings:
        if item.code in ("F301", "F302", "F303"):
            assert (item.severity == "error") == (item.example is not None)
