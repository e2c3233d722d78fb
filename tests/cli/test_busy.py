"""A run that another process drives, on the command line."""

from __future__ import annotations

from tests.runs.processes import Process

HOLDS = """
store = SqliteStore(path)
lease = store.acquire("r")
tell("held")
hear()
"""


def test_who_drives_a_busy_run_is_named(guideway, here, waiting):
    """``resume`` of a run that another process drives fails, and names the user, the host and the process."""
    with Process(HOLDS, here / "guideway.db") as other:
        assert other.hear() == "held"
        said = guideway("resume", "desks:app", "r")
        assert said.status == 1
        assert "is driven by" in said.err
        assert f"pid {other.pid}" in said.err
        other.tell()
