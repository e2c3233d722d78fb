"""What is to be seen of each mistake in a run of the App, by its code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from guideway.flows.check import Finding
from tests.flows.check.corpus.acting import Ran
from tests.flows.check.corpus.entries import Entry

Seen = Callable[[Entry, Finding, Ran], None]


def errors(ran: Ran) -> list[tuple[str, str, str]]:
    """The steps that failed: node, category, and the error's type."""
    return [(step.node, step.error.category, step.error.type) for step in ran.run.steps if step.error is not None]


def stuck(entry: Entry, finding: Finding, ran: Ran) -> None:
    """The run ends failed behind the path's last node, since no edge of its row passed."""
    assert (ran.run.status, ran.run.verdict, ran.run.end) == ("ended", "failed", None)
    assert ran.run.error.type == "NoWayOn"
    assert repr(finding.path[-1]) in ran.run.error.message
    assert ran.run.steps[-1].node == finding.path[-1]


def misread(entry: Entry, finding: Finding, ran: Ran) -> None:
    """The step of the path's last node fails as ``invalid_input``, and its function is not called."""
    assert [found[:2] for found in errors(ran) if found[1] == "invalid_input"] == [(finding.path[-1], "invalid_input")]
    node = entry.flow.nodes[finding.path[-1]]
    if node.kind not in ("subflow", "each", "act"):
        steps = [step for step in ran.run.steps if step.node == node.name]
        assert len(steps) == ran.called.count(node.name) + 1


def misgiven(entry: Entry, finding: Finding, ran: Ran) -> None:
    """What the path's last node comes to is refused by the fields around it."""
    assert (finding.path[-1], "invalid_output") in [found[:2] for found in errors(ran)]


def lost(entry: Entry, finding: Finding, ran: Ran) -> None:
    """Both branches wrote the field, and where they have joined only one of them is in it."""
    assert finding.example is not None
    field = finding.example["field"]
    wrote = {step.branch: step.update[field] for step in ran.run.steps if field in step.update and step.branch}
    assert len(wrote) > 1
    assert entry.flow.type.fields[field].reducer is None
    assert sum(getattr(ran.run.state, field) == value for value in wrote.values()) == 1


def goes_on(entry: Entry, finding: Finding, ran: Ran) -> None:
    """The run does not come to an end by itself."""
    assert ran.endless


def used_up(entry: Entry, finding: Finding, ran: Ran) -> None:
    """The run does not come to an end, or only because its budget is used up."""
    assert ran.endless or ran.run.spent.steps == entry.flow.budget.steps


def refused(entry: Entry, finding: Finding, ran: Ran) -> None:
    """The call is not made: it is refused at dispatch, since nobody approved it."""
    (found,) = [item for item in errors(ran) if item[2] == "NotApproved"]
    assert found[:2] == (finding.path[-1], "invalid_call")
    assert finding.path[-1] not in ran.called


def never_reached(entry: Entry, finding: Finding, ran: Ran) -> None:
    """By its manifest alone the flow leads nowhere to the node; and the run did not come to it."""
    lost = finding.message.split("'")[1]
    assert lost not in ran.called
    assert lost not in reached(entry.flow.manifest())


def reached(manifest: dict[str, Any]) -> set[str]:
    """All that the names in a manifest lead to from START: whatever a row, or a node's own gates, name."""
    shape = manifest["shape"]
    leads = {name: set(words(rows)) for name, rows in shape["rows"].items()}
    for name, gate in shape["gates"].items():
        leads.setdefault(name, set()).update(words(gate["ways"]))
    for name, node in shape["nodes"].items():
        leads.setdefault(name, set()).update(words(node.get("gates")), words(node.get("expired")))
    for way in shape["ways"]:
        leads.setdefault(way["id"], set()).update(words(way))
    todo = ["START", *(name for name in ("on_failure", "on_exhausted") if name in leads)]
    found = set(todo)
    while todo:
        more = leads.get(todo.pop(), set()) - found
        found |= more
        todo += more
    return found


def words(data: Any) -> Iterator[str]:
    """All texts in JSON-able data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from words(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from words(value)


def apart(entry: Entry, finding: Finding, ran: Ran) -> None:
    """The branches do not come together: nobody is asked and nothing goes on, or a head never ran in its branch."""
    fork = entry.flow.forks[finding.path[-1]]
    for_ever = ran.run.status == "waiting" and not ran.run.waiting
    heads = {step.node for step in ran.run.steps if step.branch}
    assert for_ever or {head.target.name for head in fork.heads} - heads


def not_called(entry: Entry, finding: Finding, ran: Ran) -> None:
    """The model's call is not made: it is refused at dispatch, since nobody approved it, and the model is told."""
    tools = [tool.name for tool in entry.flow.nodes[finding.path[-1]].tools if tool.stakes == "high"]
    assert not set(tools) & set(ran.called)
    said = [message.text for message in ran.run.state.messages if message.type == "tool"]
    assert any(f"the high-stakes tool {name!r} has no approval" in text for name in tools for text in said)


SEEN: dict[str, Seen] = {
    "F101": never_reached, "F105": apart,
    "F102": stuck, "F103": stuck, "F104": used_up, "F107": stuck, "F201": stuck,
    "F301": misread, "F303": misread, "F304": lost, "F305": misgiven,
    "F401": goes_on, "F501": refused, "F502": not_called,
}  # fmt: skip
"""By code; an entry of another code says itself what is to be seen, by its ``shown``."""
