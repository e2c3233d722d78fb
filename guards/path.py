"""Guards in a row, and the edge that they end in: ``when(...) >> lead >> pay_back``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

from ..errors import FlowError, caller
from .target import Target


class Guard:
    """Base of everything that may stand on an edge before its target."""

    @overload
    def __rshift__(self, other: Guard) -> Guarded: ...
    @overload
    def __rshift__(self, other: Target) -> Edge: ...
    def __rshift__(self, other: Guard | Target) -> Guarded | Edge:
        return _join((self,), other)


@dataclass(frozen=True, eq=False)
class Guarded(Guard):
    """Guards in order, with no target yet."""

    guards: tuple[Guard, ...]

    @overload
    def __rshift__(self, other: Guard) -> Guarded: ...
    @overload
    def __rshift__(self, other: Target) -> Edge: ...
    def __rshift__(self, other: Guard | Target) -> Guarded | Edge:
        return _join(self.guards, other)


@dataclass(frozen=True, eq=False)
class Edge:
    """Guards in order and the target that they let a run reach; a bare target has no guards."""

    guards: tuple[Guard, ...]
    target: Target
    line: str | None = None


def _join(guards: tuple[Guard, ...], other: object) -> Guarded | Edge:
    if isinstance(other, Guarded):
        return Guarded(guards + other.guards)
    if isinstance(other, Guard):
        return Guarded((*guards, other))
    if isinstance(other, Target):
        return Edge(guards, other, caller())
    raise FlowError(
        f"an edge leads to a node, an end or another guard, not to {other!r} ({type(other).__name__}); "
        "decorate the function with @compute, @think or @tool, or name an End",
        where=caller(),
    )
