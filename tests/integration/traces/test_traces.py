"""Traces through a real proxy: from a caller's traceparent to the model server's, and to a collector."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sim.stubs.behaviours import Status
from sim.stubs.server import StubServer
from tests.integration.callers import ask, eventually, infer, labelled
from tests.integration.processes.families import FamilyProcess
from tests.integration.proxies import ProxyProcess
from tests.integration.traces.collector import Collector, attributes

TABLE = """
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
applications:
  a: {{endpoints: "{a}"}}
  b: {{endpoints: "{b}"}}
routes:
  - {{application: a, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: [1, 2]}}
  - {{application: b, timeout: 10000, weight: 1, priority: 1, clusterType: http, label: 2}}
"""
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FOLLOW = f"traceparent: 00-{TRACE}-{PARENT}-01"
LEAVE = f"traceparent: 00-{TRACE}-{PARENT}-00"
NEVER_DRAWN = ("--trace-ratio", "0")
EXPORTED_S_MAX = 20.0


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


@pytest.fixture
async def a() -> AsyncIterator[StubServer]:
    async with StubServer("a") as stub:
        yield stub


@pytest.fixture
async def b() -> AsyncIterator[StubServer]:
    async with StubServer("b") as stub:
        yield stub


@pytest.fixture
def table(a: StubServer, b: StubServer, tmp_path: Path) -> Path:
    path = tmp_path / "table.yaml"
    path.write_text(TABLE.format(a=a.url, b=b.url))
    return path


def proxy(table: Path, *options: str) -> ProxyProcess:
    return ProxyProcess(table, "memory://", table.with_name("log"), *options)


async def arrived(collector: Collector, count: int) -> None:
    """Wait for so many spans."""

    async def here() -> bool:
        return len(collector.spans) >= count

    await eventually(here, EXPORTED_S_MAX, f"{count} spans")


async def test_a_flagged_request_is_one_trace_from_its_caller_to_the_model_server(
    table: Path, collector: Collector, a: StubServer, b: StubServer
) -> None:
    """As somebody sees it who opens the trace: caller, proxy, both calls, and the server that answered."""
    a.behave(Status(code=503))
    before_ns = time.time_ns()
    async with proxy(table, "--traces", collector.url, *NEVER_DRAWN) as running:
        answer = await ask(running.port, infer(labelled(2), FOLLOW, "X-Request-Id: mine"))
        await arrived(collector, 3)
    assert answer.status == 200
    (server,) = collector.named("infer")
    first, second = collector.named("call a")[0], collector.named("call b")[0]
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    assert {first.trace_id.hex(), second.trace_id.hex()} == {TRACE}
    assert {first.parent_span_id, second.parent_span_id} == {server.span_id}
    told = f"00-{TRACE}-{server.span_id.hex()}-01"
    assert [stub.calls[0].headers["traceparent"] for stub in (a, b)] == [told, told]
    said = attributes(server)
    assert (said["penstock.request_id"], said["penstock.labels"], said["penstock.tier"]) == ("mine", ["2"], 1)
    assert (said["http.response.status_code"], said["penstock.verdict"]) == (200, "served")
    assert attributes(first)["penstock.outcome"] == "failed"
    assert before_ns < server.start_time_unix_nano <= first.start_time_unix_nano < first.end_time_unix_nano
    assert first.end_time_unix_nano <= second.start_time_unix_nano < second.end_time_unix_nano
    assert second.end_time_unix_nano <= server.end_time_unix_nano < time.time_ns()
    (resource,) = collector.resources.values()
    assert resource["service.name"] == "penstock"


async def test_of_the_others_nothing_is_told_and_nothing_exported(
    table: Path, collector: Collector, a: StubServer
) -> None:
    """What a caller sends as its traceparent passes untouched; who sends none gets none."""
    async with proxy(table, "--traces", collector.url, *NEVER_DRAWN) as running:
        for fields in ((), (LEAVE,), ("traceparent: nonsense",)):
            await ask(running.port, infer(labelled(1), *fields))
        await ask(running.port, infer(labelled(1), FOLLOW))  # spans leave in order: this one comes last
        await arrived(collector, 2)
    told = [call.headers.get("traceparent") for call in a.calls]
    assert told[:3] == [None, LEAVE.split(": ")[1], "nonsense"]
    assert len(collector.spans) == 2


async def test_without_the_option_a_traceparent_is_any_other_field(table: Path, a: StubServer) -> None:
    """And nothing is counted."""
    async with proxy(table) as running:
        await ask(running.port, infer(labelled(1), FOLLOW))
        traces = (await running.admin("/metrics")).body.count(b"penstock_traces_total{")
    assert a.calls[0].headers["traceparent"] == FOLLOW.split(": ")[1]
    assert traces == 0


async def test_a_parked_request_is_traced_unasked_and_nothing_waits_that_stopped_in_time(
    table: Path, collector: Collector, a: StubServer
) -> None:
    """What waits is exported when the proxy stops: the last seconds are the ones that people look for."""
    a.behave(Status(code=503))
    async with proxy(table, "--traces", collector.url, *NEVER_DRAWN) as running:
        answer = await ask(running.port, infer(labelled(1), LEAVE))
        assert await running.stop() == 0
    assert answer.status == 202
    (server,) = collector.named("infer")
    assert (attributes(server)["penstock.verdict"], server.trace_id.hex()) == ("parked", TRACE)


async def test_every_process_exports_its_own(table: Path, collector: Collector) -> None:
    """`--processes 2`; the metric says how many there were in all."""
    family = FamilyProcess(
        table, "memory://", table.with_name("log"), "--traces", collector.url, *NEVER_DRAWN, processes=2
    )
    async with family as running:
        for _ in range(40):  # each over a connection of its own: the kernel deals them out
            assert (await ask(running.port, infer(labelled(1), FOLLOW))).status == 200
        await arrived(collector, 80)
        assert await running.metric('penstock_traces_total{result="traced"}') == 40
        assert set(collector.resources) == set(running.children().values())


@pytest.mark.parametrize("how", ["dead", "refuses", "hangs"])
async def test_a_collector_in_trouble_disturbs_nobody(
    how: str, table: Path, collector: Collector, tmp_path: Path
) -> None:
    """Requests are served as ever, the log stays JSON, and what was lost is counted or stays bounded."""
    url = collector.url
    if how == "dead":
        url = "http://127.0.0.1:9"
    elif how == "refuses":
        collector.status = 400
    else:
        collector.thinks = asyncio.Event()
    async with proxy(table, "--traces", url, "--trace-ratio", "1") as running:
        began_s = time.monotonic()
        answers = [await ask(running.port, infer(labelled(1))) for _ in range(50)]
        took_s = time.monotonic() - began_s

        async def lost() -> bool:
            return await running.metric('penstock_spans_dropped_total{reason="export"}') > 0

        await eventually(lost, EXPORTED_S_MAX, "dropped spans")
        began_s = time.monotonic()
        assert await running.stop() == 0
        stopped_s = time.monotonic() - began_s
    assert [answer.status for answer in answers] == [200] * 50
    assert took_s < 5, "50 requests: a collector's timeout is 5 s"
    assert stopped_s < 10
    events = [json.loads(line) for line in running.log_path.read_text().splitlines()]
    told = [each for each in events if each["event"] == "traces_not_exported"]
    assert len(told) == 1
    assert told[0]["cause"]


@pytest.mark.parametrize("to", ["console", "file"])
async def test_spans_can_be_lines_of_json(to: str, table: Path, tmp_path: Path) -> None:
    """To look at without a collector: on stderr beside the log, or in a file that is added to."""
    path = tmp_path / "spans.jsonl"
    path.write_text('{"name": "earlier"}\n')
    where = "console" if to == "console" else f"file:{path}"
    async with proxy(table, "--traces", where, "--trace-ratio", "1") as running:
        await ask(running.port, infer(labelled(1)))
        assert await running.stop() == 0
    lines = [
        json.loads(line) for line in (running.log_path if to == "console" else path).read_text().splitlines()
    ]
    names = [line["name"] for line in lines if "name" in line]
    earlier = [] if to == "console" else ["earlier"]
    assert names == [*earlier, "infer", "call a"]


@pytest.mark.parametrize("where", ["collector", "htp://x", "http://", "file:", "http://a:0", "http://a:x"])
async def test_a_destination_that_is_none_is_refused_in_words(
    where: str, table: Path, tmp_path: Path
) -> None:
    """Before anything is served."""
    code, said = await refused(table, where)
    assert (code, f"{where!r} is not the URL of a collector" in said) == (2, True)


async def test_a_file_that_cannot_be_written_is_said(table: Path, tmp_path: Path) -> None:
    """With its path, and no traceback."""
    code, said = await refused(table, f"file:{tmp_path}/no/such/spans")
    assert (code, f"{tmp_path}/no/such/spans" in said, "Traceback" in said) == (1, True, False)


async def refused(table: Path, where: str) -> tuple[int, str]:
    """How `penstock serve` ends that must not serve: its exit code and what it said."""
    refusing = proxy(table, "--traces", where)
    with pytest.raises(AssertionError):
        await refusing.start()
    return await refusing.wait(), refusing.log_path.read_text()
