"""Calls without a journal: ``node.run`` sends straight out, and ``decide`` answers its gates and questions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from ..errors import ConfigError
from ..guards.evaluation import holds
from ..guards.gates import Approval, Gate, Policy, Way
from .calls import PENDING, Allowed, Call, Expired, ModelAnswer, ModelRequest, Pending, Refused, stem
from .context import Left
from .execution import execute
from .models import Models, as_models
from .outcome import Failure, Outcome, Refusal
from .shapes import is_mapping

if TYPE_CHECKING:
    from .ask import Ask
    from .models import AnyModels
    from .node import Node
    from .tool import Tool


@dataclass(frozen=True, slots=True)
class Asked:
    """What ``decide`` is asked.

    Args:
        kind: a gate's permission, or a person's answer.
        name: the gate's or the node's name.
        role: who would be asked.
        question: what is asked.
        call: the call that a gate decides about; None for an answer.
    """

    kind: Literal["permit", "answer"]
    name: str
    role: str
    question: str
    call: Call | None = None


Decide = Callable[[Asked], Any] | Mapping[str, Any]
"""Answers by gate or node name, or a function of what is asked.

For a gate: True, or a dict of edited arguments, is a yes; False, or a note, is a no. For a question: the
answer. ``Expired`` (the class) is a time that ran out, and ``PENDING`` nobody yet: then ``run`` raises Suspended.
"""


class Direct:
    """The port of ``node.run``: nothing is recorded.

    Args:
        state: what policies and exemptions read.
        decide: answers gates and questions.
        stakes: stakes by tool name, for conditions that ask for them.
    """

    def __init__(self, state: Any, decide: Decide | None = None, stakes: Mapping[str, str] | None = None) -> None:
        self._state = state
        self._decide = decide
        self._stakes = dict(stakes or {})

    async def model(
        self,
        slot: str,
        request: ModelRequest,
        send: Callable[[], Awaitable[ModelAnswer]],
        *,
        price: Callable[[int, int], float | None],
    ) -> ModelAnswer:
        """Sends; see ``Calls.model``."""
        return await send()

    async def tool(
        self,
        slot: str,
        tool: Tool[..., Any],
        call: Call,
        send: Callable[[str], Awaitable[Any]],
        *,
        reconcile: Callable[[], Awaitable[Any]] | None = None,
    ) -> Any:
        """Sends; see ``Calls.tool``."""
        return await send(self.key(slot))

    async def permit(
        self, slot: str, tool: Tool[..., Any], call: Call, gates: tuple[Gate, ...]
    ) -> Allowed | Refused | Pending:
        """Asks the gates in order, and those that their ways lead to; see ``Calls.permit``."""
        for gate in gates:
            asked: Way | None = gate
            while True:
                answer = self._gate(asked, call)
                if answer is PENDING:
                    return PENDING
                if isinstance(answer, Call):
                    call = answer
                    break
                way = asked.ways().get(answer.kind) if isinstance(asked, Gate) else None
                if not isinstance(way, Gate):
                    return Refused(answer, way)
                asked = way
        return Allowed(call)

    def _gate(self, gate: Any, call: Call) -> Call | Refusal | Pending:
        if isinstance(gate, Policy):
            arguments = {name: self._field(name) for name in gate.reads} | ({"call": call} if gate.takes_call else {})
            note = gate.fn(**arguments)
            return call if note is None else Refusal(kind="violated", gate=gate.name, note=str(note))
        if isinstance(gate, Approval):
            if gate.unless is not None and holds(gate.unless, self._seen(), self._stakes) is True:
                return call
            question = gate.question or f"May {call.tool} run?"
            answer = self._ask(Asked("permit", gate.name, gate.role, question, call))
            if isinstance(answer, Pending):
                return PENDING
            if answer is Expired:
                return Refusal(kind="expired", gate=gate.name)
            if is_mapping(answer):
                return replace(call, arguments={**call.arguments, **answer})
            if answer is True:
                return call
            return Refusal(kind="denied", gate=gate.name, note=answer if isinstance(answer, str) else None)
        raise ConfigError(f"{gate!r} is no gate that node.run knows")

    def _seen(self) -> Any:
        """The state as conditions read it, by attribute."""
        return SimpleNamespace(**self._state) if is_mapping(self._state) else self._state

    def _field(self, name: str) -> Any:
        return self._state[name] if is_mapping(self._state) else getattr(self._state, name)

    def _ask(self, asked: Asked) -> Any:
        if callable(self._decide):
            return self._decide(asked)
        if self._decide is not None and asked.name in self._decide:
            return self._decide[asked.name]
        raise ConfigError(
            f"{asked.name!r} asks {asked.role!r}: {asked.question!r}, and nothing answers; "
            f"give run(..., decide={{{asked.name!r}: ...}}) or a function of what is asked"
        )

    async def answer(self, slot: str, ask: Ask, question: str) -> Any:
        """Asks ``decide``; see ``Calls.answer``."""
        found = self._ask(Asked("answer", ask.name, ask.role, question))
        return Expired(Refusal(kind="expired", gate=ask.name)) if found is Expired else found

    async def pause(self, seconds: float) -> None:
        """Sleeps; see ``Calls.pause``."""
        await asyncio.sleep(seconds)

    def left(self) -> Left:
        """Everything is unbounded; see ``Calls.left``."""
        return Left()

    def key(self, slot: str) -> str:
        """The slot itself; see ``Calls.key``."""
        return stem(slot)


async def arun_node(
    node: Node[..., Any],
    state: BaseModel | Mapping[str, Any],
    *,
    deps: Any = None,
    models: AnyModels | None = None,
    decide: Decide | None = None,
    refusal: Refusal | None = None,
    failure: Failure | None = None,
) -> Outcome:
    """Runs a node without a flow; see ``Node.run``.

    Args:
        node: the node.
        state: the state, or its fields by name.
        deps: what ``Context.deps`` is.
        models: a model, or models by slot.
        decide: answers gates and questions.
        refusal: the no that led here.
        failure: the failure that led here.
    """
    given: Models | None = None if models is None else as_models(models)
    calls = Direct(state, decide, {item.name: item.stakes for item in getattr(node, "tools", ())})
    return await execute(node, state, calls=calls, models=given, deps=deps, refusal=refusal, failure=failure)


def run_node(node: Node[..., Any], state: BaseModel | Mapping[str, Any], **options: Any) -> Outcome:
    """Like ``arun_node``, from code that is not async; inside a running loop it uses a thread of its own.

    Args:
        node: the node.
        state: the state, or its fields by name.
        options: as ``arun_node``.
    """

    def work() -> Outcome:
        return asyncio.run(arun_node(node, state, **options))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1, thread_name_prefix="guideway-run") as pool:
        return pool.submit(copy_context().run, work).result()
