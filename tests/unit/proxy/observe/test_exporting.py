"""The exporter of spans when the other end is slow, full or gone: bounded, counted, never waited for."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from proxy.errors import FileUnusable
from proxy.observe import exporting
from proxy.observe.exporting import Exporter
from proxy.observe.tracing import Span, TraceOptions
from tests.stand_ins.log import RecordingLog

EXPORTED_S_MAX = 10.0


class Held(SpanExporter):
    """Hangs until it is let go, and keeps what it got."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.got: list[ReadableSpan] = []
        self.result = SpanExportResult.SUCCESS
        self.exported = threading.Semaphore(0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.began.set()
        self.go.wait(EXPORTED_S_MAX)
        self.got += spans
        result = self.result
        self.exported.release()
        return result

    def shutdown(self) -> None:
        self.go.set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(exporting, "_inner", lambda options: held)
    return held


def span(name: str = "infer") -> Span:
    return Span(
        name=name,
        server=True,
        trace_id=1,
        span_id=2,
        parent_id=3,
        began_ns=10**18,
        ended_ns=10**18 + 1,
        failed=False,
        attributes={"penstock.labels": ("1", "2")},
    )


async def test_what_a_hanging_collector_leaves_waiting_is_bounded_and_the_rest_is_counted(held: Held) -> None:
    """A trace is queued whole or not at all; `put` comes back whatever the collector does."""
    dropped: Counter[str] = Counter()
    options = TraceOptions(queued_spans_max=5, batch_spans_max=2, delay_s=0.01, flush_s_max=5.0)
    exporter = Exporter(options, dropped=dropped, log=RecordingLog())
    exporter.put([span("taken"), span("taken")])
    assert held.began.wait(EXPORTED_S_MAX)
    for name in ("first", "second", "third", "fourth"):
        exporter.put([span(name), span(name)])
    assert dropped == {"queue": 4, "export": 0}
    held.go.set()
    await exporter.close()
    assert [each.name for each in held.got] == ["taken", "taken", "first", "first", "second", "second"]


async def test_room_comes_back_once_the_collector_takes_spans_again(held: Held) -> None:
    """An outage of the collector ends by itself."""
    dropped: Counter[str] = Counter()
    exporter = Exporter(
        TraceOptions(queued_spans_max=2, batch_spans_max=2, delay_s=0.01), dropped=dropped, log=RecordingLog()
    )
    held.go.set()
    for _ in range(5):
        exporter.put([span(), span()])
        assert held.exported.acquire(timeout=EXPORTED_S_MAX)
    await exporter.close()
    assert (len(held.got), dropped) == (10, {"queue": 0, "export": 0})


async def test_a_failing_collector_is_logged_when_it_begins_and_when_it_ends(held: Held) -> None:
    """Not once per batch: an event is logged once."""
    dropped: Counter[str] = Counter()
    log = RecordingLog()
    exporter = Exporter(TraceOptions(batch_spans_max=1, delay_s=0.01), dropped=dropped, log=log)
    held.go.set()
    for result in (SpanExportResult.FAILURE, SpanExportResult.FAILURE, SpanExportResult.SUCCESS):
        held.result = result
        exporter.put([span()])
        assert held.exported.acquire(timeout=EXPORTED_S_MAX)
    await exporter.close()
    assert dropped == {"queue": 0, "export": 2}
    assert [name for _, name, _ in log.events] == ["traces_not_exported", "traces_exported_again"]


async def test_a_collector_that_hangs_does_not_hold_up_the_end(held: Held) -> None:
    """The end waits as long as its limit says, then lets go."""
    exporter = Exporter(TraceOptions(delay_s=0.01, flush_s_max=0.05), dropped=Counter(), log=RecordingLog())
    exporter.put([span()])
    assert held.began.wait(EXPORTED_S_MAX)
    await exporter.close()
    assert held.go.is_set(), "what hangs is broken off"


async def test_a_full_disk_costs_spans_and_nothing_else() -> None:
    """With its cause in the log."""
    dropped: Counter[str] = Counter()
    log = RecordingLog()
    exporter = Exporter(TraceOptions(to="file:/dev/full", delay_s=0.01), dropped=dropped, log=log)
    exporter.put([span()])
    await exporter.close()
    assert dropped == {"queue": 0, "export": 1}
    ((_, event, fields),) = log.events
    assert event == "traces_not_exported"
    assert "No space left" in str(fields["cause"])


async def test_a_file_gets_one_line_for_each_span(tmp_path: Path) -> None:
    """With ids as other tools write them."""
    path = tmp_path / "spans"
    exporter = Exporter(TraceOptions(to=f"file:{path}"), dropped=Counter(), log=RecordingLog())
    exporter.put([span("infer"), span("call 1")])
    await exporter.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["name"] for line in lines] == ["infer", "call 1"]
    assert (lines[0]["context"]["trace_id"], lines[0]["parent_id"]) == (f"0x{1:032x}", f"0x{3:016x}")


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The operator can mend it."""
    with pytest.raises(FileUnusable, match="no/such"):
        Exporter(TraceOptions(to=f"file:{tmp_path}/no/such"), dropped=Counter(), log=RecordingLog())


def test_opentelemetry_is_not_loaded_where_nothing_is_traced() -> None:
    """It would cost every start and every child its time and memory."""
    program = "import proxy.app, proxy.cli, proxy.family.child, sys; print('opentelemetry' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
