"""Each protection is taken out, and the test that stands for it must fail: a test that cannot fail proves nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guideway.errors import GuidewayError
from tests.runs import test_promises_budgets as budgets
from tests.runs import test_promises_decisions as decisions
from tests.runs import test_promises_edits as edits
from tests.runs import test_promises_effects as effects
from tests.runs import test_promises_graph as graph
from tests.runs import test_sharing as sharing
from tests.torture import mutants
from tests.torture.forge import Forge, Job
from tests.torture.test_kills import differences, undisturbed

CAUGHT: dict[str, Callable[[Path], Any]] = {
    "digest at dispatch": lambda folder: decisions.test_arguments_that_changed_after_the_approval_do_not_run(
        folder, "r"
    ),
    "digest of the decision": decisions.test_a_decision_about_something_else_is_refused,
    "fence": effects.test_a_writer_that_lost_its_lease_commits_nothing,
    "compare-and-set of requests": lambda folder: decisions.test_nothing_is_decided_twice(folder, "deny"),
    "recorded results": lambda folder: effects.test_a_settled_result_goes_on(folder, "raises"),
    "stable keys": effects.test_settled_as_not_done_is_called_again_with_the_same_key,
    "bound before the call": budgets.test_a_call_whose_bound_does_not_fit_is_not_sent,
    "reservation": budgets.test_a_reservation_that_a_crash_left_open_is_charged_whole,
    "a wait looks again": decisions.test_a_decision_that_comes_while_the_run_is_about_to_wait_is_not_slept_over,
    "a shared commit is waited for": lambda folder: asyncio.run(
        sharing.test_nothing_follows_from_a_step_that_is_not_committed(folder / "runs.db")
    ),
    "cancelled is over": lambda folder: graph.test_a_cancelled_run_is_not_moved_through_the_graph(folder, "nothing"),
    "one driver": decisions.test_a_resume_beside_a_driver_is_busy_and_names_it,
    "role": decisions.test_only_the_role_may_decide,
    "starter": decisions.test_the_starter_may_not_approve,
    "edits are exempt from nothing": edits.test_nothing_exempts_an_edited_call,
    "rules see the edited call": lambda folder: edits.test_an_edit_that_a_policy_refuses_goes_its_way(
        folder, edits.reasonable, "before"
    ),
    "conditions of an edited call": edits.test_an_edit_that_would_not_come_this_way_is_refused,
    "another person": edits.test_the_editor_may_not_decide,
    "a yes before an edit": edits.test_a_proposed_call_passes_all_its_gates_again,
    "edited as approved": edits.test_what_was_approved_as_edited_is_what_runs,
    "edited calls of low stakes": edits.test_a_call_of_low_stakes_runs_as_it_was_edited_too,
    "no result of another call": edits.test_a_retry_of_an_act_takes_no_result_for_an_edited_call,
    "what a retry inherits": effects.test_a_retry_of_an_end_that_was_not_met_does_not_pay_again,
    "a retry asks the model": effects.test_a_retry_asks_the_model_again,
}
"""By protection, the promise that is broken without it."""

KILLED = {
    "recorded results": ("loop", "after result"),
    "recorded answers": ("agent", "after result"),
    "unknown is not guessed": ("loop", "before result"),
    "stable keys": ("loop", "after intent"),
}
"""By protection, the scenario and the kill that shows it missing; see test_kills.py."""


@pytest.mark.parametrize("protection", CAUGHT)
def test_a_promise_is_missed_without_its_protection(tmp_path, monkeypatch, protection):
    """With the protection taken out, the promise's own test fails."""
    with monkeypatch.context() as patch:
        mutants.apply(protection, patch.setattr, patch.setitem)
        with pytest.raises((AssertionError, pytest.fail.Exception, GuidewayError, RecursionError), match="(?s).*"):
            CAUGHT[protection](tmp_path)


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


def test_every_protection_has_a_test():
    """No protection on the list is left without a test that misses it."""
    assert set(CAUGHT) | set(KILLED) == set(mutants.MUTANTS)
