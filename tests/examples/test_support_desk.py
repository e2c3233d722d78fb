"""The support desk: each promise of its page, by a scripted model, people, a world that fails, and kill -9."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from examples.support_desk import Case, Office
from examples.support_desk.__main__ import ROLES, main
from examples.support_desk.billing import Reading
from examples.support_desk.desk import BACK, Triage, desk, support_desk
from examples.support_desk.returns import Which
from guideway import NOT_DONE, App, DecisionRefused, Run
from guideway.testing import ScriptedModel
from tests.house import ROOT

TWICE = {"customer": "ida", "message": "You took the money for May twice!"}
ROUTER = {"customer": "jon", "message": "Router o-7 is too loud, take it back."}
SILENT = {"customer": "jon", "message": "My line is dead."}

Script = Mapping[str, Any]
"""What the model answers, by what its prompt begins with; a tuple is said in order, anything else each time."""


def answers(script: Script) -> Callable[[str], Any]:
    """The model's answers, by the department that asks."""
    left = {start: iter(said) if isinstance(said, tuple) else repeat(said) for start, said in script.items()}

    def answer(prompt: str) -> Any:
        return next(next(said for start, said in left.items() if prompt.startswith(start)))

    return answer


def model(script: Script) -> ScriptedModel:
    """A model that answers from a script."""
    return ScriptedModel(answers(script))


def opened(
    folder: Path, script: Script | ScriptedModel, office: Office | None = None, within: float | str = "24h"
) -> App[Case]:
    """The desk on the file of this folder."""
    flow = support_desk if within == "24h" else desk(within)
    models = {"default": script if isinstance(script, ScriptedModel) else model(script)}
    return flow.compile(store=folder / "runs.db", models=models, deps=office or Office(folder / "book"), roles=ROLES)


def said(run: Run[Case]) -> list[str]:
    """The conversation, without the technicians' calls."""
    return [str(message.text) for message in run.state.messages if message.text and message.type != "tool"]


REFUND = {
    "Whose case": Triage(department="billing"),
    "You are billing. Charges": Reading(wish="refund", charge_id="c-2"),
    "You are billing. Answer": "It is paid back.",
}
LABEL = {"Whose case": Triage(department="returns"), "You are returns": Which(order_id="o-7")}


def test_the_flow_has_no_findings_but_the_accepted_one() -> None:
    """Every department is proved bounded and gated; an unknown reset parks, and one order of edges matters."""
    report = support_desk.check()
    assert report.ok
    assert {finding.code for finding in report.findings} <= {"F601", "F205"}


def test_a_refund_waits_inside_billing_and_is_paid_once(tmp_path: Path) -> None:
    """The lead sees the charge whole; after the yes it is paid, and the reply stands in the conversation."""
    office = Office(tmp_path / "book")
    with opened(tmp_path, REFUND, office) as app:
        run = app.start(TWICE, by="web")
        (request,) = run.waiting
        assert (request.role, request.node, office.deeds()) == ("lead", "pay_back", [])
        assert request.call is not None
        assert request.call.arguments["charge"]["id"] == "c-2"
        app.approve(request, by="lea")
        run = app.resume(run.id)
        assert (run.end, run.state.reply, office.deeds()) == ("answered", "It is paid back.", ["paid back c-2"])
        assert said(run) == [TWICE["message"], "It is paid back."]


def test_a_no_inside_billing_is_told_to_the_customer(tmp_path: Path) -> None:
    """A refusal has its way in the department's flow: billing writes the reply, and reads the note."""
    office, script = Office(tmp_path / "book"), model(REFUND)
    with opened(tmp_path, script, office) as app:
        run = app.start(TWICE, by="web")
        with pytest.raises(DecisionRefused, match="sam"):  # a lead of another department is nobody here
            app.deny(run.waiting[0], by="sam")
        app.deny(run.waiting[0], by="lea", note="those are two lines")
        assert (app.resume(run.id).end, office.deeds()) == ("answered", [])
        assert "those are two lines" in script.prompts[-1]


def test_one_charge_is_paid_back_once_over_all_cases(tmp_path: Path) -> None:
    """A second case about the same charge gets the first one's receipt, also from inside of a department."""
    office = Office(tmp_path / "book")
    with opened(tmp_path, REFUND, office) as app:
        for name in ("first", "second"):
            run = app.start(TWICE, run_id=name, by="web")
            app.approve(run.waiting[0], by="lea")
            assert app.resume(name).end == "answered"
        assert office.deeds() == ["paid back c-2"]


def test_not_ours_goes_back_to_triage_which_reads_why(tmp_path: Path) -> None:
    """Billing passes on, triage reads its words in the conversation, and returns does it."""
    script = model(
        {
            "Whose case": (Triage(department="billing"), Triage(department="returns")),
            "You are billing. Charges": Reading(wish="not ours"),
            "You are returns": Which(order_id="o-7"),
        }
    )
    with opened(tmp_path, script) as app:
        run = app.start(ROUTER, by="web")
        assert "billing: This is not about a charge." in script.prompts[2]
        app.approve(run.waiting[0], by="wim")
        run = app.resume(run.id)
        assert (run.end, run.state.reply) == ("answered", "The label is on its way.")
        assert said(run) == [ROUTER["message"], "This is not about a charge.", "The label is on its way."]


def test_after_two_returns_to_triage_a_person_reads_the_case(tmp_path: Path) -> None:
    """Departments that pass a case around for ever are stopped by one counter; a person answers."""
    script = model({"Whose case": Triage(department="returns"), "You are returns": Which(order_id=None)})
    with opened(tmp_path, script) as app:
        run = app.start(SILENT, by="web")
        (request,) = run.waiting
        assert (request.role, [step.node for step in run.steps].count("triage")) == ("staff", BACK + 1)
        assert SILENT["message"] in request.question
        app.answer(request, "I come by at noon.", by="stan")
        run = app.resume(run.id)
        assert (run.end, run.verdict, run.state.reply) == ("answered by a person", "escalated", "I come by at noon.")
        assert said(run)[-1] == "I come by at noon."


def test_technicians_ask_the_customer_and_reset_behind_a_gate(tmp_path: Path) -> None:
    """A person's answer and a person's yes inside one department; all of it is in the one conversation."""
    office = Office(tmp_path / "book")
    script = {
        "Whose case": Triage(department="technical"),
        "You are a technician": (
            "Is the lamp red?",
            [("measure", {"port": 3}), ("reset_device", {"port": 3})],
            [("close_fault", {"advice": "It works again."})],
        ),
    }
    with opened(tmp_path, script, office) as app:
        run = app.start(SILENT, by="web")
        assert (run.waiting[0].role, run.waiting[0].question) == ("customer", "Is the lamp red?")
        app.answer(run.waiting[0], "yes, red", by="ida")
        run = app.resume(run.id)
        assert (run.waiting[0].role, office.deeds()) == ("shift lead", [])
        app.approve(run.waiting[0], by="sam")
        run = app.resume(run.id)
        assert (run.end, run.state.reply, office.deeds()) == ("answered", "It works again.", ["reset port 3"])
        assert said(run) == [SILENT["message"], "Is the lamp red?", "yes, red"]
        assert [message.type for message in run.state.messages].count("tool") == 3


def test_a_department_that_talks_in_circles_uses_up_its_own_budget(tmp_path: Path) -> None:
    """Twenty calls are a technician's most: the case is handed over, and the desk still has what it needs for that."""
    script = {"Whose case": Triage(department="technical"), "You are a technician": [("measure", {"port": 1})] * 6}
    with opened(tmp_path, script) as app:
        run = app.start(SILENT, by="web")
        inside = next(step for step in run.steps if step.node == "technical")
        assert inside.edge is not None
        assert "needs a person" in inside.edge
        assert run.spent.calls <= 21
        app.answer(run.waiting[0], "I look at it.", by="stan")
        assert app.resume(run.id).end == "answered by a person"


def test_the_desks_budget_binds_inside_of_departments(tmp_path: Path) -> None:
    """Three expensive visits are more than the desk has: the third is cut short of its own budget, and handed over."""
    visit = ([("measure", {"port": 1})] * 17, [("not_a_fault", {"reason": "none"})])
    script = {"Whose case": Triage(department="technical"), "You are a technician": visit * 3}
    with opened(tmp_path, script) as app:
        run = app.start(SILENT, by="web")
        assert [one.role for one in run.waiting] == ["staff"]
        assert run.spent.calls <= 60
        cut = [step for step in run.steps if step.node == "bench"][-1]
        assert (cut.outcome, cut.error and cut.error.category, cut.spent.calls) == ("failed", "exhausted", 16)
        app.answer(run.waiting[0], "I look at it.", by="stan")
        assert app.resume(run.id).end == "answered by a person"


def test_a_rule_in_code_says_no_before_anybody_is_asked(tmp_path: Path) -> None:
    """What was sold too long ago gets no label; the customer is told why."""
    with opened(tmp_path, {**LABEL, "You are returns": Which(order_id="o-8")}) as app:
        run = app.start(ROUTER, by="web")
        assert (run.end, run.waiting) == ("answered", [])
        assert run.state.reply is not None
        assert "60 too many" in run.state.reply


@pytest.mark.parametrize(("customer", "order"), [("jon", "o-99"), ("ida", "o-7")])
def test_only_the_customers_own_orders_come_back(tmp_path: Path, customer: str, order: str) -> None:
    """An invented order, and another customer's: nobody is asked, no label goes out, and the customer is told."""
    with opened(tmp_path, {**LABEL, "You are returns": Which(order_id=order)}) as app:
        run = app.start({**ROUTER, "customer": customer}, by="web")
        assert (run.end, run.state.reply) == ("answered", "We find no such order of yours.")


def test_what_nobody_decides_goes_to_the_manager_and_then_to_a_person(tmp_path: Path) -> None:
    """Warehouse and manager let their time run out inside returns: the case is handed over, and no label was sent."""
    office = Office(tmp_path / "book")
    with opened(tmp_path, LABEL, office, within=0.05) as app:
        run = app.start(ROUTER, by="web")
        app.work(until=lambda: app.get(run.id).status == "ended", pause=0.02)
        run = app.get(run.id)
        asked = [event.body["role"] for event in run.events if event.kind == "asked"]
        assert (asked, run.end, office.deeds()) == (["warehouse", "manager", "staff"], "unanswered", [])


def test_a_case_that_nobody_takes_over_fails_and_says_so(tmp_path: Path) -> None:
    """The hand-over has a time too: when it runs out the run ends failed, and is no success by silence."""
    with opened(tmp_path, {"Whose case": Triage(department="unclear")}, within=0.05) as app:
        run = app.start(SILENT, by="web")
        app.work(until=lambda: app.get(run.id).status == "ended", pause=0.02)
        run = app.get(run.id)
        assert (run.end, run.verdict, run.state.reply) == ("unanswered", "failed", None)


@pytest.mark.parametrize(
    ("case", "script"),
    [
        (TWICE, {**REFUND, "You are billing. Charges": Reading(wish="refund", charge_id="c-99")}),
        (TWICE, {**REFUND, "You are billing. Charges": Reading(wish="refund")}),
        (TWICE, {**REFUND, "You are billing. Charges": "no JSON at all"}),
        (TWICE, {**REFUND, "You are billing. Charges": TimeoutError("the model is away")}),
        (TWICE, {"Whose case": TimeoutError("the model is away")}),
    ],
    ids=["invented charge", "no charge", "nonsense", "model away", "triage away"],
)
def test_whatever_fails_in_a_department_is_handed_over(tmp_path: Path, case: Any, script: Script) -> None:
    """Invented ids, nonsense, a model that is away: nothing is done in the world, and a person is asked."""
    office = Office(tmp_path / "book")
    with opened(tmp_path, script, office) as app:
        run = app.start(case, by="web")
        assert (run.status, [one.role for one in run.waiting], office.deeds()) == ("waiting", ["staff"], [])


class CutOff(Office):
    """A device that resets, and cuts off the line over which it would say so."""

    def does(self, deed: str, about: str, key: str) -> str:
        super().does(deed, about, key)
        raise ConnectionError("the line is cut off")


def test_a_reset_whose_ending_nobody_saw_parks_inside_the_department(tmp_path: Path) -> None:
    """It is not repeated; the shift lead looks, says what came of it, and the technicians go on."""
    script = {
        "Whose case": Triage(department="technical"),
        "You are a technician": ([("reset_device", {"port": 3})], [("close_fault", {"advice": "It works again."})]),
    }
    office = CutOff(tmp_path / "book")
    with opened(tmp_path, script, office) as app:
        run = app.start(SILENT, by="web")
        app.approve(run.waiting[0], by="sam")
        run = app.resume(run.id)
        assert run.status == "parked"
        assert app.resume(run.id).status == "parked"
        app.settle(run.id, None, "reset port 3", by="sam", note="the lamp is green")
        run = app.resume(run.id)
        assert (run.end, run.state.reply, office.deeds()) == ("answered", "It works again.", ["reset port 3"])


def test_another_app_on_the_same_file_goes_on_inside_the_department(tmp_path: Path) -> None:
    """Closed while billing waits: the new App finds the request, and asks no model again that has answered."""
    with opened(tmp_path, REFUND) as app:
        run = app.start(TWICE, by="web")
    later = model({"You are billing. Answer": "It is paid back."})  # it knows no other answer
    with opened(tmp_path, later) as app:
        (request,) = app.inbox("lead")
        app.approve(request, by="lea")
        run = app.resume(run.id)
        assert (run.end, len(later.prompts)) == ("answered", 1)


CHILD = """
import os, signal, sys
from pathlib import Path
from examples.support_desk import Office
from guideway.testing import ScriptedModel
from tests.examples.test_support_desk import REFUND, answers, opened

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Deadly(Office):
    def does(self, deed, about, key):
        if where == "after the deed":
            super().does(deed, about, key)
        die()

def dies(prompt):
    return die() if prompt.startswith("You are billing. Answer") else answers(REFUND)(prompt)

for where in sys.argv[2:]:  # a process for each, of one that has only imported
    folder = Path(sys.argv[1]) / where
    pid = os.fork()
    if pid == 0:
        office = Office(folder / "book") if where == "in the model" else Deadly(folder / "book")
        with opened(folder, ScriptedModel(dies), office) as app:
            app.approve(app.inbox("lead")[0], by="lea")
            app.resume("case")
        os._exit(0)
    print(-os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""

PLACES = ("before the deed", "after the deed", "in the model")


def test_kill_9_inside_billing_loses_nothing_and_pays_once(tmp_path: Path) -> None:
    """Killed around the payment, or while the reply is written: the next process goes on there; it is paid once."""
    for place in PLACES:
        (tmp_path / place).mkdir()
        with opened(tmp_path / place, REFUND) as app:
            app.start(TWICE, run_id="case", by="web")
    child = [sys.executable, "-c", CHILD, str(tmp_path), *PLACES]
    told = subprocess.run(child, cwd=ROOT, check=True, timeout=60, capture_output=True, text=True)
    assert told.stdout.split() == [str(int(signal.SIGKILL))] * len(PLACES)
    for place in PLACES:
        office, later = Office(tmp_path / place / "book"), model({"You are billing. Answer": "It is paid back."})
        assert office.deeds() == ([] if place == "before the deed" else ["paid back c-2"]), place
        with opened(tmp_path / place, later, office) as app:
            run = app.resume("case")
            assert (run.end, run.state.reply) == ("answered", "It is paid back."), place
            assert office.deeds() == ["paid back c-2"], place
            assert len(later.prompts) == 1, place


def test_an_unproved_death_of_a_reset_is_settled_by_a_person(tmp_path: Path) -> None:
    """A person who says that nothing was done lets the very call run that was approved."""
    script = {
        "Whose case": Triage(department="technical"),
        "You are a technician": ([("reset_device", {"port": 3})], [("close_fault", {"advice": "It works again."})]),
    }
    with opened(tmp_path, script, CutOff(tmp_path / "elsewhere")) as app:
        run = app.start(SILENT, by="web")
        app.approve(run.waiting[0], by="sam")
        assert app.resume(run.id).status == "parked"
    office = Office(tmp_path / "book")
    rest = {"You are a technician": [("close_fault", {"advice": "It works again."})]}
    with opened(tmp_path, rest, office) as app:
        app.settle(run.id, None, NOT_DONE, by="sam", note="that was the neighbour's")
        run = app.resume(run.id)
        assert (run.end, office.deeds()) == ("answered", ["reset port 3"])


def test_the_session_tells_the_whole_case(capsys: pytest.CaptureFixture[str]) -> None:
    """Triage errs, the technicians pass on, billing waits, the desk is closed and opened, and it is paid once."""
    assert main([]) == 0
    told = capsys.readouterr().out
    assert "technical: ended(not ours)" in told
    assert "closed, and opened again" in told
    assert "done in the world: ['paid back c-2']" in told
