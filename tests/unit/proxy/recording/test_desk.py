"""One recording of all processes: who may ask for it, when it has ended, and whether it is complete."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import msgspec
import pytest

from proxy.recording.desk import BodyPolicy, Desk, NotRecorded
from proxy.recording.order import Batch, Order, RecordingLimits, Sum, Wish
from proxy.recording.rows import About, End, EndLine, Header
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog

ABOUT = About(table=1, digest="d", processes=2, classes=[], applications={})


class StandInProcesses:
    """`desk.Processes`: two children, and what they were told."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.told: list[str] = []

    def record(self, order: Order) -> set[int]:
        self.order = order
        return {1, 2}

    def close_recording(self) -> None:
        self.told.append("close")

    def forget_recording(self) -> None:
        self.told.append("forget")


class Bench:
    """A desk whose clock stands; lines are read when the test says so."""

    def __init__(self, *, policy: BodyPolicy | None = None, **limits: Any) -> None:
        self.clock = ManualClock()
        self.processes = StandInProcesses()
        self.desk = Desk(
            self.processes,
            about=lambda: ABOUT,
            policy=policy or BodyPolicy(),
            clock=self.clock,
            log=RecordingLog(),
            limits=RecordingLimits(tail_s=5.0, grace_s=2.0, **limits),
        )
        self.lines: AsyncIterator[bytes]

    def begin(self, **wish: Any) -> None:
        self.lines = self.desk.begin(Wish(**wish))

    def hand_in(self, process: int, requests: int = 1, *, last: Sum | None = None, serial: int = 1) -> None:
        lines = b"%d\n" % process * requests
        self.desk.hand_in(process, Batch(serial=serial, lines=lines, requests=requests, last=last))

    def end_all(self, **of_each: Any) -> None:
        for process in (1, 2):
            self.hand_in(process, last=summed(**of_each))

    async def read(self) -> tuple[Header, bytes, End]:
        """To the end, which must have come."""
        async with asyncio.timeout(5.0):
            lines = [line for chunk in [each async for each in self.lines] for line in chunk.splitlines()]
        self.desk.finished()
        header = msgspec.json.decode(lines[0], type=Header)
        return header, b"".join(lines[1:-1]), msgspec.json.decode(lines[-1], type=EndLine).end


def summed(**fields: Any) -> Sum:
    return Sum(**{"recorded": 0, "unfinished": 0, "dropped": {}, "withheld": {}, **fields})


async def test_a_recording_is_a_header_the_lines_of_all_and_the_end() -> None:
    """Complete where all have handed in all."""
    bench = Bench()
    bench.begin(seconds=60)
    bench.hand_in(1, 2)
    bench.clock.time_s += 60.5
    bench.end_all()
    header, lines, end = await bench.read()
    assert (header.penstock_recording, header.began_unix_s, header.about) == (1, 1_000.0, ABOUT)
    assert header.began == "1970-01-01T00:16:40.000000+00:00"
    assert sorted(lines.decode()) == ["1", "1", "1", "2"]
    assert (end.why, end.complete, end.seconds, end.requests) == ("time", True, 60.0, 4)


async def test_what_was_dropped_or_had_not_ended_makes_it_incomplete() -> None:
    """The operator is told how much, and where."""
    bench = Bench()
    bench.begin()
    bench.end_all(unfinished=1, dropped={"memory": 5}, withheld={"binary": 2})
    _, _, end = await bench.read()
    assert (end.complete, end.unfinished, end.dropped) == (False, 2, {"memory": 10})
    assert end.withheld == {"binary": 4}


async def test_a_body_that_was_withheld_leaves_it_complete() -> None:
    """That is what was asked for; all requests are there."""
    bench = Bench()
    bench.begin()
    bench.end_all(withheld={"binary": 2})
    assert (await bench.read())[2].complete


async def test_what_its_reader_does_not_read_is_dropped_beyond_a_limit() -> None:
    """A reader that stands still must not fill the memory of the proxy."""
    bench = Bench(gathered_bytes_max=10)
    bench.begin()
    bench.hand_in(1, 4)
    bench.hand_in(2, 3)
    bench.end_all()
    _, lines, end = await bench.read()
    assert len(lines) == 5, "ten bytes are five lines"
    assert (end.complete, end.dropped) == (False, {"gathered": 4})
    assert end.requests == 5


@pytest.mark.parametrize(("limit", "why"), [({"requests": 3}, "requests"), ({"bytes": 6}, "bytes")])
async def test_a_limit_ends_it_early_and_what_is_under_way_is_still_taken(
    limit: dict[str, int], why: str
) -> None:
    """The requests that arrived before that are all there: it is complete for its time."""
    bench = Bench()
    bench.begin(**limit)
    bench.clock.time_s += 7.0
    bench.hand_in(1, 2)
    assert bench.processes.told == []
    bench.hand_in(2, 1)
    assert bench.processes.told == ["close"]
    bench.end_all()
    _, lines, end = await bench.read()
    assert (end.why, end.seconds, end.complete, len(lines)) == (why, 7.0, True, 5)


async def test_a_process_that_dies_takes_its_last_lines_along() -> None:
    """And one that had handed in its last before loses nothing."""
    bench = Bench()
    bench.begin()
    bench.hand_in(1, last=summed())
    bench.desk.lose(1)
    bench.desk.lose(2)
    _, _, end = await bench.read()
    assert (end.complete, end.processes_lost) == (False, 1)


async def test_a_process_that_starts_late_is_waited_for() -> None:
    """It takes callers, and so it must record."""
    bench = Bench()
    bench.begin()
    bench.desk.lose(2)
    bench.desk.expect(2)
    bench.hand_in(1, last=summed())
    assert bench.desk.recording is not None
    assert not bench.desk.recording.over
    bench.hand_in(2, 4, last=summed())
    _, lines, _ = await bench.read()
    assert len(lines) == 5


async def test_a_process_that_stands_still_is_not_waited_for_for_ever() -> None:
    """The recording ends and says that its lines are missing."""
    bench = Bench()
    bench.begin(seconds=60)
    bench.hand_in(1, last=summed())
    bench.clock.time_s += 60 + 5 + 2.5
    _, _, end = await bench.read()
    assert (end.complete, end.processes_silent) == (False, 1)


async def test_there_is_one_recording_at_a_time_and_then_another() -> None:
    """Lines of the one before are thrown away."""
    bench = Bench()
    bench.begin()
    with pytest.raises(NotRecorded) as refused:
        bench.begin()
    assert refused.value.status == HTTPStatus.CONFLICT
    bench.end_all()
    await bench.read()
    assert bench.processes.told[-1] == "forget"
    bench.begin()
    bench.hand_in(1, 1, serial=1)
    for process in (1, 2):
        bench.hand_in(process, 0, last=summed(), serial=2)
    assert (await bench.read())[2].requests == 0


async def test_it_ends_when_it_is_asked_to_and_when_the_proxy_stops() -> None:
    """With the reason that came first."""
    bench = Bench()
    assert not bench.desk.close()
    bench.begin()
    assert bench.desk.close()
    bench.desk.stop()
    bench.end_all()
    assert (await bench.read())[2].why == "asked"
    bench.begin()
    bench.desk.stop()
    assert bench.processes.told[-2:] == ["close", "forget"]
    for process in (1, 2):
        bench.hand_in(process, last=summed(), serial=2)
    assert (await bench.read())[2].why == "shutdown"


async def test_where_nobody_reads_any_more_nobody_records_any_more() -> None:
    """The reader has hung up in the middle."""
    bench = Bench()
    bench.begin()
    bench.desk.finished()
    assert bench.processes.told == ["close", "forget"]
    bench.hand_in(1)
    bench.desk.lose(1)
    bench.desk.expect(1)
    bench.desk.finished()


def test_bodies_are_refused_unless_the_proxy_was_started_so() -> None:
    """The admin side has no login: what callers sent must not be had from it by whoever reaches it."""
    bench = Bench()
    with pytest.raises(NotRecorded, match="--record-bodies") as refused:
        bench.begin(bodies=True)
    assert refused.value.status == HTTPStatus.FORBIDDEN
    assert bench.processes.order is None


def test_the_proxys_own_rules_hold_for_every_recording() -> None:
    """Who records can take more out, never less."""
    bench = Bench(policy=BodyPolicy(allowed=True, redact=("user",)))
    bench.begin(bodies=True, redact=("scene=hash",))
    assert bench.processes.order is not None
    bodies = bench.processes.order.bodies
    assert bodies is not None
    assert [(rule.path, rule.action) for rule in bodies.rules] == [
        (("user",), "remove"),
        (("scene",), "hash"),
    ]
    assert len(bodies.key) == 16
    assert not bodies.binary


@pytest.mark.parametrize(
    "wish",
    [
        {"seconds": 0},
        {"seconds": 1e9},
        {"requests": 0},
        {"bytes": 0},
        {"bodies": True, "body_bytes": 0},
        {"bodies": True, "redact": ("a..b",)},
        {"redact": ("a",)},
        {"binary": True},
        {"bodies": True, "redact": ("a",) * 101},
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_before_anything_is_recorded(wish: dict[str, Any]) -> None:
    """Above all a rule: the operator believes that something is taken out."""
    bench = Bench(policy=BodyPolicy(allowed=True))
    with pytest.raises(NotRecorded) as refused:
        bench.begin(**wish)
    assert refused.value.status == HTTPStatus.BAD_REQUEST
    assert bench.processes.order is None
