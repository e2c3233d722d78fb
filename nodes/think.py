"""``@think``: a reasoning step, a model call whose prompt the function returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

from pydantic import BaseModel, TypeAdapter, create_model

from ..errors import FlowError, NodeError, caller
from ..guards.durations import Duration, seconds
from ..guards.messages import messages_field
from ..guards.retry import Retry
from . import problems as found
from .act import require_tools
from .annotations import is_model, text
from .execution import Job
from .models import DEFAULT
from .node import Kind, Node, P, R, adapter_of
from .options import check_options
from .outcome import Outcome
from .shapes import is_series
from .signature import MISSING, read_signature
from .source import digest
from .tool import Tool

if TYPE_CHECKING:
    from .models import ModelChoice

_OPTIONS = ("output", "writes", "name", "model", "tools", "repairs", "retry", "timeout", "max_tokens")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Think(Node[P, R]):
    """A reasoning step; see ``think``. Calling it gives the prompt.

    Args:
        model: the model's slot, ``"provider:name"``, a model, or a list of these.
        tools: the tools that the model may propose calls of.
        repairs: how often an answer that does not fit is shown to the model again.
        max_tokens: how long the answer may be.
    """

    kind: ClassVar[Kind] = "think"

    model: Any = DEFAULT
    tools: tuple[Tool[..., Any], ...] = ()
    repairs: int = 2
    max_tokens: int | None = None

    @property
    def output(self) -> Any:
        """The type of the answer; ``MISSING`` with tools."""
        return self.returns

    @cached_property
    def answer_model(self) -> type[BaseModel] | None:
        """The model of a structured answer: ``output`` itself, or one with the field ``value``; None for text."""
        if self.tools or self.returns is str:
            return None
        return self.returns if is_model(self.returns) else create_model("Answer", value=(self.returns, ...))

    @cached_property
    def answer_schema(self) -> dict[str, Any] | None:
        """The JSON schema of a structured answer; None for text."""
        return None if self.answer_model is None else self.answer_model.model_json_schema()

    @cached_property
    def offered(self) -> tuple[dict[str, Any], ...]:
        """The tools as the model sees them."""
        return tuple(tool.schema() for tool in self.tools)

    @cached_property
    def answer_adapter(self) -> TypeAdapter[Any]:
        """The pydantic adapter of the answer's type."""
        return adapter_of(self.returns, f"the output of {self.name}", self.line)

    async def perform(self, job: Job) -> Outcome:
        """Asks the model, and writes its answer."""
        from .thinking import run_think  # what runs a node is loaded when one runs, so that authoring is quick

        return await run_think(self, job)

    def reads(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The fields of its parameters; with tools the messages field too, which it adds to."""
        own = super().reads(model)
        return tuple(dict.fromkeys([*own, *self._messages(model)])) if self.tools else own

    def written(self, model: type[BaseModel]) -> tuple[str, ...]:
        """The fields of its output; with tools the messages field."""
        return self._messages(model) if self.tools else super().written(model)

    def _messages(self, model: type[BaseModel]) -> tuple[str, ...]:
        name = self.writes or messages_field(model)
        return () if name is None else (name,)

    def problems(self, model: type[BaseModel]) -> list[FlowError]:
        """What does not fit the state; with tools, a messages field that is missing."""
        return list(self._problems(model)) if self.tools else super().problems(model)

    def _problems(self, model: type[BaseModel]) -> Iterator[FlowError]:
        yield from found.reading(self, self.fields(), model)
        yield from found.messages(self, model, "appends the model's message")
        if self.writes is not None and self.writes != messages_field(model):
            yield NodeError(
                f"node {self.name!r} has tools, so writes={self.writes!r} must be a messages field", where=self.line
            )

    def named(self, name: str, *, model: ModelChoice | None = None) -> Self:
        """The same node under another name, with another model where one is given.

        Args:
            name: the name.
            model: the model, as for ``think``.

        Raises:
            NodeError: no name.
        """
        renamed = super().named(name)
        return renamed if model is None else replace(renamed, model=model)

    def _shape(self) -> dict[str, Any]:
        return super()._shape() | {"tools": [tool.name for tool in self.tools]}

    def _build(self) -> dict[str, Any]:
        return super()._build() | {
            "model": _told(self.model),
            "repairs": self.repairs,
            "max_tokens": self.max_tokens,
            "output": digest(self.answer_schema),
            "tools": {tool.name: digest(shown) for tool, shown in zip(self.tools, self.offered, strict=True)},
        }


def _told(model: Any) -> Any:
    if is_series(model):
        return [_told(item) for item in model]
    if isinstance(model, str):
        return model
    name = getattr(model, "model_name", None) or getattr(model, "model", None) or getattr(model, "name", None)
    return f"{type(model).__name__}({name})" if isinstance(name, str) else type(model).__name__


@overload
def think(
    fn: Callable[P, R],
    /,
    *,
    output: Any = ...,
    writes: str | None = None,
    name: str | None = None,
    model: ModelChoice = DEFAULT,
    tools: Sequence[Tool[..., Any]] = (),
    repairs: int = 2,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    max_tokens: int | None = None,
) -> Think[P, R]: ...
@overload
def think(
    *,
    output: Any = ...,
    writes: str | None = None,
    name: str | None = None,
    model: ModelChoice = DEFAULT,
    tools: Sequence[Tool[..., Any]] = (),
    repairs: int = 2,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    max_tokens: int | None = None,
) -> Callable[[Callable[P, R]], Think[P, R]]: ...
def think(fn: Any = None, /, **options: Any) -> Any:
    """Makes a function that returns a prompt (a str, or messages) a node that calls a model.

    An answer that does not fit ``output`` is shown to the model again, with what is wrong with it.

    Args:
        fn: the function, sync or async; its parameters are the state fields that it reads.
        output: the type of the answer: str (the default), a Literal, or a pydantic model.
        writes: the state field that the answer is stored in; without it a model is spread over the fields of
            its names. With ``tools`` the messages field.
        name: the node's name; by default the function's.
        model: a slot, ``"provider:name"``, a chat model, or a list of these to fall back along: the next one is
            asked where one failed in passing (``timeout``, ``rate_limited``, ``unavailable``), and no other way:
            what a model refused, or answered wrong, is the step's. A repair asks the first model again. Which
            model answered stands in the outcome's calls.
        tools: the tools that the model may propose calls of; its message is appended to the messages field.
        repairs: how often an answer that does not fit is shown to the model again.
        retry: how failed attempts are tried again.
        timeout: seconds or a duration for one call of the model.
        max_tokens: how long the answer may be; where nothing is said a budget counts 1,024.

    Raises:
        NodeError: the function's signature or the options do not fit.
    """
    where = caller()
    check_options(options, _OPTIONS, "@think", where)

    def decorate(fn: Callable[..., Any]) -> Think[..., Any]:
        signature = read_signature(fn, "@think", where)
        title = f"@think {fn.__name__}"
        if any(is_model(item) for item in (signature.returns,)):
            raise NodeError(
                f"{title} returns the prompt, a str or messages, not {text(signature.returns)}; the type "
                f"of the answer is output={text(signature.returns)}",
                where=where,
            )
        tools = require_tools(list(options.get("tools", ())), title, where)
        output = _output(options, bool(tools), title, where)
        _counts(options, title, where)
        timeout = options.get("timeout")
        return Think(
            name=options.get("name") or fn.__name__,
            fn=fn,
            params=signature.params,
            writes=options.get("writes"),
            returns=output,
            timeout=None if timeout is None else seconds(timeout, "timeout"),
            retry=options.get("retry"),
            line=where,
            model=options.get("model", DEFAULT),
            tools=tools,
            repairs=options.get("repairs", 2),
            max_tokens=options.get("max_tokens"),
        )

    return decorate if fn is None else decorate(fn)


def _output(options: dict[str, Any], tools: bool, title: str, where: str | None) -> Any:
    output = options.get("output")
    if tools:
        if output is not None:
            raise NodeError(
                f"{title} has tools= and output=: with tools the model's message is what is written; "
                "let another @think read the answer",
                where=where,
            )
        return MISSING
    return str if output is None else output


def _counts(options: dict[str, Any], title: str, where: str | None) -> None:
    for name, least in (("repairs", 0), ("max_tokens", 1)):
        value = options.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise NodeError(
                f"{title} has {name}={value!r}, which must be a whole number of at least {least}", where=where
            )
