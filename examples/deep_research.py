"""Deep research: plan, search side by side, write, let a critic ask for more; sum up when the budget ends.

A model makes search queries of a question. They run side by side; a search that fails is tried again, and up to half
of a round may fail for good. What came of it is written up, and a critic either accepts the report or gives new
queries: three rounds of searching at most. guideway guarantees that

- a finished search never runs again, in no later round and after no crash;
- the run spends no more than its budget, failed tries included, and part of the budget is kept for a summary: when
  the rest is used up, even in the middle of the searches, the asker still gets what was found by then, as ``partial``;
- the report's end says how good it is: accepted by the critic, with gaps after the last round, or partial.

``python -m examples.deep_research`` shows a session with scripted models, offline; ``--model provider:name`` asks a
real one, ``--searches 4`` makes the budget end in the middle of the searches.
"""

from __future__ import annotations

import argparse
import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from guideway import (
    START,
    App,
    Budget,
    Context,
    End,
    Failure,
    Flow,
    Item,
    Retry,
    Run,
    ToolError,
    at_most,
    compute,
    each,
    failed,
    fields,
    length,
    on,
    think,
    tool,
    when,
)
from guideway.testing import ScriptedModel

ROUNDS = 3
"""How often queries are searched for at most: once for the plan, then for what the critic misses."""

SUMMARY_PROMPT, SUMMARY_ANSWER = 6_000, 800
"""The summary's prompt in bytes and its answer in tokens, at most. No token is shorter than a byte, so both together
bound its price: ``keep`` holds exactly what the summary may need."""

Queries = Annotated[list[str], Field(max_length=6)]


class Page(BaseModel):
    """What a search gave."""

    url: str
    text: str


class Source(BaseModel):
    """A page, and the query that found it."""

    query: str
    url: str
    text: str


class Research(BaseModel):
    """One question, and what is known about it."""

    question: str
    queries: Queries = []
    found: list[Item[Page]] = []
    sources: Annotated[list[Source], operator.add] = []
    missed: Annotated[list[str], operator.add] = []
    report: str | None = None
    verdict: Literal["accept", "search again"] | None = None
    criticism: str = ""


class Plan(BaseModel):
    """What to search for first."""

    queries: Annotated[list[str], Field(min_length=1, max_length=6)]


class Critique(BaseModel):
    """What the critic thinks of a report."""

    verdict: Literal["accept", "search again"]
    criticism: str
    queries: Queries


class Collected(BaseModel):
    """What a round adds; its own list is emptied, so that nothing is told twice."""

    sources: list[Source]
    missed: list[str]
    found: list[Item[Page]] = []


@think(output=Plan, max_tokens=500)
def plan(question: str) -> str:
    """Makes the first queries."""
    return f"Give up to six web searches that together answer the question.\n\nQuestion: {question}"


@tool(effect="none", retry=Retry(attempts=3, pause="50ms"), timeout=5.0)
def search(query: str, context: Context) -> Page:
    """Searches, by whatever the app was given as ``deps``."""
    look_up: Callable[[str], Page] = context.deps
    return look_up(query)


searches = each(search, name="searches", item="query", over="queries", into="found", at_once=4, tolerate=0.5)


@compute
def collect(queries: list[str], found: list[Item[Page]], sources: list[Source]) -> Collected:
    """Puts the pages of a round beside those of earlier rounds, and notes what was not found."""
    known = {source.url for source in sources}
    fresh = [source for source in sourced(queries, found) if source.url not in known]
    return Collected(sources=fresh, missed=unanswered(queries, found))


@think(writes="report", max_tokens=2_000)
def write_up(question: str, sources: list[Source], missed: list[str], criticism: str) -> str:
    """Writes the report, the critic's wishes in mind."""
    return (
        f"Answer the question from these sources alone, and cite their addresses. Say what is not known.\n\n"
        f"Question: {question}\n\n{listed(sources)}\n\nNothing was found for: {'; '.join(missed) or 'no query'}\n\n"
        f"A critic said of the report before: {criticism or 'nothing yet'}"
    )


@think(output=Critique, max_tokens=700)
def criticise(question: str, report: str) -> str:
    """Accepts the report, or says what to search for."""
    return (
        "Does the report answer the question, each claim with its source? Accept it, or search again: then give "
        f"queries for what is missing.\n\nQuestion: {question}\n\nReport: {report}"
    )


@think(writes="report", max_tokens=SUMMARY_ANSWER)
def summarise(
    question: str,
    queries: list[str],
    found: list[Item[Page]],
    sources: list[Source],
    missed: list[str],
    failure: Failure,
) -> str:
    """Sums up what there is: what was collected, and what a round that was cut off had found so far."""
    whole = [*sources, *sourced(queries, found)]
    open_questions = [*missed, *unanswered(queries, found)]
    head = (
        "The research was cut short. Sum up in a few sentences what these sources say about the question, and "
        f"what stays open.\n\nCut short because: {cut(failure.message, 300)}\n\nQuestion: {cut(question, 1_000)}\n\n"
        f"Not answered: {cut('; '.join(open_questions), 700) or 'none'}\n\n"
    )
    return cut(head + listed(whole, each_at_most=400), SUMMARY_PROMPT - 100)


def sourced(queries: list[str], found: list[Item[Page]]) -> list[Source]:
    """The pages of a round, with the queries that found them."""
    return [
        Source(query=queries[item.index], url=item.value.url, text=item.value.text)
        for item in found
        if item.value is not None
    ]


def unanswered(queries: list[str], found: list[Item[Page]]) -> list[str]:
    """The queries of a round whose searches failed or were not begun, with the reason."""
    return [f"{queries[item.index]} ({item.failure.category})" for item in found if item.failure is not None]


def listed(sources: list[Source], each_at_most: int = 2_000) -> str:
    """Sources as a model reads them."""
    return "\n".join(f"[{source.url}] {cut(source.text, each_at_most)}" for source in sources)


def cut(text: str, size: int) -> str:
    """A text of at most so many bytes."""
    return text.encode()[:size].decode(errors="ignore")


KEEP = Budget(steps=1, calls=2, tokens=SUMMARY_PROMPT + SUMMARY_ANSWER, usd=0.05)
BUDGET = Budget(steps=60, calls=60, tokens=80_000, usd=0.50, keep=KEEP)

r = fields(Research)

accepted = End("accepted")
with_gaps = End("with gaps", verdict="partial")
summed_up = End("summed up", verdict="partial")
nothing_to_show = End("sources only", verdict="partial")


def research_flow(budget: Budget = BUDGET) -> Flow[Research]:
    """The flow.

    Args:
        budget: what a run may use up, with what is kept of it for the summary.
    """
    again = at_most(ROUNDS - 1)
    return Flow(
        "deep-research",
        state=Research,
        edges=[
            on(START, plan),
            on(plan, searches),
            on(searches, collect),
            on(collect, write_up),
            on(write_up, criticise),
            on(
                criticise,
                when(r.verdict == "accept") >> accepted,
                when(length(r.queries) > 0, again) >> searches,
                with_gaps,
            ),
            on(summarise, failed() >> nothing_to_show, summed_up),
        ],
        budget=budget,
        on_exhausted=summarise,
        on_failure=summarise,  # most searches failed, or a model did: what there is, is summed up too
    )


research = research_flow()


# a session, offline

LIBRARY = {
    "solid state battery energy density": Page(url="lab.example/cells", text="Lab cells reach 450 Wh/kg."),
    "solid state battery cycle life": Page(url="lab.example/cycles", text="600 cycles to 80% capacity."),
    "solid state battery series production": Page(url="news.example/plant", text="A pilot plant opens next year."),
    "solid state battery cost": Page(url="bank.example/cost", text="About 4 times the cost of today's cells."),
    "solid state battery charging at low temperature": Page(url="lab.example/cold", text="Slow below 0 degrees."),
}


def library(query: str) -> Page:
    """A search engine that knows five pages."""
    if query not in LIBRARY:
        raise ToolError(f"nothing was found for {query!r}")
    return LIBRARY[query]


def actor(prompt: str) -> object:
    """A scripted model that plays planner, writer and critic."""
    if prompt.startswith("Give up to six"):
        return Plan(queries=[*list(LIBRARY)[:3], "solid state battery rumours"])
    if prompt.startswith("Does the report"):
        if "4 times the cost" in prompt:
            return Critique(verdict="accept", criticism="Complete.", queries=[])
        return Critique(verdict="search again", criticism="Nothing on cost.", queries=list(LIBRARY)[3:])
    facts = " ".join(page.text for page in LIBRARY.values() if page.text in prompt)
    return f"Summary: {facts}" if prompt.startswith("The research was cut short") else f"Report: {facts}"


def told(run: Run[Research]) -> str:
    """A run in a few lines."""
    lines = [f"{step.number:3} {step.node}{_item(step.entry)}: {step.outcome}" for step in run.steps]
    spent = f"{run.spent.steps} steps, {run.spent.calls} calls, {run.spent.tokens} tokens"
    return "\n".join([*lines, f"{run.verdict} ({run.end}), {spent}", run.state.report or "no report"])


def _item(entry: dict[str, object] | None) -> str:
    return "" if entry is None else f"[{entry['index']}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one question and prints what happened.

    Args:
        arguments: the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(prog="python -m examples.deep_research", description="Deep research.")
    parser.add_argument("--question", default="Are solid state batteries ready for cars?")
    parser.add_argument("--model", help="a real model, provider:name; by default a scripted one")
    parser.add_argument("--searches", type=int, help="the budget ends after so many searches")
    options = parser.parse_args(arguments)
    flow = research
    if options.searches is not None:
        calls = 1 + options.searches  # the plan is a call too
        kept = Budget(steps=1, calls=2, tokens=KEEP.tokens)
        flow = research_flow(Budget(steps=60, calls=calls + 2, tokens=80_000, keep=kept))
    app: App[Research] = flow.compile(models={"default": options.model or ScriptedModel(actor)}, deps=library)
    with app:
        run = app.start({"question": options.question})
        print(told(run))
    return 0 if run.verdict in ("success", "partial") else 1


if __name__ == "__main__":
    raise SystemExit(main())
