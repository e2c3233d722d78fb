"""The symbolic form of conditions says what evaluation says: exactly, in three-valued logic."""

from __future__ import annotations

import math
import sys
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from pydantic import BaseModel, Field, PositiveInt

from guideway import Messages, any_of, contains, exists, first, last, length, none_of, one_of, proposes, some
from guideway.errors import SolverMissing
from guideway.guards import solving
from guideway.guards.conditions import condition
from guideway.guards.evaluation import holds
from guideway.guards.expressions import Formula, Opaque, walk
from guideway.guards.fields import fields
from guideway.guards.symbolic import Logic, Sat, Symbols, Unsat
from tests.guards.desk import Ticket, t
from tests.guards.trees import State, formulas, states

NOW: dict[str, int] = {}
"""Every field in its first version."""


def asked(symbols: Symbols, *conditions: Any) -> Sat | Unsat:
    """What the solver says to all of some conditions being known to be true."""
    found = symbols.solve({place: symbols.truth(condition(item), NOW).true for place, item in enumerate(conditions)})
    assert isinstance(found, Sat | Unsat)
    return found


def shown(*conditions: Any, model: type[BaseModel] = Ticket) -> dict[str, Any]:
    """Values with which all of some conditions are true, by evaluation too."""
    symbols = Symbols(model)
    found = asked(symbols, *conditions)
    assert isinstance(found, Sat)
    trees = [condition(item) for item in conditions]
    values = found.values(dict.fromkeys(sorted(frozenset[str]().union(*(tree.reads for tree in trees))), 0))
    assert all(holds(tree, model.model_construct(**values)) for tree in trees)
    return values


def core(*conditions: Any, model: type[BaseModel] = Ticket) -> set[Any]:
    """Which of some conditions cannot be true together."""
    found = asked(Symbols(model), *conditions)
    assert isinstance(found, Unsat)
    return set(found.core)


SYMBOLS = Symbols(State)


def pinned(tree: Formula, state: State) -> dict[Any, Logic]:
    """That every field which a condition reads holds what it holds in a state, and its functions say what they say."""
    pins: dict[Any, Logic] = {name: SYMBOLS.given(name, 0, getattr(state, name)) for name in sorted(tree.reads)}
    for leaf in walk(tree):
        if isinstance(leaf, Opaque):
            truth, said = SYMBOLS.truth(leaf, NOW), holds(leaf, state)
            pins[leaf] = SYMBOLS.always if said is None else truth.true if said else truth.false
    return pins


def agree(tree: Formula, state: State) -> None:
    """Asserts that the solver says of a condition in a state what evaluation says."""
    truth, value, pins = SYMBOLS.truth(tree, NOW), holds(tree, state), pinned(tree, state)
    assert isinstance(SYMBOLS.solve({"": truth.true, **pins}), Sat) is (value is True)
    assert isinstance(SYMBOLS.solve({"": truth.false, **pins}), Sat) is (value is False)


def made(tree: Formula, *, wanted: bool) -> None:
    """Asserts that the solver's values are of the fields' types, and that evaluation mostly says the same of them."""
    truth = SYMBOLS.truth(tree, NOW)
    found = SYMBOLS.solve({"": truth.true if wanted else truth.false})
    if isinstance(found, Sat):
        for values in found.every({"": dict.fromkeys(sorted(tree.reads), 0)}):
            for name, value in values[""].items():
                State.__pydantic_validator__.validate_assignment(State.model_construct(), name, value)
            if holds(tree, State.model_construct(**values[""])) is wanted:
                return


written = states.filter(lambda state: state.maybe_real is None or math.isfinite(state.maybe_real))
"""States that a run can have: NaN and infinities are refused at every write."""


@settings(max_examples=120)
@given(formulas, written)
def test_the_solver_says_what_evaluation_says(tree, state):
    """A condition is known to be true, known to be false, or unknown in a state for both alike."""
    agree(tree, state)


@pytest.mark.torture
@settings(max_examples=5000)
@given(formulas, written)
def test_the_solver_says_what_evaluation_says_at_length(tree, state):
    """The same, over many more conditions and states."""
    agree(tree, state)


@pytest.mark.torture
@settings(max_examples=3000)
@given(formulas)
def test_values_are_of_their_types(tree):
    """What is read back from the solver is taken by the state's own fields."""
    made(tree, wanted=True)
    made(tree, wanted=False)


# values


def test_small_values_come_first():
    """An example has the smallest numbers and the shortest texts that do."""
    assert shown(t.confidence < 0.7, t.intent == "refund") == {"confidence": 0.0, "intent": "refund"}
    assert shown(t.count > 3, t.count < 100) == {"count": 4}
    assert len(shown(length(t.message) > 2)["message"]) == 3


def test_a_text_is_made_of_the_parts_that_are_asked_for():
    """A text has the parts, the length and the order that conditions ask for."""
    values = shown(contains(t.message, "refund"), contains(t.message, "order"), length(t.message) < 20)
    assert "refund" in values["message"]
    shown(t.message > "hello", t.message < "help", t.message != "helloa")
    shown(contains(t.message, "ab"), none_of(contains(t.message, "abc")), length(t.message) == 7)


def test_a_model_is_made_with_all_that_it_must_have():
    """A nested value is an instance of its model, with what nothing is asked of made up."""
    values = shown(some(t.order).total > 60, exists(some(t.order).address))
    assert values["order"].total > 60
    assert isinstance(values["order"].address.city, str)


def test_the_items_of_a_list_are_made():
    """A list has the items that it must contain, and as many as it must."""
    values = shown(contains(t.tags, "a"), contains(t.tags, "b"), contains(t.tags, "c"), length(t.tags) == 3)
    assert sorted(values["tags"]) == ["a", "b", "c"]
    orders = shown(length(t.orders) == 2, first(t.orders).total > last(t.orders).total)["orders"]
    assert orders[0].total > orders[1].total
    assert shown(contains(t.scores, "speed"))["scores"].keys() >= {"speed"}


def test_enums_dates_and_decimals_come_back_as_they_are():
    """A member of an enum, a date and a Decimal are values of the field's own type."""
    values = shown(t.level > 1, t.plan == "paid", t.due > date(2030, 1, 1), t.price * 4 == 1)
    assert values["level"].name == "HIGH"
    assert values["plan"].name == "PAID"
    assert values["price"] == Decimal("0.25")
    shown(exists(t.seen), exists(t.ticket), exists(t.password))


# what can never be


def test_conditions_that_exclude_each_other_are_named():
    """The core holds those conditions that cannot be true together, and no others."""
    assert core(t.confidence < 0.7, t.count > 1, t.confidence > 0.7) == {0, 2}
    assert core(t.intent == "refund", one_of(t.intent, "other", "question")) == {0, 1}
    assert core(length(t.orders) == 1, first(t.orders).total > last(t.orders).total) == {0, 1}
    assert core(length(t.message) == 2, contains(t.message, "abc")) == {0, 1}
    assert core(t.count / 2 > 3, t.count < 7) == {0, 1}


def test_unknown_is_neither_true_nor_false():
    """What reaches through None is unknown, and so is none_of it; exists alone tells."""
    symbols = Symbols(Ticket)
    truth = symbols.truth(condition(t.price > 1), NOW)
    assert isinstance(symbols.solve({0: ~truth.true, 1: ~truth.false}), Sat)
    there = symbols.truth(condition(exists(t.price)), NOW).true
    assert isinstance(symbols.solve({0: ~truth.true, 1: ~truth.false, 2: there}), Unsat)
    assert isinstance(symbols.solve({0: truth.true, 1: ~there}), Unsat)


def test_versions_of_a_field_are_apart():
    """What holds of one version says nothing of another."""
    symbols = Symbols(Ticket)
    small, large = (
        symbols.truth(condition(item), {"count": place}) for place, item in enumerate([t.count < 3, t.count > 7])
    )
    found = symbols.solve({0: small.true, 1: large.true})
    assert isinstance(found, Sat)
    assert found.values({"count": 0})["count"] < 3
    assert found.values({"count": 1})["count"] > 7


class Bounded(BaseModel):
    """Fields with bounds."""

    share: float = Field(default=0.5, ge=0, le=1)
    count: PositiveInt = 1
    even: int | None = Field(default=None, multiple_of=2, gt=0, lt=6)
    name: str = Field(default="abc", min_length=2, max_length=4)
    tags: list[Annotated[str, Field(max_length=1)]] = Field(default=[], max_length=2)
    mixed: Literal[1, True, "one"] | Annotated[float, Field(gt=10)] = 1
    messages: Messages = []


b = fields(Bounded)


def test_the_bounds_of_fields_hold():
    """A field's bounds, and those of the items of a list, exclude what lies outside of them."""
    assert core(b.share > 1, model=Bounded) == {0}
    assert core(b.count < 1, model=Bounded) == {0}
    assert core(length(b.name) == 5, model=Bounded) == {0}
    assert core(length(first(b.tags)) > 1, model=Bounded) == {0}
    assert core(length(b.tags) > 2, model=Bounded) == {0}
    assert core(b.even > 2, b.even != 4, model=Bounded) == {0, 1}
    assert shown(b.even > 2, model=Bounded) == {"even": 4}
    assert 2 <= len(shown(b.name != "", model=Bounded)["name"]) <= 4


def test_a_bool_is_no_number_among_literals():
    """Of the literals 1 and True each is what it is, and a member of the union keeps its own bounds."""
    assert shown(b.mixed == True, model=Bounded)["mixed"] is True  # noqa: E712  # an expression, not a truth value
    found = shown(b.mixed == 1, model=Bounded)["mixed"]
    assert (found, type(found)) == (1, int)
    assert core(b.mixed > 1, b.mixed < 10, model=Bounded) == {0, 1}


def test_what_is_proposed_is_free_but_needs_a_message():
    """A proposed call is a choice of each version of the messages; without messages there is none."""
    symbols = Symbols(Bounded, tools={"pay": "high", "look": "low"})
    none = symbols.truth(condition(length(b.messages) == 0), NOW).true
    high = symbols.truth(condition(proposes(stakes="high")), NOW).true
    any_call = symbols.truth(condition(proposes()), NOW)
    assert isinstance(symbols.solve({0: high}), Sat)
    assert isinstance(symbols.solve({0: high, 1: none}), Unsat)
    assert isinstance(symbols.solve({0: high, 1: any_call.false}), Unsat)


def test_what_a_node_returns_narrows_a_version():
    """A version that a node wrote is of the node's return type."""
    symbols = Symbols(Ticket)
    there = symbols.truth(condition(exists(t.intent)), {"intent": 1})
    other = symbols.truth(condition(none_of(t.intent == "refund")), {"intent": 1})
    assert isinstance(symbols.solve({0: there.false, 1: symbols.typed("intent", 1, Literal["refund"])}), Unsat)
    assert isinstance(symbols.solve({0: other.true, 1: symbols.typed("intent", 1, Literal["refund"])}), Unsat)
    assert isinstance(symbols.solve({0: other.true, 1: symbols.typed("intent", 1, Literal["refund", "other"])}), Sat)
    assert isinstance(symbols.solve({0: there.false, 1: symbols.typed("intent", 1, Literal["other"] | None)}), Sat)


def busy(count: int) -> bool:
    """A named function."""
    return count > 3


def test_a_named_function_is_free_for_each_version():
    """A function says one thing for one version of what it reads, and anything for another; never for None."""
    symbols = Symbols(Ticket)
    leaf = condition(busy)
    first_time, second = symbols.truth(leaf, {"count": 1}), symbols.truth(leaf, {"count": 2})
    assert isinstance(symbols.solve({0: first_time.true, 1: second.false}), Sat)
    assert isinstance(symbols.solve({0: first_time.true, 1: symbols.truth(leaf, {"count": 1}).false}), Unsat)
    assert isinstance(symbols.solve({0: first_time.true, 1: symbols.truth(leaf, {"count": 1, "busy()": 4}).false}), Sat)
    assert isinstance(symbols.solve({0: ~first_time.true, 1: ~first_time.false}), Unsat)


def test_free_choices_are_joined_with_conditions():
    """A gate's answer is a choice of its own, and statements join."""
    symbols = Symbols(Ticket)
    yes, small = symbols.free("lead"), symbols.truth(condition(t.count < 3), NOW).true
    assert isinstance(symbols.solve({0: yes & small, 1: ~small}), Unsat)
    assert isinstance(symbols.solve({0: yes | small, 1: ~small}), Sat)
    assert isinstance(symbols.solve({0: yes, 1: ~symbols.free("lead")}), Unsat)


def test_words_that_come_later_are_words_all_the_same():
    """A constant of a later condition is as long as it is, also for a field that was looked at before."""
    symbols = Symbols(Ticket)
    assert isinstance(asked(symbols, length(t.message) == 3), Sat)
    assert isinstance(asked(symbols, length(t.message) == 3, t.message == "four"), Unsat)
    found = asked(symbols, any_of(t.message == "four", t.message == "fives"), length(t.message) > 4)
    assert isinstance(found, Sat)
    assert found.values({"message": 0}) == {"message": "fives"}


def test_without_the_solver_it_says_what_to_install(monkeypatch):
    """Where z3 is not installed the error says so."""
    monkeypatch.setitem(sys.modules, "z3", None)  # so that importing it raises
    with pytest.raises(SolverMissing, match=r"pip install 'guideway\[check\]'"):
        Symbols(Ticket)


def test_questions_about_the_same_facts_and_about_others_do_not_mix():
    """What was asked before, of these facts or of others, holds of no later question; a core names each thing once."""
    solver = solving.Solving()
    n = solver.whole("n")
    small, large = [n < 5], [n > 5]
    assert solver.ask(small, [n > 3]).verdict is True
    assert solver.ask(small, [n < 3]).verdict is True
    assert solver.ask(small, [n > 3, n < 3]).verdict is False
    assert solver.ask(small, [n > 3]).verdict is True
    assert solver.ask(large, [n < 3]).verdict is False
    assert solver.ask(large, [n > 6]).verdict is True
    assert solver.ask(small, [n > 6]).verdict is False
    assert solver.ask(small, [n >= 0, n > 6, n > 6], core=True).core == (1,)
    assert solver.value(solver.ask(small, [n > 3], model=True).model, n) == 4


def test_what_is_not_answered_soon_is_asked_with_a_clock(monkeypatch):
    """A question that needs more steps than the first try has is answered all the same, and so is the next one."""
    monkeypatch.setattr(solving, "AT_FIRST", 1)
    solver = solving.Solving()
    x, y = solver.whole("x"), solver.whole("y")
    assert solver.ask([], [x * x + y * y == 25, x > y, y > 0]).verdict is True
    assert solver.ask([x > 0], [x + y == 3, x - y == 2]).verdict is False
    monkeypatch.setattr(solver, "_checked", solver._solver.check)
    assert solver.ask([y > 0], [x * x + y * y == 25, x > y]).verdict is None
