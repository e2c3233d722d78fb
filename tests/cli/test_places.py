"""Where a run stands, told from its events alone: the same as what is told with the flow at hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from guideway import GIVE_UP, NOT_DONE, Anyone
from guideway.cli.inside import inside
from guideway.cli.places import Places
from guideway.runs.progress import in_order, progress_of, unsettled_of
from guideway.runs.standing import Standing
from guideway.testing.models import ScriptedModel
from tests.runs.test_wide_laws import by_app
from tests.runs.wide_flows import blocks, wide
from tests.torture.wide import WIDE
from tests.torture.world import World

from . import wides

MEASURES = ("kind", "name", "path", "done", "failed", "waiting", "parked", "working")


def hold(flow: Any, events: list[Any], *, sizes: bool = True) -> int:
    """Holds both ways together at every event; gives how often the run was inside of something."""
    standing: Standing[Any] = Standing(flow, "r")
    places = Places(flow.manifest())
    often = 0
    for event in events:
        standing.apply(event)
        places.take(event)
        told, known = inside(places), progress_of(standing)
        assert [[getattr(one, name) for name in MEASURES] for one in told] == [
            [getattr(one, name) for name in MEASURES] for one in known
        ], event
        assert [one.total for one in told] == [one.total for one in known] or not sizes, event
        assert set(places.spots) == set(standing.branches), event
        assert [spot.path for spot in places.parked()] == [one.branch for one in unsettled_of(standing)], event
        assert places.steps == standing.steps, event
        often += bool(told)
    assert places.root.plain.keys() <= standing.state.model_dump().keys()
    dumped = flow.type.dump(standing.state)
    assert {name: dumped[name] for name in places.root.plain} == places.root.plain
    return often


def agree(app: Any, run: str) -> None:
    """Holds both ways together over the whole journal of a run of an App."""
    hold(app.flow, list(app.store.events(run)), sizes=False)


def driven(name: str, folder: Any) -> tuple[Any, list[Any]]:
    """A tortured flow, and the events of its run from start to end."""
    scenario = WIDE[name]
    flow = scenario.flow()
    model = ScriptedModel(lambda prompt: f"so much about {prompt[:20]}")
    with flow.compile(deps=World(folder), roles=Anyone(), models={"default": model}) as app:
        run = app.start(scenario.given, run_id="r", by="web")
        for _ in range(20):
            if run.status == "ended":
                break
            for request in run.waiting:
                verdict = scenario.decides(request)
                if request.kind == "answer":
                    app.answer(request, scenario.answer, by="ann")
                elif verdict == "approve":
                    app.approve(request, by="ann")
                elif verdict == "deny":
                    app.deny(request, by="ann")
            run = app.resume("r")
    assert run.status == "ended"
    return flow, run.events


@pytest.mark.parametrize("name", sorted(WIDE))
def test_events_alone_tell_where_a_run_stands(name, tmp_path):
    """After every event of every tortured flow the store's readers and the App see the same places and counts."""
    assert hold(*driven(name, tmp_path)) > 5


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(blocks(2))
def test_events_alone_tell_where_a_random_run_stands(block):
    """The same for flows that nobody wrote."""
    flow = wide(block)
    hold(flow, by_app(flow, 2)[1], sizes=False)


def test_a_retry_opens_the_same_places(tmp_path):
    """A retry goes back into branches, items and flows inside that were over, and both ways know which."""
    app = wides.fragile(str(tmp_path / "runs.db"))
    app.start({"rows": [1, 2, 3]}, run_id="r", by="web")
    (tmp_path / "mended").touch()
    run = app.retry("r", by="ann")
    app.close()
    assert run.verdict == "success"
    assert hold(app.flow, run.events) > 20


def test_what_was_parked_and_given_up_is_counted_the_same(tmp_path):
    """Items that park, are settled, and are given up."""
    app = wides.ships(str(tmp_path / "runs.db"))
    parked = app.start({"rows": [3, 4, 13, 23]}, run_id="r", by="web").parked
    for one, result in zip(parked, (3, GIVE_UP, NOT_DONE), strict=True):
        app.settle("r", one.branch, result, by="ann")
    app.resume("r")
    assert hold(app.flow, app.get("r").events) > 5
    app.close()


def test_places_have_names_with_their_paths(tmp_path):
    """Each place is called by what is around it, its own path in parentheses."""
    with wides.fragile(str(tmp_path / "runs.db")) as app:
        run = app.start({"rows": [1]}, by="web")
    places = Places(app.flow.manifest()).take_all(run.events)
    assert places.label("1b0") == "branch reads (1b0)"
    assert places.label("1b0.1i0") == "branch reads, item 0 of reads (1b0.1i0)"
    assert places.label("1b1.1s") == "branch inner, inside inner (1b1.1s)"
    assert places.label("9i9") == "branch (9i9)"
    assert places.label("") == ""


def test_places_are_sorted_as_people_count():
    """Item 9 comes before item 10."""
    assert sorted(["5i10", "5i9", "5i9.2b1", ""], key=in_order) == ["", "5i9", "5i9.2b1", "5i10"]


def test_what_opens_after_a_retry_has_the_same_paths(tmp_path):
    """A step that is tried again is the same step, so the items behind it are those of the second."""
    with wides.later(str(tmp_path / "runs.db")) as app:
        app.start({"rows": [1, 2]}, run_id="r", by="web")
        (tmp_path / "mended").touch()
        run = app.retry("r", by="ann")
    assert [step.branch for step in run.steps] == ["", "", "2i0", "2i1", ""]
    assert hold(app.flow, run.events) > 2


def test_one_yes_of_two_is_not_enough(tmp_path):
    """An item that needs two people waits until both said yes."""
    with wides.pays_by_two(str(tmp_path / "runs.db")) as app:
        run = app.start({"rows": [1, 2]}, run_id="r", by="web")
        app.approve(run.waiting[0], by="ann")
        one = app.get("r").events
        app.approve(run.waiting[0], by="bob")
        two = app.get("r").events
        hold(app.flow, two)
    for events, waiting in ((one, 2), (two, 1)):
        (found,) = inside(Places(app.flow.manifest()).take_all(events))
        assert found.waiting == waiting
