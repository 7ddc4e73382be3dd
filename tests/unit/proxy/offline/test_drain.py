"""The drain: every parked request is sent until it has its one end, and an outage kills none."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest

from proxy.errors import QueueFailed
from proxy.messages import Answer, Fallback, Outcome, Reply, Request, Verdict
from proxy.offline.drain import Drain, DrainLimits
from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.offline.store import Store
from proxy.tickets import Ticket, TicketStatus
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import claimed, parcel, parked, serial_ids
from tests.stand_ins.pipeline import InstantPipeline, ManualPipeline, exhausted, served
from tests.stand_ins.virtual_loop import LoopClock

T = TypeVar("T")

MakeDrain = Callable[..., Drain]


class TroubledQueue(MemoryQueue):
    """Fails on demand, as a disk does."""

    trouble = False

    def _ask(self, work: Callable[[Store], T]) -> asyncio.Future[T]:
        if not self.trouble:
            return super()._ask(work)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        future.set_exception(QueueFailed("disk I/O error"))
        return future

    _hold = _ask
    _repeat = _ask


@pytest.fixture
def queue() -> TroubledQueue:
    limits = QueueLimits(ticket_ttl_s=3 * 3600.0)
    return TroubledQueue(clock=LoopClock(), limits=limits, new_id=serial_ids())


@pytest.fixture
def pipeline() -> ManualPipeline:
    return ManualPipeline()


@pytest.fixture
async def make_drain(
    queue: TroubledQueue, pipeline: ManualPipeline, log: RecordingLog
) -> AsyncIterator[MakeDrain]:
    drains: list[Drain] = []

    def make(**changes: Any) -> Drain:
        parts: dict[str, Any] = {"queue": queue, "send": pipeline.take, "limits": DrainLimits(), **changes}
        drains.append(Drain(clock=LoopClock(), rng=random.Random(7), log=log, **parts))
        drains[-1].start()
        return drains[-1]

    yield make
    for drain in drains:
        await drain.stop()


async def look(queue: MemoryQueue, name: str) -> Ticket:
    ticket = await queue.find(name)
    assert ticket is not None
    return ticket


async def statuses(queue: MemoryQueue, names: list[str]) -> set[TicketStatus]:
    return {(await look(queue, name)).status for name in names}


async def within(span_s: float, holds: Callable[[], Awaitable[bool]]) -> bool:
    """Whether something becomes true within this time."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + span_s
    while loop.time() < end_s:
        if await holds():
            return True
        await asyncio.sleep(0.005)
    return await holds()


async def test_a_parked_request_is_sent_as_it_came_and_its_answer_kept(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """The caller fetches what a model server would have told it at once."""
    name = await parked(queue, body=b"payload", headers=((b"a", b"1"),), request_id="r-9")
    make_drain()
    assert await within(0.2, lambda: done(queue, name))
    (request,) = pipeline.requests
    sent = (request.id, request.method, request.target, request.headers, request.body)
    assert sent == ("r-9", b"POST", b"/v2/models/m/infer", ((b"a", b"1"),), b"payload")
    assert (request.model, request.version) == ("m", "2")
    assert request.drained, "the least critical class"
    assert request.fallback is Fallback.NONE, "it has a ticket"
    assert request.arrived_s == pipeline.sent_s[0]
    ticket = await look(queue, name)
    assert ticket.answer == Answer(status=200, body=b"ok")


async def done(queue: MemoryQueue, name: str) -> bool:
    return (await look(queue, name)).status is TicketStatus.DONE


async def test_a_pipeline_that_answers_at_once_is_understood(
    queue: TroubledQueue, make_drain: MakeDrain
) -> None:
    """`done` may be called before `take` returns."""
    make_drain(send=InstantPipeline().take)
    names = [await parked(queue) for _ in range(20)]
    assert await within(1.0, lambda: all_done(queue, names))


async def all_done(queue: MemoryQueue, names: list[str]) -> bool:
    return await statuses(queue, names) == {TicketStatus.DONE}


async def test_a_ticket_that_comes_later_is_sent_soon(queue: TroubledQueue, make_drain: MakeDrain) -> None:
    """The fleet is well: nobody should wait for a long period to end."""
    make_drain()
    for _ in range(5):
        await asyncio.sleep(7.77)
        name = await parked(queue)
        assert await within(0.2, lambda name=name: done(queue, name))  # type: ignore[misc]


async def test_a_rejection_of_the_input_is_the_answer(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """The model's own 400 would have been the caller's answer too."""
    answer = Answer(status=400, body=b'{"error": "shape"}')
    pipeline.behave = lambda _: Reply(verdict=Verdict.REJECTED, answer=answer, application="1")
    name = await parked(queue)
    make_drain()
    assert await within(0.2, lambda: done(queue, name))
    assert (await look(queue, name)).answer == answer


async def test_an_outage_of_hours_kills_no_ticket_and_is_probed_gently(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """Nothing is wrong with the tickets; when the fleet is back they are served."""
    pipeline.behave = lambda _: exhausted(Outcome.REFUSED, Outcome.FAILED)
    names = [await parked(queue) for _ in range(5)]
    make_drain(limits=DrainLimits(poll_s=1.0))
    await asyncio.sleep(2 * 3600)
    assert await statuses(queue, names) <= {TicketStatus.QUEUED, TicketStatus.RUNNING}
    assert pipeline.in_flight_max == 1, "one probe at a time"
    assert len(pipeline.exchanges) < 2 * 3600 / 7.5 + 20, "about one per longest rest, or two"
    pipeline.behave = lambda _: served()
    assert await within(150.0, lambda: all_done(queue, names))


async def test_probes_come_after_rests_that_grow(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """Half a rest to a whole one, and the rests double up to their limit."""
    pipeline.behave = lambda _: exhausted()
    for _ in range(50):
        await parked(queue)
    make_drain()
    await asyncio.sleep(600)
    gaps = [later - sooner for sooner, later in zip(pipeline.sent_s, pipeline.sent_s[1:], strict=False)]
    for gap_s, rest_s in zip(gaps, (1, 2, 4, 8, 15, 15, 15, 15), strict=False):
        assert rest_s / 2 <= gap_s <= rest_s + 1.0


async def test_one_lane_that_is_down_does_not_hold_up_another(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """A hundred tickets of a dead model stand before one of a live model."""
    pipeline.behave = lambda request: exhausted() if request.body == b"down" else served()
    for _ in range(100):
        await parked(queue, labels=("7",), body=b"down")
    name = await parked(queue, labels=("1",), body=b"up")
    make_drain()
    assert await within(2.0, lambda: done(queue, name))


async def test_a_fleet_that_serves_is_given_more_at_a_time_up_to_the_limit(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """It starts gently: the fleet may just have come back."""
    pipeline.latency_s = 1.0
    names = [await parked(queue, labels=(str(n % 3),)) for n in range(100)]
    make_drain()
    await asyncio.sleep(0.5)
    assert pipeline.in_flight == 3, "one for each lane"
    assert await within(60.0, lambda: all_done(queue, names))
    assert pipeline.in_flight_max == DrainLimits().in_flight_max


async def test_poison_is_buried_while_the_others_are_served(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain, log: RecordingLog
) -> None:
    """A payload that fails its server for ever must not be sent for ever."""
    pipeline.behave = lambda r: exhausted(Outcome.FAILED) if r.body == b"poison" else served()
    poison = await parked(queue, body=b"poison")
    make_drain()
    good = []
    for _ in range(300):
        good.append(await parked(queue))
        await asyncio.sleep(1.0)
    ticket = await look(queue, poison)
    assert ticket.status is TicketStatus.DEAD
    assert ticket.reason == "failed while others were served: 1: failed"
    assert await within(100.0, lambda: all_done(queue, good))
    tries = sum(request.body == b"poison" for request in pipeline.requests)
    strikes_max = DrainLimits().strikes_max
    assert strikes_max < tries <= strikes_max + 2, "the first only sets the mark; one may meet nothing served"
    assert [fields["ticket"] for fields in log.named("ticket_buried")] == [poison]


async def test_online_traffic_that_is_served_makes_poison_of_what_fails(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """The queue may hold nothing but the poison."""
    pipeline.behave = lambda _: exhausted(Outcome.FAILED)
    name = await parked(queue)
    make_drain(served=lambda _: int(asyncio.get_running_loop().time()))
    await asyncio.sleep(300)
    assert (await look(queue, name)).status is TicketStatus.DEAD


async def test_a_ticket_that_no_row_matches_waits_long_and_ends_by_its_time_to_live(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """The next table may have the row again."""
    reply = Reply(verdict=Verdict.UNROUTABLE, answer=Answer(status=404), labels=("1125",))
    pipeline.behave = lambda _: reply
    name = await parked(queue)
    make_drain(limits=DrainLimits(poll_s=1.0))
    await asyncio.sleep(1000)
    assert [round(at - pipeline.sent_s[0]) for at in pipeline.sent_s] == [0, 300, 600, 900]
    assert (await look(queue, name)).reason == "no row matches its labels: 1125"
    await asyncio.sleep(3 * 3600)
    assert (await look(queue, name)).status is TicketStatus.EXPIRED


async def test_a_ticket_is_kept_in_hand_for_as_long_as_its_model_works(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """Its lease is shorter than the call: nobody else may claim it meanwhile."""
    pipeline.latency_s = 500.0
    name = await parked(queue)
    make_drain()
    for _ in range(49):
        await asyncio.sleep(10.0)
        assert await queue.claim(1, 30.0) == []
    await asyncio.sleep(20.0)
    assert await done(queue, name)
    assert len(pipeline.exchanges) == 1


async def test_stop_cancels_what_is_in_flight_and_gives_all_back_at_once(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """The next process takes over without waiting for leases."""
    pipeline.behave = lambda _: None
    names = [await parked(queue) for _ in range(10)]
    drain = make_drain()
    await asyncio.sleep(1.0)
    assert await statuses(queue, names) == {TicketStatus.RUNNING}
    await drain.stop()
    assert [exchange.cancelled for exchange in pipeline.exchanges] == [True]
    assert [claim.ticket for claim in await queue.claim(20, 30.0)] == names
    await drain.stop()


async def test_a_drain_that_never_started_can_be_stopped(
    queue: TroubledQueue, pipeline: ManualPipeline, log: RecordingLog
) -> None:
    """A start that fails half-way ends what it has."""
    drain = Drain(queue=queue, send=pipeline.take, clock=LoopClock(), rng=random.Random(), log=log)
    await drain.stop()
    assert log.events == []


async def test_nothing_is_claimed_once_the_drain_stops(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """A claim that was under way when `stop` was called is given back, not sent."""
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def slow(limit: int, lease_s: float) -> Any:
        await gate
        return await MemoryQueue.claim(queue, limit, lease_s)

    queue.claim = lambda *given: asyncio.ensure_future(slow(*given))  # type: ignore[method-assign,assignment]
    name = await parked(queue)
    drain = make_drain()
    await asyncio.sleep(1.0)
    stopping = asyncio.create_task(drain.stop())
    await asyncio.sleep(1.0)
    gate.set_result(None)
    await stopping
    assert pipeline.exchanges == []
    assert (await look(queue, name)).status is TicketStatus.QUEUED


async def test_under_pressure_nothing_is_begun(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """Online traffic goes first; what was parked can wait."""
    pressed = True
    make_drain(pressure=lambda: pressed)
    name = await parked(queue)
    await asyncio.sleep(60.0)
    assert pipeline.exchanges == []
    pressed = False
    assert await within(0.2, lambda: done(queue, name))


async def test_a_ticket_cancelled_in_flight_stays_cancelled(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain, log: RecordingLog
) -> None:
    """Its answer comes too late, which is no fault of anybody's."""
    pipeline.latency_s = 1.0
    name = await parked(queue)
    make_drain()
    await asyncio.sleep(0.5)
    await queue.cancel(name)
    await asyncio.sleep(1.0)
    assert (await look(queue, name)).status is TicketStatus.CANCELLED
    assert len(log.named("drain_lost_a_lease")) == 1


async def test_a_queue_in_trouble_is_waited_for(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain, log: RecordingLog
) -> None:
    """The disk is full for an hour: the drain goes on by itself when there is room."""
    pipeline.latency_s = 5.0
    first = await parked(queue)
    make_drain()
    await asyncio.sleep(1.0)
    queue.trouble = True
    await asyncio.sleep(100.0)
    assert len(log.named("drain_could_not_write")) == 1, "the answer that came in between"
    assert 100 <= len(log.named("drain_waits_for_queue")) <= 120, "looked at about once a second"
    queue.trouble = False
    assert await within(60.0, lambda: done(queue, first))
    assert len(pipeline.exchanges) == 2, "sent again after its lease had lapsed"


async def test_a_request_that_cannot_be_sent_does_not_stop_the_others(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain, log: RecordingLog
) -> None:
    """A bug that one payload meets is that payload's trouble."""

    def behave(request: Request) -> Reply:
        if request.body == b"bug":
            raise ZeroDivisionError
        return served()

    pipeline.behave = behave
    bad, good = await parked(queue, body=b"bug"), await parked(queue)
    make_drain()
    assert await within(1.0, lambda: done(queue, good))
    assert (await look(queue, bad)).reason == "the proxy could not send it"
    assert len(log.named("drain_could_not_send")) == 1


async def test_a_broken_drain_says_so(queue: TroubledQueue, make_drain: MakeDrain, log: RecordingLog) -> None:
    """A bug must not look like an empty queue."""

    def broken() -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_exception(ZeroDivisionError())
        return future

    queue.sweep = broken  # type: ignore[method-assign]
    make_drain()
    await asyncio.sleep(31.0)
    assert len(log.named("drain_broke")) == 1


async def test_a_lease_lost_to_another_is_not_ended_twice(
    queue: TroubledQueue, pipeline: ManualPipeline, make_drain: MakeDrain
) -> None:
    """Heartbeats did not come through; another proxy has the ticket now."""
    pipeline.latency_s = 50.0
    make_drain(limits=DrainLimits(heartbeat_s=1000.0, lease_s=5.0, held_max=1))
    name = (await queue.put(parcel(body=b"x"))).ticket  # type: ignore[union-attr]
    await asyncio.sleep(6.0)
    other = await claimed(queue, lease_s=100.0)
    await asyncio.sleep(60.0)
    assert (await look(queue, name)).status is TicketStatus.RUNNING
    assert await queue.complete(other, Answer(status=200, body=b"other")) is True
