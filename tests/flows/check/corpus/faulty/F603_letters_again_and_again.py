"""A letter that goes out each time is in a round that changes nothing of it."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, at_most, failed, fields, on, tool, when


class Case(BaseModel):
    text: str
    answered: bool = False
    letter: str | None = None


@tool(effect="once", stakes="low", timeout=10.0, writes="letter")
def send_letter(text: str) -> str:
    return text


@tool(effect="none", writes="answered")
def look_into_the_inbox(text: str) -> bool:
    return bool(text)


t = fields(Case)
done, silent, doubt = End("done"), End("silent", verdict="partial"), End("in doubt", verdict="escalated")

flow = Flow(
    "letters",
    state=Case,
    edges=[
        on(START, send_letter),
        on(send_letter, failed("unknown_effect") >> doubt, look_into_the_inbox),
        on(look_into_the_inbox, when(t.answered == True) >> done, when(at_most(3)) >> send_letter, silent),  # noqa: E712  # an expression, not a truth value
    ],
)

EXPECTED = {
    "code": "F603",
    "severity": "warning",
    "path": ("START", "send_letter", "look_into_the_inbox", "send_letter"),
    "example": {"then": "send_letter"},
    "also": (),
}
