"""Who may decide, when, about what, and how often: deny by default, and each decision counts once."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest

from guideway import START, Anyone, Budget, End, Flow, approval, ask, exists, fields, on
from guideway.errors import DecisionRefused, RequestNotFound, RunBusy, RunNotReady
from guideway.runs.store import genesis
from guideway.runs.store.chain import seal
from tests.runs.desks import begun, desk, done, opened
from tests.runs.processes import Process
from tests.torture.flows import SCENARIOS, Claim, escalation, explain, pay

ROLES = {"lead": {"ann", "bea", "Zoë"}, "manager": {"max"}}

PLAY = """
    from pathlib import Path
    from tests.runs.desks import desk
    folder, what, who = words
    with desk(Path(folder)) as app:
        tell("ready")
        hear()
        try:
            if what == "resume":
                tell(app.resume("r").status)
            else:
                getattr(app, what)("r.1", by=who)
                tell("done")
        except GuidewayError as error:
            tell(type(error).__name__, error.data.get("holder"))
"""


def refused(reason: str, call: Callable[..., Any], *args: Any, **options: Any) -> None:
    """The decision is refused for this reason, and the error says so."""
    with pytest.raises(DecisionRefused, match=".") as caught:
        call(*args, **options)
    assert caught.value.data["reason"] == reason, caught.value


def race(folder: Any, *plays: tuple[str, str]) -> list[str]:
    """Processes that all act at one moment, and what each came to."""
    processes = [Process(PLAY, folder / "runs.db", folder, *play) for play in plays]
    for process in processes:
        assert process.hear() == "ready"
    for process in processes:
        process.tell()
    answers = [process.hear() for process in processes]
    for process in processes:
        assert process.end() == 0
    return answers


# races


def test_four_processes_decide_and_one_wins(tmp_path):
    """Approvals and denials from several processes at once: exactly one counts, the others are refused."""
    with desk(tmp_path) as app:
        begun(app)
        plays = [("approve", "ann"), ("deny", "bea"), ("approve", "cy"), ("deny", "dee")]
        answers = race(tmp_path, *plays)
        assert sorted(answers) == ["DecisionRefused None"] * 3 + ["done"]
        decided = [event.body for event in app.get("r").events if event.kind == "decided"]
        assert [(body["status"], body["by"]) for body in decided] == [
            ("approved" if play == "approve" else "denied", who)
            for (play, who), answer in zip(plays, answers, strict=True)
            if answer == "done"
        ]
        assert app.resume("r").verdict == "success"
        assert len(done(tmp_path)) == (decided[0]["status"] == "approved")


def test_two_processes_resume_and_it_is_paid_once(tmp_path):
    """Two resumes of one approved run: each ends it or names the holder, and it is paid once."""
    with desk(tmp_path) as app:
        app.approve(begun(app).waiting[0], by="ann")
        answers = race(tmp_path, *[("resume", "-")] * 3)
        assert {answer.split(" pid ")[0].split("@")[0] for answer in answers} <= {"ended", "RunBusy root"}
        assert "ended" in answers
        assert app.get("r").verdict == "success"
        assert done(tmp_path) == ["pay_back\t17"]


def test_a_resume_beside_a_driver_is_busy_and_names_it(tmp_path):
    """While a driver works, a second resume is refused with the holder's name, in threads as in processes."""
    with desk(tmp_path) as app, desk(tmp_path) as other:
        app.approve(begun(app).waiting[0], by="ann")
        lease = app.store.acquire("r")
        with pytest.raises(RunBusy, match="pid") as caught:
            other.resume("r")
        assert caught.value.data["holder"] == app.store.run("r").holder
        assert race(tmp_path, ("resume", "-"))[0].startswith("RunBusy")
        app.store.release(lease)
        assert other.resume("r").verdict == "success"
        assert done(tmp_path) == ["pay_back\t17"]


def test_threads_that_approve_and_resume_pay_once(tmp_path):
    """Eight threads approve and resume one run through one App: it is paid once."""
    with desk(tmp_path) as app:
        request = begun(app).waiting[0]
        start = threading.Barrier(8)
        wins: list[str] = []

        def play(name: str) -> None:
            start.wait()
            try:
                app.approve(request, by=name)
                wins.append(name)
            except DecisionRefused:
                pass
            with suppress(RunBusy):
                app.resume("r")

        threads = [threading.Thread(target=play, args=(f"person {n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wins) == 1
        assert app.resume("r").verdict == "success"
        assert done(tmp_path) == ["pay_back\t17"]


def test_a_decision_that_comes_while_the_run_is_about_to_wait_is_not_slept_over(tmp_path):
    """A second request is decided while the driver finishes the first: the run goes on, instead of waiting for ever."""
    with desk(tmp_path, "agent") as app:
        run = begun(app, "agent")
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
        first, second = run.waiting[:2]
        app.deny(first, by="max")

        def before_waiting(when: str, kinds: str) -> None:
            if when == "after" and kinds.startswith(("gate", "result")):
                app.store.hook = None
                with desk(tmp_path, "agent") as other:
                    other.approve(second, by="ann")

        app.store.hook = before_waiting
        run = app.resume("r")
        for _ in range(4):
            for request in run.waiting:
                if request.kind == "answer":
                    app.answer(request, "yes", by="customer")
                else:
                    app.deny(request, by="ann")
            run = app.resume("r")
        assert run.verdict == "success"
        assert done(tmp_path) == ["refund\t30 to a-1", "refund\t40 to a-1"]


# who


def test_the_starter_may_not_approve(tmp_path):
    """Whoever started the run may not decide about it, however the name is written."""
    with desk(tmp_path) as app:
        request = begun(app).waiting[0]
        for name in ("web", " Web ", "WEB", "\uff57\uff45\uff42", "we\u200bb", "w\u00adeb"):
            refused("starter", app.approve, request, by=name)
            refused("starter", app.deny, request, by=name)
        assert app.get("r").status == "waiting"


def test_only_the_role_may_decide(tmp_path):
    """A name without the role is refused: also one that only looks like a name that has it, and an empty one."""
    with desk(tmp_path, roles=ROLES) as app:
        request = begun(app).waiting[0]
        for name in ("max", "eve", "\u0430nn", "an", "ann,bea", "*", "lead"):
            refused("role", app.approve, request, by=name)
        for name in ("", "  ", "\u200b"):
            refused("name", app.approve, request, by=name)
        refused("name", app.approve, request, by=None)
        app.approve(request, by="ZOE\u0308")
        assert app.resume("r").verdict == "success"


def test_a_role_that_nobody_defined_passes_nobody(tmp_path):
    """Roles that do not name the gate's role let nobody decide; so does a callable that says anything but True."""
    with desk(tmp_path, roles={"manager": {"max"}}) as app:
        refused("role", app.approve, begun(app).waiting[0], by="max")
    with desk(tmp_path, roles=lambda role, name: "yes") as app:
        refused("role", app.approve, app.get("r").waiting[0], by="ann")


def test_a_quorum_counts_people(tmp_path):
    """Two yeses of one person, written differently, are one; a no of another ends it."""
    lead = approval("lead", quorum=2, denied=explain)
    flow = Flow(
        "two", state=Claim, edges=[on(START, lead >> pay), on(pay, End("paid")), on(explain, End("no"))],
        budget=Budget(steps=5),
    )  # fmt: skip
    with opened(tmp_path, flow, roles=ROLES) as app:
        first = app.start({"amount": 5}, run_id="r", by="web").waiting[0]
        app.approve(first, by="ann")
        for name in ("ann", "ANN", " ann", "\uff41\uff4e\uff4e", "an\u200bn"):
            refused("twice", app.approve, first, by=name)
        assert app.resume("r").status == "waiting"
        assert done(tmp_path) == []
        app.approve(first, by="bea")
        assert app.resume("r").end == "paid"
        second = app.start({"amount": 6}, run_id="s", by="web").waiting[0]
        app.approve(second, by="ann")
        app.deny(second, by="bea")
        assert app.resume("s").end == "no"
        assert done(tmp_path) == ["pay\t5"]


# what, and when


def test_a_decision_about_something_else_is_refused(tmp_path):
    """A digest that is not the request's is refused: what was seen is not what is asked."""
    with desk(tmp_path) as app:
        request = begun(app).waiting[0]
        refused("digest", app.approve, dataclasses.replace(request, digest="0" * 64), by="ann")
        refused("kind", app.answer, request, "yes", by="ann")
        with pytest.raises(RequestNotFound, match="no request"):
            app.approve("r.2", by="ann")
        assert app.resume("r").status == "waiting"


@pytest.mark.parametrize("how", ["approve", "deny"])
def test_nothing_is_decided_twice(tmp_path, how):
    """What was decided, and what was used, is not decided again, by the same person or another."""
    with desk(tmp_path) as app:
        request = begun(app).waiting[0]
        getattr(app, how)(request, by="ann")
        for by in ("ann", "bea"):
            refused({"approve": "approved", "deny": "denied"}[how], app.approve, request, by=by)
            refused({"approve": "approved", "deny": "denied"}[how], app.deny, request, by=by)
        app.resume("r")
        for by in ("ann", "bea"):
            refused({"approve": "dispatched", "deny": "consumed"}[how], app.approve, request, by=by)
        assert len(done(tmp_path)) == (how == "approve")


def test_what_was_asked_before_a_cancel_is_not_decided_after_it(tmp_path):
    """A stale view of a request that was withdrawn decides nothing."""
    with desk(tmp_path) as app:
        request = begun(app).waiting[0]
        app.cancel("r", by="bob")
        refused("withdrawn", app.approve, request, by="ann")
        refused("withdrawn", app.approve, request.id, by="ann")
        assert app.inbox() == []
        assert app.resume("r").status == "cancelled"
        assert done(tmp_path) == []


def test_a_late_decision_is_refused_and_the_gate_has_fired(tmp_path):
    """After its time a request cannot be decided; the run goes the way for expired."""
    with desk(tmp_path, "escalation") as app:
        request = begun(app, "escalation").waiting[0]
        time.sleep(max(0.0, request.expires - time.time()) + 0.01)
        refused("expired", app.approve, request, by="ann")
        assert [item.role for item in app.resume("r").waiting] == ["manager"]
        assert done(tmp_path) == []


def test_a_late_decision_is_refused_before_anybody_swept(tmp_path):
    """The time counts by itself: without any sweep, a late decision is refused as late."""
    with desk(tmp_path, "escalation") as app:
        request = begun(app, "escalation").waiting[0]
        time.sleep(max(0.0, request.expires - time.time()) + 0.01)
        refused("late", app._people.approve, request, by="ann", note=None, proof="")
        refused("late", app._people.deny, request, by="ann", note=None, proof="")


@pytest.mark.parametrize("who", ["resume", "inbox", "work", "a decision elsewhere"])
def test_an_expired_gate_fires_without_anyone_asking(tmp_path, who):
    """Whoever touches the store next sweeps what is due: a resume, the inbox, a worker, a decision elsewhere."""
    with desk(tmp_path, "escalation") as app:
        request = begun(app, "escalation").waiting[0]
        other = begun(app, "escalation", "other").waiting[0]
        time.sleep(max(0.0, request.expires - time.time()) + 0.01)
        if who == "resume":
            app.resume("other")
        elif who == "inbox":
            assert request.id not in [item.id for item in app.inbox()]
        elif who == "work":
            app.work(until=lambda: True)
        else:
            with suppress(DecisionRefused):  # it may be late itself
                app.approve(other, by="ann")
        assert app.store.request(request.id).status in ("expired", "consumed")
        assert [item.role for item in app.resume("r").waiting] == ["manager"]


def test_a_sweep_that_comes_second_harms_nobody(tmp_path, monkeypatch):
    """Another process expired the request between this one's look and its sweep: nothing is raised."""
    with desk(tmp_path, "escalation") as app:
        request = begun(app, "escalation").waiting[0]
        time.sleep(max(0.0, request.expires - time.time()) + 0.01)
        due = app.store.due(time.time())
        assert app.inbox() == []
        monkeypatch.setattr(app.store, "due", lambda now: due)
        assert app.inbox() == []
        assert [item.role for item in app.resume("r").waiting] == ["manager"]


def test_each_call_of_an_agent_needs_its_own_decision(tmp_path):
    """In an agent loop a denied call runs by no edge, and the model is told why; the others go on."""
    with desk(tmp_path, "agent") as app:
        run = begun(app, "agent")
        while run.status == "waiting":
            for request in run.waiting:
                if request.kind == "answer":
                    app.answer(request, "no more", by="customer")
                else:
                    app.deny(request, by="ann", note=f"not {request.call.tool} today")
            run = app.resume("r")
        assert run.verdict == "success"
        assert done(tmp_path) == []
        told = {message.tool_call_id: message.content for message in run.state.messages if message.type == "tool"}
        assert told["c0.1"] == "Refused by lead: not refund today"
        assert told["c1.0"] == "Refused by manager: not delete today"
        assert told["c1.3"] == "Refused by small: more than 100"
        assert told["c0.0"] == "balance of a-1"
        assert "no tool 'nothing'" in told["c1.2"]
        assert [step.node for step in run.steps].count("do") == 3


def test_an_answer_that_does_not_fit_is_refused(tmp_path):
    """What a form does not take is not recorded, and the run waits on."""
    t = fields(Claim)
    flow = Flow(
        "form", state=Claim, edges=[on(START, question := ask("clerk", "How much?", form=int, writes="amount")),
                                    on(question, End("told", succeeds_if=exists(t.amount)))],
    )  # fmt: skip
    with opened(tmp_path, flow, roles={"clerk": {"cy"}}) as app:
        request = app.start({"amount": 1}, run_id="r", by="web").waiting[0]
        refused("value", app.answer, request, "many", by="cy")
        refused("role", app.answer, request, 5, by="ann")
        app.answer(request, "7", by="cy")
        refused("answered", app.answer, request, 8, by="cy")
        assert app.resume("r").state.amount == 7


@pytest.mark.parametrize("run_id", ["r", "exempt:lead"])
def test_arguments_that_changed_after_the_approval_do_not_run(tmp_path, run_id):
    """What was approved is what runs: the digest is checked at dispatch, whatever the run is named."""
    with desk(tmp_path) as app:
        run = begun(app, run_id=run_id)
        app.approve(run.waiting[0], by="ann")
        app.store._db._connection.execute(
            """update events set body = replace(body, '"17"', '"18"') where kind = 'step'"""
        )
        reseal(app.store, run_id)
        assert app.get(run_id).state.order.id == "18"
        run = app.resume(run_id)
        assert done(tmp_path) == []
        assert (run.error.category, run.error.type, run.end) == ("invalid_call", "NotApproved", "handed over")
        assert app.store.verify(run_id) is None


def reseal(store, run_id):
    """Make the chain fit what stands in the journal now, as somebody would who has a purpose."""
    link, rid = genesis(run_id), store.run(run_id).rid
    for event in (event for event in journal_of(store) if event[0] >> 32 == rid):
        link = seal(link, event[0] & 0xFFFFFFFF, event[1], event[2], sha256(event[3].encode()).digest())
        store._db._connection.execute("update events set link = ? where key = ?", (link, event[0]))


def journal_of(store):
    """The rows of the only run's events."""
    return store._db._connection.execute("select key, kind, at, body from events order by key").fetchall()


def test_escalation_decides_about_the_same_call(tmp_path):
    """The manager is asked about the very call that the lead was asked about, under a request and digest of its own."""
    with opened(tmp_path, escalation(), roles=Anyone()) as app:
        first = app.start(SCENARIOS["escalation"].given, run_id="r", by="web").waiting[0]
        time.sleep(max(0.0, first.expires - time.time()) + 0.01)
        second = app.resume("r").waiting[0]
        assert (second.role, second.call) == ("manager", first.call)
        assert second.digest != first.digest
        refused("digest", app.approve, dataclasses.replace(second, digest=first.digest), by="max")
        app.deny(second, by="max")
        run = app.resume("r")
        assert (run.end, run.state.told) == ("no", "denied by manager")


def test_cancel_says_who_and_only_once(tmp_path):
    """A run is cancelled once, by somebody; what is over is not cancelled, retried or settled."""
    with desk(tmp_path) as app:
        begun(app)
        with pytest.raises(DecisionRefused, match="name who cancels"):
            app.cancel("r", by=" ")
        assert app.cancel("r", by="bob").status == "cancelled"
        for call in (lambda: app.cancel("r", by="bob"), lambda: app.retry("r", by="bob")):
            with pytest.raises(RunNotReady, match="cancelled"):
                call()
        with pytest.raises(RunNotReady, match="cancelled"):
            app.settle("r", None, "x", by="bob")
