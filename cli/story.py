"""The decision log: a run's events as entries that a person reads from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .past import place_of
from .screen import Screen, moment, told

if TYPE_CHECKING:
    from ..runs.store import Event

VALUE = 300
"""How many characters of a value the log shows; ``--json`` has all of it."""

_WORDS = {True: "true", False: "false", None: "unknown"}
_STYLES = {"ok": "green", "failed": "red", "refused": "yellow", "expired": "yellow"}


@dataclass(slots=True)
class Entry:
    """One thing that happened.

    Args:
        head: what it was.
        at: when, seconds since the epoch.
        mark: the step's number, or a dash.
        style: rich's style of the head.
        lines: label and text, in order.
    """

    head: str
    at: float
    mark: str = "-"
    style: str = "bold"
    lines: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def story(events: Iterable[Event]) -> list[Entry]:
    """The entries of a run.

    Args:
        events: its events, in order.
    """
    teller = Teller()
    return [entry for event in events for entry in teller.tell(event)]


def show(screen: Screen, entries: Iterable[Entry]) -> None:
    """Writes entries, the time beside each.

    Args:
        screen: where.
        entries: the entries.
    """
    for entry in entries:
        screen.say(f"{entry.head}  [{moment(entry.at)[11:]}]", entry.style, indent=5, first=f"{entry.mark:>3}")
        screen.pairs(entry.lines, indent=5)


class Teller:
    """Goes through the events with what a later one needs of an earlier one.

    Args:
        steps: how many steps are over before the first event.
    """

    def __init__(self, steps: int = 0) -> None:
        self.entries: list[Entry] = []
        self.steps = steps
        self.intents: dict[str, dict[str, Any]] = {}
        self.notes: list[tuple[str, str]] = []
        self.tokens = 0

    def tell(self, event: Event) -> list[Entry]:
        """What an event adds to the log.

        Args:
            event: the next event of the run.
        """
        self.entries = []
        known: Callable[[Event], None] = getattr(self, f"_{event.kind}", self._other)
        known(event)
        return self.entries

    def _add(self, event: Event, head: str, lines: list[tuple[str, str]], style: str = "bold", mark: str = "-") -> None:
        self.entries.append(Entry(head, event.at, mark, style, [(label, text) for label, text in lines if text]))

    def _other(self, event: Event) -> None:
        self._add(event, event.kind, [("", told(event.body, VALUE))])

    def _started(self, event: Event) -> None:
        body = event.body
        given = {name: value for name, value in body["state"].items() if value is not None}
        lines = _fields("input", given) + _edges(body, "START")
        self._add(event, f"started by {body.get('by') or 'nobody named'}", lines)

    # steps and the calls inside them

    def _intent(self, event: Event) -> None:
        self.intents[event.body["slot"]] = event.body
        self.tokens += int(event.body.get("spent", {}).get("tokens", 0))

    def _result(self, event: Event) -> None:
        body = event.body
        intent = self.intents.pop(body["slot"], {})
        self.tokens += int(body.get("spent", {}).get("tokens", 0))
        what = intent.get("tool") or intent.get("model") or body["slot"]
        if "reused" in body:
            used = body["reused"]
            self.notes.append(("reused", f"{what}: the result of key {used['key']} from run {used['run']}"))
        elif body.get("reconciled"):
            self.notes.append(("reconciled", f"{what} had happened: {told(body.get('value'), VALUE)}"))
        elif "error" in body and intent:
            self.notes.append(("failed try", f"{what}: {error_text(body['error'])}"))
        elif intent.get("key"):
            self.notes.append(("once", f"{what}, key {intent['key']}"))

    def _step(self, event: Event) -> None:
        body = event.body
        self.steps += 1
        calls = body.get("calls", ())
        lines = [("call", _call(call)) for call in calls]
        lines += self.notes
        if body.get("attempts", 1) > 1:
            lines.append(("tries", str(body["attempts"])))
        if body.get("error"):
            lines.append(("error", error_text(body["error"])))
        if body.get("refusal"):
            lines.append(("refused", _refusal(body["refusal"])))
        lines += _fields("wrote", body.get("delta", {}))
        lines += [("gate", _guard(guard)) for guard in body.get("gates", ())]
        lines += _edges(body, body["node"])
        if body.get("out"):
            lines.append(("budget", "used up: the flow's way for that was taken"))
        head = f"{body['node']}  {body['kind']}  {self._cost(body)}"
        self._add(event, head, lines, _STYLES.get(body["kind"], "bold"), str(self.steps))
        self.intents, self.notes, self.tokens = {}, [], 0

    def _cost(self, body: dict[str, Any]) -> str:
        spent = body.get("spent", {})
        parts = [f"{spent.get('seconds', 0.0):.2f} s"]
        if self.tokens:
            parts.append(f"{self.tokens} tokens")
        dollars = sum(call.get("usd") or 0.0 for call in body.get("calls", ()))
        if dollars:
            parts.append(f"${dollars:.4f}")
        return ", ".join(parts)

    # gates and people

    def _asked(self, event: Event) -> None:
        body = event.body
        lines = [("question", body["question"])]
        if body.get("call"):
            lines.append(("to run", call_text(body["call"]["tool"], body["call"]["arguments"])))
        lines += _fields("shown", body.get("shows", {}))
        lines.append(("request", f"{body['request']}, digest {body['digest'][:12]}"))
        if body.get("due") is not None:
            lines.append(("until", moment(body["due"])))
        if body.get("quorum", 1) > 1:
            lines.append(("quorum", str(body["quorum"])))
        gate = "" if body["gate"] == body["role"] else f" at the gate {body['gate']}"
        self._add(event, f"asked of {body['role']}{gate}", lines, "bold yellow")

    def _decided(self, event: Event) -> None:
        body = event.body
        lines = [("note", body.get("note") or ""), ("name", str(body.get("proof") or "not proved"))]
        if "value" in body:
            lines.insert(0, ("answer", told(body["value"], VALUE)))
        for name, value in body.get("edits", {}).items():
            lines.insert(0, ("changed", f"{name}: {told(body['before'][name], VALUE)} -> {told(value, VALUE)}"))
        style = "bold red" if body["status"] == "denied" else "bold green"
        self._add(event, f"{body['status']} by {body['by']}", [*lines, ("request", body["request"])], style)

    def _expired(self, event: Event) -> None:
        self._add(event, "expired: nobody decided in time", [("request", event.body["request"])], "bold yellow")

    def _gate(self, event: Event) -> None:
        body = event.body
        if "to" not in body:  # a decision about a call inside a step: the step tells it
            return
        source = body.get("route") or str(body.get("edge") or "").partition(": ")[0]
        lines = _edges(body, source)
        if body.get("route") == "START" and len(lines) <= 1 and not any(entry["guards"] for entry in body["tried"]):
            return
        decision = body.get("decision")
        head = body.get("gate") or body.get("route") or "gate"
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
            for item in self.intents.values()
            if item.get("kind") == "tool"
        ]
        node = f" at {body['node']}" if body.get("node") else ""
        self._add(event, f"parked{node}: {body['reason']}", lines, "bold red")

    def _settled(self, event: Event) -> None:
        body = event.body
        said = {"done": "it happened", "not_done": "it did not happen", "gave_up": "nobody will find out"}
        lines = [("result", told(body["value"], VALUE) if "value" in body else ""), ("note", body.get("note") or "")]
        self._add(event, f"settled by {body['by']}: {said.get(body['kind'], body['kind'])}", lines)

    def _resumed(self, event: Event) -> None:
        body = event.body
        if body.get("retry"):
            places = [("from", place_of(place["to"])) for place in body["places"]]
            self._add(event, f"retried by {body['by']}", [("note", body.get("note") or ""), *places])
        else:
            self._add(event, "went on under a changed flow", [("build", str(body.get("build") or ""))])

    def _breach(self, event: Event) -> None:
        body = event.body
        self._add(event, f"breach: {body['used']} tokens where {body['allowed']} were allowed", [], "bold red")

    def _cancelled(self, event: Event) -> None:
        self._add(event, f"cancelled by {event.body['by']}", [("note", event.body.get("note") or "")], "bold red")

    def _ended(self, event: Event) -> None:
        body = event.body
        where = f" at {body['end']}" if body.get("end") else ": no way on"
        lines = [("error", error_text(body["error"]) if body.get("error") else "")]
        self._add(
            event,
            f"ended{where}  {body['verdict']}",
            lines,
            "bold green" if body["verdict"] == "success" else "bold red",
        )


def call_text(tool: str, arguments: dict[str, Any]) -> str:
    """A call, whole, as one writes it.

    Args:
        tool: its name.
        arguments: by parameter.
    """
    return f"{tool}({', '.join(f'{name}={told(value)}' for name, value in arguments.items())})"


def error_text(error: dict[str, Any]) -> str:
    """An error record in one line.

    Args:
        error: as journalled.
    """
    return f"{error['category']}: {error['type']}: {error['message']}"


def _call(call: dict[str, Any]) -> str:
    if call.get("kind") == "model":
        price = f", ${call['usd']:.4f}" if call.get("usd") else ""
        said = f"model {call.get('model')}: {call.get('input_tokens')} + {call.get('output_tokens')} tokens{price}"
    else:
        said = call_text(str(call.get("tool")), call.get("arguments") or {})
    return said + (f"  failed: {error_text(call['error'])}" if call.get("error") else "")


def _fields(label: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [f"{name}: {told(value, VALUE)}" for name, value in values.items()]
    return [(label if place == 0 else "", line) for place, line in enumerate(lines)]


def _edges(body: dict[str, Any], source: str) -> list[tuple[str, str]]:
    """The edges tried with their guards' values, and the one taken."""
    lines: list[tuple[str, str]] = []
    for entry in body.get("tried", ()):
        asks = any(guard.get("value") is None and "read" not in guard for guard in entry["guards"])
        taken = entry["edge"] == body.get("edge") and not asks
        label = "took" if taken else "asks" if asks and "edge" not in body else "not"
        lines.append((label, entry["edge"].removeprefix(f"{source}: ")))
        lines += [("", f"  {_guard(guard)}") for guard in entry["guards"]]
    return lines


def _guard(guard: dict[str, Any]) -> str:
    value = guard.get("value")
    looked: dict[str, Any] = guard.get("read") or {}
    read = ", ".join(f"{name} = {told(item, VALUE)}" for name, item in looked.items())
    if "edited" in guard:
        said = f"{guard['guard']}: the arguments were changed by {guard['edited']['by']}"
    elif value is None and "read" not in guard:
        said = f"{guard['guard']} asks"
    else:
        said = f"{guard['guard']} is {_WORDS.get(value, str(value))}"
    extra = [part for part in (guard.get("no"), guard.get("note"), guard.get("request"), read) if part]
    return f"{said} ({', '.join(str(part) for part in extra)})" if extra else said


def _refusal(refusal: dict[str, Any]) -> str:
    parts = [f"{refusal['gate']} {refusal['kind']}"]
    parts += [f"by {refusal['who']}"] if refusal.get("who") else []
    parts += [str(refusal["note"])] if refusal.get("note") else []
    return ", ".join(parts)
