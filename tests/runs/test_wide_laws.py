"""Laws over random flows with branches, items and flows inside: what they come to, who drives them, how they fold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from guideway import Anyone
from guideway.runs.ids import system_user
from tests.house import examples
from tests.runs.test_promises_laws import folds_as_lived, timeless
from tests.runs.wide_flows import Fork, Inner, Items, Step, blocks, came_to, expected, says_yes, wide

LAW = settings(max_examples=examples(30), suppress_health_check=list(HealthCheck))
FORKED = Fork(
    ((Step("gate"), Step("mark")), (Items("list3", None, 2, gated=True),), (Inner((Step("ask"),), odd_end=True),))
)
LISTED = Items("list3", (Fork(((Step("ask"),), (Step("loop"), Step("gate")))),), 2, gated=False)
FAILING = Fork(((Step("fails"),), (Fork(((Step("mark"),), (Step("gate"),))),)))
ALL = (FORKED, LISTED, Inner((FAILING, Items("list0", None, 1, gated=False)), odd_end=False))
"""One of everything, in each other."""


def decide(app: Any, run: Any, at_once: int) -> None:
    """Decides some of what is asked, by what is asked alone; not always the first first."""
    for request in sorted(run.waiting, key=lambda item: sum(map(ord, item.id)))[:at_once]:
        if request.kind == "answer":
            app.answer(request, [f"answer to {request.node}"], by="ann")
        elif says_yes(request.gate):
            app.approve(request, by="ann")
        else:
            app.deny(request, by="ann")


def compiled(flow: Any, store: Any = None) -> Any:
    """An app; what the checks think of a drawn flow is not what is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guideway.runs.app.refuse_errors", lambda flow: None)
        return flow.compile(roles=Anyone(), store=store)


def by_app(flow: Any, at_once: int) -> Any:
    """A run that App drives, with all branches side by side."""
    with compiled(flow) as app:
        run = app.start({}, run_id="r", by=system_user())
        for _ in range(200):
            if run.status == "ended":
                break
            assert run.status == "waiting", (run.status, run.error)
            assert run.waiting
            decide(app, run, at_once)
            run = app.resume("r")
        return run, run.events


def by_graph(flow: Any, at_once: int) -> Any:
    """A run that a foreign caller of the graph drives, one task a step and one branch at a time."""
    with compiled(flow) as app:
        config = {"configurable": {"thread_id": "r"}, "recursion_limit": 10_000}
        app.graph.invoke({"x": 0}, config)
        for _ in range(200):
            run = app.get("r")
            if run.status == "ended":
                break
            assert run.waiting
            decide(app, run, at_once)
            app.graph.invoke(None, config)
        return app.get("r"), app.get("r").events


def by_branch(events: list[Any]) -> dict[str, list[Any]]:
    """A journal as each branch sees it: between branches there is no order to keep, within each there is."""
    told: dict[str, list[Any]] = {}
    for event in events:
        path = event.body.get("branch", "")
        if event.kind in ("decided", "expired"):
            path = f"about {event.body['request']}"
        told.setdefault(path, []).append((event.kind, timeless(event.body)))
    return told


@LAW
@example(ALL, 1)
@example(ALL, 3)
@given(blocks(2), st.integers(1, 3))
def test_a_run_comes_to_what_its_words_say(block, at_once):
    """However branches are woven, the state is what the block says: merged in the order of heads and items."""
    run, _ = by_app(wide(block), at_once)
    assert run.status == "ended"
    assert run.error is None
    assert came_to(run.state) == {name: value for name, value in expected(block).items() if name != "end"}


@LAW
@example(ALL, 1)
@given(blocks(2), st.integers(1, 3))
def test_app_and_a_foreign_caller_leave_the_same_journal_of_every_branch(block, at_once):
    """Side by side in stretches, or one task a step: every branch has the same events, in the same order."""
    mine, theirs = by_app(wide(block), 9), by_graph(wide(block), 9)
    assert by_branch(mine[1]) == by_branch(theirs[1])
    assert mine[0].state == theirs[0].state


@settings(LAW, max_examples=examples(15))
@example(ALL)
@given(blocks(2))
def test_a_fold_is_what_was_live(block):
    """For every prefix of the journal, the standing folded from the store is the standing that drove the run then."""
    flow = wide(block)

    def live() -> Any:
        with compiled(flow) as app:
            run = app.start({}, run_id="r", by="web")
            while run.status != "ended":
                decide(app, run, 2)
                run = app.resume("r")
            return app, run.events

    assert folds_as_lived(pytest.MonkeyPatch(), live) >= 3
