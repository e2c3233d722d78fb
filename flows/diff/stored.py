"""A version of a flow as its manifest tells it: rows with conditions that can be evaluated, gates, limits, nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ...errors import FlowError
from ...guards.expressions import Expr, Formula, Opaque, conjunction, walk
from ...guards.forms import from_json
from ...guards.printing import text
from ...nodes.shapes import is_dict, is_list, is_mapping
from ..manifest import hashes
from .layout import must_be_whole
from .models import model_of

if TYPE_CHECKING:
    from ..flow import Flow

FAILURE, EXHAUSTED = "on_failure", "on_exhausted"
FLOW_WAYS = {EXHAUSTED: "a budget that is used up", FAILURE: "a failure that no edge matches"}
"""The rows of a flow's own ways, in words."""


@dataclass(frozen=True)
class StoredEdge:
    """An edge of a version.

    Args:
        id: what the version calls it.
        match: the failed outcomes or the ends that it is for; None is ``ok``.
        condition: all its conditions at once; None where it has none.
        limits: the limits that it bears, by name.
        gates: its gates by name, in the order asked.
        target: where it leads.
        words: its guards, as the author reads them.
    """

    id: str
    match: Mapping[str, Any] | None
    condition: Formula | None
    limits: tuple[str, ...]
    gates: tuple[str, ...]
    target: str
    words: str


class Version:
    """One version of a flow.

    Args:
        manifest: as ``Flow.manifest`` gives it, or as it was kept.
        called: what people call it, such as ``v1/desk.py:desk``.

    Raises:
        FlowError: the data is no manifest, or one of a layout that this guideway does not know.
    """

    def __init__(self, manifest: Mapping[str, Any], called: str = "") -> None:
        must_be_whole(manifest, called)
        self.manifest = manifest
        self.name = str(manifest["name"])
        self.called = called or self.name
        self.shape_hash, self.build_hash = hashes(dict(manifest))
        self.shape: Mapping[str, Any] = manifest["shape"]
        self.build: Mapping[str, Any] = manifest["build"]
        self.nodes: Mapping[str, Any] = self.shape["nodes"]
        self.gates: Mapping[str, Any] = self.shape["gates"]
        self.limits: Mapping[str, int] = self.shape["limits"]
        self._read: dict[str, tuple[StoredEdge, ...]] = {}

    @cached_property
    def model(self) -> type[BaseModel]:
        """The state's model, as far as the manifest tells it."""
        return model_of(self.shape["state"])

    @cached_property
    def stakes(self) -> dict[str, str]:
        """The stakes of the nodes, by name; an ``act`` or ``each`` has the highest of what it runs."""
        return {name: _stakes(spec) for name, spec in self.nodes.items()}

    def row(self, source: str) -> tuple[StoredEdge, ...]:
        """The edges of a row, in the order tried.

        Args:
            source: the row's source.
        """
        if source not in self._read:
            self._read[source] = tuple(self._edge(data) for data in self.shape["rows"].get(source, ()))
        return self._read[source]

    def unless(self, gate: str) -> Formula | None:
        """The exemption of a gate; None where it has none.

        Args:
            gate: its name.
        """
        found = self.unless_data(gate)
        return None if found is None else self.formula(found)

    def unless_data(self, gate: str) -> Any:
        """The exemption of a gate as the manifest has it; None where it has none.

        Args:
            gate: its name.
        """
        found = self.gates[gate].get("unless")
        return None if found is None else found["when"]

    def formula(self, data: Any) -> Formula:
        """A condition of the manifest.

        What only code can tell (a named function, the calls that a model proposes) becomes a leaf whose value is free.

        Args:
            data: its JSON form.
        """
        functions: dict[str, Callable[..., bool]] = {}
        return from_json(_freed(data, functions), functions)

    def _edge(self, data: Mapping[str, Any]) -> StoredEdge:
        conditions = [self.formula(item["when"]) for item in data["conditions"] if "when" in item]
        limits = tuple(item["limit"] for item in data["conditions"] if "limit" in item)
        said = [
            f"at_most({self.limits[item['limit']]})" if "limit" in item else item["text"] for item in data["conditions"]
        ]
        guards = [*_match_words(data["match"]), *([" and ".join(said)] if said else []), *data["gates"]]
        return StoredEdge(
            id=data["id"],
            match=data["match"],
            condition=conjunction(conditions) if conditions else None,
            limits=limits,
            gates=tuple(data["gates"]),
            target=data["target"],
            words=" >> ".join(guards) or "otherwise",
        )


def version_of(what: Flow[Any] | Mapping[str, Any] | Version, called: str = "") -> Version:
    """A version, from whatever tells one.

    Args:
        what: a flow, its manifest, or a version.
        called: what people call it.

    Raises:
        FlowError: it is none of these.
    """
    if isinstance(what, Version):
        return what
    if is_mapping(what):
        return Version(what, called)
    manifest = getattr(what, "manifest", None)
    if not callable(manifest):
        raise FlowError(f"{what!r} is no version of a flow: give a Flow, or what flow.manifest() gave")
    found: Any = manifest()
    return Version(found, called)


def opaque_leaves(*trees: Expr | None) -> Iterator[Opaque]:
    """The leaves whose value only code can tell, each once.

    Args:
        trees: conditions.
    """
    found = {item: None for tree in trees if tree is not None for item in walk(tree) if isinstance(item, Opaque)}
    yield from sorted(found, key=lambda item: item.name)


def as_text(data: Any) -> str:
    """JSON-able data as one text, the same for what is the same.

    Args:
        data: the data.
    """
    return json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)


def _freed(data: Any, functions: dict[str, Callable[..., bool]]) -> Any:
    """A condition's JSON with a function in the place of all that only code can tell; notes the functions."""
    if is_list(data):
        return [_freed(item, functions) for item in data]
    if not is_dict(data):
        return data
    if "proposes" in data or "function" in data:
        told: Any = data.get("function") or {"name": text(from_json(data)), "reads": []}
        functions[told["name"]] = _stand_in(told["name"], tuple(told["reads"]))
        return {"function": told}
    return {key: _freed(item, functions) for key, item in data.items()}


@cache
def _stand_in(name: str, reads: tuple[str, ...]) -> Callable[..., bool]:
    """One and the same function for a name, so that its leaves in two versions are equal."""

    def stand_in(**_: Any) -> bool:
        raise AssertionError(f"the value of {name} is free")  # the memo holds it before it could be called

    stand_in.__name__ = name
    parameters = [Parameter(item, Parameter.KEYWORD_ONLY) for item in reads]
    stand_in.__signature__ = Signature(parameters, return_annotation=bool)  # type: ignore[attr-defined]  # inspect reads it
    return stand_in


def _match_words(match: Mapping[str, Any] | None) -> list[str]:
    if match is None:
        return []
    if "ends" in match:
        return [f"ended({', '.join(repr(item) for item in (*match['ends'], *match['verdicts']))})"]
    named = [item.rpartition(".")[2] for item in match["types"]]
    return [f"failed({', '.join([*named, *(repr(item) for item in match['categories'])])})"]


def _stakes(spec: Mapping[str, Any]) -> str:
    if spec.get("flow"):
        return "low"  # what is high in there is told there
    inner = [spec, *spec.get("tools", ()), *([spec["node"]] if spec.get("node") else [])]
    return "high" if any(is_mapping(item) and item.get("stakes") == "high" for item in inner) else "low"
