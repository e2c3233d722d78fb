"""approve --edit: a person changes what will run, and another one must say yes to it."""

from __future__ import annotations

import pytest

from guideway.cli.options import user

ORDER = 'order={"id": "17", "total": 40}'
BEFORE = 'order = {"id": "17", "total": 42.5} -> {"id": "17", "total": 40.0}'


def test_an_edit_shows_before_and_after_and_asks(guideway, waiting):
    """What is changed is shown as it was and as it would run; without a yes nothing is recorded."""
    for given, status in (("n\n", 1), ("", 1), ("y\n", 0)):
        said = guideway("approve", "desks:app", waiting, "--edit", ORDER, "--note", "less", given=given)
        assert said.status == status
        assert BEFORE in " ".join(said.out.split())
        assert f"edit as {user()}? [y/N]" in said.out
    assert "r.1 is edited by" in said.out
    assert "another person is asked about it next: guideway resume" in said.out
    assert guideway("resume", "desks:app", "r").status == 3


def test_the_edited_call_needs_another_user(guideway, waiting, monkeypatch):
    """The editor is refused; another user sees who changed what, says yes, and the edited call runs."""
    edited = guideway("approve", "desks:app", waiting, "--edit", ORDER, "--note", "less", "--yes", "--json")
    assert edited.data == {"request": "r.1", "run": "r", "status": "edited", "by": user()}
    guideway("resume", "desks:app", "r")
    own = guideway("approve", "desks:app", "r.2", "--yes")
    assert own.status == 1
    assert "another person must say yes" in own.err
    editor = user()
    monkeypatch.setattr("guideway.cli.deciding.user", lambda: "somebody else")
    said = guideway("approve", "desks:app", "r.2", given="y\n")
    assert said.status == 0
    shown = " ".join(said.out.split())
    assert 'pay_back(order={"id": "17", "total": 40.0})' in shown
    assert f"edited by {editor}: {BEFORE} (less)" in shown
    assert guideway("resume", "desks:app", "r").status == 0
    log = " ".join(guideway("log", "r").out.split())
    assert f"edited by {editor}" in log
    assert 'changed order: {"id": "17", "total": 42.5} -> {"id": "17", "total": 40.0}' in log
    assert f"lead: the arguments were changed by {editor}" in log


@pytest.mark.parametrize(
    ("edits", "status", "told"),
    [
        (["order"], 2, "write NAME=JSON"),
        (["=5"], 2, "write NAME=JSON"),
        (["order=x"], 2, "--edit order is not JSON"),
        (['order={"id": "1"}', "order=2"], 2, "--edit names 'order' twice"),
        (["total=5"], 1, "has no argument 'total' to change; there are: order"),
        (["order=5"], 1, "does not fit 'pay_back'"),
        (['order={"id": "17", "total": 42.5}'], 1, "nothing changed"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_before_anybody_is_asked(guideway, waiting, edits, status, told):
    """What is no edit is wrong usage; what does not fit the call is refused; the request stays open."""
    options = [word for edit in edits for word in ("--edit", edit)]
    said = guideway("approve", "desks:app", waiting, *options)
    assert said.status == status
    assert told in " ".join(said.err.split())
    assert "[y/N]" not in said.out
    assert [request["id"] for request in guideway("inbox", "desks:app", "--json").data] == [waiting]


def test_a_no_takes_no_edit(guideway, waiting):
    """deny has no such option."""
    assert guideway("deny", "desks:app", waiting, "--edit", ORDER, "--yes").status == 2
