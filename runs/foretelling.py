"""What becomes of runs of one version under another, for each place where a run can stand: told from manifests alone.

``adapting`` decides about a run by what it holds; this is the same decision without a run (docs/decisions/0009). Where
what a run holds matters, it is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from ..flows.flow import Flow
from ..flows.manifest import hashes
from ..flows.migrations import Migration, Names, chains
from ..flows.past import NOTHING, inner_of
from ..nodes.shapes import is_list, is_mapping
from .moving import Edges, Misfit

Outcome = Literal["refused", "parks", "asks anew", "migrates", "goes on"]
ORDER: tuple[Outcome, ...] = ("refused", "parks", "asks anew", "migrates", "goes on")
"""What may become of a run, from what a reader must know to what goes without saying."""

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Fate:
    """What becomes of a run that stands somewhere.

    Args:
        where: where it stands, in words.
        outcome: it parks, asks people anew, goes on where something has another name now, or goes on.
        why: what makes it so; what of its values may make it otherwise.
    """

    where: str
    outcome: Outcome
    why: str = ""


def fates(old: Spec, new: Spec, migrations: Sequence[Migration] = ()) -> tuple[Fate, ...]:
    """What becomes of runs of one version when they are resumed under another.

    Args:
        old: the manifest that the runs are of.
        new: the manifest that they are resumed under.
        migrations: those that the new flow declares.
    """
    if old["name"] != new["name"]:
        why = f"it is of flow {old['name']!r}, and is resumed under its own name alone"
        return (Fate("wherever it stands", "refused", why),)
    found: list[tuple[Fate, ...]] = []
    for chain in chains(migrations, hashes(dict(old))[0]):
        told = tuple(_Foretelling(old, new, Names(chain)).all())
        if chain:
            told = tuple(replace(fate, outcome="migrates") if fate.outcome == "goes on" else fate for fate in told)
        found.append(told)
    best = list(found[0])
    for told in found[1:]:  # a run takes the first chain under which it fits
        best = [other if fate.outcome == "parks" and other.outcome != "parks" else fate
                for fate, other in zip(best, told, strict=True)]  # fmt: skip
    return tuple(sorted(best, key=lambda fate: ORDER.index(fate.outcome)))


class _Today:
    """The flow that runs are resumed under, as far as its manifest tells it, for ``Edges``."""

    def __init__(self, manifest: Spec) -> None:
        shape = manifest["shape"]
        self._manifest = manifest
        self.routes = {route["id"]: route for routes in (*shape["rows"].values(), shape["ways"]) for route in routes}

    def manifest(self) -> Spec:
        return self._manifest


class _Foretelling:
    """One version, another, and a chain of migrations."""

    def __init__(self, old: Spec, new: Spec, names: Names, within: str = "") -> None:
        self.then, self.now, self.names, self.within = old, new, names, within
        self.old, self.new = old["shape"], new["shape"]
        self.edges = Edges(old, cast("Flow[Any]", _Today(new)), names)

    def all(self) -> Iterator[Fate]:
        """Each place, and before them what is so wherever a run stands."""
        for fate in (*self._state(), *self._nodes(), *self._gates(), *self._forks()):
            yield fate if not self.within else replace(fate, where=f"inside {self.within}: {fate.where}")
        yield from self._inside()

    # the state

    def _state(self) -> Iterator[Fate]:
        old, new = (version["state"]["schema"] for version in (self.old, self.new))
        where, by = (
            "wherever it stands",
            "a migration's function changes the state, and parks where what comes of it does not fit",
        )
        if self.names.transforms:
            yield Fate(where, "migrates", by)
            return
        if self.old["state"] == self.new["state"]:
            return
        fields, today = old.get("properties", NOTHING), new.get("properties", NOTHING)
        kept = {self.names.field(name) for name in fields}
        for name, spec in fields.items():
            called = self.names.field(name)
            if called is None:
                yield Fate(where, "migrates", f"a migration drops the field {name}")
            elif called not in today:
                yield Fate(where, "parks", f"where it holds more than the default in the field {name}, which is gone")
            elif _said(spec, old) != _said(today[called], new):
                yield Fate(where, "parks", f"where what it holds in the field {called} does not fit the type of today")
        for name in today:
            if name not in kept and name in new.get("required", ()):
                yield Fate(where, "parks", f"the field {name} is required now, and no run has it: give it a default")
        yield Fate(where, "migrates", "the state has another schema; what a run holds is validated under it")

    # places

    def _nodes(self) -> Iterator[Fate]:
        for name, spec in self.old["nodes"].items():
            today = self.names.node(name)
            now = self.new["nodes"].get(today)
            if now is None:
                yield Fate(f"at the step {name}", "parks", f"the flow has no {today} any more")
                continue
            yield self._node(name, spec, today, now)
            if spec["kind"] == "ask":
                yield self._ask(name, spec, today, now)
            for gate, tool in _tool_gates(spec):
                yield self._tool(name, tool, gate, spec, now)

    def _node(self, name: str, spec: Spec, today: str, now: Spec) -> Fate:
        if spec["kind"] in ("each", "subflow") and _held(spec) != _held(now):
            return Fate(f"inside {name}", "parks", "it holds other steps, or goes over other items, than when it began")
        called = f", which is called {today} now" if today != name else ""
        why = (
            f"by today's body{called}" if self._body(name) != self._body(today, new=True) else called.removeprefix(", ")
        )
        if spec["kind"] == "tool" and _calls(spec) != _calls(now):
            why = f"{why}; but parks where a call is under way that would have other arguments now".removeprefix("; ")
        return Fate(f"at the step {name}", "goes on", why)

    def _body(self, name: str, *, new: bool = False) -> Any:
        spec = (self.now if new else self.then)["build"]["nodes"].get(name, NOTHING)
        return spec.get("source"), spec.get("question")

    def _ask(self, name: str, spec: Spec, today: str, now: Spec) -> Fate:
        where = f"waiting for {spec['role']} at {name}"
        if now.get("role") != spec["role"]:
            return Fate(where, "asks anew", f"{now.get('role', 'nobody')} is asked now")
        if self._body(name) != self._body(today, new=True) or name != today:
            return Fate(where, "asks anew", "the question is another one")
        return Fate(where, "goes on")

    def _tool(self, name: str, tool: str, gate: str, spec: Spec, now: Spec) -> Fate:
        where = f"waiting for {gate} inside {name}" + (f", about {tool}" if tool else "")
        if (gate, tool) not in _tool_gates(now):
            return Fate(where, "asks anew", f"{gate} is not asked there any more")
        if self.edges.gate_changed(gate):
            return Fate(where, "asks anew", f"{gate} asks otherwise now")
        if self._tool_body(self.then, name, tool) != self._tool_body(self.now, self.names.node(name), tool):
            return Fate(where, "asks anew", "what would run has another body now")
        return Fate(where, "goes on")

    def _tool_body(self, manifest: Spec, node: str, tool: str) -> Any:
        build = manifest["build"]["nodes"].get(node, NOTHING)
        found = (build.get("tools") or NOTHING).get(tool) if tool else build.get("node")
        return found.get("source") if is_mapping(found) else found

    # gates on edges

    def _gates(self) -> Iterator[Fate]:
        for route, (_, data) in self.edges.routes.items():
            for gate in data["gates"]:
                yield from self._asked(route, data, gate, ())

    def _asked(self, route: str, data: Spec, gate: str, before: tuple[str, ...]) -> Iterator[Fate]:
        """A gate on an edge, and those that its noes lead to."""
        spec = self.old["gates"][gate]
        if gate in before:
            return
        if spec["kind"] == "approval":
            led = f", after a no of {before[-1]}" if before else ""
            yield self._waits(f"waiting for {gate} on the edge {route}{led}", route, data, gate, bool(before))
        for way in spec["ways"].values():
            if way is not None and "gate" in way:
                yield from self._asked(route, data, way["gate"], (*before, gate))

    def _waits(self, where: str, route: str, data: Spec, gate: str, turned: bool) -> Fate:
        try:
            today = self.edges.there(route)
        except Misfit as misfit:
            return Fate(where, "parks", str(misfit).removeprefix("the run waits on "))
        now = self.edges.flow.routes[today]
        why = self._another(data, cast("Any", now), gate)
        if why is None:
            return Fate(where, "goes on")
        if turned:
            return Fate(where, "parks", f"{why}, and a no on the way is not asked away")
        return Fate(where, "asks anew", why)

    def _another(self, data: Spec, now: Spec, gate: str) -> str | None:
        """Why what would run, or who is asked, is not what it was; None where it is."""
        changed = [
            name for name in dict.fromkeys((gate, *data["gates"], *now["gates"])) if self.edges.gate_changed(name)
        ]
        if changed:
            return f"{changed[0]} asks otherwise now"
        before, after = data["target"], now["target"]
        spec, today = self.old["nodes"].get(before), self.new["nodes"].get(after)
        if spec is None or today is None:
            return None if before == after else f"it leads to {after} now"
        if before != after:
            return f"{before} is called {after} now"
        if self._body(before) != self._body(after, new=True):
            return f"{after} has another body now"
        return f"{after} is given other arguments now" if _calls(spec) != _calls(today) else None

    # branches

    def _forks(self) -> Iterator[Fate]:
        for name, fork in self.old.get("forks", NOTHING).items():
            where = f"in the branches of {name}"
            try:
                today = self.new["forks"][self.edges.fork(name)]
            except Misfit:
                yield Fate(where, "parks", "the flow does not have these branches any more")
                continue
            out = [node for node in fork["inside"] if self.names.node(node) not in today["inside"]]
            if self.names.node(fork["exit"] or "") != (today["exit"] or ""):
                yield Fate(where, "parks", f"where a branch came to {fork['exit']}: they join at {today['exit']} now")
            elif out:
                yield Fate(where, "parks", f"where a branch stands at {', '.join(out)}, outside of the branches now")
            else:
                yield Fate(where, "goes on")

    # flows within

    def _inside(self) -> Iterator[Fate]:
        for name, spec in self.old["nodes"].items():
            today = self.names.node(name)
            inner = inner_of(self.then, name)
            outer = inner_of(self.now, today) if today in self.new["nodes"] else None
            if inner is not None and outer is not None and _held(spec) == _held(self.new["nodes"][today]):
                path = f"{self.within}/{name}".removeprefix("/")
                yield from _Foretelling(inner, outer, Names(()), path).all()


def _held(spec: Spec) -> Any:
    """What must be the same about a node for a run that is inside of it."""
    items = (spec.get("over"), spec.get("item"), spec.get("flow") is None) if spec["kind"] == "each" else None
    return spec["kind"], items


def _calls(spec: Spec) -> Any:
    return spec.get("params")


def _tool_gates(spec: Spec) -> list[tuple[str, str]]:
    """The gates that are asked inside of a node, each with the tool that it is about."""
    gates = spec.get("gates") or ()
    if is_mapping(gates):
        return [(gate, tool) for tool, names in cast("Mapping[str, list[str]]", gates).items() for gate in names]
    return [(gate, "") for gate in gates]


def _said(spec: Any, schema: Spec) -> Any:
    """A type with what it refers to, without what only describes it."""
    if is_list(spec):
        return [_said(item, schema) for item in spec]
    if not is_mapping(spec):
        return spec
    if "$ref" in spec:
        name = str(spec["$ref"]).rpartition("/")[2]
        rest: dict[str, Any] = dict(schema.get("$defs", NOTHING))
        inner: Any = rest.pop(name, NOTHING)  # a model that holds itself is told once
        return [name, {key: _said(item, {"$defs": rest}) for key, item in inner.items() if key not in _WORDS}]
    return {key: _said(item, schema) for key, item in spec.items() if key not in _WORDS}


_WORDS = ("title", "description", "examples", "default")
