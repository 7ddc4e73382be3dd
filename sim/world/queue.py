"""The durable queue of a world: the production twin in memory, behind a commit that takes time and can fail.

A put is stored when its commit returns, not when it is asked for, so that whoever acknowledges early is seen.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from proxy.errors import QueueFailed
from proxy.messages import Answer
from proxy.offline.front import QueueFront
from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryStore
from proxy.offline.store import Store
from proxy.ports import Clock
from proxy.tickets import Accepted, Claim, Envelope, Put, Refusal, Refused, Ticket, TicketStatus
from sim.world.loop import WorldLoop
from sim.world.plan import QueuePlan
from sim.world.watch import Watch, tell

T = TypeVar("T")

Work = tuple[asyncio.Future[T], Callable[[Store], T]]


class WorldQueue(QueueFront):
    """`ports.OfflineQueue`. Tickets are numbered, not drawn: a history holds no secrets."""

    def __init__(self, plan: QueuePlan, clock: Clock, loop: WorldLoop, watch: Watch) -> None:
        self._plan = plan
        self._loop = loop
        self._watch = watch
        self._began_s = loop.now_s
        self._made = 0
        self.store: Store = MemoryStore(
            clock=clock, limits=QueueLimits(tickets_max=plan.tickets_max), new_id=self._new_id
        )

    def fill(self) -> None:
        """Yesterday's tickets are there; all alike, they share their request, which is most of a ticket."""
        labels = self._plan.waiting_labels
        envelope = Envelope(
            request_id="yesterday",
            method=b"POST",
            target=b"/v2/models/m/infer",
            model="m",
            version="",
            headers=(),
            body=",".join(labels).encode(),
            class_name="",
            labels=labels,
            reason="",
        )
        for _ in range(self._plan.waiting):
            put = self.store.put(envelope)
            assert isinstance(put, Accepted), put
            tell(self._watch.stored, put.ticket)

    def put(self, envelope: Envelope) -> asyncio.Future[Put]:
        future: asyncio.Future[Put] = self._loop.create_future()
        self._loop.at(self._loop.now_s + self._plan.commit_s, self._put, (future, envelope))
        return future

    def complete(self, claim: Claim, answer: Answer) -> asyncio.Future[bool]:
        return self._end(claim, "done", lambda store: store.complete(claim, answer))

    def bury(self, claim: Claim, reason: str) -> asyncio.Future[bool]:
        return self._end(claim, "dead", lambda store: store.bury(claim, reason))

    def claim(self, limit: int, lease_s: float) -> asyncio.Future[list[Claim]]:
        def take(store: Store) -> list[Claim]:
            claims = store.claim(limit, lease_s)
            for each in claims:
                tell(self._watch.claimed, each.ticket)
            return claims

        return self._hold(take)

    def close(self) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        future.set_result(None)
        return future

    def find_now(self, ticket: str) -> Ticket | None:
        """What is durable of a ticket at this instant."""
        return self.store.find(ticket)

    def pending(self) -> int:
        """Tickets that have not ended."""
        counts = self.store.stats().counts
        return counts.get(TicketStatus.QUEUED.value, 0) + counts.get(TicketStatus.RUNNING.value, 0)

    def broken(self) -> bool:
        """Whether the disk is away."""
        now = self._loop.now_s - self._began_s
        return any(from_s <= now < until_s for from_s, until_s in self._plan.broken)

    def _put(self, work: tuple[asyncio.Future[Put], Envelope]) -> None:
        future, envelope = work
        if self.broken():
            future.set_result(Refused(why=Refusal.BROKEN, message="the disk is away"))
            return
        put = self.store.put(envelope)
        if isinstance(put, Accepted) and put.fresh:
            tell(self._watch.stored, put.ticket)
        future.set_result(put)

    def _end(self, claim: Claim, how: str, work: Callable[[Store], bool]) -> asyncio.Future[bool]:
        def end(store: Store) -> bool:
            held = work(store)
            if held:
                tell(self._watch.ended, claim.ticket, how)
            return held

        return self._hold(end)

    def _hold(self, work: Callable[[Store], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._loop.at(self._loop.now_s + self._plan.commit_s, self._do, (future, work))
        return future

    _ask = _hold

    def _repeat(self, work: Callable[[Store], int]) -> asyncio.Future[int]:
        return self._hold(work)

    def _do(self, work: "Work[T]") -> None:
        future, act = work
        if future.cancelled():
            return
        if self.broken():
            future.set_exception(QueueFailed("the disk is away"))
        else:
            future.set_result(act(self.store))

    def _new_id(self) -> str:
        self._made += 1
        return f"{self._made:032x}"
