"""Five hundred documents: both models, a person, failures listed, questions in any order, and a kill in the middle."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from examples.documents import (
    BATCH,
    Amounts,
    Batch,
    answer_some,
    batch,
    document_flow,
    extract,
    main,
    some_documents,
    strong_reply,
    watched,
    weak_reply,
)
from guideway import Budget
from guideway.errors import DecisionRefused
from guideway.testing import ScriptedModel
from tests.house import ROOT

ROLES = {"clerk": {"ann", "bea"}}


def opened(store: Path | None, *, weak: Any = weak_reply, strong: Any = strong_reply, **options: Any) -> Any:
    """An app of the flow, with models that count."""
    models = {"weak": ScriptedModel(weak), "strong": ScriptedModel(strong)}
    return batch(options.pop("budget", BATCH), **options).compile(store=store, models=models, roles=ROLES)


def number_of(text: str) -> int:
    """Which document a prompt or a question is about."""
    found = re.search(r"[Ii]nvoice (\d+)", text)
    assert found is not None
    return int(found[1])


def over(app: Any, run_id: str) -> set[int]:
    """The numbers of the documents whose flow came to an end, by the journal."""
    paths = (event.body.get("branch", "") for event in app.get(run_id).events if event.kind == "ended")
    return {int(path.rpartition("i")[2]) + 1 for path in paths if path}


def test_five_hundred_documents_are_read_by_three_readers_and_what_nobody_reads_is_listed():
    """Each document is over once, by whoever could read it; the models are asked once for each; failures are listed."""
    given, truth = some_documents(500)
    lost = [number for number, known in truth.items() if known.total is None]
    asked: list[str] = []

    def weak(prompt: Any) -> Amounts:
        asked.append(f"weak {number_of(prompt)}")
        return weak_reply(prompt)

    def strong(prompt: Any) -> Amounts:
        asked.append(f"strong {number_of(prompt)}")
        return strong_reply(prompt)

    with opened(None, weak=weak, strong=strong) as app:
        run = app.start({"documents": given}, by="post room")
        assert run.status == "waiting"
        assert len(run.waiting) == 73
        rounds = 0
        while run.status == "waiting":
            before = over(app, run.id)
            count = answer_some(app, run, truth, 20, random.Random(rounds))
            run = app.resume(run.id)
            rounds += 1
            assert len(over(app, run.id)) == len(before) + count, "each answer brings its document to its end"
    assert (run.verdict, run.end, rounds) == ("success", "done", 4)
    found = run.state.summary
    assert found.by_end == {"read": 335, "read on the second try": 92, "read by the clerk": 68, "unreadable": 5}
    assert [number_of(f"invoice {line}") for line in found.failures] == lost
    assert found.total == sum(known.total or 0 for known in truth.values())
    assert [item.index for item in run.state.invoices] == list(range(500))
    assert set(Counter(asked).values()) == {1}
    assert run.spent.calls == len(asked) == 665


def test_questions_are_answered_in_any_order_by_another_app_and_another_process(tmp_path):
    """Whoever has the store and the role may answer, the last question first; each answer reaches its own document."""
    store = tmp_path / "runs.db"
    given, truth = some_documents(60)
    with opened(store) as app, opened(store) as other:
        run = app.start({"documents": given}, by="post room")
        questions = [*reversed(run.waiting)]
        first, rest = questions[:3], questions[3:]
        code = (
            "import sys; from tests.examples.test_documents import *\n"
            "truth = some_documents(60)[1]\n"
            "with opened(sys.argv[1]) as app:\n"
            "    for request in app.inbox('clerk'):\n"
            "        if request.id in sys.argv[2:]: app.answer(request, truth[number_of(request.question)], by='bea')\n"
        )
        ids = [question.id for question in first]
        subprocess.run([sys.executable, "-c", code, str(store), *ids], cwd=ROOT, check=True)
        for question in rest[: len(rest) // 2]:
            other.answer(question, truth[number_of(question.question)], by="ann")
        run = app.resume(run.id)
        assert {question.id for question in run.waiting} == {question.id for question in rest[len(rest) // 2 :]}
        with pytest.raises(DecisionRefused, match="consumed"):
            other.answer(first[0], truth[number_of(first[0].question)], by="ann")
        for question in run.waiting:
            other.answer(question, truth[number_of(question.question)], by="ann")
        run = app.resume(run.id)
    assert run.state.summary.by_end["read by the clerk"] == len(questions)
    for item in run.state.invoices:
        if item.end == "read by the clerk":
            assert Amounts(**item.value.model_dump(exclude={"document"})) == truth[item.index + 1]


CHILD = """
import os, signal, sys
from tests.examples.test_documents import *
log = open(sys.argv[2], "a", buffering=1)
def counted(name, reply, left=[int(sys.argv[3])]):
    def answer(prompt):
        log.write(f"{name} {number_of(prompt)}\\n")
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply(prompt)
    return answer
with opened(sys.argv[1], weak=counted("weak", weak_reply), strong=counted("strong", strong_reply)) as app:
    app.start({"documents": some_documents(500)[0]}, run_id="batch", by="post room")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the death of a process is proved by /proc")
def test_after_a_kill_nothing_that_was_answered_is_paid_again(tmp_path):
    """kill -9 at the 300th call: what is over is not touched; of the rest only calls under way are paid twice."""
    store, log = tmp_path / "runs.db", tmp_path / "calls.log"
    child = subprocess.run([sys.executable, "-c", CHILD, str(store), str(log), "300"], cwd=ROOT, check=False)
    assert child.returncode == -signal.SIGKILL
    before = Counter(log.read_text().split("\n")[:-1])
    assert before.total() == 300
    after: Counter[str] = Counter()

    def counted(name: str, reply: Any) -> Any:
        def answer(prompt: Any) -> Any:
            after[f"{name} {number_of(prompt)}"] += 1
            return reply(prompt)

        return answer

    truth = some_documents(500)[1]
    with opened(store, weak=counted("weak", weak_reply), strong=counted("strong", strong_reply)) as app:
        done = over(app, "batch")
        assert len(done) > 150
        run = app.resume("batch")
        while run.status == "waiting":
            answer_some(app, run, truth, 100, random.Random(1))
            run = app.resume(run.id)
    assert (run.verdict, run.state.summary.documents) == ("success", 500)
    assert not {call for call in after if int(call.split()[1]) in done}
    twice = before & after
    assert twice.total() <= 20, "only calls that were under way when the process died"
    assert (before + after).total() == 665 + twice.total()
    assert max((before + after).values()) <= 2
    assert run.spent.calls == 665 + twice.total(), "what the killed process had begun is in the budget"


def test_the_flow_is_checked_and_a_node_is_its_function():
    """Nothing is found in either flow but that an order matters; a node's unit test is a plain call."""
    assert {item.code for flow in (batch(), document_flow) for item in flow.check().findings} == {"F205"}
    given, _ = some_documents(1)
    assert given[0].text in extract(document=given[0])


@pytest.mark.parametrize("broken", [ValueError("no such model"), "not what was asked for", {"net": -1, "tax": 0}])
def test_a_document_that_a_model_fails_on_goes_to_the_next_reader(broken):
    """An error, and an answer that does not fit, lead where amounts lead that do not add up: at last to the clerk."""
    made, truth = some_documents(12)
    given = [document for document in made if "#" not in document.text]  # torn: the strong model cannot read it
    count = len(given)
    with opened(None, weak=lambda prompt: broken) as app:
        run = app.start({"documents": given}, by="post room")
        assert run.status == "ended"
        assert run.state.summary.by_end == {"read on the second try": count}
    with opened(None, weak=lambda prompt: broken, strong=lambda prompt: broken) as app:
        run = app.start({"documents": given}, by="post room")
        assert len(run.waiting) == count
        answer_some(app, run, truth, count, random.Random(1))
        assert app.resume(run.id).state.summary.by_end == {"read by the clerk": count}


def test_a_clerk_who_slips_is_asked_once_more():
    """Amounts that do not add up are asked for again; the second time the document counts as unreadable."""
    given, truth = some_documents(20)
    with opened(None, unreadable=1) as app:
        run = app.start({"documents": given}, by="post room")
        good, bad = run.waiting
        for question in (good, bad):
            app.answer(question, Amounts(net=1, tax=1, total=3), by="ann")
        run = app.resume(run.id)
        assert [number_of(question.question) for question in run.waiting] == [
            number_of(question.question) for question in (good, bad)
        ]
        app.answer(run.waiting[0], truth[number_of(good.question)], by="ann")
        app.answer(run.waiting[1], Amounts(net=1, tax=1, total=3), by="ann")
        run = app.resume(run.id)
    assert run.end == "done"
    assert run.state.summary.failures == [
        f"{number_of(bad.question)}: flow 'document' ended at 'unreadable', which is a failure"
    ]


def test_who_is_no_clerk_does_not_answer():
    """A name without the role is refused, and so is an answer that does not fit the form."""
    given, truth = some_documents(20)
    with opened(None) as app:
        run = app.start({"documents": given}, by="post room")
        question = run.waiting[0]
        with pytest.raises(DecisionRefused, match="does not hold the role 'clerk'"):
            app.answer(question, truth[number_of(question.question)], by="mallory")
        with pytest.raises(DecisionRefused, match="total"):
            app.answer(question, {"net": 1, "tax": 1, "total": -2}, by="ann")


def test_more_unreadable_documents_than_are_tolerated_stop_the_batch_with_what_was_read():
    """The rest is not begun, open questions are withdrawn, and the summary says of each document what is known."""
    given, _ = some_documents(120)
    with opened(None, unreadable=1, at_once=4) as app:
        run = app.start({"documents": given}, by="post room")
        questions = len(run.waiting)
        for question in run.waiting[:2]:
            app.answer(question, Amounts(net=None, tax=None, total=None), by="ann")
        run = app.resume(run.id)
        assert (run.end, run.verdict, run.waiting) == ("stopped", "partial", [])
        assert not app.inbox("clerk")
    found = run.state.summary
    assert found.documents == 120
    assert len(found.failures) == questions
    assert sum("is a failure" in line for line in found.failures) == 2


@pytest.mark.parametrize("budget", [Budget(tokens=3_000), Budget(calls=50), Budget(steps=40, keep=Budget(steps=1))])
def test_when_the_budget_ends_what_was_read_is_the_result(budget):
    """No call is sent that it does not cover, nobody is asked in place of the models, and the rest is listed."""
    given, _ = some_documents(120)
    asked: list[str] = []

    def weak(prompt: Any) -> Amounts:
        asked.append(prompt)
        return weak_reply(prompt)

    with opened(None, weak=weak, budget=budget) as app:
        run = app.start({"documents": given}, by="post room")
    assert (run.status, run.end, run.verdict) == ("ended", "stopped", "partial")
    assert run.waiting == []
    for kind in ("tokens", "calls", "steps"):
        assert getattr(budget, kind) is None or getattr(run.spent, kind) <= getattr(budget, kind)
    found = run.state.summary
    assert 0 < found.by_end["read"] < 120
    assert found.documents == 120
    assert len(found.failures) + found.by_end["read"] + found.by_end.get("read on the second try", 0) == 120


def test_progress_is_seen_while_the_run_works(capsys):
    """Lines come as documents are over, before the run rests."""
    given, _ = some_documents(60)
    with opened(None) as app:
        run = watched(app, Batch(documents=given), run_id="b", by="post room", every=20)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" documents")[0].strip() for line in lines[:2]] == ["20", "40"]
    assert lines[-1].startswith(f"waiting: {60 - len(run.waiting)} more documents over, {len(run.waiting)} questions")


def test_the_session_runs_offline(capsys):
    """The command reads a small batch to its end and says what came of it."""
    assert main(["--documents", "60"]) == 0
    assert "done: 60 documents" in capsys.readouterr().out
