"""Each protection is taken out, and the test that stands for it must fail: a test that cannot fail proves nothing."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guideway.errors import JournalBroken, LeaseLost, RunBusy, StoreError
from guideway.runs.store import SqliteStore
from tests.runs import test_fork as forks
from tests.runs import test_hearing as hearing
from tests.runs import test_promises_branches as branches
from tests.runs import test_promises_budgets as budgets
from tests.runs import test_promises_decisions as decisions
from tests.runs import test_promises_edits as edits
from tests.runs import test_promises_effects as effects
from tests.runs import test_promises_graph as graph
from tests.runs import test_promises_overruns as overruns
from tests.runs import test_promises_revocation as revocation
from tests.runs import test_sharing as sharing
from tests.runs import test_stopping as stopping
from tests.runs import test_store_leases as leases
from tests.torture import mutants
from tests.torture import test_corruption as corruption
from tests.torture.forge import Forge, Job
from tests.torture.test_kills import differences, undisturbed
from tests.torture.test_power_loss import LOST
from tests.torture.test_races import RACES, raced
from tests.torture.test_stops import points_of, taken_over


def not_refused(folder: Path, change: str) -> None:
    """A row that was changed, in a store of its own."""
    (folder / "sound").mkdir()
    corruption.test_a_row_that_was_changed_is_refused(corruption.made(folder / "sound"), folder, change)


Test = Callable[[Path], Any]

FAILED = pytest.fail.Exception
NOBODY_REFUSED = (FAILED, "DID NOT RAISE DecisionRefused")


def with_store(test: Callable[[SqliteStore], Any]) -> Test:
    """A test that is given a store in a file."""

    def run(folder: Path) -> None:
        with SqliteStore(folder / "runs.db") as store:
            test(store)

    return run


def with_path(test: Test) -> Test:
    """A test that is given the path of a store."""
    return lambda folder: test(folder / "runs.db")


def with_patch(test: Callable[[Path, pytest.MonkeyPatch], Any]) -> Test:
    """A test that patches more."""

    def run(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            test(folder, patch)

    return run


CAUGHT: dict[str, tuple[Test, type[BaseException], str]] = {
    "digest at dispatch": (
        lambda folder: decisions.test_arguments_that_changed_after_the_approval_do_not_run(folder, "r"),
        AssertionError,
        "'pay_back.*18'. == ..",
    ),
    "digest of the decision": (decisions.test_a_decision_about_something_else_is_refused, *NOBODY_REFUSED),
    "fence": (effects.test_a_writer_that_lost_its_lease_commits_nothing, AssertionError, "kind='result'"),
    "compare-and-set of requests": (
        lambda folder: decisions.test_nothing_is_decided_twice(folder, "deny"),
        *NOBODY_REFUSED,
    ),
    "recorded results": (
        lambda folder: effects.test_a_settled_result_goes_on(folder, "raises"),
        AssertionError,
        "'parked', None, 0. == .'ended', 'receipt 5', 2",
    ),
    "stable keys": (
        effects.test_settled_as_not_done_is_called_again_with_the_same_key,
        AssertionError,
        "assert 2 == 1",
    ),
    "bound before the call": (
        budgets.test_a_call_whose_bound_does_not_fit_is_not_sent,
        AssertionError,
        "'Write about 0.'. == ..",
    ),
    "reservation": (
        budgets.test_a_reservation_that_a_crash_left_open_is_charged_whole,
        AssertionError,
        "'running', 0, 0. == .'running', 1034, 1",
    ),
    "a wait looks again": (
        decisions.test_a_decision_that_comes_while_the_run_is_about_to_wait_is_not_slept_over,
        RecursionError,
        "Recursion limit",
    ),
    "cancelled is over": (
        lambda folder: graph.test_a_cancelled_run_is_not_moved_through_the_graph(folder, "nothing"),
        JournalBroken,
        "its status is None, and by its journal 'cancelled'",
    ),
    "one driver": (
        decisions.test_a_resume_beside_a_driver_is_busy_and_names_it,
        FAILED,
        "DID NOT RAISE RunBusy",
    ),
    "role": (decisions.test_only_the_role_may_decide, *NOBODY_REFUSED),
    "starter": (decisions.test_the_starter_may_not_approve, *NOBODY_REFUSED),
    "edits are exempt from nothing": (
        edits.test_nothing_exempts_an_edited_call,
        AssertionError,
        "nobody was asked about the edited call",
    ),
    "rules see the edited call": (
        lambda folder: edits.test_an_edit_that_a_policy_refuses_goes_its_way(folder, edits.reasonable, "before"),
        AssertionError,
        "None, None. == .'no', 'viola",
    ),
    "conditions of an edited call": (edits.test_an_edit_that_would_not_come_this_way_is_refused, *NOBODY_REFUSED),
    "another person": (edits.test_the_editor_may_not_decide, *NOBODY_REFUSED),
    "a yes before an edit": (
        edits.test_a_proposed_call_passes_all_its_gates_again,
        AssertionError,
        "'manager', 41. == .'lead', 41",
    ),
    "edited as approved": (edits.test_what_was_approved_as_edited_is_what_runs, AssertionError, "5000'. == .."),
    "edited calls of low stakes": (
        edits.test_a_call_of_low_stakes_runs_as_it_was_edited_too,
        AssertionError,
        "2000'. == ..",
    ),
    "no result of another call": (
        edits.test_a_retry_of_an_act_takes_no_result_for_an_edited_call,
        AssertionError,
        "was called with other arguments before they were edited",
    ),
    "what a retry inherits": (
        effects.test_a_retry_of_an_end_that_was_not_met_does_not_pay_again,
        AssertionError,
        "'charge.*a', 'charge.*a'. == .'charge",
    ),
    "a retry asks the model": (
        effects.test_a_retry_asks_the_model_again,
        AssertionError,
        "'failed', 0, 2. == .'success', 3, 3",
    ),
    "deadline before the dispatch": (
        with_path(leases.test_a_lease_that_nobody_renews_refuses_dispatch),
        FAILED,
        "DID NOT RAISE LeaseLost",
    ),
    "proof of death": (
        with_path(leases.test_only_a_proved_death_counts),
        AssertionError,
        "assert not True",
    ),
    "death is seen": (
        with_path(leases.test_a_killed_process_is_taken_over_at_once),
        RunBusy,
        "is driven by .* for 1. s more",
    ),
    "a start by another clock": (
        with_path(leases.test_only_a_proved_death_counts),
        AssertionError,
        "its start was told by another clock",
    ),
    "expiry of foreign leases": (
        with_path(leases.test_another_hosts_lease_runs_out_by_its_wall_clock),
        RunBusy,
        "is driven by ann@box pid 1, for 0 s more",
    ),
    "monotonic clock": (
        with_path(with_patch(leases.test_a_wall_clock_that_jumps_frees_nothing_on_this_host)),
        FAILED,
        "DID NOT RAISE RunBusy",
    ),
    "heartbeat": (with_path(leases.test_the_heartbeat_outlasts_user_code), LeaseLost, "its lease ran out"),
    "fence of the heartbeat": (
        with_path(leases.test_the_heartbeat_hears_of_a_takeover),
        AssertionError,
        "False = eventually",
    ),
    "closing refuses new intents": (
        stopping.test_a_cancelled_worker_lets_its_runs_go_between_two_calls,
        AssertionError,
        "'after a'. == .'begun a', 'over a'",
    ),
    "let go between two calls": (
        stopping.test_a_cancelled_worker_lets_its_runs_go_between_two_calls,
        AssertionError,
        "assert not True",
    ),
    "no cancel in the middle of a call": (
        effects.test_a_cancel_in_the_middle_of_a_call_waits_for_the_call,
        FAILED,
        "DID NOT RAISE RunBusy",
    ),
    "no call is broken off": (
        with_store(hearing.test_an_effect_under_way_is_never_broken_off),
        LeaseLost,
        "does not drive it any more",
    ),
    "a caller that may live": (
        with_patch(forks.test_the_worlds_no_is_not_believed_while_the_parent_may_be_in_its_call),
        AssertionError,
        "'ended', .*== .'parked'",
    ),
    "business keys": (effects.test_a_business_key_is_used_once_in_a_store, AssertionError, "17'. == .'pay_back"),
    "breach": (
        budgets.test_a_provider_that_reports_more_than_it_was_allowed_ends_the_run,
        AssertionError,
        "5010. == .'failed', 5010",
    ),
    "join's order": (
        branches.test_writes_are_merged_in_the_order_of_the_heads_whatever_finishes_first,
        AssertionError,
        "'three', .* == .'one', 'two'",
    ),
    "drain before leave": (
        branches.test_a_sibling_in_a_slow_effect_finishes_it_before_the_region_is_left,
        AssertionError,
        "None, 'break.* == .'out', 'brea",
    ),
    "late decisions": (decisions.test_a_late_decision_is_refused_before_anybody_swept, *NOBODY_REFUSED),
    "quorum": (decisions.test_a_quorum_counts_people, AssertionError, "'approved' == 'twice'"),
    "revocation": (
        lambda folder: revocation.test_a_used_yes_that_is_taken_back_dispatches_nothing(folder, "once"),
        AssertionError,
        "'ran' == 'taken back'",
    ),
    "revocation against a dispatch": (
        lambda folder: revocation.test_what_was_dispatched_is_not_taken_back(folder, "once"),
        FAILED,
        "DID NOT RAISE DecisionRefused",
    ),
    "a yes that is taken back while it is used": (
        revocation.test_a_yes_that_is_taken_back_while_it_is_used_is_not_used,
        AssertionError,
        "'ran' == 'said no'",
    ),
    "a call that goes on": (
        lambda folder: overruns.test_no_not_done_is_believed_while_it_runs(folder, None),
        AssertionError,
        "assert None is not None",
    ),
    "the late end of a call": (
        overruns.test_what_it_returns_in_the_end_is_its_result,
        AssertionError,
        "it did not come to it",
    ),
    "chain": (lambda folder: not_refused(folder, "a body"), AssertionError, "'another' == 'refused'"),
    "a run's row": (
        lambda folder: not_refused(folder, "a cancelled run that waits by its row"),
        AssertionError,
        "'another' == 'refused'",
    ),
    "a request's row": (
        lambda folder: not_refused(folder, "a request about something else"),
        AssertionError,
        "'another' == 'refused'",
    ),
    "a shared commit is waited for": (
        lambda folder: asyncio.run(sharing.test_nothing_follows_from_a_step_that_is_not_committed(folder / "runs.db")),
        StoreError,
        "refused an event",
    ),
}
"""By protection, the promise that is broken without it, and how that shows."""

KILLED = {
    "recorded results": ("loop", "after result"),
    "recorded answers": ("agent", "after result"),
    "unknown is not guessed": ("loop", "before result"),
    "stable keys": ("loop", "after intent"),
}
"""By protection, the scenario and the kill that shows it missing; see test_kills.py."""


STOPPED = {
    "fence": ("loop", "begin step", "it committed .'step'|its verdict is 'success', and by its journal None"),
    "deadline before the dispatch": ("loop", "unchecked send", "it dispatched"),
}
"""By protection, the scenario, the point at which a process is stopped, and what it then does; see test_stops.py."""

RACED = {"compare-and-set of requests": ("edit", "won")}
"""By protection, the race that shows it missing; see test_races.py."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of a test that broke off
@pytest.mark.parametrize("protection", CAUGHT)
def test_a_promise_is_missed_without_its_protection(tmp_path, monkeypatch, protection):
    """With the protection taken out, the promise's own test fails."""
    with monkeypatch.context() as patch:
        mutants.apply(protection, patch.setattr, patch.setitem)
        test, kind, shows = CAUGHT[protection]
        with pytest.raises(kind, match=f"(?s){shows}"):
            test(tmp_path)


@pytest.mark.parametrize("protection", KILLED)
def test_a_kill_shows_a_protection_missing(forge: Forge, tmp_path, protection):
    """With the protection taken out, kills at the boundary where it acts leave a run that differs from the calm one."""
    scenario, boundary = KILLED[protection]
    calm = undisturbed(forge, scenario, tmp_path)
    bad: list[Any] = []
    for kill, label in enumerate(calm.boundaries, 1):
        if label == boundary:
            folder = str(tmp_path / str(kill))
            assert forge.drive(Job(scenario, folder, kill, breaks=protection)).signal == signal.SIGKILL
            bad.append(differences(forge.drive(Job(scenario, folder, breaks=protection)).run, calm.run, label))
    assert bad
    assert any(bad), f"without {protection!r} nothing differs"


@pytest.mark.parametrize("protection", STOPPED)
def test_a_stop_shows_a_protection_missing(forge: Forge, tmp_path, protection):
    """With the protection taken out, a process that was stopped commits or dispatches when it wakes."""
    scenario, point, shows = STOPPED[protection]
    calm = undisturbed(forge, scenario, tmp_path)
    number = next(number for number, label in points_of(forge, scenario, tmp_path) if label == point)
    job = Job(scenario, str(tmp_path / "stopped"), stop=number, points=True, breaks=protection)
    try:
        at, wrong = taken_over(forge, job, calm, point)
    except AssertionError as error:  # what it committed contradicts what the other one did, and a child was told
        at, wrong = point, [str(error)]
    assert at == point
    assert any(re.search(shows, what) for what in wrong), f"without {protection!r} nothing shows: {wrong}"


@pytest.mark.parametrize("protection", RACED)
def test_a_race_shows_a_protection_missing(forge: Forge, tmp_path, protection):
    """With the protection taken out, six processes at one run leave more than one winner."""
    style, shows = RACED[protection]
    scenario, wrong = RACES[style]
    rounds = raced(forge, tmp_path, style, scenario, 6, breaks=protection)
    found = [what for told in rounds if (what := wrong(told)) is not None]
    assert any(re.search(shows, what) for what in found), f"without {protection!r} nothing shows: {found}"


def test_every_protection_has_a_test():
    """No protection on the list is left without a test that misses it."""
    assert set(CAUGHT) | set(KILLED) | set(LOST) == set(mutants.MUTANTS)
