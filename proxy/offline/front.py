"""The port's methods, each turned into work on a store; how work reaches the store is the subclass's."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from proxy.messages import Answer
from proxy.offline.store import Claims, Store, Tickets
from proxy.tickets import Claim, Envelope, Put, QueueStats, Ticket, TicketStatus

T = TypeVar("T")


class QueueFront(ABC):
    """`ports.OfflineQueue` over a store; meanings and errors are documented at the port.

    Apart from `put`, which never raises, a future may fail with `QueueFailed`: the store could not do
    it now, and nothing was changed.
    """

    @abstractmethod
    def put(self, envelope: Envelope) -> asyncio.Future[Put]:
        """Store durably, or say why not."""

    @abstractmethod
    def close(self) -> asyncio.Future[None]:
        """Finish what has begun, then let go."""

    @abstractmethod
    def _ask(self, work: Callable[[Store], T]) -> asyncio.Future[T]:
        """Do `work` for somebody outside, who can be told that there is too much of it."""

    @abstractmethod
    def _hold(self, work: Callable[[Store], T]) -> asyncio.Future[T]:
        """Do `work` for a holder of claims; bounded by the claims there are."""

    @abstractmethod
    def _repeat(self, work: Callable[[Store], int]) -> asyncio.Future[int]:
        """Do `work` until it changes nothing; the sum of what it changed."""

    def find(self, ticket: str) -> asyncio.Future[Ticket | None]:
        return self._ask(lambda store: store.find(ticket))

    def cancel(self, ticket: str) -> asyncio.Future[Ticket | None]:
        return self._ask(lambda store: store.cancel(ticket))

    def claim(self, limit: int, lease_s: float) -> asyncio.Future[Claims]:
        return self._hold(lambda store: store.claim(limit, lease_s))

    def extend(self, claims: Sequence[Claim], lease_s: float) -> asyncio.Future[int]:
        held = tuple(claims)
        return self._hold(lambda store: store.extend(held, lease_s))

    def complete(self, claim: Claim, answer: Answer) -> asyncio.Future[bool]:
        return self._hold(lambda store: store.complete(claim, answer))

    def release(self, claim: Claim, delay_s: float, reason: str) -> asyncio.Future[bool]:
        return self._hold(lambda store: store.release(claim, delay_s, reason))

    def bury(self, claim: Claim, reason: str) -> asyncio.Future[bool]:
        return self._hold(lambda store: store.bury(claim, reason))

    def sweep(self) -> asyncio.Future[int]:
        return self._repeat(lambda store: store.sweep())

    def stats(self) -> asyncio.Future[QueueStats]:
        return self._ask(lambda store: store.stats())

    def list(self, status: TicketStatus | None, limit: int, after: str) -> asyncio.Future[Tickets]:
        return self._ask(lambda store: store.list(status, limit, after))

    def redrive(self, tickets: Sequence[str]) -> asyncio.Future[int]:
        names = tuple(tickets)
        return self._repeat(lambda store: store.redrive(names))

    def purge(self, status: TicketStatus, older_than_s: float) -> asyncio.Future[int]:
        return self._repeat(lambda store: store.purge(status, older_than_s))
