"""The fields of a state in two versions, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ...nodes.shapes import is_mapping
from .stored import as_text

Spec = Mapping[str, Any]
Told = tuple[Literal["added", "removed", "changed"], str, str, str, bool, bool]
"""What ``Change`` takes."""

_BOUNDS = {
    "minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<", "minLength": "length >=",
    "maxLength": "length <=", "minItems": "length >=", "maxItems": "length <=", "multipleOf": "a multiple of",
    "pattern": "like",
}  # fmt: skip


def field_changes(old: Spec, new: Spec) -> Iterator[Told]:
    """What changed about a state, and about the models within it.

    Args:
        old: what the manifest before says of the state.
        new: what the manifest after says of it.
    """
    found = [*_state(old, new)]
    yield from found
    for name, reducer in _changed(old.get("reducers", {}), new.get("reducers", {})):
        yield (
            "changed",
            "field",
            name,
            f"is merged by {reducer[1] or 'nothing'}, was by {reducer[0] or 'nothing'}",
            True,
            False,
        )
    if not found and old["schema"] != new["schema"]:
        yield "changed", "field", str(new["name"]), "is described in other words", False, False


def _state(old: Spec, new: Spec) -> Iterator[Told]:
    models = dict(_models(old)), dict(_models(new))
    for name in dict.fromkeys((*models[0], *models[1])):
        was, now = models[0].get(name), models[1].get(name)
        if was is None or now is None:
            continue  # a model that came or went is told by the fields that hold it
        prefix = f"{name}." if name else ""
        fields = was.get("properties", {}), now.get("properties", {})
        for field, (before, after) in _changed(*fields):
            called = prefix + field
            if before is None:
                yield "added", "field", called, f"is new: {_kind(after)}{_given(now, field, after)}", True, False
            elif after is None:
                yield "removed", "field", called, f"is gone: {_kind(before)}", True, False
            else:
                yield from _field(called, (was, now), field, before, after)


def _field(called: str, models: tuple[Spec, Spec], field: str, before: Spec, after: Spec) -> Iterator[Told]:
    kinds = _kind(before), _kind(after)
    if kinds[0] != kinds[1]:
        yield "changed", "field", called, f"is {kinds[1]}, was {kinds[0]}", True, False
    given = _given(models[0], field, before), _given(models[1], field, after)
    if given[0] != given[1]:
        yield (
            "changed",
            "field",
            called,
            f"is{given[1] or ' without a default'}, was{given[0] or ' without one'}",
            True,
            False,
        )


def _models(state: Spec) -> Iterator[tuple[str, Spec]]:
    """The state's own model under no name, and those within it."""
    yield "", state["schema"]
    for name, spec in state["schema"].get("$defs", {}).items():
        if "properties" in spec:
            yield name, spec


def _changed(old: Spec, new: Spec) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield name, (old.get(name), new.get(name))


def _given(model: Spec, field: str, spec: Spec) -> str:
    if field in model.get("required", ()):
        return ", required"
    return f", {as_text(spec['default'])} by default" if is_mapping(spec) and "default" in spec else ""


def _kind(spec: Any) -> str:
    """A type of JSON Schema, as short as it can be said."""
    if not is_mapping(spec):
        return str(spec)
    if "$ref" in spec:
        return str(spec["$ref"]).rpartition("/")[2]
    if "const" in spec or "enum" in spec:
        return " or ".join(as_text(item) for item in spec.get("enum", [spec.get("const")]))
    parts = spec.get("anyOf") or spec.get("oneOf") or spec.get("allOf")
    if parts:
        return " or ".join("None" if part.get("type") == "null" else _kind(part) for part in parts)
    kind = str(spec.get("format") or spec.get("type") or "anything")
    if kind == "array":
        kind = f"list of {_kind(spec.get('items', {}))}"
    bounds = [f"{word} {spec[key]}" for key, word in _BOUNDS.items() if key in spec]
    return f"{kind} ({', '.join(bounds)})" if bounds else kind
