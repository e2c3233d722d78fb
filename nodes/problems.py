"""Whether a node's signature fits a state: what it reads and writes exists, and the types can meet."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..errors import FlowError, NodeError, UnknownField
from ..guards.messages import messages_field
from .annotations import spread, text
from .fits import may_fit
from .signature import MISSING, Param

if TYPE_CHECKING:
    from .node import Node


def unknown_field(model: type[BaseModel], name: str, what: str, where: str | None, way_out: str = "") -> UnknownField:
    """The error for a field that the state does not have.

    Args:
        model: the state.
        name: the field's name.
        what: what names it.
        where: the author's place.
        way_out: what else could be done.
    """
    near = get_close_matches(name, model.model_fields, 1)
    hint = f" Did you mean {near[0]!r}?" if near else f" It has: {', '.join(model.model_fields)}."
    return UnknownField(f"{what}: the state {model.__name__} has no field {name!r}.{hint}{way_out}", where=where)


def reading(node: Node[..., Any], params: tuple[Param, ...], model: type[BaseModel]) -> Iterator[FlowError]:
    """What is wrong with the fields that parameters read.

    Args:
        node: the node.
        params: its parameters that are state fields.
        model: the state.
    """
    for param in params:
        field = param.field
        if field is None:
            continue
        info = model.model_fields.get(field)
        if info is None:
            near = get_close_matches(field, model.model_fields, 1, 0.8)
            if param.required or field != param.name or near:
                yield unknown_field(
                    model,
                    field,
                    f"node {node.name!r}, parameter {param.name!r}",
                    node.line,
                    f" A parameter reads the field of its name; {node.name}.bind({param.name}='...') reads another.",
                )
        elif not may_fit(param.annotation, info.annotation):
            yield NodeError(
                f"node {node.name!r}: the parameter {param.name!r} is {text(param.annotation)}, but the field "
                f"{model.__name__}.{field} is {text(info.annotation)}: no value fits both",
                where=node.line,
            )


def writing(node: Node[..., Any], model: type[BaseModel], *, step: bool = True) -> Iterator[FlowError]:
    """What is wrong with the fields that a result is written to.

    Args:
        node: the node.
        model: the state.
        step: whether the node is a step of its own; a tool that a model calls may write nothing.
    """
    if node.writes is not None:
        yield from _field(node, model, node.writes, node.returns)
        return
    if not step or node.returns is MISSING or node.returns is type(None):
        return
    fields = spread(node.returns)
    if fields is None:
        yield NodeError(
            f"node {node.name!r} gives {text(node.returns)}, and nothing says where it goes: add writes='<field>', "
            "or give a BaseModel or TypedDict whose fields are state fields",
            where=node.line,
        )
        return
    for name, annotation in fields.items():
        yield from _field(node, model, name, annotation)


def _field(node: Node[..., Any], model: type[BaseModel], name: str, annotation: Any) -> Iterator[FlowError]:
    info = model.model_fields.get(name)
    if info is None:
        whole = node.writes is None
        what = (
            f"node {node.name!r} writes {text(node.returns)} over the fields of its names"
            if whole
            else (f"node {node.name!r}, writes={name!r}")
        )
        yield unknown_field(model, name, what, node.line, " To store the whole, add writes='<field>'." if whole else "")
    elif not reducer(info) and annotation is not MISSING and not may_fit(info.annotation, annotation):
        yield NodeError(
            f"node {node.name!r} writes {text(annotation)} to the field {model.__name__}.{name}, "
            f"which is {text(info.annotation)}: no value fits both",
            where=node.line,
        )


def reducer(info: Any) -> Any:
    """The reducer of a state field, LangGraph's convention: a function in its metadata; None where it has none.

    Args:
        info: pydantic's FieldInfo.
    """
    found = [item for item in info.metadata if callable(item) and not isinstance(item, type)]
    return found[-1] if found else None


def messages(node: Node[..., Any], model: type[BaseModel], why: str) -> Iterator[FlowError]:
    """The error where a node needs a messages field and the state has none.

    Args:
        node: the node.
        model: the state.
        why: what the node does with it.
    """
    if messages_field(model) is None:
        yield NodeError(
            f"node {node.name!r} {why}, but the state {model.__name__} has no messages field; "
            "add messages: Messages = []",
            where=node.line,
        )
