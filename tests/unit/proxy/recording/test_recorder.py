"""What a recording says of each request, and what it never says; what finds no room is counted."""

from typing import Any

import msgspec
import pytest

from proxy.messages import Answer, Fallback
from proxy.recording.order import BodyOrder, Order, RecordingLimits
from proxy.recording.recorder import MEMORY, UNWRITABLE, Recorder
from proxy.recording.redaction import read_rule
from proxy.recording.rows import Row
from tests.stand_ins.whole_pipeline import PipelineBench

ENDPOINTS = {"1": ("http://zero:1", "http://one:1"), "2": ("http://two:1",)}


class Bench(PipelineBench):
    """A whole pipeline that is recorded from 1000 s on."""

    def __init__(self, *rules: str, bodies: bool = False, until_s: float = 1_060.0, **limits: Any) -> None:
        super().__init__()
        wanted = BodyOrder(
            rules=tuple(read_rule(each) for each in rules), binary=False, bytes_max=1_000, key=b"k"
        )
        order = Order(
            serial=1,
            began_s=1_000.0,
            until_s=until_s,
            epoch_s=700.0,
            limits=RecordingLimits(**limits),
            bodies=wanted if bodies else None,
        )
        self.recorder = Recorder(order, 3, lambda application: ENDPOINTS.get(application, ()))
        self.pipeline.recorder = self.recorder

    def rows(self) -> list[Row]:
        lines, count = self.recorder.take()
        rows = [msgspec.json.decode(line, type=Row) for line in lines.splitlines()]
        assert len(rows) == count
        return rows

    def row(self) -> Row:
        (row,) = self.rows()
        return row

    def serve(self, body: bytes = b"{}") -> None:
        self.cluster.last.end(Answer(status=200, body=body))


async def test_a_request_is_recorded_with_its_calls() -> None:
    """Times, labels, sizes, deadlines and each call: what it takes to play it again, and to fit a server."""
    bench = Bench()
    bench.labeling.labels = ("7", "8")
    bench.take(body=b"12345", deadline_s=0.5)
    bench.clock.time_s += 0.002
    bench.fail()
    bench.clock.time_s += 0.003
    bench.serve(b"123")
    row = bench.row()
    assert (row.t_s, row.unix_s, row.ms, row.process) == (0.0, 1_700.0, 5.0, 3)
    assert (row.class_name, row.labels, row.model) == ("urgent", ("7", "8"), "m")
    assert (row.verdict, row.status, row.application, row.tier) == ("served", 200, "2", 1)
    assert (row.in_bytes, row.out_bytes, row.deadline_ms, row.asked_ms) == (5, 3, 50.0, 500.0)
    told = [
        (each.application, each.tier, each.outcome, each.began_ms, each.ms, each.endpoint)
        for each in row.attempts
    ]
    assert told == [("1", 0, "failed", 0.0, 2.0, 1), ("2", 1, "ok", 2.0, 3.0, 0)]


async def test_the_callers_deadline_counts_where_it_is_the_shorter() -> None:
    """As in the chain itself."""
    bench = Bench()
    bench.labeling.labels = ("7",)
    bench.take(deadline_s=0.02)
    bench.serve()
    assert bench.row().deadline_ms == 20.0


async def test_no_header_no_address_and_no_tickets_number_is_recorded() -> None:
    """A recording is passed on; whoever knows a ticket's number may read its answer."""
    bench = Bench()
    bench.take(
        headers=((b"Authorization", b"Bearer hidden-1"),),
        caller="10.1.2.3",
        idempotency_key="hidden-2",
        fallback=Fallback.AT_ONCE,
        body=b"hidden-3",
    )
    reply = await bench.reply()
    ticket = msgspec.json.decode(reply.answer.body)["ticket"]
    lines, _ = bench.recorder.take()
    assert msgspec.json.decode(lines, type=Row).ticket
    for secret in (b"hidden", b"10.1.2.3", ticket.encode(), b"://", b"r-1"):
        assert secret not in lines


async def test_bodies_are_recorded_where_they_are_asked_for_and_redacted_first() -> None:
    """The rule is applied before a line is made: nothing else ever leaves the process."""
    bench = Bench("user", bodies=True)
    bench.take(body=b'{"user": "li", "a": 1}')
    bench.serve()
    assert bench.row().body == '{"a":1}'
    bench.replies.clear()
    bench.take(body=b"no json, by wang")
    bench.serve()
    lines, _ = bench.recorder.take()
    assert b"wang" not in lines
    assert bench.recorder.sum().withheld == {"unparsed": 1}


async def test_what_arrived_before_or_after_is_not_recorded() -> None:
    """A recording stands for all of a stretch of time, and nothing else."""
    early = Bench()
    early.recorder._began_s = 1_000.5
    early.take()
    early.serve()
    late = Bench(until_s=999.0)
    late.take()
    late.serve()
    assert early.rows() + late.rows() == []
    assert early.recorder.unfinished == late.recorder.unfinished == 0


async def test_what_is_under_way_when_it_closes_is_still_recorded() -> None:
    """And what arrives afterwards is not."""
    bench = Bench()
    bench.take()
    bench.clock.time_s += 1.0
    bench.recorder.close(bench.clock.now() - 0.5)
    assert bench.recorder.unfinished == 1
    bench.serve()
    assert bench.row().ms == 1_000.0
    assert bench.recorder.unfinished == 0
    bench.recorder.close(999.0)
    bench.take()
    bench.serve()
    assert bench.rows() == []


async def test_a_question_about_a_model_is_no_traffic() -> None:
    """It has no payload and no labels."""
    bench = Bench()
    bench.ask("m")
    bench.serve()
    assert bench.rows() == []


async def test_a_caller_that_left_and_one_that_was_turned_away_are_recorded() -> None:
    """They are load too."""
    bench = Bench()
    bench.take().cancel()
    bench.labeling.reads_head = True
    bench.pipeline.turned_away_from = 0
    assert bench.screen() is not None
    assert [each.verdict for each in bench.rows()] == ["abandoned", "exhausted"]
    assert bench.recorder.unfinished == 0


async def test_beyond_its_memory_requests_are_dropped_and_counted() -> None:
    """A consumer that does not read must not fill the proxy's memory."""
    bench = Bench(held_bytes_max=1)
    for _ in range(3):
        bench.take()
        bench.serve()
    assert len(bench.rows()) == 1
    assert bench.recorder.sum().dropped == {MEMORY: 2}
    bench.take()
    bench.serve()
    assert len(bench.rows()) == 1, "what was taken makes room again"


async def test_a_line_that_cannot_be_made_hurts_nobody() -> None:
    """A label that is no Unicode came out of a plugin; the caller has its answer all the same."""
    bench = Bench()
    bench.labeling.labels = ("8", "\ud800")
    bench.take()
    bench.serve()
    assert (await bench.reply()).answer.status == 200
    assert bench.rows() == []
    assert bench.recorder.sum().dropped == {UNWRITABLE: 1}


async def test_an_endpoint_that_the_table_no_longer_names_has_no_place() -> None:
    """The table was reloaded while the call was under way."""
    bench = Bench()
    bench.recorder._endpoints_of = lambda _: ()
    bench.take()
    bench.serve()
    assert bench.row().attempts[0].endpoint == -1


@pytest.mark.parametrize(("count", "chars", "told"), [(65, 1, (64, 3)), (3, 300, (3, 256))])
async def test_labels_are_bounded_in_number_and_length(count: int, chars: int, told: tuple[int, int]) -> None:
    """They come from callers, by way of plugins."""
    bench = Bench()
    bench.labeling.labels = ("8", *(f"{place}" + "x" * chars for place in range(count - 1)))
    bench.take()
    bench.serve()
    labels = bench.row().labels
    assert (len(labels), max(map(len, labels))) == told
