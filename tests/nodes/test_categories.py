"""The classifier: every kind of exception has its category."""

from __future__ import annotations

import socket
import urllib.error
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from guideway.nodes.categories import Classifier, classify, error_record, is_control_flow
from guideway.nodes.context import ToolError


class Response:
    def __init__(self, status: int) -> None:
        self.status_code = status


class Http(Exception):
    def __init__(self, status: int, *, inside: bool = False) -> None:
        super().__init__("http")
        if inside:
            self.response = Response(status)
        else:
            self.status_code = status


def named(module: str, name: str, *bases: type[Exception]) -> Exception:
    """An exception of a class that another package would define."""
    return type(name, bases or (Exception,), {"__module__": module})("x")  # type: ignore[no-any-return]  # the class is made at run time


def invalid() -> ValidationError:
    class One(BaseModel):
        x: int

    try:
        One(x="a")  # type: ignore[arg-type]  # the mistake is the case
    except ValidationError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "unavailable"),
        (BrokenPipeError(), "unavailable"),
        (socket.gaierror(), "unavailable"),
        (urllib.error.HTTPError("u", 503, "m", {}, None), "unavailable"),  # type: ignore[arg-type]  # headers are not looked at
        (ToolError("no"), "declined"),
        (KeyError("x"), "bug"),
        (OSError("disk"), "bug"),
        (invalid(), "bug"),
        (SystemExit(1), "bug"),
        *((Http(status), "unavailable") for status in (500, 502, 503, 529)),
        *((Http(status, inside=True), "timeout") for status in (408, 504)),
        (Http(429, inside=True), "rate_limited"),
        (Http(404), "bug"),
        (named("httpx", "ConnectError", type("TransportError", (Exception,), {"__module__": "httpx"})), "unavailable"),
        (named("httpx._exceptions", "TimeoutException"), "timeout"),
        (named("requests.exceptions", "Timeout"), "timeout"),
        (
            named("openai", "APITimeoutError", type("APIConnectionError", (Exception,), {"__module__": "openai"})),
            "timeout",
        ),
        (named("openai", "APIConnectionError"), "unavailable"),
        (named("mine", "APIConnectionError"), "bug"),
        (named("langchain_core.exceptions", "OutputParserException", ValueError), "invalid_output"),
    ],
)
def test_categories(error, category):
    """By type, by the name of a package's class, by HTTP status; else it is a bug."""
    assert classify(error) == category


def test_the_classifier_is_extensible():
    """A class, and what is under it, can be given a category; the nearest class counts."""

    class Busy(ConnectionError):
        pass

    class VeryBusy(Busy):
        pass

    mine = Classifier()
    mine.register(Busy, "rate_limited")
    assert [mine(VeryBusy()), mine(ConnectionError()), classify(VeryBusy())] == [
        "rate_limited",
        "unavailable",
        "unavailable",
    ]
    wrong: Any = "Busy"
    with pytest.raises(ValueError, match="there is no category 'busy'; there are: timeout, "):
        mine.register(Busy, "busy")
    with pytest.raises(ValueError, match="takes a class of exceptions, not 'Busy'"):
        mine.register(wrong, "timeout")


def test_an_exception_becomes_data():
    """A record names the class, all its bases, and what happened; a silent exception is known by its name."""
    record = error_record(KeyError("x"))
    assert (record.category, record.type, record.message) == ("bug", "KeyError", "'x'")
    assert record.classes == (
        "builtins.KeyError",
        "builtins.LookupError",
        "builtins.Exception",
        "builtins.BaseException",
    )
    assert error_record(ValueError()).message == "ValueError"
    assert error_record(ValueError("x"), "declined", "told").message == "told"


def test_langgraphs_control_flow_is_known_by_name():
    """Its own exceptions, and no others of that name."""
    assert is_control_flow(named("langgraph.errors", "GraphInterrupt"))
    assert is_control_flow(
        named("mine", "Mine", type("GraphBubbleUp", (Exception,), {"__module__": "langgraph.errors"}))
    )
    assert not is_control_flow(named("mine", "GraphInterrupt"))
    assert not is_control_flow(named("langgraph.errors", "GraphRecursionError"))
