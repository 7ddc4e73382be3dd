"""A stream of requests answered in their order, several at work at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any

IN_FLIGHT_MAX = 64  # of one stream; beyond it the caller's next message is not read

LOG = logging.getLogger("workers")


class Stream:
    """Reads messages ahead and yields their answers. Owns a task for reading and one per message."""

    def __init__(self, messages: AsyncIterator[Any], one: Callable[[Any], Awaitable[Any]]) -> None:
        self._messages = messages
        self._one = one
        self._begun: asyncio.Queue[asyncio.Task[Any] | None] = asyncio.Queue(IN_FLIGHT_MAX)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> AsyncIterator[Any]:
        self._reader = asyncio.create_task(self._read())
        return self._answers()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = (self._reader, *self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for message in self._messages:
                task = asyncio.ensure_future(self._one(message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                await self._begun.put(task)
        except Exception:
            LOG.exception("a stream broke off")
        await self._begun.put(None)  # not where it is cancelled: nobody takes it then

    async def _answers(self) -> AsyncIterator[Any]:
        while (task := await self._begun.get()) is not None:
            yield await task
