"""A process whose files may not grow: a full disk as the operating system reports it.

Argument: the file. Prints how many tickets fitted, what was said then, and whether the queue went on by
itself once there was room.
"""

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path

from proxy.clock import LiveClock
from proxy.offline.sqlite import open_sqlite
from proxy.tickets import Accepted
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import parcel

ROOM_BYTES = 2_000_000


async def main(path: str) -> None:
    log = RecordingLog()
    queue = await open_sqlite(Path(path), clock=LiveClock(), log=log)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, unlimited[1]))
    accepted: list[str] = []
    while isinstance(put := await queue.put(parcel(body=b"x" * 5000)), Accepted):
        accepted.append(put.ticket)
    refused = [await queue.put(parcel(body=b"x" * 5000)) for _ in range(5)]
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    again = await queue.put(parcel())
    found = [ticket.id for ticket in await queue.list(None, 1000, "")]
    await queue.close()
    report = {
        "accepted": accepted,
        "refused": [str(each) for each in (put, *refused)],
        "again": isinstance(again, Accepted),
        "found": found[: len(accepted)],
        "more": len(found) - len(accepted),
        "logged": [name for _, name, _ in log.events],
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
