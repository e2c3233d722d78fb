"""A node: a named step of work, known by the state fields that it reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, ParamSpec, Self, TypeVar

from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter

from ..errors import FlowError, NodeError, caller
from ..guards.retry import Retry
from ..guards.target import Target
from . import problems as found
from .annotations import spread, text
from .execution import Job
from .outcome import Failure, Outcome, Refusal
from .plan import Plan
from .signature import MISSING, Param
from .source import source_hash

if TYPE_CHECKING:
    from .direct import Decide
    from .models import AnyModels

P = ParamSpec("P")
R = TypeVar("R")

Kind = Literal["compute", "think", "tool", "act", "ask", "each", "subflow"]
Effect = Literal["none", "idempotent", "once"]
Stakes = Literal["low", "high"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Node(Target, Generic[P, R]):
    """A named step of work; compared by identity, and never changed: ``bind`` and ``named`` give new ones.

    Calling it calls its function, plainly: that is its unit test.

    Args:
        name: its name, unique in a flow.
        fn: its function; None where the kind has none.
        params: the function's parameters.
        writes: the field that its result is stored in; None spreads it over the fields of its names.
        returns: the type of what is written; ``MISSING`` where nothing is known.
        effect: what it does to the world.
        stakes: whether it may run only where a person or a policy let it.
        timeout: seconds for one attempt.
        retry: how failed attempts are tried again.
        line: the author's place, ``desk.py:41``.
    """

    kind: ClassVar[Kind]

    name: str
    fn: Callable[P, R] | None
    params: tuple[Param, ...] = ()
    writes: str | None = None
    returns: Any = MISSING
    effect: Effect = "none"
    stakes: Stakes = "low"
    timeout: float | None = None
    retry: Retry | None = None
    line: str | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the node's function, with no validation, retry or model: its unit test."""
        if self.fn is None:
            raise NodeError(f"{self.kind} node {self.name!r} has no function to call; use .run(state)", where=caller())
        return self.fn(*args, **kwargs)

    # what it reads and writes

    def fields(self) -> tuple[Param, ...]:
        """The parameters that read state fields."""
        return tuple(param for param in self.params if param.kind == "field")

    def reads(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The state fields that it reads; a parameter with a default whose field does not exist reads none.

        Args:
            model: the state.
        """
        names = [param.field for param in self.fields() if param.required or param.field in model.model_fields]
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def written(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The state fields that it may write.

        Args:
            model: the state.
        """
        if self.writes is not None:
            return (self.writes,)
        return tuple(spread(self.returns) or ()) if self.returns is not MISSING else ()

    def problems(self, model: type[BaseModel]) -> list[FlowError]:
        """What is wrong with its signature, against a state; empty where it fits.

        Args:
            model: the state.
        """
        return [*found.reading(self, self.fields(), model), *found.writing(self, model)]

    # variants

    def bind(self, **params: str) -> Self:
        """The same node reading other fields: ``find_order.bind(order_id="ticket_order")``.

        Args:
            params: field by parameter.

        Raises:
            NodeError: it has no such parameter, or that one reads no field.
        """
        names = {param.name for param in self.fields()}
        for name, field in params.items():
            if name not in names:
                there = ", ".join(sorted(names)) or "none"
                raise NodeError(
                    f"{self.name}.bind({name}=...): it has no such parameter; there are: {there}", where=caller()
                )
            if not isinstance(field, str) or not field.isidentifier():
                raise NodeError(f"{self.name}.bind({name}={field!r}) takes the name of a state field", where=caller())
        bound = tuple(replace(item, field=params.get(item.name, item.field)) for item in self.params)
        return replace(self, params=bound, line=caller() or self.line)

    def named(self, name: str, *, model: Any = None) -> Self:
        """The same node under another name, so that a flow can use it twice.

        Args:
            name: the name.
            model: for a ``think`` node, another model.

        Raises:
            NodeError: no name, or a model for a node that calls none.
        """
        if not isinstance(name, str) or not name.strip():
            raise NodeError(f"{self.name}.named({name!r}) needs a name", where=caller())
        if model is not None:
            raise NodeError(f"{self.name}.named(model=...): a {self.kind} node calls no model", where=caller())
        return replace(self, name=name, line=caller() or self.line)

    # what it is, as data

    def spec(self) -> dict[str, Any]:
        """The node as JSON-able data: ``shape`` decides where a run can stand, ``build`` is the rest."""
        return {"shape": self._shape(), "build": self._build()}

    def _shape(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "params": {item.name: {"reads": item.field, "type": text(item.annotation)} for item in self.params},
            "writes": self.writes,
            "returns": None if self.returns is MISSING else text(self.returns),
            "effect": self.effect,
            "stakes": self.stakes,
        }

    def _build(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "timeout": self.timeout,
            "retry": None if self.retry is None else asdict(self.retry) | {"on": list(self.retry.on)},
        }

    @cached_property
    def source(self) -> str:
        """The hash of the function's body."""
        return "" if self.fn is None else source_hash(self.fn)

    def arguments(self, state: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
        """Its arguments by parameter, JSON-able, as they would run: what an approver sees and the digest covers.

        Never raises: a value that does not fit is shown as the state has it.

        Args:
            state: the state.
        """
        model = type(state) if isinstance(state, BaseModel) else None
        values: Mapping[str, Any] = state.__dict__ if isinstance(state, BaseModel) else state
        return self.plan(model).shown(values)

    # how it runs

    def plan(self, model: type[BaseModel] | None) -> Plan:
        """How it reads and writes a state; made once.

        Args:
            model: the state; None for a plain mapping.
        """
        plan = self._plans.get(model)
        if plan is None:
            plan = self._plans[model] = Plan(self, model)
        return plan

    @cached_property
    def _plans(self) -> dict[type[BaseModel] | None, Plan]:
        return {}

    def adapter(self, param: str) -> TypeAdapter[Any]:
        """The pydantic adapter of a parameter's type.

        Args:
            param: the parameter's name.
        """
        return self._adapters[param]

    @cached_property
    def _adapters(self) -> dict[str, TypeAdapter[Any]]:
        return {item.name: adapter_of(item.annotation, f"{self.name}.{item.name}", self.line) for item in self.fields()}

    async def perform(self, job: Job) -> Outcome:
        """Executes the node; ``execution.execute`` calls it.

        Args:
            job: what it is given, and the port.
        """
        raise NotImplementedError

    def run(
        self,
        state: BaseModel | Mapping[str, Any],
        *,
        deps: Any = None,
        models: AnyModels | None = None,
        decide: Decide | None = None,
        refusal: Refusal | None = None,
        failure: Failure | None = None,
    ) -> Outcome:
        """Runs the node as a flow would (validation, retry, repair, timeout), without a flow.

        Args:
            state: the state, or its fields by name.
            deps: what ``Context.deps`` is.
            models: a model, or models by slot.
            decide: answers gates and questions: a function of what is asked, or answers by gate or node name.
            refusal: the no that led here.
            failure: the failure that led here.

        Raises:
            ConfigError: a model is missing, or a decision is needed and ``decide`` does not give it.
        """
        from .direct import run_node  # what runs a node is loaded when one runs, so that authoring is quick

        return run_node(self, state, deps=deps, models=models, decide=decide, refusal=refusal, failure=failure)

    async def arun(
        self,
        state: BaseModel | Mapping[str, Any],
        *,
        deps: Any = None,
        models: AnyModels | None = None,
        decide: Decide | None = None,
        refusal: Refusal | None = None,
        failure: Failure | None = None,
    ) -> Outcome:
        """Like ``run``, inside a running loop.

        Args:
            state: the state, or its fields by name.
            deps: what ``Context.deps`` is.
            models: a model, or models by slot.
            decide: answers gates and questions.
            refusal: the no that led here.
            failure: the failure that led here.

        Raises:
            ConfigError: a model is missing, or a decision is needed and ``decide`` does not give it.
        """
        from .direct import arun_node

        return await arun_node(self, state, deps=deps, models=models, decide=decide, refusal=refusal, failure=failure)


def adapter_of(annotation: Any, title: str, where: str | None) -> TypeAdapter[Any]:
    """The pydantic adapter of a type.

    Args:
        annotation: the type.
        title: what is of that type, for the message.
        where: the author's place.

    Raises:
        NodeError: pydantic cannot validate it.
    """
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError as error:
        raise NodeError(
            f"{title} is {text(annotation)}, which pydantic cannot validate; use a plain type, a BaseModel or "
            "a dataclass",
            where=where,
        ) from error
