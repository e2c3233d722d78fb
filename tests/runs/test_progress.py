"""What a program sees of a run that stands at many places: how far it is, what is parked, its steps and decisions."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    GIVE_UP,
    START,
    Anyone,
    Call,
    Context,
    End,
    Flow,
    Item,
    Progress,
    StoreError,
    all_of,
    approval,
    ask,
    compute,
    each,
    failed,
    on,
    subflow,
    think,
    tool,
)
from guideway.testing.models import ScriptedModel


class Batch(BaseModel):
    """A list, what came of it, and words of branches."""

    rows: list[int] = []
    out: list[Item[int]] = []
    read: list[Item[Row]] = []
    word: str | None = None
    said: str | None = None


class Row(BaseModel):
    """One of them."""

    row: int = 0
    said: str | None = None


Batch.model_rebuild()


class Gates:
    """Lets a test look at a run while items work."""

    def __init__(self) -> None:
        self.inside = threading.Semaphore(0)
        self.on = threading.Semaphore(0)


@tool(effect="once", stakes="low", timeout=5.0)
def work(row: int, context: Context) -> int:
    """Row 3 fails, row 4 parks, the others wait until the test lets them go."""
    if row == 3:
        raise NotImplementedError("not today")
    if row == 4:
        raise ConnectionError("the line was cut")
    if context.deps is not None:
        context.deps.inside.release()
        context.deps.on.acquire()
    return row


@tool(effect="once", stakes="high", timeout=5.0)
def pay(row: int) -> int:
    """A person must say yes."""
    return row


@compute(writes="word")
def speak(rows: list[int]) -> str:
    """A branch's word."""
    return f"{len(rows)} rows"


person = ask("person", "Is it right?", name="person", writes="said")
done = End("done")


def items_of(node: Any, **more: Any) -> Flow[Batch]:
    """A flow that goes over the rows."""
    over = each(node, name="over", item="row", over="rows", into="out", tolerate=1.0, **more)
    return Flow("batch", state=Batch, edges=[on(START, over), on(over, done)])


def nested() -> Flow[Batch]:
    """Beside a word, a flow for every row, in which another flow asks."""
    asks = Flow("asks", state=Row, edges=[on(START, person), on(person, done)])
    inner = subflow(asks, name="inner")
    row = Flow("row", state=Row, edges=[on(START, inner), on(inner, done)])
    over = each(row, name="over", item="row", over="rows", into="read")
    meet = speak.named("meet")
    return Flow(
        "nested", state=Batch, edges=[on(START, all_of(over, speak)), on(over, meet), on(speak, meet), on(meet, done)]
    )


def test_a_run_at_one_place_has_nothing_to_tell():
    """Before anything opens, and when all is over, nothing is open and nothing is parked."""
    with Flow("plain", state=Batch, edges=[on(START, speak), on(speak, done)]).compile() as app:
        run = app.start({"rows": [1]})
        assert (run.progress, run.parked) == ((), ())
    with items_of(speak_row).compile() as app:
        assert app.start({"rows": [1, 2]}).progress == ()


@compute
def speak_row(row: int) -> int:
    """Does not fail."""
    return row


def test_progress_is_seen_from_another_app_while_items_work(tmp_path):
    """Over, failed, parked, at work and not begun are counted, by whoever reads the store."""
    gates = Gates()
    flow = items_of(work, at_once=2)
    store = str(tmp_path / "runs.db")
    with flow.compile(store=store, deps=gates) as app, flow.compile(store=store) as other:
        thread = threading.Thread(target=lambda: app.start({"rows": [3, 1, 4, 5, 6, 7, 8]}, run_id="r"))
        thread.start()
        gates.inside.acquire()
        gates.inside.acquire()  # rows 1 and 5 are at work: 3 failed and 4 is parked
        (seen,) = other.get("r").progress
        assert seen == Progress("each", "over", "1i", 7, done=0, failed=0, waiting=0, parked=2, working=2)
        assert seen.left == 3
        assert [one.branch for one in other.get("r").parked] == ["1i0", "1i2"]
        for _ in range(7):
            gates.on.release()
        thread.join()
        (seen,) = other.get("r").progress
        assert (seen.done, seen.parked, seen.left) == (5, 2, 0)


def test_what_is_inside_of_what_is_told_outermost_first():
    """A fork, the items in its branch, and the flow in each of them, each by the path of its parts."""
    with nested().compile(roles=Anyone()) as app:
        run = app.start({"rows": [1, 2]}, by="web")
        assert [(one.kind, one.name, one.path, one.total, one.done, one.waiting) for one in run.progress] == [
            ("all_of", "all_of(over, speak)", "1b", 2, 1, 1),
            ("each", "over", "1b0.1i", 2, 0, 2),
            ("subflow", "inner", "1b0.1i0.1s", 1, 0, 1),
            ("subflow", "inner", "1b0.1i1.1s", 1, 0, 1),
        ]
        app.answer(run.waiting[1], "yes", by="ann")
        assert [(one.waiting, one.working) for one in app.get(run.id).progress[1:]] == [(1, 1), (1, 0), (0, 1)]
        run = app.resume(run.id)
        assert [(one.path, one.done, one.waiting) for one in run.progress] == [
            ("1b", 1, 1), ("1b0.1i", 1, 1), ("1b0.1i0.1s", 0, 1),
        ]  # fmt: skip


def test_a_part_is_parked_when_nothing_in_it_goes_on_and_something_is_parked():
    """A branch whose items are over or parked is parked, though it is not the branch that is to be settled."""
    meet = speak.named("meet")
    over = each(work, name="over", item="row", over="rows", into="out")
    edges = [on(START, all_of(over, speak)), on(over, meet), on(speak, meet), on(meet, done)]
    with Flow("batch", state=Batch, edges=edges).compile() as app:
        run = app.start({"rows": [1, 4]})
        assert [(one.path, one.done, one.parked, one.working) for one in run.progress] == [
            ("1b", 1, 1, 0), ("1b0.1i", 1, 1, 0),
        ]  # fmt: skip
        assert [one.branch for one in run.parked] == ["1b0.1i1"]


def test_a_request_tells_its_place_and_its_item():
    """Where it is, what is around it, and which item it is about; a request of the run's own tells none."""
    with nested().compile(roles=Anyone()) as app:
        first, second = app.start({"rows": [1, 2]}, by="web").waiting
        assert (first.branch, first.within, first.item) == ("1b0.1i0.1s", ("over", "inner"), 0)
        assert (second.branch, second.item) == ("1b0.1i1.1s", 1)
        assert [item.branch for item in app.inbox()] == [first.branch, second.branch]
    with Flow("plain", state=Row, edges=[on(START, person), on(person, done)]).compile(roles=Anyone()) as app:
        (own,) = app.start({}, by="web").waiting
        assert (own.branch, own.within, own.item) == ("", (), None)


def test_what_is_parked_can_be_settled_by_what_it_says():
    """Each place tells its call, its key and its branch, and that is what settle takes."""
    with items_of(work).compile() as app:
        run = app.start({"rows": [1, 3, 4]}, run_id="r")
        first, second = run.parked
        assert (first.branch, first.node, first.reason) == ("1i1", "work", "unknown_effect")
        assert first.call == Call("work", {"row": 3})
        assert first.key
        assert second.error is not None
        assert "the line was cut" in second.error.message
        app.settle("r", first.branch, 33, by="ann")
        assert [one.branch for one in app.get("r").parked] == ["1i2"]
        app.settle("r", second.branch, GIVE_UP, by="ann")
        run = app.resume("r")
        assert run.parked == ()
        assert [item.value for item in run.state.out] == [1, 33, None]


def test_steps_of_branches_have_the_decisions_that_let_them_run():
    """At an item's gate, at a branch's head and at a run's start no step comes before: the first step has them."""
    meet = speak.named("meet")
    first = approval("lead", name="first gate", denied=done)
    head = approval("lead", name="head gate", denied=meet)
    over = each(approval("lead", name="pay gate") >> pay, name="over", item="row", over="rows", into="out")
    flow = Flow(
        "gated",
        state=Batch,
        edges=[on(START, first >> speak), on(speak, all_of(over, head >> say)), on(over, meet), on(say, meet),
               on(meet, done)],
    )  # fmt: skip
    with flow.compile(roles=Anyone()) as app:
        run = app.start({"rows": [7]}, run_id="r", by="web")
        while run.waiting:
            for request in run.waiting:
                app.approve(request, by=f"who knows the {request.gate}")
            run = app.resume("r")
    assert {(step.node, step.branch): [one["by"] for one in step.decisions] for step in run.steps} == {
        ("speak", ""): ["who knows the first gate"],
        ("pay", "1b0.1i0"): ["who knows the pay gate"],
        ("over", "1b0"): [],
        ("say", "1b1"): ["who knows the head gate"],
        ("meet", ""): [],
    }
    (item,) = [step for step in run.steps if step.entry is not None]
    assert (item.node, item.entry) == ("pay", {"index": 0, "value": 7})
    assert item.decision == item.decisions[-1]


@compute(writes="said")
def say(rows: list[int]) -> str:
    """A branch's word behind a gate."""
    return "said"


@compute(writes="word")
def breaks(rows: list[int]) -> str:
    """Fails."""
    raise LookupError("no rows")


def test_a_gate_behind_branches_that_were_left_is_not_the_fork_s():
    """The decision belongs to the step that it let run; the step before the fork keeps its edge."""
    meet, undo = speak.named("meet"), speak.named("undo")
    lead = approval("lead", name="lead gate", denied=done)
    edges = [
        on(START, speak),
        on(speak, all_of(say, breaks)),
        on(say, meet),
        on(breaks, failed() >> lead >> undo, meet),
        on(meet, done),
        on(undo, done),
    ]
    with Flow("left", state=Batch, edges=edges).compile(roles=Anyone()) as app:
        run = app.start({"rows": [1]}, run_id="r", by="web")
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
    found = {step.node: (step.edge, [one["by"] for one in step.decisions]) for step in run.steps}
    assert found["speak"] == ("speak: all_of(say, breaks)", [])
    assert found["undo"] == ("undo: done", ["ann"])


def test_an_edited_call_keeps_who_changed_it_and_who_agreed():
    """Both decisions are the step's, in order; the last is its decision."""
    over = each(approval("lead", name="pay gate") >> pay, name="over", item="row", over="rows", into="out")
    with Flow("batch", state=Batch, edges=[on(START, over), on(over, done)]).compile(roles=Anyone()) as app:
        run = app.start({"rows": [7]}, run_id="r", by="web")
        app.approve(run.waiting[0], by="ann", edits={"row": 8})
        run = app.resume("r")
        app.approve(run.waiting[0], by="bob")
        run = app.resume("r")
    step = run.steps[0]
    assert [(one["status"], one["by"]) for one in step.decisions] == [("edited", "ann"), ("approved", "bob")]
    assert step.decision is not None
    assert step.decision["by"] == "bob"
    assert step.entry == {"index": 0, "value": 8}
    assert step.branch == "1i0"


def test_events_and_steps_are_there_after_close():
    """A run is a frozen view: what nobody had looked at is read when the App closes, even of a store in memory."""
    with items_of(speak_row).compile() as app:
        started = app.start({"rows": [1, 2]}, run_id="r")
        got = app.get("r")
    assert [step.node for step in started.steps] == ["speak_row", "speak_row", "over"]
    assert started.events == got.events
    with pytest.raises(StoreError, match="closed"):
        app.get("r")


def test_a_view_ends_where_it_was_made():
    """Events of later are not in it, though they were read later."""
    flow = Flow("plain", state=Row, edges=[on(START, person), on(person, done)])
    with flow.compile(roles=Anyone()) as app:
        before = app.start({}, run_id="r", by="web")
        app.answer(before.waiting[0], "yes", by="ann")
        app.resume("r")
    assert [event.kind for event in before.events] == ["started", "asked"]


def test_a_journal_that_cannot_be_read_at_close_says_so_later(tmp_path):
    """close() does not fail over a view; who looks at it is told why there is nothing, and the way out."""
    app = items_of(speak_row).compile(store=str(tmp_path / "runs.db"))
    run = app.start({"rows": [1]}, run_id="r")
    app.store.close()
    app.close()
    with pytest.raises(StoreError, match=r"run 'r' could not be read when its App was closed .* app.get\('r'\)"):
        run.steps  # noqa: B018  # a property


def test_views_that_nobody_holds_are_not_kept():
    """An App that makes many views holds none of them."""
    with items_of(speak_row).compile() as app:
        run = app.start({"rows": [1]})
        kept = weakref.ref(run.events_of)
        del run
        gc.collect()
        assert kept() is None


@think(writes="said")
def tell(row: int) -> str:
    """Words of a branch."""
    return f"Row {row}?"


def test_streamed_events_and_words_bear_their_branch():
    """Who watches can tell the items apart, in what is committed and in what models say."""
    row = Flow("row", state=Row, edges=[on(START, tell), on(tell, done)])
    over = each(row, name="over", item="row", over="rows", into="read")
    flow = Flow("batch", state=Batch, edges=[on(START, over), on(over, done)])
    with flow.compile(models={"default": ScriptedModel(lambda prompt: f"about {prompt}")}) as app:
        events = list(app.stream({"rows": [1, 2]}))
    words = {"1i0": "", "1i1": ""}
    for event in events:
        if event.kind == "token":
            words[event.body["branch"]] += event.body["text"]
    assert words == {"1i0": "about Row 1?", "1i1": "about Row 2?"}
    assert {event.body["branch"] for event in events if event.kind == "ended" and event.body.get("branch")} == {
        "1i0", "1i1",
    }  # fmt: skip
