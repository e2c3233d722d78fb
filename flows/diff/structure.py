"""What is written otherwise in two versions, in words: nodes, edges, gates, limits, budget, ends, fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...guards.durations import written
from .pairs import Pair
from .schemas import field_changes
from .stored import FLOW_WAYS, StoredEdge, as_text

Kind = Literal["added", "removed", "changed"]
Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A part that is written otherwise.

    Args:
        kind: added, removed or changed.
        part: what sort of part: node, edge, order, gate, limit, budget, end, field, flow.
        name: which one.
        text: what changed, in words.
        behaves: whether a run may do something else for it; a label or a description of the state changes nothing.
        loosens: whether it takes away from what held a run back.
    """

    kind: Kind
    part: str
    name: str
    text: str
    behaves: bool = True
    loosens: bool = False


def changes(pair: Pair) -> Iterator[Change]:
    """All that is written otherwise.

    Args:
        pair: the two versions.
    """
    yield from _nodes(pair)
    yield from _edges(pair)
    yield from _gates(pair)
    yield from _limits(pair)
    yield from _budget(pair.old.build.get("budget") or {}, pair.new.build.get("budget") or {})
    yield from _properties(pair.old.build.get("properties") or (), pair.new.build.get("properties") or ())
    yield from _ends(pair)
    yield from (Change(*told) for told in field_changes(pair.old.shape["state"], pair.new.shape["state"]))
    yield from _rest(pair)


# nodes

_QUIET = ("source", "schema", "output", "form", "params", "node", "name", "flow", "tools", "gates", "expired")
_BODIES = {
    "source": "its body changed", "output": "what its model has to answer changed",
    "form": "the form of its answer changed",
}  # fmt: skip
_PLAIN = {
    "kind": "is {1}, was {0}", "writes": "writes {1}, wrote {0}", "returns": "returns {1}, returned {0}",
    "effect": "has the effect {1}, had {0}", "stakes": "its stakes are {1}, were {0}",
    "role": "asks {1}, asked {0}", "question": "asks {1}, asked {0}", "model": "its model is {1}, was {0}",
    "timeout": "its timeout is {1}, was {0}", "within": "waits {1}, waited {0}",
}  # fmt: skip


def _nodes(pair: Pair) -> Iterator[Change]:
    for name, spec in pair.old.nodes.items():
        today = pair.today(name)
        if today not in pair.new.nodes:
            yield Change("removed", "node", name, f"the {_about(spec)} is gone")
            continue
        if today != name:
            yield Change("changed", "node", today, f"was called {name}")
        yield from _node(today, spec, pair.new.nodes[today])
        yield from _node(today, pair.old.build["nodes"].get(name, {}), pair.new.build["nodes"].get(today, {}))
    kept = {pair.today(name) for name in pair.old.nodes}
    for name, spec in pair.new.nodes.items():
        if name not in kept:
            yield Change("added", "node", name, f"a {_about(spec)} is new")


def _about(spec: Spec) -> str:
    effect = "" if spec.get("effect", "none") == "none" else f" with the effect {spec['effect']}"
    return f"{spec['kind']}{effect}{', of high stakes' if spec.get('stakes') == 'high' else ''}"


def _node(name: str, old: Spec, new: Spec, called: str = "") -> Iterator[Change]:
    """What changed about a node, or about a tool of one."""
    said = f"{called}: " if called else ""
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was == now or key == "name":
            continue
        if key in _BODIES:
            yield Change("changed", "node", name, said + _BODIES[key])
        elif key == "params":
            yield from (Change("changed", "node", name, said + text) for text in _params(was or {}, now or {}))
        elif key == "tools":
            yield from _tools(name, was, now)
        elif key == "gates":
            yield from _tool_gates(name, was or {}, now or {})
        elif key == "node":
            yield from _node(name, was or {}, now or {}, "what it runs for each item")
        elif key not in _QUIET:
            words = _PLAIN.get(key, f"{key.replace('_', ' ')} is {{1}}, was {{0}}")
            yield Change("changed", "node", name, said + words.format(_value(key, was), _value(key, now)),
                         loosens=_let_go(key, was, now))  # fmt: skip


def _let_go(key: str, was: Any, now: Any) -> bool:
    if key == "stakes":
        return was == "high"
    if key == "effect":
        return was == "once"
    if key == "not_by":
        return bool(set(was or ()) - set(now or ()))
    return key in ("reconcile", "key") and now is None


def _params(old: Spec, new: Spec) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is None or now is None:
            yield f"{'does not take' if now is None else 'takes'} {name} {'any more' if now is None else 'too'}"
        elif was["reads"] != now["reads"]:
            yield f"its {name} reads {now['reads']}, read {was['reads']}"
        else:
            yield f"its {name} is {now['type']}, was {was['type']}"


def _tools(name: str, old: Any, new: Any) -> Iterator[Change]:
    """The tools of a node: of ``act`` with what they are, of ``think`` their names, of both what was built of them."""
    was, now = _by_name(old), _by_name(new)
    for tool in dict.fromkeys((*was, *now)):
        if tool not in now:
            yield Change("removed", "node", name, f"does not have the tool {tool} any more")
        elif tool not in was:
            high = isinstance(now[tool], Mapping) and now[tool].get("stakes") == "high"
            yield Change(
                "added", "node", name, f"has the tool {tool} too{', of high stakes' if high else ''}", loosens=high
            )
        elif was[tool] != now[tool]:
            if isinstance(was[tool], Mapping) and isinstance(now[tool], Mapping):
                yield from _node(name, was[tool], now[tool], f"its tool {tool}")
            else:
                yield Change("changed", "node", name, f"its tool {tool} is told to the model in other words")


def _by_name(tools: Any) -> dict[str, Any]:
    if isinstance(tools, Mapping):
        return dict(tools)
    return {item["name"] if isinstance(item, Mapping) else item: item for item in tools or ()}


def _tool_gates(name: str, old: Any, new: Any) -> Iterator[Change]:
    """The gates of an act's tools, or of what an each runs."""
    was, now = (item if isinstance(item, Mapping) else {"": item} for item in (old, new))
    for tool in dict.fromkeys((*was, *now)):
        before, after = was.get(tool) or [], now.get(tool) or []
        if before != after:
            what = f"calls of {tool}" if tool else "what it runs for each item"
            text = (
                f"{what} pass {' and then '.join(after) or 'no gate'}, passed {' and then '.join(before) or 'no gate'}"
            )
            yield Change("changed", "node", name, text, loosens=bool(set(before) - set(after)))


# edges


def _edges(pair: Pair) -> Iterator[Change]:
    for before, after in pair.sources:
        yield from _row(pair, before, after)
    known = {after for _, after in pair.sources}
    for name in pair.old.shape["rows"]:
        if pair.today(name) not in known:
            yield from (Change("removed", "edge", name, _edge(edge)) for edge in pair.old.row(name))
    for name in pair.new.shape["rows"]:
        if name not in known:
            yield from (Change("added", "edge", name, _edge(edge)) for edge in pair.new.row(name))


def _row(pair: Pair, before: str, after: str) -> Iterator[Change]:
    was = [(_told(pair, pair.old, edge), edge) for edge in pair.old.row(before)]
    now = [(_told(pair, pair.new, edge), edge) for edge in pair.new.row(after)]
    name = FLOW_WAYS.get(after, after)
    gone = [edge for told, edge in was if told not in [other for other, _ in now]]
    come = [edge for told, edge in now if told not in [other for other, _ in was]]
    for edge in list(gone):
        twin = next((other for other in come if _twins(pair, edge, other)), None)
        if twin is not None:
            gone.remove(edge)
            come.remove(twin)
            yield Change("changed", "edge", name, f"{_edge(twin)}, was {edge.words} >> {edge.target}")
    yield from (Change("removed", "edge", name, _edge(edge)) for edge in gone)
    yield from (Change("added", "edge", name, _edge(edge)) for edge in come)
    order = [told for told, _ in was if told in [other for other, _ in now]]
    if order != [told for told, _ in now if told in [other for other, _ in was]]:
        yield Change("changed", "order", name, "its edges are tried in another order")


def _twins(pair: Pair, edge: StoredEdge, other: StoredEdge) -> bool:
    """Whether an edge took another's place: it leads to the same, or is guarded alike."""
    same_target = pair.target(pair.old, edge.target) == pair.target(pair.new, other.target)
    return (edge.match == other.match) and (same_target or edge.words == other.words)


def _edge(edge: StoredEdge) -> str:
    return f"{edge.words} >> {edge.target}"


def _told(pair: Pair, version: Any, edge: StoredEdge) -> str:
    limits = [version.limits[name] for name in edge.limits]
    return as_text([edge.match, edge.words, limits, edge.gates, pair.target(version, edge.target)])


# gates


def _gates(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.gates, pair.new.gates
    policies = pair.old.build["policies"], pair.new.build["policies"]
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield Change("removed", "gate", name, f"the {old[name]['kind']} is gone", loosens=True)
        elif name not in old:
            yield Change("added", "gate", name, f"a new {new[name]['kind']}")
        else:
            yield from _gate(pair, name, old[name], new[name])
            if policies[0].get(name) != policies[1].get(name):
                yield Change("changed", "gate", name, "what its rule does changed: its body is another one")


def _gate(pair: Pair, name: str, old: Spec, new: Spec) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if key == "ways":
            yield from _ways(pair, name, was or {}, now or {})
        elif key == "unless":
            texts = [item["text"] if item else None for item in (was, now)]
            said = "exempts nobody any more" if texts[1] is None else f"exempts {texts[1]}"
            yield Change("changed", "gate", name, f"{said}, exempted {texts[0] or 'nobody'}", loosens=texts[0] is None)
        elif key == "quorum":
            yield Change("changed", "gate", name, f"takes {now} to say yes, took {was}", loosens=now < was)
        elif key == "shows":
            gone, come = [x for x in was if x not in now], [x for x in now if x not in was]
            said = [f"does not show {', '.join(gone)} any more"] if gone else []
            said += [f"shows {', '.join(come)} too"] if come else []
            yield Change("changed", "gate", name, " and ".join(said) or "shows in another order", loosens=bool(gone))
        else:
            words = _PLAIN.get(key, f"{key.replace('_', ' ')} is {{1}}, was {{0}}")
            text = words.format(_value(key, was), _value(key, now))
            yield Change("changed", "gate", name, text, loosens=_let_go(key, was, now))


def _ways(pair: Pair, name: str, old: Spec, new: Spec) -> Iterator[Change]:
    routes = [{item["id"]: item for item in version.shape["ways"]} for version in (pair.old, pair.new)]
    for no in dict.fromkeys((*old, *new)):
        was, now = (_way(way, table) for way, table in ((old.get(no), routes[0]), (new.get(no), routes[1])))
        if pair.today(was) != now:
            yield Change("changed", "gate", name, f"when {no} it leads to {now}, led to {was}")


def _way(way: Spec | None, routes: Mapping[str, Spec]) -> str:
    if way is None:
        return "nowhere"
    if "route" in way:
        route = routes.get(way["route"])
        return str(way["route"]) if route is None else " >> ".join([*route["gates"], route["target"]])
    return str(way.get("gate") or way["target"])


# the rest


def _limits(pair: Pair) -> Iterator[Change]:
    for item in pair.counters:
        if item.old is not None and item.new is not None:
            was, now = pair.old.limits[item.old], pair.new.limits[item.new]
            if was != now:
                yield Change(
                    "changed", "limit", _bare(item.words), f"at most {now} times, was {was}", loosens=now > was
                )
        elif item.old is not None:
            yield Change(
                "removed",
                "limit",
                _bare(item.words),
                f"at most {pair.old.limits[item.old]} times is gone",
                loosens=True,
            )
        elif item.new is not None:
            yield Change("added", "limit", _bare(item.words), f"at most {pair.new.limits[item.new]} times")


def _bare(words: str) -> str:
    """What a limit counts, where it is said already that it is a limit."""
    return words.removeprefix("the limit ").replace("the edge ", "")


def _budget(old: Spec, new: Spec, within: str = "") -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if name == "keep":
            yield from _budget(was or {}, now or {}, "kept for the way out: ")
            continue
        said = [_value("within" if name in ("seconds", "deadline") else name, item) for item in (was, now)]
        more = now is None or (isinstance(was, int | float) and isinstance(now, int | float) and now > was)
        text = f"{within}{said[1]}, was {said[0]}"
        yield Change("changed", "budget", name, text, loosens=more and not within)


def _properties(old: Any, new: Any) -> Iterator[Change]:
    """The author's own properties, each known by its text."""
    was, now = ({item["text"]: item for item in items} for items in (old, new))
    for text in dict.fromkeys((*was, *now)):
        if text not in now:
            yield Change("removed", "property", text, "is neither proved nor enforced any more", loosens=True)
        elif text not in was:
            yield Change("added", "property", text, "is proved or enforced now")
        elif was[text] != now[text]:
            enforced = bool(now[text].get("enforced"))
            said = "is enforced in any case now" if enforced else "is enforced only where it is not proved"
            yield Change("changed", "property", text, said)


def _ends(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.shape["ends"], pair.new.shape["ends"]
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield Change("removed", "end", name, f"the end, {old[name]['verdict']}, is gone")
        elif name not in old:
            yield Change("added", "end", name, f"a new end, {new[name]['verdict']}")
        else:
            was, now = old[name], new[name]
            if was["verdict"] != now["verdict"]:
                yield Change("changed", "end", name, f"its verdict is {now['verdict']}, was {was['verdict']}")
            texts = [
                f"where {item['succeeds_if']['text']}" if item["succeeds_if"] else "in any case" for item in (was, now)
            ]
            if texts[0] != texts[1]:
                yield Change("changed", "end", name, f"succeeds {texts[1]}, succeeded {texts[0]}")


_TOLD = ("format", "shape", "build", "data")
_WITHOUT_EFFECT = ("label", "accepts", "name")


def _rest(pair: Pair) -> Iterator[Change]:
    """What else a manifest holds."""
    old, new = pair.old.manifest, pair.new.manifest
    for key in dict.fromkeys((*old, *new)):
        if key not in _TOLD and old.get(key) != new.get(key):
            text = f"its {key} is {_value(key, new.get(key))}, was {_value(key, old.get(key))}"
            yield Change("changed", "flow", pair.new.name, text, behaves=key not in _WITHOUT_EFFECT)


def _value(key: str, value: Any) -> str:
    """A value in words."""
    if value is None:
        return "none"
    if key in ("timeout", "within", "seconds", "deadline") and isinstance(value, int | float):
        return written(value) if value else "0s"
    if isinstance(value, str):
        return value if value.replace("_", "").isalnum() and len(value) < 40 else _hash_or(value)
    return as_text(value)


def _hash_or(value: str) -> str:
    is_hash = len(value) in (16, 64) and all(letter in "0123456789abcdef" for letter in value)
    return f"{value[:8]}…" if is_hash else f'"{value}"'
