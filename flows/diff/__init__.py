"""What two versions of a flow do otherwise: in words, and by states that both were evaluated on.

    from guideway.flows.diff import diff
    print(diff(old_manifest, new_flow))

No code of either version runs: all is told from the manifests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ...errors import SolverMissing
from ..past import NOTHING
from .change import Change
from .pairs import Pair
from .row_pairs import RowPair
from .rows import Rerouted, RowDiff, Searcher, row_diff
from .stored import Version, version_of
from .structure import changes
from .telling import case_json, sections
from .weighing import Weight

if TYPE_CHECKING:
    from ..flow import Flow

__all__ = ["Change", "Diff", "Rerouted", "RowDiff", "Told", "Version", "Weight", "diff", "version_of"]

FORMAT = 1
"""The version of the layout of ``Diff.to_json``."""


@dataclass(frozen=True)
class Told:
    """A version, as it is named.

    Args:
        called: what the one who asks calls it.
        flow: the flow's name.
        shape: its shape's hash.
        build: its build's hash.
    """

    called: str
    flow: str
    shape: str
    build: str


@dataclass(frozen=True)
class Diff:
    """What two versions of a flow do otherwise.

    Args:
        old: the version before.
        new: the version after.
        changes: what is written otherwise.
        rows: what is routed otherwise, for each row that is written otherwise.
    """

    old: Told
    new: Told
    changes: tuple[Change, ...] = ()
    rows: tuple[RowDiff, ...] = ()

    @property
    def rerouted(self) -> tuple[Rerouted, ...]:
        """The cases that are routed otherwise, the most important first."""
        found = [item for row in self.rows for item in row.rerouted]
        return tuple(sorted(found, key=lambda item: (item.weight, not item.certain)))

    @property
    def same(self) -> bool:
        """Whether nothing is known that a run would do otherwise."""
        return not self.rerouted and not any(item.behaves for item in self.changes)

    def __str__(self) -> str:
        lines = [self.head]
        for section in sections(self):
            lines += ["", section.title]
            for first, *rest in section.items:
                lines += [f"  {first}", *(f"      {line}" for line in rest)]
        return "\n".join(lines)

    @property
    def head(self) -> str:
        """What was compared, and the answer, in a line."""
        said = "no change in behaviour" if self.same else "the behaviour changes"
        return f"flow {self.new.flow}: {self.old.called} > {self.new.called}: {said}"

    def to_json(self) -> dict[str, Any]:
        """The diff as JSON-able data; its layout is that of docs/checking.md."""
        return {
            "format": FORMAT,
            "old": asdict(self.old),
            "new": asdict(self.new),
            "same": self.same,
            "rerouted": [case_json(item) for item in self.rerouted],
            "changes": [asdict(item) for item in self.changes],
            "rows": [
                {
                    "at": row.source,
                    "proved": row.complete,
                    "missing": row.missing or None,
                    "rests_on": list(row.rests_on),
                    "rerouted": len(row.rerouted),
                }
                for row in self.rows
            ],
        }


def diff(
    old: Flow[Any] | Mapping[str, Any] | Version,
    new: Flow[Any] | Mapping[str, Any] | Version,
    *,
    solver: bool = True,
    renames: Mapping[str, str] = NOTHING,
) -> Diff:
    """What two versions of a flow do otherwise.

    Args:
        old: the version before: a flow, or its manifest.
        new: the version after.
        solver: whether z3, where it is installed, looks for what trying does not find, and proves the rest.
        renames: new names of nodes by the old ones, where a function was renamed.

    Raises:
        FlowError: a manifest is none, or is not whole.
    """
    before, after = version_of(old, "before"), version_of(new, "after")
    found, rows = _compared(Pair(before, after, renames), solver)
    if before.name != after.name:  # by its name a run finds its flow
        text = f"its name is {after.name!r}, was {before.name!r}: a run of the one is not resumed under the other"
        found.insert(0, Change("changed", "flow", after.name, text))
    return Diff(_told(before), _told(after), tuple(found), tuple(rows))


def _told(version: Version) -> Told:
    return Told(version.called, version.name, version.shape_hash, version.build_hash)


def _compared(pair: Pair, solver: bool) -> tuple[list[Change], list[RowDiff]]:
    """What is found about two versions and, below their nodes, about the flows within."""
    searcher, missing = _searcher(pair, solver)
    rows: list[RowDiff] = []
    for before, after in pair.sources:
        if not pair.same_row(before, after):
            row = row_diff(RowPair(pair, before, after), searcher)
            rows.append(replace(row, missing=row.missing or missing))
    alike = {row.source for row in rows if row.complete and not row.rerouted}
    found = [
        replace(item, behaves=False) if item.part in ("edge", "order") and item.name in alike else item
        for item in changes(pair)
    ]
    for name, spec in pair.old.nodes.items():
        today = pair.new.nodes.get(pair.today(name), NOTHING)
        inner, outer = spec.get("flow"), today.get("flow")
        if inner and outer and inner != outer:
            more, deeper = _compared(Pair(Version(inner), Version(outer)), solver)
            if inner["name"] != outer["name"]:
                text = f"its name is {outer['name']!r}, was {inner['name']!r}"
                more.append(Change("changed", "flow", outer["name"], text, behaves=False))
            found += [replace(item, name=f"{pair.today(name)}/{item.name}") for item in more]
            rows += [_within(pair.today(name), row) for row in deeper]
        elif bool(inner) != bool(outer) and today:
            text = "holds a flow of its own now" if outer else "holds no flow any more"
            found.append(Change("changed", "node", pair.today(name), text))
    return found, rows


def _within(node: str, row: RowDiff) -> RowDiff:
    inner = tuple(replace(item, source=f"{node}/{item.source}") for item in row.rerouted)
    return replace(row, source=f"{node}/{row.source}", rerouted=inner)


def _searcher(pair: Pair, solver: bool) -> tuple[Searcher | None, str]:
    """The solver's search, and why there is none."""
    if not solver:
        return None, "the solver was not asked"
    try:
        from .solving import Solver

        return Solver(pair), ""
    except SolverMissing:
        return None, "install guideway[check] to have the solver look"
