"""A model server of the world: slots, its own queue, a service time that grows with load, and faults by time.

Counts what is really inside, zombies included: what has arrived and is not over. That, not what the proxy
believes, is what a limit is held against.
"""

import random
from collections import deque

from proxy.messages import Answer, Failure, Outcome
from sim.world.flight import Flight, Inquiry, Stage
from sim.world.loop import WorldLoop
from sim.world.plan import Fault, FaultKind, ServerPlan
from sim.world.watch import Watch
from sim.world.work import Work

OK = Answer(status=200, body=b"{}")
NO_CONNECTION = Failure(outcome=Outcome.REFUSED, cause="connection refused")
CUT = Failure(outcome=Outcome.RESET, cause="connection reset")
HALF = Failure(outcome=Outcome.RESET, cause="the answer ended half-way")
NOT_HTTP = Failure(outcome=Outcome.GARBAGE, cause="not HTTP")

NOT_WELL = Answer(status=503)

Result = Answer | Failure


class Server:
    """One endpoint. A latency of the network lies before and behind it."""

    __slots__ = (
        *("_answer", "_latency_s", "_loop", "_queue", "_rng", "_watch", "_work"),
        *("fault", "inside", "plan", "serving"),
    )

    def __init__(self, plan: ServerPlan, loop: WorldLoop, rng: random.Random, watch: Watch) -> None:
        self.plan = plan
        self.inside = 0  # arrived and not over
        self.serving = 0
        self.fault: Fault | None = None
        self._loop = loop
        self._rng = rng
        self._watch = watch
        self._latency_s = plan.latency_s
        self._work = Work(plan.service)
        self._queue: deque[Flight] = deque()
        for fault in plan.faults:
            loop.at(loop.now_s + fault.from_s, self._begin_fault, fault)
            loop.at(loop.now_s + fault.until_s, self._end_fault, fault)

    def send(self, flight: Flight) -> None:
        """Put a call on its way here."""
        self._loop.at(self._loop.now_s + self._latency_s, self._arrive, flight)

    def ask(self, inquiry: Inquiry) -> None:
        """Ask whether it is well; that takes no slot."""
        self._loop.at(self._loop.now_s + self._latency_s, self._inquire, inquiry)

    def _inquire(self, inquiry: Inquiry) -> None:
        fault = None if self.fault is None else self._met()
        kind = None if fault is None else fault.kind
        if kind is not FaultKind.BLACK_HOLE:
            result = OK if kind is None or kind is FaultKind.SLOW else WORD_OF.get(kind, NOT_WELL)
            self._loop.at(self._loop.now_s + self._latency_s, inquiry.answer, result)

    def left_behind(self, flight: Flight) -> None:
        """Its client waits for no answer, and keeps the connection."""
        for each in self._watch.left_behind:
            each(flight)

    def forsaken(self, flight: Flight) -> None:
        """Its client hung up; that has to travel too."""
        for each in self._watch.given_up:
            each(flight)
        self._loop.at(self._loop.now_s + self._latency_s, self._hang_up, flight)

    def _begin_fault(self, fault: Fault) -> None:
        self.fault = fault

    def _end_fault(self, fault: Fault) -> None:
        if self.fault is fault:
            self.fault = None

    def _met(self) -> Fault | None:
        """The fault that this request meets."""
        fault = self.fault
        if fault is None or (fault.share < 1.0 and self._rng.random() >= fault.share):
            return None
        return fault

    def _arrive(self, flight: Flight) -> None:
        if flight.stage is Stage.OVER:  # hung up on at the same moment
            return
        if self.fault is not None:
            fault = self._met()
            if fault is not None and fault.kind in AT_THE_DOOR:
                self._turn_away(flight, fault)
                return
        self.inside += 1
        flight.entered = True
        for each in self._watch.entered:
            each(flight)
        if self.serving < self.plan.slots:
            self._serve(flight)
        else:
            flight.stage = Stage.WAITING
            self._queue.append(flight)

    def _turn_away(self, flight: Flight, fault: Fault) -> None:
        flight.stage = Stage.OVER
        if fault.kind is FaultKind.REFUSING:
            self._reply(flight, NO_CONNECTION)
        elif fault.kind is FaultKind.RESETTING:
            self._reply(flight, CUT)
        elif fault.kind is FaultKind.THROTTLING:
            after = fault.retry_after_s
            headers = () if after is None else ((b"Retry-After", b"%d" % after),)
            self._reply(flight, Answer(status=fault.status, headers=headers))

    def _serve(self, flight: Flight) -> None:
        flight.stage = Stage.SERVED
        flight.served_s = self._loop.now_s
        self.serving += 1
        self._loop.at(self._loop.now_s + self._service_s(), self._finish, flight)

    def _service_s(self) -> float:
        took_s, fault = self._work.mean_s(self.serving), self.fault
        if fault is not None and fault.kind is FaultKind.SLOW and self._met() is not None:
            took_s *= fault.factor
        return self._work.drawn_s(self.serving, took_s, self._rng)

    def _finish(self, flight: Flight) -> None:
        if flight.stage is not Stage.SERVED:  # stopped when its client hung up
            return
        flight.stage = Stage.OVER
        self.serving -= 1
        self.inside -= 1
        for each in self._watch.left:
            each(flight)
        if self._queue:
            self._serve(self._queue.popleft())
        if flight.done is None:
            return
        fault = None if self.fault is None else self._met()
        if fault is None or fault.kind not in IN_THE_ANSWER:
            self._reply(flight, OK)
        elif fault.kind is FaultKind.FAILING:
            self._reply(flight, Answer(status=fault.status))
        elif fault.kind is not FaultKind.BLACK_HOLE:
            self._reply(flight, HALF if fault.kind is FaultKind.HALF else NOT_HTTP)

    def _hang_up(self, flight: Flight) -> None:
        if flight.stage is Stage.SERVED and not self.plan.works_on:
            self.serving -= 1
            self._out(flight)
            if self._queue:
                self._serve(self._queue.popleft())
        elif flight.stage is Stage.WAITING and not self.plan.works_on:
            self._queue.remove(flight)
            self._out(flight)
        elif flight.stage is Stage.OUTWARD:
            flight.stage = Stage.OVER

    def _out(self, flight: Flight) -> None:
        flight.stage = Stage.OVER
        self.inside -= 1
        for each in self._watch.left:
            each(flight)

    def _reply(self, flight: Flight, result: Result) -> None:
        self._loop.at(self._loop.now_s + self._latency_s, self._deliver, (flight, result))

    def _deliver(self, letter: tuple[Flight, Result]) -> None:
        flight, result = letter
        done, flight.done = flight.done, None
        if done is None:  # the proxy hung up meanwhile
            return
        for each in self._watch.returned:
            each(flight, result)
        done(result)


WORD_OF: dict[FaultKind, Result] = {FaultKind.REFUSING: NO_CONNECTION, FaultKind.RESETTING: CUT}
"""What comes of asking one whether it is well; of the others it says that it is not."""

AT_THE_DOOR = frozenset((FaultKind.REFUSING, FaultKind.RESETTING, FaultKind.BLACK_HOLE, FaultKind.THROTTLING))
IN_THE_ANSWER = frozenset((FaultKind.FAILING, FaultKind.BLACK_HOLE, FaultKind.HALF, FaultKind.GARBAGE))
