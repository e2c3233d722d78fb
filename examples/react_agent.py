"""A ReAct agent with six tools: it reasons, acts, reads what came of it, and goes on until it has an answer.

A clerk of a small telecom gives it a task. Four of its tools look things up or take a note; two act on the world:
``credit`` moves money, ``send_letter`` writes to a customer. What guideway guarantees, whatever the model proposes:

- Each proposed call of those two is decided by itself. Of three calls in one message a lead can approve one, refuse
  one with a note (the model reads it, and the tool never ran), and edit an argument of the third: then another lead
  must say yes to the call as it is now, and the house rule is asked about it again.
- What runs is the call that was approved, whole: tool, arguments, and those that the model never sees (``clerk``).
- A tool that is not there, or arguments that do not fit, are told to the model and never run.
- The loop ends: after ``ROUNDS`` rounds, or when the budget is used up, however the model talks.
- A credit whose ending nobody saw is looked up in the ledger; a letter whose ending nobody saw waits for a person.

Run it offline, with a scripted model: ``python -m examples.react_agent``. With a real one, where you decide at the
keyboard: ``python -m examples.react_agent --model openai:gpt-5``.
"""

from __future__ import annotations

import argparse
import json
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from guideway import (
    NOT_DONE,
    START,
    App,
    Budget,
    Call,
    Context,
    End,
    Flow,
    FromState,
    Messages,
    Request,
    Retry,
    Tool,
    ToolError,
    act,
    approval,
    at_most,
    compute,
    exists,
    fields,
    on,
    policy,
    proposes,
    think,
    tool,
    when,
)
from guideway.testing import ScriptedModel

ROUNDS = 6
"""How often the agent may act before it has to be done."""

MOST = 200.0
"""Euros that may be credited at once; nobody can approve more here."""

HANDBOOK = (
    "An outage of more than a day is credited with 20 euros; the customer gets a letter that says so.",
    "A change of address needs the customer's signature.",
)


# The world: what the tools act on. In a real desk these are the clients of its systems.


class Account(BaseModel):
    """A customer's account."""

    number: str
    name: str
    email: str
    due: float


class Books:
    """The accounts, and what was done to them."""

    def __init__(self) -> None:
        self.accounts = {
            item.number: item
            for item in (
                Account(number="A-17", name="Ida Berg", email="ida@example.org", due=59.0),
                Account(number="A-18", name="Jon Falk", email="jon@example.org", due=120.0),
            )
        }
        self.credits: dict[str, tuple[str, float]] = {}
        self.letters: list[tuple[str, str, str]] = []


def books(context: Context) -> Books:
    """The books that ``compile(deps=...)`` was given."""
    assert isinstance(context.deps, Books), "compile(deps=Books()) is what this flow needs"
    return context.deps


# The state and the six tools


class Job(BaseModel):
    """One task of one clerk."""

    task: str
    clerk: str
    messages: Messages = Field(default_factory=list[AnyMessage])
    notes: Annotated[list[str], operator.add] = Field(default_factory=list[str])
    answer: str | None = None


Number = Annotated[str, Field(pattern=r"^A-\d+$", description="The number of an account, such as A-17.")]


@tool(effect="none", retry=Retry(attempts=3, pause=0.01), timeout=2.0)
def find_accounts(name: Annotated[str, Field(description="A part of the customer's name.")], context: Context) -> str:
    """Finds accounts by the customer's name."""
    found = [item.number for item in books(context).accounts.values() if name.casefold() in item.name.casefold()]
    return ", ".join(found) or "none"


@tool(effect="none", timeout=2.0)
def read_account(number: Number, context: Context) -> Account:
    """Reads an account: the customer, the address, and what is due."""
    if number not in books(context).accounts:
        raise ToolError(f"there is no account {number}")
    return books(context).accounts[number]


@tool(effect="none")
def search_handbook(words: str) -> str:
    """Searches the handbook of the accounts desk."""
    found = [rule for rule in HANDBOOK if any(word in rule.casefold() for word in words.casefold().split())]
    return " ".join(found) or "nothing"


@tool(effect="none", writes="notes")
def note(text: str, clerk: Annotated[str, FromState]) -> list[str]:
    """Notes something on the task, in the clerk's name."""
    return [f"{clerk}: {text}"]


def credited(context: Context) -> str | Any:
    """What the ledger says of a credit that nobody saw the end of."""
    return "credited" if context.key in books(context).credits else NOT_DONE


@tool(effect="once", stakes="high", timeout=5.0, reconcile=credited)
def credit(number: Number, amount: Annotated[float, Field(gt=0)], context: Context) -> str:
    """Credits an account with an amount in euros."""
    if number not in books(context).accounts:
        raise ToolError(f"there is no account {number}")
    books(context).credits[context.key] = (number, amount)
    return f"credited {amount:.2f} to {number}"


@tool(effect="once", stakes="high", timeout=5.0)
def send_letter(number: Number, text: str, clerk: Annotated[str, FromState], context: Context) -> str:
    """Sends a letter to the customer of an account; it is signed by the clerk."""
    to = books(context).accounts.get(number)
    if to is None:
        raise ToolError(f"there is no account {number}")
    books(context).letters.append((to.email, text, clerk))
    return f"sent to {to.email}"


TOOLS: list[Tool[..., Any]] = [find_accounts, read_account, search_handbook, note, credit, send_letter]


# The flow


def house_rule(call: Call) -> str | None:
    """No credit of more than ``MOST``: a rule in code, which no person can waive here."""
    amount = call.arguments["amount"]
    return f"a credit of {amount:.2f} is more than {MOST:.0f}: the board decides about those" if amount > MOST else None


@think(tools=TOOLS, retry=Retry(attempts=3, pause=0.01), max_tokens=500)
def agent(task: str, messages: Messages) -> list[AnyMessage]:
    """The task, and all that happened since."""
    return [SystemMessage("You are the assistant of an accounts desk."), HumanMessage(task), *messages]


@compute(writes="answer")
def conclude(messages: Messages) -> str:
    """The model's last words are the answer."""
    return str(messages[-1].text)


def flow(within: str | float = "24h") -> Flow[Job]:
    """The agent.

    Args:
        within: how long a lead has to decide about a call.
    """
    j = fields(Job)
    answered = End("answered", succeeds_if=exists(j.answer))
    unfinished = End("unfinished", verdict="partial")
    nobody = End("nobody decided", verdict="escalated")
    broken = End("broken", verdict="escalated")

    lead = approval("lead", within=within, shows=[j.task], expired=nobody)
    desk = act(TOOLS, name="desk", gates={credit: [policy(house_rule), lead], send_letter: lead})
    rounds = at_most(ROUNDS, name="rounds")

    return Flow(
        "react-agent",
        state=Job,
        edges=[
            on(START, agent),
            on(agent, when(proposes(), rounds) >> desk, when(proposes()) >> unfinished, conclude),
            on(desk, agent),
            on(conclude, answered),
        ],
        budget=Budget(calls=40, tokens=60_000, seconds=300),
        on_exhausted=unfinished,
        on_failure=broken,
        accepts={"F601": "a letter that may have gone out is for a person to settle: the post office cannot be asked"},
    )


react_agent = flow()


# A session, offline

LEADS = {"lead": {"lea", "max"}}
TASK = "Ida Berg and Jon Falk had an outage of two days. Credit them by the handbook, and write to Ida."


def script(prompt: Any) -> Any:
    """What the scripted model answers: by what has been answered to it so far, so that a restart shifts nothing."""
    messages = prompt.request.messages
    acted = [message for message in messages if message.type == "ai"]
    if not acted:
        return _says(
            "I read the handbook and the accounts.", search_handbook, {"words": "outage"}, note, {"text": "outage"}
        )
    if len(acted) == 1:
        ask_for = (credit, {"number": "A-17", "amount": 20}, credit, {"number": "A-18", "amount": 120})
        letter = (send_letter, {"number": "A-17", "text": "Sorry!"})
        return _says("I credit both and write to Ida.", *ask_for, *letter)
    came = [message for message in messages if message.type == "tool"][-3:]
    return "Done. " + " | ".join(str(message.text) for message in came)


def _says(text: str, *calls: Any) -> AIMessage:
    pairs = list(zip(calls[::2], calls[1::2], strict=True))
    made = [{"name": tool.name, "args": args, "id": f"{tool.name}-{place}"} for place, (tool, args) in enumerate(pairs)]
    return AIMessage(text, tool_calls=made)


def scripted_people(app: App[Job], waiting: Sequence[Request]) -> None:
    """Lea approves one call, refuses one with a note, edits one; and Max says yes to what she edited."""
    for request in waiting:
        assert request.call is not None
        given = request.call.arguments
        if request.call.tool == "send_letter":
            app.deny(request, by="lea", note="say how much, and thank her for waiting")
        elif given["amount"] == 120:
            app.approve(request, by="lea", note="20 by the handbook, not what is due", edits={"amount": 20.0})
        else:
            app.approve(request, by="max" if given["number"] == "A-18" else "lea")


def people_at_the_keyboard(app: App[Job], waiting: Sequence[Request]) -> None:
    """Asks whoever runs this: ``y`` approves, anything else is the note of a refusal."""
    for request in waiting:
        said = input(f"{request.question} y, or why not: ").strip()
        if said == "y":
            app.approve(request, by="lea")
        else:
            app.deny(request, by="lea", note=said or "no")


def watch(events: Iterable[Any]) -> None:
    """Prints the model's words as they come, what each step did, and what is asked."""
    for event in events:
        body = event.body
        if event.kind == "token":
            print(body["text"], end="", flush=True)
        elif event.kind == "step" and body["node"] == "agent":
            print()
        elif event.kind == "asked":
            call = body["call"]
            print(f"  asks {body['role']}: {call['tool']}({json.dumps(call['arguments'])})")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the task in front of you, and prints what was done to the world."""
    parser = argparse.ArgumentParser(prog="python -m examples.react_agent", description="A ReAct agent, guarded.")
    parser.add_argument("--model", help="a real model, such as openai:gpt-5; by default a scripted one")
    options = parser.parse_args(arguments)
    model: Any = options.model or ScriptedModel(script)
    people: Callable[[App[Job], Sequence[Request]], None]
    people = people_at_the_keyboard if options.model else scripted_people
    world = Books()
    with react_agent.compile(models={"default": model}, deps=world, roles=LEADS) as app:
        watch(app.stream({"task": TASK, "clerk": "cleo"}, run_id="task-1", by="cleo"))
        while (run := app.get("task-1")).status == "waiting":
            people(app, run.waiting)
            watch(app.stream(run.id))
    print(f"{run.end} ({run.verdict}): {run.state.answer}")
    print(f"credits: {sorted(world.credits.values())}; letters: {world.letters}; notes: {run.state.notes}")
    return 0 if run.verdict == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
