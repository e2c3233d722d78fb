"""What is known about the state once a condition has passed: fields that are not None.

A condition passes only when it is known to be true, and it is known only where its operands are.
"""

from __future__ import annotations

from ...guards.expressions import (
    And,
    Compare,
    Contains,
    Exists,
    Expr,
    NoneOf,
    OneOf,
    Opaque,
    Or,
    Read,
)
from ...guards.limits import Limit
from ..rows import Route

NOTHING: frozenset[str] = frozenset()


def known(tree: Expr, truth: bool = True) -> frozenset[str]:
    """The fields that are surely not None where a condition is known to be true, or known to be false.

    Args:
        tree: the condition.
        truth: which of the two.
    """
    match tree:
        case Compare() | Contains() | OneOf() | Opaque():
            return tree.reads
        case Exists(of):
            return of.reads if truth else NOTHING  # what it is read from is there too
        case And(items):
            return _joined([known(item, truth) for item in items], every=truth)
        case Or(items):
            return _joined([known(item, truth) for item in items], every=not truth)
        case NoneOf(items):
            return _joined([known(item, not truth) for item in items], every=truth)
        case _:
            return NOTHING


def _joined(found: list[frozenset[str]], *, every: bool) -> frozenset[str]:
    """What is known where every one of some conditions is as said, or where one of them is."""
    return NOTHING.union(*found) if every else found[0].intersection(*found[1:])


def passed(route: Route) -> frozenset[str]:
    """The fields that are not None once an edge's conditions have passed.

    Args:
        route: the edge.
    """
    found = NOTHING
    for item in route.conditions:
        if not isinstance(item, Limit):
            found |= known(item)
    return found


def not_passed(route: Route) -> frozenset[str]:
    """The fields that are not None once an edge was tried and its conditions did not pass.

    Only ``none_of(exists(x))``, alone on its edge, tells so much: it is true or false, never unknown.

    Args:
        route: the edge.
    """
    match route.conditions:
        case (NoneOf((Exists(Read(name)),)),):
            return frozenset((name,))
        case _:
            return NOTHING
