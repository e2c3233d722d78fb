"""The flow as JSON: complete enough to draw and to compare without its code, and its two hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from ..guards.budgets import Budget
from ..guards.endings import Ended
from ..guards.forms import to_json
from ..guards.gates import Approval, Gate, Policy, Way
from ..guards.limits import Limit
from ..guards.path import Edge
from ..guards.printing import text
from ..guards.secrecy import MASK
from ..guards.target import Target
from ..nodes.ask import Ask
from ..nodes.node import Node
from ..nodes.source import source_hash
from .ends import End
from .rows import Match, Route

if TYPE_CHECKING:
    from .flow import Flow

FORMAT = 1
"""The version of the manifest's own layout."""


def manifest_of(flow: Flow[Any]) -> dict[str, Any]:
    """The manifest of a flow.

    Args:
        flow: the flow.
    """
    specs = {name: node.spec() for name, node in sorted(flow.nodes.items())}
    return {
        "format": FORMAT,
        "name": flow.name,
        "shape": {
            "state": _state(flow),
            "nodes": {name: spec["shape"] | _own_way(flow, name) for name, spec in specs.items()},
            "rows": {source: [_route(flow, route) for route in routes] for source, routes in flow.rows.items()},
            "ways": [_route(flow, route) for route in flow.routes.values() if route.source == "way"],
            "gates": {name: _gate(flow, gate) for name, gate in sorted(flow.gates.items())},
            "ends": {name: _end(end) for name, end in sorted(flow.ends.items())},
            "limits": {name: limit.n for limit, name in sorted(flow.limits.items(), key=lambda pair: pair[1])},
            **({"forks": {name: _fork(flow, name) for name in sorted(flow.forks)}} if flow.forks else {}),
        },
        "build": {
            "nodes": {name: spec["build"] for name, spec in specs.items()},
            "budget": _budget(flow.budget),
            "policies": {name: _source(gate) for name, gate in sorted(flow.gates.items()) if isinstance(gate, Policy)},
            **({"properties": [item.to_json() for item in flow.properties]} if flow.properties else {}),
        },
        "data": {name: _data(flow, node) for name, node in sorted(flow.nodes.items())},
        "label": flow.label,
        "accepts": flow.accepts,
    }


def hashes(manifest: dict[str, Any]) -> tuple[str, str]:
    """The shape and the build of a manifest: two short hashes, the second over both parts.

    Args:
        manifest: as ``manifest_of`` gives it.
    """
    shape = digest_of(_shape_alone(manifest["shape"]))
    return shape, digest_of([shape, *_builds(manifest)])


def _shape_alone(shape: dict[str, Any]) -> dict[str, Any]:
    """A shape without what the flows inside of it only run: a prompt in there does not change where a run stands."""
    nodes: dict[str, dict[str, Any]] = shape["nodes"]
    inner = {
        name: spec | {"flow": [spec["flow"]["name"], _shape_alone(spec["flow"]["shape"])]}
        for name, spec in nodes.items()
        if spec.get("flow")
    }
    return shape | {"nodes": nodes | inner} if inner else shape


def _builds(manifest: dict[str, Any]) -> list[Any]:
    """What runs in a flow, and in the flows inside of it."""
    nodes: dict[str, dict[str, Any]] = manifest["shape"]["nodes"]
    inner = {name: _builds(spec["flow"]) for name, spec in sorted(nodes.items()) if spec.get("flow")}
    return [manifest["build"], inner] if inner else [manifest["build"]]


def digest_of(data: Any) -> str:
    """Sixteen hex digits of the SHA-256 of data in canonical JSON.

    Args:
        data: JSON-able data.
    """
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _state(flow: Flow[Any]) -> dict[str, Any]:
    model: type[BaseModel] = flow.state
    reducers = {
        name: getattr(plan.reducer, "__name__", "reducer")
        for name, plan in flow.type.fields.items()
        if plan.reducer is not None
    }
    try:
        schema: dict[str, Any] = _masked(model.model_json_schema(schema_generator=_Schema), flow)
    except PydanticInvalidForJsonSchema:
        schema = {name: str(info.annotation) for name, info in model.model_fields.items()}
    return {"name": model.__name__, "schema": schema, "reducers": reducers}


class _Schema(GenerateJsonSchema):
    """Pydantic's, without its warning of a default that has no JSON form: a secret's has none."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}


def _masked(schema: dict[str, Any], flow: Flow[Any]) -> dict[str, Any]:
    """A state's schema with the defaults and examples of secrets masked, wherever they are."""
    if not flow.type.secret:
        return schema
    for name, field in schema.get("properties", {}).items():
        if name in flow.type.secret:
            _mask(field)
    for inner in schema.get("$defs", {}).values():
        for field in inner.get("properties", {}).values():
            if "writeOnly" in json.dumps(field) or "$ref" in json.dumps(field):
                _mask(field)
    return schema


def _mask(field: dict[str, Any]) -> None:
    for name in ("default", "examples", "example", "const", "enum"):
        if field.get(name) is not None:
            field[name] = MASK


def _data(flow: Flow[Any], node: Node[Any, Any]) -> dict[str, list[str]]:
    """What flows through a node, for a picture: of neither hash, since shape and build have what it follows from."""
    return {"reads": list(node.reads(flow.state)), "writes": list(node.written(flow.state))}


def _route(flow: Flow[Any], route: Route) -> dict[str, Any]:
    return {
        "id": route.id,
        "match": _match(route.match),
        "conditions": [
            {"limit": flow.limits[item]} if isinstance(item, Limit) else {"when": to_json(item), "text": text(item)}
            for item in route.conditions
        ],
        "gates": [gate.name for gate in route.gates],
        "target": route.target.name,
    }


def _fork(flow: Flow[Any], name: str) -> dict[str, Any]:
    region = flow.regions[name]
    return {"heads": [head.target.name for head in flow.forks[name].heads], "exit": region.exit,
            "inside": sorted(region.inside)}  # fmt: skip


def _match(match: Match) -> dict[str, Any] | None:
    if match is None:
        return None
    if isinstance(match, Ended):
        return {"ends": match.ends, "verdicts": match.verdicts}
    return {"types": match.types, "categories": match.categories}


def _gate(flow: Flow[Any], gate: Gate) -> dict[str, Any]:
    ways = {kind: _way(flow, way) for kind, way in gate.ways().items()}
    if isinstance(gate, Approval):
        return {
            "kind": "approval",
            "role": gate.role,
            "within": gate.within,
            "quorum": gate.quorum,
            "unless": None if gate.unless is None else {"when": to_json(gate.unless), "text": text(gate.unless)},
            "shows": [text(item) for item in gate.shows],
            "not_by": list(gate.not_by),
            "question": gate.question,
            "ways": ways,
        }
    return {"kind": "policy", "reads": list(getattr(gate, "reads", ())), "ways": ways}


def _own_way(flow: Flow[Any], name: str) -> dict[str, Any]:
    """The way of an ask for nobody's answer, whole: its gates too."""
    node = flow.nodes[name]
    return {"expired": _way(flow, node.expired)} if isinstance(node, Ask) else {}


def _way(flow: Flow[Any], way: Way | None) -> dict[str, str] | None:
    if isinstance(way, Edge):
        return {"route": flow.route_of[way].id}
    if isinstance(way, Gate):
        return {"gate": way.name}
    return {"target": way.name} if isinstance(way, Target) else None


def _end(end: End) -> dict[str, Any]:
    condition = end.succeeds_if
    return {
        "verdict": end.verdict,
        "succeeds_if": None if condition is None else {"when": to_json(condition), "text": text(condition)},
    }


def _budget(budget: Budget | None) -> dict[str, Any] | None:
    if budget is None:
        return None
    data = asdict(budget)
    if isinstance(data["deadline"], datetime):
        data["deadline"] = data["deadline"].isoformat()
    return {name: value for name, value in data.items() if value is not None}


def _source(gate: Policy) -> str:
    return source_hash(gate.fn)
