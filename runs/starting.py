"""How a run begins: its first event, with its validated input and where that leads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ..flows.flow import Flow
from ..flows.position import AtNode, Begun, Place, Run
from ..flows.semantics import next_move
from ..flows.watching import watch
from ..guards.secrecy import SEALED
from ..nodes.sealing import using
from .codec import write_move, write_position
from .keys import Keys
from .store.records import Draft


def started(flow: Flow[Any], keys: Keys, given: Mapping[str, Any] | BaseModel, by: str | None) -> Draft:
    """The first event of a new run.

    Args:
        flow: the flow.
        keys: under which secrets are kept.
        given: the input.
        by: who starts it.

    Raises:
        StateInvalid: the input does not fit the state.
    """
    vault = keys.new()
    with using(vault):
        state = flow.type.start(given)
        body = {
            "flow": flow.name,
            "shape": flow.shape,
            "build": flow.build,
            "by": by,
            "state": flow.type.dump(state),
            **first_move(flow, state),
        }
    if vault is not None:
        body["sealed"] = {SEALED: vault.wrapped}
    return Draft("started", body)


def first_move(flow: Flow[Any], state: BaseModel) -> dict[str, Any]:
    """Where a new run goes, as its first event has it: to a node at once, and to START where it asks or ends first.

    Args:
        flow: the flow.
        state: the run's first state.
    """
    now = time.time()
    watched = watch(flow.watched) if flow.watched else None
    move = next_move(flow, Place(state, started=now, now=now, watch=watched), Begun())
    if not isinstance(move, Run):
        return {"to": write_position(AtNode("START"))}  # the driver's first move, with its request or its end
    body: dict[str, Any] = {}
    write_move(body, move, out=False)
    return body
