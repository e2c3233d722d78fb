"""Flows that stand at many places, for the tests of the command line: branches, items, flows inside."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from guideway import START, Anyone, Context, End, Flow, Item, all_of, approval, compute, each, on, subflow, tool
from guideway.testing.models import ScriptedModel
from tests.torture import wide
from tests.torture.world import World


def _compiled(flow, store):
    folder = Path(store).absolute().parent
    model = ScriptedModel(lambda prompt: f"so much about {prompt[:20]}")
    return flow.compile(store=store, deps=World(folder), roles=Anyone(), models={"default": model})


def trip(store):
    """Branches, and branches in a branch; a person is asked in one."""
    return _compiled(wide.trip(), store)


def left(store):
    """A branch that fails while another waits."""
    return _compiled(wide.left(), store)


def items(store):
    """Items of a node twice over, approved ones, and a flow for every item."""
    return _compiled(wide.items(), store)


def departments(store):
    """A flow inside of a flow inside."""
    return _compiled(wide.departments(), store)


class Row(BaseModel):
    """One row of them."""

    row: int = 0
    word: str | None = None


class Rows(BaseModel):
    """A list, what came of it, and a word that a branch writes."""

    rows: list[int] = []
    out: list[Item[int]] = []
    read: list[Item[Row]] = []
    word: str | None = None


@compute
def square(row: int) -> int:
    """Fails for every seventh of a hundred."""
    if row % 100 == 7:
        raise ValueError(f"{row} is no good")
    return row * row


@tool(effect="once", stakes="low", timeout=5.0)
def ship(row: int) -> int:
    """Nobody knows what became of every third of ten."""
    if row % 10 == 3:
        raise ConnectionError(f"the line was cut at {row}")
    return row


@tool(effect="once", stakes="high", timeout=5.0)
def pay(row: int) -> int:
    """A person must say yes."""
    return row


done = End("done")


def _each(name, node, store, flow="rows"):
    over = each(node, name=name, item="row", over="rows", into="out", tolerate=1.0)
    return _compiled(Flow(flow, state=Rows, edges=[on(START, over), on(over, done)]), store)


def many(store):
    """An item a row, some of which fail."""
    return _each("squares", square, store)


def ships(store):
    """An item a row, some of which park."""
    return _each("ships", ship, store)


def pays(store):
    """An item a row, each with a request."""
    return _each("pays", approval("lead", name="pay gate") >> pay, store)


def pays_by_two(store):
    """An item a row, each with a request that needs two people."""
    return _each("pays", approval("lead", name="pay gate", quorum=2) >> pay, store)


@compute(writes="word")
def mend(context: Context, word: str | None) -> str:
    """Fails until somebody mends the world."""
    if not (context.deps.folder / "mended").exists():
        raise LookupError("it is broken")
    return "mended"


@compute(writes="word")
def speak(word: str | None) -> str:
    """Does not fail."""
    return "spoken"


@compute
def meet(read: list[Item[Row]], word: str | None) -> None:
    """Where the branches join."""


def fragile_flow():
    """An item fails in a branch, beside a flow inside that fails too."""
    row = Flow("row", state=Row, edges=[on(START, speak), on(speak, mend), on(mend, done)])
    over = each(row, name="reads", item="row", over="rows", into="read")
    once = Flow("once", state=Row, edges=[on(START, mend), on(mend, done)])
    inner = subflow(once, name="inner", writes={"word": "word"})
    return Flow(
        "fragile", state=Rows, edges=[on(START, all_of(over, inner)), on(over, meet), on(inner, meet), on(meet, done)]
    )


def later(store):
    """Fails before its items, until the world is mended."""
    over = each(square, name="squares", item="row", over="rows", into="out")
    return _compiled(Flow("later", state=Rows, edges=[on(START, mend), on(mend, over), on(over, done)]), store)


def fragile(store):
    """Fails at many places, and can be retried when the world is mended."""
    return _compiled(fragile_flow(), store)
