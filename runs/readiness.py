"""Which branches of a run can go on by themselves, and which have come to rest.

Pure: from where the run stands and which branches are being worked on. Where a branch goes is the semantics';
here is only told whose turn it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from ..flows.each import Each
from ..flows.position import AtEnd, AtFork, AtGate, AtHead, AtJoin, AtLeft, AtNode, Parked
from ..flows.subflow import Subflow
from .branches import Branch, waits_at_gate
from .standing import Standing

HOLDERS = ("each", "subflow")
"""The kinds of nodes that hold others."""

_RESTING = (AtEnd, Parked, AtJoin, AtLeft)


def turns(standing: Standing[Any], busy: Set[str]) -> Iterator[Branch]:
    """The branches that can go on, each in its turn; items that have not begun come after those that have.

    Args:
        standing: where the run stands.
        busy: the paths of the branches that are worked on.
    """
    if len(standing.branches) == 1 and not isinstance(standing.root.node, Each):  # nearly every run
        if standing.root.path not in busy and ready(standing.root, busy):
            yield standing.root
        return
    active = _Active(standing, busy)
    for branch in standing.open_branches():
        if branch.path not in busy and ready(branch, busy) and active.take(branch):
            yield branch
    for branch in standing.open_branches():
        each = branch.node
        if isinstance(each, Each) and not isinstance(branch.at, Parked) and not draining(branch):
            for index in _unbegun(branch, each):
                item = standing.item(branch, each, index)
                if not active.take(item):
                    break
                yield item


class _Active:
    """The items of each ``each`` that are worked on: no more at once than it allows."""

    def __init__(self, standing: Standing[Any], busy: Set[str]) -> None:
        self.items: dict[str, set[int]] = {}
        for path in busy:
            branch = standing.branches.get(path)
            if branch is not None:
                for above, index in _items(branch):
                    self.items.setdefault(above.path, set()).add(index)

    def take(self, branch: Branch) -> bool:
        """Whether a branch may begin to be worked on; then it is counted."""
        found = list(_items(branch))
        for above, index in found:
            each, active = above.node, self.items.setdefault(above.path, set())
            if isinstance(each, Each) and index not in active and len(active) >= each.at_once:
                return False
        for above, index in found:
            self.items[above.path].add(index)
        return True


def _items(branch: Branch) -> Iterator[tuple[Branch, int]]:
    """The items that a branch is part of, each with the branch where its ``each`` is."""
    for one in (branch, *branch.above()):
        if one.index is not None and one.parent is not None:
            yield one.parent, one.index


def _unbegun(branch: Branch, each: Each) -> Iterator[int]:
    if stopping(branch, each):
        return
    over, begun = branch.entries, {child.index for child in branch.children.values()}
    for index in range(len(branch.items(each))):
        if index not in over and index not in begun:
            yield index


def ready(branch: Branch, busy: Set[str], but: str | None = None) -> bool:
    """Whether a branch can go on by itself, other than by beginning an item.

    Args:
        branch: the branch.
        busy: the paths of the branches that are worked on.
        but: a path that does not count among these: who asks.
    """
    at = branch.at
    if isinstance(at, AtNode) and branch.parent is None and not branch.requests:  # nearly every step
        node = branch.frame.flow.nodes.get(at.node)
        if node is None or node.kind not in HOLDERS:
            return True
    elif isinstance(at, _RESTING):
        return False
    if but is not None:
        busy = busy - {but}
    if branch.parent is not None and draining(branch) and not branch.midway:
        return False
    if isinstance(at, AtFork):
        return _rested(branch, busy)
    if isinstance(at, AtHead):
        return True
    if isinstance(at, AtGate):
        pending = waits_at_gate(branch)
        return pending is None or pending.status != "open"
    node = branch.node
    if isinstance(node, Subflow):
        child = next(iter(branch.children.values()), None)
        return child is None or child.over
    if isinstance(node, Each) and not branch.of_item:
        return _each_over(branch, node, busy)
    return not branch.undecided


def draining(branch: Branch) -> bool:
    """Whether what a branch is part of is about to be left, so that it finishes its step and begins no other.

    Args:
        branch: the branch.
    """
    for above in branch.above():
        if isinstance(above.at, AtFork):
            if any(isinstance(child.at, AtLeft) for child in above.children.values()):
                return True
        else:
            each = above.node
            if isinstance(each, Each) and stopping(above, each):
                return True
    return False


def stopping(branch: Branch, each: Each) -> bool:
    """Whether more items failed than are tolerated, or the budget is used up: then no other item is begun.

    Args:
        branch: where the each is.
        each: the each.
    """
    failures = branch.failures
    if not failures:
        return False
    return "exhausted" in failures or failures.total() > each.tolerated(len(branch.items(each)))


def _each_over(branch: Branch, each: Each, busy: Set[str]) -> bool:
    if stopping(branch, each):
        return all(quiet(child, busy) for child in branch.children.values())
    over = sum(isinstance(child.at, AtEnd) for child in branch.children.values())
    return len(branch.entries) + over == len(branch.items(each))


def _rested(branch: Branch, busy: Set[str]) -> bool:
    """Whether the branches of a fork have come to rest: at the exit, or wherever they are once one of them left."""
    children = branch.children.values()
    if any(isinstance(child.at, AtLeft) for child in children):
        return all(quiet(child, busy) for child in children)
    return all(isinstance(child.at, AtJoin) for child in children)


def quiet(branch: Branch, busy: Set[str]) -> bool:
    """Whether no step of a branch is under way, and nothing in it needs to be settled.

    Args:
        branch: the branch.
        busy: the paths of the branches that are worked on.
    """
    if branch.path in busy or isinstance(branch.at, Parked) or branch.midway:
        return False
    return all(quiet(child, busy) for child in branch.children.values())


def still(standing: Standing[Any], but: str | None = None) -> str | None:
    """The status of a run in which nothing can go on: ``waiting`` or ``parked``; None where something can.

    Args:
        standing: where the run stands; nothing is worked on.
        but: the path of a branch that waits where it stands, though nobody was asked yet.
    """
    if any(branch.path != but for branch in turns(standing, frozenset())):
        return None
    return "parked" if standing.parked else "waiting"
