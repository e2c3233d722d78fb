"""What the checks say of flows that fan out, work on lists and hold flows: it always comes, and holds in runs."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guideway import Flow
from guideway.flows.check import Report, check
from guideway.nodes.calls import CallFailed
from tests.flows.check.fanned import F, Runner, Seen, all_in, flows, wild_flows

MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

EXECUTED = ("F102", "F105", "F107", "F301", "F304", "F305")
"""Errors that always come with what was tried."""


@MANY
@given(wild_flows() | flows())
def test_a_check_always_comes_to_an_answer_and_to_the_same(flow: Flow[F]):
    """Whatever branches lead to, the report comes, as text and as JSON, twice the same."""
    report = check(flow)
    assert str(report) == str(check(flow))
    assert report.to_json()["ok"] == report.ok


@MANY
@given(wild_flows() | flows())
def test_errors_carry_what_was_tried(flow: Flow[F]):
    """No error of the kinds that rest on values is told without its example."""
    for item in check(flow, solver=False).findings:
        if item.code in EXECUTED:
            assert (item.severity == "error") == (item.example is not None), item


def ran(flow: Flow[F], data: st.DataObject) -> Runner:
    """A run by the pure semantics."""
    runner = Runner(data.draw)
    runner.run(flow)
    return runner


def told(report: Report, *codes: str) -> set[str]:
    """The nodes to which findings of some codes lead."""
    return {item.path[-1] for item in report.findings if item.code in codes and item.path}


def reports(flow: Flow[F]) -> dict[int, Report]:
    """The report of each flow, the one and those inside of it, by identity."""
    return {id(one): check(one, solver=False) for one in all_in(flow)}


@MANY
@given(flows(), st.data())
def test_no_run_takes_more_steps_than_the_checks_allow(flow: Flow[F], data: st.DataObject):
    """max_steps counts all branches, items and flows inside; budgets are left out, so that edges alone must do."""
    bare = Flow("bare", state=F, edges=flow.source_rows)
    report = check(bare, solver=False)
    if report.facts.max_steps is not None and all(one.budget is None for one in all_in(bare)):
        assert ran(bare, data).steps <= report.facts.max_steps


@MANY
@given(flows(), st.data())
def test_no_step_fails_over_a_value_that_was_not_told(flow: Flow[F], data: st.DataObject):
    """A read, an input of a flow inside, and a result that is handed back fit, or were told."""
    known = reports(flow)
    for seen in ran(flow, data).seen:
        report = known[id(seen.flow)]
        if seen.what == "run" and seen.name not in told(report, "F301", "F302", "F303"):
            assert misread(seen) is None
        elif seen.what.startswith("refused"):
            unsure = any(not proof.proved and proof.text.startswith("every value") for proof in report.facts.proofs)
            assert unsure or seen.name in told(report, "F301", "F302", "F305")


def misread(seen: Seen) -> CallFailed | None:
    """What a node says when it is given what it reads; None where all fits."""
    node = seen.flow.nodes[seen.name]
    if seen.move is None or node.kind in ("each", "subflow"):
        return None
    try:
        node.plan(F).read(seen.state.__dict__)
        node.plan(F).given(lambda: None, seen.move.at.refusal, seen.move.at.failure)
    except CallFailed as error:
        return error
    return None


@MANY
@given(flows(), st.data())
def test_no_write_is_lost_that_was_not_told(flow: Flow[F], data: st.DataObject):
    """Where two branches of a run wrote one field, F304 names it."""
    known = reports(flow)
    for seen in ran(flow, data).seen:
        if seen.what == "lost write":
            messages = [item.message for item in known[id(seen.flow)].findings if item.code == "F304"]
            assert any(f"F.{seen.name}," in message for message in messages)


@MANY
@given(flows(), st.data())
def test_nothing_at_stake_runs_without_a_grant_that_was_not_told(flow: Flow[F], data: st.DataObject):
    """In branches, behind joins and in flows inside, a high-stakes node has an approval, or F501 names it."""
    known = reports(flow)
    for seen in ran(flow, data).seen:
        if seen.move is not None and seen.name not in told(known[id(seen.flow)], "F501"):
            assert seen.flow.nodes[seen.name].stakes == "low" or seen.move.at.grant is not None
