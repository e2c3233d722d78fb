"""A run in which nothing goes on says so, whatever came in between: it waits, or it is parked."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import NOT_DONE, START, Anyone, End, Flow, Item, approval, each, on, tool


class Post(BaseModel):
    """Letters, and what came of each."""

    letters: list[str] = ["a", "b", "c"]
    sent: list[Item[str]] = []


@tool(effect="once", stakes="high", timeout=5.0)
def send(letter: str) -> str:
    """One letter; nobody knows what became of the second."""
    if letter == "b":
        raise ConnectionError("cut")
    return letter


def post(store: Path) -> Any:
    """An app whose items each ask, and of which one parks."""
    sends = each(approval("lead") >> send, name="sends", item="letter", over="letters", into="sent", tolerate=1.0)
    flow = Flow("post", state=Post, edges=[on(START, sends), on(sends, End("done"))], accepts={"F601": "settled here"})
    return flow.compile(store=store, roles=Anyone())


def status(store: Path, new: str | None = None) -> str:
    """The stored status of the only run; with another one in its place, as a crash before the last commit leaves it."""
    with sqlite3.connect(store) as connection:
        if new is not None:
            connection.execute("update runs set status = ?", (new,))
        return str(connection.execute("select status from runs").fetchone()[0])


@pytest.mark.parametrize("left", ["running", "ready"])
@pytest.mark.parametrize(("approved", "rests"), [(("a",), "waiting"), (("a", "b"), "parked"), (("b",), "parked")])
def test_a_run_whose_driver_died_before_it_could_say_that_it_rests(tmp_path, left, approved, rests):
    """Resumed, it does nothing and says that it waits, or is parked; and goes on when it is decided or settled."""
    store = tmp_path / "runs.db"
    with post(store) as app:
        run = app.start({}, by="web")
        for request in run.waiting:
            if request.call.arguments["letter"] in approved:
                app.approve(request, by="ann")
        assert app.resume(run.id).status == rests
    status(store, left)
    with post(store) as app:
        before = len(app.get(run.id).events)
        run = app.resume(run.id)
        assert (run.status, status(store), len(run.events)) == (rests, rests, before)
        if rests == "parked":
            app.settle(run.id, None, NOT_DONE, by="ann", note="not posted")
            assert app.resume(run.id).status in ("waiting", "parked")


def test_a_foreign_caller_settles_it_too(tmp_path):
    """A caller of the graph that finds nothing to do leaves the run as what it is."""
    store = tmp_path / "runs.db"
    with post(store) as app:
        run = app.start({}, by="web")
    status(store, "running")
    with post(store) as app:
        app.graph.invoke(None, {"configurable": {"thread_id": run.id}})
        assert status(store) == "waiting"
