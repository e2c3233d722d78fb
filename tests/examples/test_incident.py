"""The incident agent: who may approve what, what happens when nobody does, and what a person is told at the end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import pytest

from examples.incident import (
    Change,
    Diagnosis,
    Incident,
    Pretended,
    Remedy,
    Triage,
    incident,
    incident_flow,
    main,
    same_service,
)
from guideway import GIVE_UP, NOT_DONE, App, Call, DecisionRefused, Run, ToolError
from guideway.testing import ScriptedModel

ALERT = {"alert": "checkout: 500s since 09:12"}
PEOPLE = {"on-call": {"ann", "bob"}, "manager": {"mia"}}


class Crash(BaseException):
    """Ends the process, as far as a run can tell."""


class Site(Pretended):
    """A platform with faults: what is raised for a method, once each."""

    def __init__(self, serves_after: str = "restart", **faults: list[BaseException]) -> None:
        super().__init__(serves_after=serves_after)
        self.faults = faults
        self.calls: list[str] = []

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.faults.get(name):
            raise self.faults[name].pop(0)

    def logs(self, service: str) -> list[str]:
        self._called("logs")
        return super().logs(service)

    def metrics(self, service: str) -> dict[str, float]:
        self._called("metrics")
        return super().metrics(service)

    def apply(self, key: str, action: str, service: str) -> str:
        self._called("apply")
        return super().apply(key, action, service)

    def roll_back(self, key: str, change: str) -> str:
        self._called("roll_back")
        return super().roll_back(key, change)

    def healthy(self, service: str) -> bool:
        self._called("healthy")
        return super().healthy(service)


def model(
    action: Literal["restart", "fail over"] | None = "restart",
    *,
    service: str = "checkout",
    may_undo: bool = False,
    confidence: float = 0.9,
    severity: Literal["noise", "major"] = "major",
) -> ScriptedModel:
    remedy = None if action is None else Remedy(action=action, service=service, may_undo=may_undo)
    triaged = Triage(service="checkout", severity=severity)
    found = Diagnosis(cause="the pool is exhausted", confidence=confidence, remedy=remedy)
    return ScriptedModel(lambda prompt: triaged if prompt.startswith("Which service") else found)


def made(
    scripted: ScriptedModel, site: Site, *, store: Path | None = None, within: str = "10m", manager: str = "30m"
) -> App[Incident]:
    flow = incident_flow(within, manager)
    return flow.compile(store=store, models={"default": scripted}, deps=site, roles=PEOPLE)


def approved(app: App[Incident], run: Run[Incident], *names: str) -> Run[Incident]:
    for name in names:
        app.approve(run.waiting[0], by=name)
    return app.resume(run.id)


def test_the_session_of_the_page_ends_with_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    """What ``python -m`` prints: two refusals, two yeses, a rollback that nobody was asked for, a hand-over."""
    assert main([]) == 0
    out = capsys.readouterr().out
    assert out.count("refused: request") == 2
    assert "roll_back: ok" in out
    assert "escalated (handed over)" in out


def test_the_flow_is_checked() -> None:
    """Every high-stakes step has its approval, every cycle its end; the exemption is told as a fact."""
    report = incident.check(strict=True)
    assert report.ok
    assert {found.code for found in report.findings} == {"F205", "F503", "F601"}
    proved = {proof.text for proof in report.facts.proofs if proof.proved}
    for name in ("restart", "fail_over", "roll_back"):
        assert f"every way into {name!r} carries an approval of that very step" in proved


def test_noise_wakes_nobody() -> None:
    """An alert that is noise ends as a success, with nothing looked at."""
    site = Site()
    with made(model(severity="noise"), site) as app:
        run = app.start(ALERT, by="monitor")
    assert (run.verdict, run.end, site.calls) == ("success", "noise", [])


def test_a_restart_needs_one_yes_and_mends() -> None:
    """Nothing is done before the yes; the request shows the call whole; after it the service serves."""
    site = Site()
    with made(model(), site) as app:
        run = app.start(ALERT, by="monitor")
        request = run.waiting[0]
        assert (request.role, request.node, request.quorum) == ("on-call", "restart", 1)
        assert request.call is not None
        assert request.call.arguments == {"remedy": {"action": "restart", "service": "checkout", "may_undo": False}}
        assert site.changes == {}
        run = approved(app, run, "ann")
    assert (run.verdict, run.end) == ("success", "mended")
    assert list(site.changes.values()) == ["restart"]


def test_one_diagnosis_may_fail() -> None:
    """The metrics are down: the other branch's logs still come to the diagnosis, which is told what is missing."""
    site = Site(metrics=[ConnectionError("down"), ConnectionError("down")])
    scripted = model(confidence=0.3)
    with made(scripted, site) as app:
        run = app.start(ALERT, by="monitor")
    assert "Metrics: None" in scripted.prompts[-1]
    assert "connection pool exhausted" in scripted.prompts[-1]
    assert (run.verdict, run.end) == ("escalated", "handed over")
    assert run.state.handover is not None
    assert run.state.handover.unknown == ["no metrics were read"]
    assert (run.state.handover.done, site.changes) == ([], {})


def test_who_does_not_answer_is_passed_over_for_the_manager() -> None:
    """After its time the on-call's request is closed, a late yes is refused, and the manager's yes lets it run."""
    site = Site()
    with made(model(), site, within="100ms") as app:
        run = app.start(ALERT, by="monitor")
        late = run.waiting[0]
        time.sleep(0.15)
        run = app.resume(run.id)
        assert [request.role for request in run.waiting] == ["manager"]
        with pytest.raises(DecisionRefused, match="only what is open can be decided"):
            app.approve(late, by="ann")
        with pytest.raises(DecisionRefused, match="does not hold the role 'manager'"):
            app.approve(run.waiting[0], by="ann")
        run = approved(app, run, "mia")
    assert (run.end, list(site.changes.values())) == ("mended", ["restart"])


def test_when_nobody_answers_nothing_is_done_and_a_person_takes_over() -> None:
    """On-call and manager are silent: the hand-over says so, and nothing was changed."""
    site = Site()
    with made(model(), site, within="50ms", manager="50ms") as app:
        run = app.start(ALERT, by="monitor")
        time.sleep(0.1)
        run = app.resume(run.id)
        time.sleep(0.1)
        run = app.resume(run.id)
    assert (run.verdict, run.end) == ("escalated", "handed over")
    assert run.state.handover is not None
    assert run.state.handover.why == "'manager' said no (expired): nobody decided in time"
    assert (run.state.handover.done, site.changes) == ([], {})


def test_whoever_raised_the_alert_may_not_approve() -> None:
    """Ann is on call, but she started this run: Bob decides."""
    site = Site()
    with made(model(), site) as app:
        run = app.start(ALERT, by="ann")
        for name in ("ann", "Ann", " ann "):
            with pytest.raises(DecisionRefused, match="may not decide|started"):
                app.approve(run.waiting[0], by=name)
        assert app.resume(run.id).status == "waiting"
        assert site.changes == {}
        assert approved(app, run, "bob").end == "mended"


def test_one_person_is_not_two() -> None:
    """A second yes of the same person does not count, however the name is written; the second person's does."""
    site = Site(serves_after="fail over")
    with made(model("fail over"), site) as app:
        run = app.start(ALERT, by="monitor")
        assert (run.waiting[0].node, run.waiting[0].quorum) == ("fail_over", 2)
        app.approve(run.waiting[0], by="ann")
        for name in ("ann", "ANN", " ann"):
            with pytest.raises(DecisionRefused, match="said yes already"):
                app.approve(run.waiting[0], by=name)
        run = app.resume(run.id)
        assert (run.status, site.changes) == ("waiting", {})
        run = approved(app, run, "bob")
    assert (run.end, list(site.changes.values())) == ("mended", ["fail over"])


def test_one_yes_and_silence_is_a_no() -> None:
    """Two people were needed, one said yes in time: nothing runs, and no single manager is asked instead."""
    site = Site()
    with made(model("fail over"), site, within="100ms") as app:
        run = app.start(ALERT, by="monitor")
        app.approve(run.waiting[0], by="ann")
        time.sleep(0.15)
        run = app.resume(run.id)
    assert (run.end, site.changes) == ("handed over", {})


def test_one_no_ends_it() -> None:
    """After one yes the other person says no: it does not run, and the hand-over has the note."""
    site = Site()
    with made(model("fail over"), site) as app:
        run = app.start(ALERT, by="monitor")
        app.approve(run.waiting[0], by="ann")
        app.deny(run.waiting[0], by="bob", note="the other site is under repair")
        run = app.resume(run.id)
    assert (run.end, site.changes) == ("handed over", {})
    assert run.state.handover is not None
    assert run.state.handover.why == "'two of on-call' said no (denied by bob): the other site is under repair"


def test_a_remedy_for_another_service_is_refused_before_anyone_is_asked() -> None:
    """The alert is about the checkout; a model that wants to restart payments gets no request."""
    site = Site()
    with made(model(service="payments"), site) as app:
        run = app.start(ALERT, by="monitor")
    assert (run.end, site.changes) == ("handed over", {})
    assert run.state.handover is not None
    assert "the remedy about payments" in run.state.handover.why
    call = Call("restart", {"remedy": {"service": "checkout"}})
    assert same_service("checkout", call) is None


def test_a_remedy_that_timed_out_parks_and_is_not_repeated() -> None:
    """Nobody knows whether it happened: resuming does nothing; a person settles it with what the platform shows."""
    site = Site(serves_after="anything", apply=[TimeoutError("no answer")])
    with made(model(), site) as app:
        run = app.start(ALERT, by="monitor")
        run = approved(app, run, "ann")
        assert (run.status, run.error and run.error.category) == ("parked", "unknown_effect")
        assert app.resume(run.id).status == "parked"
        assert site.calls.count("apply") == 1
        site.changes["by hand"] = "anything"
        app.settle(run.id, None, Change(id="restart-7", action="restart", may_undo=False), by="bob", note="seen it")
        run = app.resume(run.id)
    assert (run.end, run.state.change and run.state.change.id) == ("mended", "restart-7")
    assert site.calls.count("apply") == 1


def test_settled_as_not_done_it_runs_under_the_same_yes() -> None:
    """A person saw that nothing happened: the approved call is made again, the very same, under the same key."""
    keys: list[str] = []

    class Keyed(Site):
        def apply(self, key: str, action: str, service: str) -> str:
            keys.append(key)
            return super().apply(key, action, service)

    site = Keyed(apply=[TimeoutError("no answer")])
    with made(model(), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
        app.settle(run.id, None, NOT_DONE, by="bob")
        run = app.resume(run.id)
    assert run.end == "mended"
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_what_nobody_can_find_out_is_handed_over_as_unknown() -> None:
    """Given up: the run goes on to a person, and the restart is among what is unknown, not among what was done."""
    site = Site(apply=[TimeoutError("no answer")])
    with made(model(), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
        app.settle(run.id, None, GIVE_UP, by="bob", note="the console is down")
        run = app.resume(run.id)
    assert (run.verdict, run.end) == ("escalated", "handed over")
    assert run.state.handover is not None
    assert run.state.handover.done == []
    assert run.state.handover.unknown == ["whether 'restart' happened: given up by bob: the console is down"]


def test_what_the_platform_refused_was_not_done() -> None:
    """A declared no of the platform proves that nothing happened: nothing parks, nothing is unknown."""
    site = Site(apply=[ToolError("change freeze")])
    with made(model(), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
    assert run.state.handover is not None
    assert run.state.handover.why == "'restart' failed (declined): change freeze"
    assert (run.state.handover.done, run.state.handover.unknown) == ([], [])


def test_a_remedy_that_was_approved_with_its_undo_is_rolled_back_unasked() -> None:
    """It did not mend: whoever approved ``may_undo=True`` is not asked again, and the log says why."""
    site = Site(serves_after="nothing")
    with made(model(may_undo=True), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
        assert (run.status, run.end) == ("ended", "handed over")
        assert run.state.undone == "as before restart-1"
        verified = next(step for step in run.steps if step.node == "verify")
        assert any(guard.get("guard") == "on-call, to undo" for entry in verified.guards for guard in entry["guards"])
    assert run.state.handover is not None
    assert run.state.handover.done == [
        "restart, change restart-1", "checked: the service does not serve", "rolled back: as before restart-1",
    ]  # fmt: skip


def test_without_that_yes_the_rollback_asks() -> None:
    """The same remedy, approved without its undo: a request opens for the rollback; a no leaves the change in place."""
    site = Site(serves_after="nothing")
    with made(model(may_undo=False), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
        assert [request.node for request in run.waiting] == ["roll_back"]
        app.deny(run.waiting[0], by="bob", note="leave it")
        run = app.resume(run.id)
    assert (run.end, site.rolled_back) == ("handed over", {})
    assert run.state.handover is not None
    assert run.state.handover.why == "'on-call, to undo' said no (denied by bob): leave it"
    assert run.state.handover.done == ["restart, change restart-1", "checked: the service does not serve"]


def test_an_approver_can_take_the_undo_out_of_the_remedy() -> None:
    """Ann edits ``may_undo`` to False and Bob says yes to that: what ran decides, so the rollback asks."""
    site = Site(serves_after="nothing")
    with made(model(may_undo=True), site) as app:
        run = app.start(ALERT, by="monitor")
        edited = {"remedy": {"action": "restart", "service": "checkout", "may_undo": False}}
        app.approve(run.waiting[0], by="ann", edits=edited)
        run = app.resume(run.id)
        assert (run.status, site.changes) == ("waiting", {})
        run = approved(app, run, "bob")
        assert [request.node for request in run.waiting] == ["roll_back"]
        assert run.state.change is not None
        assert run.state.change.may_undo is False
        assert run.state.remedy is not None
        assert run.state.remedy.may_undo is True  # the plan stays what it was: a condition must read what was done


def test_an_edit_cannot_lead_to_another_service() -> None:
    """The policy is asked again about the edited call, and nothing runs."""
    site = Site()
    with made(model(), site) as app:
        run = app.start(ALERT, by="monitor")
        edited = {"remedy": {"action": "restart", "service": "payments", "may_undo": False}}
        app.approve(run.waiting[0], by="ann", edits=edited)
        run = app.resume(run.id)
    assert (run.end, site.changes) == ("handed over", {})


def test_a_rollback_that_fails_is_handed_over() -> None:
    """The platform declines the rollback: the person reads that the change is in place, and why."""
    site = Site(serves_after="nothing", roll_back=[ToolError("the old release is gone")])
    with made(model(may_undo=True), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
    assert (run.verdict, run.end) == ("escalated", "handed over")
    assert run.state.handover is not None
    assert run.state.handover.why == "'roll_back' failed (declined): the old release is gone"
    assert run.state.handover.done == ["restart, change restart-1", "checked: the service does not serve"]
    assert run.state.handover.unknown == []


def test_a_rollback_of_unknown_result_is_handed_over_as_unknown() -> None:
    """It timed out: the run does not park, since a person takes over anyway, who reads that nobody knows."""
    site = Site(serves_after="nothing", roll_back=[TimeoutError("no answer")])
    with made(model(may_undo=True), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
    assert run.end == "handed over"
    assert run.state.handover is not None
    assert len(run.state.handover.unknown) == 1
    assert run.state.handover.unknown[0].startswith("whether 'roll_back' happened")
    assert site.calls.count("roll_back") == 1


def test_what_cannot_be_verified_is_not_rolled_back() -> None:
    """Three tries to see whether it serves fail: nothing is undone on a guess."""
    site = Site(healthy=[ConnectionError("down")] * 3)
    with made(model(may_undo=True), site) as app:
        run = approved(app, app.start(ALERT, by="monitor"), "ann")
    assert (run.end, site.rolled_back) == ("handed over", {})
    assert run.state.handover is not None
    assert run.state.handover.unknown == ["whether the service serves again"]


def test_another_process_goes_on_between_two_yeses(tmp_path: Path) -> None:
    """The first yes is in the store: a new process needs only the second, and diagnoses nothing again."""
    store, site = tmp_path / "runs.db", Site(serves_after="fail over")
    with made(model("fail over"), site, store=store) as app:
        run = app.start(ALERT, by="monitor")
        app.approve(run.waiting[0], by="ann")
    with made(ScriptedModel([]), site, store=store) as app:
        with pytest.raises(DecisionRefused, match="said yes already"):
            app.approve(app.inbox("on-call")[0], by="ann")
        app.approve(app.inbox("on-call")[0], by="bob")
        run = app.resume(run.id)
        assert (run.end, list(site.changes.values())) == ("mended", ["fail over"])
    assert site.calls.count("logs") == 1


def test_a_process_that_dies_in_a_remedy_leaves_it_parked(tmp_path: Path) -> None:
    """The process ends inside the call: the next one does not repeat it, though it was approved."""
    store = tmp_path / "runs.db"
    site = Site()
    app = made(model(), site, store=store)
    run = app.start(ALERT, by="monitor")
    app.approve(run.waiting[0], by="ann")

    def die(when: str, kinds: str) -> None:
        if when == "before" and kinds.startswith("result") and site.calls.count("apply"):
            raise Crash("killed")

    app.store.hook = die
    with pytest.raises(Crash, match="killed"):
        app.resume(run.id)
    app.close()
    with made(model(), site, store=store) as app:
        assert app.resume(run.id).status == "parked"
    assert site.calls.count("apply") == 1
