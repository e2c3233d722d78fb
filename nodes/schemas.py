"""JSON schemas as parameters: types for the checks, and the schema itself, whole, for the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError, to_jsonable_python

from ..errors import NodeError
from .context import FromState
from .shapes import is_list, is_mapping
from .signature import MISSING, OMITTED, Param

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
    "null": type(None),
}


def params_of(schema: Mapping[str, Any], hidden: Mapping[str, str], title: str, where: str | None) -> tuple[Param, ...]:
    """The parameters of an object's JSON schema.

    A value is validated by its own part of the schema and never coerced. An optional parameter that has no
    default is left out of the call where nothing gives it.

    Args:
        schema: the schema.
        hidden: state field by parameter, of those that a model does not fill.
        title: what has it, for the message.
        where: the author's place.

    Raises:
        NodeError: it is no JSON schema of an object.
    """
    properties = schema.get("properties", {})
    if schema.get("type", "object") != "object" or not is_mapping(properties):
        raise NodeError(f"{title} has no JSON schema of an object: {dict(schema)!r}", where=where)
    validator(schema, title, where)  # a schema that is none is found here, not by a call
    required = schema.get("required", [])
    found: list[Param] = []
    for name, part in properties.items():
        own = validator(_alone(part, schema), title, where)
        optional = name not in required
        admits_null = own.is_valid(None)
        annotation: Any = annotation_of(part, schema)
        if optional and not admits_null:
            annotation = annotation | None if annotation is not Any else Any
        check = _value(own, omit_null=optional and not admits_null)
        marks: list[Any] = [PlainValidator(check), PlainSerializer(_same, return_type=Any)]
        if name in hidden:
            marks.append(FromState)
        default = _default(part, own) if optional else MISSING
        kept: Any = Annotated[(annotation, *marks)]
        found.append(Param(name, hidden.get(name, name), kept, "field", default, name in hidden))
    return tuple(found)


def validator(schema: Any, title: str, where: str | None) -> Validator:
    """What validates values by a JSON schema; references lead nowhere outside of it.

    Args:
        schema: the schema.
        title: what has it, for the message.
        where: the author's place.

    Raises:
        NodeError: it is no JSON schema.
    """
    from jsonschema import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    cls = validator_for(schema, default=Draft202012Validator)
    try:
        cls.check_schema(schema)
    except SchemaError as error:
        raise NodeError(f"{title} has a schema that is no JSON schema: {error.message}", where=where) from error
    return cls(schema, registry=Registry())


def misfit(found: Validator, value: Any) -> str | None:
    """What is wrong with a value by its schema, in words, one line; None where it fits.

    Args:
        found: the schema's validator.
        value: JSON-able.
    """
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(found.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    except Unresolvable as error:
        return f"its schema refers to something that it does not hold: {error}"
    places = ((".".join(str(part) for part in error.absolute_path), error.message) for error in errors)
    return "; ".join(f"{place}: {message}" if place else message for place, message in places) or None


def annotation_of(part: Any, root: Mapping[str, Any]) -> Any:
    """The Python type that a part of a JSON schema says, as far as the checks need it; Any where it says none.

    Args:
        part: the part.
        root: the whole schema, for references.
    """
    if not is_mapping(part):
        return Any
    reference = part.get("$ref")
    if isinstance(reference, str):
        target = _resolved(reference, root)
        return Any if target is None or "$ref" in target else annotation_of(target, root)
    values = [part["const"]] if "const" in part else part.get("enum")
    if is_list(values):
        plain = values and all(value is None or isinstance(value, str | int | bool) for value in values)
        return Literal[tuple(values)] if plain else Any
    options = part.get("anyOf", part.get("oneOf"))
    if is_list(options) and options:
        return _union([annotation_of(option, root) for option in options])
    kind = part.get("type")
    if is_list(kind):
        return _union([_TYPES.get(item, Any) for item in kind])
    if kind == "array" and "items" in part:
        return list[annotation_of(part["items"], root)]  # type: ignore[misc]  # the type is built from a schema
    return _TYPES.get(kind, Any) if isinstance(kind, str) else Any


def _union(found: list[Any]) -> Any:
    return Any if Any in found or not found else reduce(lambda left, right: left | right, found)


def _resolved(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not reference.startswith("#/"):
        return None
    found: Any = root
    for part in reference[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if is_mapping(found) else None
    return found if is_mapping(found) else None


def _alone(part: Any, root: Mapping[str, Any]) -> Any:
    """A property's schema with the definitions that it may refer to."""
    if not is_mapping(part):
        return part
    return {**{name: root[name] for name in ("$schema", "$defs", "definitions") if name in root}, **part}


def _default(part: Any, own: Validator) -> Any:
    if is_mapping(part) and "default" in part and own.is_valid(part["default"]):
        return part["default"]
    return OMITTED


def _value(own: Validator, *, omit_null: bool) -> Callable[[Any], Any]:
    """Validates a value as the JSON that it is sent as; a state's models and dates become JSON before."""

    def check(value: Any) -> Any:
        if value is OMITTED or (omit_null and value is None):
            return OMITTED
        plain = to_jsonable_python(value, by_alias=True)
        wrong = misfit(own, plain)
        if wrong is not None:
            raise PydanticCustomError("json_schema", "{wrong}", {"wrong": wrong})
        return plain

    return check


def _same(value: Any) -> Any:
    return value
