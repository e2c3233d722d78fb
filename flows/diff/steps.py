"""What is written otherwise about nodes: what they are, read and write, what runs in them, and their tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...nodes.shapes import is_mapping
from .change import WORDS, Change, Spec, let_go, value
from .pairs import Pair

_QUIET = ("source", "schema", "output", "form", "params", "node", "name", "flow", "tools", "gates", "expired")
_BODIES = {
    "source": "its body changed", "output": "what its model has to answer changed",
    "form": "the form of its answer changed",
}  # fmt: skip


def node_changes(pair: Pair) -> Iterator[Change]:
    """What changed about nodes, and about the tools that they have.

    Args:
        pair: the two versions.
    """
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
            yield from _tool_gates(name, was or {}, now or {}, new)
        elif key == "node":
            yield from _node(name, was or {}, now or {}, "what it runs for each item")
        elif key not in _QUIET:
            words = WORDS.get(key, f"{key.replace('_', ' ')} is {{1}}, was {{0}}")
            yield Change("changed", "node", name, said + words.format(value(key, was), value(key, now)),
                         loosens=let_go(key, was, now))  # fmt: skip


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
            high = is_mapping(now[tool]) and now[tool].get("stakes") == "high"
            yield Change(
                "added", "node", name, f"has the tool {tool} too{', of high stakes' if high else ''}", loosens=high
            )
        elif was[tool] != now[tool]:
            if is_mapping(was[tool]) and is_mapping(now[tool]):
                yield from _node(name, was[tool], now[tool], f"its tool {tool}")
            else:
                yield Change("changed", "node", name, f"its tool {tool} is told to the model in other words")


def _by_name(tools: Any) -> dict[str, Any]:
    if is_mapping(tools):
        return dict(tools)
    return {item["name"] if is_mapping(item) else item: item for item in tools or ()}


def _tool_gates(name: str, old: Any, new: Any, node: Spec) -> Iterator[Change]:
    """The gates of an act's tools, or of what an each runs."""
    was, now = (item if is_mapping(item) else {"": item} for item in (old, new))
    ran = {"": node.get("node"), **_by_name(node.get("tools"))}
    for tool in dict.fromkeys((*was, *now)):
        before: list[str] = was.get(tool) or []
        after: list[str] = now.get(tool) or []
        if before != after:
            what = f"calls of {tool}" if tool else "what it runs for each item"
            text = (
                f"{what} pass {' and then '.join(after) or 'no gate'}, passed {' and then '.join(before) or 'no gate'}"
            )
            loosens, what_runs = bool(set(before) - set(after)), ran.get(tool)
            high = loosens and is_mapping(what_runs) and what_runs.get("stakes") == "high"
            yield Change("changed", "node", name, text, loosens=loosens, high=high)
