"""Five hundred invoices: a weak model reads each, a strong one what does not add up, a person what both could not.

Every document is a flow of its own inside of one run, twenty of them at a time. What holds, whatever happens:

- a document counts as read only when its net amount and its tax add up to its total, whoever read them;
- documents that wait for a person hold up no other, and their questions are answered in any order, from any process;
- a document that is over is not read again, and a recorded answer of a model is not paid again: not after ``kill -9``;
- documents that nobody can read are listed; more than a twentieth of them stop the batch;
- the batch pays at most its budget over all its resumes, and when that is used up, what was read is the result.

Run it, offline and without a key:

    python -m examples.documents [--documents 500] [--store FILE] [--weak provider:name --strong provider:name]
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from guideway import (
    START,
    App,
    Budget,
    End,
    Flow,
    Item,
    Retry,
    Run,
    ask,
    at_most,
    compute,
    each,
    exists,
    failed,
    fields,
    on,
    some,
    think,
    when,
)
from guideway.testing import ScriptedModel
from guideway.testing.models import Prompt

# one document


class Document(BaseModel):
    """An invoice as it came in."""

    number: int
    text: str


class Amounts(BaseModel):
    """What an invoice says, in cents; None where it cannot be read."""

    net: int | None = Field(ge=0)
    tax: int | None = Field(ge=0)
    total: int | None = Field(ge=0)


class Invoice(BaseModel):
    """The state of one document's flow."""

    document: Document
    net: int | None = None
    tax: int | None = None
    total: int | None = None


RETRY = Retry(attempts=3)


@think(output=Amounts, model="weak", repairs=1, retry=RETRY, max_tokens=200)
def extract(document: Document) -> str:
    """The first try: most documents are easy."""
    return f"Read the net amount, the tax and the total of this invoice, in cents.\n\n{document.text}"


@think(output=Amounts, model="strong", repairs=1, retry=RETRY, max_tokens=500)
def extract_again(document: Document, net: int | None, tax: int | None, total: int | None) -> str:
    """The second try, which is told what was wrong with the first."""
    return (
        "Read the net amount, the tax and the total of this invoice, in cents. "
        f"A first reading, which does not add up, was net {net}, tax {tax}, total {total}.\n\n{document.text}"
    )


def what_it_says(document: Document, net: int | None, tax: int | None, total: int | None) -> str:
    """The question to the clerk."""
    return (
        f"What are the amounts of invoice {document.number}, in cents? Leave empty what nobody can read. "
        f"Both models read it and it does not add up; the last: net {net}, tax {tax}, total {total}.\n\n{document.text}"
    )


clerk = ask("clerk", what_it_says, name="clerk", form=Amounts)

i = fields(Invoice)
adds_up = (some(i.total) > 0) & (some(i.net) + some(i.tax) == some(i.total))  # three zeros add up too
slips = at_most(1)

read = End("read", succeeds_if=adds_up)
read_again = End("read on the second try", succeeds_if=adds_up)
read_by_clerk = End("read by the clerk", succeeds_if=adds_up)
unreadable = End("unreadable", verdict="failed")

document_flow = Flow(
    "document",
    state=Invoice,
    edges=[
        on(START, extract),
        on(extract, failed() >> extract_again, when(adds_up) >> read, extract_again),
        on(extract_again, failed() >> clerk, when(adds_up) >> read_again, clerk),
        on(clerk, when(adds_up) >> read_by_clerk, when(exists(i.total), slips) >> clerk, unreadable),
    ],
)  # no budget of its own: its edges bound its steps, and the batch's budget binds in here too


# the batch


class Summary(BaseModel):
    """What came of a batch."""

    documents: int
    by_end: dict[str, int]
    total: int
    failures: list[str]


class Batch(BaseModel):
    """The state of the run."""

    documents: list[Document]
    invoices: list[Item[Invoice]] = Field(default_factory=list[Item[Invoice]])
    summary: Summary | None = None


@compute(writes="summary")
def summarise(documents: list[Document], invoices: list[Item[Invoice]]) -> Summary:
    """Adds up what was read, and lists what was not."""
    return Summary(
        documents=len(documents),
        by_end=dict(Counter(item.end or "not read" for item in invoices)),
        total=sum(item.value.total or 0 for item in invoices if item.value is not None),
        failures=[
            f"{documents[item.index].number}: {item.failure.message}" for item in invoices if item.failure is not None
        ],
    )


done = End("done")
stopped = End("stopped", verdict="partial")

BATCH = Budget(usd=20.0, tokens=2_000_000, steps=5_000, keep=Budget(steps=1))


def batch(budget: Budget = BATCH, *, unreadable: float = 0.05, at_once: int = 20) -> Flow[Batch]:
    """The flow of a batch.

    Args:
        budget: for the whole batch, in all its processes and resumes.
        unreadable: how many documents may be unreadable before the batch stops: a share, or a count.
        at_once: how many documents are worked on at a time; those that wait for the clerk do not count.
    """
    read_all = each(
        document_flow, name="read all", item="document", over="documents", into="invoices", at_once=at_once,
        tolerate=unreadable,
    )  # fmt: skip
    what_there_is = summarise.named("list what there is")
    return Flow(
        "documents",
        state=Batch,
        edges=[
            on(START, read_all),
            on(read_all, failed() >> what_there_is, summarise),
            on(summarise, done),
            on(what_there_is, stopped),
        ],
        budget=budget,
        on_exhausted=what_there_is,
    )


documents = batch()


# a batch that is made up, and models that read it offline

SMUDGED, TORN, LOST = 0.2, 0.12, 0.01
"""The shares of documents that the weak model misreads, that both models misread, and that nobody can read."""

_AMOUNT = re.compile(r"(net|tax|total) (\S+) EUR", re.IGNORECASE)


def some_documents(count: int, *, seed: int = 1) -> tuple[list[Document], dict[int, Amounts]]:
    """Invoices, and what a person reads on each: nothing, where it is lost.

    Args:
        count: how many.
        seed: of the random numbers: the same seed gives the same documents.
    """
    chance = random.Random(seed)
    made: list[Document] = []
    truth: dict[int, Amounts] = {}
    for number in range(1, count + 1):
        net = chance.randrange(1_000, 90_000)
        tax = net * 19 // 100
        amounts = [f"{cents // 100}.{cents % 100:02d}" for cents in (net, tax, net + tax)]
        kind = chance.random()
        known = Amounts(net=net, tax=tax, total=net + tax)
        if kind < LOST:
            amounts, known = ["?", "?", "?"], Amounts(net=None, tax=None, total=None)
        elif kind < LOST + TORN:
            amounts[2] = f"#{amounts[2][1:]}"
        elif kind < LOST + TORN + SMUDGED:
            amounts[0] = f"{amounts[0][:-2]}O{amounts[0][-1]}" if amounts[0][-2] == "0" else f"~{amounts[0]}"
        text = "Invoice {} of Alder & Sons. Net {} EUR, tax {} EUR, total {} EUR.".format(number, *amounts)
        made.append(Document(number=number, text=text))
        truth[number] = known
    return made, truth


def weak_reply(prompt: Prompt) -> Amounts:
    """Reads clean digits; takes the rest for a zero."""
    return _reading(prompt, smudges={})


def strong_reply(prompt: Prompt) -> Amounts:
    """Reads smudged digits too; what is torn off it takes for a zero."""
    return _reading(prompt, smudges={"O": "0", "~": ""})


def _reading(prompt: Prompt, smudges: dict[str, str]) -> Amounts:
    found: dict[str, int | None] = {}
    for name, said in _AMOUNT.findall(prompt.rpartition("\n\n")[2]):
        letters = [smudges.get(letter, letter) for letter in str(said)]
        clear = re.fullmatch(r"(\d+)\.(\d\d)", "".join(letters))
        found[name.lower()] = int(clear[1] + clear[2]) if clear else 0
    return Amounts.model_validate(found)


# a session


def watched(app: App[Batch], given: Batch | str, *, run_id: str, by: str | None = None, every: int = 100) -> Run[Batch]:
    """Starts a batch or goes on with it, and prints how far it is while it works.

    Args:
        app: the app.
        given: the documents; the run's id to go on.
        run_id: the run's id.
        by: who starts it.
        every: after how many documents a line is printed.
    """
    begin = None if isinstance(given, str) else run_id
    over = asked = 0
    for event in app.stream(given, run_id=begin, by=by):
        if event.kind == "asked":
            asked += 1
        elif event.kind == "ended" and event.body.get("branch"):  # the flow of a document, not the run's own
            over += 1
            if over % every == 0:
                print(f"  {over} documents over, {asked} questions")
    run = app.get(run_id)
    print(f"{run.status}: {over} more documents over, {len(run.waiting)} questions open, {run.spent.calls} calls paid")
    return run


def answer_some(app: App[Batch], run: Run[Batch], truth: dict[int, Amounts], count: int, chance: random.Random) -> int:
    """A clerk answers some of the open questions, in no order; gives how many.

    Args:
        app: any app of the flow on the same store, in any process.
        run: the run.
        truth: what the clerk reads, by the document's number.
        count: how many to answer.
        chance: which ones, and in which order.
    """
    questions = chance.sample(run.waiting, min(count, len(run.waiting)))
    for question in questions:
        asked = re.search(r"invoice (\d+)", question.question)
        assert asked is not None
        app.answer(question, truth[int(asked[1])], by="ann")
    return len(questions)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads a batch that is made up, answers its questions, and prints what came of it.

    Args:
        arguments: the command line; by default this process's.

    Returns:
        0 where the batch was read to its end, 1 where it stopped before.
    """
    options = _parser().parse_args(arguments)
    given, truth = some_documents(options.documents)
    models: dict[str, Any] = {
        "weak": options.weak or ScriptedModel(weak_reply),
        "strong": options.strong or ScriptedModel(strong_reply),
    }
    with documents.compile(store=options.store, models=models, roles={"clerk": {"ann"}}) as app:
        run = watched(app, Batch(documents=given), run_id="batch", by="post room")
        while run.status == "waiting":
            print(f"the clerk answers {answer_some(app, run, truth, 25, random.Random(7))} of them")
            run = watched(app, run.id, run_id=run.id)
    found = run.state.summary
    if found is None:
        print(run.error)
        return 1
    print(f"{run.end}: {found.documents} documents, {found.total / 100:,.2f} EUR, {found.by_end}")
    for line in found.failures:
        print(f"  not read: {line}")
    return 0 if run.verdict == "success" else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.documents", description="A batch of invoices.")
    parser.add_argument("--documents", type=int, default=500, metavar="N", help="how many invoices to make up")
    parser.add_argument("--store", metavar="FILE", help="where the run lives; by default in memory")
    parser.add_argument("--weak", metavar="PROVIDER:NAME", help="a model for the first try; by default one offline")
    parser.add_argument("--strong", metavar="PROVIDER:NAME", help="a model for the second try; by default one offline")
    return parser


if __name__ == "__main__":
    sys.exit(main())
