"""What is written otherwise about gates: who is asked, about what, what is exempt, and where each no leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .change import WORDS, Change, Spec, let_go, value
from .pairs import Pair


def gate_changes(pair: Pair) -> Iterator[Change]:
    """What changed about gates: who is asked about what, what is exempt, and where each no leads.

    Args:
        pair: the two versions.
    """
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
            yield Change(
                "changed", "gate", name, f"takes {now} to say yes, took {was}", loosens=(now or 0) < (was or 0)
            )
        elif key == "shows":
            yield _shows(name, was or [], now or [])
        else:
            words = WORDS.get(key, f"{key.replace('_', ' ')} is {{1}}, was {{0}}")
            text = words.format(value(key, was), value(key, now))
            yield Change("changed", "gate", name, text, loosens=let_go(key, was, now))


def _shows(name: str, was: list[str], now: list[str]) -> Change:
    """What an approval shows to those who decide."""
    gone, come = [item for item in was if item not in now], [item for item in now if item not in was]
    said = [f"does not show {', '.join(gone)} any more"] if gone else []
    said += [f"shows {', '.join(come)} too"] if come else []
    return Change("changed", "gate", name, " and ".join(said) or "shows in another order", loosens=bool(gone))


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
