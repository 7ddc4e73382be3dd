"""The open loop, against real sockets: what it sends, and how each request ends."""

import asyncio
import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from sim.load.arrivals import Burst, Constant
from sim.load.ends import word
from sim.load.limits import LoadLimits, Punctuality
from sim.load.part import sum_up
from sim.load.plan import Plan, schedule
from sim.load.process import Job, generate
from sim.load.record import Record
from sim.load.result import Result, merged
from sim.load.target import read_target
from tests.stand_ins.upstreams import GOOD, Freezing, Upstream, serving

TICKET = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
PATIENT = Punctuality(lag_p50_ms_max=500, lag_p99_ms_max=1_000)
"""These tests hold for a busy machine too: what is asserted is the server's doing."""


def plan(port: int, *, rate: float = 200, seconds: float = 0.2, **limits: Any) -> Plan:
    return Plan(
        target=read_target(f"http://127.0.0.1:{port}/"),
        arrivals=Constant(rate=rate, seconds=seconds),
        limits=LoadLimits(**limits),
        punctuality=PATIENT,
    )


async def recorded(what: Plan) -> Record:
    job = Job(plan=what, process=0, address=("127.0.0.1", what.target.port))
    return await generate(job, schedule(what), time.monotonic() + 0.01)


async def result(what: Plan) -> Result:
    record = await recorded(what)
    return merged(what, [sum_up(record, what.classes, what.seconds, what.warm_up_s)])


async def ends(what: Plan) -> Counter[str]:
    return Counter(word(end) for end in (await recorded(what)).ends)


async def test_every_request_of_the_schedule_is_sent_no_earlier_than_planned() -> None:
    """And its time is measured from the plan, which is the earlier of the two."""
    async with serving(lambda upstream: upstream.write(GOOD)) as port:
        record = await recorded(plan(port))
    assert list(record.planned_s) == [index / 200 for index in range(40)]
    for planned_s, sent_s, ended_s in zip(record.planned_s, record.sent_s, record.ended_s, strict=True):
        assert planned_s <= sent_s < ended_s


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (GOOD, "200"),
        (TICKET, "202"),
        (b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", "503"),
        (CHUNKED, "200"),
        (CLOSING, "200"),
        (INTERIM, "200"),
        (EMPTY, "204"),
        (b"\x16\x03\x01 this is no answer\r\n\r\n", "not-http"),
        (GOOD + b"more", "not-http"),
    ],
)
async def test_a_request_ends_as_it_was_answered(answer: bytes, end: str) -> None:
    """Plain or unusual, well or badly."""
    async with serving(lambda upstream: upstream.write(answer)) as port:
        assert await ends(plan(port)) == {end: 40}


@pytest.mark.parametrize("answer", [GOOD, CHUNKED])
async def test_an_answer_may_come_in_pieces(answer: bytes) -> None:
    """A byte in each turn of the server's loop."""

    def drip(upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        for place in range(len(answer)):
            loop.call_later(0.0005 * place, upstream.write, answer[place : place + 1])

    async with serving(drip) as port:
        assert await ends(plan(port, rate=50)) == {"200": 10}


async def test_a_connection_that_is_cut_ends_its_request_and_no_other() -> None:
    """The next request gets a new one."""
    async with serving(lambda upstream: upstream.transport.abort()) as port:
        assert await ends(plan(port)) == {"cut": 40}


async def test_connections_are_kept_and_used_again() -> None:
    """A stack: who was answered is asked again first."""
    seen = set()

    def answer(upstream: Upstream) -> None:
        seen.add(id(upstream))
        upstream.write(GOOD)

    async with serving(answer) as port:
        assert await ends(plan(port, rate=50, seconds=1)) == {"200": 50}
    assert len(seen) <= 10


async def test_no_answer_is_waited_for_without_an_end() -> None:
    """Late ones are failures after `answer_s_max`, the last ones after `drain_s_max`."""
    async with serving(lambda upstream: None) as port:
        assert await ends(plan(port, answer_s_max=0.05)) == {"timed-out": 40}
        assert await ends(plan(port, drain_s_max=0.05)) == {"unanswered": 40}


async def test_where_nobody_listens_requests_end_unconnected() -> None:
    """A server that dies in the middle of a run."""
    async with serving(lambda upstream: None) as port:
        pass
    assert await ends(plan(port)) == {"unconnected": 40}


async def test_a_limit_of_connections_holds_requests_and_makes_the_run_invalid() -> None:
    """What waits for the limit did not reach the server, as it would have from callers."""
    seen = set()

    def answer(upstream: Upstream) -> None:
        seen.add(id(upstream))
        asyncio.get_running_loop().call_later(0.02, upstream.write, GOOD)

    async with serving(answer) as port:
        found = await result(plan(port, connections_max=2))
    assert len(seen) <= 2
    assert found.classes["all"].ends == {"200": 40}
    assert found.generator.held_share > 0.5
    assert "waited for the limit of connections" in found.invalid[0]


async def test_what_waits_in_the_warm_up_does_not_make_a_run_invalid() -> None:
    """Connections are made then: that is what it is for."""

    def answer(upstream: Upstream) -> None:
        asyncio.get_running_loop().call_later(0.02, upstream.write, GOOD)

    async with serving(answer) as port:
        warmed = msgspec.structs.replace(plan(port, connections_max=2), warm_up_s=60.0)
        found = await result(warmed)
    assert found.generator.held_share == 0


async def test_what_never_found_a_connection_was_never_sent() -> None:
    """It is told apart from what the server left unanswered."""
    async with serving(lambda upstream: None) as port:
        found = await ends(plan(port, connections_max=1, drain_s_max=0.1))
    assert found == {"unanswered": 1, "unsent": 39}


async def test_a_server_that_freezes_is_seen_by_all_who_would_have_come() -> None:
    """Coordinated omission is not hidden: 5% of the time nobody is answered, so the p99 is near the freeze.

    A client that waits for its answer would have sent a single slow request of a thousand: its p99 would be
    below a millisecond.
    """
    async with serving(Freezing(at_s=2.0, for_s=0.25)) as port:
        found = await result(plan(port, rate=200, seconds=5.0))
    latency = found.classes["all"].latency
    assert found.classes["all"].ends == {"200": 1_000}
    assert 150 < latency.p99_ms < 600
    assert latency.p50_ms < 100


async def test_a_burst_opens_as_many_connections_as_it_needs() -> None:
    """A hundred at once, none of them waits for another's answer."""
    inside: list[Upstream] = []

    def answer(upstream: Upstream) -> None:
        inside.append(upstream)
        if len(inside) == 100:
            for each in inside:
                each.write(GOOD)

    async with serving(answer) as port:
        burst = Burst(rate=0, seconds=0.2, size=100)
        what = msgspec.structs.replace(plan(port), arrivals=burst)
        assert await ends(what) == {"200": 100}
