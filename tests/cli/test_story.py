"""The decision log: what a person reads of a run."""

from __future__ import annotations

import json
import unicodedata

from guideway.cli.options import user

from .conftest import REFUND

HOSTILE = "Order 17, refund \x1b[2J\u202e\x9b1m [red]now[/red] " + "long " * 60


def test_the_log_tells_steps_guards_people_and_calls(guideway, waiting):
    """A step has its number, its calls and writes, the edges tried with their guards' values, and who decided."""
    guideway("approve", "desks:app", waiting, "--yes", "--note", "seen the photo")
    guideway("resume", "desks:app", "r")
    out = guideway("log", "r").out
    expected = [
        "run r of refund-desk",
        "started by web",
        'message: "Order 17 arrived broken, please refund."',
        "  1  read  ok",
        "model scripted: 21 + 13 tokens",
        "not        confidence < 0.7 >> handed over",
        "confidence < 0.7 is false (confidence = 0.93)",
        'took       intent == "refund" and exists(order_id) >> find_order',
        "  2  find_order  ok",
        'find_order(order_id="17")',
        "asked of lead",
        'pay_back(order={"id": "17", "total": 42.5})',
        f"approved by {user()}",
        "seen the photo",
        "took       lead >> pay_back",
        "  3  pay_back  ok",
        "once       pay_back, key ",
        'refund_id: "R0001"',
        "  4  write_reply  ok",
        "ended at answered  success",
    ]
    place = 0
    for line in expected:
        assert line in out[place:], (line, out)
        place = out.index(line, place)


def test_the_log_fits_eighty_columns_and_shows_hostile_text(guideway):
    """No line is wider than 80 columns, and nothing of what a stranger wrote is obeyed."""
    guideway("run", "desks:app", json.dumps({"message": HOSTILE}), "--run-id", "h", "--by", "web\u202e")
    for command in (("log", "h"), ("show", "h"), ("inbox",)):
        out = guideway(*command).out
        assert max(map(len, out.splitlines())) <= 80
        assert not [char for char in out if unicodedata.category(char) in {"Cc", "Cf"} and char != "\n"]
        assert "[red]now[/red]" in out
        assert "\\u202e" in out


def test_the_log_for_machines_is_the_journal(guideway, waiting):
    """--json gives the events as they are stored, in order."""
    events = guideway("log", "r", "--json").data
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["kind"] == "started"
    assert events[-1]["kind"] == "asked"
    assert events[-1]["body"]["call"]["arguments"] == {"order": {"id": "17", "total": 42.5}}


def test_the_log_tells_what_failed_and_what_was_settled(guideway):
    """A parked call, its settlement and a failed run are told with their reasons."""
    guideway("run", "desks:sender", '{"text": "x"}', "--run-id", "p")
    guideway("settle", "desks:sender", "p", "--give-up", "--note", "nobody knows")
    guideway("resume", "desks:sender", "p")
    out = guideway("log", "p").out
    for line in ("parked at send: unknown_effect", "open call  send(", "settled by", "nobody knows", "failed"):
        assert line in out, out


def test_the_log_tells_an_event_that_it_does_not_know():
    """An event of a kind that a later version writes is shown as it is, and hides none of the others."""
    from guideway.cli.story import story
    from guideway.runs.store import Event

    (entry,) = story([Event(1, "imagined", 0.0, {"from": "a"}, b"")])
    assert entry.head == "imagined"
    assert entry.lines == [("", '{"from": "a"}')]


def test_progress_is_a_line_a_step(guideway):
    """Where nobody sits at a terminal each committed step is one plain line, and --json has none."""
    said = guideway("run", "desks:app", REFUND, "--run-id", "r", "--by", "web")
    lines = said.out.splitlines()
    assert lines[0] == "run r"
    assert lines[1].startswith("  1  read  ok")
    assert lines[2].startswith("  2  find_order  ok")
    assert guideway("run", "desks:app", REFUND, "--by", "web", "--json").out.count("\n") == 1
