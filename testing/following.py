"""``follow``: a finding's example as a run, so that one sees happen what the checks say can happen."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel

from ..errors import ConfigError, caller
from ..flows.check import CODES
from ..flows.flow import Flow
from ..nodes.ask import Ask
from ..nodes.execution import Job
from ..nodes.node import Kind, Node
from ..nodes.outcome import ErrorRecord, Outcome, Refusal
from ..runs.app import App
from ..runs.roles import Anyone
from ..runs.views import Request, Run

S = TypeVar("S", bound=BaseModel)

_PATIENCE = 100
"""How often a branch looks whether the example has ended in another: a second in all."""

OVER = "ExampleOver"
"""The type of the error of a step that the example does not have: the run came to it, and there the example ends."""


def follow(flow: Flow[S], example: Mapping[str, Any]) -> Run[S]:
    """Runs the example of a finding, in memory: nodes do what the example says, and so do people at gates.

    Nothing of the author's is called but policies and the named functions in conditions. The first node that the
    example does not have fails as ``cancelled`` (``run.error.type`` is ``"ExampleOver"``), and the run ends there; its
    step is the last of ``run.steps``. Properties are not enforced: one sees what happens without that.

    Args:
        flow: the flow that was checked.
        example: a finding's ``example``, with ``input`` and ``steps``.

    Raises:
        ConfigError: it is no example of a run, or a request in it runs out of time, which nobody can wait for.
        StateInvalid: its input does not fit the state, as one does not that was found for another flow.
    """
    given: Any = example
    steps: Sequence[Mapping[str, Any]] | None = example.get("steps") if hasattr(given, "get") else None
    if steps is None or "input" not in example:
        hint = ": not every finding has one" if given is None else ""
        raise ConfigError(
            f"follow(...) takes the example of a run, with its input and steps, not {given!r}{hint}", where=caller()
        )
    noes: list[Mapping[str, str]] = [example.get("noes", {}), *(step.get("noes", {}) for step in steps)]
    expired = next((gate for one in noes for gate, no in one.items() if no == "expired" and gate in flow.gates), None)
    if expired is not None:
        raise ConfigError(f"in this example a request of {expired!r} runs out of time, which nobody can wait for",
                          where=caller())  # fmt: skip
    with App(_scripted(flow, steps, example.get("then")), roles=Anyone()) as app:
        run = app.start(dict(example["input"]), by="the example")
        while run.status == "waiting":
            said = noes[min(len(run.steps), len(noes) - 1)]
            for request in run.waiting:
                _decide(app, request, said)
            run = app.resume(run.id)
        return run


def _decide(app: App[Any], request: Request, noes: Mapping[str, str]) -> None:
    if request.gate in noes:
        app.deny(request, by="somebody", note="as in the example")
        return
    for place in range(request.quorum):
        app.approve(request, by=f"somebody {place + 1}", note="as in the example")


def _scripted(flow: Flow[S], steps: Sequence[Mapping[str, Any]], last: object) -> Flow[S]:
    """The same flow, its nodes doing what the steps say; whatever the checks find is accepted."""
    made, over = copy.copy(flow), list[str]()
    beside = {name for region in flow.regions.values() for name in region.inside if name != last}
    made.nodes = {
        name: _Scripted(
            **{item.name: getattr(node, item.name) for item in fields(Node)},
            of=node,
            script=[step for step in steps if step["node"] == name],
            over=over,
            patient=name in beside,
        )
        for name, node in flow.nodes.items()
    }
    made.accepts = dict.fromkeys(CODES, "followed")
    made.__dict__["watched"] = ()
    return made


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class _Scripted(Node[..., Any]):
    """A node that does what a script says.

    Args:
        of: the node for which it stands.
        script: what it does, each time.
        began: one entry for each time that it has begun.
        over: the nodes at which the example has ended.
        patient: it is in a branch, and waits a moment for the example to end in another.
    """

    kind: ClassVar[Kind] = "compute"

    of: Node[..., Any]
    script: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    began: list[int] = field(default_factory=list[int])
    over: list[str] = field(default_factory=list[str])
    patient: bool = False

    def arguments(self, state: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
        """See ``Node.arguments``."""
        return self.of.arguments(state)

    async def perform(self, job: Job) -> Outcome:  # it asks nobody
        """Does what the script says next."""
        place = len(self.began)
        self.began.append(place)
        if place >= len(self.script):
            for _ in range(_PATIENCE if self.patient else 0):
                await asyncio.sleep(0 if self.over else 0.01)
            self.over.append(self.name)
            told = f"here the example ends: the run came to {self.name!r}"
            return Outcome("failed", error=ErrorRecord("cancelled", OVER, told))
        step = self.script[place]
        update = dict(step.get("update", {}))
        classes = tuple(step.get("classes", ()))
        error = ErrorRecord(step["error"], "Scripted", "as in the example", classes) if "error" in step else None
        refusal, way = None, None
        if step["outcome"] in ("refused", "expired"):
            gate, no = next(iter(step["noes"].items()))
            refusal = Refusal(kind=no, gate=gate)
            way = self.of.expired if isinstance(self.of, Ask) else _way(self.of, gate, no)
        verdict = step.get("verdict") or ("failed" if error is not None else "success")
        end = step.get("end")
        return Outcome(
            step["outcome"], update, error, refusal=refusal, way=way, end=end, verdict=None if end is None else verdict
        )


def _way(node: Node[..., Any], gate: str, no: str) -> Any:
    """Where the no of a gate of the node's own leads."""
    gates: Mapping[Any, Any] = getattr(node, "gates", {})
    found = [one for several in gates.values() for one in several if one.name == gate]
    return found[0].ways().get(no) if found else None
