"""Traces of some requests: which ones, under which ids, and their spans, made once a request has ended.

A caller's `traceparent` (W3C Trace Context) with the sampled flag is followed; without a `traceparent` a part
is drawn; what fell through is traced in any case, but then model servers were told nothing. All of it up to a
limit per second. Pure but for the Rng: spans leave through a sink, and OpenTelemetry is known to
`exporting.py` alone. Hot path: a look at the header names, one draw, two comparisons at the end.
"""

import re
from collections import Counter
from collections.abc import Callable

import msgspec

from labelers.fields import block_of, headers_of
from proxy.messages import Attempt, Fallback, Outcome, Reply, Request, Trace, Verdict
from proxy.ports import Clock, Rng

OFF = "off"
CONSOLE = "console"
FILE = "file:"

TRACEPARENT = b"traceparent"
SAMPLED = 0x01
_KEPT_FLAGS = 0x03
"""Of a caller's flags: sampled, and that its trace id is random (Trace Context, level 2)."""

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)


_SERVED = Verdict.SERVED
_FLAG_AT = slice(54, 55)
_FLAGGED = frozenset((b"1", b"3", b"5", b"7", b"9", b"b", b"d", b"f"))
"""The last digit of the flags, and what it is where the sampled flag is set."""


class TraceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where traces go, how many, and what may wait for the collector; in each process."""

    to: str = OFF  # `off`, `console` (stderr), `file:PATH`, or the URL of an OTLP/HTTP collector
    ratio: float = 0.01  # of requests without a traceparent
    traces_per_s_max: float = 100.0  # of those traced from the start, and again of those that fell through
    attempts_max: int = 32  # with a span of their own, the first ones
    labels_max: int = 32  # said in a span
    text_chars_max: int = 256  # of each text in a span
    queued_spans_max: int = 4096  # that wait for the exporter; beyond it they are dropped
    batch_spans_max: int = 256
    delay_s: float = 1.0  # that a span waits for others at most
    export_timeout_s: float = 5.0  # of one batch, its repetitions included
    flush_s_max: float = 2.0  # for what waits once the proxy has stopped


Attributes = dict[str, str | int | bool | tuple[str, ...]]


class Caller(msgspec.Struct, frozen=True):
    """What a well-formed `traceparent` says."""

    trace_id: int
    span_id: int
    flags: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span, whole. Times are nanoseconds since the Unix epoch; a parent of 0 is none."""

    name: str
    server: bool  # the request itself; else a call to an application
    trace_id: int
    span_id: int
    parent_id: int
    began_ns: int
    ended_ns: int
    failed: bool
    attributes: Attributes


Sink = Callable[[list[Span]], None]
"""Takes the spans of one trace; never waits."""


class Allowance:
    """So many a second, and as many at once after a quiet second. Times are monotonic seconds."""

    def __init__(self, per_s_max: float) -> None:
        self._per_s_max = per_s_max
        self._left = per_s_max
        self._looked_s = 0.0

    def take(self, now: float) -> bool:
        """One more, if it is within the limit."""
        gained = max(0.0, now - self._looked_s) * self._per_s_max
        self._left = min(self._per_s_max, self._left + gained)
        self._looked_s = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class SampledTraces:
    """`ports.Tracer`. `counts` says how many were traced, and how many the limit left out."""

    def __init__(
        self, options: TraceOptions, *, clock: Clock, rng: Rng, counts: Counter[str], sink: Sink
    ) -> None:
        self._options = options
        self._ratio = options.ratio
        self._clock = clock
        self._rng = rng
        self._counts = counts
        self._sink = sink
        self._from_the_start = Allowance(options.traces_per_s_max)
        self._afterwards = Allowance(options.traces_per_s_max)  # its own: callers' flags must not use it up

    def begin(self, request: Request) -> Request:
        given = given_traceparent(request.block)
        if not is_sampled(given, self._ratio, self._rng):
            return request
        caller = None if given is None else read_traceparent(given)
        if not self._within(self._from_the_start):
            return request
        trace = new_trace(caller, self._rng)
        if given is None:
            block = request.block + b"traceparent: %b\r\n" % write_traceparent(trace)
        elif caller is None:
            block = request.block  # malformed: it is not ours to mend
        else:
            block = _replaced(request.block, write_traceparent(trace))
        return request.traced(trace, block)

    def settle(self, request: Request, reply: Reply) -> None:
        trace = request.trace
        if trace is None:
            if reply.verdict is _SERVED and len(reply.attempts) == 1:
                return  # nearly all
            if not fell_through(request, reply) or not self._within(self._afterwards):
                return
            given = given_traceparent(request.block)
            trace = new_trace(None if given is None else read_traceparent(given), self._rng)
        now = self._clock.now()
        epoch_s = self._clock.wall() - now
        self._sink(spans_of(request, reply, trace, self._options, self._rng, epoch_s=epoch_s, now=now))

    def _within(self, allowance: Allowance) -> bool:
        within = allowance.take(self._clock.now())
        self._counts["traced" if within else "over_limit"] += 1
        return within


def is_sampled(given: bytes | None, ratio: float, rng: Rng) -> bool:
    """Whether a request is traced from the start: as its caller decided, or by a draw where none did.

    A traceparent is read only where it, or the draw, could say yes: nearly all requests end before.
    """
    if given is None:
        return rng.random() < ratio
    drawn = rng.random() < ratio
    if not drawn and given[_FLAG_AT] not in _FLAGGED:
        return False
    caller = read_traceparent(given)
    return drawn if caller is None else bool(caller.flags & SAMPLED)


def fell_through(request: Request, reply: Reply) -> bool:
    """Whether it went past a tier, or got no answer: a caller that asks for a ticket at once lacks nothing.

    A question about a model passes on where it is not known: that is how one is found. Tickets that wait for
    a dead fleet are tried again and again, and would use up the limit.
    """
    if request.drained:
        return False
    attempts = reply.attempts
    if len(attempts) > 1 and attempts[0].outcome is not Outcome.REJECTED:
        return True
    if reply.verdict is Verdict.EXHAUSTED:
        return True
    return reply.verdict is Verdict.PARKED and request.fallback is not Fallback.AT_ONCE


def given_traceparent(block: bytes) -> bytes | None:
    """The field's value, of several all (which is no traceparent any more); None where there is none."""
    if block.lower().find(TRACEPARENT) < 0:  # `in` costs ten times as much
        return None
    found = None
    for name, value in headers_of(block):
        if name.lower() == TRACEPARENT:
            found = value if found is None else found + b"," + value
    return found


def read_traceparent(value: bytes) -> Caller | None:
    """None where it is malformed: https://www.w3.org/TR/trace-context/#traceparent-header."""
    match = _TRACEPARENT.fullmatch(value)
    if match is None or match[1] == b"ff" or (match[1] == b"00" and match[5] is not None):
        return None
    caller = Caller(int(match[2], 16), int(match[3], 16), int(match[4], 16))
    return caller if caller.trace_id and caller.span_id else None


def write_traceparent(trace: Trace) -> bytes:
    """As a model server is told: its parent is the proxy's span, and it is to trace too."""
    return b"00-%032x-%016x-%02x" % (trace.trace_id, trace.span_id, trace.flags)


def new_trace(caller: Caller | None, rng: Rng) -> Trace:
    """The proxy's place in the caller's trace, or a trace of its own."""
    span_id = _new_id(rng, 64)
    if caller is None:
        return Trace(trace_id=_new_id(rng, 128), span_id=span_id, flags=SAMPLED)
    flags = caller.flags & _KEPT_FLAGS | SAMPLED
    return Trace(trace_id=caller.trace_id, span_id=span_id, parent_id=caller.span_id, flags=flags)


def spans_of(
    request: Request,
    reply: Reply,
    trace: Trace,
    options: TraceOptions,
    rng: Rng,
    *,
    epoch_s: float,
    now: float,
) -> list[Span]:
    """The request's span, and one for each attempt. `epoch_s` is the wall clock's time at the monotonic 0."""
    server = Span(
        name="infer" if request.method == b"POST" else "ask",
        server=True,
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        parent_id=trace.parent_id,
        began_ns=_nanoseconds(request.arrived_s + epoch_s),
        ended_ns=_nanoseconds(now + epoch_s),
        failed=reply.answer.status >= 500,
        attributes=_said(request, reply, options),
    )
    attempts = reply.attempts[: options.attempts_max]
    return [server, *(_call(each, trace, options, _new_id(rng, 64), epoch_s) for each in attempts)]


def _said(request: Request, reply: Reply, options: TraceOptions) -> Attributes:
    chars_max = options.text_chars_max
    return {
        "http.request.method": request.method.decode(),
        "http.response.status_code": reply.answer.status,
        "penstock.request_id": request.id[:chars_max],
        "penstock.model": request.model[:chars_max],
        "penstock.labels": tuple(label[:chars_max] for label in reply.labels[: options.labels_max]),
        "penstock.class": reply.class_name[:chars_max],
        "penstock.verdict": str(reply.verdict),
        "penstock.table_generation": reply.generation,
        "penstock.attempts": len(reply.attempts),
        "penstock.drained": request.drained,
        **({"penstock.application": reply.application[:chars_max]} if reply.application else {}),
        **({} if reply.tier is None else {"penstock.tier": reply.tier}),
    }


def _call(attempt: Attempt, trace: Trace, options: TraceOptions, span_id: int, epoch_s: float) -> Span:
    chars_max = options.text_chars_max
    began_s = attempt.began_s + epoch_s
    application = attempt.application[:chars_max]
    return Span(
        name=f"call {application}",
        server=False,
        trace_id=trace.trace_id,
        span_id=span_id,
        parent_id=trace.span_id,
        began_ns=_nanoseconds(began_s),
        ended_ns=_nanoseconds(began_s + attempt.elapsed_s),
        failed=attempt.outcome not in (Outcome.OK, Outcome.REJECTED, Outcome.SUPERSEDED),
        attributes={
            "penstock.application": application,
            "penstock.tier": attempt.tier,
            "penstock.outcome": str(attempt.outcome),
            "penstock.cause": attempt.cause[:chars_max],
        },
    )


def _replaced(block: bytes, value: bytes) -> bytes:
    fields = headers_of(block)
    return block_of(tuple((name, value if name.lower() == TRACEPARENT else old) for name, old in fields))


def _new_id(rng: Rng, bits: int) -> int:
    return rng.getrandbits(bits) or 1  # 0 is no id


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
