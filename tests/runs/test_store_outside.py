"""Changes from outside of a run's driver: decisions, cancels, settlements; and what they make of the driver."""

from __future__ import annotations

import threading

import pytest

from guideway.errors import DecisionRefused, LeaseLost, RequestNotFound, RunNotReady, StoreError
from guideway.runs.store import Change, Draft, Effect, EffectTaken, RequestDraft, SqliteStore, TailMoved
from tests.runs.processes import Process

NOW = 1_000_000.0
DECIDED = Draft("decided", {"by": "ann"})


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    """A new store, of each kind, whose clock stands at NOW."""
    with SqliteStore(tmp_path / "runs.db" if request.param == "file" else None, clock=lambda: NOW) as opened:
        yield opened


def begin(store, run="r1"):
    """A run with one event, held by this process."""
    return store.create(run_id=run, flow="desk", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]


def ask(store, lease, request="q1", *, due=None, role="lead", **more):
    """Ask a request, as a driver does that then waits and lets go."""
    draft = RequestDraft(request, role, "digest", {"question": "pay?"}, due)
    given = {"status": "waiting", "release": True, **more}
    return store.append(lease, [Draft("asked", {"request": request})], open_requests=[draft], **given)


def test_a_decision_wakes_the_run_that_waits(store):
    """The request's new status, the event and the run's new status are there together."""
    ask(store, begin(store))
    request, event = store.decide("q1", DECIDED, status="approved", digest="digest")
    assert (request.status, event.kind, event.number) == ("approved", "decided", 3)
    assert store.run("r1").status == "ready"
    assert store.events("r1")[-1] == event
    assert store.requests() == []
    assert store.requests(status="approved") == [request] == store.requests(status=None)
    lease = store.acquire("r1")
    store.append(lease, [Draft("gate", {})], status="running", request_status={"q1": "consumed"})
    assert store.request("q1").status == "consumed"


def test_a_request_is_consumed_once(store):
    """Consuming what is not decided, or was consumed, is refused whole; so is another run's request."""
    lease = begin(store)
    ask(store, lease, release=False)
    consume = {"request_status": {"q1": "consumed"}}
    with pytest.raises(DecisionRefused, match="request 'q1' of run 'r1' is open: it cannot become consumed"):
        store.append(lease, [Draft("gate", {})], **consume)
    store.decide("q1", DECIDED, status="denied")
    other = begin(store, "r2")
    with pytest.raises(RequestNotFound, match="there is no request 'q1'"):
        store.append(other, [Draft("gate", {})], **consume)
    with pytest.raises(TailMoved, match="1 events were appended by others"):
        store.append(lease, [Draft("gate", {})], **consume)
    store.append(lease, [Draft("gate", {})], **consume)
    with pytest.raises(DecisionRefused, match="is consumed: it cannot become consumed") as caught:
        store.append(lease, [Draft("gate", {})], **consume)
    assert caught.value.data["reason"] == "consumed"
    assert [event.kind for event in store.events("r1")] == ["started", "asked", "decided", "gate"]


def test_what_others_appended_comes_to_the_driver(store):
    """A driver that does not know the last event commits nothing, gets what is new, and goes on after it."""
    lease = begin(store)
    ask(store, lease, status=None, release=False)
    for change in ({}, {"status": "waiting"}):
        store.append_outside("r1", lambda run, events, asked: Change([Draft("noted", {"by": "ann"})]))
        with pytest.raises(TailMoved, match="1 events were appended") as caught:
            store.append(lease, [Draft("step", {})], **change)
        assert [event.body for event in caught.value.events] == [{"by": "ann"}]
        assert caught.value.events[-1].link == lease.link
        (event,) = store.append(lease, [Draft("step", {})], **change)
        assert event.number == caught.value.events[-1].number + 1
    assert store.verify("r1") is None


def test_a_decision_about_a_run_that_works_leaves_it_working(store):
    """A run whose other branch works stays running, and its driver hears of the decision at its next commit."""
    lease = begin(store)
    ask(store, lease, status=None, release=False)
    store.decide("q1", DECIDED, status="approved")
    assert store.run("r1").status == "running"
    with pytest.raises(TailMoved, match="appended by others"):
        store.append(lease, [Draft("step", {})])


def refused(store, reason, says, **more):
    """A decision is refused for a reason, and leaves everything as it was."""
    before = (store.run("r1"), store.request("q1"))
    with pytest.raises(DecisionRefused, match=says) as caught:
        store.decide("q1", DECIDED, **{"status": "approved", **more})
    assert caught.value.data["reason"] == reason
    assert (store.run("r1"), store.request("q1")) == before


def test_decisions_that_do_not_count(store):
    """A wrong digest, a late yes, an early expiry, a second decision: each refused with its reason, nothing written."""
    ask(store, begin(store), due=NOW + 10)
    refused(store, "digest", "what was seen is not what is asked now", digest="another")
    refused(store, "early", "its time is not over", status="expired")
    store._clock = lambda: NOW + 10
    refused(store, "late", "its time is over")
    assert [row.id for row in store.due(NOW + 10)] == ["q1"]
    assert store.due(NOW + 9) == []
    store.decide("q1", Draft("expired", {}), status="expired")
    refused(store, "expired", "request 'q1' of run 'r1' is expired: only what is open can be decided so")
    with pytest.raises(RequestNotFound, match=r"there is no request 'q9'. `guideway inbox`"):
        store.decide("q9", DECIDED, status="approved")


def test_a_guard_looks_inside_the_transaction(store):
    """A guard sees the run, the request and the whole journal; what it raises refuses the decision."""
    ask(store, begin(store))

    def starter_may_not(run, request, journal):
        assert (run.id, request.id, [event.kind for event in journal()]) == ("r1", "q1", ["started", "asked"])
        assert store.run("r1") == run, "the store may be asked meanwhile"
        raise DecisionRefused("ann started this run", reason="starter")

    refused(store, "starter", "ann started this run", guard=starter_may_not)


def test_a_quorum_keeps_the_request_open(store):
    """A guard that says how many yeses there are decides whether this one opens the gate; two at once count as two."""
    ask(store, begin(store))

    def two(run, request, journal):
        return "open" if sum(event.kind == "decided" for event in journal()) < 1 else None

    assert store.decide("q1", DECIDED, status="approved", guard=two)[0].status == "open"
    assert store.run("r1").status == "waiting"
    assert store.decide("q1", DECIDED, status="approved", guard=two)[0].status == "approved"
    assert store.run("r1").status == "ready"


def test_a_decision_can_be_taken_back(store):
    """What was approved and not yet consumed can be denied, by naming the status that is expected."""
    ask(store, begin(store))
    store.decide("q1", DECIDED, status="approved")
    assert store.decide("q1", DECIDED, status="denied", expect="approved")[0].status == "denied"


def test_cancel_ends_everything(store):
    """A cancelled run asks nobody, its driver commits nothing more and hears why, and nothing is decided about it."""
    lease = begin(store)
    ask(store, lease, release=False)
    event = store.cancel("r1", Draft("cancelled", {"by": "ann"}))
    row = store.run("r1")
    assert (row.status, row.holder, row.tail, event.number) == ("cancelled", None, 3, 3)
    assert store.request("q1").status == "withdrawn"
    with pytest.raises(LeaseLost, match=r"run 'r1': it is cancelled now. Nothing was committed") as caught:
        store.append(lease, [Draft("step", {})])
    assert caught.value.data["status"] == "cancelled"
    refused(store, "withdrawn", "is withdrawn")
    with pytest.raises(RunNotReady, match="run 'r1' is cancelled"):
        store.cancel("r1", Draft("cancelled", {}))


def test_a_guard_can_refuse_a_cancel(store):
    """What a guard raises leaves the run as it was, and its driver at work."""
    lease = begin(store)

    def no(run, events):
        raise RunNotReady(f"{run.id} has {len(events)} events", run=run.id)

    with pytest.raises(RunNotReady, match="r1 has 1 events"):
        store.cancel("r1", Draft("cancelled", {}), guard=no)
    store.append(lease, [Draft("step", {})])


def test_a_run_that_ends_asks_nobody(store):
    """What an ended run still asked is withdrawn with its end."""
    lease = begin(store)
    ask(store, lease, release=False)
    store.append(lease, [Draft("ended", {})], status="ended")
    assert store.request("q1").status == "withdrawn"


def test_a_change_from_outside_is_whole(store):
    """A settlement changes journal, status and requests together, or, when its builder raises, nothing."""
    lease = begin(store)
    store.append(lease, [Draft("parked", {})], status="parked", error={"why": "unknown"}, release=True)

    def settle(run, events, asked):
        assert (run.status, len(events), asked) == ("parked", 2, [])
        return Change([Draft("settled", {"by": "ann"})], status="ready")

    def no(run, events, asked):
        raise RunNotReady("not so", run=run.id)

    with pytest.raises(RunNotReady, match="not so"):
        store.append_outside("r1", no)
    assert store.append_outside("r1", settle)[0].number == 3
    assert (store.run("r1").status, store.run("r1").error) == ("ready", None)


def test_requests_are_listed_by_urgency(store):
    """Open requests come by their time, then by age; role and run narrow them."""
    for number, due in enumerate([None, NOW + 9, NOW + 5, None]):
        ask(store, begin(store, f"r{number}"), f"q{number}", due=due, role="lead" if number else "boss")
    assert [row.id for row in store.requests()] == ["q2", "q1", "q0", "q3"]
    assert [row.id for row in store.requests(role="boss")] == ["q0"]
    assert [row.id for row in store.requests(run="r3", role="lead")] == ["q3"]
    assert store.requests(run="r9") == []


def test_a_business_key_is_claimed_once(store):
    """The key is claimed with the intent; a second claim, of any run, commits nothing and says who has it."""
    lease, other = begin(store), begin(store, "r2")
    assert store.effect("pay:17") is None
    store.append(lease, [Draft("step", {}), Draft("intent", {})], effects=[Effect("pay:17", "intent", place=1)])
    for who in (lease, other):
        with pytest.raises(EffectTaken, match="the key 'pay:17' was used by run 'r1'") as caught:
            store.append(who, [Draft("intent", {})], effects=[Effect("pay:17", "intent")])
        row = caught.value.row
        assert (row.run, row.number, row.status, row.result) == ("r1", 3, "intent", None)
    assert store.run("r2").tail == 1
    store.append(lease, [Draft("result", {})], effects=[Effect("pay:17", "done", {"id": "R1"})])
    found = store.effect("pay:17")
    assert found is not None
    assert (found.status, found.result, found.number) == ("done", {"id": "R1"}, 3)


def test_a_key_whose_effect_did_not_happen_is_free_again(store):
    """not_done frees the key for anyone; a run can settle only what it claimed."""
    lease, other = begin(store), begin(store, "r2")
    store.append(lease, [Draft("intent", {})], effects=[Effect("pay:17", "intent")])
    for status in ("done", "unknown", "not_done"):
        with pytest.raises(StoreError, match="the effect 'pay:17' is not held by this run"):
            store.append(other, [Draft("result", {})], effects=[Effect("pay:17", status)])
    store.append(lease, [Draft("result", {})], effects=[Effect("pay:17", "not_done")])
    store.append(other, [Draft("intent", {})], effects=[Effect("pay:17", "intent")])
    assert store.effect("pay:17").run == "r2"


def test_of_many_threads_one_decides(store):
    """Threads that decide one request at once: exactly one is recorded, the others are told that they were late."""
    ask(store, begin(store))
    start, ends = threading.Barrier(6), []

    def decide(number):
        start.wait()
        try:
            store.decide("q1", Draft("decided", {"by": number}), status="approved")
            ends.append("won")
        except DecisionRefused as error:
            ends.append(error.data["reason"])

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["approved"] * 5 + ["won"]
    assert [event.kind for event in store.events("r1")] == ["started", "asked", "decided"]


RACES = """
store = SqliteStore(path)
tell("ready")
while (request := hear()) != "end":
    try:
        store.decide(request, Draft("decided", {"by": words[0]}), status=words[1], digest="digest")
        tell("won")
    except DecisionRefused as error:
        tell(error.data["reason"])
"""


def test_of_two_processes_one_decides(tmp_path):
    """Two processes that approve and deny one request at once, 40 times: one wins each, and the journal agrees."""
    path = tmp_path / "runs.db"
    with (
        SqliteStore(path) as store,
        Process(RACES, path, "ann", "approved") as ann,
        Process(RACES, path, "bob", "denied") as bob,
    ):
        for number in range(40):
            ask(store, begin(store, f"r{number}"), f"q{number}")
        assert (ann.hear(), bob.hear()) == ("ready", "ready")
        for number in range(40):
            for one in (ann, bob) if number % 2 else (bob, ann):
                one.tell(f"q{number}")
            won, by = {"ann": ann.hear(), "bob": bob.hear()}, store.events(f"r{number}")[-1].body["by"]
            status = store.request(f"q{number}").status
            assert won == {"ann": status, "bob": status, by: "won"}
            assert store.run(f"r{number}").tail == 3
        ann.tell("end")
        bob.tell("end")
        assert (ann.end(), bob.end()) == (0, 0)
