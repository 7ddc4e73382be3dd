"""I6: no call begins that cannot end within its request's deadline, and none is waited for beyond it."""

from typing import TYPE_CHECKING

from proxy.messages import Answer, Failure, Reply
from proxy.qos.gate import Gate
from proxy.qos.service import STALE_S
from proxy.timers import TICK_S
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.flight import Flight
    from sim.world.trip import Trip
    from sim.world.world import World

ROUNDING_S = 1e-6


class Deadlines(Checker):
    """What holds without a prediction: no call after the deadline, none that may outlast it."""

    rule = "I6 deadlines"

    def opened(self, world: "World") -> None:
        self._loop = world.loop

    def called(self, flight: "Flight") -> None:
        trip, now = flight.trip, self._loop.now_s
        if flight.budget_s <= 0.0:
            self.broken(f"#{trip.number}: a call with {flight.budget_s} s to go")
        if now + flight.budget_s > trip.deadline_s + ROUNDING_S:
            late_s = now + flight.budget_s - trip.deadline_s
            self.broken(f"#{trip.number}: a call may last {late_s:.6f} s beyond the deadline")

    def left_behind(self, flight: "Flight") -> None:
        self._check_end(flight)

    def given_up(self, flight: "Flight") -> None:
        if not flight.left_behind:
            self._check_end(flight)

    def _check_end(self, flight: "Flight") -> None:
        waited_s = self._loop.now_s - flight.began_s
        if waited_s > flight.budget_s + 2 * TICK_S:
            self.broken(
                f"#{flight.trip.number}: a call of {flight.budget_s} s was given up after {waited_s} s"
            )

    def replied(self, trip: "Trip", reply: Reply) -> None:
        late_s = self._loop.now_s - trip.deadline_s
        if reply.attempts and reply.attempts[-1].outcome == "ok" and late_s > 2 * TICK_S:
            self.broken(f"#{trip.number} was served {late_s:.6f} s after its deadline")


class Predictions(Checker):
    """The other half: what is left is not less than what four of five calls took lately.

    The checker's own account, of the last `LATELY` answers, looked at now and then. The proxy compares with
    the median of fewer of them, which is never below the first fifth of these.
    """

    rule = "I6 predicted finish"
    LATELY = 100
    ENOUGH = 50
    EVERY = 10  # so seldom is it reckoned anew

    def __init__(self) -> None:
        super().__init__()
        self._took_s: dict[Gate, list[float]] = {}
        self._heard_s: dict[Gate, float] = {}
        self._quick_s: dict[Gate, float] = {}  # four of five take longer

    def opened(self, world: "World") -> None:
        self._loop = world.loop

    def called(self, flight: "Flight") -> None:
        gate = flight.trip.snapshot.gates[flight.server.plan.application]
        quick_s = self._quick_s.get(gate)
        if quick_s is None:
            return
        now = self._loop.now_s
        left_s = flight.trip.deadline_s - now
        if left_s + ROUNDING_S < quick_s and now - self._heard_s[gate] <= STALE_S:
            self.broken(f"#{flight.trip.number}: {left_s:.3f} s left where four of five take {quick_s:.3f} s")

    def returned(self, flight: "Flight", result: Answer | Failure) -> None:
        if flight.left_behind or not isinstance(result, Answer) or not 200 <= result.status < 300:
            return
        gate = flight.trip.snapshot.gates[flight.server.plan.application]
        now = self._loop.now_s
        if now - self._heard_s.get(gate, now) > STALE_S:
            self._took_s[gate] = []
            self._quick_s.pop(gate, None)
        self._heard_s[gate] = now
        took = self._took_s.setdefault(gate, [])
        took.append(now - flight.began_s)
        if len(took) >= self.LATELY + self.ENOUGH:
            del took[: self.ENOUGH]
        if len(took) >= self.ENOUGH and len(took) % self.EVERY == 0:
            latest = took[-self.LATELY :]
            self._quick_s[gate] = sorted(latest)[len(latest) // 5]
