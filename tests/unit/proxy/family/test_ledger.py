"""The ledger: permits that several processes share are exact, and come back from whoever is killed."""

import asyncio
import fcntl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.family.ledger import Ledger, SharedPermits, new_memory
from proxy.qos.permits import Permits, Shortage
from proxy.routing.table import Application
from tests.unit.proxy.family.holder import LIMIT, PROCESSES


def application(**limits: float) -> Application:
    return Application(id="a", endpoints=("http://a",), **limits)  # type: ignore[arg-type]


class Openers:
    """The same slot, as each process of a family has it."""

    def __init__(self, **limits: float) -> None:
        memory = new_memory(PROCESSES)
        self.ledgers = [Ledger(memory, processes=PROCESSES, column=each) for each in range(PROCESSES + 1)]
        self.ledgers[0].reset(1)
        self.permits = [ledger.permits(1, application(**limits)) for ledger in self.ledgers]

    def close(self) -> None:
        self.ledgers[0].close()


@pytest.fixture
def openers() -> Iterator[Openers]:
    openers = Openers(concurrency=LIMIT)
    yield openers
    openers.close()


STEPS = st.lists(
    st.tuples(st.integers(0, PROCESSES), st.sampled_from(["take", "give back", "die"]), st.floats(0, 0.02)),
    max_size=200,
)


@given(steps=STEPS, limit=st.integers(1, 6), rate=st.floats(20, 2_000), burst=st.integers(1, 10))
def test_however_processes_take_turns_both_limits_hold_for_all_of_them_together(
    steps: list[tuple[int, str, float]], limit: int, rate: float, burst: int
) -> None:
    """Held against the permits of a process that is alone, for which all of them are one (invariant I1)."""
    openers = Openers(concurrency=limit, rate=rate, burst=burst)
    alone = Permits(concurrency=limit, rate=rate, burst=burst)
    held = [0] * (PROCESSES + 1)
    now, started = 100.0, []
    for who, what, pause_s in steps:
        now += pause_s
        if what == "take":
            assert openers.permits[who].shortage(now) is alone.shortage(now)
            short = openers.permits[who].take(now)
            assert short is alone.take(now)
            if short is None:
                held[who] += 1
                started.append(now)
        elif what == "give back" and held[who]:
            openers.permits[who].give_back()
            alone.give_back()
            held[who] -= 1
        elif what == "die":
            moved = openers.ledgers[0].bury(who, range(1, 2))
            assert openers.permits[who].in_flight == sum(held)
            openers.ledgers[0].restore(moved)
            for _ in range(held[who]):
                alone.give_back()
            held[who] = 0
        assert {each.in_flight for each in openers.permits} == {sum(held)}
        assert sum(held) <= limit
    for first in started:
        assert sum(first <= at <= first + 0.1 for at in started) <= rate * 0.1 + burst + 1e-6
    openers.close()


def test_a_permit_given_back_twice_is_a_bug(openers: Openers) -> None:
    """One process must not give back what is another's."""
    assert openers.permits[1].take(0.0) is None
    with pytest.raises(AssertionError, match="twice"):
        openers.permits[2].give_back()


def test_what_is_in_flight_without_a_limit_counts_when_there_is_one(openers: Openers) -> None:
    """A table may set a limit while calls run."""
    openers.permits[1].limit(concurrency=None, rate=None, burst=None, now=0.0)
    for _ in range(LIMIT):
        assert openers.permits[1].take(0.0) is None
    assert openers.permits[2].take(0.0) is Shortage.CONCURRENCY


def test_a_slot_with_a_new_owner_remembers_nothing(openers: Openers) -> None:
    """Neither calls nor the rate of the application that had it before."""
    openers.permits[1].limit(concurrency=None, rate=None, burst=None, now=0.0)
    openers.permits[0].limit(concurrency=None, rate=1.0, burst=1, now=0.0)
    assert openers.permits[1].take(50.0) is None
    assert openers.permits[1].take(50.0) is Shortage.RATE
    openers.ledgers[1].count_served(1)
    openers.ledgers[0].reset(1)
    openers.permits[0].limit(concurrency=None, rate=1.0, burst=1, now=0.0)
    assert openers.permits[1].shortage(50.0) is None
    assert openers.ledgers[2].in_flight(1) == openers.ledgers[2].served(1) == 0


def test_slots_beside_each_other_do_not_mix(openers: Openers) -> None:
    """Also the last column of one and the first of the next."""
    for ledger in openers.ledgers:
        other = ledger.permits(2, application(concurrency=9))
        assert other.take(0.0) is None
        ledger.count_served(2)
    assert openers.ledgers[0].in_flight(1) == openers.ledgers[0].served(1) == 0
    assert openers.ledgers[0].in_flight(2) == openers.ledgers[0].served(2) == PROCESSES + 1


def test_a_slot_is_held_as_long_as_somebody_could_write_to_it(openers: Openers) -> None:
    """A request of an earlier table may still enter the gate of an application that is gone."""
    ledger = openers.ledgers[1]
    kept: list[SharedPermits] = [ledger.permits(7, application())]
    assert ledger.held() == {1, 7}
    kept.clear()
    assert ledger.held() == {1}


def test_a_slot_of_the_departed_is_held_until_their_permits_are_restored(openers: Openers) -> None:
    """Another application in it would be given what was never its own. Lives may end one after the other."""
    keeper = openers.ledgers[0]
    lives = []
    for _ in range(2):
        lent = openers.ledgers[1].permits(7, application())
        assert lent.take(0.0) is None
        lives.append(keeper.bury(1, range(1, 9)))
    assert keeper.held() == {1, 7}
    keeper.restore(lives[0])
    assert (keeper.departed(7), keeper.in_flight(7)) == (1, 1)
    assert keeper.held() == {1, 7}
    keeper.restore(lives[1])
    assert (keeper.departed(7), keeper.in_flight(7)) == (0, 0)
    assert keeper.held() == {1}


RATES = st.sampled_from([None, *(2.0**power for power in range(-3, 12))])  # without rounding
RELOADS = st.lists(st.tuples(RATES, st.integers(1, 10), st.integers(0, 20), st.booleans()), min_size=1)


@given(reloads=RELOADS)
def test_a_rate_that_is_changed_lets_no_saved_burst_through(
    reloads: list[tuple[float | None, int, int, bool]],
) -> None:
    """Held against the permits of a process that is alone, whoever of the family takes."""
    openers = Openers(rate=64.0, burst=5)
    twin = Permits(concurrency=None, rate=64.0, burst=5)
    now = 128.0
    for rate, burst, wishes, rested in reloads:
        openers.permits[0].limit(concurrency=None, rate=rate, burst=burst, now=now)
        twin.limit(concurrency=None, rate=rate, burst=burst, now=now)
        for number in range(wishes):
            who = openers.permits[number % (PROCESSES + 1)]
            assert who.shortage(now) is twin.shortage(now)
            assert who.take(now) is twin.take(now)
        now += 1024.0 if rested else 0.0
    openers.close()


def test_a_lowered_rate_counts_what_was_passed_before_in_calls(openers: Openers) -> None:
    """A burst that is used up stays used up, for every process, from the supervisor's word on."""
    openers.permits[0].limit(concurrency=None, rate=1_024.0, burst=10, now=5.0)
    taker, other = openers.permits[1], openers.permits[2]
    for each in (taker, other):
        each.limit(concurrency=None, rate=1_024.0, burst=10, now=5.0)
    assert [taker.take(5.0) for _ in range(11)] == [None] * 10 + [Shortage.RATE]
    openers.permits[0].limit(concurrency=None, rate=1.0, burst=10, now=5.0)
    assert [each.take(5.0) for each in (taker, other)] == [Shortage.RATE] * 2
    assert other.take(5.99) is Shortage.RATE
    assert [other.take(6.0), taker.take(6.0)] == [None, Shortage.RATE]


def test_a_process_that_has_the_older_table_passes_by_the_rate_in_force(openers: Openers) -> None:
    """They take tables up one after the other; the limit is the application's, not a process's."""
    openers.permits[0].limit(concurrency=None, rate=1.0, burst=1, now=5.0)
    openers.permits[1].limit(concurrency=None, rate=1_024.0, burst=100, now=5.0)
    assert [openers.permits[1].take(5.0) for _ in range(2)] == [None, Shortage.RATE]


def test_pressure_is_seen_by_all(openers: Openers) -> None:
    """The supervisor's drain must stand back while any child is short of permits."""
    openers.ledgers[2].press(123.5)
    assert openers.ledgers[0].pressed_s() == 123.5


async def holder(openers: Openers, column: int, work: str) -> Process:
    memory = openers.ledgers[0].file
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.proxy.family.holder", str(memory), str(column), work),
        pass_fds=(memory,),
        stdout=PIPE,
    )


async def holds(process: Process) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"holds\n"


async def kill(process: Process) -> None:
    process.kill()
    await process.communicate()


async def test_the_permits_of_a_killed_process_come_back_once_they_are_restored(openers: Openers) -> None:
    """In-flight counters that leak on a crash would close the application for ever."""
    process = await holder(openers, 1, "hold")
    await holds(process)
    assert openers.permits[2].take(0.0) is Shortage.CONCURRENCY
    await kill(process)
    assert openers.permits[2].in_flight == 3
    moved = openers.ledgers[0].bury(1, range(1, 3))
    assert moved == {1: 3}
    assert openers.ledgers[0].departed(1) == 3
    assert openers.permits[2].take(0.0) is Shortage.CONCURRENCY, "their servers may still be at work"
    openers.ledgers[0].restore(moved)
    assert openers.permits[2].take(0.0) is None
    assert openers.permits[2].in_flight == 1


async def test_a_process_that_is_killed_while_it_holds_the_lock_blocks_nobody(openers: Openers) -> None:
    """The kernel drops its lock."""
    process = await holder(openers, 1, "lock")
    await holds(process)
    with pytest.raises(BlockingIOError):
        fcntl.lockf(openers.ledgers[2].file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, openers.permits[2].base)
    await kill(process)
    assert openers.permits[2].take(0.0) is None


async def test_processes_that_take_at_the_same_time_never_exceed_the_limit(openers: Openers) -> None:
    """Two that look at once must not both take the last permit."""
    processes = [await holder(openers, column, "hammer") for column in range(1, PROCESSES + 1)]
    async with asyncio.timeout(60):
        seen = [int((await process.communicate())[0]) for process in processes]
    assert seen == [0] * PROCESSES
    assert openers.permits[0].in_flight == 0
