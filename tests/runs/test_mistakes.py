"""What a new user gives wrong to a run, or to compile, is told at once or fails as what it is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Anyone,
    ConfigError,
    DecisionRefused,
    End,
    Flow,
    FlowError,
    Item,
    approval,
    ask,
    compute,
    each,
    failed,
    on,
    tool,
)


class Loose(BaseModel):
    words: Any
    found: list[Item[str]] = []


@compute(writes="words")
def say(word: str) -> str:
    """Says it."""
    return word


says = each(say, name="says", item="word", over="words", into="found")
loose = Flow(
    "loose",
    state=Loose,
    edges=[on(START, says), on(says, failed("invalid_input") >> End("no list", verdict="failed"), End("done"))],
)


@pytest.mark.parametrize("words", ["abc", {"a": 1}, 5], ids=["str", "dict", "int"])
def test_what_is_no_list_fails_as_an_invalid_input(words: Any):
    """No item is begun of a text's letters or a dict's keys, where no annotation told before."""
    with loose.compile() as app:
        run = app.start({"words": words})
        assert (run.end, run.state.found, len(run.steps)) == ("no list", [], 1)
        error = run.steps[0].error
        assert error is not None
        assert error.category == "invalid_input"
        assert error.message == f"each 'says': 'words' holds no list but a {type(words).__name__}"


@pytest.mark.parametrize(("words", "said"), [(["a", "b"], ["a", "b"]), ([], []), (None, [])])
def test_lists_are_gone_over(words: Any, said: list[str]):
    """A list, an empty one and None are what they were."""
    with loose.compile() as app:
        run = app.start({"words": words})
        assert (run.end, [item.value for item in run.state.found]) == ("done", said)


@tool(effect="none", stakes="high", timeout=5.0, writes="said")
def pay(word: str) -> str:
    """Pays."""
    return word


class Bill(BaseModel):
    word: str = "17"
    said: str = ""


stopped = End("stopped", verdict="escalated")
clerk = ask("clerk", "Which?", name="clerk", writes="word")
bills = Flow(
    "bills",
    state=Bill,
    edges=[on(START, clerk), on(clerk, approval("lead", denied=stopped) >> pay), on(pay, End("paid"))],
)
WRONG: Any = 5


def test_a_store_is_a_path():
    """A number is told as what it is, before a store is made."""
    with pytest.raises(ConfigError, match=r"store=5 \(int\) is no file's path: write store='runs\.db'") as refused:
        bills.compile(store=WRONG)
    assert (refused.value.where or "").startswith("test_mistakes.py:")


def test_notify_is_called():
    """What cannot be called is refused at once, not when somebody should be told."""
    with pytest.raises(ConfigError, match=r"notify=5 \(int\) cannot be called: give a function of one Request"):
        bills.compile(notify=WRONG)


def test_a_picture_is_drawn_to_a_path():
    """A number is no path to draw to."""
    with pytest.raises(FlowError, match=r"draw\(5\): int is no file's path; write draw\('desk\.svg'\)"):
        bills.draw(WRONG)


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ({"lead": 5}, r"roles=\{'lead': 5\} is no set of names: write \{'lead': \{\"ann\"\}\}"),
        ({"lead": "ann"}, r"roles=\{'lead': 'ann'\} names one text"),
        (5, r"roles=5 must be a mapping such as"),
    ],
)
def test_roles_that_are_none_are_refused(roles: Any, told: str):
    """Roles of a wrong form are told at once, with the author's line."""
    with pytest.raises(ConfigError, match=told) as refused:
        bills.compile(roles=roles)
    assert (refused.value.where or "").startswith("test_mistakes.py:")


def test_roles_that_nobody_holds_are_warned_of(caplog: pytest.LogCaptureFixture):
    """A misspelt role stays a no for everybody, and the log names those that the flow asks of."""
    with caplog.at_level("WARNING", logger="guideway"), bills.compile(roles={"boss": {"ann"}, "lead": set()}) as app:
        (warning,) = caplog.records
        assert warning.name == "guideway"
        assert warning.getMessage() == (
            "flow 'bills' asks 'clerk', 'lead', and roles= names nobody for it: nobody can decide. "
            "Write roles={'clerk': {...}}; it has: 'boss', 'lead'"
        )
        request = app.start({}, by="web").waiting[0]
        with pytest.raises(DecisionRefused, match="clerk"):
            app.answer(request, "18", by="ann")


def anybody(role: str, name: str) -> bool:
    """A callable that gives every role to everybody."""
    return True


def test_of_roles_that_somebody_holds_nothing_is_said(caplog: pytest.LogCaptureFixture):
    """A whole mapping, a callable and Anyone() are no mistake, and in memory anybody decides without roles."""
    whole = {"lead": {"ann"}, "clerk": {"bob"}}
    with caplog.at_level("WARNING", logger="guideway"):
        for roles in (whole, anybody, Anyone(), None):
            bills.compile(roles=roles).close()
    assert not caplog.records
    with bills.compile() as app:
        request = app.start({}, by="web").waiting[0]
        app.answer(request, "18", by="whoever")
        assert not app.inbox("clerk")
