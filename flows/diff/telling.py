"""A diff in words: one sentence a case, what was let loose in front of high stakes first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .weighing import Weight

if TYPE_CHECKING:
    from . import Diff
    from .change import Change
    from .rows import Rerouted, RowDiff

_TITLES = {
    Weight.LOOSENED_HIGH: "let loose, where stakes are high",
    Weight.LOOSENED: "let loose",
    Weight.CHANGED: "routed otherwise",
    Weight.TIGHTENED: "held back more",
}
_MAY = "may be routed otherwise: the solver says so, and no evaluation confirms it"
_VALUE = 60


@dataclass(frozen=True)
class Section:
    """A part of what is told.

    Args:
        title: what it is about.
        items: what is told, each as a sentence and what belongs below it.
        tone: ``alert`` for what a reviewer must not miss, ``quiet`` for what changes nothing.
    """

    title: str
    items: tuple[tuple[str, ...], ...]
    tone: str = ""


def sections(diff: Diff) -> Iterator[Section]:
    """All that is told about a diff, the most important first.

    Args:
        diff: the diff.
    """
    rerouted = [item for row in diff.rows for item in row.rerouted]
    for weight, title in _TITLES.items():
        items = [_case(item) for item in rerouted if item.certain and item.weight == weight]
        if weight == Weight.LOOSENED_HIGH:
            items += [_change(item) for item in diff.changes if item.high]
        if items:
            yield Section(title, tuple(items), "alert" if weight <= Weight.LOOSENED else "")
    unsure = [_case(item) for item in rerouted if not item.certain]
    if unsure:
        yield Section(_MAY, tuple(unsure))
    loosened = [item for item in diff.changes if item.loosens and not item.high]
    if loosened:
        yield Section("taken away from what held runs back", tuple(_change(item) for item in loosened), "alert")
    told = [item for item in diff.changes if item.behaves and not item.loosens]
    if told:
        yield Section("written otherwise", tuple(_change(item) for item in told))
    quiet = [item for item in diff.changes if not item.behaves]
    if quiet:
        yield Section(
            "written otherwise, and nothing runs otherwise for it", tuple(_change(item) for item in quiet), "quiet"
        )
    proofs = [_proof(row) for row in diff.rows]
    if proofs:
        yield Section("how sure that is", tuple(proofs), "quiet")


def _case(item: Rerouted) -> tuple[str, ...]:
    verb = "may have gone" if not item.certain else "went"
    now = "may go" if not item.certain else "goes"
    said = f"{place(item)} {_state(item)} {verb} {item.old}, and now {now} {item.new}"
    return (said, item.why) if item.why else (said,)


def place(item: Rerouted) -> str:
    """Where a case stands.

    Args:
        item: the case.
    """
    if item.source == "START":
        return "at the start,"
    return f"after {item.source}{f', {item.outcome}' if item.outcome else ''},"


def _state(item: Rerouted) -> str:
    fields = [f"{name} = {_value(value)}" for name, value in item.example.items()]
    said = f"a state with {_and(fields)}" if fields else "any state"
    if item.says:
        answers = [f"{name} {'says' if yes else 'does not say'} yes" for name, yes in item.says.items()]
        said += f" for which {_and(answers)}"
    if item.taken:
        counts = [f"{name} taken {_times(count)} before" for name, count in item.taken.items()]
        said += f", {_and(counts)},"
    return said


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _value(value: Any) -> str:
    if value is None:
        return "None"
    written = json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= _VALUE else written[: _VALUE - 1] + "…"


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _change(item: Change) -> tuple[str, ...]:
    sign = {"added": "+", "removed": "-", "changed": "~"}[item.kind]
    where = item.name if item.part == "node" else f"{item.part} {item.name}"
    return (f"{sign} {where}: {item.text}",)


def _proof(row: RowDiff) -> tuple[str, ...]:
    name = "the first row" if row.source == "START" else f"the row of {row.source}"
    if row.complete and not row.rerouted:
        said = f"proved: {name} is written otherwise, and routes every state alike"
    elif row.complete:
        said = f"proved: {name} routes every other state as before"
    elif row.rerouted:
        said = f"not proved: that {name} routes all other states as before; {row.missing}"
    else:
        said = f"not proved: that {name} routes every state as before (none was found that it does not); {row.missing}"
    rests = (
        f", as long as {_and(list(row.rests_on))} {'is' if len(row.rests_on) == 1 else 'are'} as before"
        if row.rests_on
        else ""
    )
    return (said + rests,)


def case_json(item: Rerouted) -> dict[str, Any]:
    """A case as JSON-able data.

    Args:
        item: the case.
    """
    return {
        "at": item.source,
        "outcome": item.outcome or "ok",
        "example": dict(item.example),
        "state": dict(item.state),
        "functions": dict(item.says),
        "taken": dict(item.taken),
        "old": _decided(item.old),
        "new": _decided(item.new),
        "weight": item.weight.name.lower(),
        "why": item.why,
        "certain": item.certain,
        "text": _case(item)[0],
    }


def _decided(decision: Any) -> Mapping[str, Any]:
    return {"target": decision.target, "asked": list(decision.asked), "edge": decision.edge, "text": str(decision)}
