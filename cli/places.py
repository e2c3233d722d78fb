"""Where a run stands, by its events alone: its places, what each of them is called, and what it holds open.

None of the flow's code runs: ``runs.folds`` does the same with the flow at hand, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..runs.progress import in_order
from .asked import Asked
from .spots import Spot

if TYPE_CHECKING:
    from ..runs.store import Event


class Places:
    """The places of one run.

    Args:
        manifest: the flow's, as the store kept it; with it the sizes of lists are known.
    """

    def __init__(self, manifest: dict[str, Any] | None = None) -> None:
        self.root = Spot("", None, manifest or {})
        self.spots: dict[str, Spot] = {"": self.root}
        self.labels: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.steps = 0
        self.cancelled = False

    def label(self, path: str) -> str:
        """A place in words, with its path in parentheses; empty for the run's own.

        Args:
            path: its branch.
        """
        return f"{self.labels.get(path, 'branch')} ({path})" if path else ""

    def size(self, each: str) -> int:
        """How many items an ``each`` goes over; 0 where it is not open, or only the flow's code could say it.

        Args:
            each: what the paths of its items begin with.
        """
        above, _, _ = each.rpartition(".")
        return self.spots[above].size or 0 if above in self.spots else 0

    def item(self, path: str) -> Any:
        """The item that a place is about, the innermost; None where it is about none, or that is not known.

        Args:
            path: its branch.
        """
        own = ""
        while path and "i" not in own:  # by the path alone: an item that is over is no place any more
            path, _, own = path.rpartition(".")
        above = self.spots.get(path) if "i" in own else None
        items = None if above is None else above.items
        if items is None:
            return None
        index = in_order(own)[-1]
        return items[index] if index < len(items) else None

    def standing(self) -> list[Spot]:
        """The places where the run stands and that are not over, in the order of their paths."""
        found = [spot for spot in self.spots.values() if not spot.parts and spot.state not in ("done", "failed")]
        return sorted(found, key=lambda spot: in_order(spot.path))

    def parked(self) -> list[Spot]:
        """The places that somebody must settle, in the order of their paths; none once the run was cancelled."""
        found = [spot for spot in self.spots.values() if "parked" in spot.at and not self.cancelled]
        return sorted(found, key=lambda spot: in_order(spot.path))

    # folding

    def take_all(self, events: Iterable[Event]) -> Places:
        """Takes events in order; gives itself back.

        Args:
            events: the next events of the run.
        """
        for event in events:
            self.take(event)
        return self

    def take(self, event: Event) -> None:
        """Takes one event.

        Args:
            event: the next event of the run.
        """
        path = event.body.get("branch", "")
        spot = self.spots.get(path) or self._opened(path)
        known = getattr(self, f"_{event.kind}", None)
        if known is not None:
            known(spot, event.body)

    def _opened(self, path: str) -> Spot:
        """The place of a branch that no event was of before: an item, or the flow of a subflow."""
        above, _, own = path.rpartition(".")
        parent = self.spots.get(above) or self._opened(above)
        item = "i" in own
        words = f"item {own.partition('i')[2]} of {parent.name}" if item else f"inside {parent.name}"
        at = {"node": parent.name}
        return self._add(Spot(path, parent, parent.manifest, at, item, plain=parent.plain), words)

    def _add(self, spot: Spot, words: str) -> Spot:
        assert spot.parent is not None
        self.spots[spot.path] = spot.parent.parts[spot.path] = spot
        above = self.labels.get(spot.parent.path)
        self.labels[spot.path] = f"{above}, {words}" if above else words
        return spot

    def _moved(self, spot: Spot, body: dict[str, Any]) -> None:
        spot.at = body["to"]
        spot.requests, spot.calls, spot.acted = {}, {}, False
        if "fork" not in spot.at:
            return
        spot.forks += 1
        for number, route in enumerate(body["heads"]):
            own = f"{spot.forks}b{number}"
            path = f"{spot.path}.{own}" if spot.path else own
            head = Spot(path, spot, spot.manifest, {"head": route}, plain=dict(spot.plain))
            self._add(head, f"branch {target_of(route)}")

    def _started(self, spot: Spot, body: dict[str, Any]) -> None:
        if spot.parent is not None:
            spot.manifest = spot.parent.node.get("flow") or {}
        spot.plain = {}
        spot.write(body["state"])
        self._moved(spot, body)

    def _forked(self, spot: Spot, body: dict[str, Any]) -> None:
        spot.write(body.get("update") or {})

    def _step(self, spot: Spot, body: dict[str, Any]) -> None:
        self.steps += 1
        if "entry" in body:
            good = "failure" not in body["entry"]
            spot.requests = {name: asked for name, asked in spot.requests.items() if asked.status != "expired"}
            unknown = any(call["kind"] == "tool" for call in spot.calls.values())
            self._item_over(spot, good=good, again=not good and (spot.asked or spot.acted or unknown))
            return
        held = spot.parts or spot.good or spot.bad
        self._close(spot, kept=bool(held) and "error" in body)
        spot.steps += 1
        spot.kept = spot.calls
        spot.before = dict(spot.plain), {name: len(values) for name, values in spot.merged.items()}, len(spot.wrote)
        for delta in (*body.get("deltas", ()), body.get("delta", {})):
            spot.write(delta)
        self._moved(spot, body)

    def _join(self, spot: Spot, body: dict[str, Any]) -> None:
        parts = list(spot.parts.values())
        self._close(spot, kept=True)
        for delta in () if body.get("refused") else [delta for part in parts for delta in part.wrote]:
            spot.write(delta)
        self._moved(spot, body)

    def _gate(self, spot: Spot, body: dict[str, Any]) -> None:
        if "to" in body:
            self._moved(spot, body)
        elif body["request"] in spot.requests:
            spot.requests[body["request"]].taken = True

    def _asked(self, spot: Spot, body: dict[str, Any]) -> None:
        spot.asked = True
        spot.requests[body["request"]] = Asked(body.get("quorum", 1))
        self.asks[body["request"]] = spot.path

    def _decided(self, spot: Spot, body: dict[str, Any]) -> None:
        asks = self.spots.get(self.asks.get(body["request"], ""), spot)  # who decides does not say of which branch
        asked = asks.requests.get(body["request"])
        if asked is None:
            return
        asked.decided(body)

    _expired = _decided

    def _intent(self, spot: Spot, body: dict[str, Any]) -> None:
        spot.calls[body["slot"]] = body

    def _result(self, spot: Spot, body: dict[str, Any]) -> None:
        call = spot.calls.pop(body["slot"], body)
        if "late" in body and "parked" in spot.at and call is not body:
            spot.at = spot.at["at"]
        spot.acted = spot.acted or (call.get("kind") == "tool" and "value" in body)

    def _breach(self, spot: Spot, body: dict[str, Any]) -> None:
        call = spot.calls.get(body["slot"])
        if call is not None and "intent" in body:
            spot.calls[body["slot"]] = call | {"running": body.get("holder")}

    def _parked(self, spot: Spot, body: dict[str, Any]) -> None:
        if spot.name is not None:
            spot.at = {"parked": body["reason"], "at": {"node": body.get("node") or spot.name}}

    def _settled(self, spot: Spot, body: dict[str, Any]) -> None:
        spot.at = spot.at.get("at", spot.at)
        if body["kind"] == "gave_up":
            self._step(spot, body)
        else:
            spot.calls.pop(body["slot"], None)
            spot.acted = spot.acted or body["kind"] == "done"

    def _resumed(self, _: Spot, body: dict[str, Any]) -> None:
        for spot in self.parked():
            if spot.path in body.get("branches", (spot.path,)):
                spot.at = spot.at["at"]
        self._renewed(body)
        for place in body.get("places", ()):
            self._retried(place["branch"], place["to"], place["again"])

    def _migrated(self, _: Spot, body: dict[str, Any]) -> None:
        for spot in self.parked():
            if spot.path in body["branches"]:
                spot.at = spot.at["at"]
        self._renewed(body)
        for place in body.get("places", ()):
            self.spots[place["branch"]].at = place["to"]
        for path, told in body.get("states", {}).items():
            if path in self.spots:
                self.spots[path].stand_on(told)

    def _renewed(self, body: dict[str, Any]) -> None:
        for request in body.get("renewed", ()):
            self.spots[self.asks[request]].requests.pop(request, None)

    def _cancelled(self, _: Spot, body: dict[str, Any]) -> None:
        self.cancelled = True

    def _ended(self, spot: Spot, body: dict[str, Any]) -> None:
        if spot.item:
            failed = body["verdict"] == "failed"
            self._item_over(spot, good=not failed, again=failed)

    # what is over, and what is tried again

    def _item_over(self, spot: Spot, *, good: bool, again: bool) -> None:
        assert spot.parent is not None
        spot.parent.failed += [spot] if again else []
        spot.parent.good += good
        spot.parent.bad += not good
        spot.parent.parts.pop(spot.path, None)
        self._forget(spot)

    def _forget(self, spot: Spot) -> None:
        for one in (spot, *spot.within()):
            self.spots.pop(one.path, None)

    def _close(self, spot: Spot, *, kept: bool) -> None:
        """What came from a place is over; it is kept where a retry could open it again."""
        spot.dropped = spot.copy() if kept else None
        for part in spot.parts.values():
            self._forget(part)
        spot.parts, spot.failed, spot.good, spot.bad = {}, [], 0, 0

    def _retried(self, path: str, to: dict[str, Any], again: bool) -> None:
        names = path.split(".") if path else []
        for count in range(len(names) + 1):
            above, below = ".".join(names[:count]), ".".join(names[: count + 1])
            spot = self.spots[above]
            was = spot.dropped
            # what is open already did not go with it, and a place that went on since stands elsewhere
            if was is not None and (below not in self.spots if above != path else was.at == to):
                self._restored(spot, was)
        spot = self.spots[path]
        if again and spot.before is not None:
            spot.plain, counts, wrote = spot.before
            spot.merged = {name: spot.merged[name][:count] for name, count in counts.items()}
            del spot.wrote[wrote:]
        spot.at, spot.requests = to, {}
        spot.calls = {slot: call for slot, call in spot.kept.items() if call["kind"] == "tool"} if again else spot.calls
        spot.steps -= again

    def _restored(self, spot: Spot, was: Spot) -> None:
        spot.at, spot.steps, spot.good, spot.bad, spot.dropped = was.at, was.steps, was.good, 0, None
        spot.plain, spot.merged, spot.wrote = was.plain, was.merged, was.wrote
        for part in (*was.parts.values(), *was.failed):
            spot.parts[part.path] = part
            for one in (part, *part.within()):
                self.spots[one.path] = one
                one.requests = {name: asked for name, asked in one.requests.items() if asked.taken}


def target_of(route: str) -> str:
    """What an edge leads to, of its id.

    Args:
        route: the id.
    """
    return route.rpartition(": ")[2].rpartition(" >> ")[2]
