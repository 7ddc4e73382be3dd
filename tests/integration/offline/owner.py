"""A process that owns a queue and puts into it until it is killed; prints each ticket that it was given.

Arguments: the file, and the number of callers. Each line on stdout is an acknowledged ticket, the length
of its body and its digest, written at once: what a caller was told before the kill.
"""

import asyncio
import hashlib
import os
import random
import sys

from proxy.clock import LiveClock
from proxy.observe.logs import open_log
from proxy.offline.open import open_queue
from proxy.ports import OfflineQueue
from proxy.tickets import Accepted
from tests.stand_ins.parcels import ANSWER, parcel


async def main(path: str, callers: int) -> None:
    queue = await open_queue(f"sqlite:///{path}", clock=LiveClock(), log=open_log("warning"))
    say("ready")
    await asyncio.gather(drain(queue), *[call(queue, number) for number in range(callers)])


async def call(queue: OfflineQueue, number: int) -> None:
    rng = random.Random(number)
    while True:
        body = rng.randbytes(rng.choice((10, 300, 20_000)))
        put = await queue.put(parcel(body=body))
        assert isinstance(put, Accepted), put
        say(f"{put.ticket} {len(body)} {hashlib.sha256(body).hexdigest()}")


async def drain(queue: OfflineQueue) -> None:
    """Ends every other ticket, so that the kill also falls into ends."""
    while True:
        for number, claim in enumerate(await queue.claim(10, 30.0)):
            if number % 2:
                assert await queue.complete(claim, ANSWER)
                say(f"{claim.ticket} done")


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
