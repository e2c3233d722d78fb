"""The corpus: each faulty flow has its finding and no other, each error is seen in a run, and sound flows have none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from guideway import Anyone
from guideway.flows.check import CODES, Finding, check
from guideway.testing import ScriptedModel
from tests.flows.check.corpus.acting import acted, slots
from tests.flows.check.corpus.entries import Entry, entry, known, names
from tests.flows.check.corpus.faults import SEEN

FAULTY, SOUND = names("faulty"), names("sound")
TOLD = [name for name in FAULTY if known(name)]
"""The entries whose codes there are."""


def found(one: Entry) -> tuple[Finding, ...]:
    """The findings of an entry's flow that have its code."""
    return tuple(item for item in check(one.flow).findings if item.code == one.code)


def holds(part: Any, whole: Any) -> bool:
    """Whether a part of an example is in it: of mappings some keys, all else whole."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(key in whole and holds(part[key], whole[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(holds, part, whole))
    return bool(part == whole)


@pytest.mark.parametrize("name", TOLD)
def test_a_faulty_flow_has_its_finding_and_no_other(name):
    """Code, severity, path and example are those of the entry; there is no error or warning that it does not name."""
    one = entry("faulty", name)
    assert one.says
    assert name.startswith(f"{one.code}_")
    also = set(one.expected.get("also", ()))
    report = check(one.flow)
    assert {item.code for item in report.findings if item.severity != "fact"} <= {one.code} | also, str(report)
    assert also <= {item.code for item in report.findings}, str(report)
    said = one.expected.get("says", ())
    assert all(words in str(report) for words in said), str(report)
    mine = found(one)
    count = one.expected.get("count", 0 if said else 1)
    assert [item.severity for item in mine] == [one.expected["severity"]] * count, str(report)
    wanted = one.expected.get("example")
    assert said or any(
        item.path == tuple(one.expected["path"]) and (wanted is None or holds(wanted, item.example)) for item in mine
    ), str(report)


@pytest.mark.parametrize("name", [name for name in TOLD if entry("faulty", name).expected["severity"] == "error"])
def test_an_error_is_seen_in_a_run(name):
    """The example of an error is carried out by the App, with scripted nodes, and what is wrong is seen there."""
    one = entry("faulty", name)
    for item in found(one):
        if item.path != tuple(one.expected["path"]):
            continue
        ran = acted(one.flow, item.example or {}, one.gives, one.noes, one.input)
        if one.shown is not None:
            one.shown(ran)
        else:
            SEEN[one.code](one, item, ran)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_flow_has_no_finding_but_those_that_it_states(name):
    """No error, no warning that the entry does not state, and it compiles."""
    one = entry("sound", name)
    assert one.says
    report = check(one.flow)
    assert sorted({item.code for item in report.findings if item.severity != "fact"}) == sorted(one.warnings), str(
        report
    )
    assert report.ok
    with one.flow.compile(models=slots(one.flow, ScriptedModel([])), roles=Anyone()) as app:
        assert app.runs() == []


def test_the_corpus_does_not_shrink():
    """At least sixty faulty flows and forty sound ones; each code has one."""
    assert len(TOLD) >= 60
    assert len(SOUND) >= 40
    assert {entry("faulty", name).code for name in TOLD} == set(CODES)
