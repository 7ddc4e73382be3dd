"""The durable queue and its in-memory twin give the same results, whatever is asked of them in what order."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.offline.sqlite import SqliteQueue, open_sqlite
from proxy.ports import OfflineQueue
from proxy.tickets import Accepted, Claim, TicketStatus
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER, parcel, serial_ids

LIMITS = QueueLimits(
    tickets_max=6,
    stored_bytes_max=6000,
    ended_max=3,
    batch_tickets_max=2,
    list_tickets_max=50,
    ticket_ttl_s=40.0,
    result_ttl_s=10.0,
    tombstone_ttl_s=20.0,
    dead_ttl_s=15.0,
)

Work = Callable[[OfflineQueue], Awaitable[Any]]
picks = st.integers(0, 30)
spans = st.sampled_from([0.0, 1.0, 5.0, 10.0, 40.0])


class Twins(RuleBasedStateMachine):
    """Does everything to both, and compares what they say and what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.ids = serial_ids()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.durable: SqliteQueue = self.runner.run(self._open())
        self.memory: MemoryQueue = self.runner.run(self._remember())
        self.names: list[str] = ["nobody"]
        self.claims: list[Claim] = []

    async def _open(self) -> SqliteQueue:
        path = Path(self.folder.name) / "q.db"
        log = RecordingLog()
        return await open_sqlite(path, clock=self.clock, log=log, limits=LIMITS, new_id=self.ids)

    async def _remember(self) -> MemoryQueue:
        return MemoryQueue(clock=self.clock, limits=LIMITS, new_id=serial_ids())

    def both(self, work: Work) -> Any:
        async def ask(queue: OfflineQueue) -> Any:
            return await work(queue)

        durable, memory = self.runner.run(ask(self.durable)), self.runner.run(ask(self.memory))
        assert durable == memory
        return durable

    def name(self, pick: int) -> str:
        return self.names[pick % len(self.names)]

    @rule(key=st.sampled_from(["", "", "a", "b"]), body=st.sampled_from([b"", b"x" * 700, b"y" * 2500]))
    def put(self, key: str, body: bytes) -> None:
        put = self.both(lambda queue: queue.put(parcel(key=key, body=body)))
        if isinstance(put, Accepted) and put.fresh:
            self.names.append(put.ticket)

    @rule(limit=st.integers(0, 3), lease_s=spans)
    def claim(self, limit: int, lease_s: float) -> None:
        self.claims += self.both(lambda queue: queue.claim(limit, lease_s))

    @rule(pick=picks, lease_s=spans)
    def extend(self, pick: int, lease_s: float) -> None:
        held = self.claims[pick % (len(self.claims) + 1) :]
        self.both(lambda queue: queue.extend(held, lease_s))

    @rule(pick=picks, act=st.sampled_from(["complete", "release", "release_now", "bury"]))
    def end(self, pick: int, act: str) -> None:
        if not self.claims:
            return
        claim = self.claims[-1 - pick % len(self.claims)]
        acts: dict[str, Work] = {
            "complete": lambda queue: queue.complete(claim, ANSWER),
            "release": lambda queue: queue.release(claim, 5.0, "later"),
            "release_now": lambda queue: queue.release(claim, 0.0, "now"),
            "bury": lambda queue: queue.bury(claim, "poison"),
        }
        self.both(acts[act])

    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        self.both(lambda queue: queue.cancel(self.name(pick)))

    @rule(span_s=spans)
    def wait(self, span_s: float) -> None:
        self.clock.time_s += span_s

    @rule()
    def sweep(self) -> None:
        self.both(lambda queue: queue.sweep())

    @rule(chosen=st.lists(picks, max_size=3))
    def redrive(self, chosen: list[int]) -> None:
        self.both(lambda queue: queue.redrive([self.name(pick) for pick in chosen]))

    @rule(status=st.sampled_from(TicketStatus), older_than_s=spans)
    def purge(self, status: TicketStatus, older_than_s: float) -> None:
        self.both(lambda queue: queue.purge(status, older_than_s))

    @rule(status=st.sampled_from([None, *TicketStatus]), limit=st.integers(0, 4), pick=picks)
    def page(self, status: TicketStatus | None, limit: int, pick: int) -> None:
        self.both(lambda queue: queue.list(status, limit, self.name(pick)))

    @rule()
    def reopen(self) -> None:
        """What was committed is all there is; and the claims of an owner that is gone are due again."""

        async def again() -> SqliteQueue:
            held = {claim.ticket: claim for claim in self.claims}  # the latest of each
            for ticket in await self.memory.list(TicketStatus.RUNNING, 50, ""):
                await self.memory.release(held[ticket.id], 0.0, ticket.reason)
            await self.durable.close()
            return await self._open()

        self.durable = self.runner.run(again())

    @invariant()
    def same_tickets(self) -> None:
        for ticket in self.both(lambda queue: queue.list(None, 50, "")):
            self.both(lambda queue, name=ticket.id: queue.find(name))  # type: ignore[misc]

    @invariant()
    def same_stats(self) -> None:
        stats = self.both(lambda queue: queue.stats())
        assert stats.counts["queued"] + stats.counts["running"] <= LIMITS.tickets_max

    def teardown(self) -> None:
        async def close() -> None:
            await self.durable.close()

        self.runner.run(close())
        self.runner.close()
        self.folder.cleanup()


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=60, stateful_step_count=40)
