"""Random flows that fan out, work on items and hold other flows, each with an oracle that says what it must come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Annotated, Any

from hypothesis import strategies as st
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Failure,
    Flow,
    Item,
    Refusal,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    ended,
    failed,
    fields,
    on,
    subflow,
    when,
)


def appended(old: list[Any], new: list[Any]) -> list[Any]:
    """A reducer."""
    return [*old, *new]


class Wide(BaseModel):
    """What the flows carry: only fields with reducers are written side by side."""

    trail: Annotated[list[str], appended] = []
    found: Annotated[list[Item[Any]], appended] = []
    rounds: Annotated[int, lambda old, new: old + new] = 0
    list3: list[int] = [10, 20, 30]
    list0: list[int] = []
    x: int = 0


@dataclass(frozen=True)
class Step:
    """One node: it leaves a mark, fails, is gated, or asks."""

    kind: str


@dataclass(frozen=True)
class Fork:
    """Branches side by side."""

    branches: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Items:
    """A node or a block for every item of a list."""

    over: str
    block: tuple[Any, ...] | None
    at_once: int
    gated: bool


@dataclass(frozen=True)
class Inner:
    """A flow inside."""

    block: tuple[Any, ...]
    odd_end: bool


STEPS = st.builds(Step, st.sampled_from(["mark", "mark", "fails", "gate", "ask", "loop"]))


def blocks(depth: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """Programs: one thing after the other, nested to a depth."""
    if depth == 0:
        return st.lists(STEPS, min_size=1, max_size=3).map(tuple)
    inner = blocks(depth - 1)
    item = st.one_of(
        STEPS,
        STEPS,
        st.builds(Fork, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(
            Items, st.sampled_from(["list3", "list3", "list0"]), st.none() | inner, st.integers(1, 3), st.booleans()
        ),
        st.builds(Inner, inner, st.booleans()),
    )
    return st.lists(item, min_size=1, max_size=3).map(tuple)


@dataclass
class Made:
    """A flow that was made, and what it must come to."""

    rows: dict[Any, list[Any]] = field(default_factory=dict[Any, list[Any]])


class Maker:
    """Makes one flow from a block, and the flows inside of it."""

    def __init__(self, names: Any) -> None:
        self.names = names
        self.rows: list[Any] = []

    def name(self, word: str) -> str:
        """A name that no other node or gate has."""
        return f"{word}{next(self.names)}"

    def chain(self, block: tuple[Any, ...], onward: Any) -> Any:
        """The rows of a block that leads to a target; gives the target that leads into it."""
        for item in reversed(block):
            onward = self.part(item, onward)
        return onward

    def part(self, item: Any, onward: Any) -> Any:
        """The rows of one thing; gives what leads into it."""
        if isinstance(item, Step):
            return self.step(item, onward)
        if isinstance(item, Fork):
            join = marker(self.name("join"))
            self.rows.append(on(join, onward))
            heads = [self.chain((Step("mark"), *block), join) for block in item.branches]
            fork = all_of(*heads)
            before = marker(self.name("fork"))
            self.rows.append(on(before, fork))
            return before
        if isinstance(item, Items):
            node = self.items(item)
        else:
            flow = made(item.block, self.names, odd_end=item.odd_end)
            node = subflow(flow, name=self.name("sub"), reads={"x": "x"}, writes={"trail": "trail", "found": "found"})
            odd = flow.ends["odd"]
            after = marker(self.name("odd"))
            self.rows.append(on(after, onward))
            self.rows.append(on(node, ended(odd) >> after, onward))
            return node
        self.rows.append(on(node, onward))
        return node

    def items(self, item: Items) -> Any:
        """An each."""
        name = self.name("each")
        if item.block is not None:
            flow = made(item.block, self.names)
            return each(flow, name=name, item="x", over=item.over, into="found", at_once=item.at_once, reads={})

        @compute(name=f"{name} item")
        def double(x: int) -> int:
            return 2 * x

        what = approval("lead", name=f"{name} gate") >> double if item.gated else double
        return each(what, name=name, item="x", over=item.over, into="found", at_once=item.at_once, tolerate=1.0)

    def step(self, item: Step, onward: Any) -> Any:
        """One node."""
        if item.kind == "ask":
            asks = ask("person", "What?", name=self.name("ask"), form=list[str], writes="trail")
            self.rows.append(on(asks, onward))
            return asks
        if item.kind == "fails":
            fails = marker(self.name("fails"), fails=True)
            mends = marker(self.name("mends"))
            self.rows += [on(fails, failed(LookupError) >> mends, onward), on(mends, onward)]
            return fails
        if item.kind == "gate":
            before, after = marker(self.name("before")), marker(self.name("after"))
            gate = approval("lead", name=self.name("gate"), denied=onward)
            self.rows += [on(before, gate >> after), on(after, onward)]
            return before
        if item.kind == "loop":
            name = self.name("loop")
            loop = marker(name)
            self.rows.append(on(loop, at_most(2, name=f"limit {name}") >> loop, onward))
            return loop
        mark = marker(self.name("mark"))
        self.rows.append(on(mark, onward))
        return mark


def marker(name: str, *, fails: bool = False) -> Any:
    """A node that leaves its name, or fails."""

    @compute(name=name, writes="trail")
    def mark(x: int, refusal: Refusal | None, failure: Failure | None) -> list[str]:
        if fails:
            raise LookupError(f"{name} is not there")
        why = refusal.gate if refusal else failure.node if failure else ""
        return [f"{name}({x}){'<' + why if why else ''}"]

    return mark


def made(block: tuple[Any, ...], names: Any, *, odd_end: bool = False) -> Flow[Wide]:
    """A flow from a block; every name in it and in the flows inside is drawn from the same counter."""
    maker = Maker(names)
    t = fields(Wide)
    end, odd = End("end"), End("odd", verdict="escalated")
    last = marker(maker.name("last"))
    first = maker.chain(block, last)
    rows = [*maker.rows, on(START, first), on(last, when(t.x >= (0 if odd_end else 10**9)) >> odd, end)]
    return Flow(maker.name("flow"), state=Wide, edges=rows, budget=Budget(steps=5000))


def wide(block: tuple[Any, ...]) -> Flow[Wide]:
    """A flow from a drawn block."""
    return made(block, count())


def says_yes(name: str) -> bool:
    """What people say at a gate: by its name alone, so that two runs hear the same."""
    return sum(map(ord, name)) % 3 != 0


# The oracle: what a block comes to, worked out without guideway


class Oracle:
    """Walks a block as its words say, one thing after the other; branches one after the other too."""

    def __init__(self) -> None:
        self.names = count()

    def flow(self, block: tuple[Any, ...], x: int, *, odd_end: bool = False) -> dict[str, Any]:
        """The trail and what was found, of a flow with this block."""
        plan = Planned(self.names)
        shape = plan.flow(block, odd_end=odd_end)
        return shape.run(x)


@dataclass
class Shape:
    """A block with the names that its flow gives: worked out once, walked for every item."""

    name: str
    parts: list[Any]
    last: str
    odd: bool

    def run(self, x: int) -> dict[str, Any]:
        """What the flow comes to."""
        trail: list[str] = []
        found: list[dict[str, Any]] = []
        why = walk(self.parts, x, trail, found, "")
        trail.append(told(self.last, x, why))
        return {"trail": trail, "found": found, "end": "odd" if self.odd and x >= 0 else "end"}


def told(name: str, x: int, why: str) -> str:
    """The mark that a node leaves."""
    return f"{name}({x}){'<' + why if why else ''}"


def walk(parts: list[Any], x: int, trail: list[str], found: list[dict[str, Any]], why: str) -> str:
    """Walks parts in order; gives why the next node is reached, where it can read that."""
    for kind, names, inner in parts:
        if kind == "mark":
            trail.append(told(names[0], x, why))
            why = ""
        elif kind == "ask":
            trail.append(f"answer to {names[0]}")
            why = ""
        elif kind == "fails":
            trail.append(told(names[1], x, names[0]))
            why = ""
        elif kind == "gate":
            trail.append(told(names[0], x, why))
            why = ""
            if says_yes(names[2]):
                trail.append(told(names[1], x, ""))
            else:
                why = names[2]
        elif kind == "loop":
            trail += [told(names[0], x, why if turn == 0 else "") for turn in range(3)]
            why = ""
        elif kind == "fork":
            trail.append(told(names[0], x, why))
            whys = [walk(branch, x, trail, found, "") for branch in inner]
            trail.append(told(names[1], x, next((one for one in whys if one), "")))
            why = ""
        else:
            why = _walk_inner(kind, names, inner, x, trail, found)
    return why


def _walk_inner(kind: str, names: Any, inner: Any, x: int, trail: list[str], found: list[dict[str, Any]]) -> str:
    if kind == "sub":
        came = inner.run(x)
        trail += came["trail"]
        found += came["found"]
        if came["end"] == "odd":
            trail.append(told(names[0], x, ""))
        return ""
    items = [] if names[1] == "list0" else [10, 20, 30]
    for index, item in enumerate(items):
        if inner is None:
            good = not names[2] or says_yes(f"{names[0]} gate")
            found.append({"index": index, "value": 2 * item} if good else {"index": index, "failed": "declined"})
        else:
            came = inner.run(item)
            found.append({"index": index, "trail": came["trail"], "end": came["end"]})
    return ""


class Planned:
    """Gives names in the order in which ``Maker`` does."""

    def __init__(self, names: Any) -> None:
        self.names = names

    def name(self, word: str) -> str:
        """The next name."""
        return f"{word}{next(self.names)}"

    def flow(self, block: tuple[Any, ...], *, odd_end: bool = False) -> Shape:
        """A flow's names."""
        last = self.name("last")
        parts = self.chain(block)
        return Shape(self.name("flow"), parts, last, odd_end)

    def chain(self, block: tuple[Any, ...]) -> list[Any]:
        """A block's names."""
        return list(reversed([self.part(item) for item in reversed(block)]))

    def part(self, item: Any) -> Any:
        """The names of one thing."""
        if isinstance(item, Fork):
            join = self.name("join")
            branches = [self.chain((Step("mark"), *block)) for block in item.branches]
            return "fork", (self.name("fork"), join), branches
        if isinstance(item, Items):
            name = self.name("each")
            inner = None if item.block is None else self.flow(item.block)
            return "each", (name, item.over, item.gated), inner
        if isinstance(item, Inner):
            inner = self.flow(item.block, odd_end=item.odd_end)
            self.name("sub")
            return "sub", (self.name("odd"),), inner
        words = {"ask": ("ask",), "fails": ("fails", "mends"), "gate": ("before", "after", "gate"), "loop": ("loop",)}
        return item.kind, tuple(self.name(word) for word in words.get(item.kind, ("mark",))), None


def expected(block: tuple[Any, ...]) -> dict[str, Any]:
    """What the flow of a block must come to."""
    return Planned(count()).flow(block).run(0)


def came_to(state: Wide) -> dict[str, Any]:
    """What a run came to, as the oracle says it."""
    found: list[dict[str, Any]] = []
    for item in state.found:
        entry: dict[str, Any] = {"index": item.index}
        if item.failure is not None:
            entry["failed"] = item.failure.category
        elif item.end is None:
            entry["value"] = item.value
        else:
            entry |= {"trail": item.value["trail"], "end": item.end}
        found.append(entry)
    return {"trail": state.trail, "found": found}
