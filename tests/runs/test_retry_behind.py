"""A retry of a step that had written when what came behind it failed: the step is done anew, and writes once."""

from __future__ import annotations

import operator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from guideway import START, Anyone, Context, End, Flow, all_of, compute, each, exists, fields, on, policy, subflow, tool
from tests.cli.test_places import agree


class Tour(BaseModel):
    """What is written: a list that merges, and a field that a step reads and writes."""

    trail: Annotated[list[str], operator.add] = []
    n: int = 0
    paid: str | None = None
    met: str | None = None
    words: list[str] = ["a"]
    found: list[Any] = []


class World:
    """What goes wrong at first, and what was done."""

    def __init__(self) -> None:
        self.well = False
        self.paid: list[str] = []


WORLD = World()


class Counted(BaseModel):
    """What ``count`` writes."""

    trail: list[str]
    n: int


@compute
def count(n: int) -> Counted:
    """Merges into a list, and counts up what it reads itself."""
    return Counted(trail=[f"count {n}"], n=n + 1)


@tool(effect="once", stakes="low", timeout=5.0, writes="trail")
def pay(n: int, context: Context) -> list[str]:
    """An effect whose result is merged into a list."""
    WORLD.paid.append(context.key)
    return [f"paid {n}"]


@compute(writes="trail")
def aside() -> list[str]:
    """Stands beside."""
    return ["aside"]


@compute(writes="met")
def meet() -> str | None:
    """Where branches meet; it gives something once all is well."""
    return "met" if WORLD.well else None


def rule(n: int) -> str | None:
    """A rule that raises until all is well."""
    if not WORLD.well:
        raise RuntimeError("no answer")
    return None


t = fields(Tour)
done, no = End("done", succeeds_if=exists(t.met)), End("no", verdict="escalated")


def plain(step: Any) -> Flow[Tour]:
    """A step, a rule behind it, an end."""
    return Flow(
        "plain", state=Tour, edges=[on(START, step), on(step, policy(rule, violated=no) >> meet), on(meet, done)]
    )


def branched(step: Any) -> Flow[Tour]:
    """The same in a branch."""
    edges = [
        on(START, all_of(step, aside)),
        on(step, policy(rule, violated=meet) >> meet),
        on(aside, meet),
        on(meet, done),
    ]
    return Flow("branched", state=Tour, edges=edges)


def inside(step: Any) -> Flow[Tour]:
    """The same in a flow inside."""
    sub = subflow(plain(step), name="sub")
    return Flow("inside", state=Tour, edges=[on(START, sub), on(sub, done)])


def ended(step: Any) -> Flow[Tour]:
    """Nothing raises, and the end is not met."""
    return Flow("ended", state=Tour, edges=[on(START, step), on(step, meet), on(meet, done)])


@pytest.mark.parametrize("step", [count, pay])
@pytest.mark.parametrize("made", [plain, branched, inside, ended])
def test_a_retry_writes_once(made, step):
    """However often what stands behind a step fails, its write is in the state once, and its effect happened once."""
    WORLD.__init__()  # type: ignore[misc]  # the world begins anew
    with made(step).compile(roles=Anyone()) as app:
        run = app.start({}, run_id="r", by="web")
        for _ in range(2):
            assert (run.status, run.verdict) == ("ended", "failed")
            run = app.retry("r", by="ann")
        WORLD.well = True
        run = app.retry("r", by="ann")
        assert (run.verdict, run.error) == ("success", None)
        wanted = ["count 0"] if step is count else ["paid 0"]
        assert run.state.trail == wanted + (["aside"] if made is branched else [])
        assert run.state.n == (1 if step is count else 0)
        assert len(WORLD.paid) == (step is pay)
        agree(app, "r")


def test_an_item_whose_flow_failed_behind_a_step_writes_once():
    """The same in the flow of an item: its value holds what it wrote, once."""
    WORLD.__init__()  # type: ignore[misc]  # the world begins anew
    works = each(plain(count), name="works", item="met", over="words", into="found", reads={})
    flow = Flow("items", state=Tour, edges=[on(START, works), on(works, End("over"))])
    with flow.compile(roles=Anyone()) as app:
        run = app.start({}, run_id="r", by="web")
        assert run.verdict == "failed"
        WORLD.well = True
        run = app.retry("r", by="ann")
        assert (run.verdict, run.state.found[0]["value"]["trail"]) == ("success", ["count 0"])
