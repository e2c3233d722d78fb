"""Which flows within a flow are drawn open, and what is told of those that stay closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Spec = Mapping[str, Any]
Path = tuple[str, ...]
"""Where a flow stands: the names of the nodes that hold it, from the outside in."""

ROOM = 60
"""How many nodes, ends and starts a picture may have: flows within it are opened as long as it has room."""


def opened(manifest: Spec, room: int = ROOM) -> frozenset[Path]:
    """The flows that are drawn open: from the outside in, on each level the smallest first, while there is room.

    Args:
        manifest: the outermost flow's.
        room: how many nodes, ends and starts the picture may have.
    """
    left = room - size(manifest)
    found: set[Path] = set()
    level: list[tuple[int, Path, Spec]] = _within(manifest, ())
    while level:
        below: list[tuple[int, Path, Spec]] = []
        for many, path, inner in sorted(level, key=lambda entry: entry[:2]):
            if many <= left:
                left -= many
                found.add(path)
                below += _within(inner, path)
        level = below
    return frozenset(found)


def size(manifest: Spec) -> int:
    """How many nodes, ends and starts a flow has, what is within its nodes apart.

    Args:
        manifest: the flow's.
    """
    shape = manifest["shape"]
    return len(shape["nodes"]) + len(shape["ends"]) + 1


def _within(manifest: Spec, path: Path) -> list[tuple[int, Path, Spec]]:
    """The flows that the nodes of a flow hold, with their sizes and places."""
    nodes: dict[str, Spec] = manifest["shape"]["nodes"]
    held = ((name, spec["flow"]) for name, spec in nodes.items() if spec.get("flow"))
    return [(size(inner), (*path, name), inner) for name, inner in held]


def flows(manifest: Spec) -> Iterator[Spec]:
    """A flow, and all flows within it.

    Args:
        manifest: the flow's.
    """
    yield manifest
    for _, _, inner in _within(manifest, ()):
        yield from flows(inner)


def works(manifest: Spec) -> Iterator[Spec]:
    """What does the work of a flow and of all flows within it: nodes, the tools of act, the nodes of each.

    Args:
        manifest: the flow's.
    """
    for held in flows(manifest):
        for spec in held["shape"]["nodes"].values():
            if spec["kind"] == "act":
                yield from spec["tools"]
            elif spec["kind"] == "each" and spec["node"]:
                yield spec["node"]
            elif not spec.get("flow"):
                yield spec
