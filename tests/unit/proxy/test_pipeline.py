"""The way of a request: what the caller is told at each of its ends."""

import asyncio
import gc
import sys
from typing import Any

import msgspec
import pytest

from proxy.messages import Answer, Failure, Fallback, Outcome, Verdict
from proxy.pipeline import PRESSED_S
from proxy.routing.parse import parse_table
from proxy.routing.table import Table
from proxy.tickets import Put, Refusal, Refused
from tests.stand_ins.whole_pipeline import TABLE
from tests.stand_ins.whole_pipeline import PipelineBench as Bench


class BrokenQueue:
    """A queue that answers every put in one way."""

    def __init__(self, put: Put | Exception) -> None:
        self._put = put

    def put(self, envelope: Any) -> "asyncio.Future[Put]":
        future: asyncio.Future[Put] = asyncio.get_running_loop().create_future()
        if isinstance(self._put, Exception):
            future.set_exception(self._put)
        else:
            future.set_result(self._put)
        return future


async def test_a_served_request_says_who_served_it() -> None:
    """Labels, application, tier, attempts and generation go into the response's fields."""
    bench = Bench()
    bench.take()
    bench.fail()
    bench.cluster.last.end(Answer(status=200, body=b"ok"))
    reply = await bench.reply()
    assert (reply.verdict, reply.answer.body) == (Verdict.SERVED, b"ok")
    assert (reply.labels, reply.application, reply.tier, reply.generation) == (("8",), "2", 1, 1)
    assert [each.outcome for each in reply.attempts] == [Outcome.FAILED, Outcome.OK]
    assert bench.meters.requests["default", "1", "served"] == 1
    assert bench.meters.attempts["1", "failed"] == 1


async def test_the_callers_own_error_goes_back_as_it_came() -> None:
    """With the application that said so."""
    bench = Bench()
    bench.take()
    bench.fail(422)
    reply = await bench.reply()
    assert (reply.verdict, reply.answer.status, reply.application) == (Verdict.REJECTED, 422, "1")


async def test_after_the_last_tier_a_request_gets_a_ticket() -> None:
    """202 with Location, and the ticket can be found."""
    bench = Bench()
    bench.take(body=b"tensor")
    bench.fail()
    bench.fail()
    reply = await bench.reply()
    assert (reply.verdict, reply.answer.status, reply.application) == (Verdict.PARKED, 202, "")
    ticket = msgspec.json.decode(reply.answer.body)["ticket"]
    assert dict(reply.answer.headers)[b"Location"] == f"/v1/tickets/{ticket}".encode()
    stored = await bench.queue.find(ticket)
    assert stored is not None
    assert stored.reason == "1: failed, 2: failed"


async def test_a_caller_that_wants_no_ticket_gets_503() -> None:
    """`Penstock-Fallback: none`."""
    bench = Bench()
    bench.take(fallback=Fallback.NONE)
    bench.fail()
    bench.fail()
    reply = await bench.reply()
    assert (reply.verdict, reply.answer.status) == (Verdict.EXHAUSTED, 503)
    assert reply.retry_after_s is not None


async def test_a_caller_that_wants_a_ticket_at_once_costs_no_call() -> None:
    """`Prefer: respond-async`."""
    bench = Bench()
    bench.take(fallback=Fallback.AT_ONCE)
    assert (await bench.reply()).verdict is Verdict.PARKED
    assert bench.cluster.calls == []


@pytest.mark.parametrize("fallback", list(Fallback))
async def test_a_request_that_no_row_matches_is_404_with_its_labels(fallback: Fallback) -> None:
    """A ticket for it would never be served."""
    bench = Bench()
    bench.labeling.labels = ("9", "x")
    bench.take(fallback=fallback)
    reply = await bench.reply()
    assert (reply.verdict, reply.answer.status) == (Verdict.UNROUTABLE, 404)
    assert b"9, x" in reply.answer.body


@pytest.mark.parametrize(
    ("put", "status", "verdict"),
    [
        (Refused(why=Refusal.FULL, message="full"), 503, Verdict.EXHAUSTED),
        (Refused(why=Refusal.BROKEN, message="disk"), 503, Verdict.EXHAUSTED),
        (Refused(why=Refusal.MISMATCH, message="key"), 422, Verdict.REJECTED),
        (RuntimeError("a bug in the queue"), 503, Verdict.EXHAUSTED),
    ],
)
async def test_without_a_durable_write_there_is_never_a_ticket(
    put: Put | Exception, status: int, verdict: Verdict
) -> None:
    """202 promises that the request will not be lost."""
    bench = Bench(BrokenQueue(put))
    bench.take(fallback=Fallback.AT_ONCE)
    reply = await bench.reply()
    assert (reply.answer.status, reply.verdict) == (status, verdict)
    assert (reply.retry_after_s is not None) == (status == 503)


async def test_the_classs_deadline_bounds_all_tiers_together() -> None:
    """50 ms for the urgent class, whatever the row's 100 ms say."""
    bench = Bench()
    bench.labeling.labels = ("7", "8")
    bench.take()
    assert bench.cluster.last.budget_s == pytest.approx(0.05)
    bench.timers.advance(0.05)
    reply = await bench.reply()
    assert reply.class_name == "urgent"
    assert [each.application for each in reply.attempts] == ["1"]
    assert bench.meters.passed_over["2", "deadline"] == 1


async def test_a_drained_request_is_of_the_least_critical_class_and_never_parked_again() -> None:
    """Or a dead fleet would multiply tickets."""
    bench = Bench()
    bench.labeling.labels = ("7", "8")
    bench.take(drained=True, fallback=Fallback.NONE)
    assert bench.cluster.last.budget_s == pytest.approx(0.1)
    bench.fail()
    bench.fail()
    reply = await bench.reply()
    assert (reply.class_name, reply.verdict) == ("offline", Verdict.EXHAUSTED)


async def test_a_caller_that_left_is_told_nothing_and_its_call_ends() -> None:
    """And it is counted as abandoned."""
    bench = Bench()
    exchange = bench.take()
    exchange.cancel()
    exchange.cancel()
    assert bench.cluster.last.cancelled
    assert bench.replies == []
    assert bench.meters.requests["default", "", "abandoned"] == 1


async def test_a_queue_write_that_has_begun_goes_on_when_the_caller_leaves() -> None:
    """The work is not lost; the ticket can be found by its Idempotency-Key."""
    bench = Bench()
    exchange = bench.take(fallback=Fallback.AT_ONCE, idempotency_key="k")
    exchange.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert bench.replies == []
    stats = await bench.queue.stats()
    assert stats.counts["queued"] == 1


async def test_a_request_keeps_the_table_it_began_with() -> None:
    """A reload between two tiers must not mix tables."""
    bench = Bench()
    bench.take()
    other = parse_table(TABLE.replace("http://two:1", "http://three:1"), {})
    assert isinstance(other, Table)
    pipeline = bench.pipeline
    pipeline.snapshot = bench.builder.build(other, bench.labeling, pipeline.snapshot)  # type: ignore[arg-type]
    bench.fail()
    bench.cluster.last.end(Answer(status=200))
    assert (await bench.reply()).generation == 1


async def test_tickets_wait_while_online_requests_find_no_permit() -> None:
    """What the queue holds is the least critical of all; it must not take a permit that is wanted now."""
    bench = Bench()
    gate = bench.pipeline.snapshot.gates["1"]
    gate.permits.limit(concurrency=0, rate=None, burst=None, now=0.0)
    bench.take(drained=True, fallback=Fallback.NONE)
    bench.cluster.last.end(Answer(status=200))
    assert not bench.pipeline.pressed()
    bench.take()
    bench.cluster.last.end(Answer(status=200))
    assert bench.pipeline.pressed()
    bench.clock.time_s += PRESSED_S
    assert not bench.pipeline.pressed()


class TestQuestions:
    """Metadata and readiness, asked of the applications that may know the model."""

    async def test_the_application_that_names_the_model_is_asked_first(self) -> None:
        """Then those that take any model."""
        bench = Bench()
        bench.ask("known")
        assert bench.cluster.last.target.url == "http://two:1"
        bench.cluster.last.end(Answer(status=404))
        assert bench.cluster.last.target.url == "http://one:1"
        bench.cluster.last.end(Answer(status=200, body=b"{}"))
        assert (await bench.reply()).answer.body == b"{}"

    async def test_a_model_that_nobody_knows_is_404(self) -> None:
        """As a model server would say it."""
        bench = Bench()
        bench.ask("unknown")
        bench.cluster.last.end(Answer(status=404))
        reply = await bench.reply()
        assert reply.answer.status == 404
        assert b"unknown" in reply.answer.body

    async def test_when_nobody_can_be_asked_it_is_503(self) -> None:
        """'Unknown' would be a lie about a model whose servers are down."""
        bench = Bench()
        bench.ask("known")
        bench.cluster.last.end(Failure(outcome=Outcome.REFUSED, cause="refused"))
        bench.cluster.last.end(Failure(outcome=Outcome.REFUSED, cause="refused"))
        reply = await bench.reply()
        assert (reply.verdict, reply.answer.status) == (Verdict.EXHAUSTED, 503)


async def test_a_bug_met_on_the_way_down_the_tiers_answers_500() -> None:
    """Nobody is on the stack who could tell the caller; without this it would wait for ever."""
    bench = Bench()
    bench.take()
    bench.cluster.breaks = True
    bench.fail()
    reply = await bench.reply()
    assert reply.answer.status == 500
    assert bench.log.named("request_broke")[0]["request_id"] == "r-1"
    assert all(gate.permits.in_flight == 0 for gate in bench.pipeline.snapshot.gates.values())


async def test_a_cancelled_write_is_a_broken_promise_too() -> None:
    """Asking a cancelled future for its result raises what no `except Exception` sees."""
    queue = CancellingQueue()
    bench = Bench(queue)
    bench.take(fallback=Fallback.AT_ONCE)
    assert (await bench.reply()).answer.status == 503


class CancellingQueue:
    """A queue whose futures are cancelled."""

    def put(self, envelope: Any) -> "asyncio.Future[Put]":
        future: asyncio.Future[Put] = asyncio.get_running_loop().create_future()
        future.cancel()
        return future


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_request_that_has_ended_holds_its_body_no_longer(leaves: bool) -> None:
    """Bodies of 64 MB that wait for the garbage collector are what memory runs out of."""
    bench = Bench()
    body = bytes(1000)
    gc.disable()  # so that only the references count
    try:
        exchange = bench.take(body=body)
        if leaves:
            exchange.cancel()
        else:
            bench.cluster.last.end(Answer(status=200))
            await bench.reply()
        bench.cluster.calls.clear()
        del exchange
        assert sys.getrefcount(body) == 2, "somebody else holds it"
    finally:
        gc.enable()


async def test_an_application_that_comes_back_while_it_is_still_called_keeps_its_count() -> None:
    """A row taken out and put back in must not let twice the permits through."""
    bench = Bench()
    bench.take()
    gate = bench.pipeline.snapshot.gates["1"]
    tables = [parse_table(text, {}) for text in (ONLY_TWO, TABLE)]
    for _ in range(2):
        for table in tables:
            assert isinstance(table, Table)
            bench.pipeline.snapshot = bench.builder.build(table, bench.labeling, bench.pipeline.snapshot)  # type: ignore[arg-type]
    assert bench.pipeline.snapshot.gates["1"] is gate
    bench.cluster.calls[0].end(Answer(status=200))
    assert gate.permits.in_flight == 0


ONLY_TWO = """
version: 1
applications: {2: {endpoints: "http://two:1", model: known}}
routes: [{application: 2, timeout: 100, weight: 1, priority: 1, clusterType: http, label: [8]}]
"""
