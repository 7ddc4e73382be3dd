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

from proxy.messages import Answer, Attempt, Outcome, Request
from proxy.qos.gate import SHORT, Bar, Gate, Pass
from proxy.routing.choose import choose, choose_by
from proxy.routing.table import Row, Tier
from proxy.tiers.deadline import CHANCE_S_MIN, attempt_budget
from proxy.tiers.ground import Ground
from proxy.tiers.race import Race, Runner
from proxy.tiers.reserve import reserve_s
from proxy.tiers.trial import Trial
from proxy.tiers.waiting import Waiting

_THROTTLED: Final = Outcome.THROTTLED


UNRANKED: Final = -1
"""What servers are told of a question: it has no class."""


class Chain(Runner):
    """One request on its way through its tiers.

    Calls `done` exactly once, with the answer that ends the request or None when no tier is left;
    not at all after `cancel`. A bug that shows while it is called back goes to `broke`, for nobody is
    on the stack then who could answer the caller; one that shows in `advance` is raised.
    """

    __slots__ = (
        *("_broke", "_deadline", "_done", "_falls", "_ground", "_hedged", "_next", "_owes", "_rank"),
        *("_request", "_short", "_tiers", "_under_way", "_waiting", "attempts", "passed_over"),
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
        hedged: bool = False,
    ) -> None:
        self._request = request
        self._tiers = tiers
        self._deadline = deadline
        self._ground = ground
        self._falls = falls
        self._done = done
        self._broke = broke
        self._hedged = hedged
        self._next = 0
        self._owes = False  # the next call is one more than requests came: its token is taken with it
        self._under_way: Trial | Race | None = None
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
            trial = self._enter_one(tier, now)
            if trial is not None:
                self._begin(trial, now)
                return
        if not self._short or not self._wait(now):
            self._done(None)

    def cancel(self) -> None:
        """The caller left: give up the attempt in flight. `done` will not be called."""
        if self._waiting is not None:
            self._waiting.end()
            self._waiting = None
        elif self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            under_way.cancel()

    def ended(self, trial: Trial, outcome: Outcome, cause: str, answer: Answer | None, now: float) -> None:
        """The call under way ended: the request is over, or falls through."""
        self._under_way = None
        self.attempts += (trial.attempt(outcome, cause, now),)
        if not self._falls[outcome]:
            self._done(answer)
            return
        self._owes = self._rank is not None and outcome is not _THROTTLED
        if not self._owes or self._ground.budget.affords(now):
            self.advance()
        else:
            self._go_without()

    def note(self, trial: Trial, outcome: Outcome, cause: str, now: float) -> None:
        self.attempts += (trial.attempt(outcome, cause, now),)

    def broke(self, error: Exception) -> None:
        self._broke(error)

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
        try:
            self._begin(Trial(self, self._ground, row, gate, taken, now), now)
        except Exception as error:  # noqa: BLE001 - see the class
            self._broke(error)

    def _gave_up(self) -> None:
        self._waiting = None
        try:
            self._done(None)
        except Exception as error:  # noqa: BLE001 - see the class
            self._broke(error)

    # -- an attempt ---------------------------------------------------------------------------------

    def _enter_one(self, tier: Tier, now: float) -> Trial | None:
        """Draw among the eligible rows and enter the gate of the one drawn; None when all are barred."""
        passed = len(self.passed_over)
        eligible = self._eligible(tier.rows, now)
        rng = self._ground.rng
        while eligible:
            row = eligible[0] if len(tier.rows) == 1 else self._choose(eligible, now)
            gate = self._ground.gates[row.application]
            entered = gate.enter(now, rng.random() if len(gate.endpoints) > 1 else 0.0)
            if isinstance(entered, Pass):
                return Trial(self, self._ground, row, gate, entered, now)
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

    def _begin(self, trial: Trial, now: float) -> None:
        row = trial.row
        if self._owes:
            if not self._ground.budget.take(now):  # another process, or who waited less, was quicker
                trial.gate.abandon(trial.taken, now)
                self._go_without(row.application)
                return
            self._owes = False
        if self._short:  # down only: what was passed over above is not come back to
            self._short = tuple(each for each in self._short if each.priority > row.priority)
        left_s = self._deadline - now
        kept_s = 0.0
        if left_s < math.inf and self._next < len(self._tiers):
            later = self._tiers[self._next :]
            kept_s = reserve_s(trial.gate, later, self._ground.gates, row.timeout_s, left_s, now)
        budget_s = attempt_budget(row.timeout_s, left_s, kept_s)
        if self._hedged:
            race = Race(self, self._ground, self._request, trial, self._falls)
            race.begin(budget_s)
            self._under_way = race
        else:
            trial.begin(self._request, budget_s, UNRANKED if self._rank is None else self._rank)
            self._under_way = trial

    def _go_without(self, *barred: str) -> None:
        """No call more: the budget is spent."""
        later = [row.application for tier in self._tiers[self._next :] for row in tier.rows]
        self.passed_over += [(application, Bar.BUDGET) for application in (*barred, *later)]
        self._done(None)
