"""What a row decides in one state: the edge that passes, who is asked on it, where it leads; by evaluation alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from ...guards.endings import Ended
from ...guards.evaluation import holds
from ...guards.expressions import Opaque
from ...guards.outcomes import Failed, kinds
from .stored import FAILURE, StoredEdge, Version, opaque_leaves

_PARKS = "unknown_effect"


@dataclass(frozen=True)
class World:
    """What came in at a row: an ok outcome, an end of a subflow, or a failure.

    Args:
        words: what it is, in words; empty for a plain ok.
        ended: the subflow's end and its verdict.
        failure: the failure's category and the dotted names of its classes.
    """

    words: str = ""
    ended: tuple[str, str] | None = None
    failure: tuple[str, tuple[str, ...]] | None = None

    def sees(self, edge: StoredEdge) -> bool:
        """Whether an edge is for what came in.

        Args:
            edge: the edge.
        """
        match = edge.match
        if self.failure is not None:
            if match is None or "ends" in match:
                return False
            return Failed(tuple(match["types"]), tuple(match["categories"])).matches(*self.failure)
        if match is None:
            return True
        if self.ended is None or "ends" not in match:
            return False
        return Ended(tuple(match["ends"]), tuple(match["verdicts"])).matches(*self.ended)


@dataclass(frozen=True)
class Decision:
    """What a row decides.

    Args:
        target: where it leads; None: there is no way on.
        asked: the gates that are asked, in order: those of its edge that nothing exempts from.
        instead: what happens where there is no way on.
        edge: the edge's id; two versions may call the same edge otherwise.
    """

    target: str | None
    asked: tuple[str, ...] = ()
    instead: str = ""
    edge: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.target is None:
            return self.instead
        if not self.asked:
            return f"straight to {self.target}"
        return f"through {' and then '.join(self.asked)} to {self.target}"


@dataclass(frozen=True)
class Choices:
    """What no state tells: what named functions say, and how often the edges of a limit were taken already.

    Args:
        says: by function, whether it says yes.
        taken: by limit.
    """

    says: Mapping[Opaque, bool] = field(default_factory=dict[Opaque, bool])
    taken: Mapping[str, int] = field(default_factory=dict[str, int])


def worlds(old: Version, new: Version, source: str) -> Iterator[World]:
    """What can come in at a row, as far as either version tells cases apart.

    Args:
        old: the version before.
        new: the version after.
        source: the row's source.
    """
    edges = [*old.row(source), *new.row(source)]
    if any(edge.match is not None and "ends" in edge.match for edge in edges):
        for name, verdict in sorted({pair for version in (old, new) for pair in _ends(version, source)}):
            if verdict != "failed":
                yield World(f"which ended at {name}", ended=(name, verdict))
    else:
        yield World()
    yield from _failures(edges)


def _failures(edges: list[StoredEdge]) -> Iterator[World]:
    matches = [edge.match for edge in edges if edge.match is not None and "ends" not in edge.match]
    if not matches:
        return
    for category in dict.fromkeys(item for match in matches for item in match["categories"]):
        yield World(f"which failed with {category!r}", failure=(category, ()))
    for name in dict.fromkeys(item for match in matches for item in match["types"]):
        yield World(f"which failed with {name.rpartition('.')[2]}", failure=("bug", kinds(name)))
    yield World("which failed with anything else", failure=("bug", ()))


def _ends(version: Version, source: str) -> Iterator[tuple[str, str]]:
    inner = version.nodes.get(source, {}).get("flow")
    if inner:
        yield from ((name, spec["verdict"]) for name, spec in inner["shape"]["ends"].items())


def decision(version: Version, source: str, world: World, state: BaseModel, choices: Choices) -> Decision:
    """What a row decides.

    Args:
        version: the version.
        source: the row's source.
        world: what came in.
        state: the state, of the version's own model.
        choices: what no state tells.
    """
    for edge in version.row(source):
        if not world.sees(edge) or not _passes(version, edge, state, choices):
            continue
        asked = tuple(gate for gate in edge.gates if not _exempt(version, gate, state, choices))
        return Decision(edge.target, asked, edge=edge.id)
    return no_way(version, world)


def no_way(version: Version, world: World) -> Decision:
    """What happens where no edge of a row passes.

    Args:
        version: the version.
        world: what came in.
    """
    if world.failure is None:
        return Decision(None, instead="nowhere: the run ends failed")
    if world.failure[0] == _PARKS:
        return Decision(None, instead="nowhere: the run parks")
    ways = version.row(FAILURE)
    if not ways:
        return Decision(None, instead="nowhere: the run ends failed")
    return Decision(ways[0].target, ways[0].gates, edge=ways[0].id)


def _passes(version: Version, edge: StoredEdge, state: BaseModel, choices: Choices) -> bool:
    if any(choices.taken.get(name, 0) >= version.limits[name] for name in edge.limits):
        return False
    return edge.condition is None or holds(edge.condition, state, memo=_memo(edge.condition, state, choices)) is True


def _exempt(version: Version, gate: str, state: BaseModel, choices: Choices) -> bool:
    unless = version.unless(gate)
    return unless is not None and holds(unless, state, memo=_memo(unless, state, choices)) is True


def _memo(tree: Any, state: BaseModel, choices: Choices) -> dict[Any, Any]:
    """What named functions say; one that would read None is not called, and what it says is unknown."""
    return {
        leaf: None if any(getattr(state, name) is None for name in leaf.parameters) else choices.says.get(leaf, False)
        for leaf in opaque_leaves(tree)
    }
