"""The one thread that touches the database: groups operations into commits, answers after the commit.

Whatever waits when the thread is free is one group, up to the limits; it never waits for a group to
grow, so one operation alone costs one commit and no delay, and a busy queue fills its groups by itself.
A group that fails is rolled back and done again one by one, so that one operation's trouble is its own.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from proxy.offline.limits import QueueLimits
from proxy.offline.sqlite_store import SqliteStore
from proxy.tickets import Accepted


class Success(msgspec.Struct, frozen=True):
    """What an operation resulted in, after the commit."""

    value: Any


class Operation:
    """Work for the store, and how it ended. The thread reads it; it never touches the future."""

    __slots__ = ("body_bytes", "future", "outcome", "withdrawn", "work")

    def __init__(
        self, work: Callable[[SqliteStore], Any], future: asyncio.Future[Any], body_bytes: int = 0
    ) -> None:
        self.work = work
        self.future = future
        self.body_bytes = body_bytes
        self.outcome: Success | Exception | None = None
        self.withdrawn = False


class Writer:
    """Owns the connection from `start` to `stop`. `report` and `ended` are called on the thread."""

    def __init__(
        self,
        *,
        connection: sqlite3.Connection,
        store: SqliteStore,
        limits: QueueLimits,
        report: Callable[[list[Operation]], None],
        ended: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._store = store
        self._limits = limits
        self._report = report
        self._ended = ended
        self._inbox: queue.SimpleQueue[Operation | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # over `withdrawn` and `outcome` of operations
        self._unwanted: set[str] = set()  # tickets to erase before anything else is done
        self._stopping = False
        self._thread = threading.Thread(target=self._live, name="offline-queue", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, operation: Operation) -> None:
        """Hand in; operations are done in the order handed in."""
        self._inbox.put(operation)

    def withdraw(self, operation: Operation) -> bool:
        """Whether a put has no effect, now or later; False: it has ended, its outcome is on the way.

        One that the disk is taking at this moment is erased again before any other operation sees it.
        Only a crash between the two leaves it behind: then it is sent once more than its caller knows.
        """
        with self._lock:
            operation.withdrawn = operation.outcome is None
            return operation.withdrawn

    def stop(self) -> None:
        """Do what was handed in so far, close the connection, and call `ended`."""
        self._inbox.put(None)

    def _live(self) -> None:
        while not self._stopping:
            group = self._gather()
            if group:
                self._perform(group)
                self._report(group)
        if self._unwanted:
            self._perform([])
        self._connection.close()
        self._ended()

    def _gather(self) -> list[Operation]:
        group: list[Operation] = []
        size = 0
        operation = self._inbox.get()
        while operation is not None:
            group.append(operation)
            size += operation.body_bytes
            if len(group) >= self._limits.group_ops_max or size >= self._limits.group_bytes_max:
                return group
            try:
                operation = self._inbox.get_nowait()
            except queue.Empty:
                return group
        self._stopping = True
        return group

    def _perform(self, group: list[Operation]) -> None:
        error = self._transact(group)
        if error is None:
            return
        for operation in group:
            alone = self._transact([operation]) if len(group) > 1 else error
            if alone is not None:
                with self._lock:
                    operation.outcome = alone

    def _transact(self, group: list[Operation]) -> Exception | None:
        """One transaction. Nothing is settled unless its commit returned."""
        tally = self._store.tally.copy()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for name in self._unwanted:
                self._store.erase(name)
            values = [None if each.withdrawn else each.work(self._store) for each in group]
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - an operation's bug must not end the thread all wait for
            self._store.tally = tally
            self._roll_back()
            return error
        self._settle(group, values)
        return None

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            # A roll-back that fails too leaves the transaction open: BEGIN fails, and it is tried again.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _settle(self, group: list[Operation], values: list[Any]) -> None:
        """Let the outcomes stand, apart from puts withdrawn meanwhile: their tickets are to be erased."""
        given: set[str] = set()
        unwanted: set[str] = set()
        with self._lock:
            for operation, value in zip(group, values, strict=True):
                operation.outcome = Success(value)
                if not isinstance(value, Accepted):
                    continue
                if not operation.withdrawn:
                    given.add(value.ticket)
                elif value.fresh:
                    unwanted.add(value.ticket)
        self._unwanted = unwanted - given
