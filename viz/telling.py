"""What the picture says about nodes, gates, ends and budgets, in words, from their specs in a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast, get_args

from ..guards.durations import written
from ..guards.outcomes import TRANSIENT
from ..nodes.node import Kind as NodeKind
from .model import Line, Mark, MarkKind, Node, Part, Tone
from .words import listed

Spec = Mapping[str, Any]
_STARTER = ["starter"]


# nodes


def node(key: str, spec: Spec, build: Spec, details: Spec, gates: Mapping[str, Spec]) -> Node:
    """A node of a flow.

    Args:
        key: its key in the diagram.
        spec: its shape in the manifest.
        build: its build in the manifest.
        details: the fields that it reads and writes, where they are known.
        gates: the gates of the flow, by name.
    """
    kind = spec["kind"]
    assert kind in get_args(NodeKind)
    if kind == "act":
        parts = [_tool(item, build["tools"].get(item["name"], {}), spec["gates"]) for item in spec["tools"]]
        parts += [gate_part(name, gates[name], "the model is told") for name in gates_of(spec, gates)]
        return Node(key, kind, spec["name"], parts=tuple(parts))
    lines = [*_asks(spec, build), *_thinks(spec, build), _data(spec, details), *_joined(_tries(build))]
    return Node(key, kind, spec["name"], tuple(line for line in lines if line.text), marks(spec))


def told(spec: Spec, build: Spec) -> list[Line]:
    """What is told of a node that works on the items of each: whom or what it asks, and how often it may try.

    Args:
        spec: its shape in the manifest.
        build: its build in the manifest.
    """
    return [*_asks(spec, build), *_thinks(spec, build), *_joined(_tries(build))]


def gates_of(spec: Spec, gates: Mapping[str, Spec]) -> list[str]:
    """The gates of the tools of act, those that a no leads to included, each once.

    Args:
        spec: the shape of act in the manifest.
        gates: the gates of the flow, by name.
    """
    return linked([name for names in spec["gates"].values() for name in names], gates)


def linked(names: list[str], gates: Mapping[str, Spec]) -> list[str]:
    """Gates, and those that their noes lead to, each once.

    Args:
        names: the gates that are asked first.
        gates: the gates of the flow, by name.
    """
    found: list[str] = []
    pending = list(names)
    while pending:
        name = pending.pop(0)
        if name not in found:
            found.append(name)
            pending += [way["gate"] for way in gates[name]["ways"].values() if way is not None and "gate" in way]
    return found


def _tool(spec: Spec, build: Spec, gated: Mapping[str, list[str]]) -> Part:
    names = gated.get(spec["name"], [])
    said = [f"asks {' and then '.join(names)}", *_tries(build)] if names else _tries(build)
    bare = [Line("no gate", "alert")] if spec["stakes"] == "high" and not names else []
    return Part(spec["name"], "tool", marks(spec), (*bare, *_joined(said, "plain" if names else "quiet")))


def gate_part(name: str, spec: Spec, without: str) -> Part:
    """A gate of a tool of act, or of the items of each: told in the node, since it stands on no edge.

    Args:
        name: its name.
        spec: its shape in the manifest.
        without: what comes of a no that has no way.
    """
    lines = _decides(spec)
    for no, way in spec["ways"].items():
        if way is None:
            lines.append(Line(f"{no}: {without}", "quiet"))
        elif "gate" in way:
            lines.append(Line(f"{no}: asks {way['gate']}"))
    return Part(name, spec["kind"], _exempt(spec), tuple(lines))


def marks(spec: Spec) -> tuple[Mark, ...]:
    """What must not be missed of a node: the effect and the stakes of a tool.

    Args:
        spec: its shape in the manifest.
    """
    if spec["kind"] != "tool":
        return ()
    effect: MarkKind = spec["effect"]
    found = [Mark(effect, "no effect" if effect == "none" else f"effect: {effect}")]
    if spec["stakes"] == "high":
        found.append(Mark("high", "HIGH STAKES"))
    return tuple(found)


def _asks(spec: Spec, build: Spec) -> list[Line]:
    if spec["kind"] != "ask":
        return []
    time = "" if spec["within"] is None else f", within {written(spec['within'])}"
    lines = [Line(f"asks {spec['role']}{time}")]
    if build.get("question"):
        lines.append(Line(f"“{_flat(build['question'])}”", "quote"))
    if spec["not_by"]:
        lines.append(Line(f"not by {listed(list(spec['not_by']))}"))
    return lines


def _thinks(spec: Spec, build: Spec) -> list[Line]:
    if spec["kind"] != "think":
        return []
    model = build.get("model", "default")
    models = cast(list[object], model) if isinstance(model, list) else [model]
    named = " or else ".join(str(item) for item in models)
    lines = [] if model == "default" else [Line(f"model {named}")]
    tools = spec["tools"]
    return [*lines, Line(f"may propose {listed(list(tools), 24)}")] if tools else lines


def _data(spec: Spec, details: Spec) -> Line:
    """What flows through the node, as ``order_id → order``."""
    reads = details.get("reads", [item["reads"] for item in spec["params"].values() if item["reads"]])
    writes = details.get("writes", [spec["writes"] or spec["returns"] or ""])
    into = listed([name for name in writes if name])
    return Line(f"{listed(list(reads))} → {into}".strip(), "quiet") if reads or into else Line("")


def _tries(build: Spec) -> list[str]:
    """Timeout, attempts and business key: how often, and how long, a call may be tried."""
    said: list[str] = []
    if build.get("timeout") is not None:
        said.append(f"timeout {written(build['timeout'])}")
    if build.get("retry") is not None:
        said.append(f"{build['retry']['attempts']} attempts")
    if build.get("reconcile") is not None:
        said.append("reconciled")
    if build.get("key") is not None:
        said.append(f"once per {build['key']}")
    return said


def _joined(said: list[str], tone: Tone = "quiet") -> list[Line]:
    return [Line(" · ".join(said), tone)] if said else []


# gates


def gate(key: str, name: str, spec: Spec) -> Node:
    """A gate, as it stands on an edge.

    Args:
        key: its key in the diagram.
        name: its name.
        spec: its shape in the manifest.
    """
    lines = _decides(spec)
    if spec["kind"] == "policy":
        return Node(key, "policy", name, tuple(lines))
    return Node(key, "approval", name, tuple(lines), _exempt(spec))


def _decides(spec: Spec) -> list[Line]:
    if spec["kind"] == "policy":
        reads = f", reads {listed(list(spec['reads']))}" if spec["reads"] else ""
        return [Line(f"a rule in code{reads}")]
    terms = [f"role {spec['role']}"]
    if spec["quorum"] > 1:
        terms.append(f"quorum {spec['quorum']}")
    if spec["within"] is not None:
        terms.append(f"within {written(spec['within'])}")
    lines = [Line(" · ".join(terms))]
    if spec["question"]:
        lines.append(Line(f"“{_flat(spec['question'])}”", "quote"))
    if spec["shows"]:
        lines.append(Line(f"shows {listed(list(spec['shows']), 8)}", "quiet"))
    not_by = list(spec["not_by"])
    if not_by != _STARTER:
        lines.append(Line(f"not by {listed(not_by)}" if not_by else "who started the run may decide"))
    return lines


def _exempt(spec: Spec) -> tuple[Mark, ...]:
    unless = spec.get("unless")
    return () if unless is None else (Mark("exempt", f"unless {unless['text']}"),)


def yes(spec: Spec) -> str:
    """A gate's yes, in words.

    Args:
        spec: the gate's shape in the manifest.
    """
    if spec["kind"] == "policy":
        return "passes"
    return "approved, or exempt" if spec["unless"] is not None else "approved"


def no(kind: str, spec: Spec) -> str:
    """A no, in words: what was said, or that nobody said anything in time.

    Args:
        kind: denied, expired or violated.
        spec: the shape of the gate, or of the ask, in the manifest.
    """
    within = spec.get("within")
    return f"{kind} after {written(within)}" if kind == "expired" and within is not None else kind


# edges


class Limits:
    """The limits of a flow: how often each, and which of them an edge shares with others."""

    def __init__(self, shape: Spec) -> None:
        self.most: Mapping[str, int] = shape["limits"]
        routes = [route for row in shape["rows"].values() for route in row]
        self.uses = Counter(item["limit"] for route in routes for item in route["conditions"] if "limit" in item)
        shared = [name for name in self.most if self.uses[name] > 1 and self.unnamed(name)]
        self.counters = {name: f"counter {place}" for place, name in enumerate(shared, 1)}

    def unnamed(self, name: str) -> bool:
        """Whether a limit has the name that the flow gave it."""
        return name.startswith(f"at_most({self.most[name]}) of ")

    def words(self, name: str) -> str:
        """A limit in words, with the counter's name where that tells something.

        Args:
            name: its name in the manifest.
        """
        most = self.most[name]
        said = f"at most {most} time{'s' if most != 1 else ''}"
        known = self.counters.get(name, "" if self.unnamed(name) else name)
        shared = ", shared" if self.uses[name] > 1 else ""
        return f"{said} ({known}{shared})" if known else said


def guards(route: Spec, limits: Limits, *, otherwise: bool) -> tuple[str, ...]:
    """The guards of an edge that stand before its gates, a line each.

    Args:
        route: the edge in the manifest.
        limits: the flow's limits.
        otherwise: whether an edge without guards says "otherwise".
    """
    words: list[str] = []
    match = route["match"]
    if match is not None and "ends" in match:
        words.append(f"ended {_alternatives([*match['ends'], *(f'as {name}' for name in match['verdicts'])])}")
    elif match is not None:
        named = [item.rsplit(".", 1)[-1] for item in match["types"]] + _categories(list(match["categories"]))
        words.append(f"failed: {', '.join(named)}" if named else "failed")
    for item in route["conditions"]:
        said = limits.words(item["limit"]) if "limit" in item else item["text"]
        if len(route["conditions"]) > 1 and isinstance(item.get("when"), dict) and "or" in item["when"]:
            said = f"({said})"
        words.append(f"and {said}" if words else said)
    return tuple(words) or (("otherwise",) if otherwise else ())


def _alternatives(names: list[str]) -> str:
    """Names with an "or" before the last."""
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _categories(names: list[str]) -> list[str]:
    if not set(TRANSIENT) <= set(names):
        return names
    return ["transient", *(name for name in names if name not in TRANSIENT)]


# ends and budgets


def end(key: str, name: str, spec: Spec) -> Node:
    """An end.

    Args:
        key: its key in the diagram.
        name: its name.
        spec: its shape in the manifest.
    """
    condition = spec["succeeds_if"]
    lines = () if condition is None else (Line(f"if {condition['text']}"), Line("else failed", "quiet"))
    return Node(key, "end", name, lines, verdict=spec["verdict"])


def budget(spec: Spec | None) -> list[Line]:
    """A budget, a line for what a run may use up and one for what is kept.

    Args:
        spec: the budget in the manifest.
    """
    if not spec:
        return []
    lines = [Line(f"budget: {_amounts(spec)}")]
    if spec.get("keep"):
        lines.append(Line(f"kept for the way out: {_amounts(spec['keep'])}"))
    return lines


def _amounts(spec: Spec) -> str:
    said = [counted(spec[name], name) for name in ("steps", "calls", "tokens") if spec.get(name) is not None]
    if spec.get("usd") is not None:
        said.append(f"${spec['usd']:,.2f}" if round(spec["usd"], 2) == spec["usd"] else f"${spec['usd']:,}")
    if spec.get("seconds") is not None:
        said.append(f"{written(spec['seconds'])} of work")
    deadline = spec.get("deadline")
    if deadline is not None:
        said.append(f"until {deadline}" if isinstance(deadline, str) else f"within {written(deadline)}")
    return " · ".join(said) or "none"


def counted(many: int, what: str) -> str:
    """A number of things, in words.

    Args:
        many: how many.
        what: their word, in the plural.
    """
    return f"{many:,} {what.removesuffix('s') if many == 1 else what}"


def _flat(text: str) -> str:
    return " ".join(text.split())
