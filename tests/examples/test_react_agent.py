"""The ReAct agent: each promise of its page, by a scripted model and a world that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.react_agent import LEADS, ROUNDS, TASK, Books, Job, flow, main, react_agent, script
from guideway import NOT_DONE, App, DecisionRefused, Request, Run
from guideway.testing import ScriptedModel

CREDIT = ("credit", {"number": "A-17", "amount": 20.0})
OTHER = ("credit", {"number": "A-18", "amount": 120.0})
LETTER = ("send_letter", {"number": "A-17", "text": "Sorry!"})


def desk(replies: Any, world: Books | None = None, store: Path | None = None, within: float | str = "24h") -> App[Job]:
    """The agent with a scripted model, or one that answers from a script."""
    model = replies if isinstance(replies, ScriptedModel) else ScriptedModel(replies)
    made = flow(within) if within != "24h" else react_agent
    return made.compile(models={"default": model}, deps=world or Books(), roles=LEADS, store=store)


def started(app: App[Job]) -> Run[Job]:
    """The task, begun by the clerk."""
    return app.start({"task": TASK, "clerk": "cleo"}, by="cleo")


def answers(run: Run[Job]) -> list[str]:
    """What the model was told of its calls."""
    return [str(message.text) for message in run.state.messages if message.type == "tool"]


def asked(run: Run[Job], **arguments: Any) -> Request:
    """The one open request whose call has these arguments."""
    (found,) = [one for one in run.waiting if one.call is not None and arguments.items() <= one.call.arguments.items()]
    return found


def test_the_flow_has_no_findings_but_the_accepted_one() -> None:
    """The checker proves the loop bounded and every high-stakes call gated; only the letter's parking is accepted."""
    report = react_agent.check()
    assert report.ok
    assert {finding.code for finding in report.findings} <= {"F601"}


def test_three_calls_of_one_message_are_decided_one_by_one() -> None:
    """Approved, refused with a note, edited: two run, as they were approved; the model reads the note and the edit."""
    model, world = ScriptedModel([[CREDIT, OTHER, LETTER], "done"]), Books()
    with desk(model, world) as app:
        run = started(app)
        assert [one.call.tool for one in run.waiting if one.call] == ["credit", "credit", "send_letter"]
        app.approve(asked(run, number="A-17", amount=20.0), by="lea")
        app.deny(asked(run, text="Sorry!"), by="lea", note="say how much")
        app.approve(asked(run, number="A-18"), by="lea", edits={"amount": 20.0})
        run = app.resume(run.id)
        assert run.status == "waiting"
        assert ("A-18", 20.0) not in world.credits.values()
        again = asked(run, number="A-18", amount=20.0)
        with pytest.raises(DecisionRefused, match="lea"):
            app.approve(again, by="lea")
        app.approve(again, by="max")
        run = app.resume(run.id)
        assert (run.end, sorted(world.credits.values()), world.letters) == (
            "answered",
            [("A-17", 20.0), ("A-18", 20.0)],
            [],
        )
        first, second, letter = answers(run)
        assert first == "credited 20.00 to A-17"
        assert second.startswith("credited 20.00 to A-18")
        assert "amount=20.0 instead of 120.0" in second
        assert letter == "Refused by lead: say how much"
        assert "say how much" in model.prompts[-1]


def test_an_edit_is_held_to_the_house_rule() -> None:
    """An edit above the most that may be credited is refused by the rule, and nothing is credited."""
    world = Books()
    with desk([[CREDIT], "done"], world) as app:
        run = started(app)
        app.approve(run.waiting[0], by="lea", edits={"amount": 900.0})
        run = app.resume(run.id)
        assert (run.end, world.credits) == ("answered", {})
        assert "the board decides" in answers(run)[0]


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({"amount": -5}, "does not fit"),
        ({"number": "seventeen"}, "does not fit"),
        ({"number": "A-17"}, "nothing changed"),
        ({"bonus": 5}, "no argument 'bonus'"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_and_the_request_stays_open(edits: dict[str, Any], told: str) -> None:
    """It is told to the editor at once, nothing is recorded, and the call as proposed can still be decided."""
    world = Books()
    with desk([[CREDIT], "done"], world) as app:
        run = started(app)
        with pytest.raises(DecisionRefused, match=told):
            app.approve(run.waiting[0], by="lea", edits=edits)
        app.approve(run.waiting[0], by="lea")
        assert (app.resume(run.id).end, list(world.credits.values())) == ("answered", [("A-17", 20.0)])


def test_what_the_model_does_not_see_nobody_edits() -> None:
    """The clerk who signs comes from the state, and is no more the lead's to choose than the model's."""
    with desk([[LETTER], "done"]) as app:
        run = started(app)
        with pytest.raises(DecisionRefused, match="'clerk' of 'send_letter' is taken from the state"):
            app.approve(run.waiting[0], by="lea", edits={"clerk": "lea"})


def test_an_edited_call_waits_for_the_other_lead_in_another_process(tmp_path: Path) -> None:
    """The edit is in the journal: a new App on the same file asks about the edited call, and not the editor."""
    store, world = tmp_path / "runs.db", Books()
    with desk([[OTHER]], world, store) as app:
        run = started(app)
        app.approve(run.waiting[0], by="lea", edits={"amount": 20.0})
    with desk(["done"], world, store) as app:
        run = app.resume(run.id)
        with pytest.raises(DecisionRefused, match="lea"):
            app.approve(asked(run, amount=20.0), by="lea")
        app.approve(asked(run, amount=20.0), by="max")
        assert (app.resume(run.id).end, list(world.credits.values())) == ("answered", [("A-18", 20.0)])


def test_what_is_refused_never_runs_and_the_model_reads_why() -> None:
    """One of three refused: the two others run once, and the next prompt bears the note."""
    model, world = ScriptedModel([[CREDIT, OTHER, LETTER], "done"]), Books()
    with desk(model, world) as app:
        run = started(app)
        for request in run.waiting:
            if request.call and request.call.tool == "send_letter":
                app.deny(request, by="lea", note="say how much")
            else:
                app.approve(request, by="lea")
        run = app.resume(run.id)
        assert (run.end, len(world.credits), world.letters) == ("answered", 2, [])
        assert answers(run)[2] == "Refused by lead: say how much"
        assert "say how much" in model.prompts[-1]


def test_an_open_call_holds_the_message_back_and_no_other_call() -> None:
    """Approved calls of a message run on resume, once; the model hears when the last one is decided."""
    world = Books()
    with desk([[CREDIT, LETTER], "done"], world) as app:
        run = started(app)
        app.approve(run.waiting[0], by="lea")
        run = app.resume(run.id)
        assert (run.status, len(run.waiting), len(world.credits), world.letters) == ("waiting", 1, 1, [])
        app.approve(run.waiting[0], by="lea")
        run = app.resume(run.id)
        assert (run.end, len(world.credits), len(world.letters)) == ("answered", 1, 1)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("delete_account", {"number": "A-17"}), "there is no tool 'delete_account'"),
        (("credit", {"number": "A-17"}), "do not fit"),
        (("credit", {"number": "A-17", "amount": -5}), "do not fit"),
        (("credit", {"number": "seventeen", "amount": 5}), "do not fit"),
        (("send_letter", {"number": "A-17", "text": "Hi", "clerk": "the king"}), "do not fit"),
        (("read_account", {"number": "A-99"}), "there is no account A-99"),
        (("credit", {"number": "A-17", "amount": 900.0}), "the board decides"),
    ],
)
def test_what_cannot_be_is_told_to_the_model_and_nobody_is_asked(call: Any, told: str) -> None:
    """Unknown tools, arguments that do not fit, a tool's own error, the house rule: told, and never run."""
    world = Books()
    with desk([[call], "done"], world) as app:
        run = started(app)
        assert (run.end, world.credits, world.letters) == ("answered", {}, [])
        assert told in answers(run)[0]


def test_the_clerk_is_hidden_from_the_model_and_shown_to_the_lead() -> None:
    """FromState is in no schema; the request shows it; what was noted bears it."""
    model = ScriptedModel([[LETTER, ("note", {"text": "outage"})], "done"])
    with desk(model) as app:
        run = started(app)
        (request,) = run.waiting
        assert request.call is not None
        assert request.call.arguments["clerk"] == "cleo"
        offered = {item["function"]["name"]: item["function"] for item in model.requests[0].tools}
        assert "clerk" not in offered["send_letter"]["parameters"]["properties"]
        app.approve(request, by="lea")
        assert app.resume(run.id).state.notes == ["cleo: outage"]


def test_a_model_that_never_stops_is_stopped() -> None:
    """After ROUNDS rounds the run ends unfinished, with what it did."""
    with desk(lambda _: [("note", {"text": "again"})]) as app:
        run = started(app)
        assert (run.end, run.verdict, len(run.state.notes)) == ("unfinished", "partial", ROUNDS)


def test_a_model_that_proposes_much_ends_with_the_budget() -> None:
    """Forty calls are the most, also within the rounds; what was noted until then is no more than that."""
    with desk(lambda _: [("find_accounts", {"name": "i"})] * 15) as app:
        run = started(app)
        assert (run.end, run.verdict) == ("unfinished", "partial")
        assert run.spent.calls <= 40


def test_the_starter_and_strangers_cannot_decide() -> None:
    """Neither the clerk who began it nor somebody without the role says yes; nothing ran."""
    world = Books()
    with desk([[CREDIT], "done"], world) as app:
        run = started(app)
        for name in ("cleo", "eve"):
            with pytest.raises(DecisionRefused, match=name):
                app.approve(run.waiting[0], by=name)
        assert (app.resume(run.id).status, world.credits) == ("waiting", {})


def test_a_call_that_nobody_decides_ends_the_run() -> None:
    """The time runs out: nothing was credited, and the run is handed to people."""
    world = Books()
    with desk([[CREDIT], "done"], world, within=0.05) as app:
        run = started(app)
        app.work(until=lambda: app.get(run.id).status == "ended", pause=0.02)
        run = app.get(run.id)
        assert (run.end, run.verdict, world.credits) == ("nobody decided", "escalated", {})


def test_what_was_approved_in_time_runs_beside_a_call_that_nobody_decides() -> None:
    """Decisions are per call: the credit that a lead approved is made, the letter is not sent, people take over."""
    world = Books()
    with desk([[CREDIT, LETTER], "done"], world, within=0.4) as app:
        run = started(app)
        app.approve(run.waiting[0], by="lea")
        app.work(until=lambda: app.get(run.id).status == "ended", pause=0.02)
        assert (app.get(run.id).end, len(world.credits), world.letters) == ("nobody decided", 1, [])


class Hanging(Books):
    """A ledger that takes the credit, and a connection that breaks before it can say so."""

    class Broken(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            super().__setitem__(key, value)
            raise ConnectionError("the ledger hung up")

    def __init__(self) -> None:
        super().__init__()
        self.credits = self.Broken()


def test_a_credit_whose_ending_nobody_saw_is_found_in_the_ledger() -> None:
    """It was credited before the connection broke: the ledger is asked, and it is not credited twice."""
    world = Hanging()
    with desk([[CREDIT], "done"], world) as app:
        run = started(app)
        app.approve(run.waiting[0], by="lea")
        run = app.resume(run.id)
        assert (run.end, list(world.credits.values()), answers(run)) == ("answered", [("A-17", 20.0)], ["credited"])


class LostPost(Books):
    """A post office that breaks before anything was sent, and says nothing."""

    class Broken(list[Any]):
        def append(self, item: Any) -> None:
            raise ConnectionError("the post office is closed")

    def __init__(self) -> None:
        super().__init__()
        self.letters = self.Broken()


def test_a_letter_whose_ending_nobody_saw_waits_for_a_person() -> None:
    """The run parks; the credit of the same message ran once and stays; a person says that the letter was not sent."""
    world = LostPost()
    with desk([[CREDIT, LETTER], "done"], world) as app:
        run = started(app)
        for request in run.waiting:
            app.approve(request, by="lea")
        run = app.resume(run.id)
        assert run.status == "parked"
        assert run.error is not None
        assert run.error.category == "unknown_effect"
        assert app.resume(run.id).status == "parked"
        world.letters = []
        app.settle(run.id, None, NOT_DONE, by="lea", note="it never left")
        run = app.resume(run.id)
        assert (run.end, len(world.credits), len(world.letters)) == ("answered", 1, 1)


def test_another_process_goes_on_after_the_decisions(tmp_path: Path) -> None:
    """The App is closed between asking and deciding: a new one on the same file knows all, and asks no model twice."""
    store, world = tmp_path / "runs.db", Books()
    first, second = ScriptedModel(script), ScriptedModel(script)
    with desk(first, world, store) as app:
        run = started(app)
    assert (run.status, len(first.requests)) == ("waiting", 2)
    with desk(second, world, store) as app:
        for request in app.inbox("lead"):
            app.approve(request, by="lea")
        run = app.resume(run.id)
        assert (run.end, len(world.credits), len(world.letters)) == ("answered", 2, 1)
        assert len(second.requests) == 1


def test_a_model_that_is_away_is_tried_three_times() -> None:
    """Twice away and then there: the task is done. Away for good: people get it, with what went wrong."""
    with desk([TimeoutError("away"), TimeoutError("away"), "done"]) as app:
        assert started(app).end == "answered"
    with desk(lambda _: TimeoutError("away")) as app:
        run = started(app)
        assert (run.end, run.steps[-1].attempts) == ("broken", 3)
        assert run.steps[-1].error is not None
        assert run.steps[-1].error.category == "timeout"


def test_the_session_is_shown_as_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    """The offline session streams the model's words, shows each call whole, and ends with one edited credit."""
    assert main([]) == 0
    told = capsys.readouterr().out
    assert "I credit both and write to Ida." in told
    assert 'asks lead: credit({"number": "A-18", "amount": 20.0})' in told
    assert "credits: [('A-17', 20.0), ('A-18', 20.0)]; letters: []; notes: ['cleo: outage']" in told
