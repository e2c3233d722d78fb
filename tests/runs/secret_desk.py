"""A desk that holds a secret in every kind of place, for the net that looks for them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field, Secret, SecretBytes, SecretStr, computed_field, field_serializer, model_validator

from guideway import (
    START,
    Anyone,
    Context,
    End,
    Flow,
    Item,
    Retry,
    ToolError,
    approval,
    ask,
    at_most,
    compute,
    each,
    exists,
    failed,
    fields,
    on,
    policy,
    subflow,
    think,
    tool,
    when,
)
from guideway.testing import ScriptedModel

KINDS = (
    "pin", "password", "told", "computed", "named", "raw", "default", "answer", "model", "result", "edit", "settled",
    "deps", "item", "child", "fork", "wrong",
)  # fmt: skip
CANARY = {kind: f"canary-{kind.replace('_', '-')}-7Qx9vLm2" for kind in KINDS}
NUMBER = 7351946208
CONTROL = "control-of-the-net-5Tz"
"""It is no secret, and is found everywhere: so the net catches."""


class Creds(BaseModel):
    """A secret in a model, beside what is none."""

    user: str
    password: SecretStr = Field(min_length=8)


class Telling(BaseModel):
    """A model whose author lets its dumps tell the secrets."""

    token: SecretStr
    hidden: SecretStr

    @field_serializer("token")
    def tell(self, token: SecretStr) -> str:
        return token.get_secret_value()

    @computed_field(repr=False)
    @property
    def url(self) -> str:
        return f"db://{self.hidden.get_secret_value()}@host"


class Case(BaseModel):
    """The state."""

    note: str = CONTROL
    pin: SecretStr
    creds: Creds
    telling: Telling
    named: dict[str, SecretStr] = {}
    raw: SecretBytes = SecretBytes(b"")
    number: Secret[int] = Secret(NUMBER)
    default: SecretStr = SecretStr(CANARY["default"])
    many: list[Creds] = []
    done: list[Item[Creds]] = []
    answered: SecretStr | None = None
    said: SecretStr | None = None
    given: SecretStr | None = None
    paid: Creds | None = None
    child: SecretStr | None = None
    rounds: int = 0

    @model_validator(mode="after")
    def not_wrong(self) -> Case:
        if self.pin.get_secret_value() == CANARY["wrong"]:
            raise ValueError(f"the pin {self.pin.get_secret_value()} is wrong")
        return self


class Said(BaseModel):
    """What a model answers."""

    said: SecretStr


@dataclass
class Deps:
    """What nodes need from outside."""

    password: SecretStr = field(default_factory=lambda: SecretStr(CANARY["deps"]))


t = fields(Case)
tries: list[int] = []


@compute
def again(pin: SecretStr, rounds: int) -> Case | None:
    """Only here so that the flow loops."""
    return None


@compute(writes="rounds")
def counted(rounds: int) -> int:
    return rounds + 1


@think(output=Said)
def guess(note: str, pin: SecretStr) -> str:
    return f"{note}: {pin.get_secret_value()}"  # the author's own doing: the prompt is not journalled


@tool(effect="none", writes="given", retry=Retry(attempts=3))
def fetch(pin: SecretStr, creds: Creds, telling: Telling, named: dict[str, SecretStr], ctx: Context) -> SecretStr:
    tries.append(1)
    if len(tries) % 3:
        quoted = [pin, creds.password, telling.token, telling.hidden, ctx.deps.password, *named.values()]
        told = " ".join(one.get_secret_value() for one in quoted)
        basic = base64.b64encode(f"user:{creds.password.get_secret_value()}".encode()).decode()
        raise ConnectionError(f"{CONTROL} no host for {told} {told!r} Basic {basic} {told.encode().hex()}")
    return SecretStr(CANARY["result"])


@tool(effect="once", stakes="high", timeout=5, writes="paid", not_done=(LookupError,))
def pay(pin: SecretStr, creds: Creds, given: SecretStr | None) -> Creds:
    raise OSError(f"{CONTROL} reset while {pin.get_secret_value()} {creds.password.get_secret_value()} was sent")


@tool(effect="none", writes="done")
def work(item: Creds) -> Creds:
    if item.user == "bad":
        raise ToolError(f"{CONTROL} no {item.password.get_secret_value()}")
    return Creds(user=item.user, password=SecretStr(CANARY["item"] + item.user))


def allowed(pin: SecretStr, call: Any) -> str | None:
    """A policy that quotes what it reads, where it says no."""
    return None if call.arguments["pin"] == "**********" else f"no {pin.get_secret_value()} {call.arguments}"


class Inner(BaseModel):
    """The state of the flow inside."""

    pin: SecretStr
    child: SecretStr | None = None


@tool(effect="idempotent", writes="child")
def inside(pin: SecretStr) -> SecretStr:
    return SecretStr(CANARY["child"])


over = End("over", succeeds_if=exists(t.child))
gone = End("gone", verdict="failed")
inner = Flow("inner", state=Inner, edges=[on(START, inside), on(inside, End("fine"))])
part = subflow(inner, name="part", reads={"pin": "pin"}, writes={"child": "child"})
lead = approval("lead", within="1h", shows=[t.pin, t.creds, t.note], denied=gone, expired=gone)
asking = ask("customer", "What is it?", name="asking", form=SecretStr, writes="answered", within="1h", expired=gone)
works = each(work, name="works", item="item", over="many", into="done", tolerate=1)

desk = Flow(
    "secret-desk",
    state=Case,
    edges=[
        on(START, counted),
        on(counted, when(t.rounds < 2, at_most(3)) >> counted, guess),
        on(guess, fetch),
        on(fetch, failed() >> gone, when(exists(t.given)) >> asking, gone),
        on(asking, policy(allowed, violated=gone) >> lead >> pay),
        on(pay, failed("declined") >> gone, works),
        on(works, failed() >> gone, part),
        on(part, over),
    ],
)


def model() -> ScriptedModel:
    """Answers with a secret, after an answer that does not fit."""
    return ScriptedModel(lambda prompt: {"said": CANARY["model"]})


def app(store: str | None = None) -> Any:
    """The App, whose key stands in the environment."""
    return desk.compile(store=store, models={"default": model()}, roles=Anyone(), deps=Deps())


def case(**changed: Any) -> dict[str, Any]:
    """An input with a secret at every place."""
    return {
        "pin": CANARY["pin"],
        "creds": {"user": "u", "password": CANARY["password"]},
        "telling": {"token": CANARY["told"], "hidden": CANARY["computed"]},
        "named": {"a": CANARY["named"]},
        "raw": CANARY["raw"].encode(),
        "many": [{"user": name, "password": CANARY["item"]} for name in ("one", "bad", "two")],
    } | changed
