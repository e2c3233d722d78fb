"""An example carried out by real means: the App drives a run in memory, in which nodes give what the example says.

Nothing of the checks takes part: nodes read and validate, people are asked, and edges are tried as in any run. Only
the functions of nodes and the model are scripted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter

from guideway import Anyone, ToolError
from guideway.flows.check.samples import NoSample, sample
from guideway.flows.each import Each
from guideway.flows.subflow import Subflow
from guideway.nodes.act import Act
from guideway.nodes.calls import CallFailed
from guideway.nodes.outcome import ErrorRecord
from guideway.nodes.think import Think
from guideway.testing import ScriptedModel

ROUNDS = 40
"""After so many calls a run is one that goes on and on."""


class Enough(BaseException):
    """A run that goes on and on is stopped; nothing catches it."""


@dataclass
class Ran:
    """What came of it.

    Args:
        run: the run's view; None where it did not stop by itself.
        called: the nodes whose functions were called, in order.
        events: the run's journal.
    """

    run: Any = None
    called: list[str] = field(default_factory=list[str])
    events: tuple[Any, ...] = ()

    @property
    def endless(self) -> bool:
        """Whether it had to be stopped."""
        return self.run is None


class Limited(Exception):
    """Too many requests, as a service says it."""

    status_code = 429


RAISED: dict[str, type[Exception]] = {
    "bug": RuntimeError, "timeout": TimeoutError, "unavailable": ConnectionError, "rate_limited": Limited,
    "declined": ToolError, "unknown_effect": RuntimeError,
}  # fmt: skip
"""What a node's function raises for a failure of a category."""


def failing(category: str) -> Exception:
    """What fails with a category; one that no function can raise comes from the call itself.

    Args:
        category: the category.
    """
    if category in RAISED:
        return RAISED[category]("scripted by the corpus")
    return CallFailed(ErrorRecord(category, "Scripted", "scripted by the corpus"))


class Cast:
    """What nodes, models and people do in a run.

    Args:
        flow: the flow.
        example: as a finding has it.
        gives: what nodes give, in place of what the example says.
        noes: what gates say, in place of what the example says.
    """

    def __init__(
        self,
        flow: Any,
        example: Mapping[str, Any],
        gives: Mapping[str, Sequence[Any]],
        noes: Mapping[str, Sequence[str | None]],
    ) -> None:
        self.ran = Ran()
        self.nodes = {node.name: node for node in _all_nodes(flow)}
        told: dict[str, list[Any]] = {}
        self.noes: dict[str, list[str | None]] = {}
        for gate, no in example.get("noes", {}).items():  # said before any step
            self.noes[gate] = [no]
        for step in example.get("steps", ()):
            told.setdefault(step["node"], []).append(self._given(step))
            for gate, no in step.get("noes", {}).items():
                self.noes.setdefault(gate, []).append(no)
        self.gives = told | {name: list(given) for name, given in gives.items()}
        self.noes |= {name: list(said) for name, said in noes.items()}
        self.model = ScriptedModel(self._reply)

    def _given(self, step: Mapping[str, Any]) -> Any:
        """What a node gives in a step of an example."""
        if step["outcome"] == "failed":
            return failing(step.get("error", "bug"))
        node, update = self.nodes[step["node"]], step.get("update", {})
        return update.get(node.writes) if node.writes is not None else update or None

    def next(self, name: str) -> Any:
        """What a node gives now: the next of its script, its last again and again, or anything of its type.

        Args:
            name: the node's.
        """
        self.ran.called.append(name)
        if len(self.ran.called) > ROUNDS:
            raise Enough
        given = self.gives.get(name)
        if not given:
            return self._any(name)
        value = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(value, BaseException):
            raise value
        return value

    def _any(self, name: str) -> Any:
        try:
            return sample(self.nodes[name].returns)
        except NoSample:
            return None

    def act(self, patch: pytest.MonkeyPatch) -> None:
        """Puts scripted functions in the place of the nodes' own.

        Args:
            patch: takes them out again.
        """
        for node in self.nodes.values():
            if node.fn is not None:
                assert node.source is not None  # told by the function that an author wrote, and kept
                patch.setitem(node.__dict__, "fn", self._prompt(node) if isinstance(node, Think) else self._fn(node))

    def _fn(self, node: Any) -> Any:
        def scripted(**_: Any) -> Any:
            value = self.next(node.name)
            return value if value is None or node.returns is Any else TypeAdapter(node.returns).validate_python(value)

        return scripted

    def _prompt(self, node: Any) -> Any:
        return lambda **_: node.name

    def _reply(self, prompt: str) -> Any:
        node = self.nodes[prompt.partition("\n\n")[0]]
        value = self.next(node.name)
        if isinstance(value, str | list | dict) or hasattr(value, "content") or hasattr(value, "model_dump_json"):
            return value
        return {"value": value}

    def said(self, gate: str) -> str | None:
        """What a gate says now; None is a yes.

        Args:
            gate: its name.
        """
        said = self.noes.get(gate) or [None]
        return said.pop(0) if len(said) > 1 else said[0]


def _all_nodes(flow: Any) -> Iterator[Any]:
    """The nodes of a flow and of those inside of it, with what they hold."""
    for node in flow.nodes.values():
        yield node
        if isinstance(node, Act):
            yield from node.tools
        if isinstance(node, Each) and node.inner is not None:
            yield node.inner
        if isinstance(node, Each | Subflow) and node.flow is not None:
            yield from _all_nodes(node.flow)


def acted(
    flow: Any,
    example: Mapping[str, Any],
    gives: Mapping[str, Sequence[Any]] | None = None,
    noes: Mapping[str, Sequence[str | None]] | None = None,
    input: Mapping[str, Any] | None = None,
) -> Ran:
    """Carries out an example.

    Args:
        flow: the flow.
        example: as a finding has it.
        gives: what nodes give, in place of what the example says.
        noes: what gates say, in place of what the example says.
        input: the run's input, where the example has none; what it leaves out is made up.
    """
    cast = Cast(flow, example, gives or {}, noes or {})
    with pytest.MonkeyPatch.context() as patch:
        cast.act(patch)
        patch.setattr("guideway.runs.app.refuse_errors", lambda flow: None)  # the checks have no say here
        with flow.compile(models=slots(flow, cast.model), roles=Anyone()) as app:
            run = None
            try:
                run = app.start(example.get("input") or _made_up(flow) | dict(input or {}), run_id="r", by="web")
                for _ in range(ROUNDS):
                    if run.status != "waiting" or not run.waiting:
                        break
                    _decided(app, run, cast, patch)
                    run = app.resume("r")
                else:
                    run = None
            except Enough:
                run = None
            cast.ran.run, cast.ran.events = run, tuple(app.get("r").events)
    return cast.ran


def slots(flow: Any, model: Any) -> dict[str, Any]:
    """One model in every slot that nodes name.

    Args:
        flow: the flow.
        model: the model.
    """
    named = {node.model for node in _all_nodes(flow) if isinstance(node, Think)}
    return {"default": model} | {name: model for name in named if isinstance(name, str)}


def _made_up(flow: Any) -> dict[str, Any]:
    """Values for the fields that an input must give."""
    fields = flow.state.model_fields
    return {name: sample(info.annotation) for name, info in fields.items() if info.is_required()}


def _decided(app: Any, run: Any, cast: Cast, patch: pytest.MonkeyPatch) -> None:
    """Decides all that a run waits for."""
    for request in run.waiting:
        no = cast.said(request.gate)
        if request.kind == "answer" and no is None:
            app.answer(request, cast.next(request.node), by="ann")
        elif no == "expired":
            late = request.expires + 1
            patch.setattr(time, "time", lambda late=late: late)
            patch.setattr(app.store, "_clock", lambda late=late: late)
        elif no is not None:
            app.deny(request, by="ann")
        else:
            for number in range(request.quorum):
                app.approve(request, by=f"ann{number}")
