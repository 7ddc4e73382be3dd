"""The loop of worlds: asyncio's order, and time that jumps."""

import asyncio

import pytest

from sim.world.loop import STARTS_S, NothingLeft, WorldLoop


def test_time_jumps_to_the_next_timer() -> None:
    """An hour of the world costs nothing."""
    loop = WorldLoop()

    async def wait() -> float:
        await asyncio.sleep(3600.0)
        return loop.time()

    assert loop.run_until_complete(wait()) == STARTS_S + 3600.0


def test_timers_fire_by_time_and_then_by_age() -> None:
    """The order is part of the history, so it must be one order."""
    loop = WorldLoop()
    seen: list[str] = []
    loop.at(STARTS_S + 2.0, seen.append, "later")
    loop.at(STARTS_S + 1.0, seen.append, "first")
    loop.call_later(1.0, seen.append, "second")
    loop.run_until_complete(asyncio.sleep(3.0))
    assert seen == ["first", "second", "later"]


def test_what_is_ready_runs_before_time_moves() -> None:
    """A call-back of now must not see a later time."""
    loop, seen = WorldLoop(), []

    def again(left: int) -> None:
        seen.append(loop.time())
        if left:
            loop.call_soon(again, left - 1)

    loop.call_soon(again, 3)
    loop.run_until_complete(asyncio.sleep(1.0))
    assert seen == [STARTS_S] * 4


def test_a_timer_set_by_a_timer_waits_for_the_next_turn() -> None:
    """As in asyncio: a timer of no delay that sets itself again must not starve the others."""
    loop = WorldLoop()
    seen: list[str] = []

    def once(_: object) -> None:
        loop.at(loop.now_s, seen.append, "set by a timer")
        loop.call_soon(seen.append, "ready")

    loop.at(STARTS_S, once, None)
    loop.run_until_complete(asyncio.sleep(1.0))
    assert seen == ["ready", "set by a timer"]


def test_a_cancelled_call_back_is_not_called() -> None:
    """Nearly all timeouts are cancelled."""
    loop = WorldLoop()
    seen: list[int] = []
    timer, soon = loop.call_later(1.0, seen.append, 1), loop.call_soon(seen.append, 2)
    timer.cancel()
    soon.cancel()
    loop.run_until_complete(asyncio.sleep(2.0))
    assert seen == []
    assert timer.cancelled()
    assert timer.when() == STARTS_S + 1.0


def test_tasks_events_and_waits_are_asyncios_own() -> None:
    """The drain is built of them."""

    async def live() -> list[str]:
        event, seen = asyncio.Event(), []

        async def one() -> None:
            await event.wait()
            seen.append("woken")

        task = asyncio.create_task(one())
        asyncio.get_running_loop().call_later(5.0, event.set)
        done, _ = await asyncio.wait((task,), timeout=10.0)
        return seen if task in done else []

    assert WorldLoop().run_until_complete(live()) == ["woken"]


def test_waiting_for_what_can_never_happen_is_an_error() -> None:
    """A world that hangs must say so, and at once."""
    loop = WorldLoop()
    with pytest.raises(NothingLeft):
        loop.run_until_complete(asyncio.Event().wait())


def test_a_call_back_that_raises_ends_the_run() -> None:
    """In a simulation a bug is not a line in a log."""
    loop = WorldLoop()
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(asyncio.sleep(1.0))


def test_no_task_outlives_its_run() -> None:
    """Ten thousand worlds run in one process."""
    ended = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def main() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(1.0)
        assert not task.done()

    WorldLoop().run_until_complete(main())
    assert ended == [True]


def test_the_end_of_each_instant_is_told_once_time_moves() -> None:
    """Checkers of what must not last look then."""
    loop, seen = WorldLoop(), []
    loop.rested = lambda: seen.append(loop.time())
    loop.call_later(1.0, lambda: None)
    loop.run_until_complete(asyncio.sleep(2.0))
    assert seen == [STARTS_S, STARTS_S + 1.0]
