"""Which requests are traced, under which ids, and what their spans say."""

import random
from collections import Counter
from typing import Any

import pytest

from labelers.fields import block_of
from proxy.messages import Answer, Fallback, Headers, Outcome, Request, Verdict
from proxy.observe.tracing import (
    Allowance,
    Caller,
    SampledTraces,
    Span,
    TraceOptions,
    fell_through,
    given_traceparent,
    is_sampled,
    read_traceparent,
)
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.pipeline import exhausted
from tests.stand_ins.whole_pipeline import PipelineBench

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FOLLOW = f"00-{TRACE}-{PARENT}-01".encode()
LEAVE = f"00-{TRACE}-{PARENT}-00".encode()
SEED = 7


class Bench(PipelineBench):
    """A whole pipeline whose traces are kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.traces: list[list[Span]] = []
        self.pipeline.tracer = SampledTraces(
            TraceOptions(**{"ratio": 0.0, **options}),
            clock=self.clock,
            rng=random.Random(SEED),
            counts=self.counts,
            sink=self.traces.append,
        )

    @property
    def told(self) -> list[tuple[bytes, bytes]]:
        """The fields of that name that the model server got."""
        return [field for field in self.cluster.last.request.headers if field[0].lower() == b"traceparent"]

    @property
    def only(self) -> list[Span]:
        (trace,) = self.traces
        return trace


def of(value: bytes) -> Headers:
    return ((b"Accept", b"*/*"), (b"TraceParent", value))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00",
        FOLLOW[:-1],
        FOLLOW + b"0",
        FOLLOW + b"-00",  # version 0 ends there
        FOLLOW.upper(),
        b"ff" + FOLLOW[2:],
        FOLLOW.replace(TRACE.encode(), b"0" * 32),
        FOLLOW.replace(PARENT.encode(), b"0" * 16),
        b" " + FOLLOW,
        FOLLOW + b"\n",
        FOLLOW.replace(b"-", b"_"),
    ],
)
def test_a_malformed_traceparent_is_none(value: bytes) -> None:
    """Half an id would put a request into somebody else's trace."""
    assert read_traceparent(value) is None


@pytest.mark.parametrize("value", [FOLLOW, b"01" + FOLLOW[2:], b"cc" + FOLLOW[2:] + b"-what-comes-later"])
def test_a_well_formed_traceparent_is_read_of_later_versions_too(value: bytes) -> None:
    """The standard wants the parts that are known to be used."""
    assert read_traceparent(value) == Caller(int(TRACE, 16), int(PARENT, 16), 1)


def test_two_traceparents_are_none() -> None:
    """Which of them is meant?"""
    given = given_traceparent(block_of((*of(FOLLOW), *of(LEAVE))))
    assert given is not None
    assert read_traceparent(given) is None


@pytest.mark.parametrize("flags", range(256))
def test_the_callers_decision_is_followed_whatever_is_drawn(flags: int) -> None:
    """Else a trace would have holes, or a caller that wants none would pay for one."""
    rng = random.Random(SEED)
    given = FOLLOW[:-2] + b"%02x" % flags
    assert is_sampled(given, 0.0, rng) is bool(flags & 1)
    assert is_sampled(given, 1.0, rng) is bool(flags & 1)


@pytest.mark.parametrize("given", [b"", b"nonsense", FOLLOW + b"0", LEAVE + b"-1", FOLLOW.upper(), b"1" * 80])
def test_a_malformed_traceparent_decides_nothing(given: bytes) -> None:
    """It is as if there were none: the draw decides."""
    rng = random.Random(SEED)
    assert not is_sampled(given, 0.0, rng)
    assert is_sampled(given, 1.0, rng)


def test_of_those_that_say_nothing_the_ratio_is_drawn() -> None:
    """1% are 1% (binomial: 5 standard deviations of 10,000 draws)."""
    rng = random.Random(SEED)
    drawn = sum(is_sampled(None, 0.01, rng) for _ in range(10_000))
    assert abs(drawn - 100) < 50, SEED


def test_the_limit_holds_for_each_second_and_comes_back() -> None:
    """A caller with the flag on every request must not flood the collector."""
    allowance = Allowance(10)
    assert sum(allowance.take(1000.0) for _ in range(50)) == 10
    assert sum(allowance.take(1000.5) for _ in range(50)) == 5
    assert sum(allowance.take(2000.0) for _ in range(50)) == 10


async def test_a_sampled_request_leads_from_the_caller_to_the_model_server() -> None:
    """One trace: the model server's parent is the proxy's span, and the proxy's parent is the caller's."""
    bench = Bench()
    bench.take(headers=of(FOLLOW))
    ((name, value),) = bench.told
    child = read_traceparent(value)
    bench.clock.time_s += 0.25
    bench.cluster.last.end(Answer(status=200, body=b"ok"))
    server, call = bench.only
    assert (name, child) == (b"TraceParent", Caller(int(TRACE, 16), server.span_id, 1))
    assert (server.trace_id, server.parent_id) == (int(TRACE, 16), int(PARENT, 16))
    assert (call.trace_id, call.parent_id) == (int(TRACE, 16), server.span_id)
    assert len({server.span_id, call.span_id, int(PARENT, 16)}) == 3
    assert (server.began_ns, server.ended_ns) == (1_000_000_000_000, 1_000_250_000_000)
    assert (call.began_ns, call.ended_ns) == (1_000_000_000_000, 1_000_250_000_000)


async def test_the_spans_of_a_served_request_say_all_that_its_answer_says() -> None:
    """What a person looks for: who was asked, who answered, by which table."""
    bench = Bench()
    bench.take(headers=of(FOLLOW))
    bench.fail(503)
    bench.clock.time_s += 0.01
    bench.cluster.last.end(Answer(status=200))
    server, first, second = bench.only
    assert server.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "penstock.request_id": "r-1",
        "penstock.model": "m",
        "penstock.labels": ("8",),
        "penstock.class": "default",
        "penstock.verdict": "served",
        "penstock.table_generation": 1,
        "penstock.attempts": 2,
        "penstock.drained": False,
        "penstock.application": "2",
        "penstock.tier": 1,
    }
    assert first.attributes == {
        "penstock.application": "1",
        "penstock.tier": 0,
        "penstock.outcome": "failed",
        "penstock.cause": "status 503",
    }
    assert [span.name for span in (server, first, second)] == ["infer", "call 1", "call 2"]
    assert [span.failed for span in (server, first, second)] == [False, True, False]
    assert [span.server for span in (server, first, second)] == [True, False, False]
    assert (first.ended_ns, second.began_ns) == (1_000_000_000_000, 1_000_000_000_000)
    assert bench.counts == {"traced": 1}


async def test_an_unsampled_request_goes_on_as_it_came() -> None:
    """Not a byte is added, and nothing is told of it."""
    for headers in ((), of(LEAVE), of(b"nonsense"), ((b"Accept", b"*/*"),)):
        bench = Bench()
        bench.take(headers=headers)
        assert bench.cluster.last.request.headers == headers
        bench.cluster.last.end(Answer(status=200))
        assert (bench.traces, bench.counts) == ([], {})


async def test_a_drawn_request_without_a_traceparent_gets_one() -> None:
    """A trace of the proxy's own."""
    bench = Bench(ratio=1.0)
    bench.take(headers=((b"Accept", b"*/*"),))
    ((_, value),) = bench.told
    bench.cluster.last.end(Answer(status=200))
    server = bench.only[0]
    assert read_traceparent(value) == Caller(server.trace_id, server.span_id, 1)
    assert server.parent_id == 0


async def test_a_malformed_traceparent_is_passed_on_and_joined_by_nobody() -> None:
    """It is not ours to mend; a request that is drawn has a trace of its own."""
    bench = Bench(ratio=1.0)
    bench.take(headers=of(b"nonsense"))
    assert bench.told == [(b"TraceParent", b"nonsense")]
    bench.cluster.last.end(Answer(status=200))
    assert bench.only[0].parent_id == 0


async def test_beyond_the_limit_a_flagged_request_goes_on_as_it_came() -> None:
    """Its caller's trace only lacks the proxy's part; the count says so."""
    bench = Bench(traces_per_s_max=2)
    for _ in range(3):
        bench.take(headers=of(FOLLOW))
        last = bench.told
        bench.cluster.last.end(Answer(status=200))
    assert (len(bench.traces), bench.counts) == (2, {"traced": 2, "over_limit": 1})
    assert last == [(b"TraceParent", FOLLOW)]


async def test_what_fell_through_is_traced_although_it_was_not_drawn() -> None:
    """In the trace of its caller, also where that wants none: it is the one that somebody will look for."""
    bench = Bench()
    bench.take(headers=of(LEAVE))
    bench.fail()
    assert bench.told == [(b"TraceParent", LEAVE)]
    bench.cluster.last.end(Answer(status=200))
    server, *calls = bench.only
    assert (server.trace_id, server.parent_id) == (int(TRACE, 16), int(PARENT, 16))
    assert [call.attributes["penstock.outcome"] for call in calls] == ["failed", "ok"]


async def test_callers_flags_do_not_use_up_what_is_kept_for_those_that_fell_through() -> None:
    """Or one loud caller would hide an outage."""
    bench = Bench(traces_per_s_max=1)
    for headers in (of(FOLLOW), of(FOLLOW), ()):
        bench.take(headers=headers)
        bench.fail()
        bench.cluster.last.end(Answer(status=200))
    assert [trace[0].parent_id for trace in bench.traces] == [int(PARENT, 16), int(PARENT, 16)]
    assert bench.counts == {"traced": 2, "over_limit": 2}


async def test_a_parked_request_is_traced_and_its_ticket_goes_on_in_the_same_trace() -> None:
    """What the drain sends later carries the traceparent that model servers were told."""
    bench = Bench()
    bench.take(headers=of(FOLLOW))
    bench.fail()
    bench.fail()
    await bench.reply()
    server = bench.only[0]
    assert (server.attributes["penstock.verdict"], server.failed) == ("parked", False)
    (claim,) = await bench.queue.claim(1, 10.0)
    value = given_traceparent(block_of(claim.envelope.headers))
    assert value is not None
    assert read_traceparent(value) == Caller(int(TRACE, 16), server.span_id, 1)


async def test_an_exhausted_request_is_a_failed_span() -> None:
    """503 is the proxy's own failure."""
    bench = Bench()
    bench.take(fallback=Fallback.NONE)
    bench.fail()
    bench.fail()
    assert [span.failed for span in bench.only] == [True, True, True]
    assert "penstock.application" not in bench.only[0].attributes


async def test_an_abandoned_request_has_the_spans_of_what_had_ended() -> None:
    """The call in flight has no end, and no span."""
    bench = Bench()
    exchange = bench.take(headers=of(FOLLOW))
    bench.fail()
    exchange.cancel()
    server, first = bench.only
    assert (server.attributes["penstock.verdict"], server.attributes["http.response.status_code"]) == (
        "abandoned",
        499,
    )
    assert first.attributes["penstock.application"] == "1"


async def test_one_that_is_abandoned_at_its_first_call_is_not_traced_unasked() -> None:
    """It did not fall through."""
    bench = Bench()
    bench.take().cancel()
    assert bench.traces == []


def test_what_only_looks_like_falling_through_is_not_traced_unasked() -> None:
    """A caller that asks for a ticket, a model that is looked for, a ticket whose servers are still down."""
    request = Request(id="r", method=b"POST", target=b"/")
    reply = exhausted(Outcome.FAILED)
    assert fell_through(request, reply)
    assert not fell_through(Request(id="r", method=b"POST", target=b"/", drained=True), reply)
    at_once = Request(id="r", method=b"POST", target=b"/", fallback=Fallback.AT_ONCE)
    parked = type(reply)(verdict=Verdict.PARKED, answer=Answer(status=202))
    assert fell_through(request, parked)
    assert not fell_through(at_once, parked)
    asked = exhausted(Outcome.REJECTED, Outcome.OK).attempts
    assert not fell_through(request, type(reply)(verdict=Verdict.SERVED, answer=reply.answer, attempts=asked))


async def test_a_span_is_bounded_whatever_the_caller_sends() -> None:
    """What waits for a dead collector is counted in spans, so a span must not be large."""
    bench = Bench(text_chars_max=3, labels_max=2, attempts_max=1)
    bench.labeling.labels = ("8", "long-one", "third")
    bench.take(headers=of(FOLLOW))
    bench.fail(503)
    bench.cluster.last.end(Answer(status=200))
    server, call = bench.only
    assert server.attributes["penstock.labels"] == ("8", "lon")
    assert (server.attributes["penstock.attempts"], call.attributes["penstock.cause"]) == (2, "sta")


def test_the_clock_of_spans_is_the_wall_clock_that_was_passed_in() -> None:
    """Monotonic times mean nothing to a collector."""

    class TwoClocks(ManualClock):
        def wall(self) -> float:
            return self.time_s + 1e9

    traces: list[list[Span]] = []
    tracer = SampledTraces(
        TraceOptions(), clock=TwoClocks(5.0), rng=random.Random(SEED), counts=Counter(), sink=traces.append
    )
    request = tracer.begin(Request(id="r", method=b"POST", target=b"/", headers=of(FOLLOW), arrived_s=4.0))
    tracer.settle(request, exhausted())
    ((server,),) = traces
    assert (server.began_ns, server.ended_ns) == (1_000_000_004 * 10**9, 1_000_000_005 * 10**9)
