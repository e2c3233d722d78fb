"""The airline's data, where it is: beside the repository, or where ``GUIDEWAY_DATA`` says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from examples.airline_desk.database import Database, Tables
from examples.airline_desk.recorded import Conversation, read_conversations

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def airline_data() -> Path:
    """The folder of the airline's data; a test that asks for it is skipped where it is missing."""
    named = os.environ.get("GUIDEWAY_DATA")
    folder = Path(named) if named else _ROOT.parent / "shared" / "data" / "tau_airline"
    missing = [
        name
        for name in (
            "users.json",
            "reservations.json",
            "flights.json",
            "conversations.jsonl",
            "policy.md",
            "tools.json",
        )
        if not (folder / name).is_file()
    ]
    if missing:
        pytest.skip(f"the airline data is missing: {folder / missing[0]} (GUIDEWAY_DATA names another folder)")
    return folder


@pytest.fixture(scope="session")
def airline_tables(airline_data: Path) -> Tables:
    """The three tables, read once."""
    return Tables.load(airline_data)


@pytest.fixture(scope="session")
def conversations(airline_data: Path) -> list[Conversation]:
    """The recorded conversations, read once."""
    return read_conversations(airline_data / "conversations.jsonl")


@pytest.fixture
def small() -> Database:
    """One user, one reservation and two flights, so that the tools are tested without the data too."""
    return Database(
        Tables(
            users={
                "ann": {
                    "payment_methods": {
                        "card": {"source": "credit_card", "id": "card", "brand": "visa", "last_four": "1111"},
                        "gift": {"source": "gift_card", "id": "gift", "amount": 100},
                        "paper": {"source": "certificate", "id": "paper", "amount": 500},
                    },
                    "membership": "gold",
                    "reservations": ["OLD"],
                }
            },
            reservations={
                "OLD": {
                    "reservation_id": "OLD",
                    "user_id": "ann",
                    "origin": "SFO",
                    "destination": "JFK",
                    "flight_type": "one_way",
                    "cabin": "economy",
                    "flights": [
                        {
                            "origin": "SFO",
                            "destination": "JFK",
                            "flight_number": "F1",
                            "date": "2024-05-20",
                            "price": 70,
                        }
                    ],
                    "passengers": [{"first_name": "Ann", "last_name": "Lee", "dob": "1990-01-01"}],
                    "payment_history": [{"payment_id": "card", "amount": 70}],
                    "created_at": "2024-05-01T00:00:00",
                    "total_baggages": 1,
                    "nonfree_baggages": 0,
                    "insurance": "no",
                }
            },
            flights={
                "F1": {
                    "flight_number": "F1",
                    "origin": "SFO",
                    "destination": "JFK",
                    "scheduled_departure_time_est": "20:00:00",
                    "scheduled_arrival_time_est": "01:00:00+1",
                    "dates": {
                        "2024-05-20": {
                            "status": "available",
                            "available_seats": {"basic_economy": 0, "economy": 2, "business": 1},
                            "prices": {"basic_economy": 50, "economy": 80, "business": 200},
                        },
                        "2024-05-21": {"status": "delayed"},
                    },
                },
                "F2": {
                    "flight_number": "F2",
                    "origin": "JFK",
                    "destination": "BOS",
                    "scheduled_departure_time_est": "09:00:00",
                    "scheduled_arrival_time_est": "10:00:00",
                    "dates": {
                        "2024-05-20": {"status": "delayed"},
                        "2024-05-21": {
                            "status": "available",
                            "available_seats": {"basic_economy": 1, "economy": 1, "business": 1},
                            "prices": {"basic_economy": 10, "economy": 20, "business": 30},
                        },
                    },
                },
            },
        )
    )
