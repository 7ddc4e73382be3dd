"""The chain of responsibility: tiers in order, each tried once. The only place where a request falls through.

Per tier: drop the ineligible rows, draw one by weight, enter its gate and call: look and take in one
turn of the event loop, with no await between. Where another process took the last permit meanwhile, the
row is passed over like the other ineligible ones and the draw is repeated without it. With no tier left, a
request that has a deadline waits for a permit of those that were passed over for want of one (`waiting.py`).
No task and no future per request: the model server's client and one timer call back. Hot path: about 5 µs a
request besides the call itself.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from proxy.messages import Answer, Attempt, Failure, Outcome, Request
from proxy.ports import Call, Timer
from proxy.qos.gate import SHORT, Bar, Gate, Pass
from proxy.routing.choose import choose, choose_by
from proxy.routing.table import Row, Tier
from proxy.tiers.deadline import CHANCE_S_MIN, attempt_budget
from proxy.tiers.ground import Ground
from proxy.tiers.outcome import outcome_of, retry_after_of
from proxy.tiers.waiting import Waiting
from proxy.tiers.zombie import Zombie

_OK: Final = Outcome.OK
_THROTTLED: Final = Outcome.THROTTLED

TIMER_S_MAX: Final = 0.002
"""How late a timeout may fire: the next tier must not miss its chance by that."""


class Chain:
    """One request on its way through its tiers.

    Calls `done` exactly once, with the answer that ends the request or None when no tier is left;
    not at all after `cancel`. A bug that shows while it is called back goes to `broke`, for nobody is
    on the stack then who could answer the caller; one that shows in `advance` is raised.
    """

    __slots__ = (
        *("_broke", "_call", "_deadline", "_done", "_falls", "_gate", "_ground", "_next", "_owes", "_pass"),
        "_rank",
        *(
            "_request",
            "_row",
            "_short",
            "_started_s",
            "_tiers",
            "_timer",
            "_waiting",
            "attempts",
            "passed_over",
        ),
    )

    def __init__(
        self,
        request: Request,
        tiers: tuple[Tier, ...],
        deadline: float,
        ground: Ground,
        rank: int | None,  # of its class; None: a question, which neither waits nor counts as falling through
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
        self._owes = False  # the next call is one more than requests came: its token is taken with it
        self._call: Call | None = None
        self._timer: Timer | None = None
        self._rank = rank
        self._waiting: Waiting | None = None
        self._short: tuple[Row, ...] = ()  # of tiers not called yet, passed over for want of a permit
        self.attempts: tuple[Attempt, ...] = ()
        self.passed_over: list[tuple[str, Bar]] = []

    def advance(self) -> None:
        """Try the next tier that has an eligible row; with none left, wait for a permit, or end."""
        now = self._ground.now()
        while self._next < len(self._tiers):
            tier = self._tiers[self._next]
            self._next += 1
            row = self._enter_one(tier, now)
            if row is not None:
                self._attempt(row, now)
                return
        if not self._short or not self._wait(now):
            self._done(None)

    def cancel(self) -> None:
        """The caller left: give up the attempt in flight. `done` will not be called."""
        if self._waiting is not None:
            self._waiting.end()
            self._waiting = None
        elif self._call is not None:
            call = self._end_call()
            self._gate.forget(self._pass)
            self._let_go(call, self._ground.now())

    # -- waiting ------------------------------------------------------------------------------------

    def _wait(self, now: float) -> bool:
        rank = self._rank
        if rank is None or self._request.drained or self._deadline == math.inf:
            return False
        self._waiting = Waiting(self._ground, rank, self._deadline, self._request, self._woken, self._gave_up)
        if self._waiting.begin(self._short, now):  # it may have been woken at once
            return True
        self._waiting = None
        return False

    def _woken(self, row: Row, gate: Gate, taken: Pass, now: float) -> None:
        """A permit was had."""
        self._waiting = None
        self._gate, self._pass = gate, taken
        try:
            self._attempt(row, now)
        except Exception as error:  # noqa: BLE001 - see the class
            self._broke(error)

    def _gave_up(self) -> None:
        self._waiting = None
        try:
            self._done(None)
        except Exception as error:  # noqa: BLE001 - see the class
            self._broke(error)

    # -- an attempt ---------------------------------------------------------------------------------

    def _enter_one(self, tier: Tier, now: float) -> Row | None:
        """Draw among the eligible rows and enter the gate of the one drawn; None when all are barred."""
        passed = len(self.passed_over)
        eligible = self._eligible(tier.rows, now)
        rng = self._ground.rng
        while eligible:
            row = eligible[0] if len(tier.rows) == 1 else self._choose(eligible, now)
            gate = self._ground.gates[row.application]
            entered = gate.enter(now, rng.random() if len(gate.endpoints) > 1 else 0.0)
            if isinstance(entered, Pass):
                self._gate, self._pass = gate, entered
                return row
            self.passed_over.append((row.application, entered))
            eligible = [each for each in eligible if each is not row]
        short = {application for application, bar in self.passed_over[passed:] if bar in SHORT}
        self._short += tuple(row for row in tier.rows if row.application in short and row.weight > 0)
        return None

    def _choose(self, rows: Sequence[Row], now: float) -> Row:
        """By weight; who was ill lately has a part of it."""
        gates, u = self._ground.gates, self._ground.rng.random()
        for row in rows:
            if gates[row.application].share(now) < 1.0:
                return choose_by(rows, [gates[each.application].share(now) for each in rows], u)
        return choose(rows, u)

    def _eligible(self, rows: tuple[Row, ...], now: float) -> Sequence[Row]:
        left_s = self._deadline - now
        if left_s < CHANCE_S_MIN:
            self.passed_over += [(row.application, Bar.DEADLINE) for row in rows]
            return ()
        eligible = []
        for row in rows:
            gate = self._ground.gates[row.application]
            bar = gate.bar(now) if row.weight > 0 else Bar.WEIGHT
            if bar is None and left_s < math.inf and left_s < gate.service.median_s(now):
                bar = Bar.DEADLINE  # half of its calls take longer
            elif bar is None and self._rank == 0 and self._risks_more() and gate.breaker.spares(now):
                bar = Bar.BREAKER  # a probe may cost its caller the deadline
            if bar is None:
                eligible.append(row)
            else:
                self.passed_over.append((row.application, bar))
        return eligible

    def _risks_more(self) -> bool:
        """It has a deadline to lose, and another tier to go to."""
        return self._deadline < math.inf and self._next < len(self._tiers)

    def _attempt(self, row: Row, now: float) -> None:
        ground, gate = self._ground, self._gate
        if self._owes and not ground.budget.take(now):  # another process, or who waited less, was quicker
            gate.abandon(self._pass, now)
            self._go_without(row.application)
            return
        self._owes = False
        self._row = row
        self._started_s = now
        if self._short:  # down only: what was passed over above is not come back to
            self._short = tuple(each for each in self._short if each.priority > row.priority)
        left_s = self._deadline - now
        reserve_s = 0.0
        if left_s < math.inf and self._next < len(self._tiers):
            reserve_s = self._reserve_s(row.timeout_s, left_s, now)
        budget_s = attempt_budget(row.timeout_s, left_s, reserve_s)
        self._timer = timer = ground.timers.after(budget_s, self._timed_out)
        try:
            self._call = ground.clusters[row.cluster_type].call(
                *(self._pass.endpoint.target, self._request, budget_s, self._settled),
                -1 if self._rank is None else self._rank,
            )
        except Exception:
            timer.cancel()
            gate.abandon(self._pass, now)  # a bug must not keep a permit, nor a breaker's only probe
            raise

    def _reserve_s(self, timeout_s: float, left_s: float, now: float) -> float:
        """What is kept for the next tier that may be called: a black hole here must not eat its chance.

        What that tier takes; and what is beyond twice the 95th percentile of this application, but for half
        of what is left: a call that takes longer has most likely met one. 0.0 where the timeout leaves more.
        """
        own_s = self._gate.service.p95_s(now)
        needs_s = max(left_s / 2, 2 * own_s) if own_s else left_s
        later, gates = self._tiers[self._next :], self._ground.gates
        binds = needs_s < timeout_s
        for tier in later:
            for row in tier.rows:
                # Twice: a slot comes free within one call's time, most likely (`wait_s`).
                longest_s = 2 * gates[row.application].service.p95_s(now) + TIMER_S_MAX
                binds = binds or longest_s > left_s - timeout_s
        if not binds:
            return 0.0
        needed_s = self._needed_s(later, now)
        return 0.0 if needed_s is None else max(needed_s, left_s - needs_s)

    def _needed_s(self, tiers: Sequence[Tier], now: float) -> float | None:
        """What the first of these tiers takes that may be called, with its wait; None: there is none."""
        gates = self._ground.gates
        for tier in tiers:
            needed = []
            for row in tier.rows:
                gate = gates[row.application]
                bar = gate.bar(now)
                if row.weight > 0 and (bar is None or bar in SHORT):
                    slot_s = 0.0 if gate.application.concurrency is None else gate.wait_s(0, now)
                    p95_s = gate.service.p95_s(now)
                    needed.append(p95_s + slot_s if p95_s else 0.0)
            if needed:
                least_s = min(needed)
                return least_s + TIMER_S_MAX if least_s else 0.0
        return None

    def _timed_out(self) -> None:
        try:
            call = self._end_call()
            now = self._ground.now()
            if self._ground.timers.late:  # how it ended says nothing about the application
                self._gate.forget(self._pass)
            else:
                self._gate.judge(self._pass, Outcome.TIMEOUT, now, now - self._started_s)
            self._let_go(call, now)
            self._note(Outcome.TIMEOUT, "timeout", now)
            self._go_on(Outcome.TIMEOUT, None, now)
        except Exception as error:  # noqa: BLE001 - see the class
            self._broke(error)

    def _let_go(self, call: Call, now: float) -> None:
        """Nobody waits for the call any more; its server may still be at work on it."""
        gate = self._gate
        if gate.permits.concurrency is None:
            call.cancel()
            gate.release(self._pass, now)
        else:
            Zombie(self._ground, gate, self._pass, call, self._started_s).follow()

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

    def _settle(self, outcome: Outcome, cause: str, answer: Answer | None) -> None:
        now = self._ground.now()
        retry_after_s = None if answer is None else retry_after_of(answer)
        self._gate.leave(self._pass, outcome, now, now - self._started_s, retry_after_s)
        self._note(
            outcome, cause or ("" if answer is None or outcome is _OK else f"status {answer.status}"), now
        )
        self._go_on(outcome, answer, now)

    def _note(self, outcome: Outcome, cause: str, now: float) -> None:
        self.attempts += (
            Attempt(
                application=self._row.application,
                tier=self._row.priority,
                outcome=outcome,
                elapsed_s=now - self._started_s,
                began_s=self._started_s,
                cause=cause,
            ),
        )

    def _go_on(self, outcome: Outcome, answer: Answer | None, now: float) -> None:
        if not self._falls[outcome]:
            self._done(answer)
            return
        self._owes = self._rank is not None and outcome is not _THROTTLED
        if not self._owes or self._ground.budget.affords(now):
            self.advance()
        else:
            self._go_without()

    def _go_without(self, *barred: str) -> None:
        """No call more: the budget is spent."""
        later = [row.application for tier in self._tiers[self._next :] for row in tier.rows]
        self.passed_over += [(application, Bar.BUDGET) for application in (*barred, *later)]
        self._done(None)
