"""The durable queue of a world: a ticket is there when its commit has returned, and not before."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import pytest

from proxy.errors import QueueFailed
from proxy.tickets import Accepted, Envelope, Refusal, Refused
from sim.world.checkers.conservation import Conservation
from sim.world.clock import WorldClock
from sim.world.loop import WorldLoop
from sim.world.plan import QueuePlan
from sim.world.queue import WorldQueue
from sim.world.watch import Checker, Watch

ENVELOPE = Envelope(
    request_id="r",
    method=b"POST",
    target=b"/",
    model="m",
    version="",
    headers=(),
    body=b"7",
    class_name="urgent",
    labels=("7",),
    reason="",
)


class Bench:
    """A queue on a loop of its own."""

    def __init__(self, checkers: Iterable[Checker] = (), **plan: Any) -> None:
        self.loop = WorldLoop()
        self.queue = WorldQueue(QueuePlan(**plan), WorldClock(self.loop), self.loop, Watch(checkers))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)


def test_a_ticket_is_durable_when_its_commit_returns() -> None:
    """A proxy that tells of it sooner tells of something that a crash would lose."""
    bench = Bench(commit_s=0.01)

    async def live() -> tuple[int, Any, int]:
        put = bench.queue.put(ENVELOPE)
        await asyncio.sleep(0.009)
        before = bench.queue.pending()
        return before, await put, bench.queue.pending()

    before, put, after = bench.run(live())
    assert (before, after) == (0, 1)
    assert isinstance(put, Accepted)
    assert bench.queue.find_now(put.ticket) is not None


def test_with_the_disk_away_a_put_is_refused_and_a_claim_fails() -> None:
    """As the live queue does."""
    bench = Bench(broken=((0.0, 1.0),))

    async def live() -> Any:
        put = await bench.queue.put(ENVELOPE)
        with pytest.raises(QueueFailed):
            await bench.queue.claim(1, 1.0)
        await asyncio.sleep(2.0)
        return put, await bench.queue.put(ENVELOPE)

    broken, mended = bench.run(live())
    assert isinstance(broken, Refused)
    assert broken.why is Refusal.BROKEN
    assert isinstance(mended, Accepted)


def test_the_ends_of_tickets_are_told_to_who_watches() -> None:
    """Once each, and only while the claim is held."""
    checker = Conservation()
    bench = Bench((checker,))

    async def live() -> list[bool]:
        await bench.queue.put(ENVELOPE)
        (claim,) = await bench.queue.claim(1, 1.0)
        return [await bench.queue.bury(claim, "poison"), await bench.queue.bury(claim, "poison")]

    assert bench.run(live()) == [True, False]
    assert checker.tickets() == {f"{1:032x}": "dead"}


def test_tickets_are_numbered() -> None:
    """A drawn ticket would make every history another."""
    bench = Bench()

    async def live() -> list[Any]:
        return [await bench.queue.put(ENVELOPE) for _ in range(2)]

    assert [put.ticket for put in bench.run(live())] == [f"{1:032x}", f"{2:032x}"]
    bench.run(bench_close(bench))


async def bench_close(bench: Bench) -> None:
    """Closing waits for nothing here."""
    await bench.queue.close()


def test_tickets_of_yesterday_wait_when_a_world_begins_and_share_what_they_ask() -> None:
    """A million of them must fit into memory; who watches knows them from the beginning."""
    checker = Conservation()
    bench = Bench((checker,), waiting=3, waiting_labels=("c",))
    bench.queue.fill()
    assert bench.queue.pending() == 3
    assert len(checker.tickets()) == 3

    async def live() -> list[Any]:
        return list(await bench.queue.claim(3, 1.0))

    claims = bench.run(live())
    assert [claim.envelope.labels for claim in claims] == [("c",)] * 3
    assert len({id(claim.envelope) for claim in claims}) == 1
