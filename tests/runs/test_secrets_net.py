"""A net for secrets: one in every kind of place, a run that does all that runs do, and a look at every byte of it."""

from __future__ import annotations

import base64
import io
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from guideway import GuidewayError
from guideway.guards.secrecy import words_of

from . import secret_desk as world
from .secret_desk import CANARY, CONTROL, NUMBER

DESK = f"{Path(world.__file__)}:app"
FORMATS = ("svg", "png", "pdf", "dot", "mmd", "txt")


class Net:
    """Everything that came out, by where."""

    def __init__(self) -> None:
        self.found: dict[str, bytes] = {}

    def put(self, where: str, what: Any) -> None:
        data = what if isinstance(what, bytes) else str(what).encode()
        self.found[where] = self.found.get(where, b"") + data

    def refused(self, where: str, call: Callable[[], Any]) -> None:
        """What a call that must not work says, and all that Python tells of it."""
        with pytest.raises(GuidewayError, match=".") as caught:
            call()
        error = caught.value
        self.put(f"refused: {where}", "".join(traceback.format_exception(error)))
        self.put(f"refused: {where}", f"{error} {error!r} {error.data}")

    def holds(self, word: str) -> list[str]:
        """Where a word is, as it is, in base64 or in hex."""
        raw = word.encode()
        cores = [base64.b64encode(b"\0" * n + raw)[4 if n else 0 :][:12] for n in range(3)]
        forms = [raw, raw[::-1], raw.hex().encode(), *cores]
        return [where for where, data in self.found.items() if any(form in data for form in forms)]


def driven(net: Net, store: str) -> None:
    """A run through loops, a retry, a form, an edit, a gate, a park, a settlement, items, a subflow and a fork."""
    with world.app(store) as app:
        net.refused("input", lambda: app.start({"pin": CANARY["wrong"]}, by="web"))
        net.refused("validator", lambda: app.start(world.case(pin=CANARY["wrong"]), by="web"))
        net.refused("unknown", lambda: app.start(world.case(other=1), by="web"))
        short = {"user": "u", "password": CANARY["wrong"][:7]}
        net.refused("nested", lambda: app.start(world.case(creds=short), by="web"))
        net.refused("kind", lambda: app.start(world.case(number=CANARY["wrong"]), by="web"))
        for event in app.stream(world.case(), run_id="r", by="web"):
            net.put("stream", repr(event) + repr(event.payload))
        run = app.get("r")
        net.refused("answer", lambda: app.answer(run.waiting[0], {"is": CANARY["wrong"]}, by="carl"))
        app.answer(run.waiting[0], CANARY["answer"], by="carl")
        looked_at(net, app.resume("r"))
        asked = app.inbox()[0]
        net.put("inbox", repr(asked))
        net.refused(
            "edit", lambda: app.approve(asked, by="ann", edits={"creds": {"user": 1, "password": CANARY["wrong"]}})
        )
        app.approve(asked, by="ann", edits={"pin": CANARY["edit"]})
        looked_at(net, app.resume("r"))
        app.approve(app.inbox()[0], by="bob")
        looked_at(net, app.resume("r"))
        net.refused("settle", lambda: app.settle("r", None, {"password": CANARY["wrong"]}, by="bob"))
        commands(net, store, "r")
        app.settle("r", None, {"user": "s", "password": CANARY["settled"]}, by="bob")
        for event in app.stream("r"):
            net.put("stream", repr(event) + repr(event.payload))
        looked_at(net, app.get("r"))
        net.refused("fork", lambda: app.fork("r", at=3, by="web", update={"pin": CANARY["wrong"]}))
        fork = app.fork("r", at=4, by="web", update={"pin": CANARY["fork"]})
        assert fork.state.pin.get_secret_value() == CANARY["fork"]
        looked_at(net, fork)
        app.cancel(fork.id, by="web")
        net.put("graph", repr(app.graph.get_state({"configurable": {"thread_id": "r"}})))
        assert app.get("r").verdict == "success"
        assert app.get("r").state.paid.password.get_secret_value() == CANARY["settled"]


def looked_at(net: Net, run: Any) -> None:
    """A run as programs see it."""
    net.put("run", f"{run!r} {run.state!r} {run.state} {run.steps!r} {run.events!r} {run.error!r} {run.parked!r}")


def commands(net: Net, store: str, run: str) -> None:
    """What the command line prints, for people and for machines."""
    from guideway.cli.program import run as carried_out

    said = [
        ["runs"], ["show", run], ["show", run, "--all"], ["log", run], ["log", run, "--all"], ["inbox"],
        ["verify", run], ["resume", DESK, run], ["show", DESK, run], ["check", DESK],
        ["settle", DESK, run, "--result", "{"],
        ["settle", DESK, run, "--result", f'{{"password": "{CANARY["wrong"]}"}}', "--note", "x", "--traceback"],
        ["run", DESK, '{"note": 1, "pin": "' + CANARY["wrong"] + '"}', "--traceback"],
    ]  # fmt: skip
    for words in said:
        for extra in ([], ["--json"]):
            out, err = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
            try:
                carried_out([*words, *extra, *([] if words[0] == "check" else ["--store", store])])
                text = sys.stdout.getvalue() + sys.stderr.getvalue()
            finally:
                sys.stdout, sys.stderr = out, err
            assert text, words
            net.put(f"command {words[0]} {' '.join(extra)}", text)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """All that came out of a run, and all that is kept of it."""
    folder = tmp_path_factory.mktemp("secrets")
    found = Net()
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUIDEWAY_KEY", Fernet.generate_key().decode())
        try:
            driven(found, str(folder / "desk.db"))
        finally:
            root.removeHandler(handler)
            root.setLevel(before)
        for form in FORMATS:
            found.put(f"picture of the flow, {form}", world.desk.draw(format=form))
    found.put("manifest", world.desk.manifest())
    found.put("logs", heard.getvalue())
    for path in folder.iterdir():
        found.put(f"file {path.suffix}", path.read_bytes())
    return found


@pytest.mark.parametrize("kind", list(CANARY))
def test_no_secret_comes_out(net, kind):
    """No secret is in the store, a log, an error, an event, a command's output or a picture, in whatever form."""
    assert net.holds(CANARY[kind]) == []


def test_no_secret_number_comes_out(net):
    """A secret that is no text is in none of these either."""
    assert net.holds(str(NUMBER)) == []


def test_the_net_catches(net):
    """What stands beside the secrets and is none is found in the store, the events, the errors and the commands."""
    caught = net.holds(CONTROL)
    assert {"run", "stream", "inbox", "command show ", "command log --json", "graph"} <= set(caught)
    assert any(where.startswith("file") for where in caught)
    assert "**********" in net.found["command show "].decode()
    assert len([where for where in net.found if where.startswith("refused")]) == 9


def test_the_net_catches_other_forms():
    """A secret in base64 inside of other text, in hex or backwards is found."""
    net = Net()
    net.put("basic", base64.b64encode(b"user:" + CANARY["pin"].encode()))
    net.put("hex", CANARY["pin"].encode().hex())
    net.put("back", CANARY["pin"][::-1])
    net.put("none", "nothing")
    assert net.holds(CANARY["pin"]) == ["basic", "hex", "back"]
    assert words_of([world.SecretStr("a")]) == {"a"}
