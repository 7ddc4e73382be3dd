"""A process that shares a ledger with a test: `python -m tests.unit.proxy.family.holder MEMORY COLUMN WORK`.

`lock` locks slot 1 and `hold` takes three permits there; both say so and then stand still. `hammer` takes
and gives back, and counts how often it saw more in flight than the limit, with the slot locked.
"""

import fcntl
import signal
import sys

from proxy.family.ledger import Ledger, SharedPermits
from proxy.routing.table import Application

PROCESSES = 3
LIMIT = 2
TURNS = 30_000
APPLICATION = Application(id="a", endpoints=("http://a",), concurrency=LIMIT)


def hammer(ledger: Ledger, permits: SharedPermits) -> int:
    seen = taken = 0
    while taken < TURNS:
        if permits.take(0.0) is None:
            taken += 1
            fcntl.lockf(ledger.file, fcntl.LOCK_EX, 1, permits.base)
            seen += permits.in_flight > LIMIT
            fcntl.lockf(ledger.file, fcntl.LOCK_UN, 1, permits.base)
            permits.give_back()
    return seen


def main() -> None:
    memory, column, work = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    ledger = Ledger(memory, processes=PROCESSES, column=column)
    permits = ledger.permits(1, APPLICATION)
    if work == "hammer":
        print(hammer(ledger, permits))
        return
    if work == "lock":
        fcntl.lockf(memory, fcntl.LOCK_EX, 1, permits.base)
    else:
        permits.limit(concurrency=3, rate=None, burst=None, now=0.0)
        assert [permits.take(0.0) for _ in range(3)] == [None] * 3
    print("holds", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
