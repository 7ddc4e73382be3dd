"""The durable queue: tickets in one SQLite file, one owner, answers only after the commit.

Decides what is taken in and how long a caller waits; what an operation does is `sqlite_store.py`'s, how
operations are committed is `writer.py`'s. A put is refused as

* FULL when the quota, or the room for operations that wait, is used up;
* BROKEN when the disk or the database failed, or did not answer within `stall_s`. Then nothing of it
  is kept (see `Writer.withdraw` for the one exception, which is harmless: work done once too often).
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from proxy.errors import QueueFailed, QueueUnusable
from proxy.offline.database import open_database
from proxy.offline.front import QueueFront
from proxy.offline.life import new_ticket_id
from proxy.offline.limits import QueueLimits
from proxy.offline.ownership import Ownership
from proxy.offline.quota import envelope_charge
from proxy.offline.sqlite_store import SqliteStore
from proxy.offline.store import Store
from proxy.offline.writer import Operation, Success, Writer
from proxy.ports import Clock, Log
from proxy.tickets import Envelope, Put, Refusal, Refused

T = TypeVar("T")


async def open_sqlite(
    path: Path,
    *,
    clock: Clock,
    log: Log,
    limits: QueueLimits | None = None,
    new_id: Callable[[], str] = new_ticket_id,
) -> "SqliteQueue":
    """Own and open the queue in `path`, a path without links. Raises QueueOwned or QueueUnusable."""
    limits = limits or QueueLimits()
    try:
        ownership = Ownership(path)
    except OSError as error:
        raise QueueUnusable(f"{path}: {error.strerror}") from error
    try:
        connection = await asyncio.to_thread(open_database, path, limits.checked_bytes_max)
        try:
            store = SqliteStore(connection=connection, clock=clock, limits=limits, new_id=new_id)
        except sqlite3.Error as error:
            connection.close()
            raise QueueUnusable(f"{path}: {error}") from error
    except BaseException:
        ownership.release()
        raise
    return SqliteQueue(connection=connection, store=store, ownership=ownership, limits=limits, log=log)


class SqliteQueue(QueueFront):
    """`ports.OfflineQueue` over a file that this process owns. Made by `open_sqlite`."""

    def __init__(
        self,
        *,
        connection: sqlite3.Connection,
        store: SqliteStore,
        ownership: Ownership,
        limits: QueueLimits,
        log: Log,
    ) -> None:
        self.before_close: Callable[[], Awaitable[None]] | None = None  # whoever serves it to others
        self._loop = asyncio.get_running_loop()
        self._ownership = ownership
        self._limits = limits
        self._log = log
        self._waiting_ops = 0
        self._waiting_bytes = 0
        self._puts: deque[tuple[float, Operation]] = deque()  # with the time handed in, oldest first
        self._watch: asyncio.TimerHandle | None = None
        self._repeats: set[asyncio.Future[int]] = set()
        self._failing = False
        self._closing: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._writer = Writer(
            connection=connection,
            store=store,
            limits=limits,
            report=lambda group: self._from_thread(self._settle, group),
            ended=lambda: self._from_thread(self._let_go),
        )
        self._writer.start()

    def put(self, envelope: Envelope) -> asyncio.Future[Put]:
        future: asyncio.Future[Put] = self._loop.create_future()
        body_bytes = envelope_charge(envelope)
        if self._closing is not None:
            future.set_result(Refused(why=Refusal.BROKEN, message="the offline queue is closed"))
        elif self._crowded(body_bytes):
            message = f"{self._waiting_ops} operations wait for the offline queue's disk"
            future.set_result(Refused(why=Refusal.FULL, message=message))
        else:
            operation = Operation(lambda store: store.put(envelope), future, body_bytes)
            self._puts.append((self._loop.time(), operation))
            self._submit(operation)
            if self._watch is None:
                self._watch = self._loop.call_later(self._limits.stall_s, self._look_for_stalled)
        return future

    def close(self) -> asyncio.Future[None]:
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        return asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self.before_close is not None:
            await self.before_close()
        await asyncio.gather(*self._repeats, return_exceptions=True)
        self._writer.stop()
        await self._ended
        if self._watch is not None:
            self._watch.cancel()

    def _ask(self, work: Callable[[Store], T]) -> asyncio.Future[T]:
        if self._crowded(0):
            future: asyncio.Future[T] = self._loop.create_future()
            future.set_exception(QueueFailed(f"{self._waiting_ops} operations wait for its disk"))
            return future
        return self._hold(work)

    def _hold(self, work: Callable[[Store], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        if self._closing is not None and not self._repeats:
            future.set_exception(QueueFailed("it is closed"))
        else:
            self._submit(Operation(work, future))
        return future

    def _repeat(self, work: Callable[[Store], int]) -> asyncio.Future[int]:
        """In steps of `batch_tickets_max`, so that puts get their turn in between."""
        task = self._loop.create_task(self._steps(work))
        self._repeats.add(task)
        task.add_done_callback(self._repeats.discard)
        return task

    async def _steps(self, work: Callable[[Store], int]) -> int:
        total = 0
        while changed := await self._hold(work):
            total += changed
        return total

    def _crowded(self, body_bytes: int) -> bool:
        return (
            self._waiting_ops >= self._limits.waiting_ops_max
            or self._waiting_bytes + body_bytes > self._limits.waiting_bytes_max
        )

    def _submit(self, operation: Operation) -> None:
        self._waiting_ops += 1
        self._waiting_bytes += operation.body_bytes
        self._writer.submit(operation)

    def _from_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            assert self._loop.is_closed(), "the loop takes no call-backs"  # nobody waits any more

    def _settle(self, group: list[Operation]) -> None:
        for operation in group:
            self._waiting_ops -= 1
            self._waiting_bytes -= operation.body_bytes
            self._resolve(operation)
        while self._puts and self._puts[0][1].future.done():
            self._puts.popleft()

    def _resolve(self, operation: Operation) -> None:
        outcome, future = operation.outcome, operation.future
        self._note(outcome)
        if future.done():  # withdrawn, or its caller has left
            return
        if isinstance(outcome, Success):
            future.set_result(outcome.value)
        elif not isinstance(outcome, sqlite3.Error):
            assert outcome is not None, "an operation was reported that has not ended"
            future.set_exception(outcome)
        elif operation.body_bytes:
            message = f"the offline queue could not write: {outcome}"
            future.set_result(Refused(why=Refusal.BROKEN, message=message))
        else:
            future.set_exception(QueueFailed(str(outcome)))

    def _note(self, outcome: Success | Exception | None) -> None:
        """One line when the store begins to fail, and one when it works again."""
        failing = not isinstance(outcome, Success)
        if failing and not self._failing:
            self._log.error("offline_queue_failing", error=repr(outcome))
        elif self._failing and not failing:
            self._log.info("offline_queue_recovered")
        self._failing = failing

    def _look_for_stalled(self) -> None:
        """Refuse the puts that the disk has kept waiting too long."""
        self._watch = None
        until = self._loop.time() - self._limits.stall_s
        while self._puts and (self._puts[0][0] <= until or self._puts[0][1].future.done()):
            _, operation = self._puts.popleft()
            if not operation.future.done() and self._writer.withdraw(operation):
                message = f"the offline queue's disk has not answered for {self._limits.stall_s:g} s"
                operation.future.set_result(Refused(why=Refusal.BROKEN, message=message))
                self._log.error("offline_queue_stalled", stall_s=self._limits.stall_s)
        if self._puts:
            delay_s = self._puts[0][0] - until
            self._watch = self._loop.call_later(delay_s, self._look_for_stalled)

    def _let_go(self) -> None:
        self._ownership.release()
        self._ended.set_result(None)
