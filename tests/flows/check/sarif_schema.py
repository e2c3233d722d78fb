"""What SARIF 2.1.0 (with Errata 01, OASIS 2023) asks of the objects that guideway writes, as a JSON schema.

Written from the specification, sections 3.13 to 3.58: each object with the properties that it may have, those that it
must have, and the values that are named there. Property bags (3.8) may hold anything.
"""

from __future__ import annotations

from typing import Any


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    bag: dict[str, Any] = {"properties": {"type": "object"}}
    return {"type": "object", "properties": properties | bag, "required": list(required), "additionalProperties": False}


def _list(of: Any, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": least}


TEXT = {"type": "string"}
INDEX = {"type": "integer", "minimum": -1}
MESSAGE = _object(("text",), text=TEXT, markdown=TEXT)
LOGICAL = _object(name=TEXT, fullyQualifiedName=TEXT, kind=TEXT, decoratedName=TEXT, index=INDEX, parentIndex=INDEX)
ARTIFACT = _object(
    uri={"type": "string", "format": "uri-reference", "pattern": r"^[^\\ ]+$"}, uriBaseId=TEXT, index=INDEX
)
REGION = _object(startLine={"type": "integer", "minimum": 1}, startColumn={"type": "integer", "minimum": 1})
LOCATION = _object(
    physicalLocation=_object(artifactLocation=ARTIFACT, region=REGION), logicalLocations=_list(LOGICAL), message=MESSAGE
)
STEP = _object(location=LOCATION, executionOrder=INDEX)
FLOW = _object(
    ("threadFlows",), message=MESSAGE, threadFlows=_list(_object(("locations",), locations=_list(STEP, 1)), 1)
)
SUPPRESSION = _object(
    ("kind",),
    kind={"enum": ["inSource", "external"]},
    status={"enum": ["accepted", "underReview", "rejected"]},
    justification=TEXT,
)
RESULT = _object(
    ("message",),
    ruleId=TEXT,
    ruleIndex=INDEX,
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    locations=_list(LOCATION),
    codeFlows=_list(FLOW),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    suppressions=_list(SUPPRESSION),
)
RULE = _object(("id",), id=TEXT, shortDescription=MESSAGE, fullDescription=MESSAGE, help=MESSAGE)
RUN = _object(
    ("tool",),
    tool=_object(("driver",), driver=_object(("name",), name=TEXT, version=TEXT, rules=_list(RULE))),
    automationDetails=_object(id=TEXT),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results=_list(RESULT),
)
LOG = {
    "type": "object",
    "properties": {"$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"}, "runs": _list(RUN)},
    "required": ["version", "runs"],
    "additionalProperties": False,
}
