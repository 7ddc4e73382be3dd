"""Sends parked requests back through the pipeline, as the least critical class, until each has ended.

Any answer of a model server ends a ticket as DONE, a rejection of its input too: that is the true
answer. A ticket that nobody answered goes back with a growing delay; only poison is buried (see
`suspects.py`), the rest ends by its time to live. How fast is `lanes.py`'s decision. Claims that this
drain holds are extended by heartbeat, and given back at once when it stops.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from proxy.errors import QueueFailed
from proxy.messages import Fallback, Reply, Request, Verdict
from proxy.offline.lanes import Lane, LaneLimits, Lanes, spread
from proxy.offline.suspects import Suspects
from proxy.ports import Clock, Log, OfflineQueue, Rng
from proxy.tickets import Claim


class DrainLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the queue the drain has in hand, and how often it looks."""

    in_flight_max: int = 8  # tickets sent and not yet answered
    held_max: int = 32  # tickets claimed: in flight, or waiting in hand for their lane
    poll_s: float = 0.1  # between looks into a queue that had nothing to send
    lease_s: float = 30.0
    heartbeat_s: float = 10.0
    sweep_s: float = 30.0
    trouble_s: float = 1.0  # pause when the queue itself fails
    unroutable_s: float = 300.0  # until a ticket that no row matches is tried again
    strikes_max: int = 5  # then it is poison
    suspects_max: int = 10_000
    lanes: LaneLimits = LaneLimits()


RESTING_REASON = "waits: no model server answers requests with its labels"


class Cancellable(Protocol):
    """A request on its way."""

    def cancel(self) -> None:
        """Give it up; its `done` will not be called."""
        ...


Send = Callable[[Request, Callable[[Reply], None]], Cancellable]
"""`Pipeline.take`: it calls back once, perhaps before it returns."""


class Flight:
    """A ticket that was sent."""

    __slots__ = ("call", "claim", "lane")

    def __init__(self, claim: Claim, lane: Lane) -> None:
        self.claim = claim
        self.lane = lane
        self.call: Cancellable | None = None


class Drain:
    """One per queue. `pressure` says whether online traffic wants everything: then nothing is begun.

    `served` gives the calls that an application has served so far, online ones included; without it
    only the drain's own are known. Periods are measured by the running loop.
    """

    def __init__(
        self,
        *,
        queue: OfflineQueue,
        send: Send,
        clock: Clock,
        rng: Rng,
        log: Log,
        limits: DrainLimits | None = None,
        pressure: Callable[[], bool] = lambda: False,
        served: Callable[[str], int] | None = None,
    ) -> None:
        limits = limits or DrainLimits()
        self._queue = queue
        self._send = send
        self._clock = clock
        self._rng = rng
        self._log = log
        self._limits = limits
        self._pressure = pressure
        self._own: Counter[str] = Counter()  # served by application
        self._lanes = Lanes(limits.lanes)
        self._suspects = Suspects(served=served or self._own.__getitem__, suspects_max=limits.suspects_max)
        self._hand: list[Claim] = []  # claimed, waiting for their lane
        self._flights: dict[tuple[str, int], Flight] = {}
        self._writes: set[asyncio.Future[Any]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = Bell()
        self._bells = [self._wake]
        self._stopping = False

    def start(self) -> None:
        """Begin. Call once."""
        assert not self._tasks, "the drain was started twice"
        for work in (
            self._live(),
            self._every(self._limits.heartbeat_s, self._extend),
            self._every(self._limits.sweep_s, self._queue.sweep),
        ):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def stop(self) -> None:
        """Give up what is in flight and give every claim back, due at once. May be called unstarted."""
        self._stopping = True
        for bell in self._bells:
            bell.ring()
        if self._tasks:
            await asyncio.wait(self._tasks)
        flights, self._flights = list(self._flights.values()), {}
        for flight in flights:
            assert flight.call is not None, "a flight without a call was left"
            flight.call.cancel()
        for claim in [flight.claim for flight in flights] + self._hand:
            self._write(self._queue.release(claim, 0.0, "the proxy stopped"))
        self._hand = []
        if self._writes:
            await asyncio.wait(self._writes)

    async def _live(self) -> None:
        while not self._stopping:
            pause_s = await self._claim_and_send()
            if pause_s:
                await self._wake.wait(pause_s)

    async def _claim_and_send(self) -> float:
        """Seconds until it is worth to look again."""
        if self._pressure():
            return self._limits.poll_s
        room = self._limits.held_max - len(self._hand) - len(self._flights)
        if room > 0:
            claims = self._queue.claim(room, self._limits.lease_s)
            if not await self._done(claims):
                return self._limits.trouble_s
            self._hand += claims.result()
        sent = 0 if self._stopping else self._send_hand()
        return 0.0 if sent else self._limits.poll_s

    def _send_hand(self) -> int:
        """Send what its lane admits, give back what rests, keep the others; how many were sent."""
        hand, self._hand = self._hand, []
        sent = 0
        for claim in hand:
            now = self._clock.now()
            lane = self._lanes.lane(claim.envelope.labels)
            resting_s = lane.resting_s(now)
            if resting_s > 0:
                delay_s = resting_s + spread(self._limits.poll_s, self._rng.random())
                self._write(self._queue.release(claim, delay_s, RESTING_REASON))
            elif lane.admits(now) and len(self._flights) < self._limits.in_flight_max:
                self._launch(claim, lane)
                sent += 1
            else:
                self._hand.append(claim)
        return sent

    def _launch(self, claim: Claim, lane: Lane) -> None:
        flight = Flight(claim, lane)
        lane.in_flight += 1
        self._flights[claim.ticket, claim.token] = flight
        request = request_of(claim, self._clock.now())
        try:
            flight.call = self._send(request, lambda reply: self._landed(flight, reply))
        except Exception as error:  # noqa: BLE001 - a bug that one ticket meets must not stop all others
            self._log.error("drain_could_not_send", ticket=claim.ticket, error=repr(error))
            self._land(flight)
            self._write(self._queue.release(claim, self._limits.unroutable_s, "the proxy could not send it"))

    def _land(self, flight: Flight) -> None:
        del self._flights[flight.claim.ticket, flight.claim.token]
        flight.lane.in_flight -= 1
        self._wake.ring()

    def _landed(self, flight: Flight, reply: Reply) -> None:
        claim, lane = flight.claim, flight.lane
        self._land(flight)
        if reply.verdict in (Verdict.SERVED, Verdict.REJECTED):
            lane.served(self._limits.lanes)
            self._own[reply.application] += 1
            self._suspects.clear(claim.ticket)
            self._write(self._queue.complete(claim, reply.answer))
        elif reply.verdict is Verdict.UNROUTABLE:
            reason = f"no row matches its labels: {', '.join(reply.labels) or 'none'}"
            self._write(self._queue.release(claim, self._limits.unroutable_s, reason))
        else:
            self._failed(claim, lane, reply)

    def _failed(self, claim: Claim, lane: Lane, reply: Reply) -> None:
        limits, now = self._limits, self._clock.now()
        record = self._suspects.fail(claim.ticket, reply.attempts)
        lane.failed(now, self._rng.random(), limits.lanes)
        story = ", ".join(f"{each.application}: {each.outcome}" for each in reply.attempts)
        reason = story or "no application was eligible"
        if record.strikes >= limits.strikes_max:
            self._suspects.clear(claim.ticket)
            self._log.warning("ticket_buried", ticket=claim.ticket, tries=claim.tries, reason=reason)
            self._write(self._queue.bury(claim, f"failed while others were served: {reason}"))
            return
        doublings = min(record.failures - 1, 16)  # beyond, the cap holds anyway
        delay_s = min(limits.lanes.rest_s * 2.0**doublings, limits.lanes.rest_s_max)
        delay_s = max(spread(delay_s, self._rng.random()), lane.resting_s(now))
        self._write(self._queue.release(claim, delay_s, reason))

    def _write(self, future: asyncio.Future[Any]) -> None:
        self._writes.add(future)
        future.add_done_callback(self._written)

    def _written(self, future: asyncio.Future[Any]) -> None:
        """A write that failed is not repeated: the lease lapses, and the ticket is claimed again."""
        self._writes.discard(future)
        error = future.exception()
        if error is not None:
            self._log.warning("drain_could_not_write", error=repr(error))
        elif future.result() is False:
            self._log.info("drain_lost_a_lease")

    def _extend(self) -> asyncio.Future[int]:
        claims = [flight.claim for flight in self._flights.values()] + self._hand
        return self._queue.extend(claims, self._limits.lease_s)

    async def _every(self, period_s: float, act: Callable[[], asyncio.Future[int]]) -> None:
        bell = Bell()
        self._bells.append(bell)
        await bell.wait(period_s)
        while not self._stopping:
            await self._done(act())
            await bell.wait(period_s)

    async def _done(self, future: asyncio.Future[Any]) -> bool:
        """Whether the queue did it; its trouble is logged here."""
        await asyncio.wait((future,))
        error = future.exception()
        if error is None:
            return True
        if not isinstance(error, QueueFailed):
            raise error
        self._log.warning("drain_waits_for_queue", error=str(error))
        return False

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._log.error("drain_broke", error=repr(error))


class Bell:
    """Wakes who waits: by hand, or by time."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits now, or waits next."""
        self._event.set()

    async def wait(self, delay_s: float) -> None:
        """Until it rings, no longer than this."""
        timer = asyncio.get_running_loop().call_later(delay_s, self._event.set)
        await self._event.wait()
        timer.cancel()
        self._event.clear()


def request_of(claim: Claim, now: float) -> Request:
    """The parked request, to be sent as it came; it asks for no ticket, for it has one."""
    envelope = claim.envelope
    return Request(
        id=envelope.request_id,
        method=envelope.method,
        target=envelope.target,
        model=envelope.model,
        version=envelope.version,
        headers=envelope.headers,
        body=envelope.body,
        arrived_s=now,
        fallback=Fallback.NONE,
        drained=True,
    )
