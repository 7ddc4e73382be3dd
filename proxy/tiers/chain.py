"""The chain of responsibility: tiers in order, each tried once. The only place where a request falls through.

Per tier: drop the ineligible rows, draw one by weight, enter its gate and call: look and take in one
turn of the event loop, with no await between. Where another process took the last permit meanwhile, the
row is passed over like the other ineligible ones and the draw is repeated without it. No task and no
future per request: the model server's client and one timer call back. Hot path: about 5 µs a request
besides the call itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from proxy.messages import Answer, Attempt, Failure, Outcome, Request
from proxy.ports import Call, Clock, Cluster, Rng, Timer, Timers
from proxy.qos.gate import Bar, Gate, Pass
from proxy.routing.choose import choose
from proxy.routing.table import Row, Tier
from proxy.tiers.deadline import CHANCE_S_MIN, attempt_budget
from proxy.tiers.outcome import outcome_of, retry_after_of

_OK: Final = Outcome.OK


class Ground:
    """What every chain stands on: the ports, the gates of the applications and the clients by kind."""

    __slots__ = ("clusters", "gates", "now", "rng", "timers")

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        rng: Rng,
        gates: Mapping[str, Gate],
        clusters: Mapping[str, Cluster],
    ) -> None:
        self.now = clock.now
        self.timers = timers
        self.rng = rng
        self.gates = gates
        self.clusters = clusters


class Chain:
    """One request on its way through its tiers.

    Calls `done` exactly once, with the answer that ends the request or None when no tier is left;
    not at all after `cancel`. A bug that shows while it is called back goes to `broke`, for nobody is
    on the stack then who could answer the caller; one that shows in `advance` is raised.
    """

    __slots__ = (
        "_broke",
        "_call",
        "_deadline",
        "_done",
        "_falls",
        "_gate",
        "_ground",
        "_next",
        "_pass",
        "_request",
        "_row",
        "_started_s",
        "_tiers",
        "_timer",
        "attempts",
        "passed_over",
    )

    def __init__(
        self,
        request: Request,
        tiers: tuple[Tier, ...],
        deadline: float,
        ground: Ground,
        falls: Mapping[Outcome, bool],
        done: Callable[[Answer | None], None],
        broke: Callable[[Exception], None],
    ) -> None:
        self._request = request
        self._tiers = tiers
        self._deadline = deadline
        self._ground = ground
        self._falls = falls
        self._done = done
        self._broke = broke
        self._next = 0
        self._call: Call | None = None
        self._timer: Timer | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self.passed_over: list[tuple[str, Bar]] = []

    def advance(self) -> None:
        """Try the next tier that has an eligible row; with none left, end."""
        now = self._ground.now()
        while self._next < len(self._tiers):
            tier = self._tiers[self._next]
            self._next += 1
            row = self._enter_one(tier, now)
            if row is not None:
                self._attempt(row, now)
                return
        self._done(None)

    def cancel(self) -> None:
        """The caller left: give up the attempt in flight. `done` will not be called."""
        if self._call is not None:
            self._end_call().cancel()
            self._gate.abandon(self._pass)

    def _enter_one(self, tier: Tier, now: float) -> Row | None:
        """Draw among the eligible rows and enter the gate of the one drawn; None when all are barred."""
        eligible = self._eligible(tier.rows, now)
        rng = self._ground.rng
        while eligible:
            row = eligible[0] if len(tier.rows) == 1 else choose(eligible, rng.random())
            gate = self._ground.gates[row.application]
            entered = gate.enter(now, rng.random() if len(gate.endpoints) > 1 else 0.0)
            if isinstance(entered, Pass):
                self._gate, self._pass = gate, entered
                return row
            self.passed_over.append((row.application, entered))
            eligible = [each for each in eligible if each is not row]
        return None

    def _eligible(self, rows: tuple[Row, ...], now: float) -> Sequence[Row]:
        if self._deadline - now < CHANCE_S_MIN:
            self.passed_over += [(row.application, Bar.DEADLINE) for row in rows]
            return ()
        gates = self._ground.gates
        if len(rows) == 1 and rows[0].weight > 0 and gates[rows[0].application].bar(now) is None:
            return rows
        eligible = []
        for row in rows:
            bar = gates[row.application].bar(now) if row.weight > 0 else Bar.WEIGHT
            if bar is None:
                eligible.append(row)
            else:
                self.passed_over.append((row.application, bar))
        return eligible

    def _attempt(self, row: Row, now: float) -> None:
        ground, gate = self._ground, self._gate
        self._row = row
        self._started_s = now
        budget_s = attempt_budget(row.timeout_s, self._deadline, now)
        self._timer = timer = ground.timers.after(budget_s, self._timed_out)
        try:
            self._call = ground.clusters[row.cluster_type].call(
                self._pass.endpoint.target, self._request, budget_s, self._settled
            )
        except Exception:
            timer.cancel()
            gate.abandon(self._pass)  # a bug must not keep a permit, nor a breaker's only probe
            raise

    def _timed_out(self) -> None:
        try:
            self._end_call().cancel()
            self._settle(Outcome.TIMEOUT, "timeout", None, evidence=not self._ground.timers.late)
        except Exception as error:  # noqa: BLE001 - see the class
            self._broke(error)

    def _settled(self, result: Answer | Failure) -> None:
        try:
            self._end_call()
            if isinstance(result, Answer):
                self._settle(outcome_of(result.status), "", result)
            else:
                self._settle(result.outcome, result.cause, None)
        except Exception as error:  # noqa: BLE001 - see the class
            self._broke(error)

    def _end_call(self) -> Call:
        call, timer = self._call, self._timer
        assert call is not None, "a call settled twice"
        assert timer is not None
        timer.cancel()
        self._call = self._timer = None
        return call

    def _settle(self, outcome: Outcome, cause: str, answer: Answer | None, *, evidence: bool = True) -> None:
        """The attempt ended; without `evidence` how it ended says nothing about the application."""
        now = self._ground.now()
        if evidence:
            retry_after_s = None if answer is None else retry_after_of(answer)
            self._gate.leave(self._pass, outcome, now, retry_after_s)
        else:
            self._gate.abandon(self._pass)
        self.attempts += (
            Attempt(
                application=self._row.application,
                tier=self._row.priority,
                outcome=outcome,
                elapsed_s=now - self._started_s,
                began_s=self._started_s,
                cause=cause or ("" if answer is None or outcome is _OK else f"status {answer.status}"),
            ),
        )
        if self._falls[outcome]:
            self.advance()
        else:
            self._done(answer)
