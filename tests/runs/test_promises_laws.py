"""Laws over random flows: who drives does not matter, and a fold of the journal is what was live."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields as fields_of
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from guideway import (
    START,
    Anyone,
    Budget,
    End,
    Failure,
    Flow,
    Refusal,
    approval,
    at_most,
    compute,
    failed,
    fields,
    on,
    when,
)
from guideway.runs.branches import Branch
from guideway.runs.ids import system_user
from guideway.runs.standing import Standing
from tests.runs.desks import desk
from tests.torture.flows import SCENARIOS


def appended(old: list[str], new: list[str]) -> list[str]:
    """A reducer."""
    return [*old, *new]


class Box(BaseModel):
    x: int = 0
    y: float = 0.5
    trail: Annotated[list[str], appended] = []


class Moved(BaseModel):
    x: int
    y: float
    trail: list[str]


def node(place: int, step: int, fails_at: int | None) -> Any:
    """A node that counts up, leaves a mark, and fails at some values."""

    @compute(name=f"n{place}")
    def move(x: int, y: float, failure: Failure | None, refusal: Refusal | None) -> Moved:
        if fails_at is not None and x % 4 == fails_at:
            raise LookupError(f"{x} is no good")
        why = failure.category if failure else refusal.kind if refusal else "-"
        return Moved(x=x + step, y=y / 2 + x, trail=[f"n{place} at {x}, {why}"])

    return move


EDGES = st.tuples(
    st.sampled_from(["x", "y", "limit", "shared", "failed", "gate", "rule"]), st.integers(0, 4), st.integers(-1, 6)
)
"""A guard, where the edge leads (4 is the end), and the number in its guard."""
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([None, None, 1, 3]), st.lists(EDGES, max_size=4), st.integers(0, 4)),
    min_size=4, max_size=4,
)  # fmt: skip
"""For each of four nodes: its step, where it fails, its guarded edges, and where it leads otherwise."""


def made(rows: list[Any]) -> Flow[Box]:
    """A flow from drawn rows; every cycle is bounded by the budget."""
    t = fields(Box)
    nodes = [node(place, step, fails) for place, (step, fails, _, _) in enumerate(rows)]
    end = End("end", succeeds_if=t.x > 2)
    targets = [*nodes, end]
    shared = at_most(3, name="shared")

    def edge(place: int, number: int, kind: str, target: int, n: int) -> Any:
        name = f"{place}.{number}"
        guard: dict[str, Any] = {
            "x": lambda: when(t.x < n),
            "y": lambda: when(t.y >= n, t.x != n),
            "limit": lambda: at_most(max(1, n), name=f"limit {name}"),
            "shared": lambda: when(t.x > n) >> shared,
            "failed": lambda: failed(LookupError) if n % 2 else failed("bug"),
            "gate": lambda: approval(f"role{n}", name=f"gate {name}", denied=end, unless=t.x > 3),
            "rule": lambda: when(t.x > 1) >> approval(f"role{n}", name=f"rule {name}", denied=nodes[0]),
        }
        return guard[kind]() >> targets[target]

    edges = [on(START, nodes[0])]
    for place, (_, _, guarded, otherwise) in enumerate(rows):
        edges.append(on(nodes[place], *[edge(place, n, *item) for n, item in enumerate(guarded)], targets[otherwise]))
    return Flow("drawn", state=Box, edges=edges, budget=Budget(steps=25), on_failure=End("broken", verdict="escalated"))


def decide(app: Any, run: Any) -> None:
    """Says yes to most of what is asked; by the request alone, so that two runs hear the same."""
    for request in run.waiting:
        (app.deny if request.id.endswith(("3", "7")) else app.approve)(request, by="ann")


def timeless(data: Any) -> Any:
    """A journalled body without its times."""
    if isinstance(data, dict):
        return {
            name: timeless(item) for name, item in data.items() if name not in ("at", "asked", "due", "seconds", "when")
        }
    return [timeless(item) for item in data] if isinstance(data, list) else data


def compiled(flow: Flow[Box]) -> Any:
    """An app in memory; what the checks think of a drawn flow is not what is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guideway.runs.app.refuse_errors", lambda flow: None)
        return flow.compile(roles=Anyone())


def by_app(flow: Flow[Box]) -> list[Any]:
    """The journal of a run that App drives, stretch by stretch."""
    with compiled(flow) as app:
        run = app.start({}, run_id="r", by=system_user())
        for _ in range(40):
            if run.status == "ended":
                break
            decide(app, run)
            run = app.resume("r")
        return [(event.kind, timeless(event.body)) for event in run.events]


def by_graph(flow: Flow[Box]) -> list[Any]:
    """The journal of a run that a foreign caller of the graph drives, one task a step."""
    with compiled(flow) as app:
        config = {"configurable": {"thread_id": "r"}}
        app.graph.invoke({"x": 0}, config)
        for _ in range(40):
            if app.get("r").status == "ended":
                break
            decide(app, app.get("r"))
            app.graph.invoke(None, config)
        return [(event.kind, timeless(event.body)) for event in app.get("r").events]


LAW = settings(max_examples=40, suppress_health_check=list(HealthCheck))
CIRCLE = [(1, None, [("gate", 1, 9)], 1), (1, 3, [("failed", 0, 1)], 2), (0, None, [], 3), (1, None, [("x", 0, 6)], 4)]


@LAW
@example(CIRCLE)
@given(ROWS)
def test_app_and_a_foreign_caller_leave_the_same_journal(rows):
    """Whether App drives in stretches or a stranger calls the graph step by step: kinds and bodies are the same."""
    flow = made(rows)
    assert by_graph(flow) == by_app(flow)


@pytest.mark.torture
@settings(LAW, max_examples=1500)
@given(ROWS)
def test_app_and_a_foreign_caller_leave_the_same_journal_in_many_flows(rows):
    """The same law over many more flows."""
    flow = made(rows)
    assert by_graph(flow) == by_app(flow)


def looked_at(standing: Standing[Any]) -> dict[str, Any]:
    """All that a standing says, apart from it; an item that is about to begin says nothing yet."""
    hidden = {"_ahead", "_versions", "keys", "kind", "flow", "root", "branches", "dropped"}
    own = {name: deepcopy(getattr(standing, name)) for name in Standing.__slots__ if name not in hidden}
    begun = [one for one in standing.branches.values() if not (one.of_item and not one.calls and not one.requests)]
    return own | {"branches": {one.path: looked_at_branch(one) for one in begun}, "dropped": sorted(standing.dropped)}


def looked_at_branch(branch: Branch) -> dict[str, Any]:
    """All that a branch says, apart from it."""
    hidden = {"frame", "parent", "region", "children", "failed"}
    own = {item.name: deepcopy(getattr(branch, item.name)) for item in fields_of(branch) if item.name not in hidden}
    frame = branch.frame
    return own | {
        "frame": (frame.flow.name, deepcopy(frame.counters), frame.spent, frame.out),
        "parent": branch.parent and branch.parent.path,
        "region": branch.region and branch.region.fork,
        "failed": sorted(branch.failed),
    }


def folds_as_lived(monkeypatch: Any, live: Any) -> int:
    """Compare every standing that was live with the fold of the journal up to there; gives how many there were."""
    seen: list[tuple[int, dict[str, Any]]] = []
    apply = Standing.apply

    def watched(self: Standing[Any], event: Any) -> None:
        apply(self, event)
        seen.append((event.number, looked_at(self)))

    with monkeypatch.context() as patch:
        patch.setattr(Standing, "apply", watched)
        app, events = live()
    prefix = Standing(app.flow, "r")
    folded: dict[int, dict[str, Any]] = {}
    for event in events:
        prefix.apply(event)
        folded[event.number] = looked_at(prefix)
    assert len({number for number, _ in seen}) == len(events)
    for number, was in seen:
        assert was == folded[number], f"after event {number}"
    return len(seen)


@settings(LAW, max_examples=25)
@example(CIRCLE)
@given(ROWS)
def test_a_fold_is_what_was_live(rows):
    """For every prefix of the journal, the standing folded from the store is the standing that drove the run then."""
    flow = made(rows)

    def live() -> Any:
        with compiled(flow) as app:
            run = app.start({}, run_id="r", by="web")
            for _ in range(40):
                if run.status == "ended":
                    break
                decide(app, run)
                run = app.resume("r")
            return app, run.events

    assert folds_as_lived(pytest.MonkeyPatch(), live) >= 3


@pytest.mark.parametrize("scenario", ["first_page", "loop", "agent", "rules_asked", "budget"])
def test_a_fold_is_what_was_live_with_calls_and_people(tmp_path, monkeypatch, scenario):
    """The same for runs that call models and tools, wait, and are decided about."""

    def live() -> Any:
        with desk(tmp_path, scenario) as app:
            run = app.start(SCENARIOS[scenario].given, run_id="r", by="web")
            while run.status != "ended":
                for request in run.waiting:
                    if request.kind == "answer":
                        app.answer(request, "yes", by="ann")
                    else:
                        app.approve(request, by="ann")
                run = app.resume("r")
            return app, run.events

    assert folds_as_lived(monkeypatch, live) > 5
