"""What tracing costs a request: `begin` and `settle` alone, in nanoseconds. Medians of rounds.

`python -m sim.bench.tracing`. "off" is the null object; "not traced" are requests that a proxy with
`--traces` leaves alone: without a traceparent and not drawn, or with one whose flag is not set; "traced"
makes two spans and throws them away, without OpenTelemetry's part. Requests carry 8 header fields besides.
"""

import random
import statistics
import time
from collections import Counter

from proxy.clock import LiveClock
from proxy.messages import Answer, Attempt, Outcome, Reply, Request, Verdict
from proxy.observe.tracing import TRACEPARENT, SampledTraces, Span, TraceOptions
from proxy.ports import NO_TRACES, Tracer

ROUNDS = 15
REQUESTS = 20_000

FIELDS = (
    *((b"Accept", b"*/*"), (b"Accept-Encoding", b"gzip"), (b"Authorization", b"Bearer 1")),
    *((b"Content-Type", b"application/json"), (b"Content-Encoding", b"identity"), (b"User-Agent", b"bench")),
    *((b"X-Forwarded-For", b"10.0.0.1"), (b"X-Scene", b"ad_upload")),
)
FLAGGED = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNFLAGGED = FLAGGED[:-1] + b"0"

REPLY = Reply(
    verdict=Verdict.SERVED,
    answer=Answer(status=200),
    labels=("1125",),
    class_name="default",
    application="1",
    tier=0,
    attempts=(Attempt(application="1", tier=0, outcome=Outcome.OK, elapsed_s=0.01, began_s=1.0),),
    generation=1,
)


def request(*more: tuple[bytes, bytes]) -> Request:
    """One as callers send it."""
    return Request(id="0" * 32, method=b"POST", target=b"/", model="m", headers=(*FIELDS, *more))


def nanoseconds(tracer: Tracer, arrived: Request) -> float:
    """Of one request."""
    spans = []
    for _ in range(ROUNDS):
        began_ns = time.perf_counter_ns()
        for _ in range(REQUESTS):
            tracer.settle(tracer.begin(arrived), REPLY)
        spans.append((time.perf_counter_ns() - began_ns) / REQUESTS)
    return statistics.median(spans)


def _thrown_away(_: list[Span]) -> None:
    """No exporter."""


def main() -> None:
    """Print the table."""
    clock, rng = LiveClock(), random.Random(0)

    def sampling(ratio: float) -> SampledTraces:
        options = TraceOptions(ratio=ratio, traces_per_s_max=1e9)
        return SampledTraces(options, clock=clock, rng=rng, counts=Counter(), sink=_thrown_away)

    cases: dict[str, tuple[Tracer, Request]] = {
        "off": (NO_TRACES, request()),
        "not traced: no traceparent": (sampling(0.0), request()),
        "not traced: flag not set": (sampling(0.01), request((TRACEPARENT, UNFLAGGED))),
        "1% traced": (sampling(0.01), request()),
        "traced": (sampling(0.0), request((TRACEPARENT, FLAGGED))),
    }
    print(f"{'nanoseconds per request':32}")
    for name, (tracer, arrived) in cases.items():
        print(f"{name:32}{nanoseconds(tracer, arrived):>8.0f}")


if __name__ == "__main__":
    main()
