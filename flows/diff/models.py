"""A state as a manifest tells it, as a pydantic model once more: its conditions are evaluated without the code of then.

Only what JSON Schema says comes back: types, choices and bounds. An author's own validators do not, so a model made
here may take a value that the author's refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from ...nodes.shapes import is_mapping

_FORMATS: dict[str, Any] = {"date": date, "date-time": datetime, "time": time, "duration": timedelta, "binary": bytes}
_BOUNDS = {
    "minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt", "multipleOf": "multiple_of",
    "minLength": "min_length", "maxLength": "max_length", "minItems": "min_length", "maxItems": "max_length",
}  # fmt: skip
_PLAIN: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}


def model_of(state: Mapping[str, Any]) -> type[BaseModel]:
    """The state's model, as far as its schema tells it.

    Args:
        state: what a manifest says of the state: its name and its schema.
    """
    return _Reader(state["schema"]).model(str(state["name"]), state["schema"])


class _Reader:
    """Reads one schema; a model that holds itself is Any where it does."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.defs: Mapping[str, Any] = schema.get("$defs", {})
        self.known: dict[str, Any] = {}

    def model(self, name: str, schema: Mapping[str, Any]) -> type[BaseModel]:
        required = schema.get("required", ())
        fields: dict[str, Any] = {
            field: (self.type(spec), ... if field in required else spec.get("default"))
            for field, spec in schema.get("properties", {}).items()
            if is_mapping(spec)
        }
        if "properties" not in schema:  # a state that JSON Schema cannot tell is told as the names of its types
            fields |= {
                field: (Any, None) for field, spec in schema.items() if isinstance(spec, str) and field.isidentifier()
            }
        config = ConfigDict(protected_namespaces=(), arbitrary_types_allowed=True)
        made: type[BaseModel] = create_model(name, __config__=config, **fields)
        return made

    def type(self, spec: Mapping[str, Any]) -> Any:
        """The type that a part of a schema stands for; Any where it is not told."""
        if "$ref" in spec:
            return self.named(str(spec["$ref"]).rpartition("/")[2])
        choices = spec.get("enum", [spec["const"]] if "const" in spec else None)
        if choices is not None:
            plain = all(isinstance(item, str | int | bool) or item is None for item in choices)
            return Literal[tuple(choices)] if choices and plain else Any  # pyright: ignore[reportInvalidTypeForm]  # the choices are known only here
        parts = spec.get("anyOf") or spec.get("oneOf")
        if parts:
            return self.union(parts)
        if len(spec.get("allOf", ())) == 1:
            return self.type(spec["allOf"][0])
        return _bounded(self.plain(spec), spec)

    def union(self, parts: list[Mapping[str, Any]]) -> Any:
        kinds = [part.get("type") for part in parts]
        if "number" in kinds and any(part.get("type") == "string" and "pattern" in part for part in parts):
            number = next(part for part in parts if part.get("type") == "number")
            rest = [part for part in parts if part.get("type") not in ("number", "string")]
            found: Any = _bounded(Decimal, number)  # so pydantic writes a Decimal, which a text may give too
            for part in rest:
                found = found | self.type(part)
            return found
        found = self.type(parts[0])
        for part in parts[1:]:
            other = self.type(part)
            found = Any if Any in (found, other) else found | other
        return found

    def plain(self, spec: Mapping[str, Any]) -> Any:
        kind = spec.get("type")
        if kind == "array":
            return list[self.type(spec["items"])] if isinstance(spec.get("items"), Mapping) else list[Any]  # type: ignore[misc]  # known only here
        if kind == "object":
            if "properties" in spec:
                return self.model(str(spec.get("title", "object")), spec)
            values = spec.get("additionalProperties")
            return dict[str, self.type(values)] if is_mapping(values) else dict[str, Any]  # type: ignore[misc]  # known only here
        if kind == "string" and spec.get("format") in _FORMATS:
            return _FORMATS[spec["format"]]
        return _PLAIN[kind] if isinstance(kind, str) and kind in _PLAIN else Any

    def named(self, name: str) -> Any:
        if name not in self.known:
            self.known[name] = Any
            spec = self.defs.get(name, {})
            self.known[name] = self.model(name, spec) if "properties" in spec else self.type(spec)
        return self.known[name]


def _bounded(kind: Any, spec: Mapping[str, Any]) -> Any:
    if kind is Any or kind is None:
        return kind
    bounds = {name: spec[key] for key, name in _BOUNDS.items() if key in spec}
    return Annotated[kind, Field(**bounds)] if bounds else kind
