"""Claims: who may work on a ticket, and for how long. Holds for every offline queue."""

import asyncio

import pytest

from proxy.ports import OfflineQueue
from proxy.tickets import Accepted, TicketStatus
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.parcels import ANSWER, claimed, parcel, parked


async def test_a_parked_request_is_found_as_queued(queue: OfflineQueue, clock: ManualClock) -> None:
    """The caller was promised a ticket that can be looked up."""
    name = await parked(queue, body=b"12345")
    ticket = await queue.find(name)
    assert ticket is not None
    assert ticket.status is TicketStatus.QUEUED
    assert (ticket.id, ticket.request_id, ticket.model, ticket.class_name) == (name, "r-1", "m", "experience")
    assert (ticket.labels, ticket.reason, ticket.body_bytes) == (("1125",), "1: timeout", 5)
    assert (ticket.created_s, ticket.due_s, ticket.ended_s) == (clock.wall(), clock.wall(), None)
    assert (ticket.tries, ticket.answer) == (0, None)


async def test_a_claim_carries_the_request_as_it_came(queue: OfflineQueue) -> None:
    """It is to be sent again, byte for byte."""
    sent = parcel(body=bytes(range(256)), headers=((b"X-\xff", b"\x80"), (b"a", b""), (b"a", b"2")), key="k")
    await queue.put(sent)
    claim = await claimed(queue)
    assert claim.envelope == sent
    assert claim.tries == 1


async def test_tickets_are_claimed_oldest_first_and_each_once(queue: OfflineQueue) -> None:
    """First come, first served; nobody works on what another has in hand."""
    names = [await parked(queue) for _ in range(5)]
    first, second = await queue.claim(2, 30.0), await queue.claim(10, 30.0)
    assert [claim.ticket for claim in first] == names[:2]
    assert [claim.ticket for claim in second] == names[2:]
    assert await queue.claim(10, 30.0) == []


async def test_a_claimed_ticket_is_running(queue: OfflineQueue) -> None:
    """So that a caller sees that somebody is at it."""
    name = await parked(queue)
    await claimed(queue)
    ticket = await queue.find(name)
    assert ticket is not None
    assert (ticket.status, ticket.tries) == (TicketStatus.RUNNING, 1)


async def test_a_completed_ticket_keeps_the_whole_answer(queue: OfflineQueue, clock: ManualClock) -> None:
    """200 with the model's answer as it would have come."""
    name = await parked(queue)
    claim = await claimed(queue)
    clock.time_s += 5
    assert await queue.complete(claim, ANSWER) is True
    ticket = await queue.find(name)
    assert ticket is not None
    assert (ticket.status, ticket.answer) == (TicketStatus.DONE, ANSWER)
    assert ticket.ended_s == clock.wall()


@pytest.mark.parametrize("act", ["complete", "release", "bury", "extend"])
async def test_a_stale_token_changes_nothing(queue: OfflineQueue, clock: ManualClock, act: str) -> None:
    """A slow worker must not end, or give back, a ticket that another one works on."""
    name = await parked(queue)
    stale = await claimed(queue, lease_s=10.0)
    clock.time_s += 11
    fresh = await claimed(queue, lease_s=10.0)
    assert fresh.token > stale.token
    before = await queue.find(name)
    refused = {
        "complete": lambda: queue.complete(stale, ANSWER),
        "release": lambda: queue.release(stale, 0.0, "late"),
        "bury": lambda: queue.bury(stale, "late"),
        "extend": lambda: queue.extend([stale], 1000.0),
    }[act]()
    assert not await refused
    assert await queue.find(name) == before
    assert await queue.complete(fresh, ANSWER) is True


async def test_a_ticket_ends_once(queue: OfflineQueue) -> None:
    """The first end stands: an answer that was fetched must not change."""
    name = await parked(queue)
    claim = await claimed(queue)
    assert await queue.complete(claim, ANSWER)
    assert await queue.complete(claim, ANSWER) is False
    assert await queue.bury(claim, "too late") is False
    assert await queue.release(claim, 0.0, "too late") is False
    assert await queue.extend([claim], 30.0) == 0
    ticket = await queue.cancel(name)
    assert ticket is not None
    assert (ticket.status, ticket.answer) == (TicketStatus.DONE, ANSWER)


async def test_a_lapsed_lease_is_claimable_again_and_the_try_counts(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """Who claimed it may be dead."""
    await parked(queue)
    first = await claimed(queue, lease_s=10.0)
    clock.time_s += 9.5
    assert await queue.claim(1, 10.0) == []
    clock.time_s += 0.5
    again = await claimed(queue, lease_s=10.0)
    assert (again.ticket, again.tries) == (first.ticket, 2)


async def test_a_lapsed_lease_that_nobody_took_is_still_good(queue: OfflineQueue, clock: ManualClock) -> None:
    """The work is done: to throw it away would only have it done again."""
    await parked(queue)
    claim = await claimed(queue, lease_s=10.0)
    clock.time_s += 20
    assert await queue.complete(claim, ANSWER) is True


async def test_a_heartbeat_keeps_a_ticket_in_hand(queue: OfflineQueue, clock: ManualClock) -> None:
    """Long work is not given to another."""
    for _ in range(3):
        await parked(queue)
    claims = await queue.claim(2, 10.0)
    clock.time_s += 9
    assert await queue.extend(claims, 10.0) == 2
    clock.time_s += 9
    assert len(await queue.claim(10, 10.0)) == 1


async def test_a_released_ticket_waits_for_its_delay(queue: OfflineQueue, clock: ManualClock) -> None:
    """Back-off is the queue's to keep, so that it survives the process."""
    name = await parked(queue)
    assert await queue.release(await claimed(queue), 60.0, "1: refused") is True
    ticket = await queue.find(name)
    assert ticket is not None
    assert (ticket.status, ticket.reason) == (TicketStatus.QUEUED, "1: refused")
    assert ticket.due_s == clock.wall() + 60.0
    clock.time_s += 59
    assert await queue.claim(1, 30.0) == []
    clock.time_s += 1
    assert (await claimed(queue)).tries == 2


async def test_a_ticket_released_without_delay_keeps_its_place(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """A proxy that stops gives back what it has in hand; that must not send it to the end of the queue."""
    first = await parked(queue)
    claim = await claimed(queue)
    clock.time_s += 1
    await parked(queue)
    await queue.release(claim, 0.0, "the proxy stopped")
    assert (await claimed(queue)).ticket == first


async def test_operations_at_the_same_time_are_done_in_order(queue: OfflineQueue) -> None:
    """Group commit must not change who came first."""
    puts = await asyncio.gather(*[queue.put(parcel(request_id=f"r-{n}")) for n in range(8)])
    assert all(isinstance(put, Accepted) for put in puts)
    claims = await queue.claim(8, 30.0)
    assert [claim.envelope.request_id for claim in claims] == [f"r-{n}" for n in range(8)]
