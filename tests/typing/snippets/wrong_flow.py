"""Mistakes in flows and nodes that the type checkers catch in the author's editor."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, approval, compute, fields, on, tool, when


class Ticket(BaseModel):
    message: str
    total: float = 0.0


@compute(writes="total")
def weigh(message: str) -> float:
    return float(len(message))


def plain(message: str) -> float:
    return 0.0


t = fields(Ticket)
done = End("done")

when(t.total > 1) >> plain  # wrong: mypy[operator] pyright[reportOperatorIssue]
when(t.total > 1) >> "done"  # wrong: mypy[operator] pyright[reportOperatorIssue]
approval("lead", denied="done")  # wrong: mypy[arg-type] pyright[reportArgumentType]
on(START, plain)  # wrong: mypy[arg-type] pyright[reportArgumentType]
on("START", done)  # wrong: mypy[arg-type] pyright[reportArgumentType]
weigh(message=3)  # wrong: mypy[arg-type] pyright[reportArgumentType]
weigh(mesage="x")  # wrong: mypy[call-arg] pyright[reportCallIssue]
End("done", verdict="fine")  # wrong: mypy[arg-type] pyright[reportArgumentType]
flow = Flow("wrong", state=Ticket, edges=[on(START, weigh), on(weigh, done)])
app = flow.compile()
word = app.get("r").state.mesage  # wrong: mypy[attr-defined] pyright[reportAttributeAccessIssue]
tool(effect="twice")  # wrong: mypy[call-overload] pyright[reportArgumentType]
