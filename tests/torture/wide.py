"""Flows with branches, items and flows inside, tortured like the others."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    Context,
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
    think,
    tool,
    when,
)
from tests.torture.flows import Declined, Scenario


def appended(old: list[Any], new: list[Any]) -> list[Any]:
    """A reducer."""
    return [*old, *new]


class Trip(BaseModel):
    """What the branches of a trip write: each its own field, and a trail that all add to."""

    city: str = "Rome"
    flight: str | None = None
    hotel: str | None = None
    car: str | None = None
    told: str | None = None
    weather: str | None = None
    undone: str | None = None
    trail: Annotated[list[str], appended] = []


@compute(writes="trail")
def plan(city: str) -> list[str]:
    """Before the branches."""
    return [f"plan {city}"]


@tool(effect="once", timeout=10.0, stakes="low", writes="flight")
def book_flight(city: str, context: Context) -> str:
    """An effect in a branch."""
    return str(context.deps.does("flight", context.key, city))


@compute(writes="trail")
def pack(flight: str | None) -> list[str]:
    """A step after an effect in the same branch."""
    return [f"packed for {flight}"]


@tool(effect="once", timeout=10.0, stakes="high", writes="hotel")
def book_hotel(city: str, context: Context) -> str:
    """An effect that a person lets run, in a branch."""
    return str(context.deps.does("hotel", context.key, city))


@tool(effect="once", timeout=10.0, stakes="low", writes="car")
def book_car(city: str, context: Context) -> str:
    """An effect in a branch of a branch."""
    return str(context.deps.does("car", context.key, city))


@think(writes="weather")
def look_out(city: str) -> str:
    """A model call beside the effects."""
    return f"The weather in {city}?"


@compute(writes="trail")
def meet(refusal: Refusal | None) -> list[str]:
    """Where the branches join."""
    return [f"met{' after ' + refusal.kind if refusal else ''}"]


@compute(writes="trail")
def met_inside() -> list[str]:
    """Where the branches of a branch join."""
    return ["met inside"]


@tool(effect="once", timeout=10.0, stakes="low", writes="told")
def tell(flight: str | None, hotel: str | None, car: str | None, context: Context) -> str:
    """An effect after the join, about all that was written in the branches."""
    return str(context.deps.does("tell", context.key, f"{flight}, {hotel}, {car}"))


def trip() -> Flow[Trip]:
    """Three branches: an effect and a step, an approved effect, and branches of its own."""
    lead = approval("lead", denied=meet)
    return Flow(
        "trip",
        state=Trip,
        edges=[
            on(START, plan),
            on(plan, all_of(book_flight, lead >> book_hotel, look_out)),
            on(book_flight, pack),
            on(pack, meet),
            on(book_hotel, meet),
            on(look_out, all_of(book_car, look_again)),
            on(book_car, met_inside),
            on(look_again, met_inside),
            on(met_inside, meet),
            on(meet, tell),
            on(tell, End("told")),
        ],
        budget=Budget(steps=30, tokens=100_000),
    )


@compute(writes="trail")
def look_again(weather: str | None) -> list[str]:
    """Reads what its branch wrote before."""
    return [f"weather: {weather}"]


# A branch that fails while another waits


@compute(writes="trail")
def breaks(city: str) -> list[str]:
    """Fails."""
    raise LookupError(f"no map of {city}")


@tool(effect="once", timeout=10.0, stakes="low", writes="undone")
def undo(flight: str | None, failure: Failure, context: Context) -> str:
    """Takes back what a branch did, when another failed."""
    return str(context.deps.does("undo", context.key, f"{flight} because of {failure.node}"))


def left() -> Flow[Trip]:
    """An effect, then a gate that waits for ever beside a branch that fails when a person answers."""
    never = approval("nobody", denied=meet)
    return Flow(
        "left",
        state=Trip,
        edges=[
            on(START, book_flight),
            on(book_flight, all_of(never >> book_hotel, waits)),
            on(book_hotel, meet),
            on(waits, breaks),
            on(breaks, meet),
            on(meet, tell),
            on(tell, End("told")),
            on(undo, End("undone", verdict="partial")),
        ],
        budget=Budget(steps=30),
        on_failure=undo,
    )


waits = ask("customer", "Shall we go on?", name="waits", form=list[str], writes="trail")


# Items


class Batch(BaseModel):
    """Lists and what came of their items."""

    letters: list[str] = ["a", "b", "c", "d"]
    amounts: list[int] = [5, 50, 500]
    sent: list[Item[str]] = []
    paid: list[Item[str]] = []
    read: list[Item[dict[str, Any]]] = []
    told: str | None = None
    rounds: int = 0


@tool(effect="once", timeout=10.0, stakes="low", not_done=Declined)
def post(letter: str, rounds: int, context: Context) -> str:
    """An effect for every item; one letter cannot be posted."""
    if letter == "c":
        raise Declined("no stamp")
    return str(context.deps.does("post", context.key, f"{letter} in round {rounds}"))


@tool(effect="once", timeout=10.0, stakes="high")
def pay_one(amount: int, context: Context) -> str:
    """An effect that a person lets run, for every item."""
    return str(context.deps.does("pay_one", context.key, amount))


@compute(writes="rounds")
def again(rounds: int) -> int:
    """One round more."""
    return rounds + 1


class Letter(BaseModel):
    """What is known of one letter."""

    letter: str = ""
    summary: str | None = None
    said: str | None = None
    filed: str | None = None


@think(writes="summary")
def sum_up_letter(letter: str) -> str:
    """A model call for every item."""
    return f"Sum up {letter}."


person = ask("person", "Is it right?", name="person", writes="said")


@tool(effect="once", timeout=10.0, stakes="low", writes="filed")
def file_away(letter: str, said: str | None, context: Context) -> str:
    """An effect in the flow of an item."""
    return str(context.deps.does("file", context.key, f"{letter}: {said}"))


def letter_flow() -> Flow[Letter]:
    """What happens to one letter: some are asked about."""
    t = fields(Letter)
    return Flow(
        "letter",
        state=Letter,
        edges=[
            on(START, sum_up_letter),
            on(sum_up_letter, when(t.letter == "b") >> person, file_away),
            on(person, file_away),
            on(file_away, End("filed")),
        ],
        budget=Budget(steps=5),
    )


@tool(effect="once", timeout=10.0, stakes="low", writes="told")
def report(sent: list[Item[str]], paid: list[Item[str]], context: Context) -> str:
    """An effect about what came of all items."""
    good = [item.value for item in (*sent, *paid) if item.ok]
    return str(context.deps.does("report", context.key, ", ".join(map(str, good))))


def items() -> Flow[Batch]:
    """Effects for every item twice over, approved ones, and a flow for every item."""
    t = fields(Batch)
    posts = each(post, name="posts", item="letter", over="letters", into="sent", at_once=2, tolerate=1)
    pays = each(approval("lead", name="pays gate") >> pay_one, name="pays", item="amount", over="amounts", into="paid",
                tolerate=1.0)  # fmt: skip
    reads = each(letter_flow(), name="reads", item="letter", over="letters", into="read", at_once=3)
    return Flow(
        "items",
        state=Batch,
        edges=[
            on(START, posts),
            on(posts, again),
            on(again, when(t.rounds < 2, at_most(3)) >> posts, pays),
            on(pays, reads),
            on(reads, report),
            on(report, End("reported")),
        ],
        budget=Budget(steps=80, tokens=200_000),
    )


# Flows inside


class Case(BaseModel):
    """What a department works on."""

    text: str = ""
    answer: str | None = None
    log: Annotated[list[str], appended] = []
    tries: int = 0


@tool(effect="once", timeout=10.0, stakes="high", writes="answer")
def refund_case(text: str, context: Context) -> str:
    """An approved effect inside."""
    return str(context.deps.does("refund_case", context.key, text))


@compute(writes="log")
def note_case(text: str, tries: int) -> list[str]:
    """A step inside."""
    return [f"noted {text} {tries}"]


@compute(writes="tries")
def count_tries(tries: int) -> int:
    """One try more, around the flow inside."""
    return tries + 1


@tool(effect="once", timeout=10.0, stakes="low", writes="answer")
def hand_on(text: str, tries: int, context: Context) -> str:
    """An effect in the other flow inside."""
    return str(context.deps.does("hand_on", context.key, f"{text} {tries}"))


not_ours = End("not ours", verdict="escalated")


def billing(deep: Flow[Case]) -> Flow[Case]:
    """Works on what is about money; the rest is not theirs, the first time."""
    t = fields(Case)
    lead = approval("lead", name="billing lead", denied=End("denied", verdict="partial"))
    inner = subflow(deep, name="inner", writes={"log": "log", "answer": "answer"})
    return Flow(
        "billing",
        state=Case,
        edges=[
            on(START, note_case),
            on(note_case, when(t.tries == 0) >> not_ours, inner),
            on(inner, lead >> refund_case),
            on(refund_case, End("refunded")),
        ],
        budget=Budget(steps=12),
    )


def technical() -> Flow[Case]:
    """One effect."""
    return Flow("technical", state=Case, edges=[on(START, note_case), on(note_case, hand_on), on(hand_on, End("on"))])


def departments() -> Flow[Case]:
    """A flow inside, left by an end that is matched, come back to, with another flow inside of it."""
    bills = subflow(billing(technical()), name="bills", reads={"text": "text", "tries": "tries"},
                    writes={"log": "log", "answer": "answer"})  # fmt: skip
    return Flow(
        "departments",
        state=Case,
        edges=[
            on(START, bills),
            on(bills, ended(not_ours) >> count_tries, failed() >> End("broken", verdict="failed"), End("answered")),
            on(count_tries, at_most(3) >> bills, End("given up", verdict="partial")),
        ],
        budget=Budget(steps=40),
    )


def _people(request: Any) -> Any:
    if request.call is not None and request.call.arguments.get("amount") == 50:
        return "deny"
    return "leave" if request.role == "nobody" else "approve"


WIDE: dict[str, Scenario] = {
    "trip": Scenario(trip, {}),
    "trip_denied": Scenario(trip, {}, decides=lambda request: "deny"),
    "left": Scenario(left, {}, decides=_people, answer=["go on"]),
    "items": Scenario(items, {}, decides=_people),
    "departments": Scenario(departments, {"text": "money back"}),
}
"""The wide flows by name."""
