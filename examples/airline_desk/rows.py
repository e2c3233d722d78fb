"""The rows of the three tables, as their JSON files hold them. The order of keys is part of a recorded answer."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Cabin = Literal["basic_economy", "economy", "business"]
FlightType = Literal["one_way", "round_trip"]
YesOrNo = Literal["yes", "no"]


class FlightDay(TypedDict):
    """A flight on one date; seats and prices only while its status is ``available``."""

    status: str
    available_seats: NotRequired[dict[Cabin, int]]
    prices: NotRequired[dict[Cabin, int]]


class Flight(TypedDict):
    """A flight number and its dates, keyed ``YYYY-MM-DD``; an arrival after midnight ends in ``+1``."""

    flight_number: str
    origin: str
    destination: str
    scheduled_departure_time_est: str
    scheduled_arrival_time_est: str
    dates: dict[str, FlightDay]


class PaymentMethod(TypedDict):
    """A way to pay; certificates and gift cards have an amount, in dollars."""

    source: Literal["credit_card", "gift_card", "certificate"]
    id: str
    amount: NotRequired[int | float]
    brand: NotRequired[str]
    last_four: NotRequired[str]


class User(TypedDict):
    """A customer's profile, as far as the tools look into it."""

    payment_methods: dict[str, PaymentMethod]
    membership: str
    reservations: list[str]


class Segment(TypedDict):
    """One flight of a reservation with the price paid for each passenger, in dollars."""

    origin: str
    destination: str
    flight_number: str
    date: str
    price: int


class Traveller(TypedDict):
    """A passenger of a reservation."""

    first_name: str
    last_name: str
    dob: str


class Payment(TypedDict):
    """A payment, or with a negative amount a refund, in dollars."""

    payment_id: str
    amount: int | float


class Reservation(TypedDict):
    """A reservation; ``status`` is there once it is cancelled."""

    reservation_id: str
    user_id: str
    origin: str
    destination: str
    flight_type: FlightType
    cabin: Cabin
    flights: list[Segment]
    passengers: list[Traveller]
    payment_history: list[Payment]
    created_at: str
    total_baggages: int
    nonfree_baggages: int
    insurance: YesOrNo
    status: NotRequired[str]
