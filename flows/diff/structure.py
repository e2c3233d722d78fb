"""What is written otherwise in two versions, in words: nodes, edges, gates, limits, budget, ends, fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .asking import gate_changes
from .change import Change, Spec, value
from .pairs import Pair
from .schemas import field_changes
from .steps import node_changes
from .stored import FLOW_WAYS, StoredEdge, as_text


def changes(pair: Pair) -> Iterator[Change]:
    """All that is written otherwise.

    Args:
        pair: the two versions.
    """
    yield from node_changes(pair)
    yield from _edges(pair)
    yield from gate_changes(pair)
    yield from _limits(pair)
    yield from _budget(pair.old.build.get("budget") or {}, pair.new.build.get("budget") or {})
    yield from _properties(pair.old.build.get("properties") or (), pair.new.build.get("properties") or ())
    yield from _ends(pair)
    yield from (Change(*told) for told in field_changes(pair.old.shape["state"], pair.new.shape["state"]))
    yield from _rest(pair)


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
        said = [value("within" if name in ("seconds", "deadline") else name, item) for item in (was, now)]
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


_TOLD = ("format", "name", "shape", "build", "data")
_WITHOUT_EFFECT = ("label", "accepts")


def _rest(pair: Pair) -> Iterator[Change]:
    """What else a manifest holds."""
    old, new = pair.old.manifest, pair.new.manifest
    for key in dict.fromkeys((*old, *new)):
        if key not in _TOLD and old.get(key) != new.get(key):
            text = f"its {key} is {value(key, new.get(key))}, was {value(key, old.get(key))}"
            yield Change("changed", "flow", pair.new.name, text, behaves=key not in _WITHOUT_EFFECT)
