"""The research agent: its rounds, its failed searches, its budget, and the summary that is paid for when it ends."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from examples.deep_research import (
    BUDGET,
    KEEP,
    LIBRARY,
    SUMMARY_ANSWER,
    SUMMARY_PROMPT,
    Critique,
    Page,
    Plan,
    Source,
    actor,
    library,
    main,
    research,
    research_flow,
    search,
    summarise,
)
from guideway import App, Budget, Failure, Item, ToolError
from guideway.testing import ScriptedModel

QUESTION = {"question": "Are they ready for cars?"}


class Engine:
    """A search engine that finds a page for every query, but for what it is told; it counts what it is asked."""

    def __init__(self, **faults: list[BaseException]) -> None:
        self.faults = faults
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, query: str) -> Page:
        with self.lock:
            self.asked[query] += 1
            fault = self.faults.get(query, [])
            error = fault.pop(0) if fault else None
        if error is not None:
            raise error
        return Page(url=f"{query}.example", text=f"fact about {query}")


class Crash(BaseException):
    """Ends the process, as far as a run can tell."""


def planner(*rounds: list[str], accept: bool = True) -> Callable[[str], object]:
    """A model that plans the first round, and as a critic asks for the others; at last it accepts, or asks on."""
    left = [list(queries) for queries in rounds]

    def reply(prompt: str) -> object:
        if prompt.startswith("Give up to six"):
            return Plan(queries=left.pop(0))
        if prompt.startswith("Does the report"):
            if left:
                return Critique(verdict="search again", criticism="more", queries=left.pop(0))
            verdict = "accept" if accept else "search again"
            return Critique(verdict=verdict, criticism="enough" if accept else "more", queries=[] if accept else ["z"])
        return "summary" if prompt.startswith("The research was cut short") else "report"

    return reply


def made(model: ScriptedModel, engine: object, store: Path | None = None, budget: Budget = BUDGET) -> App:
    return research_flow(budget).compile(store=store, models={"default": model}, deps=engine)


def test_the_session_of_the_page_is_accepted_after_two_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    """What ``python -m`` prints: a search that failed, a critic that asks again, an accepted report."""
    assert main([]) == 0
    out = capsys.readouterr().out
    assert out.count("searches: ok") == 2
    assert "search[3]: failed" in out
    assert "success (accepted)" in out


def test_the_flow_is_checked_and_bounded() -> None:
    """No finding; the checker knows how many steps three rounds of six searches are."""
    report = research.check(strict=True)
    assert report.ok
    assert [found for found in report.findings if found.severity != "fact"] == []
    assert report.facts.max_steps is not None
    assert report.facts.max_steps < 60


def test_a_flaky_search_is_tried_again() -> None:
    """Two passing errors, then an answer: the page is there, and the tries are counted."""
    engine = Engine(a=[ConnectionError("reset"), TimeoutError("slow")])
    with made(ScriptedModel(planner(["a", "b"])), engine) as app:
        run = app.start(QUESTION)
        assert run.end == "accepted"
        assert {source.query for source in run.state.sources} == {"a", "b"}
        assert engine.asked == {"a": 3, "b": 1}


def test_what_no_search_found_is_told_to_the_writer() -> None:
    """Half of a round may fail; the report's prompt names the queries that did, and nothing is made of them."""
    engine = Engine(b=[ToolError("nothing")], d=[ToolError("nothing")])
    model = ScriptedModel(planner(["a", "b", "c", "d"]))
    with made(model, engine) as app:
        run = app.start(QUESTION)
    assert run.end == "accepted"
    assert [source.query for source in run.state.sources] == ["a", "c"]
    assert run.state.missed == ["b (declined)", "d (declined)"]
    written = next(prompt for prompt in model.prompts if prompt.startswith("Answer the question"))
    assert "b (declined); d (declined)" in written


def test_when_most_searches_fail_what_there_is_is_summed_up() -> None:
    """More than half failed: the summary names the page that was found, and the run ends partial, not failed."""
    engine = Engine(b=[ToolError("down")], c=[ToolError("down")])
    model = ScriptedModel(planner(["a", "b", "c"]))
    with made(model, engine) as app:
        run = app.start(QUESTION)
    assert (run.verdict, run.end, run.state.report) == ("partial", "summed up", "summary")
    assert "[a.example] fact about a" in model.prompts[-1]
    assert "b (declined); c (declined)" in model.prompts[-1]


def test_a_second_round_searches_anew_even_for_the_same_query() -> None:
    """Items of one round are not taken for those of the next, though place and query are the same."""
    engine = Engine(b=[ToolError("not yet")])
    with made(ScriptedModel(planner(["a", "b"], ["a", "b"])), engine) as app:
        run = app.start(QUESTION)
    assert run.end == "accepted"
    assert engine.asked == {"a": 2, "b": 2}
    assert [source.query for source in run.state.sources] == ["a", "b"]


def test_there_are_three_rounds_at_most() -> None:
    """A critic who is never content is heard twice; the report then ends with gaps."""
    engine = Engine()
    with made(ScriptedModel(planner(["a"], ["b"], ["c"], ["d"], accept=False)), engine) as app:
        run = app.start(QUESTION)
    assert (run.verdict, run.end, run.state.report) == ("partial", "with gaps", "report")
    assert engine.asked == {"a": 1, "b": 1, "c": 1}


def test_a_critic_who_rambles_is_asked_again() -> None:
    """An answer that is no verdict is shown to the model once more, and costs no round."""
    replies = [Plan(queries=["a"]), "report", "Well, it depends.", Critique(verdict="accept", criticism="", queries=[])]
    model = ScriptedModel(replies)
    with made(model, Engine()) as app:
        assert app.start(QUESTION).end == "accepted"
    assert "Well, it depends." in model.prompts[-1]


def test_a_plan_of_too_many_queries_is_no_plan() -> None:
    """Seven queries are refused where the model answers, not where they are searched for."""
    with pytest.raises(ValidationError, match="at most 6"):
        Plan(queries=[str(n) for n in range(7)])
    model = ScriptedModel(lambda prompt: {"queries": [str(n) for n in range(7)]} if "six" in prompt else "summary")
    engine = Engine()
    with made(model, engine) as app:
        run = app.start(QUESTION)
    assert (run.end, engine.asked) == ("summed up", {})


@pytest.mark.parametrize(
    ("budget", "searched"),
    [
        (Budget(steps=5, keep=Budget(steps=1)), 2),
        (Budget(calls=5, keep=Budget(calls=2)), 2),
    ],
)
def test_a_budget_that_ends_in_the_middle_of_the_searches_pays_for_a_summary(budget: Budget, searched: int) -> None:
    """Two of six searches fit; both are in the summary's prompt, which is paid from what was kept."""
    engine = Engine()
    model = ScriptedModel(planner(["a", "b", "c", "d", "e", "f"]))
    with made(model, engine, budget=budget) as app:
        run = app.start(QUESTION)
        assert (run.verdict, run.end, run.state.report) == ("partial", "summed up", "summary")
        assert engine.asked.total() == searched
        prompt = model.prompts[-1]
        for query in "abcdef":
            assert (f"fact about {query}" in prompt) == (query in engine.asked)
        assert "e (exhausted)" in prompt or "e (cancelled)" in prompt
        assert run.spent.calls <= (budget.calls or run.spent.calls)


def test_rounds_before_are_in_the_summary_too() -> None:
    """The budget ends in the second round's searches: the summary has the first round's pages once, and the new one."""
    engine = Engine()
    model = ScriptedModel(planner(["a", "b"], ["c", "d", "e"]))
    steps = 1 + 6 + 2  # the plan; two searches, their list, collect, write, criticise; the next list and one search
    budget = Budget(steps=steps + 1, keep=Budget(steps=1))
    with made(model, engine, budget=budget) as app:
        run = app.start(QUESTION)
    prompt = model.prompts[-1]
    assert run.end == "summed up"
    assert [prompt.count(f"fact about {query}") for query in "abcde"] == [1, 1, 1, 0, 0]
    assert engine.asked == {"a": 1, "b": 1, "c": 1}


def test_tokens_that_end_pay_for_a_summary_and_no_more() -> None:
    """The report does not fit any more; the summary does, and the run spends no token beyond its budget."""
    engine = Engine()
    assert KEEP.tokens is not None
    tokens = 2_400 + KEEP.tokens
    model = ScriptedModel(planner(["a", "b"]), usage=(500, 100), price=0.01)
    with made(model, engine, budget=Budget(tokens=tokens, usd=1.0, keep=KEEP)) as app:
        run = app.start(QUESTION)
    assert (run.verdict, run.end) == ("partial", "summed up")
    assert [prompt.split()[0] for prompt in model.prompts] == ["Give", "The"]
    assert run.spent.tokens == 1_200
    assert run.spent.tokens <= tokens


def test_dollars_that_end_pay_for_a_summary() -> None:
    """A dear model: what is left of the dollars does not cover the report, and what was kept covers the summary."""
    model = ScriptedModel(planner(["a"]), usage=(500, 100), price=0.01)
    budget = Budget(usd=0.06, keep=Budget(usd=0.04))
    with made(model, Engine(), budget=budget) as app:
        run = app.start(QUESTION)
    assert (run.end, len(model.prompts)) == ("summed up", 2)
    assert run.spent.usd <= 0.06


def test_the_summary_fits_what_is_kept_however_much_was_found() -> None:
    """Its prompt is cut to its bound in bytes, whatever alphabet it is in; no token is shorter than a byte."""
    many = [Source(query=str(n), url=f"{n}.example", text="ü漢" * 5_000) for n in range(40)]
    found = [Item[Page](index=0, value=Page(url="new.example", text="x" * 9_000))]
    why = Failure(category="exhausted", message="no tokens left" * 99, node="searches")
    prompt = summarise("?" * 9_000, ["q" * 9_000], found, many, ["m" * 9_000], why)
    assert len(prompt.encode()) + 32 <= SUMMARY_PROMPT
    assert KEEP.tokens == SUMMARY_PROMPT + SUMMARY_ANSWER


def test_a_summary_that_fails_leaves_the_sources() -> None:
    """The model is down on the way out too: the run ends partial with what was found, and no report is made up."""

    def reply(prompt: str) -> object:
        return Plan(queries=["a"]) if prompt.startswith("Give up to six") else ConnectionError("down")

    with made(ScriptedModel(reply), Engine()) as app:
        run = app.start(QUESTION)
    assert (run.verdict, run.end, run.state.report) == ("partial", "sources only", None)
    assert [source.query for source in run.state.sources] == ["a"]


def test_another_process_searches_only_for_what_is_missing(tmp_path: Path) -> None:
    """The process dies in a search: the next one, on the same file, asks for no finished search and no plan again."""
    store = tmp_path / "runs.db"
    done = threading.Event()

    class Dying(Engine):
        def __call__(self, query: str) -> Page:
            if query == "c":
                assert done.wait(5)
                app.store.hook = die
            page = super().__call__(query)
            if self.asked.total() == 2:
                threading.Timer(0.1, done.set).start()
            return page

    def die(when: str, kinds: str) -> None:
        raise Crash("killed")

    first, model = Dying(), ScriptedModel(planner(["a", "b", "c"]))
    app = made(model, first, store)
    with pytest.raises(Crash, match="killed"):
        app.start(QUESTION, run_id="r")
    app.close()
    second = Engine()
    with made(model, second, store) as app:
        run = app.resume("r")
        assert run.end == "accepted"
        assert second.asked == {"c": 1}
        assert [source.query for source in run.state.sources] == ["a", "b", "c"]
    assert sum(prompt.startswith("Give") for prompt in model.prompts) == 1


def test_searches_run_side_by_side() -> None:
    """Four at a time: none of the first four answers before all four were asked."""
    together = threading.Barrier(4, timeout=5)

    def look_up(query: str) -> Page:
        together.wait()
        return Page(url=query, text=query)

    began = time.monotonic()
    with made(ScriptedModel(planner(["a", "b", "c", "d"])), look_up) as app:
        run = app.start(QUESTION)
    assert len(run.state.sources) == 4
    assert time.monotonic() - began < 5


def test_one_search_is_tested_alone() -> None:
    """A node is its function, and ``run`` is the step without the flow: here a query that the library lacks."""
    assert library(next(iter(LIBRARY))).url == "lab.example/cells"
    outcome = search.run({"query": "unknown"}, deps=library)
    assert outcome.kind == "failed"
    assert outcome.error is not None
    assert outcome.error.category == "declined"


def test_the_scripted_actor_sums_up_what_it_is_shown() -> None:
    """The session's model invents nothing: its summary holds exactly the facts of its prompt."""
    page = next(iter(LIBRARY.values()))
    assert actor(f"The research was cut short {page.text}") == f"Summary: {page.text}"
