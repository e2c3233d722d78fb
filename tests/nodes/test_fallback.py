"""A line of models: which failures go to the next model, which do not, and what is paid once."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from guideway import START, Budget, End, Flow, on, think
from guideway.guards.outcomes import CATEGORIES, TRANSIENT
from guideway.guards.retry import Retry
from guideway.nodes.calls import CallFailed
from guideway.nodes.execution import execute
from guideway.nodes.models import Models
from guideway.nodes.outcome import ErrorRecord
from guideway.testing.models import ScriptedModel
from tests.nodes.world import Reading, Recorder, Ticket

GOOD = Reading(intent="refund", confidence=0.9)


def prompt(message: str) -> str:
    return message


read = think(prompt, output=Reading, repairs=1)


def failing(category: str) -> CallFailed:
    return CallFailed(ErrorRecord(category, "Failed", category))


def line(first: list[Any], second: list[Any]) -> tuple[ScriptedModel, ScriptedModel]:
    return ScriptedModel(first, name="weak"), ScriptedModel(second, name="strong")


@pytest.mark.parametrize("category", CATEGORIES)
def test_only_what_failed_in_passing_goes_to_the_next_model(category):
    """Each category of failure either asks the next model, or is the step's and asks nobody."""
    weak, strong = line([failing(category)], [GOOD])
    outcome = read.run(Ticket(), models={"default": [weak, strong]})
    if category in TRANSIENT:
        assert outcome.update["intent"] == "refund"
        assert [call["model"] for call in outcome.calls] == ["weak", "strong"]
        assert outcome.calls[0]["error"]["category"] == category
        assert outcome.calls[1]["output_tokens"] > 0
    else:
        assert outcome.error.category == category
        assert strong.prompts == []


def test_an_answer_that_does_not_fit_is_repaired_and_not_passed_on():
    """A wrong answer is shown to the same model again; when repairs end, the step fails and no other model is asked."""
    weak, strong = line(["no", "neither"], [GOOD])
    outcome = read.run(Ticket(), models={"default": [weak, strong]})
    assert outcome.error.category == "invalid_output"
    assert (len(weak.prompts), len(strong.prompts)) == (2, 0)


def test_a_repair_begins_with_the_first_model():
    """What the second model answered wrong is repaired by the first, if that can be reached again."""
    weak, strong = line([failing("timeout"), GOOD], ["no"])
    outcome = read.run(Ticket(), models={"default": [weak, strong]})
    assert [call["model"] for call in outcome.calls] == ["weak", "strong", "weak"]
    assert outcome.kind == "ok"
    assert "Your answer does not fit" in weak.prompts[1]


def test_a_refusal_is_not_passed_on():
    """A model that refuses has answered: asking around for one that does not is the author's to say."""
    refusal = AIMessage("", response_metadata={"finish_reason": "content_filter"})
    weak, strong = line([refusal], [GOOD])
    assert read.run(Ticket(), models={"default": [weak, strong]}).error.category == "model_refused"
    assert strong.prompts == []


def test_a_retry_goes_along_the_whole_line_again():
    """retry= tries the line, not the last model alone."""
    weak, strong = line([failing("timeout"), failing("timeout")], [failing("rate_limited"), GOOD])
    node = think(prompt, output=Reading, retry=Retry(attempts=2, pause=0.001))
    outcome = node.run(Ticket(), models={"default": [weak, strong]})
    assert [call["model"] for call in outcome.calls] == ["weak", "strong", "weak", "strong"]
    assert (outcome.kind, outcome.attempts, outcome.spent.calls) == ("ok", 2, 4)


@pytest.mark.parametrize(
    ("choice", "slots"),
    [
        ("default", {"default": ["weak", "strong"]}),
        (["weak", "strong"], {}),
        (["first", "strong"], {"first": "weak"}),
        (["first"], {"first": ["weak", "second"], "second": "strong"}),
    ],
)
def test_a_line_is_said_at_the_node_or_in_the_slots(choice, slots):
    """A list may stand at the node, in a slot, or in both, and slots may name slots."""
    weak, strong = line([failing("timeout")], [GOOD])
    models = {"weak": weak, "strong": strong, **slots}
    outcome = think(prompt, output=Reading, model=choice).run(Ticket(), models=models)
    assert [call["model"] for call in outcome.calls] == ["weak", "strong"]


async def test_neither_answers_nor_failures_are_asked_for_twice():
    """Over the same record, the failure of the first model and the answer of the second are what they were."""
    weak, strong = line([failing("timeout")], [GOOD])
    recorder, models = Recorder(), Models({"default": [weak, strong]})
    first = await execute(read, Ticket(), calls=recorder, models=models)
    second = await execute(read, Ticket(), calls=recorder, models=models)
    assert first == second
    assert (len(weak.prompts), len(strong.prompts)) == (1, 1)


class Asked(BaseModel):
    message: str = "hi"
    intent: str | None = None
    confidence: float = 0.0


def test_a_run_goes_on_after_a_crash_with_the_next_model(tmp_path):
    """The first model's failure is in the journal: after a crash the run asks the second, and the first no more."""

    class Crash(BaseException):
        pass

    done = End("done")
    flow = Flow("f", state=Asked, edges=[on(START, read), on(read, done)], budget=Budget(calls=9), on_exhausted=done)
    weak, dying = line([failing("timeout")], [Crash("power cut")])
    app = flow.compile(store=tmp_path / "runs.db", models={"default": [weak, dying]})
    with app, pytest.raises(Crash, match="power cut"):
        app.start({}, run_id="r")
    weak, strong = line([], [GOOD])
    with flow.compile(store=tmp_path / "runs.db", models={"default": [weak, strong]}) as app:
        run = app.resume("r")
        assert (run.status, run.state.intent) == ("ended", "refund")
        step = next(event for event in app.store.events("r") if event.kind == "step")
        assert [call["model"] for call in step.body["calls"]] == ["weak", "strong"]
    assert weak.prompts == []
