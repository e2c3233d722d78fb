"""The fields of a state: how each is written, stored and read back, and what is said of a value that does not fit."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import from_json, to_json

from ..errors import StateInvalid
from ..guards.messages import add_messages, is_messages
from ..guards.secrecy import MASK, Traits, hidden, traits_of, words_of
from ..nodes.sealing import cleaned, with_seals
from ..nodes.shapes import is_mapping

Reducer = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field is written, stored and read back."""

    name: str
    annotation: Any
    adapter: TypeAdapter[Any]
    bounded: TypeAdapter[Any]
    simple: bool
    reducer: Reducer | None
    messages: bool
    nan: bool
    exact: frozenset[type]
    traits: Traits
    plain: frozenset[Any]


_SIMPLE = (str, int, float, bool, type(None))


def _is_simple(annotation: Any) -> bool:
    if annotation in _SIMPLE:
        return True
    origin = get_origin(annotation)
    if origin is Literal:
        return all(type(item) in _SIMPLE for item in get_args(annotation))
    if origin is not None and type(annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union"):
        parts = get_args(annotation)
        return all(_is_simple(part) for part in parts) and not {int, float} <= set(parts)
    return False


def plan_of(model: type[BaseModel], name: str, info: FieldInfo) -> FieldPlan:
    """How a field of a state is written, stored and read back.

    Args:
        model: the state.
        name: the field.
        info: what pydantic knows of it.
    """
    messages = is_messages(info.metadata)
    annotation: Any = info.annotation
    return FieldPlan(
        name=name,
        annotation=annotation,
        adapter=TypeAdapter(annotation if not messages else list[Any]),
        bounded=_bounded(annotation, info) if not messages else TypeAdapter(list[Any]),
        simple=_is_simple(annotation) and not messages,
        reducer=add_messages if messages else _reducer(info),
        messages=messages,
        nan=any(getattr(item, "allow_inf_nan", False) for item in info.metadata),
        exact=_exact_types(model, name, info),
        plain=_plain(annotation),
        traits=Traits(secret=False, free=False) if messages else traits_of(annotation),
    )


def _bounded(annotation: Any, info: FieldInfo) -> TypeAdapter[Any]:
    """A field's type with the bounds of its values; an author's own functions around it are not called."""
    asked = [item for item in info.metadata if not callable(item) and not type(item).__name__.endswith("Validator")]
    bounded: Any = Annotated[annotation, *asked] if asked else annotation
    return TypeAdapter(bounded)


def _plain(annotation: Any) -> frozenset[Any]:
    """What stored data of a simple field may be: its types, and each value that a Literal names."""
    origin = get_origin(annotation)
    if origin is Literal:
        return frozenset(("literal", type(item), item) for item in get_args(annotation))
    if origin is not None and type(annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union"):
        return frozenset(item for part in get_args(annotation) for item in _plain(part))
    if annotation not in _SIMPLE:
        return frozenset()
    types: frozenset[Any] = frozenset({type(None) if annotation is None else annotation})
    return types | {int} if annotation is float else types  # JSON tells 1.0 and 1 apart, and a default may be either


def _exact_types(model: type[BaseModel], name: str, info: FieldInfo) -> frozenset[type]:
    """The types that a field takes as they are: plain ones, where neither constraint nor validator looks."""
    checks = model.__pydantic_decorators__.field_validators.values()
    looked_at = any(name in check.info.fields or "*" in check.info.fields for check in checks)
    if info.metadata or looked_at or model.__pydantic_custom_init__ or info.frozen or model.model_config.get("frozen"):
        return frozenset()
    union = type(info.annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union")
    parts: tuple[Any, ...] = get_args(info.annotation) if union else (info.annotation,)
    return frozenset(parts) if all(part in _SIMPLE for part in parts) and _is_simple(info.annotation) else frozenset()


def _reducer(info: FieldInfo) -> Reducer | None:
    """LangGraph's convention: the last callable in ``Annotated[...]`` merges what a step writes."""
    for item in reversed(info.metadata):
        if callable(item) and not isinstance(item, type) and type(item).__module__ != "annotated_types":
            return item  # type: ignore[no-any-return]  # metadata are Any; it is callable
    return None


def joins(plan: FieldPlan, each: Sequence[Any]) -> bool:
    """Whether data that were merged into a field in turn come to the same when they are joined and merged at once.

    So it is for lists that are appended to, whose items are read one by one, and for messages where none is removed.

    Args:
        plan: the field, one with a reducer.
        each: what was merged in, as stored.
    """
    if not all(type(data) is list for data in each):
        return False
    if plan.messages:
        return all(is_mapping(item) and item.get("type") != "remove" for data in each for item in data)
    return plan.reducer is operator.add and get_origin(plan.annotation) is list and not plan.traits.secret


def writable(plan: FieldPlan, value: Any, model: type[BaseModel]) -> Any:
    """Text and messages that UTF-8 can carry: half a surrogate pair could be used now and never be stored.

    Args:
        plan: the field.
        value: its value, JSON-able.
        model: the state.

    Raises:
        StateInvalid: it cannot be written.
    """
    try:
        to_json(value)
    except ValueError as error:
        raise _unwritten(plan, value, model, error) from error
    return value


def as_json(plan: FieldPlan, value: Any, model: type[BaseModel]) -> Any:
    """A field's value as JSON-able data, its secrets sealed.

    Args:
        plan: the field.
        value: its value.
        model: the state.

    Raises:
        StateInvalid: it has no JSON form, or holds a secret where its type names none.
    """
    try:
        data = from_json(plan.adapter.dump_json(value, by_alias=False, round_trip=True), allow_inf_nan=False)
        return with_seals(plan.adapter, value, data, by_alias=False, round_trip=True)
    except ValueError as error:
        raise _unwritten(plan, value, model, error) from (None if plan.traits.secret else error)


def _unwritten(plan: FieldPlan, value: Any, model: type[BaseModel], error: ValueError) -> StateInvalid:
    told = cleaned(f"{shown_short(value)} cannot be written as JSON: {error}")
    return StateInvalid(f"{model.__name__}.{plan.name}: {told}{_way_out(error)}", field=plan.name)


def _way_out(error: ValueError) -> str:
    return ": keep bytes as base64 text" if "invalid utf-8" in str(error) else ""


def shown_short(value: Any) -> str:
    """A value as an error tells it: a number of any length, and what is long in short.

    Args:
        value: the value.
    """
    try:
        return repr(value)[:200]
    except (ValueError, RecursionError):  # more digits than Python writes
        return f"a {type(value).__name__}"


def first(
    error: ValidationError,
    model: type[BaseModel],
    secret: Collection[str],
    given: Mapping[str, Any] | None = None,
    *,
    within: str | None = None,
) -> str:
    """The first finding of a validation error in one line; nothing that may be a secret is told.

    Args:
        error: pydantic's error.
        model: the state.
        secret: its fields that may hold secrets.
        given: what was given for its fields.
        within: the field that the error is about, where its places do not begin with one.
    """
    found = error.errors(include_url=False, include_input=True)[0]
    place = ".".join(str(part) for part in found["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    names = {name for field in secret for name in names_of(model, field)}
    words = words_of(value for name, value in (given or {}).items() if name in names)
    told, shown = found["msg"], shown_short(found.get("input"))
    about = within or (found["loc"][0] if found["loc"] else None)
    if names and (about is None or about in names or found["type"] == "missing"):
        words |= words_of([found.get("input")])
        shown = MASK
    return cleaned(f"{place or 'value'}: {hidden(told, words)}, found {hidden(shown, words)}{more}")


def names_of(model: type[BaseModel], field: str) -> set[str]:
    """What a field may be called in what is given: its name and its aliases.

    Args:
        model: the state.
        field: the field.
    """
    info = model.model_fields[field]
    return {field, *(name for name in (info.alias, info.validation_alias) if isinstance(name, str))}
