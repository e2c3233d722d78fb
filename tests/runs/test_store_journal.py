"""The store's journal: what is appended comes back, what cannot come back is refused, and the chain tells of change."""

from __future__ import annotations

import math
import sqlite3
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guideway.errors import JournalBroken, RunExists, RunNotFound, StateInvalid
from guideway.runs.store import Checkpoint, Draft, RequestDraft, SqliteStore, genesis, verify
from guideway.runs.store.chain import decode, encode


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    """A new store, of each kind."""
    with SqliteStore(tmp_path / "runs.db" if request.param == "file" else None) as opened:
        yield opened


@pytest.fixture
def filed(tmp_path):
    """A store in a file, with a run of three events that nobody holds."""
    with SqliteStore(tmp_path / "runs.db") as opened:
        _, lease = begin(opened)
        opened.append(lease, [Draft("step", {"n": 1}), Draft("step", {"n": 2})], release=True)
        yield opened


def begin(store, run="r1", **more):
    """A run with one event, held by this process."""
    given = {"flow": "desk", "shape": "s", "build": "b", "events": [Draft("started", {})], "hold": True}
    return store.create(run_id=run, **{**given, **more})


def other_hand(path, sql, *values):
    """Change the file behind the store's back."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(sql, values)
    connection.close()


def test_a_run_begins_with_its_events(store):
    """The row and the journal of a new run are there at once, and the creator may hold it from the same commit."""
    row, lease = begin(store, by="ann", tags=["web", "eu"])
    assert (row.id, row.flow, row.shape, row.build, row.by, row.tags) == ("r1", "desk", "s", "b", "ann", ("web", "eu"))
    assert (row.status, row.tail, row.fence) == ("running", 1, 1)
    assert lease.fence == 1
    assert lease.link == row.link == store.events("r1")[0].link
    assert row == store.run("r1") == store.run(row.rid)
    free, nothing = begin(store, "r2", hold=False)
    assert (free.status, free.holder, free.fence, nothing) == ("ready", None, 0, None)


def test_what_is_appended_comes_back(store):
    """Events are numbered without gaps, keep their order, and read back as they were returned."""
    _, lease = begin(store)
    first = store.append(lease, [Draft("step", {"a": [1, 2.5, None, "ß"]})])
    more = store.append(lease, [Draft("intent", {"b": {}}), Draft("result", {"c": True})])
    assert [event.number for event in first + more] == [2, 3, 4]
    assert store.events("r1", after=1) == first + more
    assert store.events("r1")[1].body == {"a": [1, 2.5, None, "ß"]}
    assert (lease.tail, lease.link) == (4, more[-1].link) == (store.run("r1").tail, store.run("r1").link)


def test_folding_live_and_folding_later_see_the_same_data(store):
    """What append returns is what was stored: tuples are lists, dates are text, and the caller's own dict apart."""
    _, lease = begin(store)
    body = {"pair": (1, 2), "day": date(2026, 1, 2)}
    (event,) = store.append(lease, [Draft("step", body)])
    body["pair"] = None
    assert event.body == {"pair": [1, 2], "day": "2026-01-02"} == store.events("r1")[1].body


def nested(depth):
    """Lists in lists."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, object(), "\ud800", b"\xff", nested(5_000), nested(250)],
    ids=["nan", "inf", "minus inf", "object", "surrogate", "bytes", "very deep", "deep"],
)
@pytest.mark.parametrize("count", [1, 2])
def test_what_json_cannot_give_back_is_refused(store, value, count):
    """A body that would not be read again raises, and neither it nor its neighbours are committed."""
    _, lease = begin(store)
    with pytest.raises(StateInvalid, match=r"the event 'step' holds a value that JSON cannot carry"):
        store.append(lease, [Draft("step", {"good": 1})] * (count - 1) + [Draft("step", {"x": value})])
    assert (lease.tail, store.run("r1").tail) == (1, 1)
    store.append(lease, [Draft("step", {"x": 1})])


def test_a_body_is_an_object(store):
    """A body that is a list is refused, since a journal holds objects."""
    _, lease = begin(store)
    with pytest.raises(StateInvalid, match="the event 'step' has a body that is no object"):
        store.append(lease, [Draft("step", [1])])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_comes_back_as_it_was(value):
    """Decoding what was encoded gives the value again, types and signs of zero included."""
    again = decode(encode(value, "it"))
    assert again == value
    assert repr(again) == repr(value)


def test_an_id_is_given_once(store):
    """A second run of an id is refused, and the first stays."""
    begin(store, by="ann")
    with pytest.raises(RunExists, match=r"there is a run 'r1' already. Choose another id"):
        begin(store, by="bob")
    assert store.run("r1").by == "ann"
    assert len(store.events("r1")) == 1


@pytest.mark.parametrize("run", ["", "a\nb", "\x1b[2J", "\ud800"])
def test_an_id_can_be_printed(store, run):
    """An id that is empty or would do something to a terminal is refused."""
    with pytest.raises(StateInvalid, match="cannot be a run's id"):
        begin(store, run)


def test_a_run_that_is_not_there_is_named(store):
    """Each way to a run says that there is none of that id, and where runs are listed."""
    for ask in (store.run, store.events, store.acquire, store.verify, store.checkpoint):
        with pytest.raises(RunNotFound, match=r"there is no run 'r9'. `guideway runs` lists"):
            ask("r9")
    with pytest.raises(RunNotFound, match="there is no run 'r9'"):
        store.runs(after="r9")
    with pytest.raises(StateInvalid, match="is not text that can be stored"):
        store.run("\ud800")


def test_status_and_ending_are_written_with_the_event_that_says_so(store):
    """A status brings verdict, end and error with it; the next status clears what it does not bring."""
    _, lease = begin(store)
    store.append(lease, [Draft("parked", {})], status="parked", error={"category": "bug"})
    parked = store.run("r1")
    assert (parked.status, parked.error, parked.verdict) == ("parked", {"category": "bug"}, None)
    store.append(lease, [Draft("resumed", {})], status="running", shape="s2", build="b2")
    store.append(lease, [Draft("ended", {})], status="ended", verdict="success", end="answered", release=True)
    ended = store.run("r1")
    assert (ended.status, ended.error, ended.verdict, ended.end) == ("ended", None, "success", "answered")
    assert (ended.shape, ended.build, ended.holder) == ("s2", "b2", None)
    assert ended.updated >= ended.created


def test_runs_are_listed_newest_first_in_pages(store):
    """Runs are filtered by status, flow and tags, and a page goes on after the last run of the one before."""
    for number in range(7):
        begin(store, f"r{number}", flow="a" if number % 2 else "b", tags=["odd", "x"] if number % 2 else ["x"])
    pages, after = [], None
    while page := store.runs(limit=3, after=after):
        pages.append([row.id for row in page])
        after = page[-1].id
    assert pages == [["r6", "r5", "r4"], ["r3", "r2", "r1"], ["r0"]]
    assert [row.id for row in store.runs(flow="a", tags=["x", "odd"])] == ["r5", "r3", "r1"]
    assert store.runs(status="ended") == []
    assert len(store.runs(status="running", tags=["x"])) == 7


def test_manifests_and_checkpoints_are_kept(store):
    """The first manifest of a version stays; of checkpoints the last one, and only its own run's and namespace's."""
    store.put_manifest("s", "b", {"nodes": [1]})
    store.put_manifest("s", "b", {"nodes": [2]})
    assert store.manifest("s", "b") == {"nodes": [1]}
    assert store.manifest("s", "c") is None
    _, lease = begin(store)
    store.append(lease, [Draft("step", {})], checkpoint=Checkpoint(b"one", b"w"))
    store.append(lease, [], checkpoint=Checkpoint(b"inner", ns="sub"))
    store.release(lease, checkpoint=Checkpoint(None, b"more"))
    assert store.checkpoint("r1") == Checkpoint(b"one", b"more")
    assert store.checkpoint("r1", "sub") == Checkpoint(b"inner", None, "sub")
    assert store.checkpoint("r1", "other") is None


def test_a_lost_lease_leaves_no_checkpoint(store):
    """Letting go a lease that somebody took over is silent, and what it brings is not kept."""
    _, lease = begin(store)
    store.cancel("r1", Draft("cancelled", {}))
    store.release(lease, checkpoint=Checkpoint(b"late"))
    assert store.checkpoint("r1") is None


CHANGES = {
    "a payload": ("update events set body = replace(body, '1', '3') where key = ?", 2),
    "a space in a payload": ("update events set body = body || ' ' where key = ?", 2),
    "a kind": ("update events set kind = 'settled' where key = ?", 2),
    "a time": ("update events set at = at + 1 where key = ?", 2),
    "a link": ("update events set link = zeroblob(32) where key = ?", 2),
    "a place": ("update events set key = key + 2 where key = ?", 2),
    "a cut": ("delete from events where key = ?", 2),
    "an emptied payload": ("update events set body = null where key = ?", 2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_chain_tells_of_a_change(filed, change):
    """A payload, kind, time, link or place that was changed, and an event that was cut out, is found by its number."""
    assert filed.verify("r1") is None
    sql, number = CHANGES[change]
    other_hand(filed.path, sql, filed.run("r1").rid << 32 | number)
    assert filed.verify("r1") == number


def test_journals_of_two_runs_cannot_be_exchanged(filed):
    """A journal fits the run that it was written for and no other, though every link in it fits the one before."""
    begin(filed, "r2")
    assert verify("r1", filed.events("r1")) is None
    assert verify("r2", filed.events("r1")) == 1
    assert genesis("r1") != genesis("r2")


def test_the_chain_holds_without_an_erased_payload(filed):
    """A payload that retention erased is stood for by its digest: the chain fits, and the event reads as empty."""
    key = filed.run("r1").rid << 32 | 2
    connection = sqlite3.connect(filed.path)
    connection.create_function("sha256", 1, lambda text: __import__("hashlib").sha256(text.encode()).digest())
    with connection:
        connection.execute("update events set erased = sha256(body), body = null where key = ?", (key,))
    connection.close()
    assert filed.verify("r1") is None
    assert verify("r1", filed.events("r1")) is None
    assert filed.events("r1")[1].body == {}


BREAKS = {
    "no json": ("update events set body = '{oops' where key = ?", "event 2 of run number 1 cannot be read"),
    "nan": ("""update events set body = '{"x":NaN}' where key = ?""", "event 2 of run number 1 cannot be read"),
    "no object": ("update events set body = '[]' where key = ?", "it is not an object"),
    "no unicode": ("update events set body = cast(x'ff' as text) where key = ?", "event 2 of run number 1 cannot be"),
    "no unicode in a kind": (
        "update events set kind = cast(x'ff' as text) where key = ?",
        "the store's file is damaged",
    ),
    "no payload": ("update events set body = null where key = ?", "it has no payload"),
    "a gap": ("delete from events where key = ?", r"event 2 of run number 1 cannot be read \(it is missing\)"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_row_that_does_not_decode_is_named(filed, kind):
    """An event that cannot be read stops everything that reads it, with the row's name and the way out."""
    sql, says = BREAKS[kind]
    key = filed.run("r1").rid << 32 | 2
    other_hand(filed.path, sql, key)
    with pytest.raises(JournalBroken, match=says) as caught:
        filed.events("r1")
    assert filed.path in str(caught.value)
    assert caught.value.data.get("row") in {f"events {key}", None}


def test_other_rows_that_do_not_decode_are_named(filed):
    """A run, a holder, a request and a manifest that cannot be read are named in the same way."""
    lease = filed.acquire("r1")
    filed.append(lease, [Draft("asked", {})], open_requests=[RequestDraft("q1", "lead", "d", {})])
    filed.put_manifest("s", "b", {})
    for sql, ask, row in (
        ("update requests set body = '{'", filed.requests, "requests q1"),
        ("update manifests set data = '{'", lambda: filed.manifest("s", "b"), "manifests s b"),
        ("update runs set tags = '['", filed.runs, "runs 1"),
        ("update runs set tags = '[]', holder = '{}'", lambda: filed.acquire("r1"), "runs 1"),
        ("update runs set holder = null, error = '{'", filed.runs, "runs 1"),
    ):
        other_hand(filed.path, sql)
        with pytest.raises(JournalBroken, match="cannot be read") as caught:
            ask()
        assert caught.value.data["row"] == row
