"""``@tool``: a typed function over the outside world, with a declared effect."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, get_args, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from ..errors import NodeError, caller
from ..guards.durations import Duration, seconds
from ..guards.retry import Retry
from ..guards.secrecy import traits_of
from .annotations import is_model, members
from .compute import require_returns
from .execution import Job
from .foreign import Foreign
from .node import Effect, Kind, Node, P, R, Stakes, adapter_of
from .options import check_options
from .outcome import Outcome
from .shapes import is_dict, is_list, is_tuple
from .signature import MISSING, Param, Signature, read_signature
from .source import digest, source_hash

OPTIONS = ("effect", "stakes", "writes", "name", "timeout", "retry", "key", "not_done", "reconcile", "description")
"""What may be said of a tool."""

NotDoneErrors = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Tool(Node[P, R]):
    """A typed function over the outside world; see ``tool``.

    Args:
        key: the path to the business key in the arguments, ``order.id``: once per key in a store.
        not_done: exceptions that prove that nothing was done.
        reconcile: asks the world whether it was done.
        asked: the parameters of ``reconcile``.
        description: what a model is told about it.
        foreign: what is kept of a tool that is defined elsewhere; None for a function of the author's own.
    """

    kind: ClassVar[Kind] = "tool"

    key: str | None = None
    not_done: tuple[type[BaseException], ...] = ()
    reconcile: Callable[..., Any] | None = None
    asked: tuple[Param, ...] = ()
    description: str = ""
    foreign: Foreign | None = None

    async def perform(self, job: Job) -> Outcome:
        """Calls the function in a thread or on the loop, and writes what it returns."""
        from .toolcalls import run_tool  # what runs a node is loaded when one runs, so that authoring is quick

        return await run_tool(self, job)

    def offered(self) -> tuple[Param, ...]:
        """The parameters that a model fills: neither given by guideway nor taken from the state."""
        return tuple(item for item in self.fields() if not item.hidden)

    @cached_property
    def arguments_model(self) -> type[BaseModel]:
        """The pydantic model of the arguments that a model fills; its fields are known by alias."""
        fields: dict[str, Any] = {}
        for place, item in enumerate(self.offered()):
            # a parameter may be named like a method of BaseModel: only its alias bears the name
            default = ... if item.default is MISSING else item.default
            fields[f"a{place}"] = (item.annotation, Field(default, alias=item.name))
        return create_model(self.name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)

    def schema(self) -> dict[str, Any]:
        """The tool as a model sees it: an OpenAI function dict, without parameters that it does not fill."""
        return deepcopy(self._schema)

    @cached_property
    def source(self) -> str:
        """The hash of the function's body; of what is known of a tool that is defined elsewhere."""
        return super().source if self.foreign is None else self.foreign.source

    @cached_property
    def _schema(self) -> dict[str, Any]:
        own = self.foreign
        given = self.arguments_model.model_json_schema(by_alias=True) if own is None else own.parameters
        parameters = _untitled(given)
        parameters.setdefault("properties", {})
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}

    @cached_property
    def result_adapter(self) -> TypeAdapter[Any]:
        """The pydantic adapter of the result."""
        return adapter_of(self.returns, f"the result of {self.name}", self.line)

    def business_key(self, arguments: dict[str, Any]) -> str | None:
        """The value at ``key``, canonical text; empty where the arguments have none, None where the tool has no key.

        Args:
            arguments: the call's, JSON-able.
        """
        if self.key is None:
            return None
        value: Any = arguments
        for part in self.key.split("."):
            value = value[part]
        if value is None:
            return ""
        return value if isinstance(value, str) else digest(value)

    def _build(self) -> dict[str, Any]:
        return super()._build() | {
            "key": self.key,
            "not_done": [cls.__qualname__ for cls in self.not_done],
            "reconcile": None if self.reconcile is None else source_hash(self.reconcile),
            "description": self.description,
            "schema": digest(self.schema()),
        }


@overload
def tool(
    fn: Callable[P, R],
    /,
    *,
    effect: Effect,
    stakes: Stakes = "low",
    writes: str | None = None,
    name: str | None = None,
    timeout: Duration | None = None,
    retry: Retry | None = None,
    key: str | None = None,
    not_done: NotDoneErrors = (),
    reconcile: Callable[..., Any] | None = None,
    description: str | None = None,
) -> Tool[P, R]: ...
@overload
def tool(
    *,
    effect: Effect,
    stakes: Stakes = "low",
    writes: str | None = None,
    name: str | None = None,
    timeout: Duration | None = None,
    retry: Retry | None = None,
    key: str | None = None,
    not_done: NotDoneErrors = (),
    reconcile: Callable[..., Any] | None = None,
    description: str | None = None,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(fn: Any = None, /, **options: Any) -> Any:
    """Makes a typed function over the outside world a node, and a tool that models can be given.

    Arguments and result are validated by pydantic. A sync function runs in a thread.

    Args:
        fn: the function, sync or async.
        effect: what it does to the world: ``none`` (it reads), ``idempotent`` (twice is as once), ``once``.
        stakes: ``high``: it runs only with an approval of exactly this call; required for ``once``.
        writes: the state field that the result is stored in.
        name: its name; by default the function's.
        timeout: seconds or a duration for one attempt; required for ``once``.
        retry: how failed attempts are tried again; for ``once`` it needs ``reconcile``.
        key: path to the business key in the arguments, ``order.id``: once per key across all runs.
        not_done: exceptions that prove that nothing was done; ToolError always does.
        reconcile: a function of the same arguments that asks the world: the result, or ``NOT_DONE``.
        description: what a model is told; by default the docstring.

    Raises:
        NodeError: the effect is missing, the options contradict each other, or the signature does not fit.
    """
    where = caller()
    check_options(options, OPTIONS, "@tool", where)

    def decorate(fn: Callable[..., Any]) -> Tool[..., Any]:
        signature = read_signature(fn, "@tool", where)
        title = f"@tool {fn.__name__}"
        require_returns(signature, title, where)
        return make_tool(fn, fn.__name__, signature, options, title, where)

    return decorate if fn is None else decorate(fn)


def make_tool(
    fn: Callable[..., Any],
    name: str,
    signature: Signature,
    options: dict[str, Any],
    title: str,
    where: str | None,
    foreign: Foreign | None = None,
) -> Tool[..., Any]:
    """A tool of a function, its parameters, and the options of ``@tool``.

    Args:
        fn: the function.
        name: its name, where the options give none.
        signature: its parameters and what it returns.
        options: as ``tool`` takes them.
        title: what it is, for messages.
        where: the author's place.
        foreign: what is kept of a tool that is defined elsewhere.

    Raises:
        NodeError: the effect is missing, or the options contradict each other.
    """
    check_options(options, OPTIONS, title, where)
    _effect(options, title, where)
    asked = _reconcile(options.get("reconcile"), signature.params, title, where)
    _key(options.get("key"), signature.params, title, where)
    timeout = options.get("timeout")
    return Tool(
        name=options.get("name") or name,
        fn=fn,
        params=signature.params,
        writes=options.get("writes"),
        returns=signature.returns,
        effect=options["effect"],
        stakes=options.get("stakes", "low"),
        timeout=None if timeout is None else seconds(timeout, "timeout"),
        retry=options.get("retry"),
        line=where,
        key=options.get("key"),
        not_done=_exceptions(options.get("not_done", ()), title, where),
        reconcile=options.get("reconcile"),
        asked=asked,
        description=options.get("description") or inspect.getdoc(fn) or "",
        foreign=foreign,
    )


def _effect(options: dict[str, Any], title: str, where: str | None) -> None:
    effect, stakes = options.get("effect"), options.get("stakes", "low")
    if effect not in get_args(Effect):
        found = "does not say its effect" if effect is None else f"has effect={effect!r}"
        raise NodeError(
            f"{title} {found}; write effect='none' (it only reads), effect='idempotent' (twice is as once) "
            "or effect='once' (each call does it again)",
            where=where,
        )
    if stakes not in get_args(Stakes):
        raise NodeError(f"{title} has stakes={stakes!r}; write stakes='low' or stakes='high'", where=where)
    if effect == "once":
        for name, why in (("timeout", "a call that hangs must end as unknown"), ("stakes", "say 'low' or 'high'")):
            if options.get(name) is None:
                raise NodeError(f"{title} has effect='once' and no {name}=: {why}", where=where)
        retry = options.get("retry")
        if retry is not None and options.get("reconcile") is None:
            raise NodeError(
                f"{title} has effect='once' and retry= without reconcile=: a second try could do it twice; "
                "add reconcile=<a function of the same arguments that asks the world>",
                where=where,
            )
        if retry is not None and "unknown_effect" in retry.on:
            raise NodeError(f"{title} would retry an unknown effect; reconcile= settles it first", where=where)
        return
    for name in ("reconcile", "key"):
        if options.get(name) is not None:
            raise NodeError(f"{title} has {name}=, which belongs to effect='once', not to {effect!r}", where=where)


def _exceptions(value: Any, title: str, where: str | None) -> tuple[type[BaseException], ...]:
    found: tuple[Any, ...] = value if is_tuple(value) else (value,)
    for item in found:
        if not (isinstance(item, type) and issubclass(item, BaseException)):
            raise NodeError(f"{title} has {item!r} in not_done=, which takes classes of exceptions", where=where)
    return found


def _reconcile(fn: Any, params: tuple[Param, ...], title: str, where: str | None) -> tuple[Param, ...]:
    if fn is None:
        return ()
    there = {item.name for item in params}
    asked = read_signature(fn, f"{title}, reconcile=", where).params
    for param in asked:
        if param.kind != "context" and param.name not in there and param.required:
            raise NodeError(
                f"{title}: reconcile= is a function of the same arguments, but {fn.__name__} has the parameter "
                f"{param.name!r}; there are: {', '.join(sorted(there))}",
                where=where,
            )
    return asked


def _key(key: Any, params: tuple[Param, ...], title: str, where: str | None) -> None:
    if key is None:
        return
    first, *rest = str(key).split(".")
    param = next((item for item in params if item.name == first and item.kind == "field"), None)
    if param is None:
        raise NodeError(f"{title} has key={key!r}, but no parameter {first!r}", where=where)
    annotation = param.annotation
    _no_secret_key(annotation, key, title, where, last=not rest)
    for part in rest:
        models = [item for item in members(annotation) if is_model(item)]
        if not models:
            return
        if not any(part in item.model_fields for item in models):
            raise NodeError(f"{title} has key={key!r}, but {models[0].__name__} has no field {part!r}", where=where)
        annotation = models[0].model_fields[part].annotation
        _no_secret_key(annotation, key, title, where, last=part is rest[-1])


def _no_secret_key(annotation: Any, key: Any, title: str, where: str | None, *, last: bool) -> None:
    if last and traits_of(annotation).secret:
        raise NodeError(
            f"{title} has key={key!r}, which holds a secret: a business key stands in the store in clear, for all "
            "runs. Name an argument that is none",
            where=where,
        )


def _untitled(schema: Any) -> Any:
    """A JSON schema without the titles that pydantic makes from names: they tell a model nothing."""
    if is_dict(schema):
        return {
            key: {name: _untitled(item) for name, item in value.items()}
            if key in ("properties", "$defs")
            else _untitled(value)
            for key, value in schema.items()
            if key != "title" or not isinstance(value, str)
        }
    return [_untitled(item) for item in schema] if is_list(schema) else schema
