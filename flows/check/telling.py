"""A report in words: findings first, then bounds, then what is proved, enforced, refuted and not proved, then facts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...guards.shortened import shortened
from ...nodes.shapes import is_mapping
from .figures import figures
from .tables import tables

if TYPE_CHECKING:
    from .report import Finding, Proof, Report

HOLDS = "what is proved here holds for every model and every tool answer"
"""Model and tool outputs are free values to the checks, so no answer and no injected text can break a proof."""

RESTS = "what is proved here rests on code that the checks do not look into"
"""On what functions declare to return, or on what a named function says."""

_RESTS = ", as long as "
_PROVED = {True: "proved", False: "refuted", None: "not proved"}
_VALUE = 60
_NOWHERE = ("no edge for it", "no way on")
"""What an example says where it comes to nothing."""


@dataclass(frozen=True)
class Said:
    """One thing that is told.

    Args:
        text: a sentence.
        more: what belongs to it, each a label and a sentence.
        tone: ``error``, ``warning``, ``quiet``, or nothing.
    """

    text: str
    more: tuple[tuple[str, str], ...] = ()
    tone: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Args:
        title: what it is about; the first has none.
        said: what is told.
    """

    title: str
    said: tuple[Said, ...]


def sections(report: Report) -> Iterator[Section]:
    """All that a report tells, in the order told.

    Args:
        report: the report.
    """
    grave = [item for item in report.findings if item.severity != "fact"]
    if grave:
        yield Section("", tuple(_finding(item) for item in grave))
    yield Section("bounds of every run", tuple(Said(line) for line in (*figures(report.facts), *tables(report.facts))))
    yield from _proofs(report.facts.proofs)
    facts = [item for item in report.findings if item.severity == "fact"]
    if facts:
        yield Section("facts", tuple(_finding(item) for item in facts))


def kind_of(proof: Proof) -> str:
    """Whether a statement is proved, enforced, refuted or not proved.

    Args:
        proof: the statement.
    """
    return "enforced" if proof.proved is None and proof.text.endswith("(enforced)") else _PROVED[proof.proved]


def rests_on(proof: Proof) -> str | None:
    """What a proof takes for granted: what a function declares to return, or what a named function says.

    Args:
        proof: the proof.
    """
    return proof.text.partition(_RESTS)[2] or None


def _proofs(proofs: tuple[Proof, ...]) -> Iterator[Section]:
    proved = [proof for proof in proofs if kind_of(proof) == "proved"]
    groups = {
        HOLDS: [proof for proof in proved if rests_on(proof) is None],
        RESTS: [proof for proof in proved if rests_on(proof) is not None],
        "watched while a run goes, and stopped before it happens": [
            proof for proof in proofs if kind_of(proof) == "enforced"
        ],
        "refuted": [proof for proof in proofs if kind_of(proof) == "refuted"],
        "not proved, either way": [proof for proof in proofs if kind_of(proof) == "not proved"],
    }
    for title, found in groups.items():
        if found:
            yield Section(title, tuple(_proof(proof) for proof in found))


def _proof(proof: Proof) -> Said:
    kind = kind_of(proof)
    more = (("path", " > ".join(proof.path)),) if proof.path and kind != "proved" else ()
    return Said(f"{kind}: {proof.text.removesuffix(' (enforced)')}", more, "warning" if kind == "refuted" else "")


def _finding(item: Finding) -> Said:
    more: list[tuple[str, str]] = []
    if item.path:
        more.append(("path", " > ".join(item.path)))
    if item.example is not None:
        more.append(("example", in_words(item.example)))
    tone = "quiet" if item.accepted is not None or item.severity == "fact" else item.severity
    return Said(str(item), tuple(more), tone)


def in_words(example: Mapping[str, Any]) -> str:
    """An executed example as sentences.

    Args:
        example: as a finding has it: the input, the steps with what each came to, and what it shows.
    """
    said: list[str] = []
    if "input" in example:
        said.append(f"it begins with {_fields(example['input']) or 'nothing given'}")
    said += [_step(step) for step in example.get("steps", ())]
    then = example.get("then")
    if then is not None:
        said.append(f"and there is {then}" if then in _NOWHERE else f"so it comes to {then}")
    if "state" in example:
        said.append(f"the state has {_other(example['state'])}")
    known = ("input", "steps", "then", "state")
    said += [f"{name.replace('_', ' ')} {_other(value)}" for name, value in example.items() if name not in known]
    return "; ".join(said)


def _step(step: Any) -> str:
    if not is_mapping(step) or "node" not in step:
        return _value(step)
    node = step["node"]
    update = _fields(step.get("update") or {})
    if step.get("outcome") == "failed":
        said = f"{node} fails ({step.get('error', 'bug')})"
    elif step.get("outcome") in ("expired", "refused"):
        said = f"{node} is {step['outcome']}"
    elif node == "START":
        said = "it starts"
    else:
        said = f"{node} writes {update}" if update else f"{node} is done"
    if step.get("end") is not None:
        said += f" and ends at {step['end']}"
    noes = ", ".join(f"{gate} says {no}" for gate, no in dict(step.get("noes") or {}).items())
    return f"{said}; {noes}" if noes else said


def _fields(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in values.items())


def _other(value: Any) -> str:
    return _fields(value) if is_mapping(value) else _value(value)


def _value(value: Any) -> str:
    if value is None:
        return "None"
    written = json.dumps(shortened(value), ensure_ascii=False, default=str)
    return written if len(written) <= _VALUE else written[: _VALUE - 1] + "…"


def as_text(report: Report) -> str:
    """The whole report as text.

    Args:
        report: the report.
    """
    lines = [head(report)]
    for section in sections(report):
        lines += ["", section.title] if section.title else []
        for said in section.said:
            lines.append(f"  {said.text}")
            lines += [f"      {label}: {text}" for label, text in said.more]
    return "\n".join(lines)


def head(report: Report) -> str:
    """Which flow, and whether it may run, in a line.

    Args:
        report: the report.
    """
    count = len(report.failures)
    said = "ok" if report.ok else f"{count} {'finding stands' if count == 1 else 'findings stand'} in the way"
    return f"flow {report.flow}: {said}"
