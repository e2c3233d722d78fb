"""What a manifest must have to be compared: it may come from anywhere, and is looked at before it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import FlowError
from ..manifest import FORMAT, hashes

Object = dict[str, Any]


class _Part(BaseModel):
    """A part of a manifest; what else it has is left as it is."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Edge(_Part):
    id: str
    match: Object | None
    conditions: list[Object]
    gates: list[str]
    target: str


class _Node(_Part):
    kind: str


class _Gate(_Part):
    kind: str
    ways: dict[str, Object | None]


class _End(_Part):
    verdict: str
    succeeds_if: Object | None


class _State(_Part):
    name: str
    schema_: Object = Field(alias="schema")
    reducers: dict[str, str]


class _Shape(_Part):
    state: _State
    nodes: dict[str, _Node]
    rows: dict[str, list[_Edge]]
    ways: list[_Edge]
    gates: dict[str, _Gate]
    ends: dict[str, _End]
    limits: dict[str, int]


class _Build(_Part):
    nodes: dict[str, Object]
    policies: dict[str, str]


class _Manifest(_Part):
    format: int
    name: str
    shape: _Shape
    build: _Build


def must_be_whole(manifest: Mapping[str, Any], called: str) -> None:
    """Refuses what is no manifest, or none that can be compared.

    Args:
        manifest: the data.
        called: what people call it; empty where nothing is called so.

    Raises:
        FlowError: a part is missing or of another kind, or the layout is one that this guideway does not know.
    """
    said = f"{called}: " if called else ""
    missing = [part for part in ("format", "name", "shape", "build") if part not in manifest]
    if missing:
        raise FlowError(f"{said}this is no manifest of a flow: it has no {missing[0]!r}. flow.manifest() makes one")
    if manifest["format"] != FORMAT:
        raise FlowError(
            f"{said}this manifest has the layout {manifest['format']!r}, and this guideway reads {FORMAT}: make it "
            "anew with this guideway, or compare with the one that made it"
        )
    try:
        whole = _Manifest.model_validate(manifest)
        hashes(dict(manifest))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FlowError(
            f"{said}this manifest is not whole: {where}: {first['msg']}. flow.manifest() makes one"
        ) from None
    except (RecursionError, TypeError, AttributeError) as error:
        raise FlowError(f"{said}this manifest is not whole: {error}. flow.manifest() makes one") from None
    for what in _unknown(whole.shape):
        raise FlowError(f"{said}this manifest is not whole: {what}. flow.manifest() makes one")


def _unknown(shape: _Shape) -> Iterator[str]:
    """What edges and ways name and the manifest does not have."""
    for edge in [*(edge for row in shape.rows.values() for edge in row), *shape.ways]:
        yield from (f"{edge.id}: there is no gate {name!r}" for name in edge.gates if name not in shape.gates)
        for item in edge.conditions:
            limit = item.get("limit")
            if "limit" in item and limit not in shape.limits:
                yield f"{edge.id}: there is no limit {limit!r}"
            elif "limit" not in item and ("when" not in item or "text" not in item):
                yield f"{edge.id}: a condition has no 'when' and 'text'"
    for name, gate in shape.gates.items():
        led = (way["gate"] for way in gate.ways.values() if way is not None and "gate" in way)
        yield from (f"gate {name}: there is no gate {other!r}" for other in led if other not in shape.gates)
