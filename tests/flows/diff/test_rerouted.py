"""What is routed otherwise: a state for each way in which two versions differ, and both route it as told."""

from __future__ import annotations

from typing import Any

import pytest

from guideway import START, End, Flow, any_of, at_most, exists, failed, none_of, on, policy, some, when
from guideway.flows.diff import Rerouted, Weight, diff
from guideway.flows.position import AtGate, AtNode, Done, Place
from guideway.flows.semantics import next_move
from guideway.nodes.outcome import Outcome

from .desks import CHEAP, Ticket, desk, lead, look, no, paid, pay_back, read, t, urgent

OTHER = End("other")


def only(old: Flow[Any], new: Flow[Any], **options: Any) -> Rerouted:
    """The one case that two versions route otherwise."""
    (found,) = diff(old, new, **options).rerouted
    return found


def where(flow: Flow[Any], source: str, state: dict[str, Any], taken: int = 0) -> tuple[str | None, list[str]]:
    """Where the semantics lead a run from a step that went well, and which gate is asked first."""
    counters = dict.fromkeys(flow.limits.values(), taken)
    place = Place(Ticket.model_validate(state), counters)
    move = next_move(flow, place, Done(source, Outcome("ok")))
    at: Any = move.at if hasattr(move, "at") else None
    if isinstance(at, AtGate):
        route = flow.routes[at.route]
        return route.target.name, [route.gates[at.index].name]
    return (at.node if isinstance(at, AtNode) else getattr(at, "end", None)), []


def whole(case: Rerouted) -> dict[str, Any]:
    """The state of a case, with a value for what it does not tell."""
    state: dict[str, Any] = {"message": "m"}
    for name, value in case.state.items():
        if "." in name:
            outer, inner = name.split(".")
            state[outer] = state.get(outer) or {"id": "1"}
            state[outer][inner] = value
        else:
            state[name] = {"id": "1", "total": 1.0, **value} if isinstance(value, dict) else value
    return state


def test_an_exemption_that_grew_is_told_first_with_a_state_that_both_versions_route_as_told():
    """A refund of 50 went to the lead, and now goes straight to pay_back."""
    old, new = desk(), desk(gate=lead(unless=some(t.order).total < 80))
    case = only(old, new, solver=False)
    assert dict(case.example) == {"intent": "refund", "order.total": 50}
    assert (str(case.old), str(case.new)) == ("through lead to pay_back", "straight to pay_back")
    assert case.weight is Weight.LOOSENED_HIGH
    assert case.why == "lead is no longer asked before pay_back, where stakes are high"
    assert where(old, "read", whole(case)) == ("pay_back", ["lead"])
    assert where(new, "read", whole(case)) == ("pay_back", [])


def test_an_approval_that_fell_away_is_told_for_the_cases_that_were_asked_about():
    """Without the lead everything goes straight; what was exempt goes as before, and is no case."""
    new = desk(when(t.intent == "refund", exists(t.order)) >> pay_back, when(at_most(2)) >> read, no)
    case = only(desk(), new, solver=False)
    assert case.example["order.total"] >= 50
    assert case.weight is Weight.LOOSENED_HIGH


def test_an_approval_more_holds_back():
    """What is asked now and was not is told as held back, after what was let loose."""
    case = only(desk(), desk(gate=lead(unless=None)), solver=False)
    assert (case.weight, case.why) == (Weight.TIGHTENED, "lead is asked now before pay_back, where stakes are high")
    assert case.example["order.total"] < 50


def test_another_gate_in_the_place_of_one_is_no_harmless_change():
    """A rule instead of a person, before high stakes, is told as let loose."""

    def small(message: str) -> str | None:
        return None

    case = only(desk(gate=lead(unless=None)), desk(gate=policy(small, violated=no)), solver=False)
    assert case.weight is Weight.LOOSENED_HIGH
    assert case.why == "small is asked instead of lead, where stakes are high"


def test_a_limit_that_rose_shows_in_the_round_that_it_allows():
    """The third time round was refused, and is taken now."""
    case = only(desk(), desk(limit=3), solver=False)
    assert dict(case.taken) == {"the edge read > read": 2}
    assert (case.old.target, case.new.target, case.why) == ("no", "read", "a limit rose")
    assert case.weight is Weight.LOOSENED
    assert where(desk(), "read", whole(case), taken=2)[0] == "no"
    assert where(desk(limit=3), "read", whole(case), taken=2)[0] == "read"


def test_a_limit_that_goes_on_under_its_name_counts_the_same():
    """A named limit on another edge is the same count: the case says how often its edges were taken."""
    old, new = (desk(limit=at_most(n, name="rounds")) for n in (4, 2))
    case = only(old, new, solver=False)
    assert dict(case.taken) == {"the limit rounds": 2}
    assert (case.old.target, case.new.target, case.weight) == ("read", "no", Weight.CHANGED)


def test_a_missing_value_is_unknown_and_goes_on_to_the_next_edge():
    """Where the order is None a comparison of its total does not pass, and exists does tell them apart."""
    refund = when(t.intent == "refund") >> lead() >> pay_back
    found = diff(desk(), desk(refund, when(at_most(2)) >> read, no), solver=False).rerouted
    assert {case.example["order"] for case in found} == {None}
    assert {(case.old.target, case.new.target) for case in found} == {("read", "pay_back"), ("no", "pay_back")}
    assert found[0].why == "pay_back is reached where it was not, through lead, where stakes are high"


def test_every_way_in_which_a_row_differs_is_told_once():
    """An edge that was put in front takes from the edges behind it, and each of these is a case."""
    edges = (when(t.intent == "refund", exists(t.order)) >> lead() >> pay_back, when(at_most(2)) >> read, no)
    new = desk(when(t.tries > 3) >> OTHER, *edges)
    found = diff(desk(), new, solver=False).rerouted
    ways = {(case.old.target, case.old.asked, case.new.target) for case in found}
    assert ways == {
        ("pay_back", ("lead",), "other"),
        ("pay_back", (), "other"),
        ("read", (), "other"),
        ("no", (), "other"),
    }
    assert {case.example["tries"] for case in found} == {4}
    assert [case.weight for case in found] == sorted(case.weight for case in found)


def test_the_order_of_edges_counts_where_both_pass():
    """Two edges that changed their places route otherwise what passes both."""
    first, second = when(t.tries > 3) >> OTHER, when(t.intent == "other") >> paid
    case = only(desk(first, second, no), desk(second, first, no), solver=False)
    assert dict(case.example) == {"intent": "other", "tries": 4}


def test_what_a_named_function_says_is_part_of_the_case():
    """Nobody knows what a function of code says: the case says what it is taken to say."""
    row = (when(t.tries > 3, urgent) >> OTHER, no)
    case = only(desk(no), desk(*row), solver=False)
    assert dict(case.says) == {"urgent(message)": True}
    assert diff(desk(no), desk(*row), solver=False).rows[0].rests_on == ("urgent(message)",)
    assert "for which urgent(message) says yes" in str(diff(desk(no), desk(*row), solver=False))


@pytest.mark.parametrize(
    ("before", "after", "outcome", "targets"),
    [
        ([failed(LookupError) >> no], [], "which failed with LookupError", ("no", None)),
        ([failed(LookupError) >> no], [failed(KeyError) >> no], "which failed with LookupError", ("no", None)),
        ([failed("timeout") >> no], [failed("transient") >> no], "which failed with 'rate_limited'", (None, "no")),
        ([], [failed("unknown_effect") >> no], "which failed with 'unknown_effect'", (None, "no")),
    ],
)  # fmt: skip
def test_failures_are_told_by_class_and_category(before, after, outcome, targets):
    """A failure that no edge matches any more goes elsewhere; a class is matched with what it is a kind of."""
    case = only(desk(paying=[*before, paid]), desk(paying=[*after, paid]), solver=False)
    assert (case.outcome, (case.old.target, case.new.target)) == (outcome, targets)


def test_a_failure_that_no_edge_matches_goes_the_way_of_the_flow():
    """With on_failure= the case says where it leads; without it the run ends failed."""
    case = only(
        desk(paying=[failed(LookupError) >> OTHER, paid], on_failure=no),
        desk(paying=[paid], on_failure=no),
        solver=False,
    )
    assert (case.old.target, case.new.target) == ("other", "no")
    assert only(desk(paying=[failed(LookupError) >> no, paid]), desk(paying=[paid]), solver=False).new.instead == (
        "nowhere: the run ends failed"
    )


def test_a_row_that_means_the_same_is_no_case():
    """Another way to write the same condition is written otherwise, and nothing is routed otherwise."""
    old = desk(when(t.tries > 3) >> OTHER, no)
    new = desk(when(any_of(t.tries > 3, t.tries > 9)) >> OTHER, no)
    found = diff(old, new, solver=False)
    assert found.rerouted == ()
    assert [row.complete for row in found.rows] == [None]
    assert not found.same  # it is not proved, so nobody is told that nothing changes
    assert "not proved: that the row of read routes every state as before" in str(found)


def test_unknown_is_not_false():
    """none_of of a comparison that is unknown is unknown: it is no way to write its contrary."""
    old = desk(when(CHEAP) >> OTHER, no)
    new = desk(when(none_of(some(t.order).total >= 50)) >> OTHER, no)
    assert diff(old, new, solver=False).rerouted == ()
    wrong = desk(when(any_of(none_of(some(t.order).total >= 50), none_of(exists(t.order)))) >> OTHER, no)
    assert only(old, wrong, solver=False).example == {"order": None}


def test_two_versions_of_a_flow_in_a_flow_are_compared_there(subflows):
    """The row of a flow inside is named by the way to it, and so is what it is written otherwise in."""
    found = diff(*subflows, solver=False)
    (case,) = found.rerouted
    assert (case.source, case.old.target, case.new.target) == ("inner/look", "low", "high")
    assert any(item.name == "inner/look" for item in found.changes)


@pytest.fixture
def subflows():
    """A flow around a flow, in two versions of the inner one."""
    from guideway import subflow

    def made(bound: int) -> Flow[Ticket]:
        high, low = End("high"), End("low")
        inner = Flow("inner", state=Ticket, edges=[on(START, look), on(look, when(t.tries > bound) >> high, low)])
        node = subflow(inner, name="inner")
        return Flow("outer", state=Ticket, edges=[on(START, node), on(node, paid)])

    return made(5), made(3)


def test_a_node_that_was_renamed_is_compared_under_its_new_name():
    """A row of a node that an author says was renamed is the same row; what leads to it is no other way."""
    old = Flow("f", state=Ticket, edges=[on(START, look), on(look, when(t.tries > 3) >> look, paid)])
    seen = look.named("seen")
    new = Flow("f", state=Ticket, edges=[on(START, seen), on(seen, when(t.tries > 3) >> seen, paid)])
    found = diff(old, new, solver=False)
    assert found.rerouted == ()
    assert [item.text for item in found.changes if item.part == "node"] == ["was called look"]


def test_manifests_compare_as_their_flows_do():
    """No code is needed: what JSON gives back is compared alike."""
    import json

    old, new = desk(), desk(gate=lead(unless=some(t.order).total < 80), limit=3)
    told = [json.loads(json.dumps(flow.manifest())) for flow in (old, new)]
    assert diff(*told, solver=False).to_json() == diff(old, new, solver=False).to_json()
