"""Secrets in runs: the key that they need, what its loss and its change come to, and what is still exactly-once."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel, SecretStr

from guideway import (
    START,
    Anyone,
    ConfigError,
    DecisionRefused,
    End,
    Flow,
    FromState,
    GuidewayError,
    JournalBroken,
    NodeError,
    StateInvalid,
    act,
    approval,
    ask,
    on,
    policy,
    subflow,
    tool,
)
from guideway.guards.secrecy import MASK
from guideway.nodes.calls import Call
from guideway.runs.asking import digest_of_call
from guideway.runs.store import SqliteStore
from tests.runs.test_promises_decisions import reseal

PIN = "canary-4711-pin"
KEY = Fernet.generate_key()
DONE, NO = End("done"), End("no", verdict="failed")
PAID: list[str] = []


class Till(BaseModel):
    """The state."""

    order: str = "17"
    pin: SecretStr
    receipt: SecretStr | None = None


@tool(effect="once", stakes="high", timeout=5.0, key="order", writes="receipt")
def pay(order: str, pin: SecretStr) -> SecretStr:
    PAID.append(f"{order} {pin.get_secret_value()}")
    return SecretStr(f"receipt-{len(PAID)}-of-{pin.get_secret_value()}")


def till(key: str | None = "order") -> Flow[Till]:
    """A payment behind a lead."""
    tool_ = pay if key else open_pay
    lead = approval("lead", within="1h", shows=[], denied=NO, expired=NO)
    return Flow("till", state=Till, edges=[on(START, lead >> tool_), on(tool_, DONE)])


@tool(effect="once", stakes="high", timeout=5.0, writes="receipt")
def open_pay(order: str, pin: SecretStr) -> SecretStr:
    return pay(order, pin)


def app(store: Any = None, key: Any = KEY, **options: Any) -> Any:
    """The App of a till."""
    return till(**options).compile(store=store, roles=Anyone(), key=key)


@pytest.fixture(autouse=True)
def _nothing_paid(monkeypatch):
    monkeypatch.delenv("GUIDEWAY_KEY", raising=False)
    PAID.clear()


@pytest.fixture
def store(tmp_path):
    return str(tmp_path / "till.db")


def bytes_of(store: str) -> bytes:
    """All that is on the disk of a store."""
    return b"".join(path.read_bytes() for path in Path(store).parent.iterdir())


def events_of(store: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(store)
    found = db.execute("select * from events order by key").fetchall()
    db.close()
    return found


def test_a_durable_flow_with_secrets_needs_a_key(store):
    """compile says that it needs one, for which field, and how one is made; no store is made before that."""
    with pytest.raises(
        ConfigError, match=r"state field Till.pin.*compile\(..., key=...\).*Fernet.generate_key"
    ) as told:
        app(store, None)
    assert "GUIDEWAY_KEY" in str(told.value)
    assert not Path(store).exists()


def test_the_key_may_stand_in_the_environment(store, monkeypatch):
    """GUIDEWAY_KEY is taken where compile is given none; several stand there with commas between."""
    monkeypatch.setenv("GUIDEWAY_KEY", KEY.decode())
    with app(store, None) as opened:
        opened.start({"pin": PIN}, run_id="r", by="web")
    monkeypatch.setenv("GUIDEWAY_KEY", f"{Fernet.generate_key().decode()}, {KEY.decode()}")
    with app(store, None) as opened:
        assert opened.get("r").state.pin.get_secret_value() == PIN


@pytest.mark.parametrize("key", ["short", b"", 7, ["x" * 44], [None], "x" * 44])
def test_what_is_no_key_is_refused(store, key):
    """A key that is none is refused at compile, and is not quoted."""
    with pytest.raises(ConfigError, match="is no key") as told:
        app(store, key)
    assert "xxxx" not in str(told.value)
    assert told.value.__context__ is None


def test_in_memory_no_key_is_needed():
    """A store in memory dies with the process, and so does the key that is made for it."""
    with app(None, None) as opened:
        opened.approve(opened.start({"pin": PIN}, run_id="r", by="web").waiting[0], by="ann")
        assert opened.resume("r").state.receipt.get_secret_value() == f"receipt-1-of-{PIN}"


def test_another_key_opens_nothing_and_changes_nothing(store):
    """With another key, or none, a run is neither read, driven nor decided: the error names run, event and way out."""
    with app(store) as opened:
        request = opened.start({"pin": PIN}, run_id="r", by="web").waiting[0]
    before = events_of(store)
    with app(store, Fernet.generate_key()) as opened:
        for call in (
            lambda: opened.get("r"), lambda: opened.resume("r"), lambda: opened.cancel("r", by="web"),
            lambda: opened.fork("r", at=0, by="web"),
            lambda: opened.approve(request, by="ann", edits={"pin": "other-pin"}),
        ):  # fmt: skip
            with pytest.raises(
                ConfigError, match=r"run 'r' of flow 'till' holds secrets \(event 1\).*Give the key"
            ) as told:
                call()
            assert PIN not in str(told.value)
    assert events_of(store) == before
    with app(store) as opened:
        opened.approve(request, by="ann")
        assert opened.resume("r").verdict == "success"


def test_a_wrong_key_is_noticed_when_somebody_says_yes(store):
    """A yes that the run could not go on with is not recorded; a no is, and who may not decide is told so."""
    with app(store) as opened:
        asked = [opened.start({"pin": PIN}, run_id=run, by="web").waiting[0] for run in ("r", "s")]
    before = events_of(store)
    with app(store, Fernet.generate_key()) as opened:
        for request in (asked[0], asked[0].id):
            with pytest.raises(
                ConfigError, match=r"run 'r' of flow 'till' holds secrets \(event 1\).*none of the keys"
            ):
                opened.approve(request, by="ann")
        with pytest.raises(DecisionRefused, match="whoever started the run is barred"):
            opened.approve(asked[0], by="web")
        assert events_of(store) == before
        opened.deny(asked[1], by="ann", note="no key, no yes")
        assert [run.status for run in opened.runs()] == ["damaged"] * 2
        assert {run.error.type for run in opened.runs()} == {"ConfigError"}
    with app(store) as opened:
        opened.approve(asked[0], by="ann")
        assert opened.resume("r").verdict == "success"
        assert opened.resume("s").end == "no"


def test_a_wrong_key_is_noticed_when_somebody_answers(tmp_path):
    """An answer to a run whose secrets the App cannot open is refused before it is recorded."""
    path = str(tmp_path / "asked.db")
    how = ask("lead", "how many?", writes="order")
    flow = Flow("asked", state=Till, edges=[on(START, how), on(how, DONE)])
    with flow.compile(store=path, roles=Anyone(), key=KEY) as opened:
        request = opened.start({"pin": PIN}, run_id="r", by="web").waiting[0]
    with flow.compile(store=path, roles=Anyone(), key=Fernet.generate_key()) as opened:
        with pytest.raises(ConfigError, match=r"run 'r' of flow 'asked' holds secrets"):
            opened.answer(request, "3", by="ann")
        assert [row.id for row in opened.inbox()] == [request.id]
    with flow.compile(store=path, roles=Anyone(), key=KEY) as opened:
        opened.answer(request, "3", by="ann")
        assert opened.resume("r").state.order == "3"


def test_keys_are_changed_under_way(store):
    """The first key encrypts and all decrypt: an approved run goes on under the next key as it was approved."""
    new = Fernet.generate_key().decode()
    with app(store) as opened:
        opened.approve(opened.start({"pin": PIN}, run_id="old", by="web").waiting[0], by="ann")
    with app(store, [new, KEY]) as opened:
        assert opened.resume("old").verdict == "success"
        opened.start({"pin": PIN, "order": "18"}, run_id="new", by="web")
        opened.fork("old", at=0, by="web", new_id="fork")
    with app(store, new) as opened:
        assert opened.get("new").state.pin.get_secret_value() == PIN
        assert opened.get("fork").state.pin.get_secret_value() == PIN
        with pytest.raises(ConfigError, match="none of the keys"):
            opened.get("old")
    assert [f"17 {PIN}"] == PAID


CHILD = """
import os, sys
from tests.runs import test_secrets as world
with world.app(sys.argv[1], os.environ["KEY"]) as opened:
    opened.approve(opened.inbox()[0], by="ann")
    run = opened.resume("r")
    print(run.verdict, run.state.receipt.get_secret_value())
"""


def test_another_process_goes_on(store, root):
    """A run that one process started is approved and driven by another that has the key, and what it gives is read."""
    with app(store) as opened:
        opened.start({"pin": PIN}, run_id="r", by="web")
    environ = os.environ | {"KEY": KEY.decode()}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, store],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"success receipt-1-of-{PIN}"), done.stderr
    with app(store) as opened:
        assert opened.get("r").state.receipt.get_secret_value() == f"receipt-1-of-{PIN}"
    assert PIN.encode() not in bytes_of(store)


def test_a_digest_does_not_tell_a_secret(store):
    """The digest of an approval names the secret and is no test for guesses: it takes the key to compute."""
    with app(store) as opened:
        request = opened.start({"pin": PIN}, run_id="r", by="web").waiting[0]
        row = opened.store.request(request.id)
        again = app(store).start({"pin": PIN}, run_id="s", by="web").waiting[0]
    sealed = row.body["call"]["arguments"]
    assert request.call.arguments == {"order": "17", "pin": MASK}
    for guess in ({"order": "17", "pin": PIN}, request.call.arguments):
        assert digest_of_call(request.id, Call("pay", guess, source=request.call.source)) != request.digest
    assert digest_of_call(request.id, Call("pay", sealed, source=request.call.source)) == request.digest
    assert app(store).store.request(again.id).body["call"]["arguments"]["pin"] != sealed["pin"]


def test_another_secret_is_another_call(store):
    """What is approved is the call with its secret: where that changes, the yes is not for it."""
    with app(store) as opened:
        request = opened.start({"pin": PIN}, run_id="r", by="web").waiting[0]
        fork = opened.fork("r", at=0, by="web", update={"pin": "another-pin"}, new_id="s").waiting[0]
        first, second = (opened.store.request(one.id).body["call"]["arguments"] for one in (request, fork))
        assert first["order"] == second["order"]
        assert first["pin"] != second["pin"]
        same = opened.fork("r", at=0, by="web", new_id="t").waiting[0]
        assert opened.store.request(same.id).body["call"]["arguments"] == first


def test_a_business_key_gives_the_first_secret_to_the_second_run(store):
    """The second use of a key gets the first result, a secret of another run, and can read it."""
    with app(store) as opened:
        for name in ("r", "s"):
            opened.approve(opened.start({"pin": PIN}, run_id=name, by="web").waiting[0], by="ann")
            assert opened.resume(name).state.receipt.get_secret_value() == f"receipt-1-of-{PIN}"
    assert [f"17 {PIN}"] == PAID
    with app(store) as opened:
        assert opened.get("s").state.receipt.get_secret_value() == f"receipt-1-of-{PIN}"
    assert PIN.encode() not in bytes_of(store)


def test_a_fork_knows_a_call_by_its_secret(store):
    """A fork does not make a once-only call anew whose arguments are secrets, and makes one with another secret."""
    with till(None).compile(store=store, roles=Anyone(), key=KEY) as opened:
        opened.approve(opened.start({"pin": PIN}, run_id="r", by="web").waiting[0], by="ann")
        opened.resume("r")
        for name, update, count in (("same", None, 1), ("other", {"pin": "another-pin"}, 2)):
            opened.approve(opened.fork("r", at=0, by="web", update=update, new_id=name).waiting[0], by="ann")
            assert opened.resume(name).verdict == "success"
            assert len(PAID) == count


def test_a_sealed_secret_of_another_run_is_refused(store):
    """A sealed secret that was moved from one run to another opens nothing: the row is named."""
    with app(store) as opened:
        opened.start({"pin": PIN}, run_id="r", by="web")
        opened.start({"pin": "mine-mine"}, run_id="s", by="web")
    first, second = (row for row in events_of(store) if row[1] == "started")
    body = json.loads(second[3])
    body["state"]["pin"] = json.loads(first[3])["state"]["pin"]
    with sqlite3.connect(store) as db:
        db.execute("update events set body = ? where key = ?", (json.dumps(body), second[0]))
    db.close()
    with SqliteStore(store) as forged:
        reseal(forged, "s")
    with app(store) as opened, pytest.raises(JournalBroken, match="run 's': event 1.*cannot be opened"):
        opened.get("s")


class Loose(BaseModel):
    """A state that takes anything."""

    free: Any = None
    pin: SecretStr = SecretStr("a-pin-that-is-one")


def test_nobody_hides_what_runs_behind_the_mark_of_a_secret():
    """Data that says of itself that it is a sealed secret is refused: it would be shown as one."""
    lure = {"$secret": "v1." + "A" * 64}

    @tool(effect="none", writes="free")
    def give() -> Any:
        return {"amount": lure}

    flow = Flow("loose", state=Loose, edges=[on(START, give), on(give, DONE)])
    with flow.compile() as opened:
        with pytest.raises(StateInvalid, match=r"the key '\$secret' marks what is sealed"):
            opened.start({"free": lure})
        run = opened.start({})
        assert run.error is not None
        assert run.error.category == "invalid_output"


def test_a_secret_at_a_place_of_no_secret_type_is_refused():
    """What a tool gives as Any may hold no secret: nothing would hide it when it is read again."""

    @tool(effect="none", writes="free")
    def give() -> Any:
        return {"pin": SecretStr(PIN)}

    flow = Flow("loose", state=Loose, edges=[on(START, give), on(give, DONE)])
    with flow.compile() as opened:
        run = opened.start({})
        assert (run.status, run.error.category) == ("ended", "invalid_output")
        assert PIN not in repr(run) + repr(run.events)


def test_a_business_key_is_no_secret():
    """A tool whose key= is a secret is refused where it is written: business keys stand in the store in clear."""
    with pytest.raises(NodeError, match="key='pin', which holds a secret"):
        tool(effect="once", stakes="low", timeout=5.0, key="pin")(open_pay.fn)


def test_a_model_neither_fills_nor_sees_a_secret():
    """A tool of a model takes a secret from the state; what it gives is told to the model as asterisks."""
    from langchain_core.messages import AIMessage

    from guideway import Messages

    class Talk(BaseModel):
        messages: Messages = []
        pin: SecretStr

    @tool(effect="none")
    def look(what: str, pin: Annotated[SecretStr, FromState]) -> dict[str, SecretStr]:
        PAID.append(pin.get_secret_value())
        return {"found": pin}

    do = act([look], name="do")
    call = {"name": "look", "args": {"what": "x"}, "id": "c1", "type": "tool_call"}
    flow = Flow("talk", state=Talk, edges=[on(START, do), on(do, DONE)])
    with flow.compile() as opened:
        run = opened.start({"pin": PIN, "messages": [AIMessage("", tool_calls=[call], id="m1")]})
    assert PAID == [PIN]
    assert run.state.messages[-1].content == f'{{"found": "{MASK}"}}'
    assert PIN not in repr(run.events)


def test_a_policy_reads_the_state_and_sees_no_secret_in_the_call():
    """A policy that takes the call sees asterisks; the secret itself it reads from the state."""
    seen: list[Any] = []

    def watch(pin: SecretStr, call: Call) -> str | None:
        seen.append((pin.get_secret_value(), call.arguments["pin"]))
        return f"no {pin.get_secret_value()}"

    rule, lead = policy(watch, violated=NO), approval("lead", within="1h", denied=NO, expired=NO)
    flow = Flow("watched", state=Till, edges=[on(START, rule >> lead >> open_pay), on(open_pay, DONE)])
    with flow.compile(roles=Anyone()) as opened:
        run = opened.start({"pin": PIN}, by="web")
    assert set(seen) == {(PIN, MASK)}
    assert PIN not in repr(run.events)


def test_the_approval_of_a_flow_covers_its_secrets():
    """A flow inside is approved with the secrets that it is given: they are named, hidden, and part of the digest."""
    inner = Flow("inner", state=Till, edges=[on(START, DONE)])
    part = subflow(inner, name="part")
    lead = approval("lead", within="1h", denied=NO, expired=NO)
    flow = Flow("outer", state=Till, edges=[on(START, lead >> part), on(part, End("out"))])
    with flow.compile(roles=Anyone()) as opened:
        request = opened.start({"pin": PIN}, run_id="r", by="web").waiting[0]
        assert request.call.arguments == {"order": "17", "pin": MASK, "receipt": None}
        assert "$secret" in opened.store.request(request.id).body["call"]["arguments"]["pin"]


def test_a_foreign_caller_of_the_graph_leaves_no_secret(store):
    """An input that somebody gives to app.graph is in no checkpoint in clear, and the state comes back hidden."""
    config = {"configurable": {"thread_id": "r"}}
    with app(store) as opened:
        opened.graph.invoke({"pin": PIN}, config)
        assert opened.graph.get_state(config).values["pin"] == SecretStr(PIN)
        assert PIN not in repr(opened.graph.get_state(config))
        assert PIN not in repr(list(opened.graph.get_state_history(config)))
    assert PIN.encode() not in bytes_of(store)


def test_a_default_is_in_no_manifest(store):
    """The default of a secret field, however it is written, is in no manifest, so in no picture or store."""

    class Careless(BaseModel):
        pin: SecretStr = SecretStr(PIN)
        raw: SecretStr = PIN  # type: ignore[assignment]  # the mistake is the case
        nested: dict[str, SecretStr] = {"a": PIN}  # type: ignore[dict-item]  # the mistake is the case

    flow = Flow("careless", state=Careless, edges=[on(START, DONE)])
    assert PIN not in json.dumps(flow.manifest())
    with flow.compile(store=store, key=KEY) as opened:
        with pytest.raises(StateInvalid, match="Careless.raw") as told:  # pydantic does not make it a secret
            opened.start({})
        assert PIN not in str(told.value)
        assert opened.start({"raw": "x", "nested": {}}).status == "ended"
    assert PIN.encode() not in bytes_of(store)


def test_an_error_of_a_listener_or_tool_with_a_secret_of_deps_is_clean(store):
    """A secret in deps is kept out of error records of flows that hold no secrets themselves."""

    class Plain(BaseModel):
        out: str | None = None

    class Deps:
        def __init__(self) -> None:
            self.token = SecretStr(PIN)

    from guideway import Context

    @tool(effect="none", writes="out")
    def ask_host(ctx: Context) -> str:
        raise ConnectionError(f"no host at https://user:{ctx.deps.token.get_secret_value()}@host")

    flow = Flow("plain", state=Plain, edges=[on(START, ask_host), on(ask_host, DONE)])
    with flow.compile(store=store, deps=Deps()) as opened:
        run = opened.start({})
        assert run.error.message == f"no host at https://user:{MASK}@host"
    assert PIN.encode() not in bytes_of(store)


def test_a_run_of_a_flow_that_lost_its_secrets_is_still_closed(store):
    """A flow that holds no secrets any more does not read a run that does without its key."""
    with app(store) as opened:
        opened.start({"pin": PIN}, run_id="r", by="web")

    class Bare(BaseModel):
        order: str = "17"

    with (
        Flow("till", state=Bare, edges=[on(START, DONE)]).compile(store=store) as opened,
        pytest.raises(GuidewayError, match="holds secrets .event 1., and no key was given"),
    ):
        opened.resume("r")
