"""A request's wait for a permit, in the lines of all applications that may still serve it.

It begins when no tier is left and some were passed over for want of a permit, and ends with a call, or
when the deadline leaves none of them a chance. Decides whose line is worth joining; the order in a line is
`qos/line.py`'s, and who gets a permit when is `qos/gate.py`'s.
"""

from collections.abc import Callable, Sequence
from typing import Final

from proxy.messages import Request
from proxy.ports import Timer
from proxy.qos.gate import Gate, Pass
from proxy.qos.line import Place, Waiter
from proxy.routing.table import Row
from proxy.tiers.deadline import CHANCE_S_MIN
from proxy.tiers.ground import Ground

BACK_S: Final = 0.002
"""An answer's way back to the caller, whose clock began before the proxy's."""


class Waiting:
    """The wait of one request; over after `woken` or `gone` was called (one of them, once), or `end`."""

    __slots__ = ("_deadline", "_gone", "_ground", "_places", "_rank", "_request", "_rows", "_timer", "_woken")

    def __init__(
        self,
        ground: Ground,
        rank: int,
        deadline: float,
        request: Request,
        woken: Callable[[Row, Gate, Pass, float], None],
        gone: Callable[[], None],
    ) -> None:
        self._ground = ground
        self._woken = woken
        self._gone = gone
        self._rows: dict[str, Row] = {}
        self._places: dict[str, Place] = {}
        self._timer: Timer
        self._rank = rank
        self._deadline = deadline
        self._request = request

    def begin(self, rows: Sequence[Row], now: float) -> bool:
        """Join the lines that promise a call in time. False: there is none, and nothing has been called."""
        gates, waiter = self._ground.gates, self._waiter(now)
        left_s = self._deadline - now
        chance_s = left_s
        for row in rows:
            gate = gates[row.application]
            needed_s = max(gate.service.median_s(now), CHANCE_S_MIN)
            ahead = gate.line.ahead_of(waiter)
            if row.application in self._places or gate.wait_s(ahead, now) + needed_s > left_s:
                continue
            place = gate.line.join(waiter)
            if place is not None:
                self._rows[row.application] = row
                self._places[row.application] = place
                self._ground.pulse(gate)
                chance_s = min(chance_s, needed_s)
        if not self._places:
            return False
        self._timer = self._ground.timers.after(max(0.0, left_s - chance_s), self._hopeless)
        for application in tuple(self._places):  # it may be ahead of all who wait for a permit that is free
            gates[application].pump(now)
        return True

    def end(self) -> None:
        """Leave every line."""
        self._timer.cancel()
        places, self._places = self._places, {}
        for application, place in places.items():
            self._ground.gates[application].line.leave(place)

    def _waiter(self, now: float) -> Waiter:
        """As lines know it. Only its places hold it: they hold each other, and the request's body."""
        return Waiter(
            rank=self._rank,
            deadline=self._deadline,
            since_s=now,
            request_id=self._request.id,
            caller=self._request.caller,
            wake=self._wake,
            evict=self._evicted,
        )

    def _wake(self, application: str, now: float) -> bool:
        """A permit is to be had: take it, unless its time would come too late."""
        gate, row = self._ground.gates[application], self._rows[application]
        if self._deadline - now < self._needed_s(gate, now):
            gate.line.leave(self._places.pop(application))
            self._lessen()
            return True
        rng = self._ground.rng
        entered = gate.enter(now, rng.random() if len(gate.endpoints) > 1 else 0.0)
        if not isinstance(entered, Pass):
            return False
        self.end()
        self._woken(row, gate, entered, now)
        return True

    def _needed_s(self, gate: Gate, now: float) -> float:
        """The time that it must have left now: the median; the 95th percentile if its like wait behind it.

        Under overload whoever is next is nearly out of time. By the median half of them would then be called
        in vain, or answered just after their callers' clocks ran out, while another one of their class could
        have been served.
        """
        line, service = gate.line, gate.service
        if line.waiting > 1 and line.at(1).rank == self._rank:
            return max(service.p95_s(now), CHANCE_S_MIN) + BACK_S
        return max(service.median_s(now), CHANCE_S_MIN)

    def _evicted(self, application: str) -> None:
        del self._places[application]
        self._lessen()

    def _lessen(self) -> None:
        if not self._places:
            self._hopeless()

    def _hopeless(self) -> None:
        self.end()
        self._gone()
