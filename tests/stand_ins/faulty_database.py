"""A database connection that fails or stands still where a test wants it to."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proxy.offline.database import open_database
from proxy.offline.limits import QueueLimits
from proxy.offline.ownership import Ownership
from proxy.offline.sqlite import SqliteQueue
from proxy.offline.sqlite_store import SqliteStore
from proxy.ports import Clock, Log
from tests.stand_ins.parcels import serial_ids

WAIT_S = 20.0


class FaultyConnection:
    """`sqlite3.Connection` as the writer uses it. `faults` maps the start of a statement to its error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.faults: dict[str, Exception] = {}
        self.commits = 0
        self._held = False
        self._reached = threading.Semaphore(0)
        self._go_on = threading.Semaphore(0)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        for start, error in self.faults.items():
            if statement.lstrip().startswith(start):
                raise error
        if statement == "COMMIT":
            self.commits += 1
            if self._held:
                self._reached.release()
                assert self._go_on.acquire(timeout=WAIT_S)
        return self._connection.execute(statement, values)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """The disk takes no commit until the end of the `with`, but for those let through."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._go_on.release()

    def wait_for_commit(self) -> None:
        """Until the writer stands at a commit."""
        assert self._reached.acquire(timeout=WAIT_S)

    def let_one_through(self) -> None:
        self._go_on.release()


def open_faulty(
    path: Path, *, clock: Clock, log: Log, limits: QueueLimits | None = None
) -> tuple[SqliteQueue, FaultyConnection]:
    """A queue, and the way to make its disk fail."""
    limits = limits or QueueLimits()
    connection: Any = FaultyConnection(open_database(path, limits.checked_bytes_max))
    store = SqliteStore(connection=connection, clock=clock, limits=limits, new_id=serial_ids())
    queue = SqliteQueue(connection=connection, store=store, ownership=Ownership(path), limits=limits, log=log)
    return queue, connection
