"""The faces by which people decide about runs; ``App`` is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel

from .ids import known_id
from .people import People
from .views import Request, Run

if TYPE_CHECKING:
    from .engine import Engine

S = TypeVar("S", bound=BaseModel)


class Deciding(Generic[S]):
    """Decisions about requests and runs. Every method has an async twin with an ``a`` in front."""

    _engine: Engine[S]
    _people: People

    def _call(self, work: Any) -> Any:
        return self._engine.portal.call(work)

    async def aapprove(
        self,
        request: Request | str,
        *,
        by: str,
        note: str | None = None,
        edits: Mapping[str, Any] | None = None,
        proof: str | None = None,
    ) -> None:
        """See ``approve``."""
        self.approve(request, by=by, note=note, edits=edits, proof=proof)

    def approve(
        self,
        request: Request | str,
        *,
        by: str,
        note: str | None = None,
        edits: Mapping[str, Any] | None = None,
        proof: str | None = None,
    ) -> None:
        """Says yes to the request that was seen; then resume the run.

        With ``edits=`` it is no yes yet: the request is over, and the run that is resumed asks all guards of the edge
        again about the edited call. Its first approval opens a request of its own, with the quorum begun anew, that
        nobody who changed something may decide. Nothing exempts an edited call.

        Args:
            request: the request as ``run.waiting`` or ``inbox`` gave it, or its id.
            by: who decides.
            note: why.
            edits: new values by argument, ``{"amount": 50}``; the tool stays, and so does what is taken from the state.
            proof: how the name was proved, for the record; by default that the caller named it.

        Raises:
            DecisionRefused: late, wrong role, the starter, twice, about something else than is asked now, one's own
                edit, or edits that change nothing, name no argument, or do not fit (``data["reason"]`` says which).
            RequestNotFound: no such request.
            ConfigError: none of the keys is that of the run's secrets: it could not go on with the decision.
        """
        self._engine.sweep()
        proved = self._people.proved(proof)
        if edits is None:
            self._people.approve(request, by=by, note=note, proof=proved)
        else:
            self._people.edit(request, edits, by=by, note=note, proof=proved)

    async def adeny(
        self, request: Request | str, *, by: str, note: str | None = None, proof: str | None = None
    ) -> None:
        """See ``deny``."""
        self.deny(request, by=by, note=note, proof=proof)

    def deny(self, request: Request | str, *, by: str, note: str | None = None, proof: str | None = None) -> None:
        """Says no: the run goes the gate's way when it is resumed.

        Args:
            request: the request, or its id.
            by: who decides.
            note: why; the node that is reached can read it.
            proof: how the name was proved, for the record.

        Raises:
            DecisionRefused: it does not count.
            RequestNotFound: no such request.
        """
        self._engine.sweep()
        self._people.deny(request, by=by, note=note, proof=self._people.proved(proof))

    async def arevoke(
        self, request: Request | str, *, by: str, note: str | None = None, proof: str | None = None
    ) -> None:
        """See ``revoke``."""
        self.revoke(request, by=by, note=note, proof=proof)

    def revoke(self, request: Request | str, *, by: str, note: str | None = None, proof: str | None = None) -> None:
        """Takes a yes back, until what it let pass is dispatched: by whoever said it, or by a holder of the role.

        - A quorum that is not there yet loses the yes of ``by``, and stays open.
        - A decision that the run has not used yet becomes a no: the run goes the gate's way for ``denied``.
        - One that it has used does not hold any more: the call fails (``invalid_call``, ``Revoked``) instead of being
          dispatched, in a later attempt and a retry too.

        Args:
            request: the request, or its id.
            by: who takes it back.
            note: why.
            proof: how the name was proved, for the record.

        Raises:
            DecisionRefused: what it let pass was dispatched already, there is no yes, or they may not take it back
                (``data["reason"]`` says which).
            RequestNotFound: no such request.
            RunNotReady: the run was cancelled.
        """
        self._engine.sweep()
        self._people.revoke(request, by=by, note=note, proof=self._people.proved(proof))

    async def aanswer(self, request: Request | str, value: Any, *, by: str, proof: str | None = None) -> None:
        """See ``answer``."""
        self.answer(request, value, by=by, proof=proof)

    def answer(self, request: Request | str, value: Any, *, by: str, proof: str | None = None) -> None:
        """Answers what an ``ask`` node asks; then resume the run.

        Args:
            request: the request, or its id.
            value: a str, or data that fits the node's form.
            by: who answers.
            proof: how the name was proved, for the record.

        Raises:
            DecisionRefused: it does not count, or the value does not fit the form.
            RequestNotFound: no such request.
            ConfigError: none of the keys is that of the run's secrets: it could not go on with the answer.
        """
        self._engine.sweep()
        self._people.answer(request, value, by=by, proof=self._people.proved(proof))

    async def asettle(
        self,
        run_id: str,
        step: int | str | None,
        result: Any,
        *,
        by: str,
        note: str | None = None,
        proof: str | None = None,
    ) -> None:
        """See ``settle``."""
        self.settle(run_id, step, result, by=by, note=note, proof=proof)

    def settle(
        self,
        run_id: str,
        step: int | str | None,
        result: Any,
        *,
        by: str,
        note: str | None = None,
        proof: str | None = None,
    ) -> None:
        """Settles a parked run's unknown effect; then resume the run.

        Args:
            run_id: the run's id.
            step: the step that is under way, as ``guideway show`` prints it, or its branch; None where only one is
                parked.
            result: what the effect returned, ``NOT_DONE``, or ``GIVE_UP``.
            by: who settles.
            note: how it is known.
            proof: how the name was proved, for the record.

        Raises:
            RunNotReady: the run is not parked, or at another step.
        """
        self._people.settle(known_id(run_id), step, result, by=by, note=note, proof=self._people.proved(proof))

    async def acancel(self, run_id: str, *, by: str, note: str | None = None) -> Run[S]:
        """See ``cancel``."""
        return self.cancel(run_id, by=by, note=note)

    def cancel(self, run_id: str, *, by: str, note: str | None = None) -> Run[S]:
        """Ends a run: its open requests are withdrawn, and whoever drives it commits nothing more.

        Args:
            run_id: the run's id.
            by: who cancels.
            note: why.

        Raises:
            RunNotReady: it is over already.
            RunBusy: a once-only call is under way; cancel when it is over.
        """
        self._engine.keys.of_run(self._engine.store, known_id(run_id))  # a run that cannot be read is not touched
        self._people.cancel(known_id(run_id), by=by, note=note)
        return self._engine.get(run_id)

    async def aretry(self, run_id: str, *, by: str, note: str | None = None) -> Run[S]:
        """See ``retry``."""
        self._people.retry(known_id(run_id), by=by, note=note)
        return await self._engine.resume(run_id)

    def retry(self, run_id: str, *, by: str, note: str | None = None) -> Run[S]:
        """Gives a run that failed a new attempt of the node where it failed, and drives it.

        Args:
            run_id: the run's id.
            by: who wants it.
            note: why.

        Raises:
            RunNotReady: it ended well, or an effect of unknown result must be settled first.
        """
        return cast("Run[S]", self._call(self.aretry(run_id, by=by, note=note)))

    async def afork(
        self,
        run_id: str,
        *,
        at: int,
        by: str,
        update: Mapping[str, Any] | None = None,
        new_id: str | None = None,
    ) -> Run[S]:
        """See ``fork``."""
        return await self._engine.drive(self._engine.fork(known_id(run_id), at, by, update, new_id))

    def fork(
        self,
        run_id: str,
        *,
        at: int,
        by: str,
        update: Mapping[str, Any] | None = None,
        new_id: str | None = None,
    ) -> Run[S]:
        """Begins a new run where another one stood after a step, and drives it until it ends or waits.

        The run that is forked goes on, or stays as it is; of it only the journal is read, whatever its status. The
        fork has its state, its tags, the counts of its limits, and what it had spent up to there; a deadline counted
        from the start counts from the fork's. Where the fork goes is decided anew, after ``update``.

        - No decision crosses: a gate behind that step asks again, and ``by`` started the fork, so may not approve.
        - A once-only call that was made behind that step, with the same tool and arguments, is not made again: its
          result is used, and the journal says so. Where nobody knows its ending, the fork parks, to be settled.
          A second call of the same needs a second one to inherit. What the other run does from now on is its own.
        - Nothing else is inherited: models are asked again, and what can be repeated is.

        Args:
            run_id: the run's id.
            at: the number of the step (``Step.number``) after which the fork stands; 0 for where the run started. Not
                in the middle of what holds others: after the last step of an ``all_of`` its branches have joined.
            by: who forks it.
            update: state fields to write first, validated as a step's writes are: a reducer merges in what is given.
            new_id: the fork's id; by default a new one.

        Raises:
            RunNotFound: no such run of this flow.
            RunNotReady: there is no such step, the run did not stand at one place after it, or an effect before it is
                not settled; the message names the nearest places.
            StateInvalid: the update does not fit the state; ``data["field"]`` names the field.
            DecisionRefused: nobody is named.
            ConfigError: ``at`` or ``new_id`` cannot be.
            RunExists: the new id is taken.
        """
        return cast("Run[S]", self._call(self.afork(run_id, at=at, by=by, update=update, new_id=new_id)))
