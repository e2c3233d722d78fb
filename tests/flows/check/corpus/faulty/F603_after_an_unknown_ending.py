"""What ended without proof is sent again, though it may have arrived."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, at_most, failed, on, tool, when


class Case(BaseModel):
    text: str
    letter: str | None = None


@tool(effect="once", stakes="low", timeout=10.0, writes="letter")
def send_letter(text: str) -> str:
    return text


done, doubt = End("done"), End("in doubt", verdict="escalated")

flow = Flow(
    "letters",
    state=Case,
    edges=[
        on(START, send_letter),
        on(
            send_letter,
            failed("unknown_effect") >> when(at_most(2)) >> send_letter,
            failed("unknown_effect") >> doubt,
            done,
        ),
    ],
)

EXPECTED = {
    "code": "F603",
    "severity": "warning",
    "path": ("START", "send_letter", "send_letter"),
    "example": None,
    "also": (),
}
