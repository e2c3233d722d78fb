"""How each kind of event changes where a run stands; ``Standing.apply`` calls these, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..flows.history import history_from
from ..flows.position import AtFork, AtHead, AtLeft, AtNode, Parked
from ..flows.watching import happened
from .asking import approvers
from .branches import Branch, Dropped, Pending, Recorded, dropped_of, entry_of_end
from .codec import read_position
from .inheriting import origin_of
from .store.records import Event

if TYPE_CHECKING:
    from .standing import Standing


def move(standing: Standing[Any], branch: Branch, event: Event) -> None:
    """Takes a move that an event holds: the position, counters, the way out; the step's calls are over.

    Args:
        standing: where the run stands.
        branch: what moves.
        event: the event.
    """
    body = event.body
    branch.at = at = read_position(body["to"])
    frame = branch.frame
    for name in body.get("counted", ()):
        frame.counters[name] = frame.counters.get(name, 0) + 1
    frame.out = frame.out or body.get("out", False)
    if frame.flow.watched:
        done = body["node"] if event.kind == "step" and body["kind"] == "ok" else None
        frame.history.add(happened(done, body.get("seen", ()), at))
    branch.requests = {}
    branch.calls = {}
    if isinstance(at, AtFork):
        _fork(standing, branch, at, body["heads"])
    elif isinstance(at, AtLeft):
        branch.left = event.number


def _fork(standing: Standing[Any], branch: Branch, at: AtFork, heads: list[str]) -> None:
    branch.forks += 1
    region = branch.frame.flow.regions.get(at.fork)  # a fork that is gone: the run parks
    for number, route in enumerate(heads):
        own = f"{branch.forks}b{number}"
        path = f"{branch.path}.{own}" if branch.path else own
        standing.add(Branch(path, branch.frame, AtHead(route), branch.state, branch, region))


def _started(standing: Standing[Any], branch: Branch, event: Event) -> None:
    body = event.body
    frame = branch.frame
    if branch.parent is None:
        standing.by = body.get("by")
        standing.be_of(body["shape"], body["build"])
    else:
        branch.error = None
    branch.state = frame.kind.load(body["state"])
    frame.started = event.at
    move(standing, branch, event)


def _forked(standing: Standing[Any], branch: Branch, event: Event) -> None:
    """A fork has what its parent had at that place; what came in there is decided about when it is driven."""
    body = event.body
    frame = branch.frame
    standing.forked = (body["run"], body["at"])
    standing.begins = body.get("after")
    standing.inherits = list(body["calls"])
    frame.counters = dict(body["counters"])
    frame.out = body["out"]
    frame.history = history_from(body.get("happened", ()))
    frame.spend(body["spent"])
    if body.get("update"):
        standing.write(branch, body["update"])


def _step(standing: Standing[Any], branch: Branch, event: Event) -> None:
    body = event.body
    standing.steps += 1
    branch.frame.spend(body.get("spent"))
    standing.error = branch.error = body.get("error")
    if branch.index is not None and branch.of_item:
        assert branch.parent is not None
        branch.parent.enter(body["entry"])
        branch.parent.children.pop(branch.path, None)
        standing.branches.pop(branch.path, None)
        if "failure" in body["entry"]:
            _remember(branch.parent, branch)
        return
    failed = "error" in body and (branch.children or branch.entries)
    dropped = dropped_of(branch) if failed else None
    branch.ordinal += 1
    branch.before = (branch.state, len(branch.deltas))
    for delta in body.get("deltas", ()):
        standing.write(branch, delta)
    if body.get("delta"):
        standing.write(branch, body["delta"])
    branch.kept = branch.calls
    _drop(standing, branch, dropped)
    move(standing, branch, event)


def _remember(parent: Branch, item: Branch) -> None:
    """What a retry of the each must know of a failed item: what happened or perhaps did, and what people said."""
    item.calls = _lasting(item.calls)
    item.requests = {name: asked for name, asked in item.requests.items() if asked.status != "expired"}
    if item.calls or item.asked:
        assert item.index is not None
        parent.failed[item.index] = item


def _drop(standing: Standing[Any], branch: Branch, dropped: Dropped | None) -> None:
    """What came from a branch is over; for a retry it is remembered, until the branch has gone on."""
    if dropped is not None:
        standing.dropped[branch.path] = dropped
    elif standing.dropped:
        standing.dropped.pop(branch.path, None)
    if branch.children or branch.entries:
        standing.close(branch)


def _join(standing: Standing[Any], branch: Branch, event: Event) -> None:
    deltas = [delta for child in branch.children.values() for delta in child.deltas]
    dropped = dropped_of(branch)
    if not event.body.get("refused"):
        for delta in deltas:
            standing.write(branch, delta)
    _drop(standing, branch, dropped)
    move(standing, branch, event)


def _gate(standing: Standing[Any], branch: Branch, event: Event) -> None:
    body = event.body
    if "to" in body:
        move(standing, branch, event)
        return
    branch.requests[body["request"]].consumed = True


def _asked(_: Standing[Any], branch: Branch, event: Event) -> None:
    branch.asked += 1
    branch.requests[event.body["request"]] = Pending(event.body["request"], event.body)


def _decided(standing: Standing[Any], _: Branch, event: Event) -> None:
    body = event.body
    asks = standing.asking(body["request"])
    pending = None if asks is None else asks.requests[body["request"]]
    if body["status"] == "revoked" and (pending is None or pending.status != "open"):
        standing.revoked[body["request"]] = body | {"at": event.at}  # the run had used it: the dispatch looks here
        return
    if pending is None:
        return
    pending.decisions.append(body | {"at": event.at})
    pending.status = "open" if body["status"] == "revoked" else body["status"]
    if pending.status == "approved" and len(approvers(pending.decisions)) < pending.body.get("quorum", 1):
        pending.status = "open"


def _intent(standing: Standing[Any], branch: Branch, event: Event) -> None:
    body = event.body
    _met(standing, body)
    branch.calls[body["slot"]] = recorded = Recorded(body, body.get("sent", event.at), number=event.number)
    if body["kind"] == "tool":
        standing.unknown[event.number] = recorded
    branch.frame.spend(body.get("spent"))


def _result(standing: Standing[Any], branch: Branch, event: Event) -> None:
    body = event.body
    if "late" in body:
        _late(standing, body)
        return
    _met(standing, body)
    head, _, last = body["slot"].rpartition(".")
    if last == "reconciled" and head in branch.calls:
        standing.unknown.pop(branch.calls[head].number, None)
    recorded = branch.calls.setdefault(body["slot"], Recorded())
    recorded.result = body
    standing.unknown.pop(recorded.number, None)
    if recorded.intent is None and "inherited" in body:  # what a fork inherits counts as a call of its own
        recorded.intent = body
    branch.frame.spend(body.get("spent"))


def _late(standing: Standing[Any], body: dict[str, Any]) -> None:
    """A call that nobody waited for any more has ended: its result counts wherever the call does."""
    recorded = standing.unknown.pop(body["late"])
    recorded.result, recorded.running = body, None
    for branch in standing.parked:
        if any(call is recorded for call in branch.calls.values()):
            assert isinstance(branch.at, Parked)
            branch.at = branch.at.at
            standing.error = branch.error = None


def _breach(standing: Standing[Any], _: Branch, event: Event) -> None:
    """A call went on when its time was over, or has ended so; a model's that used too much changes no standing."""
    recorded = standing.unknown.get(event.body.get("intent", 0))
    if recorded is not None:
        recorded.running, recorded.over = event.body.get("holder"), "ended" in event.body


def _met(standing: Standing[Any], body: dict[str, Any]) -> None:
    """A call of the parent that the fork has met is not inherited a second time."""
    if "inherited" in body:
        origin = origin_of(body["inherited"])
        standing.inherits = [entry for entry in standing.inherits if origin_of(entry) != origin]


def _parked(standing: Standing[Any], branch: Branch, event: Event) -> None:
    at = branch.at.at if isinstance(branch.at, Parked) else branch.at
    if isinstance(at, AtNode):
        branch.at = Parked(at, event.body["reason"])
    standing.error = branch.error = event.body.get("error")
    branch.frame.spend(event.body.get("spent"))


def _settled(standing: Standing[Any], branch: Branch, event: Event) -> None:
    body = event.body
    if isinstance(branch.at, Parked):
        branch.at = branch.at.at
    standing.error = branch.error = None
    if body["kind"] == "done":
        recorded = branch.calls.setdefault(body["slot"], Recorded())
        recorded.result = {"slot": body["slot"], "value": body["value"]}
        standing.unknown.pop(recorded.number, None)
    elif body["kind"] == "not_done":
        recorded = branch.calls.pop(body["slot"], Recorded())
        standing.unknown.pop(recorded.number, None)
    else:  # given up: a step that failed, so that what comes next has other keys
        _step(standing, branch, event)
        standing.error = branch.error = None


def _resumed(standing: Standing[Any], _: Branch, event: Event) -> None:
    body = event.body
    standing.over = None
    _unpark(standing, body)
    _renew(standing, body)
    if "shape" in body:
        standing.be_of(body["shape"], body["build"])
    for place in body.get("places", ()):
        _retry(standing, place)


def _unpark(standing: Standing[Any], body: dict[str, Any]) -> None:
    for parked in standing.parked:
        if parked.path in body.get("branches", (parked.path,)):
            assert isinstance(parked.at, Parked)
            parked.at = parked.at.at


def _renew(standing: Standing[Any], body: dict[str, Any]) -> None:
    """Requests that another version would ask otherwise are about nothing any more."""
    for request in body.get("renewed", ()):
        asks = standing.asking(request)
        if asks is not None:
            del asks.requests[request]


def _migrated(standing: Standing[Any], _: Branch, event: Event) -> None:
    """The run goes on under another version: places and states are those of that version from here on.

    What a retry could have opened again is forgotten: it was of the version before.
    """
    body = event.body
    _unpark(standing, body)
    _renew(standing, body)
    for place in body.get("places", ()):
        standing.branches[place["branch"]].at = read_position(place["to"])
    for path, counters in body.get("counters", {}).items():
        standing.branches[path].frame.counters = dict(counters)
    for path, marks in body.get("happened", {}).items():
        standing.branches[path].frame.history = history_from(marks)
    standing.begins = body.get("begins", standing.begins)
    standing.dropped = {}
    standing.be_of(body["shape"], body["build"], anew=True)
    for path, told in body.get("states", {}).items():
        branch = standing.known(path)
        branch.state = branch.frame.kind.load(told["state"])
        if branch.before is not None:
            branch.before = branch.frame.kind.load(told["before"]), branch.before[1]
    for path, deltas in body.get("deltas", {}).items():
        standing.known(path).deltas = list(deltas)


def _retry(standing: Standing[Any], place: dict[str, Any]) -> None:
    """Back to the node that failed, with what its effects gave, or nobody knows of them.

    A step may have written, and failed only by what came behind it (an end that was not met, a rule that raised): a
    new attempt of it begins before that, so that it does not write twice.
    """
    path: str = place["branch"]
    again, at = place["again"], read_position(place["to"])
    names = path.split(".") if path else []
    for count in range(len(names) + 1):
        above, below = ".".join(names[:count]), ".".join(names[: count + 1])
        dropped = standing.dropped.get(above)
        # what is open already did not go with it, and a branch that went on since stands elsewhere
        if dropped is not None and (below not in standing.branches if above != path else dropped.at == at):
            restore(standing, standing.branches[above], standing.dropped.pop(above))
    branch = standing.branches[path]
    if again and branch.before is not None:
        branch.state, wrote = branch.before
        del branch.deltas[wrote:]
    branch.calls = _lasting(branch.kept) if again else branch.calls
    branch.requests = {}
    branch.at = at
    branch.ordinal -= again
    standing.error = branch.error = None


def restore(standing: Standing[Any], branch: Branch, dropped: Dropped) -> None:
    """Opens again what came from a branch when it was left by a failure.

    Args:
        standing: where the run stands.
        branch: the branch.
        dropped: what it was then.
    """
    branch.at, branch.state, branch.ordinal = dropped.at, dropped.state, dropped.ordinal
    branch.deltas = list(dropped.deltas)
    branch.entries = {index: entry for index, entry in dropped.entries.items() if "failure" not in entry}
    branch.failures.clear()
    for child in (*dropped.children, *(dropped.failed[index] for index in sorted(dropped.failed))):
        standing.add(child)
        for one in (child, *child.within_branches()):
            standing.branches[one.path] = one
            one.requests = {name: item for name, item in one.requests.items() if item.consumed}


def _lasting(calls: dict[str, Recorded]) -> dict[str, Recorded]:
    """What counts in the next attempt of a step, of the calls of one that is over."""
    return {slot: call for slot, call in calls.items() if _lasts(call)}


def _lasts(call: Recorded) -> bool:
    """Whether a call of an attempt that is over counts in the next: an effect that happened, or perhaps did."""
    if call.intent is None or call.intent["kind"] != "tool":
        return False
    return call.result is None or "value" in call.result


def _ended(standing: Standing[Any], branch: Branch, event: Event) -> None:
    error = event.body.get("error")
    if branch.parent is None:
        standing.over = "ended"
        standing.error = error if error is not None else standing.error
        return
    branch.error = error
    if branch.index is not None:  # an item: what came of it is all that its each needs
        left = isinstance(branch.at, AtLeft) and branch.at.how == "outer"
        branch.parent.enter(entry := entry_of_end(branch), own=branch.frame.flow.budget is not None and not left)
        if "failure" in entry:
            branch.parent.failed[branch.index] = branch
        branch.parent.children.pop(branch.path, None)
        for inner in branch.within_branches():
            standing.branches.pop(inner.path, None)
        standing.branches.pop(branch.path, None)


def _cancelled(standing: Standing[Any], _: Branch, __: Event) -> None:
    standing.over = "cancelled"


Fold = Callable[["Standing[Any]", Branch, Event], None]

FOLDS: dict[str, Fold] = {
    "started": _started,
    "forked": _forked,
    "step": _step,
    "join": _join,
    "gate": _gate,
    "asked": _asked,
    "decided": _decided,
    "expired": _decided,
    "intent": _intent,
    "result": _result,
    "parked": _parked,
    "settled": _settled,
    "resumed": _resumed,
    "migrated": _migrated,
    "ended": _ended,
    "breach": _breach,
    "cancelled": _cancelled,
}
"""How each kind of event folds."""
