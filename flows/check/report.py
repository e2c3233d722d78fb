"""What the checks say: findings, facts with their proofs, and the report that holds both."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from .telling import as_text

Severity = Literal["error", "warning", "fact"]

Happened = Literal["surely", "possibly", "never"]
"""Whether an effect has happened when a run comes to an end: on every way that leads there, on some, on none."""

Killed = Literal["again", "asked", "edge", "parks"]
"""What a kill in the middle of a step leads to: it is done again; ``reconcile=`` is asked; the step's edge for
``unknown_effect`` is taken; the run parks."""


TRUST = "as long as functions return what they declare"
"""What all of F3 rests on, and of F2 what is proved by the types of what ``@compute`` functions return."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found.

    Args:
        code: its stable code; docs/checks/ has a page for each.
        severity: an error is refused by ``compile``; a warning only where the check is strict.
        message: what is wrong, what was found, and the way out.
        where: the author's place, as ``file.py:line``.
        path: names of nodes and ends, from START, that lead there.
        example: what was executed and shows it, JSON-able; None where nothing needed to be executed.
        accepted: the reason for which the author accepts it.
    """

    code: str
    severity: Severity
    message: str
    where: str | None = None
    path: tuple[str, ...] = ()
    example: dict[str, Any] | None = None
    accepted: str | None = None

    def __str__(self) -> str:
        place = "" if self.where is None else f"{self.where}: "
        taken = "" if self.accepted is None else f" (accepted: {self.accepted})"
        return f"{place}{self.code} {self.severity}: {self.message}{taken}"


@dataclass(frozen=True, slots=True)
class Proof:
    """A statement about every run of the flow.

    Args:
        text: the statement, with what it rests on, or what to do where it is not proved.
        proved: whether it holds; None: not proved, either way.
        path: where it fails: names of nodes from START.
    """

    text: str
    proved: bool | None
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Times:
    """How long a run can take at most, apart from Python's own work, edits and crashes; None is unbounded.

    Args:
        working: seconds of calls, with all attempts and the pauses between them, summed over what runs side by side.
        waiting: seconds for people.
        open_work: what leaves the working time open: nodes, each with why.
        open_wait: what leaves the waiting time open: gates and questions without a time, or nodes, each with why.
    """

    working: float | None = None
    waiting: float | None = None
    open_work: dict[str, str] = field(default_factory=dict[str, str])
    open_wait: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for every run that nobody retries, forks or settles by hand; None is unbounded.

    Args:
        max_steps: executions of nodes.
        max_calls: model and tool calls, failed attempts and repairs included.
        max_tokens: tokens in and out of models.
        max_usd: dollars.
        capped_by: for each figure, which cap gave it: ``"edges"`` or the part of the budget.
        proofs: statements that were proved, refuted, or left open.
        ends: for each end and each effect (a ``once`` tool, or one where stakes are high), what has become of it.
        killed: what a kill in the middle of each step leads to, by node.
        times: the most that a run can work and wait.
        cheapest: for each success end the least that a way to it uses up, by the part of the budget.
        rounds: how often the budget pays for each cycle that only it ends, on the way to a success end.
    """

    max_steps: int | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_usd: float | None = None
    capped_by: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    proofs: tuple[Proof, ...] = ()
    ends: dict[str, dict[str, Happened]] = field(default_factory=dict[str, "dict[str, Happened]"])
    killed: dict[str, Killed] = field(default_factory=dict[str, "Killed"])
    times: Times = Times()
    cheapest: dict[str, dict[str, float]] = field(default_factory=dict[str, "dict[str, float]"])
    rounds: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Report:
    """What ``flow.check()`` gives.

    Args:
        flow: the flow's name.
        findings: errors first, then warnings, then facts.
        facts: bounds and proofs.
        strict: whether warnings count as errors.
        where: the flow's place, as ``file.py:line``.
    """

    flow: str
    findings: tuple[Finding, ...] = ()
    facts: Facts = Facts()
    strict: bool = False
    where: str | None = None

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that stand in the way: errors that are not accepted; where strict, warnings too."""
        bad = ("error", "warning") if self.strict else ("error",)
        return tuple(item for item in self.findings if item.severity in bad and item.accepted is None)

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.failures

    def __str__(self) -> str:
        return as_text(self)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return {
            "flow": self.flow,
            "ok": self.ok,
            "strict": self.strict,
            "where": self.where,
            "findings": [asdict(item) | {"path": list(item.path)} for item in self.findings],
            "facts": asdict(self.facts)
            | {"proofs": [asdict(proof) | {"path": list(proof.path)} for proof in self.facts.proofs]},
        }


_ORDER = {"error": 0, "warning": 1, "fact": 2}


def arranged(findings: list[Finding], accepts: dict[str, str]) -> tuple[Finding, ...]:
    """The findings in the order told, those that the author accepts marked with the reason.

    Args:
        findings: as found.
        accepts: reason by code.
    """
    marked = [replace(item, accepted=item.accepted or accepts.get(item.code)) for item in findings]
    return tuple(sorted(marked, key=lambda item: (_ORDER[item.severity], item.code)))
