"""fork: a new run where another one stood after a step."""

from __future__ import annotations

import json

import pytest


def test_a_fork_begins_behind_a_step_with_what_is_changed(guideway, waiting):
    """fork drives a new run from behind the step, with the fields given, and asks anew; the other run stays."""
    update = json.dumps({"message": "Order 18 arrived broken, please refund."})
    said = guideway("fork", "desks:app", "r", "--at", "0", "--by", "ann", "--update", update, "--run-id", "f")
    assert said.status == 3, said.err
    assert "run f is waiting" in said.out
    assert "guideway approve" in said.out
    shown = guideway("show", "f", "--json").data
    assert (shown["by"], shown["forked"]) == ("ann", {"run": "r", "at": 0})
    assert "18" in shown["state"]["message"]
    assert [item["id"] for item in shown["waiting"]] == ["f.1"]
    assert guideway("show", "r", "--json").data["status"] == "waiting"
    assert "forked" in guideway("show", "f").out


def test_who_forks_is_the_user_where_nobody_is_named(guideway, waiting):
    """Without --by it is the operating system's user, who then may not approve it; the id is a new one."""
    from guideway.cli.options import user

    made = guideway("fork", "desks:app", "r", "--at", "1", "--json")
    assert made.status == 3
    assert (made.data["by"], made.data["forked"]) == (user(), {"run": "r", "at": 1})
    refused = guideway("approve", "desks:app", made.data["waiting"][0]["id"], "--yes")
    assert refused.status == 1
    assert "may not decide it" in refused.err


@pytest.mark.parametrize(
    ("words", "status", "cause"),
    [
        (("--at", "99"), 1, "run 'r' cannot be forked at=99: it has 2 steps so far"),
        ((), 2, "--at"),
        (("--at", "-1"), 2, "--at"),
        (("--at", "0", "--update", "[1]"), 2, "--update must be a JSON object of the state's fields"),
        (("--at", "0", "--update", "{"), 2, "--update is not JSON"),
        (("--at", "0", "--update", '{"mesage": "x"}'), 1, "mesage"),
        (("--at", "0", "--run-id", "r"), 1, "'r'"),
    ],
)
def test_what_cannot_be_forked_is_told(guideway, waiting, words, status, cause):
    """A step that there is not, a missing --at, and fields that do not fit are one message, and make no run."""
    said = guideway("fork", "desks:app", "r", *words)
    assert said.status == status
    assert cause in said.err
    assert [run["id"] for run in guideway("runs", "--json").data] == ["r"]
