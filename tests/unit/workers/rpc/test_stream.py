"""Streams: order, how much is at work at once, and their ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from workers.rpc.stream import IN_FLIGHT_MAX, Stream

END_S_MAX = 10  # for a test that would hang


async def numbers(count: int, broken: bool = False) -> AsyncIterator[int]:
    for number in range(count):
        yield number
    if broken:
        raise ConnectionError("cut")


class Held:
    """Answers when it is let; counts."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.full = asyncio.Event()
        self.open = asyncio.Event()
        self.ended = 0

    async def __call__(self, number: int) -> int:
        self.begun.append(number)
        if len(self.begun) > IN_FLIGHT_MAX:
            self.full.set()
        try:
            await self.open.wait()
        finally:
            self.ended += 1
        return number


async def test_answers_come_in_order_however_they_end() -> None:
    """The caller matches them by their place."""

    async def one(number: int) -> int:
        for _ in range(10 - number % 10):
            await asyncio.sleep(0)
        return number

    async with Stream(numbers(200), one) as answers:
        assert [answer async for answer in answers] == list(range(200))


async def test_so_many_are_at_work_at_once_and_no_more() -> None:
    """A caller that sends without reading fills no memory."""
    held = Held()
    async with asyncio.timeout(END_S_MAX), Stream(numbers(500), held) as answers:
        await held.full.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(held.begun) == IN_FLIGHT_MAX + 1  # the last waits for its place in the line
        held.open.set()
        assert [answer async for answer in answers] == list(range(500))


async def test_a_caller_that_leaves_ends_everything_at_once() -> None:
    """Also while the line is full."""
    held = Held()
    async with asyncio.timeout(END_S_MAX):
        async with Stream(numbers(500), held):
            await held.full.wait()
    assert held.ended == len(held.begun)


async def test_what_was_begun_is_answered_when_a_stream_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    """And the stream ends."""

    async def one(number: int) -> int:
        return number

    async with asyncio.timeout(END_S_MAX), Stream(numbers(3, broken=True), one) as answers:
        assert [answer async for answer in answers] == [0, 1, 2]
    assert "broke off" in caplog.text
