"""What the solver adds to a diff: cases that trying does not find, and the proof that there are no others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from guideway import START, End, Flow, any_of, compute, exists, failed, fields, none_of, on, when
from guideway.flows.diff import diff
from guideway.flows.diff.pairs import Pair
from guideway.flows.diff.routing import Decision
from guideway.flows.diff.row_pairs import RowPair
from guideway.flows.diff.rows import Found, row_diff
from guideway.flows.diff.stored import Version
from guideway.guards.evaluation import holds

from .desks import desk, no, paid, t

pytest.importorskip("z3", reason="what is proved is proved by the solver")


class Sums(BaseModel):
    """A state with numbers in bounds."""

    a: int = Field(0, ge=0, le=1000)
    b: int = Field(0, ge=0, le=1000)
    c: int | None = None


s = fields(Sums)
yes, nay = End("yes"), End("nay")


@compute(writes="a")
def step(a: int) -> int:
    return a


def sums(*conditions: Any) -> Flow[Sums]:
    """A flow that says yes where conditions hold."""
    row = [when(*conditions) >> yes] if conditions else []
    return Flow("sums", state=Sums, edges=[on(START, step), on(step, *row, nay)])


def test_a_case_that_no_boundary_shows_is_found_by_the_solver_and_evaluated():
    """Two sums have one solution far from every number that is written: the solver has it, trying alone does not."""
    old, new = sums(), sums(s.a + s.b == 700, s.a - s.b == 10)
    assert diff(old, new, solver=False).rerouted == ()
    (case,) = diff(old, new).rerouted
    assert (dict(case.example), case.certain) == ({"a": 355, "b": 345}, True)
    assert (case.old.target, case.new.target) == ("nay", "yes")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((s.a < 5,), (none_of(s.a >= 5),)),
        ((s.a < 5,), (s.a <= 4,)),
        ((s.a < 5, s.b < 5), (none_of(any_of(s.a >= 5, s.b >= 5)),)),
        ((s.a >= 0,), (s.b <= 1000,)),
        ((s.c > 3,), (exists(s.c), none_of(s.c <= 3))),
    ],
)
def test_what_means_the_same_is_proved_to_be_no_change(old, new):
    """Equal under three-valued logic and the fields' bounds: no case, and the behaviour is said to be as before."""
    found = diff(sums(*old), sums(*new))
    assert (found.rerouted, [row.complete for row in found.rows], found.same) == ((), [True], True)
    assert "proved: the row of step is written otherwise, and routes every state alike" in str(found)


def test_what_nearly_means_the_same_is_a_change():
    """A contrary that forgets None is found by the None."""
    found = diff(sums(s.c <= 3), sums(any_of(s.c <= 3, none_of(exists(s.c)))))
    assert [(dict(case.example), case.new.target, case.certain) for case in found.rerouted] == [
        ({"c": None}, "yes", True)
    ]


def test_after_the_cases_the_rest_is_proved_to_be_as_before():
    """The one case of a limit is all: every other state goes as it went."""
    found = diff(desk(), desk(limit=3))
    assert len(found.rerouted) == 1
    assert "proved: the row of read routes every other state as before" in str(found)


def test_without_the_solver_the_diff_says_what_to_install(monkeypatch):
    """z3 is an extra: without it what was tried is told, and the rest is said to be open."""
    from guideway.errors import SolverMissing
    from guideway.flows.diff import solving

    def missing(*_: Any) -> Any:
        raise SolverMissing("z3 is not installed")

    monkeypatch.setattr(solving, "Symbols", missing)
    found = diff(sums(s.a < 5), sums(s.a <= 4))
    assert [row.complete for row in found.rows] == [None]
    assert "install guideway[check]" in str(found)


class Believing:
    """A search that believes something that is not so."""

    def search(self, row, world, known):
        """A case on which the two rows decide as they did."""
        return [Found({("a",): 9}, Decision("nay"), Decision("no such"))], True


def test_what_evaluation_does_not_confirm_is_told_as_what_may_be():
    """A search's word is not enough: its case is told as may, and never as what is."""
    pair = Pair(Version(sums(s.a < 5).manifest()), Version(sums(s.a < 6).manifest()))
    found = row_diff(RowPair(pair, "step", "step"), Believing()).rerouted
    assert [(case.new.target, case.certain) for case in found] == [("yes", True), ("no such", False)]


NUMBERS = st.integers(-3, 6)
LEAVES = st.one_of(
    st.builds(lambda n: s.a < n, NUMBERS),
    st.builds(lambda n: s.b == n, NUMBERS),
    st.builds(lambda n: s.c >= n, NUMBERS),
    st.just(exists(s.c)),
    st.builds(lambda n: s.a + s.b > n, NUMBERS),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(none_of, inner),
        st.builds(lambda x, y: x & y, inner, inner),
        st.builds(any_of, inner, inner),
    ),
    max_leaves=4,
)
STATES = st.builds(Sums, a=st.integers(0, 7), b=st.integers(0, 7), c=st.none() | st.integers(-4, 7))


@settings(max_examples=25)
@given(CONDITIONS, CONDITIONS, st.lists(STATES, min_size=30, max_size=30))
def test_any_two_conditions_differ_as_told(first, second, states):
    """Law: each case told is one; where it is proved that nothing differs, no state differs."""
    found = diff(sums(first), sums(second))
    old, new = first.tree, second.tree
    for case in found.rerouted:
        assert case.certain
        state = Sums.model_validate({name: value for name, value in case.state.items() if value is not None})
        assert (holds(old, state) is True, holds(new, state) is True) == (
            case.old.target == "yes",
            case.new.target == "yes",
        )
    ways = {(case.old.target == "yes", case.new.target == "yes") for case in found.rerouted}
    if all(row.complete for row in found.rows):
        for state in states:
            both = (holds(old, state) is True, holds(new, state) is True)
            assert both[0] == both[1] or both in ways


class Refused(Exception):
    """An exception of an author's."""


def test_exceptions_that_are_not_pythons_own_leave_the_proof_open():
    """Whether one is a kind of another no manifest tells: the rest of the row is not said to be proved."""
    old = desk(paying=[failed(Refused) >> no, failed(LookupError) >> paid, paid])
    new = desk(paying=[failed(LookupError) >> paid, failed(Refused) >> no, paid])
    assert [(row.complete, row.missing) for row in diff(old, new).rows] == [
        (None, "which exceptions are kinds of which is in no manifest")
    ]
    pythons = desk(paying=[failed(OSError) >> no, paid]), desk(paying=[failed(ValueError) >> no, paid])
    assert [row.complete for row in diff(*pythons).rows] == [True]


def test_a_limit_counts_in_the_proof_too():
    """A limit that no state uses otherwise is no change: the same number under another name."""
    from guideway import at_most

    found = diff(desk(limit=at_most(2, name="rounds")), desk(limit=at_most(2, name="tries")))
    assert (found.rerouted, [row.complete for row in found.rows]) == ((), [])
    assert diff(desk(when(t.tries < 3, at_most(2)) >> no, no), desk(no)).rows[0].complete is True
