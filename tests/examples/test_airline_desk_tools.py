"""The airline's tools: to the byte on the recording, and rule by rule on a small database of the tests' own."""

from __future__ import annotations

import json
import math
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from examples.airline_desk import calculator
from examples.airline_desk.arguments import FlightChoice
from examples.airline_desk.database import Database, Tables
from examples.airline_desk.errors import AirlineError, DataError
from examples.airline_desk.recorded import STOP, Conversation, read_conversations
from examples.airline_desk.tools import ALL, READING, WRITING, perform

ANN = {"first_name": "Ann", "last_name": "Lee", "dob": "1990-01-01"}
F1 = {"flight_number": "F1", "date": "2024-05-20"}


def answer(database: Database, name: str, arguments: dict[str, Any]) -> str:
    """What the agent is told: the tool's result, or its no."""
    try:
        return perform(database, name, arguments)
    except AirlineError as error:
        return f"Error: {error}"


def booking(**changes: Any) -> dict[str, Any]:
    """A booking of F1 for Ann that costs 80 dollars, changed as asked."""
    return {
        "user_id": "ann",
        "origin": "SFO",
        "destination": "JFK",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [F1],
        "passengers": [ANN],
        "payment_methods": [{"payment_id": "card", "amount": 80}],
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "no",
    } | changes


def change(**changes: Any) -> dict[str, Any]:
    """A change of reservation OLD to business class, which costs 130 dollars more."""
    return {"reservation_id": "OLD", "cabin": "business", "flights": [F1], "payment_id": "card"} | changes


# --- the recording


def test_every_recorded_call_is_reproduced_to_the_byte(
    airline_tables: Tables, conversations: list[Conversation]
) -> None:
    """All 810 calls of the 120 conversations, each conversation on a fresh database, answer as recorded."""
    differing: list[str] = []
    calls = 0
    for conversation in conversations:
        database = Database(airline_tables)
        for call, recorded in conversation.calls():
            calls += 1
            if answer(database, call.name, call.arguments) != recorded:
                differing.append(f"{conversation.name}: {call.name}({call.arguments})")
    assert differing == []
    assert (len(conversations), calls) == (120, 810)


def test_the_gold_approver_lets_44_right_writes_happen_and_stops_69_conversations(
    airline_tables: Tables, conversations: list[Conversation]
) -> None:
    """Where each conversation stops at its first write that is not gold, no wrong write is left."""
    stopped = written = 0
    for conversation in conversations:
        database = Database(airline_tables)
        for call, _ in conversation.calls():
            if call.name in WRITING and not conversation.is_gold(call.name, call.arguments):
                stopped += 1
                break
            result = answer(database, call.name, call.arguments)
            written += call.name in WRITING and not result.startswith("Error: ")
    assert (stopped, written) == (69, 44)


def test_a_conversation_leaves_the_tables_as_they_were(
    airline_tables: Tables, conversations: list[Conversation]
) -> None:
    """After all conversations ran, the shared rows are what the files hold."""
    before = json.dumps([airline_tables.users, airline_tables.reservations, airline_tables.flights])
    for conversation in conversations:
        database = Database(airline_tables)
        for call, _ in conversation.calls():
            answer(database, call.name, call.arguments)
    assert json.dumps([airline_tables.users, airline_tables.reservations, airline_tables.flights]) == before


def test_the_tools_have_the_recorded_names_and_parameters(airline_data: Path) -> None:
    """The functions take exactly the parameters of tools.json."""
    recorded = {
        item["function"]["name"]: item["function"] for item in json.loads((airline_data / "tools.json").read_text())
    }
    assert set(ALL) == set(recorded)
    for name, tool in ALL.items():
        parameters = {key for key in tool.__annotations__ if key not in ("database", "return")}
        assert parameters == set(recorded[name]["parameters"]["properties"]), name


def test_the_recording_ends_as_its_customers_or_its_length_say(conversations: list[Conversation]) -> None:
    """97 customers end the conversation, 20 are handed over to a person, 3 recordings are cut after 30 turns."""
    ends: Counter[str] = Counter()
    for conversation in conversations:
        last = list(conversation.calls())[-1][0].name if conversation.messages[-1].role == "tool" else ""
        if STOP in conversation.customer[-1]:
            ends["customer"] += 1
        elif last == "transfer_to_human_agents":
            ends["transferred"] += 1
        else:
            ends["cut"] += 1
            assert len(conversation.agent) == 30
    assert ends == {"customer": 97, "transferred": 20, "cut": 3}


def test_calls_are_paired_by_place_since_ids_repeat(conversations: list[Conversation]) -> None:
    """One conversation gives one call id to several calls; the answers are still told apart."""
    repeated = 0
    for conversation in conversations:
        ids = [call.id for call, _ in conversation.calls()]
        repeated += len(ids) - len(set(ids))
    assert repeated == 55


# --- the rules, on the small database


def test_a_booking_takes_the_exact_price_and_a_certificate_whole(small: Database) -> None:
    """A gift card goes down by what was paid; a certificate is gone, whatever was left on it."""
    parts = [{"payment_id": "gift", "amount": 30}, {"payment_id": "paper", "amount": 130}]
    booked = json.loads(
        perform(
            small,
            "book_reservation",
            booking(payment_methods=parts, insurance="yes", nonfree_baggages=1, total_baggages=1),
        )
    )
    user = json.loads(perform(small, "get_user_details", {"user_id": "ann"}))
    assert booked["reservation_id"] == "HATHAT"
    assert booked["flights"] == [F1 | {"price": 80, "origin": "SFO", "destination": "JFK"}]
    assert user["payment_methods"]["gift"]["amount"] == 70
    assert "paper" not in user["payment_methods"]
    assert user["reservations"] == ["OLD", "HATHAT"]


def test_numbers_come_back_as_the_agent_wrote_them(small: Database) -> None:
    """80 is printed as 80 and 80.0 as 80.0, and both pay the price."""
    assert '"amount": 80}' in perform(small, "book_reservation", booking())
    as_float = booking(payment_methods=[{"payment_id": "card", "amount": 80.0}])
    assert '"amount": 80.0}' in perform(small, "book_reservation", as_float)


def test_keys_come_back_in_the_order_in_which_the_agent_wrote_them(small: Database) -> None:
    """A flight written date first is stored date first; what the agent said of its route is replaced by the truth."""
    flight = {"origin": "XXX", "date": "2024-05-20", "flight_number": "F1"}
    changed = json.loads(perform(small, "update_reservation_flights", change(flights=[flight])))
    assert list(changed["flights"][0]) == ["origin", "date", "flight_number", "price", "destination"]
    assert changed["flights"][0]["origin"] == "SFO"


def test_an_argument_object_leaves_as_it_came() -> None:
    """Validation and dumping keep keys, their order and values, so that the approved call is the proposed one."""
    written = {"origin": "SFO", "date": "2024-05-20", "flight_number": "F1"}
    again = FlightChoice.model_validate(FlightChoice.model_validate(written).model_dump()).model_dump()
    assert list(again.items()) == list(written.items())
    assert FlightChoice.model_validate(written).model_dump_json() == json.dumps(written, separators=(",", ":"))


def test_a_kept_flight_keeps_its_price_and_the_cabin_stays(small: Database) -> None:
    """In its own cabin a flight costs what it cost; in another it costs today's price, and ``cabin`` is not changed."""
    same = json.loads(perform(small, "update_reservation_flights", change(cabin="economy")))
    assert same["flights"][0]["price"] == 70
    assert same["payment_history"] == [{"payment_id": "card", "amount": 70}]
    other = json.loads(perform(small, "update_reservation_flights", change()))
    assert (other["flights"][0]["price"], other["cabin"]) == (200, "economy")
    assert other["payment_history"][-1] == {"payment_id": "card", "amount": 130}


def test_bags_cost_only_where_more_are_not_free(small: Database) -> None:
    """One more bag to pay is 50 dollars; a free one is noted without a payment."""
    arguments = {"reservation_id": "OLD", "total_baggages": 2, "nonfree_baggages": 0, "payment_id": "gift"}
    assert len(json.loads(perform(small, "update_reservation_baggages", arguments))["payment_history"]) == 1
    paid = json.loads(perform(small, "update_reservation_baggages", arguments | {"nonfree_baggages": 1}))
    assert paid["payment_history"][-1] == {"payment_id": "gift", "amount": 50}
    assert small.user("ann")["payment_methods"]["gift"].get("amount") == 50


def test_a_cancellation_notes_the_refunds_and_moves_no_balance(small: Database) -> None:
    """Each payment is noted once more with the other sign; a second cancellation is refused."""
    cancelled = json.loads(perform(small, "cancel_reservation", {"reservation_id": "OLD"}))
    assert cancelled["payment_history"] == [{"payment_id": "card", "amount": 70}, {"payment_id": "card", "amount": -70}]
    assert cancelled["status"] == "cancelled"
    with pytest.raises(AirlineError, match="already cancelled"):
        perform(small, "cancel_reservation", {"reservation_id": "OLD"})


def test_passengers_are_replaced_one_for_one(small: Database) -> None:
    """Another name is written; another number of passengers is refused."""
    other = {"first_name": "Bo", "last_name": "Lee", "dob": "1991-01-01"}
    changed = perform(small, "update_reservation_passengers", {"reservation_id": "OLD", "passengers": [other]})
    assert json.loads(changed)["passengers"] == [other]
    with pytest.raises(AirlineError, match="number of passengers does not match"):
        perform(small, "update_reservation_passengers", {"reservation_id": "OLD", "passengers": [ANN, other]})


def test_certificates_have_three_numbers(small: Database) -> None:
    """Each certificate gets the next number; a fourth is refused."""
    told = [perform(small, "send_certificate", {"user_id": "ann", "amount": 150}) for _ in range(3)]
    assert told[0] == "Certificate certificate_3221322 added to user ann with amount 150."
    assert told[2].startswith("Certificate certificate_3221324 ")
    with pytest.raises(AirlineError, match="no certificate number is left"):
        perform(small, "send_certificate", {"user_id": "ann", "amount": 150})


def test_a_stop_over_midnight_flies_on_the_next_day(small: Database) -> None:
    """The second flight must be bookable the day after, and shows the first day's row: so the airline answers."""
    arguments = {"origin": "SFO", "destination": "BOS", "date": "2024-05-20"}
    ((first, second),) = json.loads(perform(small, "search_onestop_flight", arguments))
    assert (first["date"], second["date"]) == ("2024-05-20", "2024-05-21")
    assert second["status"] == "delayed"
    assert perform(small, "search_onestop_flight", arguments | {"date": "2024-05-32"}) == "[]"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("get_user_details", {"user_id": "bob"}, "user not found"),
    ("get_reservation_details", {"reservation_id": "NEW"}, "reservation not found"),
    ("book_reservation", booking(user_id="bob"), "user not found"),
    ("book_reservation", booking(flights=[F1 | {"flight_number": "F9"}]), "flight F9 not found"),
    ("book_reservation", booking(flights=[F1 | {"date": "2024-06-01"}]), "flight F1 not found on date 2024-06-01"),
    ("book_reservation", booking(flights=[F1 | {"date": "2024-05-21"}]), "flight F1 not available on date 2024-05-21"),
    ("book_reservation", booking(cabin="basic_economy"), "not enough seats on flight F1"),
    ("book_reservation", booking(payment_methods=[{"payment_id": "x", "amount": 80}]), "payment method x not found"),
    (
        "book_reservation",
        booking(payment_methods=[{"payment_id": "gift", "amount": 101}]),
        "not enough balance in payment method gift",
    ),
    (
        "book_reservation",
        booking(payment_methods=[{"payment_id": "gift", "amount": 60}] * 2),
        "not enough balance in payment method gift",
    ),
    (
        "book_reservation",
        booking(payment_methods=[{"payment_id": "card", "amount": 79}]),
        "payment amount does not add up, total price is 80, but paid 79",
    ),
    ("update_reservation_flights", change(reservation_id="NEW"), "reservation not found"),
    ("update_reservation_flights", change(payment_id="x"), "payment method not found"),
    ("update_reservation_flights", change(payment_id="paper"), "certificate cannot be used to update reservation"),
    ("update_reservation_flights", change(payment_id="gift"), "gift card balance is not enough"),
    (
        "update_reservation_flights",
        change(flights=[F1, F1 | {"date": "2024-05-21"}]),
        "flight F1 not available on date 2024-05-21",
    ),
    (
        "update_reservation_baggages",
        {"reservation_id": "OLD", "total_baggages": 9, "nonfree_baggages": 9, "payment_id": "gift"},
        "gift card balance is not enough",
    ),
    ("cancel_reservation", {"reservation_id": "NEW"}, "reservation not found"),
    ("send_certificate", {"user_id": "bob", "amount": 1}, "user not found"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED)
def test_a_tool_that_says_no_changes_nothing(
    small: Database, name: str, arguments: dict[str, Any], message: str
) -> None:
    """The agent is told the airline's own words, and no row of the conversation is touched."""
    assert answer(small, name, arguments) == f"Error: {message}"
    assert small.changes() == {"users": (), "reservations": ()}


INVALID: list[tuple[str, dict[str, Any]]] = [
    ("book_reservation", booking(cabin="first")),
    ("book_reservation", booking(payment_methods=[{"payment_id": "card", "amount": -80}])),
    ("book_reservation", booking(payment_methods=[{"payment_id": "card", "amount": "80"}])),
    ("book_reservation", booking(payment_methods=[{"payment_id": "card", "amount": float("nan")}])),
    ("book_reservation", booking(nonfree_baggages=-1)),
    ("book_reservation", booking(passengers=[{"first_name": "Ann"}])),
    ("book_reservation", booking(discount=1)),
    ("cancel_reservation", {}),
    ("send_certificate", {"user_id": "ann", "amount": -1}),
]


@pytest.mark.parametrize(("name", "arguments"), INVALID)
def test_arguments_that_do_not_fit_reach_no_tool(small: Database, name: str, arguments: dict[str, Any]) -> None:
    """Unknown cabins, negative amounts, text for numbers, missing and unknown arguments are refused before the call."""
    with pytest.raises(ValidationError, match="validation error"):
        perform(small, name, arguments)
    assert small.changes() == {"users": (), "reservations": ()}


def test_eight_tools_read_and_six_write() -> None:
    """The two tables of tools are disjoint and hold all fourteen."""
    assert (len(READING), len(WRITING), len(ALL)) == (8, 6, 14)


# --- the calculator


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("152 + 103", "255.0"),
        ("(350 - 122) * 2 + (499 - 127) * 2", "1200.0"),
        ("498 * 1.5", "747.0"),
        ("207 - 2787", "-2580.0"),
        (" 1 / 3", "0.33"),
        ("-(2) * +3", "-6.0"),
        ("7 // 2", "3.0"),
    ],
)
def test_arithmetic_is_rounded_to_cents_and_written_as_a_float(expression: str, value: str) -> None:
    """The recorded calculator's form."""
    assert calculator.evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("2 + a", "invalid characters"),
        ("__import__('os')", "invalid characters"),
        ("9 ** 9 ** 9", "invalid syntax"),
        ("2 +", "invalid syntax"),
        ("", "invalid syntax"),
        ("2(3)", "invalid syntax"),
        ("(1).real", "invalid characters"),
        ("1 / 0", "division by zero"),
        ("9" * 600, "longer than"),
        ("9" * 400, "too large"),
        ("9" * 400 + ".0", "too large"),
        ("(" * 240 + "1" + ")" * 240, "invalid syntax"),
    ],
)
def test_what_is_no_arithmetic_is_refused(expression: str, message: str) -> None:
    """Names, calls, powers, endless numbers and nesting end as the calculator's own error."""
    with pytest.raises(AirlineError, match=message):
        calculator.evaluate(expression)


@given(st.text(alphabet="0123456789+-*/(). ", max_size=60))
def test_the_calculator_answers_or_says_no(expression: str) -> None:
    """Any text of the allowed characters gives a finite number or an AirlineError, nothing else."""
    with suppress(AirlineError):
        assert math.isfinite(float(calculator.evaluate(expression)))


# --- data that is not there


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (None, r"missing: there is no file .*users\.json"),
        ("{", r"users\.json is no JSON"),
        ("[1]", "JSON object of rows"),
        ('{"ann": 1}', "JSON object of rows"),
    ],
)
def test_a_missing_or_broken_table_is_told_in_one_line(tmp_path: Path, users: str | None, message: str) -> None:
    """No file, no JSON, no table: the path and the reason, in one line."""
    if users is not None:
        (tmp_path / "users.json").write_text(users)
    with pytest.raises(DataError, match=message) as caught:
        Tables.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_told_in_one_line(tmp_path: Path) -> None:
    """The folder that was named, and the option that names it."""
    with pytest.raises(DataError, match=r"the airline data is missing: .*nowhere is no folder") as caught:
        Tables.load(tmp_path / "nowhere")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "recording is missing"),
        ("{", r":1: no JSON"),
        ("[]", r":1: no recorded conversation"),
        ('\n{"task_id": 1}', r":2: no recorded conversation: trial: Field required"),
        (b"\xff", "cannot be read"),
    ],
)
def test_a_missing_or_broken_recording_is_told_in_one_line(
    tmp_path: Path, content: str | bytes | None, message: str
) -> None:
    """The file, the line and the first thing that is wrong, in one line."""
    path = tmp_path / "conversations.jsonl"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        read_conversations(path)
    assert "\n" not in str(caught.value)
