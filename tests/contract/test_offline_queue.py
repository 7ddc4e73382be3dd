"""What every offline queue does, whatever it is made of: the promises of `ports.OfflineQueue`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.errors import QueueFailed
from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.offline.quota import RECORD_BYTES, answer_charge, envelope_charge
from proxy.offline.remote import RemoteQueue
from proxy.offline.server import QueueServer
from proxy.offline.sqlite import open_sqlite
from proxy.ports import OfflineQueue
from proxy.tickets import Accepted, Refusal, Refused, TicketStatus
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER, claimed, parcel, parked, serial_ids

LIMITS = QueueLimits(
    tickets_max=8,
    stored_bytes_max=100_000,
    ended_max=6,
    batch_tickets_max=2,
    list_tickets_max=5,
    ticket_ttl_s=1000.0,
    result_ttl_s=100.0,
    tombstone_ttl_s=500.0,
    dead_ttl_s=5000.0,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite", "remote"])
async def queue(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[OfflineQueue]:
    if request.param == "memory":
        yield MemoryQueue(clock=clock, limits=LIMITS, new_id=serial_ids())
        return
    log = RecordingLog()
    owned = await open_sqlite(tmp_path / "q.db", clock=clock, log=log, limits=LIMITS, new_id=serial_ids())
    if request.param == "sqlite":
        yield owned
    else:
        server = QueueServer(queue=owned, path=tmp_path / "q.db.sock", log=log)
        await server.start()
        remote = RemoteQueue(tmp_path / "q.db.sock")
        yield remote
        await remote.close()
        await server.close()
    await owned.close()
    assert log.events == [], "nothing went wrong, so nothing is to be logged"


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


async def test_an_unknown_ticket_is_not_found_and_cannot_be_cancelled(queue: OfflineQueue) -> None:
    """404, not an error."""
    assert await queue.find("nobody") is None
    assert await queue.cancel("nobody") is None


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


async def test_a_buried_ticket_is_dead_with_its_reason_and_can_be_redriven(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """An operator who mended the model sends the dead again."""
    name = await parked(queue, body=b"again")
    assert await queue.bury(await claimed(queue), "poison") is True
    dead = await queue.find(name)
    assert dead is not None
    assert (dead.status, dead.reason, dead.ended_s) == (TicketStatus.DEAD, "poison", clock.wall())
    clock.time_s += 100
    assert await queue.redrive([name, name, "nobody"]) == 1
    ticket = await queue.find(name)
    assert ticket is not None
    assert (ticket.status, ticket.ended_s, ticket.tries) == (TicketStatus.QUEUED, None, 0)
    claim = await claimed(queue)
    assert (claim.envelope.body, claim.tries) == (b"again", 1)


async def test_a_token_from_before_a_redrive_is_stale(queue: OfflineQueue) -> None:
    """The count of tokens never starts again."""
    name = await parked(queue)
    old = await claimed(queue)
    await queue.bury(old, "poison")
    await queue.redrive([name])
    await claimed(queue)
    assert await queue.complete(old, ANSWER) is False


async def test_redrive_without_names_takes_dead_and_expired_and_nothing_else(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """What was served or cancelled has had its end."""
    await parked(queue)
    await queue.complete(await claimed(queue), ANSWER)
    cancelled = await parked(queue)
    await queue.cancel(cancelled)
    dead = [await parked(queue) for _ in range(3)]
    for claim in await queue.claim(3, 30.0):
        await queue.bury(claim, "poison")
    expired = await parked(queue)
    clock.time_s += 1000
    assert await queue.sweep() == 4  # one expired; one answer forgotten, then its ticket; one cancelled
    assert await queue.redrive([]) == 4
    assert [claim.ticket for claim in await queue.claim(10, 30.0)] == [*dead, expired]


async def test_a_redrive_stays_within_the_quota(queue: OfflineQueue) -> None:
    """More pending tickets than the quota are never there."""
    for _ in range(6):
        await parked(queue)
    for claim in await queue.claim(6, 30.0):
        await queue.bury(claim, "poison")
    for _ in range(5):
        await parked(queue)
    assert await queue.redrive([]) == 3
    assert (await queue.stats()).counts["dead"] == 3


async def test_a_cancelled_ticket_is_not_sent_and_its_body_is_gone(queue: OfflineQueue) -> None:
    """The caller wants it no more."""
    name = await parked(queue)
    ticket = await queue.cancel(name)
    assert ticket is not None
    assert ticket.status is TicketStatus.CANCELLED
    assert await queue.claim(1, 30.0) == []
    assert (await queue.stats()).stored_bytes == 0
    assert await queue.cancel(name) == ticket


async def test_a_ticket_cancelled_while_it_runs_takes_no_answer(queue: OfflineQueue) -> None:
    """One end only."""
    name = await parked(queue)
    claim = await claimed(queue)
    await queue.cancel(name)
    assert await queue.complete(claim, ANSWER) is False
    ticket = await queue.find(name)
    assert ticket is not None
    assert (ticket.status, ticket.answer) == (TicketStatus.CANCELLED, None)


async def test_the_same_request_under_the_same_key_gets_the_same_ticket(queue: OfflineQueue) -> None:
    """A caller that repeats itself after a broken connection must not be served twice."""
    first = await queue.put(parcel(key="k"))
    again = await queue.put(parcel(key="k", request_id="r-2"))
    assert isinstance(first, Accepted)
    assert first.fresh
    assert again == Accepted(ticket=first.ticket, fresh=False)
    await queue.complete(await claimed(queue), ANSWER)
    assert await queue.put(parcel(key="k")) == again, "the ticket stands for the key as long as it lives"


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b"other"},
        {"target": b"/v2/models/n/infer"},
        {"headers": ((b"inference-HEADER-content-length", b"4"),)},
    ],
)
async def test_another_request_under_the_same_key_is_a_mismatch(
    queue: OfflineQueue, changed: dict[str, object]
) -> None:
    """To answer it with the first one's verdict would be wrong."""
    await parked(queue, key="k")
    put = await queue.put(parcel(key="k", **changed))  # type: ignore[arg-type]
    assert isinstance(put, Refused)
    assert put.why is Refusal.MISMATCH


async def test_requests_without_a_key_are_all_fresh(queue: OfflineQueue) -> None:
    """Equal payloads are not the same request."""
    assert await parked(queue) != await parked(queue)


async def test_a_full_count_refuses_until_one_ticket_has_ended(queue: OfflineQueue) -> None:
    """The quota is a ceiling, and room that comes back is used."""
    for _ in range(8):
        await parked(queue)
    put = await queue.put(parcel())
    assert isinstance(put, Refused)
    assert put.why is Refusal.FULL
    await queue.complete(await claimed(queue), ANSWER)
    assert isinstance(await queue.put(parcel()), Accepted)


async def test_the_byte_quota_is_exact(queue: OfflineQueue) -> None:
    """The last byte fits, the next one does not."""
    overhead = envelope_charge(parcel(body=b""))
    room = LIMITS.stored_bytes_max - overhead - 10_000 - overhead
    await parked(queue, body=b"x" * 10_000)
    put = await queue.put(parcel(body=b"x" * (room + 1)))
    assert isinstance(put, Refused)
    assert put.why is Refusal.FULL
    await parked(queue, body=b"x" * room)
    assert (await queue.stats()).stored_bytes == LIMITS.stored_bytes_max


async def test_an_answer_counts_in_place_of_its_request(queue: OfflineQueue) -> None:
    """What is no longer kept does not fill the quota."""
    await parked(queue, body=b"x" * 5000)
    await queue.complete(await claimed(queue), ANSWER)
    assert (await queue.stats()).stored_bytes == answer_charge(ANSWER) > RECORD_BYTES


async def test_a_ticket_past_its_time_to_live_expires_and_is_not_claimed(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """Nobody wants the verdict any more; nor may it slip out between two sweeps."""
    names = [await parked(queue) for _ in range(3)]
    clock.time_s += 1000
    assert await queue.claim(10, 30.0) == []
    assert await queue.sweep() == 3
    for name in names:
        ticket = await queue.find(name)
        assert ticket is not None
        assert (ticket.status, ticket.ended_s) == (TicketStatus.EXPIRED, clock.wall())
        assert "time to live" in ticket.reason


async def test_a_ticket_in_hand_does_not_expire_under_its_holder(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """An answer is on its way: let it come."""
    await parked(queue)
    clock.time_s += 999
    claim = await claimed(queue, lease_s=10.0)
    clock.time_s += 5
    assert await queue.sweep() == 0
    assert await queue.complete(claim, ANSWER) is True


async def test_a_lapsed_ticket_past_its_time_expires(queue: OfflineQueue, clock: ManualClock) -> None:
    """Its holder is gone."""
    await parked(queue)
    clock.time_s += 999
    claim = await claimed(queue, lease_s=1.0)
    clock.time_s += 1
    assert await queue.sweep() == 1
    assert await queue.complete(claim, ANSWER) is False


async def test_an_answer_is_forgotten_first_and_its_ticket_later(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """A late caller is told that it was done; a very late one that it is unknown."""
    name = await parked(queue, key="k")
    await queue.complete(await claimed(queue), ANSWER)
    clock.time_s += 100
    assert await queue.sweep() == 1
    ticket = await queue.find(name)
    assert ticket is not None
    assert (ticket.status, ticket.answer) == (TicketStatus.DONE, None)
    assert (await queue.stats()).stored_bytes == 0
    clock.time_s += 500
    assert await queue.sweep() == 1
    assert await queue.find(name) is None
    assert (await queue.put(parcel(key="k", body=b"new"))) == Accepted(ticket="t0002", fresh=True)


async def test_no_more_ended_tickets_are_remembered_than_the_limit(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """Tombstones are small, but there is no end of them."""
    names = []
    for _ in range(9):
        names.append(await parked(queue))
        await queue.cancel(names[-1])
        clock.time_s += 1
    assert await queue.sweep() == 3
    assert [ticket.id for ticket in await queue.list(None, 5, "")] == names[3:8]


async def test_a_list_goes_on_where_the_last_one_ended(queue: OfflineQueue) -> None:
    """An operator pages through."""
    names = [await parked(queue) for _ in range(7)]
    await queue.complete(await claimed(queue), ANSWER)
    page = await queue.list(None, 100, "")
    assert [ticket.id for ticket in page] == names[:5], "the page's own limit holds"
    assert page[0].status is TicketStatus.DONE
    assert page[0].answer is None, "bodies are left out"
    assert [ticket.id for ticket in await queue.list(None, 5, names[4])] == names[5:]
    assert [ticket.id for ticket in await queue.list(TicketStatus.QUEUED, 2, names[1])] == names[2:4]
    assert await queue.list(None, 5, "nobody") == []


async def test_a_purge_forgets_old_ends_of_one_status_and_nothing_pending(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """It is the operator's only way to lose tickets, so it is narrow."""
    for _ in range(4):
        await parked(queue)
    old = await queue.claim(3, 3000.0)
    for claim in old:
        await queue.bury(claim, "poison")
    clock.time_s += 50
    await queue.bury(await claimed(queue), "poison")
    await parked(queue, key="k")
    assert await queue.purge(TicketStatus.QUEUED, 0.0) == 0
    assert await queue.purge(TicketStatus.DONE, 0.0) == 0
    assert await queue.purge(TicketStatus.DEAD, 50.0) == 3
    assert [ticket.status for ticket in await queue.list(None, 5, "")] == [
        TicketStatus.DEAD,
        TicketStatus.QUEUED,
    ]


async def test_stats_count_by_status_and_tell_the_age_of_the_oldest(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """The first two numbers that an operator asks for."""
    empty = await queue.stats()
    assert (empty.oldest_pending_s, empty.stored_bytes, sum(empty.counts.values())) == (None, 0, 0)
    for _ in range(4):
        await parked(queue)
        clock.time_s += 10
    await queue.complete(await claimed(queue), ANSWER)
    await claimed(queue)
    stats = await queue.stats()
    assert stats.counts == {"queued": 2, "running": 1, "done": 1, "dead": 0, "expired": 0, "cancelled": 0}
    assert stats.oldest_pending_s == 30.0
    assert stats.stored_bytes == 3 * envelope_charge(parcel()) + answer_charge(ANSWER)


async def test_operations_at_the_same_time_are_done_in_order(queue: OfflineQueue) -> None:
    """Group commit must not change who came first."""
    puts = await asyncio.gather(*[queue.put(parcel(request_id=f"r-{n}")) for n in range(8)])
    assert all(isinstance(put, Accepted) for put in puts)
    claims = await queue.claim(8, 30.0)
    assert [claim.envelope.request_id for claim in claims] == [f"r-{n}" for n in range(8)]


async def test_a_closed_queue_refuses_and_says_so(queue: OfflineQueue) -> None:
    """A shutdown must not hang a caller, nor promise what nobody will keep."""
    await queue.close()
    put = await queue.put(parcel())
    assert isinstance(put, Refused)
    assert put.why is Refusal.BROKEN
    with pytest.raises(QueueFailed, match="closed"):
        await queue.find("t0001")
    await queue.close()
