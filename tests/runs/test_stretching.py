"""Consecutive steps that are folded at once come to what folding one after the other comes to."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import guideway as gw
from guideway.errors import JournalBroken, StateInvalid
from guideway.flows.state import StateType
from guideway.runs.standing import Standing
from tests.runs.test_promises_laws import looked_at

LAW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Part(BaseModel):
    """An item that validates."""

    size: int


def longest(old: str, new: str) -> str:
    """A reducer of one's own."""
    return max(old, new, key=len)


class Mixed(BaseModel):
    """One field of each way in which a step's data is folded."""

    n: int = 0
    rate: float = 0.0
    nan: Annotated[float, Field(allow_inf_nan=True)] = 0.0
    mode: Literal["a", "b"] = "a"
    part: Part | None = None
    notes: Annotated[list[str], add] = []
    parts: Annotated[list[Part], add] = []
    bare: Annotated[list, add] = []  # type: ignore[type-arg]  # a list of anything is what is tried
    total: Annotated[int, add] = 0
    best: Annotated[str, longest] = ""
    messages: gw.Messages = []


texts = st.text("ab", max_size=3)
messages = st.one_of(
    st.builds(lambda n, said: {"type": "ai", "content": said, "id": f"m{n}"}, st.integers(0, 3), texts),
    st.builds(lambda n: {"type": "remove", "content": "", "id": f"m{n}"}, st.integers(0, 3)),
    st.just({"type": "remove", "content": "", "id": "__remove_all__"}),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "n": st.integers(),
    "rate": st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    "nan": st.sampled_from(["nan", "inf", 1.5]),
    "mode": st.sampled_from(["a", "b"]),
    "part": st.one_of(st.none(), st.builds(lambda n: {"size": n}, st.integers())),
    "notes": st.lists(texts, max_size=3),
    "parts": st.lists(st.builds(lambda n: {"size": n}, st.integers()), max_size=2),
    "bare": st.lists(st.one_of(st.integers(), texts), max_size=2),
    "total": st.integers(),
    "best": texts,
    "messages": st.lists(messages, max_size=3),
}
DELTAS = st.lists(st.fixed_dictionaries({}, optional=VALUES), max_size=8)
WRONG = st.sampled_from([("n", "x"), ("part", {}), ("notes", [1]), ("notes", "ab"), ("messages", [{}]), ("gone", 1)])


def in_turn(kind: StateType[Any], state: Any, deltas: list[dict[str, Any]]) -> Any:
    """What one fold after the other gives; the error where one is refused."""
    try:
        for delta in deltas:
            state = kind.fold(state, delta)
    except (StateInvalid, ValueError) as error:
        return type(error)
    return repr(state), state.model_fields_set


def at_once(kind: StateType[Any], state: Any, deltas: list[dict[str, Any]]) -> Any:
    """What they give together; the error where one is refused."""
    try:
        state = kind.fold_all(state, deltas)
    except (StateInvalid, ValueError) as error:
        return type(error)
    return repr(state), state.model_fields_set


@LAW
@given(DELTAS, DELTAS)
def test_deltas_folded_at_once_are_deltas_folded_in_turn(before, deltas):
    """Whatever was written: replaced values, appended lists, messages that replace or remove others, own reducers."""
    kind = StateType(Mixed)
    state = kind.load({})
    for delta in before:
        try:
            state = kind.fold(state, delta)
        except StateInvalid:
            break
    was = repr(state)
    assert at_once(kind, state, deltas) == in_turn(kind, state, deltas)
    assert repr(state) == was


@LAW
@given(DELTAS, WRONG, st.integers(0, 8))
def test_data_that_does_not_fit_is_refused_at_once_too(deltas, wrong, place):
    """Data that a fold refuses is refused among others, also where a later step wrote over it."""
    kind = StateType(Mixed)
    spoilt = [*deltas[:place], {wrong[0]: wrong[1]}, *deltas[place:]]
    assert at_once(kind, kind.load({}), spoilt) == in_turn(kind, kind.load({}), spoilt)


class Going(BaseModel):
    """Where a loop is."""

    n: int = 0
    fails: list[int] = []
    notes: Annotated[list[str], add] = []


class Noted(BaseModel):
    """What a step writes."""

    n: int
    notes: list[str]


@gw.compute
def go(n: int, fails: list[int]) -> Noted:
    """Adds one, or fails behind what it adds."""
    if n in fails:
        raise ValueError("as asked")
    return Noted(n=n + 1, notes=[str(n)])


@gw.compute(writes="n")
def mend(n: int) -> int:
    """Adds one after a failure."""
    return n + 1


def looping() -> gw.Flow[Going]:
    """A loop with a limit on one of its ways."""
    t = gw.fields(Going)
    often = gw.at_most(9)
    ways = [gw.failed(ValueError) >> mend, gw.when(t.n < 14, often) >> go, gw.when(t.n < 20) >> mend]
    edges = [gw.on(gw.START, go), gw.on(go, *ways, gw.End("done")), gw.on(mend, gw.when(t.n < 17) >> go, gw.End("end"))]
    return gw.Flow("looping", state=Going, edges=edges, budget=gw.Budget(steps=100))


@settings(LAW, max_examples=15)
@given(st.lists(st.integers(0, 16), max_size=4), st.integers(0, 30))
def test_a_journal_folded_at_once_is_the_journal_folded_event_by_event(fails, cut):
    """From any event on, up to any event: state, spending, counters, place, and what a retry begins with."""
    with looping().compile() as app:
        events = app.start({"fails": fails}, run_id="r").events
    singly: Standing[Any] = Standing(app.flow, "r")
    for number, event in enumerate(events):
        singly.apply(event)
        if number == min(cut, len(events) - 1):
            for begun in (0, number // 2):
                rest: Standing[Any] = Standing(app.flow, "r")
                for one in events[:begun]:
                    rest.apply(one)
                assert looked_at(rest.apply_all(events[begun : number + 1])) == looked_at(singly)
    assert looked_at(Standing(app.flow, "r").apply_all(events)) == looked_at(singly)


def test_a_step_that_does_not_fold_is_named_among_others():
    """A journal of many steps with one that does not fit says which it is, as if each was folded by itself."""
    with looping().compile() as app:
        events = app.start({}, run_id="r").events
    bad = [event._replace(body=event.body | {"delta": {"n": "x"}}) if event.number == 5 else event for event in events]
    with pytest.raises(JournalBroken, match=r"event 5 \(step\) does not fold"):
        Standing(app.flow, "r").apply_all(bad)
    gap = [event for event in events if event.number != 5]
    with pytest.raises(JournalBroken, match="event 6 follows event 4"):
        Standing(app.flow, "r").apply_all(gap)
