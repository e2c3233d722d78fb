"""The commands on runs: what they do, what they print for people and for machines, and how they exit."""

from __future__ import annotations

import json
import time

import pytest

from guideway.cli.options import user

from .conftest import REFUND

ORDER_18 = '{"message": "Order 18 arrived broken, please refund."}'


def payments(here) -> list[str]:
    """What the bank's ledger says was paid, order by order."""
    ledger = here / "ledger.jsonl"
    return [json.loads(line)["order"] for line in ledger.read_text().splitlines()] if ledger.exists() else []


def test_a_refund_from_the_first_word_to_the_last(guideway, here):
    """run waits with 3, approve says yes to what was shown, resume pays once and ends with 0."""
    started = guideway("run", "desks:app", REFUND, "--by", "web", "--run-id", "r", "--tag", "first")
    assert started.status == 3
    assert "run r is waiting" in started.out
    assert "approve" in started.out
    assert "r.1" in started.out
    approved = guideway("approve", "desks:app", "r.1", "--note", "seen", given="y\n")
    assert approved.status == 0
    assert 'pay_back(order={"id": "17", "total": 42.5})' in approved.out
    assert "approve as " in approved.out
    assert payments(here) == []
    resumed = guideway("resume", "desks:app", "r")
    assert resumed.status == 0
    assert "run r ended: success at answered" in resumed.out
    assert payments(here) == ["17"]
    again = guideway("resume", "desks:app", "r")
    assert again.status == 0
    assert payments(here) == ["17"]


def test_the_approver_is_the_user_of_the_operating_system(guideway, waiting, monkeypatch):
    """No option names another approver, and the environment's word is not believed."""
    monkeypatch.setenv("USER", "mallory")
    monkeypatch.setenv("LOGNAME", "mallory")
    assert guideway("approve", "desks:app", waiting, "--yes", "--by", "ann").status == 2
    assert guideway("approve", "desks:app", waiting, "--yes", "--json").data == {
        "request": "r.1", "run": "r", "status": "approved", "by": user(),
    }  # fmt: skip
    decided = [event for event in guideway("log", "r", "--json").data if event["kind"] == "decided"]
    assert [event["body"]["by"] for event in decided] == [user()]
    assert user() != "mallory"


def test_who_started_a_run_may_not_approve_it(guideway):
    """Without --by the starter is the user, who then may not decide."""
    assert guideway("run", "desks:app", REFUND, "--run-id", "r").status == 3
    said = guideway("approve", "desks:app", "r.1", "--yes")
    assert said.status == 1
    assert "whoever started the run is barred" in said.err


@pytest.mark.parametrize("reply", ["", "\n", "n\n", "nope\n", "yes please\n"])
def test_only_a_plain_yes_is_a_yes(guideway, waiting, reply):
    """No answer, an empty one, or anything but y and yes leaves the request open."""
    assert guideway("approve", "desks:app", waiting, given=reply).status == 1
    assert [item["status"] for item in guideway("inbox", "--json").data] == ["open"]


def test_a_denied_refund_pays_nobody(guideway, waiting, here):
    """deny sends the run the gate's way, and the reply tells the customer."""
    assert guideway("deny", "desks:app", waiting, "--yes", "--note", "no photo").status == 0
    assert guideway("resume", "desks:app", "r").status == 0
    assert payments(here) == []
    assert "denied by" in guideway("log", "r").out


def test_a_digest_that_was_seen_elsewhere_is_held_to(guideway, waiting):
    """--digest lets a decision pass only for the request that bears it."""
    digest = guideway("inbox", "--json").data[0]["digest"]
    assert guideway("approve", "desks:app", waiting, "--yes", "--digest", "f" * 12).status == 1
    assert guideway("approve", "desks:app", waiting, "--yes", "--digest", digest[:12]).status == 0


def test_input_comes_from_a_file_or_from_the_input(guideway, here):
    """INPUT is JSON, @file or -."""
    (here / "in.json").write_text(REFUND)
    assert guideway("run", "desks:app", "@in.json", "--by", "web").status == 3
    assert guideway("run", "desks:app", "-", "--by", "web", given=ORDER_18).status == 3
    asked = guideway("inbox", "--json").data
    assert [item["call"]["arguments"]["order"]["id"] for item in asked] == ["17", "18"]


def test_a_run_for_machines(guideway):
    """run --json prints one object with the state and what the run waits for."""
    run = guideway("run", "desks:app", REFUND, "--run-id", "r", "--by", "web", "--tag", "a", "--json").data
    assert (run["id"], run["flow"], run["status"], run["verdict"], run["tags"]) == (
        "r", "refund-desk", "waiting", None, ["a"],
    )  # fmt: skip
    assert run["state"]["order"] == {"id": "17", "total": 42.5}
    assert run["spent"]["steps"] == 2
    (request,) = run["waiting"]
    assert request["call"]["tool"] == "pay_back"
    assert len(request["digest"]) == 64


def test_runs_are_listed_by_status_tag_flow_and_page(guideway):
    """runs shows the newest first, filtered, and a page at a time."""
    for name in ("a", "b", "c"):
        guideway("run", "desks:app", REFUND, "--run-id", name, "--by", "web", "--tag", name)
    guideway("run", "desks:asker", "{}", "--run-id", "d")
    guideway("cancel", "a")

    def ids(*options: str) -> list[str]:
        return [run["id"] for run in guideway("runs", "--json", *options).data]

    assert ids() == ["d", "c", "b", "a"]
    assert ids("--status", "cancelled") == ["a"]
    assert ids("--tag", "b") == ["b"]
    assert ids("--flow", "asking") == ["d"]
    assert ids("--limit", "2") == ["d", "c"]
    assert ids("--limit", "2", "--after", "c") == ["b", "a"]
    assert guideway("runs").out.splitlines()[0].split() == ["run", "flow", "status", "verdict", "by", "updated"]
    assert "--after c" in guideway("runs", "--limit", "2").out


def test_show_tells_state_spending_and_requests(guideway, waiting):
    """show reads the store alone: what replaces is told as it stands, what merges as what was merged in."""
    said = guideway("show", waiting.partition(".")[0])
    assert said.status == 0
    for line in ('order_id: "17"', "2 steps, 2 calls", "lead must decide before pay_back runs", "started by web"):
        assert line in said.out
    guideway("run", "desks:asker", '{"text": "hi"}', "--run-id", "m")
    shown = guideway("show", "m", "--json").data
    assert shown["state"] == {"text": "hi", "mood": None}
    assert shown["merged"] == {"notes": [[], ["hi"]]}
    assert shown["spent"]["steps"] == 1


def test_an_app_in_front_names_the_store(guideway, waiting):
    """show, log, cancel, runs and inbox take an App, and read its store."""
    assert guideway("show", "desks:app", "r").status == 0
    assert guideway("log", "desks:app", "r").status == 0
    assert guideway("runs", "desks:app", "--json").data[0]["id"] == "r"
    assert guideway("inbox", "desks:app", "--json").data[0]["id"] == waiting
    assert guideway("cancel", "desks:app", "r").status == 0


def test_a_form_is_answered_with_json(guideway):
    """answer validates the form before anything is recorded."""
    guideway("run", "desks:asker", "{}", "--run-id", "m")
    assert guideway("answer", "desks:asker", "m.1", "fine").status == 2
    wrong = guideway("answer", "desks:asker", "m.1", '{"mood": 3}')
    assert wrong.status == 1
    assert "mood" in wrong.err
    assert guideway("answer", "desks:asker", "m.1", '{"mood": "fine"}').status == 0
    assert guideway("resume", "desks:asker", "m", "--json").data["state"]["mood"] == "fine"


def test_a_text_is_answered_as_it_is(guideway, here):
    """Where a str is asked for, VALUE is the text; @file and - are read, and what they hold is not read again."""
    (here / "secret").write_text("secret")
    for number, (value, given, text) in enumerate([("3", "", "3"), ("-", "@secret\n", "@secret")]):
        guideway("run", "desks:wonderer", "{}", "--run-id", f"w{number}")
        assert guideway("answer", "desks:wonderer", f"w{number}.1", value, given=given).status == 0
        assert guideway("resume", "desks:wonderer", f"w{number}", "--json").data["state"]["mood"] == text


@pytest.mark.parametrize(
    ("option", "status", "notes"),
    [(["--result", '["sent"]'], 0, ["sent"]), (["--give-up"], 1, []), (["--not-done"], 3, [])],
)
def test_an_unknown_effect_parks_until_it_is_settled(guideway, option, status, notes):
    """A parked run waits with 3; settle says what became of the call, and resume goes on from that."""
    parked = guideway("run", "desks:sender", '{"text": "x"}', "--run-id", "p")
    assert parked.status == 3
    assert "settle" in parked.out
    assert 'send(text="x")' in guideway("show", "p").out
    assert guideway("settle", "desks:sender", "p", "--step", "7", *option).status == 1
    assert guideway("settle", "desks:sender", "p", "--step", "1", "--note", "asked", *option).status == 0
    resumed = guideway("resume", "desks:sender", "p", "--json")
    assert resumed.status == status
    assert resumed.data["state"]["notes"] == notes


def test_a_failed_run_exits_with_1_and_can_be_retried(guideway):
    """A run that ends failed exits with 1; retry drives a new attempt of the node that failed."""
    said = guideway("run", "desks:asker", '{"text": "break"}', "--run-id", "b")
    assert said.status == 1
    assert "ValueError: it broke" in said.out
    again = guideway("retry", "desks:asker", "b", "--note", "once more")
    assert again.status == 1
    assert "retried by" in guideway("log", "b").out


def test_cancel_needs_no_code(guideway, waiting):
    """cancel works on the store alone, withdraws the request, and cannot be done twice."""
    assert guideway("cancel", "r", "--note", "no need", "--json").data["status"] == "cancelled"
    assert guideway("inbox", "--json").data == []
    assert guideway("cancel", "r").status == 1
    assert guideway("resume", "desks:app", "r").status == 1


def test_what_has_run_out_is_not_asked_any_more(guideway):
    """inbox expires what is over without the flow's code, and the next worker takes the run on."""
    guideway("run", "desks:hurrier", "{}", "--run-id", "m")
    time.sleep(0.2)
    assert guideway("inbox", "--json").data == []
    assert "expired: nobody decided in time" in guideway("log", "m").out
    assert guideway("work", "desks:hurrier", "--once", "--json").data == {"driven": 1}
    assert guideway("show", "m", "--json").data["status"] == "ended"


def test_work_drives_what_was_decided(guideway, waiting, here):
    """work --once drives the decided run and leaves the waiting one."""
    guideway("run", "desks:app", ORDER_18, "--run-id", "s", "--by", "web")
    guideway("approve", "desks:app", waiting, "--yes")
    said = guideway("work", "desks:app", "--once")
    assert said.status == 0
    assert "1 driven" in said.out
    assert "pay_back" in said.out
    assert payments(here) == ["17"]
    assert {run["id"]: run["status"] for run in guideway("runs", "--json").data} == {"r": "ended", "s": "waiting"}


def test_show_says_how_a_parked_run_is_settled(guideway):
    """Where one place is parked, show names the whole command that settles it, as the inbox does."""
    assert guideway("run", "desks:sender", "--run-id", "p").status == 3
    shown = " ".join(guideway("show", "p").out.split())
    assert "settle guideway settle APP p --result JSON | --not-done | --give-up" in shown


def test_verify_finds_a_changed_event(guideway, waiting, here):
    """verify holds the chain against the events, and names the first that was changed."""
    import sqlite3

    assert guideway("verify", "r", "--json").data["ok"] is True
    connection = sqlite3.connect(here / "guideway.db")
    connection.execute("update events set body = replace(body, '42.5', '4.25') where kind = 'step'")
    connection.commit()
    connection.close()
    said = guideway("verify", "r")
    assert said.status == 1
    assert "was changed or is missing" in said.out


def test_check_tells_findings_and_proofs(guideway):
    """check prints the report, or gives it to a machine; --strict counts warnings."""
    said = guideway("check", "desks:refund_desk")
    assert said.status == 0
    assert "refund-desk" in said.out
    assert isinstance(guideway("check", "desks:refund_desk", "--json").data, dict)
    assert guideway("check", "desks:sending").status == 0
    assert guideway("check", "desks:sending", "--strict").status == 1


@pytest.mark.parametrize("suffix", ["svg", "png", "dot", "mmd", "txt"])
def test_draw_writes_a_picture(guideway, here, suffix):
    """draw writes by suffix, and tells a machine where and how much."""
    drawn = guideway("draw", "desks:refund_desk", f"x.{suffix}", "--json").data
    assert drawn["path"] == str(here / f"x.{suffix}")
    assert drawn["bytes"] == (here / f"x.{suffix}").stat().st_size > 100


def test_draw_has_a_name_of_its_own_and_an_output(guideway, here):
    """Without a path the flow's name is the file's; - writes the picture to the output."""
    assert guideway("draw", "desks:refund_desk").status == 0
    assert (here / "refund-desk.svg").exists()
    assert "flowchart" in guideway("draw", "desks:refund_desk", "-", "--format", "mmd").out
    assert guideway("draw", "desks:refund_desk", "-", "--json").status == 2


def test_the_store_is_named_by_the_environment(guideway, monkeypatch, here):
    """GUIDEWAY_STORE stands for --store."""
    monkeypatch.setenv("GUIDEWAY_STORE", str(here / "env.db"))
    guideway("run", "desks:app", REFUND, "--run-id", "r", "--by", "web")
    assert (here / "env.db").exists()
    monkeypatch.delenv("GUIDEWAY_STORE")
    assert guideway("runs", "--store", "env.db", "--json").data[0]["id"] == "r"


@pytest.mark.parametrize(("app", "given"), [("nester", "{}"), ("crowder", '{"guests": ["Ann"]}')])
def test_a_form_asked_inside_is_answered_in_json(guideway, app, given):
    """In a subflow's flow and in an item's the answer is read as the form's JSON, as it is in the run's own."""
    assert guideway("run", f"desks:{app}", given, "--run-id", "r").status == 3
    (asked,) = guideway("inbox", "--json").data
    assert "the answer is not JSON" in guideway("answer", f"desks:{app}", asked["id"], "fine").err
    said = guideway("answer", f"desks:{app}", asked["id"], '{"mood": "fine"}')
    assert said.status == 0, said.err
    assert guideway("resume", f"desks:{app}", "r").status == 0
