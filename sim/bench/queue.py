"""The offline queue: durable puts per second and their waits, by the callers at once; and the drain's side.

`python -m sim.bench.queue [FOLDER]`: the file lies in FOLDER (the current one if none is named), for what
is measured is its disk. Every put is synced before it is counted. Bodies of 250 bytes. Medians of rounds.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from proxy.clock import LiveClock
from proxy.messages import Answer
from proxy.observe.logs import open_log
from proxy.offline.open import attach_queue, open_queue
from proxy.ports import OfflineQueue
from proxy.tickets import Accepted, Envelope

ROUNDS = 5
CALLERS = (1, 16, 128)
PUTS_PER_ROUND_MIN = 1_000
PUTS_PER_CALLER_MIN = 40
BATCH = 16
"""Tickets of one claim; their ends are handed in together."""

ENVELOPE = Envelope(
    request_id="0123456789abcdef",
    method=b"POST",
    target=b"/v2/models/image-risk/infer",
    model="image-risk",
    version="",
    headers=((b"content-type", b"application/json"),),
    body=b"x" * 250,
    class_name="experience",
    labels=("7", "1125"),
    reason="1: timeout, 4: passed over (throttled)",
)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one round."""

    per_s: float
    p50_ms: float
    p99_ms: float


async def puts(queue: OfflineQueue, callers: int) -> Figures:
    """Each caller puts the next one when it has the last one's ticket."""
    each = max(PUTS_PER_CALLER_MIN, PUTS_PER_ROUND_MIN // callers)
    waits_s: list[float] = []

    async def caller() -> None:
        for _ in range(each):
            began = time.perf_counter()
            put = await queue.put(ENVELOPE)
            waits_s.append(time.perf_counter() - began)
            assert isinstance(put, Accepted), put

    began = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(callers)])
    return figures(waits_s, time.perf_counter() - began)


async def ends(queue: OfflineQueue) -> Figures:
    """Claim a batch, complete it, until a round's number is done: what a drain does at its fastest."""
    answer = Answer(status=200, body=b"x" * 250)
    waits_s: list[float] = []
    began = time.perf_counter()
    while len(waits_s) < PUTS_PER_ROUND_MIN:
        batch_s = time.perf_counter()
        claims = await queue.claim(BATCH, 30.0)
        assert all(await asyncio.gather(*[queue.complete(claim, answer) for claim in claims]))
        waits_s += [time.perf_counter() - batch_s] * len(claims)
    return figures(waits_s, time.perf_counter() - began)


def figures(waits_s: list[float], span_s: float) -> Figures:
    """What one round comes to."""
    cuts = statistics.quantiles(waits_s, n=100)
    return Figures(per_s=len(waits_s) / span_s, p50_ms=cuts[49] * 1e3, p99_ms=cuts[98] * 1e3)


async def rounds(name: str, one: Callable[[], Awaitable[Figures]]) -> None:
    """Print the medians."""
    taken = [await one() for _ in range(ROUNDS)]
    per_s, p50_ms, p99_ms = (
        statistics.median(getattr(each, field) for each in taken) for field in ("per_s", "p50_ms", "p99_ms")
    )
    print(f"{name:<44} {per_s:>9,.0f} {p50_ms:>9.2f} {p99_ms:>9.2f}")


async def main(folder: str) -> None:
    """Print the table."""
    print(f"{'':<44} {'per s':>9} {'p50, ms':>9} {'p99, ms':>9}")
    log = open_log("warning")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        url = f"sqlite:///{place}/q.db"
        queue = await open_queue(url, clock=LiveClock(), log=log)
        guest = await attach_queue(url, clock=LiveClock(), log=log)
        for where, each in (("in the owner", queue), ("over the socket", guest)):
            for callers in CALLERS:
                await rounds(f"puts {where}, {callers} at once", lambda e=each, c=callers: puts(e, c))  # type: ignore[misc]
        await rounds(f"claimed and completed, {BATCH} at a time", lambda: ends(queue))
        await guest.close()
        await queue.close()


if __name__ == "__main__":
    asyncio.run(main(str(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())))
