"""Parked requests, answers and ids for tests of the offline queue."""

import itertools
from collections.abc import Callable

from proxy.messages import Answer, Headers
from proxy.offline.limits import QueueLimits
from proxy.ports import OfflineQueue
from proxy.tickets import Accepted, Claim, Envelope

ANSWER = Answer(status=200, headers=((b"Content-Type", b"application/json"),), body=b'{"outputs": []}')

NARROW = QueueLimits(
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
"""Limits that a test reaches in a few steps."""


def parcel(
    *,
    key: str = "",
    body: bytes = b'{"inputs": []}',
    labels: tuple[str, ...] = ("1125",),
    request_id: str = "r-1",
    target: bytes = b"/v2/models/m/infer",
    headers: Headers = ((b"Content-Type", b"application/json"),),
) -> Envelope:
    """A parked request."""
    return Envelope(
        request_id=request_id,
        method=b"POST",
        target=target,
        model="m",
        version="2",
        headers=headers,
        body=body,
        class_name="experience",
        labels=labels,
        reason="1: timeout",
        idempotency_key=key,
    )


def serial_ids() -> Callable[[], str]:
    """Ids that can be foreseen."""
    numbers = itertools.count(1)
    return lambda: f"t{next(numbers):04}"


async def parked(queue: OfflineQueue, **fields: object) -> str:
    """Put one request; the ticket."""
    put = await queue.put(parcel(**fields))  # type: ignore[arg-type]
    assert isinstance(put, Accepted)
    return put.ticket


async def claimed(queue: OfflineQueue, lease_s: float = 30.0) -> Claim:
    """Claim the one ticket that is due."""
    (claim,) = await queue.claim(1, lease_s)
    return claim
