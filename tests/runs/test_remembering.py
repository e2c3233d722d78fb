"""A run that one process takes again and again: folded on from where it stood, as if from the start."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from operator import add
from typing import Annotated, Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, example, given, settings
from pydantic import BaseModel, SecretStr

import guideway as gw
from guideway.errors import JournalBroken
from guideway.runs import remembering
from guideway.runs.remembering import Remembered
from guideway.runs.standing import Standing, versions_of
from tests.runs.test_promises_laws import looked_at
from tests.runs.test_wide_laws import ALL, compiled, decide
from tests.runs.wide_flows import blocks, wide


class Notes(BaseModel):
    """What grows at each wait."""

    n: int = 0
    last: int = 6
    notes: Annotated[list[str], add] = []


class Closed(Notes):
    """The same with a secret."""

    token: SecretStr = SecretStr("")


class Noted(BaseModel):
    """What a step writes."""

    n: int
    notes: list[str]


@gw.compute
def note(n: int) -> Noted:
    """Appends a text."""
    return Noted(n=n + 1, notes=[f"note {n}"])


def gated(state: type[Notes] = Notes) -> gw.Flow[Any]:
    """A loop that asks a person before each further step."""
    t = gw.fields(state)
    done = gw.End("done")
    lead = gw.approval("lead", denied=done)
    edges = [gw.on(gw.START, note), gw.on(note, gw.when(t.n <= t.last) >> lead >> note, done)]
    return gw.Flow("gated", state=state, edges=edges, budget=gw.Budget(steps=50))


def watched(monkeypatch: Any) -> list[int]:
    """Compares each standing that was remembered with the fold of the whole journal; gives their tails."""
    tails: list[int] = []
    goes_on = Remembered.goes_on

    def compared(self: Any, store: Any, lease: Any) -> Any:
        kept = self._kept.get(lease.run)
        standing = goes_on(self, store, lease)
        if standing is not None:
            fresh: Standing[Any] = Standing(standing.flow, lease.run, standing.keys, versions_of(store))
            assert looked_at(standing) == looked_at(fresh.apply_all(store.events(lease.run)))
            assert standing is kept[0]
            assert lease.run not in self._kept
            tails.append(standing.tail)
        return standing

    monkeypatch.setattr(Remembered, "goes_on", compared)
    return tails


def taken(app: Any, run: Any, times: int) -> Any:
    """Approves and resumes so often."""
    for _ in range(times):
        app.approve(run.waiting[0], by="ann")
        run = app.resume(run.id)
    return run


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@example(ALL)
@given(blocks(2))
def test_what_is_remembered_is_the_fold_of_the_journal(block):
    """Over random flows with branches, items and flows inside, at each resume."""
    with pytest.MonkeyPatch.context() as patch, compiled(wide(block)) as app:
        watched(patch)
        run = app.start({}, run_id="r", by="web")
        while run.status != "ended":
            decide(app, run, 1)
            run = app.resume("r")


def test_only_what_came_since_is_folded_from_the_third_time_on(tmp_path, monkeypatch):
    """Most runs are taken once, and cost no copy; one that waits often is folded on, and ends as any other."""
    tails = watched(monkeypatch)
    with gated().compile(store=tmp_path / "runs.db", roles=gw.Anyone()) as app:
        run = app.start({}, by="web")
        run = taken(app, run, 2)
        assert not tails
        run = taken(app, run, 4)
        assert len(tails) == 4
        assert tails == sorted(set(tails))
        assert (run.verdict, run.spent.steps) == ("success", 7)
        assert run.state.notes == [f"note {n}" for n in range(7)]


def test_what_a_caller_does_to_a_view_changes_no_run(tmp_path, monkeypatch):
    """The state, the requests and the events of a view are the caller's own: nothing of them is remembered."""
    tails = watched(monkeypatch)
    with gated().compile(store=tmp_path / "runs.db", roles=gw.Anyone()) as app:
        run = app.start({}, by="web")
        for _ in range(5):
            run.state.notes.append("not written")
            for event in run.events:
                event.body.clear()
            run = taken(app, run, 1)
        assert len(tails) == 3
        run = taken(app, run, 1)
    assert run.state.notes == [f"note {n}" for n in range(7)]


def test_it_is_believed_only_with_the_link_that_the_journal_has(tmp_path):
    """A journal with another link at that event, or without it, is folded from its start."""
    with gated().compile(store=tmp_path / "runs.db", roles=gw.Anyone()) as app:
        run = taken(app, app.start({}, by="web"), 2)
        kept = app._engine.remembered._kept
        standing, link = kept[run.id]
        store = app._engine.store
        assert store.since(run.id, standing.tail, link) == store.events(run.id, standing.tail)
        assert store.since(run.id, standing.tail, b"x" * 32) is None
        assert store.since(run.id, standing.tail + 100, link) is None
        standing.state.notes.append("never written")
        kept[run.id] = standing, b"x" * 32
        run = taken(app, run, 4)
    assert run.state.notes == [f"note {n}" for n in range(7)]


def test_damage_before_what_is_remembered_leads_nowhere_wrong(tmp_path):
    """It goes on from what it verified; whoever reads the journal is told."""
    path = tmp_path / "runs.db"
    with gated().compile(store=path, roles=gw.Anyone()) as app:
        run = taken(app, app.start({}, by="web"), 3)
        with closing(sqlite3.connect(path)) as other, other:
            changed = other.execute("update events set body = replace(body, 'note 0', 'note X') where kind = 'step'")
            assert changed.rowcount
        run = taken(app, run, 1)
        assert run.state.notes == [f"note {n}" for n in range(5)]
        with pytest.raises(JournalBroken, match="it was changed"):
            app.get(run.id)
        assert app._engine.store.verify(run.id) == 2
    with gated().compile(store=path, roles=gw.Anyone()) as app, pytest.raises(JournalBroken, match="it was changed"):
        app.resume(run.id)


def test_an_app_in_between_is_seen(tmp_path, monkeypatch):
    """What another App of the same store did to the run meanwhile is folded on top."""
    tails = watched(monkeypatch)
    store = tmp_path / "runs.db"
    with gated().compile(store=store, roles=gw.Anyone()) as app:
        run = taken(app, app.start({}, by="web"), 2)
        with gated().compile(store=store, roles=gw.Anyone()) as other:
            run = taken(other, run, 2)
        run = taken(app, run, 2)
    assert len(tails) == 2
    assert (run.verdict, run.state.notes) == ("success", [f"note {n}" for n in range(7)])


def test_a_run_with_secrets_is_not_kept(tmp_path):
    """Its secrets are in clear in a standing, which lives only while it is driven."""
    with gated(Closed).compile(store=tmp_path / "runs.db", roles=gw.Anyone(), key=Fernet.generate_key()) as app:
        run = taken(app, app.start({"token": "a long secret"}, by="web"), 3)
        assert run.status == "waiting"
        assert not app._engine.remembered._kept


def test_what_is_kept_is_bounded(tmp_path, monkeypatch):
    """The oldest are forgotten when all journals together have more events; they are folded from the start."""
    monkeypatch.setattr(remembering, "EVENTS", 30)
    with gated().compile(store=tmp_path / "runs.db", roles=gw.Anyone()) as app:
        runs = [taken(app, app.start({}, by="web"), 2) for _ in range(4)]
        remembered = app._engine.remembered
        assert 1 <= len(remembered._kept) < 4
        assert remembered._events == sum(one.tail for one, _ in remembered._kept.values()) <= 30
        assert all(taken(app, run, 4).verdict == "success" for run in runs)
        assert remembered._events == sum(one.tail for one, _ in remembered._kept.values()) <= 30


def test_a_run_that_is_looked_at_is_read_once(tmp_path, monkeypatch):
    """Its steps come from what was read for its state; of many views only the last has its events at hand."""
    read: list[Any] = []
    with gated().compile(store=tmp_path / "runs.db", roles=gw.Anyone()) as app:
        ids = [taken(app, app.start({}, by="web"), 2).id for _ in range(2)]
        events = app._engine.store.events
        monkeypatch.setattr(app._engine.store, "events", lambda run, after=0: read.append(run) or events(run, after))
        found = app.get(ids[0])
        assert [step.update["n"] for step in found.steps] == [1, 2, 3]
        assert read == ids[:1]
        first, last = (app.get(run) for run in ids)
        assert [len(run.steps) for run in (last, first)] == [3, 3]
        assert len(read) == 4
        assert found.events == first.events
        again = app.get(ids[0])
        app.approve(again.waiting[0], by="ann")
        assert len(app.resume(ids[0]).steps) == 4
        assert len(again.steps) == 3
