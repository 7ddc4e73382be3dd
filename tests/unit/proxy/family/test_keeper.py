"""The keeper of one child: what it does about one that misbehaves. The children here are small scripts."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from proxy.clock import LiveClock
from proxy.clusters.limits import ClientLimits
from proxy.edge.limits import EdgeLimits
from proxy.errors import ProcessFailed
from proxy.family.keeper import Keeper, KeeperLimits
from proxy.family.messages import Began, Begin, Broke, Counts, Edition, Ended, NewTable, Told
from proxy.family.tally import counts_of
from proxy.observe.meters import Meters
from proxy.observe.tracing import TraceOptions
from proxy.recording.order import Batch
from proxy.routing.sight import Sight
from tests.stand_ins.log import RecordingLog

COUNTS = counts_of(Meters(), {})
LIMITS = KeeperLimits(
    begun_s_max=5.0, answer_s_max=0.05, ended_s_max=0.2, backoff_s=0.01, backoff_s_max=0.04, sound_s=3600.0
)
TALKER = """
import socket, sys, time
from proxy.family.messages import *
import msgspec
end = socket.socket(fileno=int(sys.argv[1]))
def say(message):
    data = msgspec.msgpack.encode(message)
    end.sendall(len(data).to_bytes(4, "big") + data)
def hear():
    size = int.from_bytes(end.recv(4, socket.MSG_WAITALL), "big")
    return msgspec.msgpack.decode(end.recv(size, socket.MSG_WAITALL), type=Down)
"""


class StandInFamily:
    """`keeper.Family`: one table, and a record of who ended."""

    memory = 1
    edition = Edition(source=b"t", generation=4, slots={}, drained=())

    def __init__(self) -> None:
        self.departed: list[Counts | None] = []
        self.batches: list[tuple[int, Batch]] = []

    def begin(self, column: int) -> Begin:
        return Begin(
            column=column,
            processes=1,
            core=None,
            memory=1,
            table="t",
            edition=self.edition,
            listen={"http": ("127.0.0.1", 0)},
            queue="q",
            log_level="info",
            drain_s=0.1,
            seed=None,
            edge=EdgeLimits(),
            client=ClientLimits(),
            traces=TraceOptions(),
            certificate=None,
        )

    def built(self) -> None:
        """Nobody asks here."""

    def recorded(self, column: int, batch: Batch) -> None:
        self.batches.append((column, batch))

    def ended(self, column: int, counts: Counts | None) -> None:
        self.departed.append(counts)


class Bench:
    """Keepers of scripts, all ended when the test is."""

    def __init__(self) -> None:
        self.family = StandInFamily()
        self.log = RecordingLog()
        self.keepers: list[Keeper] = []

    def keeper(self, script: str, **limits: float) -> Keeper:
        program = (sys.executable, "-c", TALKER + script)
        return self.of(program, **limits)

    def of(self, program: tuple[str, ...], **limits: float) -> Keeper:
        keeper = Keeper(
            *(1, self.family),
            clock=LiveClock(),
            log=self.log,
            limits=KeeperLimits(**{**_fields(LIMITS), **limits}),
            program=program,
        )
        self.keepers.append(keeper)
        return keeper


def _fields(limits: KeeperLimits) -> dict[str, float]:
    return {name: getattr(limits, name) for name in limits.__struct_fields__}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    for keeper in bench.keepers:
        await keeper.finish(0.0)


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not so():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.01)


SERVES = "begin = hear(); say(Began(begin.edition.generation))\n"
WAITS = "while True: time.sleep(60)\n"


async def test_a_child_that_does_not_begin_is_killed_and_the_start_fails(bench: Bench) -> None:
    """A start that hangs says nothing to an operator."""
    keeper = bench.keeper(WAITS, begun_s_max=0.05)
    with pytest.raises(ProcessFailed, match="process 1: it does not begin"):
        await keeper.start()
    assert not keeper.alive


async def test_a_program_that_is_not_there_is_a_start_that_fails(bench: Bench) -> None:
    """So is one that the system cannot start for want of anything."""
    with pytest.raises(ProcessFailed, match="not started: No such file"):
        await bench.of(("/nowhere/python",)).start()


async def test_the_last_words_of_a_child_are_the_reason(bench: Bench) -> None:
    """An exit status alone helps nobody."""
    with pytest.raises(ProcessFailed, match="process 1: no such label"):
        await bench.keeper("hear(); say(Broke('no such label'))").start()


async def test_a_child_that_ended_is_started_anew_after_a_growing_pause(bench: Bench) -> None:
    """Logged once each time, with the pause; what it had told of itself is handed on."""
    keeper = bench.keeper(SERVES + "sys.exit(7)")
    await keeper.start()
    await until(lambda: keeper.restarts >= 4)
    events = bench.log.named("process_ended")[:4]
    assert [event["next_in_s"] for event in events] == [0.01, 0.02, 0.04, 0.04]
    assert {event["status"] for event in events} == {7}
    assert bench.family.departed[:4] == [None] * 4


async def test_a_child_that_was_sound_for_long_comes_back_at_once(bench: Bench) -> None:
    """The pause grows only for one that never gets well."""
    keeper = bench.keeper(SERVES + "sys.exit(7)", sound_s=0.0)
    await keeper.start()
    await until(lambda: keeper.restarts >= 3)
    assert {event["next_in_s"] for event in bench.log.named("process_ended")} == {0.01}


async def test_a_child_that_does_not_answer_is_silent_and_left_out(bench: Bench) -> None:
    """A page must not wait for it."""
    keeper = bench.keeper(SERVES + WAITS)
    await keeper.start()
    assert keeper.state == "serving"
    assert await keeper.ask(states=True) is None
    assert keeper.state == "silent"


async def test_a_child_that_dies_while_it_is_asked_keeps_nobody_waiting(bench: Bench) -> None:
    """The question ends with the channel."""
    keeper = bench.keeper(SERVES + "hear(); sys.exit(1)", answer_s_max=3600.0, backoff_s=3600.0)
    await keeper.start()
    async with asyncio.timeout(20):
        assert await keeper.ask(states=True) is None
    assert keeper.state == "starting"
    assert await keeper.ask(states=True) is None


async def test_a_child_that_will_not_end_is_killed(bench: Bench) -> None:
    """A drain has an end."""
    keeper = bench.keeper(SERVES + WAITS)
    await keeper.start()
    assert keeper.accepting
    async with asyncio.timeout(20):
        await keeper.finish(0.0)
    assert not keeper.alive
    assert not keeper.accepting
    assert bench.log.named("process_ended") == []


async def test_a_child_that_outlives_its_channel_is_killed(bench: Bench) -> None:
    """Nobody could tell it of a new table."""
    keeper = bench.keeper(SERVES + "end.close()\n" + WAITS)
    await keeper.start()
    await until(lambda: keeper.restarts >= 1)
    assert bench.log.named("process_ended")[0]["why"] == "it outlives its channel"


async def test_a_child_that_does_not_read_is_killed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables would wait for it without bound."""
    monkeypatch.setattr("proxy.family.channel.UNSENT_BYTES_MAX", 1_000_000)
    keeper = bench.keeper(SERVES + WAITS)
    await keeper.start()
    for _ in range(5):
        keeper.send(NewTable(Edition(source=b"x" * 1_000_000, generation=5, slots={}, drained=())))
    await until(lambda: keeper.restarts >= 1)
    assert bench.log.named("process_ended")[0]["why"] == "it does not read what it is told"


async def test_an_end_during_the_pause_waits_for_no_other_child(bench: Bench) -> None:
    """SIGTERM must not be answered by a new process."""
    keeper = bench.keeper(SERVES + "sys.exit(7)", backoff_s=3600.0)
    await keeper.start()
    await until(lambda: keeper.restarts == 1)
    async with asyncio.timeout(20):
        await keeper.finish(0.0)
    assert len(bench.family.departed) == 1


async def test_an_end_before_the_first_child_accepts_is_not_waited_out(bench: Bench) -> None:
    """A start may be given up: another child could not begin."""
    keeper = bench.keeper("hear(); hear()\n")
    starting = asyncio.create_task(keeper.start())
    await until(lambda: keeper.alive)
    await keeper.finish(0.0)
    with pytest.raises(ProcessFailed):
        await starting


async def test_what_a_child_counted_last_is_handed_on_when_it_is_gone(bench: Bench) -> None:
    """Counters must not fall."""
    told = Told(serial=1, counts=COUNTS, breakers={}, limits={}, sight=Sight())
    script = f"hear(); say(msgspec.msgpack.decode(bytes.fromhex('{_hex(told)}'), type=Up)); sys.exit(1)"
    keeper = bench.keeper(SERVES + script, backoff_s=3600.0, answer_s_max=20.0)
    await keeper.start()
    assert await keeper.ask(states=False) == told
    await until(lambda: bool(bench.family.departed))
    assert bench.family.departed == [COUNTS]


async def test_a_drained_child_says_how_many_it_cut_off(bench: Bench) -> None:
    """The proxy's last log line adds them up."""
    last = Ended(3, COUNTS)
    script = f"hear(); say(msgspec.msgpack.decode(bytes.fromhex('{_hex(last)}'), type=Up))"
    keeper = bench.keeper(SERVES + script)
    await keeper.start()
    await keeper.finish(5.0)
    assert keeper.cut_off == 3
    assert bench.family.departed == [COUNTS]


def _hex(message: Began | Broke | Told | Ended) -> str:
    return msgspec.msgpack.encode(message).hex()


async def test_lines_of_a_recording_are_passed_on(bench: Bench) -> None:
    """With the number of the process that they are of."""
    script = """
hear()
say(Began(4))
say(Recorded(Batch(serial=3, lines=b"a line", requests=1)))
hear()
"""
    keeper = bench.keeper("from proxy.recording.order import Batch\n" + script)
    assert not keeper.hears
    await keeper.start()
    assert keeper.hears
    async with asyncio.timeout(5.0):
        while not bench.family.batches:  # noqa: ASYNC110 - it comes from a process
            await asyncio.sleep(0.01)
    assert bench.family.batches == [(1, Batch(serial=3, lines=b"a line", requests=1))]
