"""Lists: runs by status, flow and tags, and requests by role, page by page; the command line's faces of the same."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from guideway import START, Anyone, Budget, End, Flow, approval, ask, compute, on
from guideway.errors import ConfigError, DecisionRefused, RequestNotFound, RunNotFound

done, late = End("done"), End("late", verdict="partial")


class Note(BaseModel):
    text: str = ""


class Other(BaseModel):
    number: int = 1


@compute(writes="text")
def print_it(text: str) -> str:
    """Something harmless that is approved."""
    return text + "!"


def desk(name="desk", within="1h", state=Note):
    """A flow that asks a lead before it prints."""
    lead = approval("lead", within=within, denied=late, expired=late)
    return Flow(name, state=state, edges=[on(START, lead >> print_it), on(print_it, done)], budget=Budget(steps=3))


@pytest.fixture
def app(tmp_path):
    """An App with seven runs that wait, named r0 to r6."""
    with desk().compile(store=tmp_path / "runs.db", roles=Anyone()) as app:
        for number in range(7):
            tags = [f"n{number % 2}", *(["vip", "a tag, with 'signs'"] if number in (2, 4) else [])]
            app.start({}, run_id=f"r{number}", by="web", tags=tags)
        yield app


def ids(found):
    """The ids of what was listed."""
    return [item.id for item in found]


def test_runs_are_listed_newest_first_page_by_page(app):
    """after= is the last run of the page before; pages join without a gap, and the last one is short."""
    first = app.runs(limit=3)
    second = app.runs(limit=3, after=first[-1].id)
    third = app.runs(limit=3, after=second[-1].id)
    assert [ids(page) for page in (first, second, third)] == [["r6", "r5", "r4"], ["r3", "r2", "r1"], ["r0"]]
    assert app.runs(after="r0") == []


def test_pages_stay_as_they_were_when_runs_start_and_move(app):
    """Runs that start after the first page was read, and runs whose status changes, shift nothing."""
    first = app.runs(limit=3)
    app.start({}, run_id="new", by="web")
    app.cancel("r4", by="ann")
    assert ids(app.runs(limit=3, after=first[-1].id)) == ["r3", "r2", "r1"]
    waiting = app.runs("waiting", limit=2, after="r4")  # which does not wait any more itself
    assert ids(waiting) == ["r3", "r2"]


def test_a_run_has_all_the_tags_that_are_asked_for(app):
    """Tags are whole words, and all of them must be there, together with the status."""
    assert ids(app.runs(tags=["vip"])) == ["r4", "r2"]
    assert ids(app.runs(tags=("vip", "n0", "a tag, with 'signs'"))) == ["r4", "r2"]
    assert app.runs(tags=["vip", "n1"]) == app.runs(tags=["vi"]) == []
    assert ids(app.runs(tags=iter(["n1"]), limit=2)) == ["r5", "r3"]
    assert len(app.runs(tags=[])) == 7
    app.cancel("r4", by="ann")
    assert ids(app.runs("cancelled", tags=["vip"])) == ["r4"]
    assert app.get("r2").tags == ("n0", "vip", "a tag, with 'signs'")


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        ({"after": "r9"}, RunNotFound, "there is no run 'r9' to list what comes after it. Give the id of the last run"),
        ({"status": "done"}, ConfigError, "there is no status 'done': ready, running"),
        ({"tags": "vip"}, ConfigError, r"tags='vip' is one text, .* write tags=\['vip'\]"),
        ({"limit": 0}, ConfigError, "limit=0 lists nothing"),
        ({"limit": -1}, ConfigError, "limit=-1 lists nothing"),
    ],
)
def test_what_cannot_be_listed_is_said(app, wrong, kind, says):
    """An unknown run, a status that is none, a text for tags and a limit that lists nothing are errors."""
    with pytest.raises(kind, match=says):
        app.runs(**wrong)


def test_tags_are_a_list_where_a_run_starts(app):
    """A text that would become one tag a letter is refused, and no run is made."""
    with pytest.raises(ConfigError, match=r"tags='vip' is one text, .* write tags=\['vip'\]"):
        app.start({}, run_id="new", by="web", tags="vip")
    with pytest.raises(ConfigError, match="the tag None is no text: tags= is a list of words"):
        app.start({}, run_id="new", by="web", tags=["vip", None])
    with pytest.raises(RunNotFound, match="'new'"):
        app.get("new")


def test_runs_of_another_flow(app, tmp_path):
    """By default an App lists its own runs; those of another flow it lists when it can read their state."""
    same = desk("same")
    other = Flow("other", state=Other, edges=[on(START, bump), on(bump, done)], budget=Budget(steps=3))
    path = tmp_path / "runs.db"
    with same.compile(store=path, roles=Anyone()) as second, other.compile(store=path) as third:
        second.start({}, run_id="s", by="web")
        third.start({}, run_id="o", by="web")
        assert len(app.runs()) == 7
        assert ids(app.runs(flow="same")) == ["s"]
        assert app.runs(flow="nobody") == []
        with pytest.raises(ConfigError, match=r"'o' is of flow 'other', whose state is not that of 'desk': .*--flow"):
            app.runs(flow="other")


@compute(writes="number")
def bump(number: int) -> int:
    """Something else."""
    return number + 1


def test_the_inbox_is_listed_page_by_page(app, tmp_path):
    """What expires first is in front; after= is the last request of the page before, decided meanwhile or not."""
    with desk("sooner", "10m").compile(store=app.store.path, roles=Anyone()) as sooner:
        sooner.start({}, run_id="s", by="web")
        assert ids(sooner.inbox()) == ["s.1"]
    first = app.inbox(limit=3)
    assert ids(first) == ["r0.1", "r1.1", "r2.1"]
    app.approve(first[-1], by="ann")
    assert ids(app.inbox(limit=3, after="r2.1")) == ["r3.1", "r4.1", "r5.1"]
    assert ids(app.inbox("lead", after="r5.1")) == ["r6.1"]
    assert app.inbox("nobody") == app.inbox(after="r6.1") == []
    assert len(app.inbox()) == 6
    with pytest.raises(RequestNotFound, match="there is no request 'r9.1'"):
        app.inbox(after="r9.1")
    with pytest.raises(ConfigError, match="limit=0 lists nothing"):
        app.inbox(limit=0)


def test_requests_without_an_end_come_last_and_are_paged_too(tmp_path):
    """Requests that never expire stand behind those that do, in their order, across pages."""
    question = ask("lead", "What now?", name="question", writes="text")
    flow = Flow("asks", state=Note, edges=[on(START, question), on(question, done)], budget=Budget(steps=3))
    with flow.compile(store=tmp_path / "runs.db", roles=Anyone()) as app:
        for name in "abcd":
            app.start({}, run_id=name, by="web")
        assert ids(app.inbox(limit=2)) == ["a.1", "b.1"]
        assert ids(app.inbox(limit=9, after="b.1")) == ["c.1", "d.1"]
        with pytest.raises(DecisionRefused, match="it asks for an answer"):
            app.approve("a.1", by="ann")


def test_the_command_line_lists_the_same(app, tmp_path, capsys, monkeypatch):
    """`guideway runs` takes --status, --tag, --limit and --after, and says how the next page is asked for."""
    from guideway.cli.program import run

    monkeypatch.chdir(tmp_path)

    def listed(*more):
        assert run(["runs", "--store", "runs.db", "--json", *more]) == 0
        return [row["id"] for row in json.loads(capsys.readouterr().out)]

    assert listed("--limit", "2") == ["r6", "r5"]
    assert listed("--limit", "2", "--after", "r5") == ["r4", "r3"]
    assert listed("--tag", "vip", "--tag", "n0") == ["r4", "r2"]
    assert listed("--status", "cancelled") == []
    assert listed("--flow", "nobody") == []
    assert run(["runs", "--store", "runs.db", "--limit", "2"]) == 0
    assert "the next page: --after r5" in capsys.readouterr().out
    assert run(["runs", "--store", "runs.db", "--after", "r1"]) == 0
    assert "the next page" not in capsys.readouterr().out
    assert run(["runs", "--store", "runs.db", "--after", "r9"]) == 1
    assert "there is no run 'r9' to list what comes after it" in capsys.readouterr().err
    assert run(["runs", "--store", "runs.db", "--limit", "0"]) == 2
    assert "--limit" in capsys.readouterr().err
