"""I6: no call begins that cannot end within its request's deadline, and none is waited for beyond it."""

from typing import TYPE_CHECKING

from proxy.messages import Reply
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

    def given_up(self, flight: "Flight") -> None:
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
    """The other half: what is left is enough for 95% of the calls that the application answered lately.

    The p95 is this checker's own, over the last `LATELY` answers of the application.
    """

    rule = "I6 predicted finish"
    awaits = "eligibility by predicted finish"
    LATELY = 100
    ENOUGH = 50
    EVERY = 25  # so seldom is it reckoned anew

    def __init__(self) -> None:
        super().__init__()
        self._took_s: dict[str, list[float]] = {}
        self._p95_s: dict[str, float] = {}

    def opened(self, world: "World") -> None:
        self._loop = world.loop

    def called(self, flight: "Flight") -> None:
        p95_s = self._p95_s.get(flight.server.plan.application)
        left_s = flight.trip.deadline_s - self._loop.now_s
        if p95_s is not None and p95_s > left_s:
            self.broken(f"#{flight.trip.number}: {left_s:.3f} s left where the p95 is {p95_s:.3f} s")

    def returned(self, flight: "Flight", result: object) -> None:
        application = flight.server.plan.application
        took = self._took_s.setdefault(application, [])
        took.append(self._loop.now_s - flight.began_s)
        if len(took) >= self.LATELY + self.ENOUGH:
            del took[: self.ENOUGH]
        if len(took) >= self.ENOUGH and len(took) % self.EVERY == 0:
            self._p95_s[application] = sorted(took)[int(0.95 * len(took))]
