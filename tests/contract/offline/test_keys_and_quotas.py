"""What is taken in: repeated requests under a key, and the quotas. Holds for every offline queue."""

import pytest

from proxy.offline.quota import RECORD_BYTES, answer_charge, envelope_charge
from proxy.ports import OfflineQueue
from proxy.tickets import Accepted, Refusal, Refused
from tests.stand_ins.parcels import ANSWER, NARROW, claimed, parcel, parked


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
    room = NARROW.stored_bytes_max - overhead - 10_000 - overhead
    await parked(queue, body=b"x" * 10_000)
    put = await queue.put(parcel(body=b"x" * (room + 1)))
    assert isinstance(put, Refused)
    assert put.why is Refusal.FULL
    await parked(queue, body=b"x" * room)
    assert (await queue.stats()).stored_bytes == NARROW.stored_bytes_max


async def test_an_answer_counts_in_place_of_its_request(queue: OfflineQueue) -> None:
    """What is no longer kept does not fill the quota."""
    await parked(queue, body=b"x" * 5000)
    await queue.complete(await claimed(queue), ANSWER)
    assert (await queue.stats()).stored_bytes == answer_charge(ANSWER) > RECORD_BYTES
