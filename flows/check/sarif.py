"""A report as SARIF 2.1.0, the format that code hosts and editors show findings from.

OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, Plus Errata 01, 2023. Sections are named below.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .codes import CODES
from .pages import page, summary
from .telling import in_words

if TYPE_CHECKING:
    from .report import Finding, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "fact": "note"}
_TOOL = "guideway"


def sarif(reports: Iterable[Report], *, version: str = "", file: Callable[[str], str] = str) -> dict[str, Any]:
    """Reports as one SARIF log, a run for each.

    Args:
        reports: of one flow each.
        version: of guideway.
        file: the path of an author's file from the repository's top, with forward slashes, by its name alone, which
            is what a finding has.
    """
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report, version, file) for report in reports]}


def _run(report: Report, version: str, file: Callable[[str], str]) -> dict[str, Any]:
    """3.14: one run of the tool, on one flow."""
    codes = sorted({item.code for item in report.findings})
    driver: dict[str, Any] = {"name": _TOOL, "rules": [_rule(code) for code in codes]}
    if version:
        driver["version"] = version
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"{_TOOL} check/{report.flow}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(report, item, codes.index(item.code), file) for item in report.findings],
        "properties": {"flow": report.flow, "ok": report.ok, "facts": report.to_json()["facts"]},
    }


def _rule(code: str) -> dict[str, Any]:
    """3.49: a code, with its page as the help."""
    short = CODES.get(code, code)
    return {
        "id": code,
        "shortDescription": {"text": short},
        "fullDescription": {"text": summary(code)},
        "help": {"text": page(code), "markdown": page(code)},
        "properties": {"tags": [_TOOL, f"{code[:2]}xx"]},
    }


def _result(report: Report, item: Finding, rule: int, file: Callable[[str], str]) -> dict[str, Any]:
    """3.27: a finding."""
    said = item.message if item.example is None else f"{item.message}\n\nExample: {in_words(item.example)}."
    logical = [_logical(report.flow, item.path[-1])] if item.path else [{"name": report.flow, "kind": "flow"}]
    location: dict[str, Any] = {"logicalLocations": logical} | _physical(item.where or report.where, file)
    found: dict[str, Any] = {
        "ruleId": item.code,
        "ruleIndex": rule,
        "level": _LEVELS[item.severity],
        "message": {"text": said},
        "locations": [location],
        "partialFingerprints": {"guidewayFinding/v1": _fingerprint(report.flow, item)},
        "properties": {"path": list(item.path), "example": item.example},
    }
    if item.path:
        found["codeFlows"] = [_flow(report, item, file)]
    if item.accepted is not None:
        found["suppressions"] = [{"kind": "inSource", "status": "accepted", "justification": item.accepted}]
    return found


def _flow(report: Report, item: Finding, file: Callable[[str], str]) -> dict[str, Any]:
    """3.36: the path, step by step; with the finding's own place, since viewers want one for each step."""
    steps = [
        {
            "executionOrder": number,
            "location": {
                "message": {"text": f"{number}. {name}"},
                "logicalLocations": [_logical(report.flow, name)],
            }
            | _physical(item.where or report.where, file),
        }
        for number, name in enumerate(item.path, 1)
    ]
    return {"message": {"text": " > ".join(item.path)}, "threadFlows": [{"locations": steps}]}


def _logical(flow: str, name: str) -> dict[str, Any]:
    return {"name": name, "fullyQualifiedName": f"{flow}/{name}", "kind": "node"}


def _physical(where: str | None, file: Callable[[str], str]) -> dict[str, Any]:
    if where is None:
        return {}
    name, _, line = where.rpartition(":")
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": file(name), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": int(line)},
        }
    }


def _fingerprint(flow: str, item: Finding) -> str:
    """What stays when lines move: the code, the flow, and the path; the message where there is no path."""
    said = "\n".join((item.code, flow, *(item.path or (item.message,))))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def workflow_commands(reports: Iterable[Report], *, file: Callable[[str], str] = str) -> list[str]:
    """Reports as GitHub's workflow commands, which show findings on the lines of a pull request.

    Args:
        reports: of one flow each.
        file: as for ``sarif``.
    """
    return [_annotation(report, item, file) for report in reports for item in report.findings if item.accepted is None]


def _annotation(report: Report, item: Finding, file: Callable[[str], str]) -> str:
    """A command, as https://docs.github.com/actions/reference/workflow-commands-for-github-actions has it."""
    level = {"error": "error", "warning": "warning", "fact": "notice"}[item.severity]
    properties: dict[str, str] = {}
    where = item.where or report.where
    if where is not None:
        name, _, line = where.rpartition(":")
        properties = {"file": file(name), "line": line}
    properties["title"] = f"{item.code} in flow {report.flow}"
    said = item.message
    if item.path:
        said += f"\npath: {' > '.join(item.path)}"
    if item.example is not None:
        said += f"\nexample: {in_words(item.example)}"
    told = ",".join(f"{key}={_escaped(value, _IN_PROPERTY)}" for key, value in properties.items())
    return f"::{level} {told}::{_escaped(said, _IN_MESSAGE)}"


_IN_MESSAGE: Mapping[str, str] = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY: Mapping[str, str] = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(char, char) for char in text)
