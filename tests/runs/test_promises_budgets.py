"""A budget is the run's: failed attempts and repairs count, a crash gives nothing back, and what is kept is kept."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import START, Budget, End, Flow, Retry, compute, fields, on, think, tool, when
from guideway.nodes.calls import ModelAnswer, ModelRequest
from tests.runs.desks import opened


class Sheet(BaseModel):
    n: int = 0
    text: str | None = None
    summary: str | None = None


class Number(BaseModel):
    n: int


@think(output=Number, repairs=2)
def guess(text: str | None) -> str:
    """A number."""
    return "Say a number."


@think(writes="text")
def write(n: int) -> str:
    """A text."""
    return f"Write about {n}."


@think(writes="summary", max_tokens=20)
def sum_up(n: int) -> str:
    """A summary."""
    return f"Sum up {n}."


@compute(writes="n")
def count(n: int) -> int:
    """One more."""
    return n + 1


@tool(effect="none", writes="text", retry=Retry(attempts=4, pause=0.001))
def fetch(n: int) -> str:
    """Fails."""
    raise ConnectionError("nobody answers")


DONE = End("done")


def one(node: Any, budget: Budget, **ways: Any) -> Flow[Sheet]:
    """A flow of one node."""
    return Flow("one", state=Sheet, edges=[on(START, node), on(node, DONE)], budget=budget, **ways)


def test_repairs_are_counted(tmp_path):
    """Answers that did not fit are calls, and their tokens are spent."""
    with opened(tmp_path, one(guess, Budget(steps=5, tokens=100_000)), ["no", "nor this", Number(n=4)]) as app:
        run = app.start({}, run_id="r")
        assert (run.state.n, run.spent.calls, run.spent.steps) == (4, 3, 1)
        answers = [event.body["value"] for event in run.events if event.kind == "result"]
        assert run.spent.tokens == sum(answer["input_tokens"] + answer["output_tokens"] for answer in answers)


def test_failed_attempts_are_counted(tmp_path):
    """Every attempt of a tool is a call, the failed ones too; so is every failed attempt of a model."""
    with opened(tmp_path, one(fetch, Budget(steps=5))) as app:
        run = app.start({}, run_id="r")
        assert (run.error.category, run.spent.calls, run.steps[0].attempts) == ("unavailable", 4, 4)


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_no_call_is_made_beyond_the_budget(tmp_path, calls):
    """Attempts and repairs stop where the calls are used up."""
    said: list[str] = []

    def model(prompt: str) -> str:
        said.append(prompt)
        return "nonsense"

    with opened(tmp_path, one(fetch, Budget(calls=calls))) as app:
        run = app.start({}, run_id="r")
        assert (run.error.category, run.spent.calls) == ("exhausted", calls)
    with opened(tmp_path, one(guess, Budget(calls=calls)), model) as app:
        run = app.start({}, run_id="s")
        assert run.error.category == ("exhausted" if calls < 3 else "invalid_output")
        assert (len(said), run.spent.calls) == (calls, calls)


def test_a_call_whose_bound_does_not_fit_is_not_sent(tmp_path):
    """A model call is sent only when its worst case fits: prompt and longest answer."""
    said: list[str] = []
    with opened(tmp_path, one(write, Budget(tokens=1_000)), lambda prompt: said.append(prompt) or "text") as app:
        run = app.start({}, run_id="r")
        assert said == []
        assert (run.error.category, run.spent.tokens) == ("exhausted", 0)
    with opened(tmp_path, one(sum_up, Budget(tokens=1_000)), lambda prompt: said.append(prompt) or "text") as app:
        assert app.start({}, run_id="s").verdict == "success"
        assert len(said) == 1


def test_what_is_kept_pays_the_way_out_and_nothing_else(tmp_path):
    """Work stops before what is kept; the way out for a used-up budget may spend it, once."""
    t = fields(Sheet)
    flow = Flow(
        "kept", state=Sheet,
        edges=[on(START, count), on(count, when(t.n < 1000) >> count, DONE), on(sum_up, End("out", verdict="partial"))],
        budget=Budget(steps=12, tokens=500, keep=Budget(steps=2, tokens=400)), on_exhausted=sum_up,
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
        assert (run.end, run.verdict, run.state.n, run.spent.steps) == ("out", "partial", 10, 11)
        assert run.state.summary == "an answer"
        assert [step.node for step in run.steps[-2:]] == ["count", "sum_up"]


def test_a_way_out_that_does_not_fit_ends_the_run(tmp_path):
    """When even what is kept does not cover the way out, the run ends failed, and goes in no circles."""
    t = fields(Sheet)
    flow = Flow(
        "poor", state=Sheet,
        edges=[on(START, count), on(count, when(t.n < 1000) >> count, DONE), on(write, End("out", verdict="partial"))],
        budget=Budget(steps=5, tokens=100, keep=Budget(steps=1)), on_exhausted=write,
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
        assert (run.verdict, run.end, run.error.category) == ("failed", None, "exhausted")


def test_a_reservation_that_a_crash_left_open_is_charged_whole(tmp_path):
    """After a crash in a model call its bound is spent, and the call that repeats it is spent too."""

    class Crash(BaseException):
        pass

    crashes = [True]

    class Model:
        name = "crashing"

        async def answer(self, request: ModelRequest) -> ModelAnswer:
            from langchain_core.messages import AIMessage

            if crashes.pop():
                crashes.append(False)
                raise Crash("in the middle")
            return ModelAnswer(AIMessage("text"), 10, 5, 0.0)

        def bound(self, request: ModelRequest) -> int:
            return 10

    flow = one(write, Budget(tokens=5_000))
    with flow.compile(store=tmp_path / "runs.db", models={"default": Model()}) as app:
        with pytest.raises(Crash, match="in the middle"):
            app.start({}, run_id="r")
        crashed = app.get("r")
        assert (crashed.status, crashed.spent.tokens, crashed.spent.calls) == ("running", 10 + 1024, 1)
        run = app.resume("r")
        assert (run.verdict, run.spent.tokens, run.spent.calls) == ("success", 10 + 1024 + 15, 2)


def test_a_provider_that_reports_more_than_it_was_allowed_ends_the_run(tmp_path):
    """More tokens than were reserved are a breach: recorded, charged, and the end of the run."""

    class Greedy:
        name = "greedy"

        async def answer(self, request: ModelRequest) -> ModelAnswer:
            from langchain_core.messages import AIMessage

            return ModelAnswer(AIMessage("text"), 10, 5_000, 0.0)

        def bound(self, request: ModelRequest) -> int:
            return 10

    with one(write, Budget(tokens=50_000)).compile(store=tmp_path / "runs.db", models={"default": Greedy()}) as app:
        run = app.start({}, run_id="r")
        assert (run.verdict, run.spent.tokens) == ("failed", 5_010)
        assert run.error.category == "exhausted"
        assert [event.body["used"] for event in run.events if event.kind == "breach"] == [5_010]


def test_spending_goes_on_over_resumes(tmp_path):
    """A budget is not started anew by a resume or a retry."""
    with opened(tmp_path, one(guess, Budget(calls=4)), lambda prompt: "nonsense") as app:
        assert app.start({}, run_id="r").error.category == "invalid_output"
        run = app.retry("r", by="ann")
        assert (run.error.category, run.spent.calls) == ("exhausted", 4)
        run = app.retry("r", by="ann")
        assert (run.error.category, run.spent.calls) == ("exhausted", 4)


def test_waiting_for_people_is_free(tmp_path):
    """Seconds are working time: what a person takes to decide is not spent."""
    from tests.runs.desks import begun, desk

    with desk(tmp_path) as app:
        request = begun(app).waiting[0]
        app._engine.store._clock = lambda: __import__("time").time() + 3600
        app.approve(request, by="ann")
        run = app.resume("r")
        assert run.verdict == "success"
        assert run.spent.seconds < 100
