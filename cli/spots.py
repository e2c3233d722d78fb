"""One place where a run stands, as its events alone tell: where, what it saw and wrote, what it holds open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..runs.progress import State, together
from .asked import Asked


@dataclass(slots=True, eq=False)
class Spot:
    """One place where a run stands.

    Args:
        path: its branch.
        parent: the place that it came from.
        manifest: of the flow that it is in; empty where nobody kept it.
        at: where it stands, as journalled.
        item: whether it is an item of an each.
        plain: the state's fields that are replaced at a write, as it sees them.
        merged: the fields that a reducer merges: what was merged in, in order; only the flow's code can fold them.
        wrote: what it wrote, in order: a join takes it over.
        steps: how many steps it has done.
        forks: how often it has forked.
        good: how many of its items are over and did not fail.
        bad: how many of its items failed.
        parts: the places that it waits for.
        failed: those of its items that failed and that a retry opens again.
        requests, asked: what it asks, and whether it ever asked anything.
        calls: the calls whose result is not known, by slot.
        acted: whether a call of a tool gave something, in the step under way.
        kept: the calls of the last step whose result is not known.
        before: what it saw and how much was merged and written before the last step.
        dropped: what it was when what came from it was left by a failure.
    """

    path: str
    parent: Spot | None
    manifest: dict[str, Any]
    at: dict[str, Any] = field(default_factory=lambda: {"node": "START"})
    item: bool = False
    plain: dict[str, Any] = field(default_factory=dict[str, Any])
    merged: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    wrote: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    steps: int = 0
    forks: int = 0
    good: int = 0
    bad: int = 0
    parts: dict[str, Spot] = field(default_factory=dict[str, "Spot"])
    failed: list[Spot] = field(default_factory=list["Spot"])
    requests: dict[str, Asked] = field(default_factory=dict[str, Asked])
    asked: bool = False
    calls: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    acted: bool = False
    kept: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    before: tuple[dict[str, Any], dict[str, int], int] | None = None
    dropped: Spot | None = None

    @property
    def name(self) -> str | None:
        """The node where it stands, or is parked; None at none."""
        at: dict[str, Any] = self.at.get("at", self.at)
        return at.get("node")

    @property
    def node(self) -> dict[str, Any]:
        """What the manifest says of the node where it stands; empty where it says nothing."""
        if self.item and self.parent is not None and self.parent.manifest is self.manifest:
            return {}  # an item of a node, which no flow has by itself
        nodes: dict[str, dict[str, Any]] = self.manifest.get("shape", {}).get("nodes", {})
        return nodes.get(self.name or "", {})

    @property
    def size(self) -> int | None:
        """How many items it goes over; None where it stands at no each, or only the flow's code could say it."""
        return None if self.items is None else len(self.items)

    @property
    def items(self) -> list[Any] | None:
        """The list that it goes over; None where it stands at no each, or only the flow's code could say it."""
        name = self.node.get("over")
        return self.plain[name] or [] if name in self.plain else None

    @property
    def state(self) -> State:
        """Whether it is over, waits for people, is parked, or can go on."""
        if self.parts:
            return together({part.state for part in self.parts.values()})
        if "join" in self.at or "end" in self.at:
            return "done"
        if "left" in self.at:
            return "failed"
        if "parked" in self.at:
            return "parked"
        fresh = any(asked.status != "open" and not asked.taken for asked in self.requests.values())
        waits = not fresh and any(asked.status == "open" for asked in self.requests.values())
        return "waiting" if waits else "working"

    def within(self) -> Iterator[Spot]:
        """All places that came from it, at any depth."""
        for part in self.parts.values():
            yield part
            yield from part.within()

    def write(self, delta: dict[str, Any]) -> None:
        """Takes what a step wrote.

        Args:
            delta: as journalled.
        """
        self.wrote.append(delta)
        reducers = self.manifest.get("shape", {}).get("state", {}).get("reducers", {})
        for name, value in delta.items():
            if name in reducers:
                self.merged.setdefault(name, []).append(value)
            else:
                self.plain[name] = value

    def copy(self) -> Spot:
        """What it is now, for a retry to come back to."""
        merged = {name: list(values) for name, values in self.merged.items()}
        return replace(self, plain=dict(self.plain), merged=merged, wrote=list(self.wrote))

    def stand_on(self, told: dict[str, dict[str, Any]]) -> None:
        """Takes the state of another version, by which the run goes on.

        Args:
            told: ``state``, and ``before`` the last step.
        """
        reducers = self.manifest.get("shape", {}).get("state", {}).get("reducers", {})
        state = told["state"]
        self.plain = {name: value for name, value in state.items() if name not in reducers}
        self.merged = {name: [state[name]] for name in reducers if name in state}
        if self.before is not None and "before" in told:
            before = {name: value for name, value in told["before"].items() if name not in reducers}
            self.before = before, dict.fromkeys(self.merged, 1), self.before[2]
