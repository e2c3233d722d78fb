"""What the commands say of runs that stand at many places: branches, items, flows inside."""

from __future__ import annotations

import json

import pytest

from guideway.cli.crowds import FEW, SHOWN


def rows(count: int) -> str:
    """An input of so many rows."""
    return json.dumps({"rows": list(range(count))})


def in_order(out: str, *lines: str) -> None:
    """Holds that lines come one after the other."""
    place = 0
    for line in lines:
        assert line in out[place:], (line, out)
        place = out.index(line, place) + len(line)


def entry(out: str, head: str) -> list[str]:
    """The lines of the one entry of a log that has this in its head."""
    lines = out.splitlines()
    (start,) = [number for number, line in enumerate(lines) if head in line]
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith("     ")), len(lines))
    return [line.strip() for line in lines[start:end]]


@pytest.fixture
def ran(guideway):
    """Starts a run of a flow, by its name."""
    return lambda flow, given="{}": guideway("run", f"wides:{flow}", given, "--run-id", "r", "--by", "web")


def test_each_step_says_in_which_branch_it_was(ran, guideway):
    """In words and by its path; branches within branches too, and the join of both."""
    said = ran("trip")
    assert said.status == 3
    out = guideway("log", "r").out
    assert "in         branch book_flight (1b0)" in entry(out, "  pack  ok")
    assert "in         branch look_out, branch book_car (1b2.1b0)" in entry(out, "  book_car  ok")
    assert "in         branch look_out (1b2)" in entry(out, "all_of(book_car, look_again) joins")
    assert "in         branch book_hotel (1b1)" in entry(out, "asked of lead")
    assert not any(line.startswith("in ") for line in entry(out, "  plan  ok"))
    assert "book_flight  ok" in said.out
    assert "branch book_flight (1b0)" in said.out


def test_calls_of_parallel_branches_do_not_mix(ran, guideway):
    """A step tells its own call's key and tokens, whatever its siblings did meanwhile."""
    ran("trip")
    out = guideway("log", "r").out
    keys = {
        node: [line for line in entry(out, f"  {node}  ok") if line.startswith("once")]
        for node in ("book_flight", "book_car", "pack")
    }
    assert [len(found) for found in keys.values()] == [1, 1, 0]
    assert "book_flight, key" in keys["book_flight"][0]
    assert "book_car, key" in keys["book_car"][0]
    events = guideway("log", "r", "--json").data
    used = {event["body"]["tool"]: event["body"]["key"] for event in events if event["body"].get("kind") == "tool"}
    assert keys["book_flight"][0].endswith(used["book_flight"])
    assert keys["book_car"][0].endswith(used["book_car"])
    assert "tokens" in entry(out, "  look_out  ok")[0]
    assert "tokens" not in entry(out, "  book_car  ok")[0]


def test_a_parked_branch_tells_its_own_open_call(ran, guideway):
    """Of two items that park each tells the call that nobody knows about, and not the other's."""
    ran("ships", '{"rows": [3, 1, 13]}')
    out = guideway("log", "r").out
    parked = [part for part in out.split("  -  ") if part.startswith("parked")]
    assert ["ship(row=3)" in part for part in parked] == [True, False]
    assert ["ship(row=13)" in part for part in parked] == [False, True]


def test_show_tells_where_a_run_stands_at_many_places(ran, guideway):
    """How far all has come, and each place with what it waits for."""
    ran("left")
    out = guideway("show", "r").out
    in_order(
        out,
        "stands at  2 places, 1 step done",
        "inside     all_of(book_hotel, waits) (1b): 0 of 2 branches over, 2 wait for",
        "place      the gate before book_hotel, branch book_hotel (1b0), waits for people",
        "place      waits, branch waits (1b1), waits for people",
    )
    data = guideway("show", "r", "--json").data
    assert [(place["branch"], place["is"]) for place in data["places"]] == [("1b0", "waiting"), ("1b1", "waiting")]
    assert [(one["path"], one["total"], one["waiting"]) for one in data["progress"]] == [("1b", 2, 2)]


def test_show_has_the_state_of_the_run_and_not_of_what_is_inside(ran, guideway):
    """What branches and flows inside wrote is in it once they are over, as run.state has it."""
    ran("departments", '{"text": "money"}')
    data = guideway("show", "r", "--json").data
    assert data["state"] == {"text": "money", "answer": None, "tries": 1}
    assert data["merged"] == {"log": [[], ["noted money 0"]]}


def test_requests_say_which_item_they_are_about(ran, guideway):
    """In what run prints, in the inbox, in show and when one decides."""
    said = ran("items")
    assert "lead is asked, item 1 of pays (5i1): May pay_one run?  about 50" in said.out
    assert "pays (5i): 0 of 3 items over, 3 wait for people" in said.out
    for command in (("inbox",), ("show", "r")):
        in_order(
            guideway(*command).out, "item 0 of pays (5i0)", "item       5\n", "item 2 of pays (5i2)", "item       500"
        )
    decided = guideway("approve", "wides:items", "r.5i1.1", "--yes")
    in_order(decided.out, "item 1 of pays (5i1)", "item       50", "r.5i1.1 is approved")
    assert [(item["branch"], item["item"]) for item in guideway("inbox", "--json").data] == [("5i0", 0), ("5i2", 2)]
    assert "in         item 1 of pays (5i1)" in entry(guideway("log", "r").out, "approved by")


def test_items_are_told_in_one_line_each(ran, guideway):
    """With what came of them; --all adds the calls inside."""
    ran("items")
    out = guideway("log", "r").out
    assert len(entry(out, "item 0 of posts (1i0)  ok")) == 1
    assert 'gave "post of a in round 0"' in entry(out, "item 0 of posts (1i0)  ok")[0]
    assert "declined: Declined: no stamp" in entry(out, "item 2 of posts (1i2)  failed")[0]
    whole = entry(guideway("log", "r", "--all").out, "item 0 of posts (1i0)  ok")
    assert 'call       post(letter="a", rounds=0)' in whole
    assert any(line.startswith("once ") for line in whole)
    assert "items      4, 1 of them failed" in out


def test_flows_inside_begin_and_end(ran, guideway):
    """With their names, and where they are."""
    ran("departments")
    out = guideway("log", "r").out
    assert "in         inside bills (1s)" in entry(out, "bills ended at not ours  escalated")
    assert "in         inside bills, inside inner (3s.2s)" in entry(out, "inner begins, flow technical")
    assert "in         inside bills, inside inner (3s.2s)" in entry(out, "  hand_on  ok")
    assert "stands at  the gate before refund_case, inside bills (3s)" in guideway("show", "r").out


def test_a_region_that_is_left_says_by_which_branch(ran, guideway):
    """The failure, who left by it, and where the run goes."""
    ran("left")
    guideway("answer", "wides:left", "r.1b1.1", '["go"]')
    guideway("resume", "wides:left", "r")
    told = entry(guideway("log", "r").out, "all_of(book_hotel, waits) is left, by a failure")
    assert "left by    branch waits (1b1)" in told
    assert "took       undo" in told


def test_many_items_do_not_fill_the_log(ran, guideway):
    """Those that failed are told, the rest is counted; --all and --json have everything."""
    said = ran("many", rows(300))
    assert len(said.out.splitlines()) < 25
    assert "squares (1i): 150 of 300 items over, 2 of them failed, 150 not begun" in said.out
    out = guideway("log", "r").out
    assert len(out.splitlines()) < 30
    for index in (7, 107, 207):
        assert f"item {index} of squares (1i{index})  failed" in out
    in_order(out, "items      300, 3 of them failed", "297 entries about items are not told one by one: --all")
    whole = guideway("log", "r", "--all").out
    assert whole.count(" of squares (1i") == 300
    assert "not told" not in whole
    assert len(guideway("log", "r", "--json").data) == 303


def test_of_many_that_fail_some_are_told(ran, guideway):
    """Of a hundred parked items the log, show and resume tell a few, and how many more there are."""
    given = json.dumps({"rows": [13] * 40})
    said = ran("ships", given)
    assert said.status == 3
    assert said.out.count("guideway settle") == SHOWN
    assert f"and {40 - SHOWN} more are parked" in said.out
    out = guideway("log", "r").out
    assert out.count("parked at ship") == SHOWN
    assert "ships (1i): 0 of 40 items over, 40 parked" in out
    shown = guideway("show", "r").out
    assert shown.count("settle     --step") == SHOWN
    assert f"and {40 - SHOWN} more: --all" in shown
    assert guideway("show", "r", "--all").out.count("settle     --step") == 40


def test_a_list_just_short_enough_is_told_whole(ran, guideway):
    """FEW items are told one by one; one more, and they are counted."""
    ran("many", rows(FEW))
    assert guideway("log", "r").out.count(" of squares (1i") == FEW
    guideway("run", "wides:many", rows(FEW + 1), "--run-id", "more")
    assert guideway("log", "more").out.count(" of squares (1i") == 1  # the one that failed


def test_many_requests_are_listed_page_by_page(ran, guideway):
    """The inbox shows twenty and the way on; --json has all where no limit is said."""
    said = ran("pays", rows(25))
    assert said.out.count("guideway approve") == SHOWN
    assert f"and {25 - SHOWN} requests more: guideway inbox" in said.out
    first = guideway("inbox").out
    assert first.count("request    r.") == 20
    assert "the next page: --after r.1i19.1" in first
    rest = guideway("inbox", "--after", "r.1i19.1").out
    assert rest.count("request    r.") == 5
    assert "the next page" not in rest
    assert len(guideway("inbox", "--json").data) == 25
    assert len(guideway("inbox", "--json", "--limit", "3").data) == 3
    log = guideway("log", "r").out
    in_order(log, "pays (1i): 0 of 25 items over, 25 wait for people", "people     25 asked")


def test_the_log_counts_what_people_said_about_many_items(ran, guideway):
    """How many were asked, approved and denied stands at the each."""
    ran("pays", rows(FEW + 1))
    guideway("approve", "wides:pays", "r.1i3.1", "--yes")
    guideway("deny", "wides:pays", "r.1i4.1", "--yes")
    assert "people     21 asked, 1 approved, 1 denied" in guideway("log", "r").out


def test_each_parked_branch_is_settled_by_its_path(ran, guideway):
    """run says how, settle takes it and says what is left, and the log tells which was settled."""
    said = ran("ships", '{"rows": [3, 1, 13]}')
    assert "parked, item 0 of ships (1i0): ship(row=3): unknown_effect" in said.out
    assert "--step 1i2 --result JSON" in said.out
    shown = guideway("show", "r").out
    in_order(shown, "parked     ship, item 0 of ships (1i0): unknown_effect", "open call  ship(row=3), key ",
             "settle     --step 1i0", "open call  ship(row=13), key ", "settle     --step 1i2")  # fmt: skip
    without = guideway("settle", "wides:ships", "r", "--not-done")
    assert without.status == 1
    assert "'1i0', '1i2'" in without.err
    assert guideway("settle", "wides:ships", "r", "--step", "9i9", "--not-done").status == 1
    first = guideway("settle", "wides:ships", "r", "--step", "1i0", "--result", "3")
    assert "still parked: item 2 of ships (1i2)" in first.out
    second = guideway("settle", "wides:ships", "r", "--step", "1i2", "--give-up", "--json").data
    assert second["parked"] == []
    assert guideway("resume", "wides:ships", "r").status == 0
    out = guideway("log", "r").out
    assert "in         item 0 of ships (1i0)" in entry(out, "it happened")
    assert "items      3, 1 of them failed" in out


def test_what_was_given_up_counts_as_a_step(ran, guideway):
    """The numbers of the log are those of run.steps."""
    ran("ships", '{"rows": [3, 1]}')
    guideway("settle", "wides:ships", "r", "--give-up")
    guideway("resume", "wides:ships", "r")
    out = guideway("log", "r").out
    assert "  2  settled by" in out
    assert "  3  ships  ok" in out
    assert guideway("show", "r", "--json").data["steps"] == 3


def test_a_run_that_failed_inside_says_where_a_retry_goes_on(ran, guideway, here):
    """Each place in words; the retry tells the same, and succeeds when the world is mended."""
    assert ran("fragile", '{"rows": [1]}').status == 1
    shown = guideway("show", "r").out
    assert "retry      goes on from mend, branch reads, item 0 of reads (1b0.1i0)" in shown
    (here / "mended").touch()
    assert guideway("retry", "wides:fragile", "r").status == 0
    told = entry(guideway("log", "r").out, "retried by")
    assert "from       mend, branch reads, item 0 of reads (1b0.1i0)" in told


def test_what_a_run_is_inside_of_is_in_its_json(ran, guideway):
    """run --json has progress and parked as the run has them."""
    said = guideway("run", "wides:ships", '{"rows": [3, 1, 13]}', "--json").data
    (progress,) = said["progress"]
    assert (progress["path"], progress["total"], progress["done"], progress["parked"]) == ("1i", 3, 1, 2)
    assert [one["branch"] for one in said["parked"]] == ["1i0", "1i2"]
    assert said["parked"][0]["call"]["arguments"] == {"row": 3}


@pytest.mark.parametrize("command", [("log", "r"), ("log", "r", "--all"), ("show", "r"), ("inbox",)])
def test_nothing_is_wider_than_a_terminal(ran, guideway, command):
    """Labels, progress and items wrap at 80 columns as everything else does."""
    ran("items")
    assert max(map(len, guideway(*command).out.splitlines())) <= 80
