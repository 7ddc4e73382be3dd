"""A race: a late call is made a second time, on another endpoint of the same row; the first good answer wins.

Decides when to look, and who has won. Whether late calls are hedged is `qos/hedge.py`'s to say, where to is
the gate's: a second call takes a permit like any other, waits for none, and takes none that somebody waits
for. It counts as a call beyond the first (`qos/budget.py`). The loser keeps its permit until its server has
ended. Not another row: the same work, on the same terms, is what the table asks for there; another row of the
tier is another application's share, and stays for who falls through (no row is called twice, but so).
"""

from collections.abc import Mapping
from typing import Final

from proxy.messages import Answer, Outcome, Request
from proxy.ports import Timer
from proxy.qos.hedge import late_after_s
from proxy.tiers.deadline import CHANCE_S_MIN
from proxy.tiers.ground import Ground
from proxy.tiers.trial import Told, Trial

HEDGED_RANK: Final = 0
"""Only the first class is hedged."""


class Runner(Told):
    """Whoever began a race: is told of one end, as of a single trial's, and of what else was tried."""

    __slots__ = ()

    def note(self, trial: Trial, outcome: Outcome, cause: str, now: float) -> None:
        """One of two calls ended, and the other one goes on, or has won."""


class Race(Told):
    """One row's trial and, once it is late, perhaps a second one beside it."""

    __slots__ = (
        "_falls",
        "_first",
        "_ground",
        "_late_s",
        "_request",
        "_runner",
        "_second",
        "_timer",
        "_until_s",
    )

    def __init__(
        self, runner: Runner, ground: Ground, request: Request, first: Trial, falls: Mapping[Outcome, bool]
    ) -> None:
        self._runner = runner
        self._ground = ground
        self._request = request
        self._falls = falls
        self._first: Trial | None = first
        self._second: Trial | None = None
        self._timer: Timer | None = None
        self._until_s = 0.0
        self._late_s = 0.0  # after its beginning the first call is late; after twice that very late
        first.told = self

    def begin(self, budget_s: float) -> None:
        """Make the first call; both have so long together."""
        first, now = self._first, self._ground.now()
        assert first is not None
        first.begin(self._request, budget_s, HEDGED_RANK)
        self._until_s = now + budget_s
        self._ground.hedging.called(now)
        late_s = late_after_s(first.gate.service.p95_s(now), budget_s)
        if late_s is not None:
            self._late_s = late_s
            self._timer = self._ground.timers.after(late_s, self._late)

    def cancel(self) -> None:
        """Nobody wants an answer any more."""
        self._stop_timer()
        for trial in (self._first, self._second):
            if trial is not None and not trial.over:
                trial.cancel()
        self._first = self._second = None

    def ended(self, trial: Trial, outcome: Outcome, cause: str, answer: Answer | None, now: float) -> None:
        self._stop_timer()
        other = self._second if trial is self._first else self._first
        self._first = self._second = None
        if other is None:
            self._runner.ended(trial, outcome, cause, answer, now)
        elif self._falls[outcome]:  # the other one may still do better
            self._first = other
            self._runner.note(trial, outcome, cause, now)
        else:
            other.cancel()
            self._runner.note(other, Outcome.SUPERSEDED, "", now)
            self._runner.ended(trial, outcome, cause, answer, now)

    def broke(self, error: Exception) -> None:
        self.cancel()
        self._runner.broke(error)

    def _late(self) -> None:
        """Look; and where there is no second call yet, once more when the first one is very late."""
        self._look(very_late=False)
        if self._second is None and self._first is not None:
            self._timer = self._ground.timers.after(self._late_s, self._very_late)

    def _very_late(self) -> None:
        self._look(very_late=True)

    def _look(self, very_late: bool) -> None:
        self._timer = None
        try:
            now = self._ground.now()
            second = self._enter(very_late, now)
            if second is not None:
                second.begin(self._request, self._until_s - now, HEDGED_RANK)
                self._second = second
        except Exception as error:  # noqa: BLE001 - nobody is on the stack who could answer the caller
            self.broke(error)

    def _enter(self, very_late: bool, now: float) -> Trial | None:
        """Look and take, in one turn; None where there is to be no second call."""
        ground, first = self._ground, self._first
        assert first is not None
        if ground.timers.late:  # this process stood still, perhaps, and not the server
            return None
        gate, permits = first.gate, first.gate.permits
        if self._until_s - now < max(gate.service.median_s(now), CHANCE_S_MIN):
            return None
        if not ground.hedging.allows(permits.in_flight, permits.concurrency, very_late, now):
            return None
        endpoint = gate.other(first.taken, now, ground.rng.random())
        if endpoint is None or not (ground.budget.take(now) and ground.hedging.take(now)):
            return None
        taken = gate.enter_at(endpoint, now)
        return None if taken is None else Trial(self, ground, first.row, gate, taken, now, hedge=True)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
