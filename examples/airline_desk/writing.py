"""The six tools that write, as plain functions over one conversation's database.

Each returns what the recorded airline answered, to the byte. Each checks everything before it changes
anything, so that an ``AirlineError`` always means that nothing was changed. They check no policy: the recorded
airline leaves its rules (who may cancel, what may be changed) to the agent and its supervisor.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import cast

from .arguments import Bags, Dollars, FlightChoice, Passenger, PaymentPart
from .database import Database
from .errors import AirlineError
from .rows import Cabin, FlightType, Payment, PaymentMethod, Reservation, Segment, Traveller, User, YesOrNo

BAG = 50
"""Dollars for each bag that is not free."""

INSURANCE = 30
"""Dollars for each passenger."""

BOOKED_AT = "2024-05-15T15:00:00"
"""Now, in every conversation."""

NEW_RESERVATIONS = ("HATHAT", "HATHAU", "HATHAV")
NEW_CERTIFICATES = ("certificate_3221322", "certificate_3221323", "certificate_3221324")


def book_reservation(
    database: Database,
    user_id: str,
    origin: str,
    destination: str,
    flight_type: FlightType,
    cabin: Cabin,
    flights: Sequence[FlightChoice],
    passengers: Sequence[Passenger],
    payment_methods: Sequence[PaymentPart],
    total_baggages: Bags,
    nonfree_baggages: Bags,
    insurance: YesOrNo,
) -> str:
    """Books a trip and takes the money: gift cards go down, a certificate is used up whatever is left on it.

    Raises:
        AirlineError: no such user, flight or payment method; no seats; too little money, or not the exact price.
    """
    user = database.user(user_id)
    reservation_id = _unused(NEW_RESERVATIONS, database.has_reservation, "reservation")
    segments = [_segment(database, choice, cabin, len(passengers)) for choice in flights]
    price = sum(segment["price"] for segment in segments) * len(passengers)
    price += INSURANCE * len(passengers) if insurance == "yes" else 0
    price += BAG * nonfree_baggages
    _check_payments(user, payment_methods, price)
    reservation: Reservation = {
        "reservation_id": reservation_id,
        "user_id": user_id,
        "origin": origin,
        "destination": destination,
        "flight_type": flight_type,
        "cabin": cabin,
        "flights": segments,
        "passengers": _travellers(passengers),
        "payment_history": [cast("Payment", part.model_dump()) for part in payment_methods],
        "created_at": BOOKED_AT,
        "total_baggages": total_baggages,
        "nonfree_baggages": nonfree_baggages,
        "insurance": insurance,
    }
    for part in payment_methods:
        _take(database.edit_user(user_id), part)
    database.add_reservation(reservation)
    return json.dumps(reservation)


def update_reservation_flights(
    database: Database, reservation_id: str, cabin: Cabin, flights: Sequence[FlightChoice], payment_id: str
) -> str:
    """Replaces all flights of a reservation and settles the difference with one payment method.

    A flight that stays in the reservation's own cabin keeps its price and is not checked for seats. The
    reservation's ``cabin`` stays as it was, whatever cabin is paid for: so the recorded airline answers.

    Raises:
        AirlineError: no such reservation, flight or payment method; no seats; a certificate; too little money.
    """
    before = database.reservation(reservation_id)
    heads = len(before["passengers"])
    segments = [_kept(before, choice, cabin) or _segment(database, choice, cabin, heads) for choice in flights]
    price = (sum(row["price"] for row in segments) - sum(row["price"] for row in before["flights"])) * heads
    _settle(database, before, payment_id, price)
    reservation = database.edit_reservation(reservation_id)
    reservation["flights"] = segments
    return json.dumps(reservation)


def update_reservation_baggages(
    database: Database, reservation_id: str, total_baggages: Bags, nonfree_baggages: Bags, payment_id: str
) -> str:
    """Sets the bags of a reservation; more bags that are not free are paid, fewer are not refunded.

    Raises:
        AirlineError: no such reservation or payment method; a certificate; too little money.
    """
    before = database.reservation(reservation_id)
    _settle(database, before, payment_id, BAG * max(0, nonfree_baggages - before["nonfree_baggages"]))
    reservation = database.edit_reservation(reservation_id)
    reservation["total_baggages"] = total_baggages
    reservation["nonfree_baggages"] = nonfree_baggages
    return json.dumps(reservation)


def update_reservation_passengers(database: Database, reservation_id: str, passengers: Sequence[Passenger]) -> str:
    """Replaces the passengers of a reservation by as many others.

    Raises:
        AirlineError: no such reservation, or another number of passengers.
    """
    if len(passengers) != len(database.reservation(reservation_id)["passengers"]):
        raise AirlineError("number of passengers does not match")
    reservation = database.edit_reservation(reservation_id)
    reservation["passengers"] = _travellers(passengers)
    return json.dumps(reservation)


def cancel_reservation(database: Database, reservation_id: str) -> str:
    """Cancels the whole reservation and notes a refund for each payment; balances change days later, not here.

    Raises:
        AirlineError: no such reservation, or it is cancelled already.
    """
    if database.reservation(reservation_id).get("status") == "cancelled":
        raise AirlineError("reservation is already cancelled")
    reservation = database.edit_reservation(reservation_id)
    history = reservation["payment_history"]
    history.extend([{"payment_id": paid["payment_id"], "amount": -paid["amount"]} for paid in history])
    reservation["status"] = "cancelled"
    return json.dumps(reservation)


def send_certificate(database: Database, user_id: str, amount: Dollars) -> str:
    """Gives the user a travel certificate of this amount, in dollars.

    Raises:
        AirlineError: there is no such user, or no certificate number is left.
    """
    methods = database.user(user_id)["payment_methods"]
    payment_id = _unused(NEW_CERTIFICATES, methods.__contains__, "certificate")
    added: PaymentMethod = {"source": "certificate", "amount": amount, "id": payment_id}
    database.edit_user(user_id)["payment_methods"][payment_id] = added
    return f"Certificate {payment_id} added to user {user_id} with amount {amount}."


def _segment(database: Database, choice: FlightChoice, cabin: Cabin, heads: int) -> Segment:
    """A flight at today's price, if it can be booked for so many passengers."""
    number, date = choice.flight_number, choice.date
    flight = database.flight(number)
    on_date = flight["dates"].get(date)
    if on_date is None:
        raise AirlineError(f"flight {number} not found on date {date}")
    if on_date["status"] != "available" or "available_seats" not in on_date or "prices" not in on_date:
        raise AirlineError(f"flight {number} not available on date {date}")
    if on_date["available_seats"][cabin] < heads:
        raise AirlineError(f"not enough seats on flight {number}")
    return _row(choice, on_date["prices"][cabin], flight["origin"], flight["destination"])


def _kept(before: Reservation, choice: FlightChoice, cabin: Cabin) -> Segment | None:
    """The flight as it was paid for, where it is in the reservation already and the cabin stays."""
    if cabin != before["cabin"]:
        return None
    for row in before["flights"]:
        if row["flight_number"] == choice.flight_number and row["date"] == choice.date:
            return _row(choice, row["price"], row["origin"], row["destination"])
    return None


def _row(choice: FlightChoice, price: int, origin: str, destination: str) -> Segment:
    """The stored flight: the agent's keys in the agent's order, then what it did not write."""
    true = {"price": price, "origin": origin, "destination": destination}
    written = {key: true.get(key, value) for key, value in choice.model_dump().items()}
    return cast("Segment", written | true)


def _check_payments(user: User, parts: Sequence[PaymentPart], price: int) -> None:
    methods = user["payment_methods"]
    taken: defaultdict[str, int | float] = defaultdict(int)
    for part in parts:
        method = methods.get(part.payment_id)
        if method is None:
            raise AirlineError(f"payment method {part.payment_id} not found")
        taken[part.payment_id] += part.amount
        if taken[part.payment_id] > method.get("amount", float("inf")):
            raise AirlineError(f"not enough balance in payment method {part.payment_id}")
    paid = sum(part.amount for part in parts)
    if paid != price:
        raise AirlineError(f"payment amount does not add up, total price is {price}, but paid {paid}")


def _take(user: User, part: PaymentPart) -> None:
    method = user["payment_methods"].get(part.payment_id)
    if method is not None and method["source"] == "certificate":
        del user["payment_methods"][part.payment_id]
    elif method is not None and "amount" in method:
        method["amount"] -= part.amount


def _settle(database: Database, before: Reservation, payment_id: str, price: int) -> None:
    """Takes the price of a change, or gives it back where it is negative, and notes it unless it is zero."""
    method = database.user(before["user_id"])["payment_methods"].get(payment_id)
    if method is None:
        raise AirlineError("payment method not found")
    if method["source"] == "certificate":
        raise AirlineError("certificate cannot be used to update reservation")
    if method.get("amount", float("inf")) < price:
        raise AirlineError("gift card balance is not enough")
    if "amount" in method:
        owned = database.edit_user(before["user_id"])["payment_methods"][payment_id]
        owned["amount"] = method["amount"] - price
    if price != 0:
        history = database.edit_reservation(before["reservation_id"])["payment_history"]
        history.append({"payment_id": payment_id, "amount": price})


def _travellers(passengers: Sequence[Passenger]) -> list[Traveller]:
    return [cast("Traveller", passenger.model_dump()) for passenger in passengers]


def _unused(ids: Sequence[str], used: Callable[[str], bool], what: str) -> str:
    for item in ids:
        if not used(item):
            return item
    raise AirlineError(f"no {what} number is left in this conversation")
