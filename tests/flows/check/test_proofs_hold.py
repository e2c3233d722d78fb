"""All that a report says of a drawn flow is held against its runs: properties, ends, calls, dead edges, noes.

The short form is part of the suite; the long one counts what it looked at, and the summary prints it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guideway import Flow
from guideway.flows.check import Report, check
from guideway.flows.position import AtEnd, Finish, Run
from guideway.guards.solving import installed
from tests.flows.check.drawn import S, Taken, flows, run
from tests.flows.check.lived import kept, lived

LAW = settings(deadline=None, suppress_health_check=list(HealthCheck))
RUNS = 4
"""How often each flow is run."""

COUNTED = ("proved", "refuted", "undecided")


def judged(report: Report, flow: Flow[S]) -> dict[str, bool | None]:
    """What is said of each property of a flow."""
    said = {item.text.removesuffix(" (enforced)"): item.proved for item in report.facts.proofs}
    return {str(item): said[str(item)] for item in flow.properties}


def held(flow: Flow[S], report: Report, takens: Sequence[Taken], counts: Counter[str]) -> None:
    """Asserts that a run is as the report says."""
    counts["runs"] += 1
    counts["steps"] += sum(isinstance(taken.move, Run) for taken in takens)
    _properties(flow, report, takens, counts)
    _ends(flow, report, takens, counts)
    _routing(report, takens, counts)
    calls = sum(flow.nodes[taken.move.at.node].kind == "tool" for taken in takens if isinstance(taken.move, Run))
    if report.facts.max_calls is not None:
        counts["bounded calls"] += 1
        assert calls <= report.facts.max_calls


def _properties(flow: Flow[S], report: Report, takens: Sequence[Taken], counts: Counter[str]) -> None:
    said, happened = judged(report, flow), lived(flow, takens)
    for item in flow.properties:
        holds = kept(item, happened)
        assert holds or said[str(item)] is not True, (str(item), [event[:2] for event in happened])
        counts["refuted ones seen to fail"] += not holds and said[str(item)] is False


def _ends(flow: Flow[S], report: Report, takens: Sequence[Taken], counts: Counter[str]) -> None:
    """What never happened before an end has not, and what surely happened has."""
    last = takens[-1].move
    if not isinstance(last, Finish) or last.at.end is None:
        return
    done = {taken.source for taken in takens if taken.outcome is not None and taken.outcome.kind == "ok"}
    unknown = {
        taken.source
        for taken in takens
        if taken.outcome is not None and taken.outcome.error is not None
        and taken.outcome.error.category == "unknown_effect"
    }  # fmt: skip
    for effect, word in report.facts.ends.get(last.at.end, {}).items():
        counts[f"effects {word}"] += 1
        assert word != "never" or effect not in done | unknown, (last.at.end, effect)
        assert word != "surely" or effect in done, (last.at.end, effect)


def _routing(report: Report, takens: Sequence[Taken], counts: Counter[str]) -> None:
    """No edge is taken that is called dead, and no case is missed where all are proved to be covered."""
    dead = [item.message for item in report.findings if item.code in ("F203", "F204")]
    covered = any(item.text.startswith("the edges of every row") and item.proved for item in report.facts.proofs)
    counts["all cases covered"] += covered
    counts["dead edges"] += len(dead)
    for taken in takens:
        counts["moves"] += 1
        assert not any(message.startswith(f"the edge '{taken.move.why.edge}'") for message in dead), dead
        if covered and isinstance(taken.move, Finish) and taken.move.at == AtEnd(None, "failed"):
            assert taken.move.error is not None
            assert taken.move.error.type != "NoWayOn"


def looked_at(flow: Flow[S], draw: Any, counts: Counter[str], *, solver: bool) -> None:
    """Checks a flow, and runs it some times."""
    report = check(flow, solver=solver)
    counts["flows"] += 1
    for proved in judged(report, flow).values():
        counts["proved" if proved else "refuted" if proved is False else "undecided"] += 1
    for _ in range(RUNS):
        held(flow, report, list(run(draw, flow)), counts)


@settings(LAW, max_examples=40)
@given(flows(properties=2), st.data(), st.booleans())
def test_what_a_report_says_holds_in_runs(flow: Flow[S], data: st.DataObject, solver: bool):
    """No proved property is violated, nothing that never happened has, no dead edge is taken, no case is missed."""
    looked_at(flow, data.draw, Counter(), solver=solver and installed())


@pytest.mark.torture
@pytest.mark.parametrize("plain", [True, False])
def test_what_a_report_says_holds_in_many_runs(plain: bool, record_property):
    """The same for thousands of runs, with the solver; flows without named functions and policies are counted apart."""
    counts: Counter[str] = Counter()

    @settings(LAW, max_examples=1500, database=None)
    @given(flows(properties=4, plain=plain), st.data())
    def law(flow: Flow[S], data: st.DataObject) -> None:
        looked_at(flow, data.draw, counts, solver=installed())

    law()
    asked = sum(counts[word] for word in COUNTED)
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    what = "flows without functions and policies" if plain else "flows with functions and policies"
    record_property("counted", f"{what}: {told}; undecided {counts['undecided'] / asked:.1%} of {asked:,} properties")
    assert counts["runs"] >= 1500 * RUNS
    assert counts["proved"] > 0
    assert counts["refuted ones seen to fail"] > 0
