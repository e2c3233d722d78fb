"""Two versions side by side: which node of the one is which of the other, and which limits count the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..past import NOTHING
from .stored import StoredEdge, Version, as_text


@dataclass(frozen=True)
class Counter:
    """One count that both versions keep, or one of them alone.

    Args:
        old: the limit's name before.
        new: its name after.
        words: what it counts.
    """

    old: str | None
    new: str | None
    words: str


class Pair:
    """Two versions.

    Args:
        old: the version before.
        new: the version after.
        renames: new names of nodes by the old ones, as the author declares them in a migration.
    """

    def __init__(self, old: Version, new: Version, renames: Mapping[str, str] = NOTHING) -> None:
        self.old, self.new, self._declared = old, new, renames

    @cached_property
    def renamed(self) -> dict[str, str]:
        """The new names of nodes by the old ones: as declared, or of one that is as it was but for its name."""
        declared = {
            name: other
            for name, other in self._declared.items()
            if name in self.old.nodes and name not in self.new.nodes and other in self.new.nodes
        }
        gone = {name: spec for name, spec in self.old.nodes.items() if name not in self.new.nodes}
        come = {name: spec for name, spec in self.new.nodes.items() if name not in self.old.nodes}
        gone = {name: spec for name, spec in gone.items() if name not in declared}
        come = {name: spec for name, spec in come.items() if name not in declared.values()}
        then = {name: _body(self.old, name, spec) for name, spec in gone.items()}
        now = {name: _body(self.new, name, spec) for name, spec in come.items()}
        found: dict[str, str] = {}
        for name, body in then.items():
            alike = [other for other, its in now.items() if its == body]
            if body and len(alike) == 1 and list(then.values()).count(body) == 1:
                found[name] = alike[0]
        return declared | found

    def today(self, name: str) -> str:
        """What a node of the old version is called in the new one; any other name stays.

        Args:
            name: the name before.
        """
        return self.renamed.get(name, name)

    def target(self, version: Version, name: str | None) -> str | None:
        """What an edge leads to, under the names of the new version: a fork is its heads.

        Args:
            version: the edge's version.
            name: the target's name in it.
        """
        if name is None:
            return None
        fork = version.shape.get("forks", {}).get(name)
        here = self.today if version is self.old else str
        return here(name) if fork is None else f"all_of({', '.join(map(here, fork['heads']))})"

    @cached_property
    def sources(self) -> list[tuple[str, str]]:
        """The rows that both versions have, each by its name before and after."""
        rows = self.new.shape["rows"]
        return [(name, self.today(name)) for name in self.old.shape["rows"] if self.today(name) in rows]

    @cached_property
    def counters(self) -> tuple[Counter, ...]:
        """The limits: one of the same name counts on; else one between the same two places."""
        left = {name: place for place, name in enumerate(self.new.limits)}
        standing: dict[tuple[str, str | None], list[str]] = {}
        for name in left:
            for place in self._places(self.new, name):
                standing.setdefault(place, []).append(name)
        found: list[Counter] = []
        for name in self.old.limits:
            twin = name if name in left else None
            if twin is None:
                others = (other for place in self._places(self.old, name) for other in standing.get(place, ()))
                twin = min((other for other in others if other in left), key=left.__getitem__, default=None)
            if twin is not None:
                del left[twin]
            found.append(Counter(name, twin, self._words(self.old, name)))
        return (*found, *(Counter(None, name, self._words(self.new, name)) for name in left))

    def same_row(self, before: str, after: str) -> bool:
        """Whether two rows are written alike, what their gates ask and exempt from included.

        Args:
            before: the row's source in the old version.
            after: its source in the new one.
        """
        return self._told(self.old, before) == self._told(self.new, after)

    def _told(self, version: Version, source: str) -> str:
        return as_text([self._edge(version, item) for item in version.shape["rows"][source]])

    def _edge(self, version: Version, data: Mapping[str, Any]) -> list[Any]:
        conditions = [version.limits[item["limit"]] if "limit" in item else item["when"] for item in data["conditions"]]
        gates = [[name, version.unless_data(name)] for name in data["gates"]]
        return [data["match"], conditions, gates, self.target(version, data["target"])]

    def _places(self, version: Version, limit: str) -> Iterator[tuple[str, str | None]]:
        for source, edge in self._bearing[version is self.old].get(limit, ()):
            yield (self.today(source) if version is self.old else source), self.target(version, edge.target)

    @cached_property
    def _bearing(self) -> dict[bool, dict[str, list[tuple[str, StoredEdge]]]]:
        """The edges that bear each limit, of the old version and of the new one."""
        found: dict[bool, dict[str, list[tuple[str, StoredEdge]]]] = {True: {}, False: {}}
        for version, is_old in ((self.old, True), (self.new, False)):
            for source, edge in edges(version):
                for limit in dict.fromkeys(edge.limits):
                    found[is_old].setdefault(limit, []).append((source, edge))
        return found

    def _words(self, version: Version, limit: str) -> str:
        told = [
            f"the edge {source} > {edge.target}" for source, edge in self._bearing[version is self.old].get(limit, ())
        ]
        return f"the limit {limit}" if not limit.startswith("at_most(") else " and ".join(dict.fromkeys(told)) or limit


def edges(version: Version) -> Iterator[tuple[str, StoredEdge]]:
    """The edges of a version's rows, each with its source.

    Args:
        version: the version.
    """
    for source in version.shape["rows"]:
        yield from ((source, edge) for edge in version.row(source))


def _body(version: Version, name: str, spec: Mapping[str, Any]) -> str:
    """What a node is apart from its name; empty where nothing tells it apart from others."""
    build = version.build["nodes"].get(name, {})
    if not build.get("source") and not spec.get("flow"):
        return ""
    kept = [{key: value for key, value in part.items() if key not in ("name", "schema")} for part in (spec, build)]
    return as_text(kept)
