"""A trial: one call of a request on one row, from its dispatch to its end, under the pass that it was given.

Ends once: with an answer, a failure, its timeout, or given up. Gives its permit back whatever happens, and
says what the end means for the application; never decides what comes next.
"""

from abc import ABC, abstractmethod
from typing import Final

from proxy.messages import Answer, Attempt, Failure, Outcome, Request
from proxy.ports import Call, Timer
from proxy.qos.gate import Gate, Pass
from proxy.routing.table import Row
from proxy.tiers.ground import Ground
from proxy.tiers.outcome import outcome_of, retry_after_of
from proxy.tiers.zombie import Zombie

_OK: Final = Outcome.OK


class Told(ABC):
    """Who is told how a trial ended. A class, not a Protocol: compiled, that is a call without a look-up."""

    __slots__ = ()

    @abstractmethod
    def ended(self, trial: "Trial", outcome: Outcome, cause: str, answer: Answer | None, now: float) -> None:
        """It ended; its permit is back, or kept by a zombie. `cause` is for logs."""

    @abstractmethod
    def broke(self, error: Exception) -> None:
        """A bug showed while the trial was called back."""


class Trial:
    """One call. Tells `told` of its end, unless it was given up (`cancel`, `supersede`)."""

    __slots__ = ("_call", "_ground", "_timer", "began_s", "gate", "hedge", "row", "taken", "told")

    def __init__(
        self, told: Told, ground: Ground, row: Row, gate: Gate, taken: Pass, now: float, hedge: bool = False
    ) -> None:
        self.told = told
        self._ground = ground
        self.row = row
        self.gate = gate
        self.taken = taken
        self.began_s = now
        self.hedge = hedge
        self._call: Call | None = None
        self._timer: Timer

    @property
    def over(self) -> bool:
        """It ended, or never began."""
        return self._call is None

    def begin(self, request: Request, budget_s: float, rank: int) -> None:
        """Call; `rank` is what the server is told.

        A bug that shows is raised, and has kept no permit, nor a breaker's only probe.
        """
        ground = self._ground
        self._timer = timer = ground.timers.after(budget_s, self._timed_out)
        try:
            self._call = ground.clusters[self.row.cluster_type].call(
                self.taken.endpoint.target, request, budget_s, self._settled, rank
            )
        except Exception:
            timer.cancel()
            self.gate.abandon(self.taken, self.began_s)
            raise

    def cancel(self) -> None:
        """Nobody wants the answer any more: no evidence."""
        call = self._end_call()
        self.gate.forget(self.taken)
        self._let_go(call, self._ground.now())

    def attempt(self, outcome: Outcome, cause: str, now: float) -> Attempt:
        """What is told of it: it ended now."""
        row, began_s = self.row, self.began_s
        return Attempt(
            application=row.application,
            tier=row.priority,
            outcome=outcome,
            elapsed_s=now - began_s,
            began_s=began_s,
            cause=cause,
            hedge=self.hedge,
            endpoint=self.taken.endpoint.target.url,
        )

    def _settled(self, result: Answer | Failure) -> None:
        try:
            assert self._call is not None, "a call settled twice"
            self._timer.cancel()
            self._call = None
            now = self._ground.now()
            if not isinstance(result, Answer):
                self.gate.leave(self.taken, result.outcome, now, now - self.began_s)
                self.told.ended(self, result.outcome, result.cause, None, now)
                return
            outcome = outcome_of(result.status)
            if outcome is _OK:
                self.gate.leave(self.taken, outcome, now, now - self.began_s)
                self.told.ended(self, outcome, "", result, now)
            else:
                self.gate.leave(self.taken, outcome, now, now - self.began_s, retry_after_of(result))
                self.told.ended(self, outcome, f"status {result.status}", result, now)
        except Exception as error:  # noqa: BLE001 - nobody is on the stack who could answer the caller
            self.told.broke(error)

    def _timed_out(self) -> None:
        try:
            call = self._end_call()
            now = self._ground.now()
            if self._ground.timers.late:  # how it ended says nothing about the application
                self.gate.forget(self.taken)
            else:
                self.gate.judge(self.taken, Outcome.TIMEOUT, now, now - self.began_s)
            self._let_go(call, now)
            self.told.ended(self, Outcome.TIMEOUT, "timeout", None, now)
        except Exception as error:  # noqa: BLE001 - as above
            self.told.broke(error)

    def _let_go(self, call: Call, now: float) -> None:
        """Nobody waits for the call any more; its server may still be at work on it."""
        gate = self.gate
        if gate.permits.concurrency is None:
            call.cancel()
            gate.release(self.taken, now)
        else:
            Zombie(self._ground, gate, self.taken, call, self.began_s).follow()

    def _end_call(self) -> Call:
        call, self._call = self._call, None
        assert call is not None, "a call ended twice"
        self._timer.cancel()
        return call
