"""What stands in the file is changed, byte by byte and column by column: found, or without any consequence."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from guideway import Anyone
from guideway.errors import DecisionRefused, StoreError
from guideway.runs.app import App
from guideway.runs.store import SqliteStore
from tests.torture.child import compiled
from tests.torture.disk import LEDGER, STORE
from tests.torture.scenarios import SCENARIOS
from tests.torture.world import World

GIVEN = SCENARIOS["first_page"].given
RUNS = ("over", "waits", "gone")


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A store with a run that is over, one that waits for a lead, and one that was cancelled."""
    return made(tmp_path_factory.mktemp("sound"))


def made(folder: Path) -> Path:
    """Makes that store."""
    with opened(folder) as app:
        for name in RUNS:
            run = app.start(GIVEN, run_id=name, by="web")
            if name == "over":
                app.approve(run.waiting[0], by="ann")
                app.resume(name)
        app.cancel("gone", by="ann")
    return folder


def opened(folder: Path) -> App[Any]:
    """The first page's app on a store."""
    return compiled("first_page", str(folder / STORE), World(folder), Anyone())  # type: ignore[no-any-return]  # an app is Any to the tests


def seen(folder: Path) -> dict[str, Any]:
    """What people see of the runs, and what comes of the run that waits when it is approved and driven on."""
    with opened(folder) as app:
        found: dict[str, Any] = {name: shown(app.get(name)) for name in RUNS}
        found["inbox"] = [(item.id, item.role, item.call, item.shows, item.question) for item in app.inbox()]
        with suppress(DecisionRefused):
            app.approve("waits.1", by="web")  # who started it
            raise AssertionError("who started a run has approved its call")
        app.approve("waits.1", by="ann")
        found["after"] = [shown(app.resume(name)) for name in RUNS]
        assert [app.store.verify(name) for name in RUNS] == [None] * 3
    found["ledger"] = [line.split("\t")[0::2] for line in World(folder).done()]
    return found


def shown(run: Any) -> Any:
    """A run, without what is different from one drive to the next."""
    steps = [(step.node, step.outcome, step.edge, step.update) for step in run.steps]
    asked = [(item.id, item.role, item.call) for item in run.waiting]
    return run.id, run.flow, run.status, run.verdict, run.end, run.state, steps, asked, run.by, run.error


def changed(sound: Path, folder: Path, change: Callable[[Path], None]) -> str:
    """Change a copy of the store, and see what comes of it: ``refused``, ``the same`` or what is wrong."""
    shutil.copytree(sound, folder)
    change(folder / STORE)
    try:
        found = seen(folder)
    except StoreError as error:
        ledger = (folder / LEDGER).read_text()
        if ledger != (sound / LEDGER).read_text() and not ledger.startswith((sound / LEDGER).read_text()):
            return f"refused, and the world is another: {ledger}"
        return "refused" if str(folder) in str(error) else f"refused without the place: {error}"
    except Exception as error:  # noqa: BLE001  # whatever else comes out is what this test looks for
        return f"{type(error).__name__}: {error}"
    return "the same" if found == calm(sound, folder.parent) else "another"


def calm(sound: Path, folder: Path) -> dict[str, Any]:
    """What comes of the store as it is; found once."""
    if sound not in _CALM:
        shutil.copytree(sound, folder / "calm")
        _CALM[sound] = seen(folder / "calm")
    return _CALM[sound]


_CALM: dict[Path, dict[str, Any]] = {}


def sql(*statements: str) -> Callable[[Path], None]:
    """Carry statements out, as nobody should."""

    def change(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            assert connection.execute(statement).rowcount, statement
        connection.close()

    return change


WAITS = "(select rid from runs where id = 'waits')"
EVENT = f"key = {WAITS} << 32 | "
LAST = f"(select max(key) from events where key >> 32 = {WAITS})"
OPEN = "where status = 'open'"
MOVED = f"{WAITS} << 32 | "
CHANGES = {
    "a body": sql("update events set body = replace(body, '40.0', '70.0') where kind = 'step' and instr(body, '40.0')"),
    "a body that is no JSON": sql(f"update events set body = substr(body, 2) where {EVENT} 4"),
    "a link": sql(f"update events set link = zeroblob(32) where {EVENT} 3"),
    "the last link": sql(f"update events set link = zeroblob(32) where key = {LAST}"),
    "a time": sql(f"update events set at = at + 1 where {EVENT} 3"),
    "a kind": sql(f"update events set kind = 'intent' where {EVENT} 3"),
    "a payload that is gone": sql(f"update events set body = null where {EVENT} 3"),
    "an event that is gone": sql(f"delete from events where {EVENT} 3"),
    "the first event": sql(f"delete from events where {EVENT} 1"),
    "events exchanged": sql(
        f"update events set key = 0 where {EVENT} 2",
        f"update events set key = {MOVED} 2 where {EVENT} 3",
        f"update events set key = {MOVED} 3 where key = 0",
    ),
    "an event of another run": sql(
        f"update events set body = (select body from events where key = 1 << 32 | 6) where {EVENT} 3"
    ),
    "a run named as another": sql(
        "update runs set id = 'x' where id = 'gone'",
        "update runs set id = 'gone' where id = 'waits'",
        "update runs set id = 'waits' where id = 'x'",
    ),
    "a status that is none": sql("update runs set status = 'waitinh' where id = 'waits'"),
    "a run that is over by its row": sql("update runs set status = 'ended', verdict = 'success' where id = 'waits'"),
    "a cancelled run that waits by its row": sql("update runs set status = 'waiting' where id = 'gone'"),
    "an ended run that runs by its row": sql("update runs set status = 'running' where id = 'over'"),
    "another verdict": sql("update runs set verdict = 'failed' where id = 'over'"),
    "another end": sql("update runs set ending = 'handed over' where id = 'over'"),
    "another starter": sql("update runs set starter = 'weg' where id = 'waits'"),
    "another shape": sql("update runs set shape = 'x' || substr(shape, 2) where id = 'waits'"),
    "a holder that is none": sql("update runs set holder = '{' where id = 'waits'"),
    "a request about something else": sql(f"update requests set body = replace(body, '40.0', '4.0') {OPEN}"),
    "a request of another role": sql(f"update requests set role = 'manager' {OPEN}"),
    "a request with another digest": sql(f"update requests set digest = 'x' || substr(digest, 2) {OPEN}"),
    "a request that expires": sql(f"update requests set due = 1.0 {OPEN}"),
    "a request of a status that is none": sql(f"update requests set status = 'opem' {OPEN}"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_changed_is_refused(sound, tmp_path, change):
    """Whatever was changed in a row is found before anything follows from it, and the error names the store."""
    assert changed(sound, tmp_path / "changed", CHANGES[change]) == "refused"


def test_the_last_event_that_is_gone_is_found(sound, tmp_path):
    """Cut off at its end a journal fits by itself: the run's row tells that it went further."""
    cut = sql("delete from events where key = (select max(key) from events where key >> 32 = 1)")
    assert changed(sound, tmp_path / "changed", cut) == "refused"


def flipped(draw: random.Random) -> Callable[[Path], None]:
    """Flip bits of a byte, or write over some in a row."""

    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        place = draw.randrange(len(data))
        if draw.random() < 0.7:
            data[place] ^= 1 << draw.randrange(8)
        else:
            for more in range(draw.randrange(1, 64)):
                data[min(place + more, len(data) - 1)] = draw.randrange(256)
        path.write_bytes(data)

    return change


def fuzz(sound: Path, folder: Path, count: int, seed: int) -> dict[str, int]:
    """Change as many copies, and count what came of them; whatever was neither refused nor the same is an error."""
    draw = random.Random(seed)
    counts: dict[str, int] = {}
    bad: list[str] = []
    for turn in range(count):
        place = folder / str(turn)
        came = changed(sound, place, flipped(draw))
        counts[came] = counts.get(came, 0) + 1
        if came not in ("refused", "the same"):
            bad.append(f"{turn}: {came}")
        shutil.rmtree(place)
    assert not bad, "\n".join(bad)
    return counts


def test_bytes_that_were_changed_are_found_or_harmless(sound, tmp_path, record_property):
    """Bytes flipped all over the file: a StoreError that names it, or all is as it was."""
    counts = fuzz(sound, tmp_path, 30, 4)
    record_property("flips", sum(counts.values()))
    assert counts["refused"]


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(8))
def test_thousands_of_bytes_that_were_changed(sound, tmp_path, seed, record_property):
    """The same, thousands of times."""
    counts = fuzz(sound, tmp_path, 500, 100 + seed)
    record_property("flips", sum(counts.values()))


def test_verify_names_the_place(sound, tmp_path):
    """Of a journal that was changed in the middle, the first event that does not fit is told."""
    shutil.copytree(sound, tmp_path / "changed")
    CHANGES["a time"](tmp_path / "changed" / STORE)
    with SqliteStore(tmp_path / "changed" / STORE) as store:
        assert [store.verify(name) for name in RUNS] == [None, 3, None]
        with pytest.raises(StoreError, match=r"event 3 of run number 2 .*it was changed.*Restore the store"):
            store.events("waits")
