"""What reaches a terminal: nothing that it would obey."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guideway.cli.screen import Screen, as_line, told, visible

HOSTILE = "\x1b[2J\x07\x9b31m\u202egnp.exe\u2069\x7f\r\n[bold red]:smile:"


def screen(width: int = 80) -> Screen:
    """A screen of a width that writes into memory."""
    from rich.console import Console

    made = Screen(stream=io.StringIO())
    made.__dict__["console"] = Console(
        file=made.stream, width=width, highlight=False, markup=False, emoji=False, force_terminal=False
    )
    return made


def hidden(text: str) -> list[str]:
    """The characters of a text that a terminal obeys or does not show, but for line breaks and joiners."""
    return [
        char
        for char in text
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char not in "\n\u200c\u200d"
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 你好, 👋", "Grüße, 你好, 👋"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b", "\\x9b"),
        ("\x7f", "\\x7f"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202e\u2066\u2069\u200f", "\\u202e\\u2066\\u2069\\u200f"),
        ("\ufeff\u2028", "\\ufeff\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_written_as_an_escape(text, shown):
    """C0, DEL, C1, changes of direction, tags and lone surrogates become escapes; letters of any script stay."""
    assert visible(text) == shown


@given(st.text())
def test_no_text_brings_a_hidden_character(text):
    """Whatever a text holds, nothing hidden comes through."""
    assert not hidden(visible(text))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_line_of_json_is_printable_ascii_and_gives_the_data_back(data):
    """JSON for machines holds no character that a terminal obeys, and loses nothing."""
    line = as_line(data)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == data


@pytest.mark.parametrize("way", ["say", "line", "pairs", "table"])
def test_no_way_of_writing_obeys_data(way):
    """Paragraphs, lines, labels and tables show hostile data, its markup too, and obey none of it."""
    made = screen(200)
    if way == "pairs":
        made.pairs([("label", HOSTILE)])
    elif way == "table":
        made.table(("head",), [[HOSTILE]])
    else:
        getattr(made, way)(HOSTILE)
    text = made.stream.getvalue()
    assert not hidden(text)
    assert "\\x1b[2J" in text
    assert "[bold red]:smile:" in text


def test_a_paragraph_is_wrapped_under_its_own_first_line():
    """Long text stays within the width, and goes on below where it began."""
    made = screen(40)
    made.pairs([("label", "one two three four five six seven eight nine ten")])
    lines = made.stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[0].startswith("label      one")
    assert all(line.startswith(" " * 11) for line in lines[1:])


def test_a_table_that_does_not_fit_becomes_blocks():
    """Where a row is wider than the screen each of its cells gets a line, and none is cut."""
    rows = [["a" * 30, "first"], ["b" * 30, "second"]]
    wide, narrow = screen(60), screen(35)
    wide.table(("run", "flow"), rows)
    narrow.table(("run", "flow"), rows)
    assert len(wide.stream.getvalue().splitlines()) == 3
    assert narrow.stream.getvalue().splitlines() == [
        f"run  {'a' * 30}",
        "flow first",
        "",
        f"run  {'b' * 30}",
        "flow second",
    ]


def test_a_value_is_cut_where_a_limit_is_given():
    """A value is told as JSON, and ends with a mark where it is cut."""
    assert told({"a": "b"}) == '{"a": "b"}'
    assert told("x" * 100, 10) == '"xxxxxxxx…'


def test_a_screen_for_machines_says_nothing_else():
    """With --json only the data is written."""
    made = Screen(json=True, stream=io.StringIO())
    made.say("hello")
    made.line("hello")
    made.pairs([("a", "b")])
    made.table(("a",), [["b"]])
    made.data({"a": 1})
    assert made.stream.getvalue() == '{"a": 1}\n'
