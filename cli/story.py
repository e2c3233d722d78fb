"""The decision log: a run's events as entries that a person reads from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..runs.codec import read_tried
from .breaches import breach, ended
from .crowds import Crowds
from .inside import inside
from .onward import onward
from .places import Places, target_of
from .screen import SHORT, Screen, moment, told
from .words import VALUE, call_text, edges, error_text, fields, guard_text, made, place_of, refusal_text

if TYPE_CHECKING:
    from ..runs.store import Event

_STYLES = {"ok": "green", "failed": "red", "refused": "yellow", "expired": "yellow"}
_UNASKED = "not told one by one: --all tells all, --json every event"


@dataclass(slots=True)
class Entry:
    """One thing that happened.

    Args:
        head: what it was.
        at: when, seconds since the epoch; None where it is about no moment.
        mark: the step's number, or a dash.
        style: rich's style of the head.
        lines: label and text, in order.
        where: the branch that it was in, in words; empty for the run's own.
    """

    head: str
    at: float | None
    mark: str = "-"
    style: str = "bold"
    lines: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    where: str = ""


@dataclass(slots=True)
class Under:
    """What a branch has done of the step under way: a later event tells it."""

    intents: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    tokens: int = 0


def story(events: Sequence[Event], *, whole: bool = False, manifest: dict[str, Any] | None = None) -> list[Entry]:
    """The entries of a run.

    Args:
        events: its events, in order.
        whole: every item of every ``each`` with all that it did; else a line each, and of many only those that
            failed or are parked.
        manifest: the flow's, as the store kept it: with it, it is known how many items there are.
    """
    teller = Teller(Places(manifest), Crowds(whole=whole))
    teller.crowds.see_all(events)
    entries = [entry for event in events for entry in teller.tell(event)]
    return entries + teller.rest()


def show(screen: Screen, entries: Iterable[Entry]) -> None:
    """Writes entries, the time beside each.

    Args:
        screen: where.
        entries: the entries.
    """
    for entry in entries:
        time = "" if entry.at is None else f"  [{moment(entry.at)[11:]}]"
        first = f"{entry.mark:>3}  "
        screen.say(f"{entry.head}{time}", entry.style, indent=len(first), first=first)
        where = [("in", entry.where)] if entry.where else []
        screen.pairs([*where, *entry.lines], indent=5)


class Teller:
    """Goes through the events with what a later one needs of an earlier one.

    Args:
        places: where the run stands before the first event.
        crowds: what is not told one by one.
    """

    def __init__(self, places: Places | None = None, crowds: Crowds | None = None) -> None:
        self.entries: list[Entry] = []
        self.places = Places() if places is None else places
        self.crowds = Crowds() if crowds is None else crowds
        self.build: str | None = None
        self._under: dict[str, Under] = {}

    def tell(self, event: Event) -> list[Entry]:
        """What an event adds to the log.

        Args:
            event: the next event of the run.
        """
        self.entries = []
        self.crowds.see(_path(event), self.places)
        self.places.take(event)
        known: Callable[[Event], None] = getattr(self, f"_{event.kind}", self._other)
        known(event)
        return self.entries

    def rest(self) -> list[Entry]:
        """What is to say at the end: the items that are not over, and how much was left out."""
        found = [
            Entry(one.text(), None, lines=_lines([("people", self.crowds.people_text(one.path))]))
            for one in inside(self.places)
            if self.crowds.crowded(one.path)
        ]
        if self.crowds.left_out:
            found.append(Entry(f"{self.crowds.left_out} entries about items are {_UNASKED}", None, style="dim"))
        return found

    def _add(
        self,
        event: Event,
        head: str,
        lines: list[tuple[str, str]],
        style: str = "bold",
        mark: str = "-",
        *,
        path: str | None = None,
        named: bool = False,
        notable: bool = False,
    ) -> None:
        """Adds an entry, where it is not left out.

        Args:
            path: the branch, where it is not the event's.
            named: the head says where it was.
            notable: somebody may have to look at it.
        """
        path = _path(event) if path is None else path
        if not self.crowds.leaves_out(path, notable=notable):
            where = "" if named else self.places.label(path)
            self.entries.append(Entry(head, event.at, mark, style, _lines(lines), where))

    def _of(self, event: Event) -> Under:
        return self._under.setdefault(_path(event), Under())

    def _other(self, event: Event) -> None:
        self._add(event, event.kind, [("", told(event.body, VALUE))])

    def _started(self, event: Event) -> None:
        body = event.body
        path = _path(event)
        given = {name: value for name, value in body["state"].items() if value is not None}
        lines = fields("input", given) + edges(body, "START")
        if path:
            head, named = self._flow(path)
            self._add(event, f"{head} begins, flow {body['flow']}", lines, named=named)
            return
        self.build = body.get("build")
        self._add(event, f"started by {body.get('by') or 'nobody named'}", lines)

    def _forked(self, event: Event) -> None:
        body = event.body
        head = f"a fork of run {body['run']}, after its step {body['at']}"
        self._add(event, head, fields("update", body.get("update") or {}))

    # steps and the calls inside them

    def _intent(self, event: Event) -> None:
        under = self._of(event)
        under.intents[event.body["slot"]] = event.body
        under.tokens += int(event.body.get("spent", {}).get("tokens", 0))

    def _result(self, event: Event) -> None:
        body = event.body
        under = self._of(event)
        intent = under.intents.pop(body["slot"], {})
        under.tokens += int(body.get("spent", {}).get("tokens", 0))
        what = intent.get("tool") or intent.get("model") or body.get("tool") or body["slot"]
        found = ended(body, what)
        if "late" in body and found is not None:  # told at once: the step that it was of may never be
            self._add(event, f"{what} ended late", [("result", found[1])], notable=True)
        elif found is not None:
            under.notes.append(found)
        elif "error" in body and intent:
            under.notes.append(("failed try", f"{what}: {error_text(body['error'])}"))
        elif intent.get("key"):
            under.notes.append(("once", f"{what}, key {intent['key']}"))

    def _step(self, event: Event) -> None:
        body = event.body
        under = self._under.pop(_path(event), Under())
        if "entry" in body:
            self._item(event, under)
            return
        lines = _inner(body, under)
        if "items" in body:
            lines.append(("items", f"{body['items']}, {body['failed']} of them failed"))
            lines.append(("people", self.crowds.people_text(body["child"])))
        else:
            for delta in (*body.get("deltas", ()), body.get("delta", {})):
                lines += fields("wrote", delta)
        lines += [("gate", guard_text(guard)) for guard in body.get("gates", ())]
        lines += edges(body, body["node"])
        if body.get("out"):
            lines.append(("budget", "used up: the flow's way for that was taken"))
        head = f"{body['node']}  {body['kind']}{_cost(body, under)}"
        self._add(event, head, lines, _STYLES.get(body["kind"], "bold"), str(self.places.steps))

    def _item(self, event: Event, under: Under) -> None:
        """What came of an item, in one line; the whole step only where everything is told."""
        body = event.body
        failure = body["entry"].get("failure")
        head = f"{self.places.label(_path(event))}  {body['kind']}{_cost(body, under)}"
        lines: list[tuple[str, str]] = []
        if self.crowds.whole:
            lines = _inner(body, under) + [("gate", guard_text(guard)) for guard in body.get("gates", ())]
            lines.append(("gave", "" if failure else told(body["entry"].get("value"), VALUE)))
        else:
            head += f"  {error_text(failure)}" if failure else f"  gave {told(body['entry'].get('value'), SHORT)}"
            lines = [note for note in under.notes if note[0] in ("reused", "inherited", "reconciled")]
            lines = [*(self._about(event) if failure else []), *lines]
        style, mark = _STYLES.get(body["kind"], "bold"), str(self.places.steps)
        self._add(event, head, lines, style, mark, named=True, notable=failure is not None)

    # branches

    def _join(self, event: Event) -> None:
        body = event.body
        names = {path: self.places.label(path) for path in body["branches"]}
        lines: list[tuple[str, str]] = []
        if body.get("left"):
            head = f"{body['fork']} is left, by a failure"
            lines = [("left by", names[path]) for path in body["left"]]
            lines += [("merged", "what the others wrote too")] if len(names) > len(body["left"]) else []
        else:
            head = f"{body['fork']} joins"
        if body.get("refused"):
            lines.append(("refused", "what the branches wrote does not fit together, and none of it is written"))
        lines += edges(body, str(body.get("edge") or "").partition(": ")[0])
        lines.append(("goes to", "" if "edge" in body else place_of(body["to"])))
        self._add(event, head, lines, "bold red" if body.get("left") or body.get("refused") else "bold")

    # gates and people

    def _asked(self, event: Event) -> None:
        body = event.body
        path = _path(event)
        item = self.places.item(path)
        lines = [("item", "" if item is None else told(item, VALUE)), ("question", body["question"])]
        if body.get("call"):
            lines.append(("to run", call_text(body["call"]["tool"], body["call"]["arguments"])))
        lines += fields("shown", body.get("shows", {}))
        lines.append(("request", f"{body['request']}, digest {body['digest'][:12]}"))
        if body.get("due") is not None:
            lines.append(("until", moment(body["due"])))
        if body.get("quorum", 1) > 1:
            lines.append(("quorum", str(body["quorum"])))
        gate = "" if body["gate"] == body["role"] else f" at the gate {body['gate']}"
        self.crowds.asked(path, "asked")
        self._add(event, f"asked of {body['role']}{gate}", lines, "bold yellow")

    def _decided(self, event: Event) -> None:
        body = event.body
        lines = [("note", body.get("note") or ""), ("name", str(body.get("proof") or "not proved"))]
        if "value" in body:
            lines.insert(0, ("answer", told(body["value"], VALUE)))
        for name, value in body.get("edits", {}).items():
            lines.insert(0, ("changed", f"{name}: {told(body['before'][name], VALUE)} -> {told(value, VALUE)}"))
        style = "bold red" if body["status"] in ("denied", "revoked") else "bold green"
        head = f"taken back by {body['by']}" if body.get("revoked") else f"{body['status']} by {body['by']}"
        self._said(event, head, lines, style)

    def _expired(self, event: Event) -> None:
        self._said(event, "expired: nobody decided in time", [], "bold yellow")

    def _said(self, event: Event, head: str, lines: list[tuple[str, str]], style: str) -> None:
        path = self.places.asks.get(event.body["request"], "")
        self.crowds.asked(path, event.body["status"])
        self._add(event, head, [*lines, ("request", event.body["request"])], style, path=path)

    def _gate(self, event: Event) -> None:
        body = event.body
        if "to" not in body:  # a decision about a call inside a step: the step tells it
            return
        begins = body.get("route") == "START" or "head" in body
        source = str(body.get("head") or body.get("route") or body.get("edge") or "").partition(": ")[0]
        lines = edges(body, source)
        tried = read_tried(body)
        if begins and len(tried) <= 1 and not any(entry["guards"] for entry in tried):
            return
        if "head" in body and "gate" in body["to"]:  # what is asked there comes next
            return
        decision = body.get("decision")
        head = body.get("gate") or (target_of(body["head"]) if "head" in body else body.get("route")) or "gate"
        if decision is not None:
            who = f" by {decision['by']}" if decision.get("by") else ""
            head = f"{head}: {decision['status']}{who}"
        self._add(event, head, [*lines, ("goes to", place_of(body["to"]))])

    # what else happens to a run

    def _parked(self, event: Event) -> None:
        body = event.body
        lines = [("error", error_text(body["error"]) if body.get("error") else "")]
        lines += [
            ("open call", call_text(item["tool"], item["arguments"]))
            for item in self._of(event).intents.values()
            if item.get("kind") == "tool"
        ]
        node = f" at {body['node']}" if body.get("node") else ""
        self._add(event, f"parked{node}: {body['reason']}", lines, "bold red", notable=True)

    def _settled(self, event: Event) -> None:
        body = event.body
        said = {"done": "it happened", "not_done": "it did not happen", "gave_up": "nobody will find out"}
        lines = [("result", told(body["value"], VALUE) if "value" in body else ""), ("note", body.get("note") or "")]
        self._of(event).intents.pop(body.get("slot") or "", None)
        mark = "-"
        if body["kind"] == "gave_up":  # a step that failed
            mark = str(self.places.steps)
            lines += edges(body, body["node"])
            self._under.pop(_path(event), None)
        head = f"settled by {body['by']}: {said.get(body['kind'], body['kind'])}"
        self._add(event, head, lines, mark=mark, notable=True)

    def _resumed(self, event: Event) -> None:
        head, lines = onward(event.body, self.build, self.places.label)
        self.build = event.body.get("build", self.build)
        self._add(event, head, lines)

    _migrated = _resumed

    def _breach(self, event: Event) -> None:
        body = event.body
        head, lines = breach(body, self._of(event).intents.get(body["slot"], {}))
        self._add(event, head, lines, "bold red", notable="intent" in body)

    def _cancelled(self, event: Event) -> None:
        self._add(event, f"cancelled by {event.body['by']}", [("note", event.body.get("note") or "")], "bold red")

    def _ended(self, event: Event) -> None:
        body = event.body
        where = f" at {body['end']}" if body.get("end") else ": no way on"
        front, named = self._flow(_path(event))
        lines = [*self._about(event), ("error", error_text(body["error"]) if body.get("error") else "")]
        style = "bold green" if body["verdict"] == "success" else "bold red"
        head = f"{front} ended{where}  {body['verdict']}".strip()
        self._add(event, head, lines, style, named=named, notable=body["verdict"] == "failed")

    def _about(self, event: Event) -> list[tuple[str, str]]:
        """Which item an event is about, where it is of an item's own branch and that is known."""
        path = _path(event)
        item = self.places.item(path) if "i" in path.rpartition(".")[2] else None
        return [] if item is None else [("item", told(item, SHORT))]

    def _flow(self, path: str) -> tuple[str, bool]:
        """What a flow inside is called, an item or a subflow's node; and whether that says where it is."""
        if not path.endswith("s"):
            return self.places.label(path), True
        return self.places.labels.get(path, "").rpartition("inside ")[2], False


def _path(event: Event) -> str:
    return str(event.body.get("branch", ""))


def _lines(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(label, text) for label, text in lines if text]


def _inner(body: dict[str, Any], under: Under) -> list[tuple[str, str]]:
    """What a step did inside: its calls, tries, error and refusal."""
    lines = [("call", made(call)) for call in body.get("calls", ())] + under.notes
    if body.get("attempts", 1) > 1:
        lines.append(("tries", str(body["attempts"])))
    if body.get("error"):
        lines.append(("error", error_text(body["error"])))
    if body.get("refusal"):
        lines.append(("refused", refusal_text(body["refusal"])))
    return lines


def _cost(body: dict[str, Any], under: Under) -> str:
    spent = body.get("spent", {})
    parts = [f"{spent['seconds']:.2f} s"] if "seconds" in spent else []
    if under.tokens:
        parts.append(f"{under.tokens} tokens")
    dollars = sum(call.get("usd") or 0.0 for call in body.get("calls", ()))
    if dollars:
        parts.append(f"${dollars:.4f}")
    return f"  {', '.join(parts)}" if parts else ""
