"""Incident response: triage, two diagnoses side by side, a remedy that people approve, a check, a hand-over.

A restart needs one yes of the on-call; who does not answer in time is passed over for the manager. A fail-over is
dangerous: two different people must say yes. guideway guarantees that

- no remedy runs but the one that was approved, argument for argument, and never by whoever raised the alert;
- a remedy whose call timed out is *unknown*: the run parks until a person says what happened, and repeats nothing;
- every way on which nothing is mended ends with a person, who is told what was done and what nobody knows.

What may be rolled back without asking is said in two places. Rolling back is at high stakes too, so its edge carries
an approval; and the exemption stands inside of that gate, ``unless=``: where the change says so itself. It says so
because the remedy that people approved had the argument ``may_undo``: whoever says yes to the remedy, says with the
same yes whether it may be taken back unasked. The condition reads what the tool returned, not what was planned.

``python -m examples.incident`` shows a session, offline; ``--model provider:name`` asks a real model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import BaseModel

from guideway import (
    START,
    App,
    Budget,
    Call,
    Context,
    DecisionRefused,
    End,
    Failure,
    Flow,
    Refusal,
    Request,
    Retry,
    all_of,
    approval,
    compute,
    failed,
    fields,
    on,
    policy,
    some,
    think,
    tool,
    when,
)
from guideway.testing import ScriptedModel


class Remedy(BaseModel):
    """What is to be done, as people approve it."""

    action: Literal["restart", "fail over"]
    service: str
    may_undo: bool = False
    """Whether it may be rolled back without asking again."""


class Change(BaseModel):
    """What was done, as the platform tells it."""

    id: str
    action: str
    may_undo: bool


class Handover(BaseModel):
    """What the person who takes over reads first."""

    why: str
    done: list[str]
    unknown: list[str]


class Incident(BaseModel):
    """One alert, and what is known about it."""

    alert: str
    service: str | None = None
    severity: Literal["noise", "minor", "major"] | None = None
    log_lines: list[str] | None = None
    metrics: dict[str, float] | None = None
    cause: str | None = None
    confidence: float = 0.0
    remedy: Remedy | None = None
    change: Change | None = None
    healthy: bool | None = None
    undone: str | None = None
    handover: Handover | None = None


class Platform(Protocol):
    """What the tools act on; the app is given one as ``deps``."""

    def logs(self, service: str) -> list[str]:
        """The last lines that a service logged."""
        ...

    def metrics(self, service: str) -> dict[str, float]:
        """Its measures by name."""
        ...

    def apply(self, key: str, action: str, service: str) -> str:
        """Begins a change, once per key, and returns its id."""
        ...

    def roll_back(self, key: str, change: str) -> str:
        """Takes a change back, once per key, and returns what it restored."""
        ...

    def healthy(self, service: str) -> bool:
        """Whether it serves."""
        ...


class Triage(BaseModel):
    """What an alert is about."""

    service: str
    severity: Literal["noise", "minor", "major"]


class Diagnosis(BaseModel):
    """What is wrong, and what would mend it."""

    cause: str
    confidence: float
    remedy: Remedy | None


@think(output=Triage)
def triage(alert: str) -> str:
    """Finds the service, and how bad it is."""
    return f"Which service is this alert about, and how severe is it?\n\n{alert}"


@tool(effect="none", writes="log_lines", retry=Retry(attempts=2, pause="50ms"), timeout=10.0)
def check_logs(service: str, context: Context) -> list[str]:
    """Reads the service's logs."""
    return platform(context).logs(service)


@tool(effect="none", writes="metrics", retry=Retry(attempts=2, pause="50ms"), timeout=10.0)
def check_metrics(service: str, context: Context) -> dict[str, float]:
    """Reads the service's measures."""
    return platform(context).metrics(service)


@think(output=Diagnosis)
def diagnose(alert: str, service: str, log_lines: list[str] | None, metrics: dict[str, float] | None) -> str:
    """Finds the cause and a remedy; what could not be read is None."""
    return (
        f"What is wrong with {service}, and would a restart or a fail-over mend it? Lower your confidence where "
        f"logs or metrics are missing.\n\nAlert: {alert}\nLogs: {log_lines}\nMetrics: {metrics}"
    )


@tool(effect="once", stakes="high", writes="change", timeout=30.0)
def restart(remedy: Remedy, context: Context) -> Change:
    """Restarts a service."""
    return changed(remedy, context)


@tool(effect="once", stakes="high", writes="change", timeout=120.0)
def fail_over(remedy: Remedy, context: Context) -> Change:
    """Moves a service to the other site; what was written meanwhile may be lost."""
    return changed(remedy, context)


@tool(effect="none", writes="healthy", retry=Retry(attempts=3, pause="50ms"), timeout=10.0)
def verify(service: str, context: Context) -> bool:
    """Asks whether the service serves again."""
    return platform(context).healthy(service)


@tool(effect="once", stakes="high", writes="undone", timeout=120.0)
def roll_back(change: Change, context: Context) -> str:
    """Takes the change back."""
    return platform(context).roll_back(context.key, change.id)


def platform(context: Context) -> Platform:
    """The platform that the app was given."""
    found: Platform = context.deps
    return found


def changed(remedy: Remedy, context: Context) -> Change:
    """Applies a remedy under the call's key, so that a platform which honours it does it once."""
    change = platform(context).apply(context.key, remedy.action, remedy.service)
    return Change(id=change, action=remedy.action, may_undo=remedy.may_undo)


@compute(writes="handover")
def hand_over(
    cause: str | None,
    log_lines: list[str] | None,
    metrics: dict[str, float] | None,
    change: Change | None,
    healthy: bool | None,
    undone: str | None,
    refusal: Refusal | None,
    failure: Failure | None,
) -> Handover:
    """Writes down for a person what was done and what nobody knows; plain code, since models may be what failed."""
    done = [f"{change.action}, change {change.id}"] if change is not None else []
    done += ["checked: the service does not serve"] if healthy is False else []
    done += [f"rolled back: {undone}"] if undone is not None else []
    unknown = [f"no {name} were read" for name, read in (("logs", log_lines), ("metrics", metrics)) if read is None]
    if change is not None and healthy is None:
        unknown.append("whether the service serves again")
    # what a person gave up on, nobody knows; every other failure that is told here proves that nothing was done
    if failure is not None and (failure.category == "unknown_effect" or failure.type == "GivenUp"):
        unknown.append(f"whether {failure.node!r} happened: {failure.message}")
    return Handover(why=_why(cause, refusal, failure), done=done, unknown=unknown)


def _why(cause: str | None, refusal: Refusal | None, failure: Failure | None) -> str:
    if failure is not None:
        return f"{failure.node!r} failed ({failure.category}): {failure.message}"
    if refusal is not None:
        who = "" if refusal.who is None else f" by {refusal.who}"
        note = "" if refusal.note is None else f": {refusal.note}"
        return f"{refusal.gate!r} said no ({refusal.kind}{who}){note}"
    return "no cause was found" if cause is None else f"not mended; the likely cause: {cause}"


def same_service(service: str | None, call: Call) -> str | None:
    """A model may propose a remedy for the service that the alert is about, and for no other."""
    wanted = call.arguments["remedy"]["service"]
    return None if wanted == service else f"the alert is about {service}, the remedy about {wanted}"


def incident_flow(within: str = "10m", manager_within: str = "30m") -> Flow[Incident]:
    """The flow.

    Args:
        within: how long the on-call has to answer.
        manager_within: how long the manager has then.
    """
    i = fields(Incident)

    noise = End("noise")
    mended = End("mended", succeeds_if=some(i.healthy))
    handed_over = End("handed over", verdict="escalated")

    told = [i.alert, i.cause]
    manager = approval("manager", within=manager_within, shows=told, denied=hand_over, expired=hand_over)
    on_call = approval("on-call", within=within, shows=told, denied=hand_over, expired=manager)
    two_people = approval(
        "on-call",
        name="two of on-call",
        quorum=2,
        within=within,
        shows=told,
        denied=hand_over,
        expired=hand_over,  # one manager is not two people
    )
    undoing = approval(
        "on-call",
        name="on-call, to undo",
        unless=some(i.change).may_undo,
        within=within,
        shows=told,
        denied=hand_over,
        expired=manager,
    )
    in_scope = policy(same_service, violated=hand_over)

    return Flow(
        "incident",
        state=Incident,
        edges=[
            on(START, triage),
            on(triage, when(i.severity == "noise") >> noise, all_of(check_logs, check_metrics)),
            on(check_logs, failed() >> diagnose, diagnose),
            on(check_metrics, failed() >> diagnose, diagnose),
            on(
                diagnose,
                when(i.confidence < 0.6) >> hand_over,
                when(some(i.remedy).action == "restart") >> in_scope >> on_call >> restart,
                when(some(i.remedy).action == "fail over") >> in_scope >> two_people >> fail_over,
                hand_over,
            ),
            on(restart, verify),
            on(fail_over, verify),
            on(verify, when(some(i.healthy)) >> mended, undoing >> roll_back),
            on(roll_back, failed("unknown_effect") >> hand_over, hand_over),
            on(hand_over, failed() >> handed_over, handed_over),
        ],
        budget=Budget(steps=15, calls=20, tokens=30_000, keep=Budget(steps=1)),
        on_exhausted=hand_over,
        on_failure=hand_over,
        accepts={
            "F601": "a remedy of unknown result parks on purpose: a person finds out before anything else is done"
        },
    )


incident = incident_flow()


# a session, offline


class Pretended:
    """A platform in memory: changes are kept by key, so that a call that comes twice is done once."""

    def __init__(self, *, serves_after: str = "restart") -> None:
        self.serves_after = serves_after
        self.changes: dict[str, str] = {}
        self.rolled_back: dict[str, str] = {}

    def logs(self, service: str) -> list[str]:
        return [f"{service}: connection pool exhausted", f"{service}: connection pool exhausted"]

    def metrics(self, service: str) -> dict[str, float]:
        return {"errors per second": 41.0, "latency p99": 8.2}

    def apply(self, key: str, action: str, service: str) -> str:
        return f"{self.changes.setdefault(key, action)}-{list(self.changes).index(key) + 1}"

    def roll_back(self, key: str, change: str) -> str:
        return self.rolled_back.setdefault(key, f"as before {change}")

    def healthy(self, service: str) -> bool:
        return self.serves_after in self.changes.values()


def responder(prompt: str) -> BaseModel:
    """A scripted model: the checkout is down, and it should fail over."""
    if prompt.startswith("Which service"):
        return Triage(service="checkout", severity="major")
    remedy = Remedy(action="fail over", service="checkout", may_undo=True)
    return Diagnosis(cause="the database of this site is gone", confidence=0.8, remedy=remedy)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one incident, decides as two people would, and prints what happened.

    Args:
        arguments: the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(prog="python -m examples.incident", description="Incident response.")
    parser.add_argument("--alert", default="checkout: 500s since 09:12")
    parser.add_argument("--model", help="a real model, provider:name; by default a scripted one")
    options = parser.parse_args(arguments)
    people = {"on-call": {"ann", "bob"}, "manager": {"mia"}}
    app: App[Incident] = incident.compile(
        models={"default": options.model or ScriptedModel(responder)}, deps=Pretended(), roles=people
    )
    with app:
        run = app.start({"alert": options.alert}, by="monitor")
        for name in ("monitor", "ann", "ann", "bob"):
            if run.status == "waiting":
                _decide(app, run.waiting[0], name)
                run = app.resume(run.id)
        for step in run.steps:
            print(f"{step.number:3} {step.branch:4} {step.node}: {step.outcome}")
        print(f"{run.verdict} ({run.end})")
        if run.state.handover is not None:
            print(run.state.handover.model_dump_json(indent=2))
    return 0 if run.verdict in ("success", "escalated") else 1


def _decide(app: App[Incident], request: Request, name: str) -> None:
    try:
        app.approve(request, by=name)
    except DecisionRefused as refused:
        print(f"{name}: refused: {refused}")
    else:
        print(f"{name}: yes to {request.node}")


if __name__ == "__main__":
    raise SystemExit(main())
