"""The summary prints what the long form of the laws has counted."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests have counted, wherever they ran."""
    told = [
        text
        for report in terminalreporter.stats.get("passed", ())
        for name, text in getattr(report, "user_properties", ())
        if name == "counted"
    ]
    if told:
        terminalreporter.section("counted")
        for text in told:
            terminalreporter.write_line(text)
