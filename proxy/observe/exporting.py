"""The exporter of spans: OpenTelemetry's batches in a thread of their own, to a collector or in JSON lines.

Imported only where traces are wanted: most proxies need not load it. OpenTelemetry's own tracer is not used:
spans are made after the fact, under ids that model servers were told before. Never lets anybody wait: what a
slow collector does not take is dropped and counted, by `queue` (too much waits) or `export` (a batch failed).
"""

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from proxy.errors import FileUnusable
from proxy.observe.tracing import CONSOLE, FILE, SAMPLED, Span, TraceOptions
from proxy.ports import Log

TRACES_PATH = "/v1/traces"
"""Of an OTLP/HTTP collector whose URL names no path."""

_ERROR = Status(StatusCode.ERROR)
_UNSET = Status(StatusCode.UNSET)


class FirstWords(logging.Handler):
    """What OpenTelemetry said first since it was asked: the cause. Kept off stderr, where our log is JSON."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = self.said or record.getMessage()


class JsonLines(SpanExporter):
    """A line of JSON for each span; a batch is one write, so that lines of several processes do not mix.

    A file's `out` must not buffer: what a full disk does not take would come again, in pieces.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._out.write("".join(f"{span.to_json(indent=None)}\n" for span in spans))
        self._out.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        if self._out is not sys.stderr:
            self._out.close()


class Watched(SpanExporter):
    """An exporter whose failures are counted, and logged when they begin and when they end."""

    def __init__(self, inner: SpanExporter, *, dropped: Counter[str], words: FirstWords, log: Log) -> None:
        self._inner = inner
        self._dropped = dropped
        self._words = words
        self._log = log
        self._failing = False
        self.taken = 0  # spans that wait no more

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        self._words.said = ""
        try:
            result = self._inner.export(spans)
        except (OSError, ValueError) as error:  # of a file or of stderr: full, or closed
            self._words.said = repr(error)
            result = SpanExportResult.FAILURE
        failed = result is not SpanExportResult.SUCCESS
        if failed:
            self._dropped["export"] += len(spans)
        if failed and not self._failing:
            self._log.warning("traces_not_exported", cause=self._words.said)
        elif self._failing and not failed:
            self._log.info("traces_exported_again", dropped=self._dropped["export"])
        self._failing = failed
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class Exporter:
    """`put` spans, `close` at the end. `dropped` counts spans by reason, each from 0.

    `put` is called on one thread, batches are exported on another: each number has one writer.
    """

    def __init__(self, options: TraceOptions, *, dropped: Counter[str], log: Log) -> None:
        """Raises FileUnusable."""
        self._options = options
        self._dropped = dropped
        dropped.update(queue=0, export=0)
        words = FirstWords()
        library = logging.getLogger("opentelemetry")
        library.handlers = [words]
        library.propagate = False
        self._watched = Watched(_inner(options), dropped=dropped, words=words, log=log)
        self._given = 0
        self._batches = BatchSpanProcessor(
            self._watched,
            max_queue_size=options.queued_spans_max,
            schedule_delay_millis=options.delay_s * 1000,
            max_export_batch_size=options.batch_spans_max,
        )
        shown = version("penstock")
        names: dict[str, str | int] = {"service.name": "penstock", "service.version": shown}
        ours = Resource({**names, "process.pid": os.getpid()})
        self._resource = ours.merge(OTELResourceDetector().detect())  # the environment wins
        self._scope = InstrumentationScope("penstock", shown)

    def put(self, spans: list[Span]) -> None:
        """Queue the spans of one trace: all of them, or none where they find no room."""
        if self._given - self._watched.taken + len(spans) > self._options.queued_spans_max:
            self._dropped["queue"] += len(spans)  # before the library drops one: it would not say so
            return
        self._given += len(spans)
        for span in spans:
            self._batches.on_end(self._readable(span))

    async def close(self) -> None:
        """Export what waits, if the collector takes it in time."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def flush() -> None:
            self._batches.shutdown()  # type: ignore[no-untyped-call]
            with contextlib.suppress(RuntimeError):  # the loop has not waited so long
                loop.call_soon_threadsafe(over.set)

        threading.Thread(target=flush, name="traces-flush", daemon=True).start()
        try:
            async with asyncio.timeout(self._options.flush_s_max):
                await over.wait()
        except TimeoutError:
            self._watched.shutdown()  # what is left fails at once

    def _readable(self, span: Span) -> ReadableSpan:
        flags = TraceFlags(SAMPLED)
        return ReadableSpan(
            name=span.name,
            context=SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=flags),
            parent=SpanContext(span.trace_id, span.parent_id, is_remote=span.server, trace_flags=flags)
            if span.parent_id
            else None,
            kind=SpanKind.SERVER if span.server else SpanKind.CLIENT,
            status=_ERROR if span.failed else _UNSET,
            start_time=span.began_ns,
            end_time=span.ended_ns,
            attributes=span.attributes,
            resource=self._resource,
            instrumentation_scope=self._scope,
        )


def _inner(options: TraceOptions) -> SpanExporter:
    if options.to == CONSOLE:
        return JsonLines(sys.stderr)
    if options.to.startswith(FILE):
        path = Path(options.to.removeprefix(FILE))
        try:
            return JsonLines(
                TextIOWrapper(path.open("ab", buffering=0), encoding="utf-8", write_through=True)
            )
        except OSError as error:
            raise FileUnusable(f"{path} ({error.strerror})") from error
    path_named = urlsplit(options.to).path.strip("/")
    endpoint = options.to if path_named else options.to.rstrip("/") + TRACES_PATH
    return OTLPSpanExporter(endpoint=endpoint, timeout=options.export_timeout_s)
