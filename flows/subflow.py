"""``subflow``: a flow as a node, in the same run and journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import BaseModel

from ..errors import FlowError, NodeError, caller
from ..nodes.execution import Job
from ..nodes.node import Kind, Node
from ..nodes.outcome import Outcome
from ..nodes.problems import unknown_field
from ..nodes.sealing import untyped
from ..nodes.signature import MISSING, Param
from ..nodes.source import digest
from .kind import is_flow

if TYPE_CHECKING:
    from .flow import Flow


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Subflow(Node[[], None]):
    """A flow as a node; see ``subflow``.

    Args:
        flow: the flow.
        inputs: the flow's field to the field of the state around it.
        outputs: the field of the state around it to the flow's field.
    """

    kind: ClassVar[Kind] = "subflow"

    flow: Flow[Any]
    inputs: Mapping[str, str] | None = None
    outputs: Mapping[str, str] | None = None

    async def perform(self, job: Job) -> Outcome:
        """Refuses: a flow runs in a run."""
        raise NodeError(
            f"subflow {self.name!r} runs inside of a run; to test it alone, compile its flow: "
            f"{self.flow.name}.compile(...).start(...)",
            where=self.line,
        )

    def given(self, model: type[BaseModel]) -> dict[str, str]:
        """What it is given: the flow's field to the field of the state around it.

        Args:
            model: the state around it.
        """
        if self.inputs is not None:
            return dict(self.inputs)
        return {name: name for name in self.flow.state.model_fields if name in model.model_fields}

    def gives(self, model: type[BaseModel]) -> dict[str, str]:
        """What it gives back: the field of the state around it to the flow's field.

        Args:
            model: the state around it.
        """
        if self.outputs is not None:
            return dict(self.outputs)
        return {name: name for name in self.flow.state.model_fields if name in model.model_fields}

    def reads(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The state fields that it is given."""
        return tuple(dict.fromkeys(self.given(model).values()))

    def written(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The state fields that it writes."""
        return tuple(self.gives(model))

    def problems(self, model: type[BaseModel]) -> list[FlowError]:
        """Fields that are not there, and required ones that nothing gives."""
        title = f"subflow {self.name!r}"
        inner: type[BaseModel] = self.flow.state
        found: list[FlowError] = []
        for name, outer in self.given(model).items():
            if name not in inner.model_fields:
                found.append(unknown_field(inner, name, f"{title}, reads", self.line, _DIRECTION))
            elif outer not in model.model_fields:
                found.append(unknown_field(model, outer, f"{title}, reads", self.line, _DIRECTION))
        for outer, name in self.gives(model).items():
            if outer not in model.model_fields:
                found.append(unknown_field(model, outer, f"{title}, writes", self.line, _DIRECTION))
            elif name not in inner.model_fields:
                found.append(unknown_field(inner, name, f"{title}, writes", self.line, _DIRECTION))
        given = self.given(model)
        for name, info in inner.model_fields.items():
            if info.is_required() and name not in given:
                found.append(
                    NodeError(
                        f"{title}: the field {name!r} of {inner.__name__} is required, and nothing gives it: "
                        f"add reads={{{name!r}: '<field of {model.__name__}>'}}",
                        where=self.line,
                    )
                )
        return found

    def arguments(self, state: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
        """What it is given, JSON-able, as an approver sees it."""
        model = cast("type[BaseModel]", type(state))
        values: Mapping[str, Any] = state.__dict__ if isinstance(state, BaseModel) else state
        return {name: untyped(values.get(outer), fallback=repr) for name, outer in self.given(model).items()}

    @cached_property
    def source(self) -> str:
        """The hash of the flow's build: an approval of the subflow names it."""
        return digest(self.flow.build)

    def _shape(self) -> dict[str, Any]:
        return super()._shape() | {
            "flow": self.flow.manifest(),
            "inputs": None if self.inputs is None else dict(self.inputs),
            "outputs": None if self.outputs is None else dict(self.outputs),
        }


_DIRECTION = " The side on the left is written: reads={inner: outer}, writes={outer: inner}."


def subflow(
    flow: Flow[Any],
    *,
    name: str,
    reads: Mapping[str, str] | None = None,
    writes: Mapping[str, str] | None = None,
) -> Subflow:
    """A flow as a node: it runs in the same run and journal, with a state, counters and a budget of its own.

    Its ends can be matched: ``on(billing, ended(not_ours) >> triage, done)``. An edge without ``ended`` is
    for an end with any verdict but ``failed``; a flow that ended failed is a failed outcome.

    Args:
        flow: the flow.
        name: the node's name.
        reads: what its state starts with: the flow's field to the field of the state around it. By default
            every field of a name that both have.
        writes: what is written when it came to an end: the field of the state around it to the flow's field;
            for a field with a reducer on both sides, what the flow added. By default every field of a name
            that both have.

    Raises:
        NodeError: not a flow, or no name.
    """
    where = caller()
    if not is_flow(flow):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise NodeError(f"subflow({flow!r}) needs a Flow", where=where)
    if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise NodeError(f"subflow({flow.name!r}, name={name!r}) needs a name", where=where)
    for option, value in (("reads", reads), ("writes", writes)):
        if value is not None and not isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise NodeError(f"subflow {name!r}: {option}= is a mapping of field names.{_DIRECTION}", where=where)
    return Subflow(
        name=name,
        fn=None,
        params=_params(flow, reads),
        line=where,
        flow=flow,
        inputs=reads,
        outputs=writes,
        returns=MISSING,
    )


def _params(flow: Flow[Any], reads: Mapping[str, str] | None) -> tuple[Param, ...]:
    """What it reads, as a function's parameters: each must fit the flow's field."""
    if reads is None:
        return ()
    fields = flow.state.model_fields
    return tuple(
        Param(name, outer, fields[name].annotation, default=MISSING) for name, outer in reads.items() if name in fields
    )
