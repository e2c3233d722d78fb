"""``all_of``: a target that fans out; its branches form a region with one exit, where they join."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FlowError, caller
from ..guards.gates import Gate
from ..guards.path import Edge, Guard, Guarded
from ..guards.target import Target


@dataclass(frozen=True, eq=False, repr=False)
class AllOf(Target):
    """Every head starts a branch; see ``all_of``.

    Args:
        name: ``all_of(a, b)``.
        heads: where the branches start, each with the gates before it.
        line: the author's place.
    """

    name: str
    heads: tuple[Edge, ...]
    line: str | None = None

    def like(self, other: AllOf) -> bool:
        """Whether two fan out to the same heads, so that they may be one."""
        mine = [(head.target, head.guards) for head in self.heads]
        return mine == [(head.target, head.guards) for head in other.heads]


def all_of(*heads: Target | Edge) -> AllOf:
    """A target that fans out: every head starts a branch, and all branches run side by side.

    The branches form a region with one exit: the first node or end that every branch comes to, whatever way
    it takes. There they join: the writes of the branches are merged in the order of the heads, by the fields'
    reducers. A branch sees the state as it was at the fork and its own writes. It leaves the region only by a
    failure; its siblings then finish the step that they are at, and the failure goes its way.

    Args:
        heads: at least two nodes; a head may carry gates: ``all_of(notify, lead >> pay_back)``.

    Raises:
        FlowError: fewer than two heads, a head twice, a condition on a head, or a head that is no node.
    """
    where = caller()
    if len(heads) < 2:
        raise FlowError(
            "all_of(...) needs at least two heads: one alone is an edge to it, a list of items is each(...)",
            where=where,
        )
    edges = tuple(_head(head, where) for head in heads)
    names = [edge.target.name for edge in edges]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FlowError(
            f"all_of({', '.join(names)}) starts {twice!r} twice: give the second a name of its own, "
            f"{twice}.named('...')",
            where=where,
        )
    return AllOf(f"all_of({', '.join(names)})", edges, where)


def _head(head: object, where: str | None) -> Edge:
    edge = Edge((), head, where) if isinstance(head, Target) else head
    if not isinstance(edge, Edge):
        raise FlowError(
            f"all_of({head!r}): a head is a node, or gates and a node (gate >> node), not a {type(head).__name__}",
            where=where,
        )
    if isinstance(edge.target, AllOf):
        raise FlowError("all_of(all_of(...)): name all heads in one all_of", where=where)
    for guard in flat(edge.guards):
        if not isinstance(guard, Gate):
            raise FlowError(
                f"all_of: the head {edge.target.name!r} has a condition: every branch runs. Put the condition into "
                "the branch, or on the edge to all_of(...)",
                where=where,
            )
    return edge


def flat(guards: tuple[Guard, ...]) -> tuple[Guard, ...]:
    """Guards in order, those in a row of their own unpacked.

    Args:
        guards: an edge's.
    """
    found: list[Guard] = []
    for guard in guards:
        found.extend(flat(guard.guards) if isinstance(guard, Guarded) else (guard,))
    return tuple(found)
