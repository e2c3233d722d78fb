"""One node stands in a flow twice, under two names and reading two fields."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, compute, on


class Letter(BaseModel):
    sender: str
    receiver: str
    first: str = ""
    second: str = ""


@compute(writes="first")
def tidy(sender: str) -> str:
    return sender.strip()


@compute(writes="second")
def tidy_other(sender: str) -> str:
    return sender.strip()


sent = End("sent")
receiver = tidy_other.bind(sender="receiver")

flow = Flow("letter", state=Letter, edges=[on(START, tidy), on(tidy, receiver), on(receiver, sent)])
