"""``from_langchain``: a LangChain tool as a tool of guideway's, with its effect and stakes said."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from ..errors import NodeError, caller
from ..guards.durations import Duration
from ..guards.retry import Retry
from .annotations import bare, is_model, metadata, text
from .context import FromState
from .foreign import DEFAULT_TIMEOUT, Foreign, shown, taken_from_state
from .node import Effect, Stakes
from .plan import told
from .schemas import misfit, params_of, validator
from .shapes import is_dict
from .signature import MISSING, OMITTED, Param, Signature
from .source import digest, source_hash
from .tool import OPTIONS, NotDoneErrors, Tool, make_tool

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


def from_langchain(
    tool: BaseTool,
    /,
    *,
    effect: Effect = "once",
    stakes: Stakes = "high",
    writes: str | None = None,
    name: str | None = None,
    timeout: Duration | None = DEFAULT_TIMEOUT,
    retry: Retry | None = None,
    key: str | None = None,
    not_done: NotDoneErrors = (),
    reconcile: Callable[..., Any] | None = None,
    description: str | None = None,
    from_state: Mapping[str, str] | Sequence[str] | None = None,
    returns: Any = Any,
) -> Tool[..., Any]:
    """Makes a LangChain tool a tool: a node, or one that models are given.

    What is not said of it is the worst: ``once`` and ``high``. Arguments are validated by its own schema. A
    ``ToolException`` is ``declined``; it does not prove that nothing was done, so a ``once`` tool is then of
    unknown effect, unless ``not_done=ToolException``. A tool with an artifact
    (``response_format="content_and_artifact"``) gives ``{"content": ..., "artifact": ...}``; a model is told the
    content.

    Args:
        tool: a ``BaseTool``, a ``StructuredTool``, or what LangChain's ``@tool`` makes; sync or async.
        effect: what it does to the world: ``none``, ``idempotent`` or ``once``.
        stakes: ``high``: it runs only with an approval of exactly this call.
        writes: the state field that the result is stored in.
        name: its name; by default its own.
        timeout: seconds or a duration for one attempt; by default a minute.
        retry: how failed attempts are tried again; for ``once`` it needs ``reconcile``.
        key: path to the business key in the arguments: once per key across all runs.
        not_done: exceptions that prove that nothing was done.
        reconcile: a function of the same arguments that asks the world: the result, or ``NOT_DONE``.
        description: what a model is told about it; by default its own.
        from_state: parameters that are taken from the state and hidden from models: names, or field by name.
            What is marked ``InjectedState("field")`` is so by itself.
        returns: the type that its result is validated as; by default anything that JSON can hold.

    Raises:
        NodeError: it is no LangChain tool, something in it cannot be carried (the graph's whole state, a store,
            a runtime), or the options contradict each other.
    """
    from langchain_core.tools import BaseTool

    where = caller()
    if not isinstance(tool, BaseTool):
        raise NodeError(
            f"from_langchain takes a LangChain tool, not {tool!r} ({type(tool).__name__}); a function is made a tool "
            "by guideway's own @tool(effect=...)",
            where=where,
        )
    said = locals()
    options = {option: said[option] for option in OPTIONS} | {"description": description or tool.description}
    return _made(tool, options, from_state, returns, where)


def _made(tool: Any, options: dict[str, Any], from_state: Any, returns: Any, where: str | None) -> Tool[..., Any]:
    title = f"from_langchain({tool.name!r})"
    body = _body(tool)
    injected = _injected(tool, body)
    schema, model = _schema(tool)
    there = [*_properties(schema), *(name for name in injected if name not in _properties(schema))]
    hidden = {**_fields_of(injected), **taken_from_state(from_state, there, title, where)}
    left_out = _left_out(injected, hidden, body, model, title, where)
    known = _params(model, hidden) if model is not None else params_of(schema, hidden, title, where)
    extra = [_extra(name, injected[name], hidden[name]) for name in hidden if name not in _properties(schema)]
    params = tuple(param for param in (*known, *extra) if param.name not in left_out)
    visible = shown(schema if model is None else tool.tool_call_schema.model_json_schema(), {*hidden, *left_out})
    types = {param.name: text(param.annotation) for param in params}
    foreign = Foreign(
        "LangChain",
        digest([tool.name, options["description"], visible, types, _source(tool, body, model)]),
        visible,
        _check(schema, model, title, where),
        told=_content if tool.response_format == "content_and_artifact" else None,
    )
    fn = _caller(tool, is_async=inspect.iscoroutinefunction(body))
    return make_tool(fn, tool.name, Signature(params, returns), options, title, where, foreign)


def _body(tool: Any) -> Callable[..., Any]:
    """The function that does the work."""
    from langchain_core.tools import BaseTool

    found = getattr(tool, "coroutine", None) or getattr(tool, "func", None)
    if found is not None:
        return found  # type: ignore[no-any-return]  # Any in langchain
    return tool._arun if type(tool)._arun is not BaseTool._arun else tool._run  # type: ignore[no-any-return]  # Any in langchain


def _source(tool: Any, body: Callable[..., Any], model: type[BaseModel] | None) -> list[str]:
    """What it is made of: its body, and the model of its arguments with its validators."""
    while isinstance(body, partial):
        body = body.func
    if not hasattr(inspect.unwrap(body), "__code__") and not inspect.ismethod(body):
        body = type(body).__call__
    return [type(tool).__qualname__, source_hash(body), "" if model is None else source_hash(model)]


def _caller(tool: Any, *, is_async: bool) -> Callable[..., Any]:
    """The function that calls the tool; an error is raised, whatever the tool would have made of it."""
    if tool.handle_tool_error or tool.handle_validation_error:
        # an error that is told as if it were the result would be taken for one
        tool = tool.model_copy(update={"handle_tool_error": False, "handle_validation_error": False})
    pair = tool.response_format == "content_and_artifact"

    def asked(arguments: dict[str, Any]) -> Any:
        if not pair:
            return arguments
        return {"type": "tool_call", "id": "", "name": tool.name, "args": arguments}

    if is_async:

        async def acall(**arguments: Any) -> Any:
            return _result(await tool.ainvoke(asked(arguments)), tool.name)

        return acall

    def call(**arguments: Any) -> Any:
        return _result(tool.invoke(asked(arguments)), tool.name)

    return call


def _result(found: Any, name: str) -> Any:
    """The result; a message is its content and artifact."""
    if type(found).__name__ == "Command" and type(found).__module__.startswith("langgraph"):
        raise TypeError(f"the tool {name!r} returned a Command: a node never routes; declare edges instead")
    if getattr(found, "type", None) == "tool" and hasattr(found, "artifact"):
        return {"content": found.content, "artifact": found.artifact}
    return found


def _content(result: Any) -> Any:
    return result["content"] if is_dict(result) and "content" in result else result


# schemas


def _schema(tool: Any) -> tuple[dict[str, Any], type[BaseModel] | None]:
    """The JSON schema of all its arguments, and the pydantic model where it has one."""
    from langchain_core.tools import Tool as OneText

    given: Any = tool.args_schema
    if is_dict(given):
        return given, None
    if given is None and isinstance(tool, OneText):
        return {"type": "object", "properties": tool.args, "required": list(tool.args)}, None
    model: Any = given if given is not None else tool.get_input_schema()
    if not is_model(model):
        return model.schema(), None  # pydantic's version 1
    return {
        "type": "object",
        "properties": {(info.alias or name): {} for name, info in model.model_fields.items()},
    }, model


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema.get("properties", {})
    return found


def _params(model: type[BaseModel], hidden: Mapping[str, str]) -> list[Param]:
    found: list[Param] = []
    for own, info in model.model_fields.items():
        name = info.alias or own
        marks = [item for item in info.metadata if not _is_injection(item)]
        if info.description:
            marks.append(Field(description=info.description))
        if name in hidden:
            marks.append(FromState)
        annotation: Any = Annotated[(info.annotation, *marks)] if marks else info.annotation
        found.append(Param(name, hidden.get(name, name), annotation, "field", _default(info), name in hidden))
    return found


def _default(info: FieldInfo) -> Any:
    if info.is_required():
        return MISSING
    return OMITTED if info.default_factory is not None else info.default


def _check(
    schema: dict[str, Any], model: type[BaseModel] | None, title: str, where: str | None
) -> Callable[[dict[str, Any]], str | None]:
    """What is wrong with arguments as a whole: what LangChain would find, found before anything is sent."""
    if model is None:
        whole = validator(schema, title, where)
        return lambda arguments: misfit(whole, arguments)
    names = {info.alias or name for name, info in model.model_fields.items()}

    def check(arguments: dict[str, Any]) -> str | None:
        try:
            model.model_validate({name: value for name, value in arguments.items() if name in names})
        except ValidationError as error:
            return told(error)
        return None

    return check


# what LangChain injects


def _is_injection(mark: Any) -> bool:
    from langchain_core.tools import InjectedToolArg

    return isinstance(mark, InjectedToolArg) or (isinstance(mark, type) and issubclass(mark, InjectedToolArg))


def _injected(tool: Any, body: Callable[..., Any]) -> dict[str, Any]:
    """The parameters that LangChain would fill, with their annotations."""
    found: dict[str, Any] = {}
    try:
        hints = get_type_hints(body, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    model = tool.args_schema if is_model(tool.args_schema) else None
    fields = {} if model is None else model.model_fields
    for name, info in fields.items():
        found[info.alias or name] = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    marked = {**found, **{name: hint for name, hint in hints.items() if name != "return"}}
    return {name: hint for name, hint in marked.items() if any(map(_is_injection, metadata(hint))) or _direct(hint)}


def _direct(annotation: Any) -> bool:
    """Whether LangChain fills a parameter by its type alone: a ToolRuntime."""
    cls = getattr(bare(annotation), "__origin__", bare(annotation))
    return isinstance(cls, type) and any(base.__name__ == "_DirectlyInjectedToolArg" for base in cls.__mro__)


def _fields_of(injected: Mapping[str, Any]) -> dict[str, str]:
    """State field by parameter, where ``InjectedState("field")`` says it."""
    found: dict[str, str] = {}
    for name, annotation in injected.items():
        for mark in metadata(annotation):
            field = getattr(mark, "field", None)
            if type(mark).__name__ == "InjectedState" and isinstance(field, str):
                found[name] = field
    return found


def _left_out(
    injected: Mapping[str, Any],
    hidden: Mapping[str, str],
    body: Callable[..., Any],
    model: type[BaseModel] | None,
    title: str,
    where: str | None,
) -> list[str]:
    """The parameters that nothing fills, and that need nothing."""
    defaults = {name: item.default for name, item in inspect.signature(body).parameters.items()}
    found: list[str] = []
    for name, annotation in injected.items():
        if name in hidden:
            continue
        info = None if model is None else model.model_fields.get(name)
        if defaults.get(name, MISSING) is MISSING and (info is None or info.is_required()):
            kinds = [item if isinstance(item, type) else type(item) for item in metadata(annotation)]
            kind = next((cls.__name__ for cls in kinds if _is_injection(cls)), getattr(annotation, "__name__", "?"))
            raise NodeError(
                f"{title}: the parameter {name!r} is filled by LangChain when it runs ({kind}), which guideway cannot "
                f"do; take it from the state: from_state={{{name!r}: '<field>'}}, or write the tool with guideway's "
                "own @tool, whose Context gives run, key and deps",
                where=where,
            )
        found.append(name)
    return found


def _extra(name: str, annotation: Any, field: str) -> Param:
    """A hidden parameter that the schema does not know."""
    marks = [item for item in metadata(annotation) if not _is_injection(item)]
    return Param(name, field, Annotated[(bare(annotation), *marks, FromState)], "field", MISSING, True)
