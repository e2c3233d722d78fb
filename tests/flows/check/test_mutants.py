"""Each rule of the checks is taken out, and the test that stands for it must fail."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from guideway.flows.check import CODES
from guideway.flows.check.cases import Row
from guideway.flows.check.cheapest import Cheapest
from guideway.flows.check.falling import Fallen
from guideway.flows.check.feasible import _Walk
from guideway.flows.check.passing import Passings
from guideway.flows.check.pruning import Pruning
from guideway.flows.check.reaching import NoStands
from guideway.flows.check.refusals import _Refusals
from guideway.flows.check.repeats import _Unchanged
from guideway.flows.check.shortest import _Search
from guideway.flows.check.spread import JOIN, Bits, Spread
from guideway.flows.check.stepping import Product
from guideway.flows.check.strangers import _Written
from guideway.flows.check.times import Most
from guideway.flows.monitors import Monitor
from tests.flows.check import test_cases as cases
from tests.flows.check import test_effects as effects
from tests.flows.check import test_feasible as feasible
from tests.flows.check import test_own_ways as ways
from tests.flows.check import test_pages as pages
from tests.flows.check import test_properties as props
from tests.flows.check import test_reaching as reaching
from tests.flows.check import test_refusals as refusals
from tests.flows.check import test_regions as regions
from tests.flows.check import test_sense as sense
from tests.flows.check.corpus.entries import names


def nothing(*_: Any, **__: Any) -> list[Any]:
    """Stands for a rule that finds nothing."""
    return []


def meets_once(self: Any, spot: Any, may: int, must: int) -> bool:
    """Stands for a meeting of ways that the first of them decides."""
    first = spot not in self.found
    self.found.setdefault(spot, Bits(may, must))
    return first or spot[1] == JOIN


WRITE = _Walk._write


def writes_always(walk: Any, place: int, arc: Any) -> None:
    """Stands for a rule that takes a failed step for one that wrote."""
    WRITE(walk, place, arc._replace(on="ok") if arc.on == "failed" else arc)


def page(code: str) -> Callable[[], None]:
    """The test of a code's page."""
    return lambda: pages.test_the_faulty_flow_has_the_finding_alone_and_the_repaired_one_has_not(code)


def way_out(rows: list[Any], way: Any, needed: int) -> Callable[[], None]:
    """The test of what the shortest way out needs."""
    return lambda: ways.test_the_shortest_way_out_must_be_kept(rows, way, needed)


def held(case: str) -> Callable[[], None]:
    """The test of what is said of a property."""
    return lambda: props.test_what_is_said_of_a_property(case)


def pruned(case: str) -> Callable[[], None]:
    """The test of what the solver adds."""
    return lambda: props.test_the_solver_proves_more_and_refutes_more(case)


def blind(_: Any, state: int, __: Any) -> tuple[int, bool]:
    """Stands for an automaton to which nothing is wrong."""
    return state, False


def form(name: str, case: str) -> tuple[Any, str, Any, Callable[[], None]]:
    """The automaton of a form, taken out, and the test of a property of that form."""
    return FORMS, name, blind, held(case)


def anybody(core: Any) -> Any:
    """What is impossible together, whoever wrote the fields."""
    return None if core is None else core._replace(writers=frozenset())


CORE = Pruning._core
FORMS = import_module("guideway.flows.monitors")._FORMS

RULES: dict[str, tuple[Any, str, Any, Callable[[], None]]] = {
    "F001": (import_module("guideway.flows.check"), "unknown_codes", nothing, page("F001")),
    "F101": ("structure", "unreachable", nothing, page("F101")),
    "F102": ("structure", "without_row", nothing, page("F102")),
    "F103": ("structure", "without_way_on", nothing, page("F103")),
    "F104": ("structure", "traps", nothing, page("F104")),
    "F105": ("regional", "without_one_exit", nothing, page("F105")),
    "F106": ("regional", "unmatched_ends", nothing, ways.test_a_bare_target_behind_every_end_is_never_taken),
    "F107": ("regional", "ends_without_way", nothing, page("F107")),
    "F201": ("cases", "gaps_reached", nothing, page("F201")),
    "F202": ("cases", "gaps_by_limits", nothing, page("F202")),
    "F203": ("cases", "untakable", nothing, page("F203")),
    "F204": ("cases", "shadowed", nothing, page("F204")),
    "F205": ("cases", "order_matters", nothing, page("F205")),
    "F206": ("cases", "gaps_undecided", nothing, page("F206")),
    "a case is told where a run can come to it": (
        "cases", "fallen", lambda *_, **__: Fallen(None), cases.test_a_case_that_no_run_comes_to_is_not_told,
    ),
    "what a node returns": (
        "cases", "surely", lambda _: {}, cases.test_an_edge_that_nothing_takes_is_told,
    ),
    "limits hide nothing": (
        Row, "before", lambda _, place: list(range(place)), cases.test_an_edge_behind_a_wider_one_is_told,
    ),
    "what is written is new": (_Walk, "_new", nothing, feasible.test_what_is_written_is_new),
    "a failed step writes nothing": (
        _Walk, "_write", writes_always, feasible.test_a_failed_step_leaves_the_state_as_it_was,
    ),
    "what a node returns on a path": (
        "feasible", "surely", lambda _: {}, feasible.test_the_return_type_of_a_node_is_known,
    ),
    "limits on a path": (_Walk, "_not_passed", nothing, feasible.test_limits_count_on_a_path),
    "F301": ("data", "unfit_reads", nothing, page("F301")),
    "F302": ("data", "unfit_reads", nothing, page("F302")),
    "F303": ("data", "missing_reasons", nothing, page("F303")),
    "F304": ("data", "parallel_writes", nothing, regions.test_a_field_with_a_reducer_is_written_in_parallel),
    "F305": ("data", "borders", nothing, regions.test_a_flow_gives_back_what_the_fields_around_it_take),
    "F401": ("bounds", "_sure_caps", lambda *_: ["steps"], page("F401")),
    "F402 who paces it": ("bounds", "unpaced", lambda _: lambda _: True, page("F402")),
    "F403": (
        "own_ways", "unpaid_way_out", nothing,
        ways.test_the_example_of_a_way_that_is_not_taken_is_what_the_semantics_say,
    ),
    "F404": (
        "own_ways", "round_by_failures", nothing, ways.test_a_way_for_failures_that_comes_back_by_failures_is_told,
    ),
    "F501 where branches join": (
        "safety", "high_stakes_joins", nothing, regions.test_no_approval_outlives_a_join,
    ),
    "F501 on a head": (
        "safety", "without_approval", nothing, regions.test_a_high_stakes_node_needs_its_approval_on_the_head,
    ),
    "F502": ("safety", "without_gate", nothing, page("F502")),
    "F503": ("safety", "exemptions", nothing, page("F503")),
    "F601": ("safety", "unsettled", nothing, page("F601")),
    "F504": ("safety", "items_without_approval", nothing, page("F504")),
    "a fork costs all of its branches": (
        _Search, "_cost", lambda self, _, place: 1 if place in self.graph.flow.nodes else 0,
        way_out([ways.on(ways.x, ways.b), ways.on(ways.y, ways.b), ways.on(ways.b, ways.out)],
                ways.all_of(ways.x, ways.y), 3),
    ),
    "a flow inside costs its own way": (
        _Search, "_inside", lambda *_: 0, ways.test_a_flow_on_the_way_out_costs_its_own_shortest_way,
    ),
    "what the edges keep from being used up": (
        "own_ways", "used_before", lambda *_: None, ways.test_a_part_that_the_edges_keep_from_being_used_up_is_not_told,
    ),
    "who paces failures": (
        "own_ways", "unpaced", lambda _: lambda _: True, ways.test_what_a_limit_or_a_person_holds_back_is_not_told,
    ),
    "ends under a condition": (
        "routing", "untaken", lambda *_: (), ways.test_a_row_that_may_let_an_end_through_is_open,
    ),
    "ends that a row names": (
        "routing", "untaken", lambda *_: (("end", "success"),), ways.test_a_row_that_names_every_end_covers_every_case,
    ),
    "which edge an end takes": (
        "endings", "is_for", lambda *_: True, ways.test_a_bare_target_behind_every_end_is_never_taken,
    ),
    "F701": ("properties", "refuted", nothing, page("F701")),
    "F702": ("properties", "refuted_by_failure", nothing, page("F702")),
    "F703": ("properties", "undecided", nothing, page("F703")),
    "never unless": form("unless", "unless a node"),
    "never after": form("after", "after, refuted"),
    "always before": form("before", "before, refuted"),
    "always leads to": form("leads_to", "leads to, refuted"),
    "at most once": form("once", "once, refuted"),
    "an approval is used up": (
        FORMS, "unless", lambda self, state, mark: (state | Monitor._unless(self, state, mark)[0],
                                                    Monitor._unless(self, state, mark)[1]),
        held("unless a gate, each time"),
    ),
    "facts dropped on write": (
        Pruning, "_wrote", lambda _, known, *__: known, pruned("dropped where it is written"),
    ),
    "facts of one writer": (
        Pruning, "_core", lambda self, *given: anybody(CORE(self, *given)),
        pruned("what one node returns is not what another does"),
    ),
    "facts that branches write": (
        Pruning, "_behind_forks", nothing, pruned("facts that a branch overwrites"),
    ),
    "limits are counted": (Pruning, "_used_up", lambda *_: False, pruned("a limit is counted")),
    "branches beside each other": (
        Product, "_is_silent", lambda *_: True, held("branches, only one of them"),
    ),
    "gates that a no leads to": (
        Passings, "_pass", lambda self, gate, target: iter([props.passes_alone(self, gate, target)]),
        held("unless a gate that may be passed over"),
    ),
    "a cycle puts off": (
        "properties", "_put_off", lambda *_: (), props.test_a_cycle_that_nothing_bounds_may_put_off_what_must_come,
    ),
    "a no stands": (
        NoStands, "run", lambda _, state, __: (state, False),
        lambda: reaching.test_a_no_stays_a_no_until_a_gate_says_yes_about_the_same("is passed by"),
    ),
    "F405": ("sense", "_never", nothing, page("F405")),
    "a failed step is a step": (
        Cheapest, "cost", lambda self, arc: self.price(self.graph.flow.nodes[arc.source])
        if arc.source in self.graph.flow.nodes else 0,
        sense.test_the_cheapest_way_may_be_one_on_which_something_fails,
    ),
    "rounds of a budget": ("sense", "_rounds", nothing, sense.test_the_rounds_that_a_budget_pays_for_are_counted),
    "F406": ("sense", "livelocks", nothing, page("F406")),
    "what a cycle writes": (
        "livelock", "_written", lambda *_: set(),
        lambda: sense.test_what_may_change_ends_or_counts_is_no_livelock(
            [sense.on(sense.a, sense.when(sense.t.n > 3) >> sense.good, sense.when(sense.at_most(3)) >> sense.a,
                      sense.out)]
        ),
    ),
    "F407 pauses": ("times", "_pauses", lambda _: 0, sense.test_the_working_time_counts_attempts_repairs_and_pauses),
    "F407 waiting": (
        "times", "_on_arc", lambda *_: Most(),
        sense.test_the_waiting_time_is_the_longest_way_through_the_gates,
    ),
    "F505": ("safety", "strangers_text", nothing, page("F505")),
    "F505 through a compute": (
        _Written, "before", lambda *_: 0, refusals.test_what_a_compute_makes_of_it_is_from_outside_too,
    ),
    "F505 by an exemption that pins": (
        "strangers", "_pinned", lambda *_: False, refusals.test_an_exemption_that_names_the_values_pins_them,
    ),
    "F506": ("safety", "after_a_no", nothing, page("F506")),
    "F506 where a person decides anew": (
        _Refusals, "_decides", lambda *_: False, page("F506"),
    ),
    "F506 where a no is over": (
        _Refusals, "_along", lambda self, arc, at: Bits(at.may & ~self.said.get(id(arc), 0)),
        refusals.test_a_way_from_a_no_to_the_same_action_is_an_error_that_was_carried_out,
    ),
    "F506 through what runs at will": (
        "refusals", "_open", nothing, refusals.test_a_flow_inside_and_an_each_do_not_get_around_a_no,
    ),
    "F507 failures that prove nothing": (
        "effects", "proves_nothing_done", lambda *_: True,
        effects.test_what_went_well_has_surely_happened_and_what_failed_possibly,
    ),
    "F507 failures that prove it": (
        "effects", "proves_nothing_done", lambda *_: False,
        lambda: effects.test_only_a_failure_that_proves_it_says_never(("declined",), "never"),
    ),
    "F507 where ways meet": (
        Spread, "_meets", meets_once, effects.test_one_of_two_ways_is_possibly,
    ),
    "F507 what siblings do meanwhile": (
        Spread, "_may", lambda *_: 0, effects.test_where_branches_join_all_of_them_have_happened,
    ),
    "F602": ("failures", "cannot_fail_so", nothing, page("F602")),
    "F603": ("failures", "repeated", nothing, page("F603")),
    "F603 new arguments": (
        _Unchanged, "_writes", lambda *_: False, sense.test_what_a_branch_writes_beside_it_is_new,
    ),
}  # fmt: skip
"""By rule: the module or class where it is, its name there, what stands in its place, and the test that must fail."""


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_taken_out_is_missed(monkeypatch, rule):
    """Without the rule its test fails; with it, it passes."""
    where, name, instead, test = RULES[rule]
    test()
    place = import_module(f"guideway.flows.check.{where}") if isinstance(where, str) else where
    if isinstance(place, dict):
        monkeypatch.setitem(place, name, instead)
    else:
        monkeypatch.setattr(place, name, instead)
    with pytest.raises((AssertionError, ValueError, StopIteration), match="(?s).*"):
        test()


def test_every_code_has_a_mutant_and_flows_of_its_own():
    """Each code has a rule above that is taken out, a page, and an entry in the corpus: none is left to chance."""
    mutants = {rule.split()[0] for rule in RULES}
    directed = {name.partition("_")[0] for name in names("faulty")}
    assert set(CODES) <= mutants
    assert set(CODES) == directed
