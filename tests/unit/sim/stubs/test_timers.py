"""Precise pauses: in order, never early, forgotten when they are cancelled."""

import asyncio
import time

from sim.stubs.timers import AlarmTimers


async def test_pauses_end_in_the_order_of_their_times_and_never_early() -> None:
    """Also one that is set for earlier than the one before it."""
    timers, ended = AlarmTimers(), asyncio.Event()
    began_s = time.monotonic()
    fired: list[tuple[str, float]] = []

    def fire(name: str) -> None:
        fired.append((name, time.monotonic() - began_s))
        if name == "last":
            ended.set()

    timers.after(0.01, lambda: fire("last"))
    timers.after(0.002, lambda: fire("first"))
    cancelled = timers.after(0.003, lambda: fire("never"))
    timers.after(0.0045, lambda: fire("second"))
    cancelled.cancel()
    await ended.wait()
    timers.close()
    assert [name for name, _ in fired] == ["first", "second", "last"]
    assert all(at_s >= due_s for (_, at_s), due_s in zip(fired, (0.002, 0.0045, 0.01), strict=True))


async def test_a_pause_begun_by_one_that_ends_is_waited_for_too() -> None:
    """As a stub's next request is."""
    timers, ended = AlarmTimers(), asyncio.Event()
    timers.after(0.001, lambda: timers.after(0.001, ended.set) and None)
    async with asyncio.timeout(30):
        await ended.wait()
    timers.close()
    assert ended.is_set()


async def test_a_pause_that_ends_before_all_others_does_not_wait_for_them() -> None:
    """The one alarm is set anew."""
    timers, ended = AlarmTimers(), asyncio.Event()
    timers.after(600.0, lambda: None)
    timers.after(0.001, ended.set)
    async with asyncio.timeout(30):
        await ended.wait()
    timers.close()
    assert ended.is_set()
