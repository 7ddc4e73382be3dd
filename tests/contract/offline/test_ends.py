"""How tickets end, and what is kept and told of them then. Holds for every offline queue."""

import pytest

from proxy.errors import QueueFailed
from proxy.offline.quota import answer_charge, envelope_charge
from proxy.ports import OfflineQueue
from proxy.tickets import Accepted, Refusal, Refused, TicketStatus
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.parcels import ANSWER, claimed, parcel, parked


async def test_an_unknown_ticket_is_not_found_and_cannot_be_cancelled(queue: OfflineQueue) -> None:
    """404, not an error."""
    assert await queue.find("nobody") is None
    assert await queue.cancel("nobody") is None


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


async def test_of_many_answers_past_their_time_the_oldest_tickets_go_first(
    queue: OfflineQueue, clock: ManualClock
) -> None:
    """However many a step of the sweep takes, what is remembered in the end is the same."""
    names = [await parked(queue) for _ in range(8)]
    for claim in await queue.claim(8, 30.0):
        await queue.complete(claim, ANSWER)
    clock.time_s += 100
    assert await queue.sweep() == 8 + 2
    found = [await queue.find(name) for name in names]
    assert [ticket is None for ticket in found] == [True] * 2 + [False] * 6
    assert (await queue.stats()).stored_bytes == 0


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


async def test_a_closed_queue_refuses_and_says_so(queue: OfflineQueue) -> None:
    """A shutdown must not hang a caller, nor promise what nobody will keep."""
    await queue.close()
    put = await queue.put(parcel())
    assert isinstance(put, Refused)
    assert put.why is Refusal.BROKEN
    with pytest.raises(QueueFailed, match="closed"):
        await queue.find("t0001")
    await queue.close()
