"""When a process hands in what it recorded, and when it ends: in time, when told to, at once."""

from proxy.messages import Answer
from proxy.recording.order import Batch, Order, RecordingLimits
from proxy.recording.tape import Tape
from tests.stand_ins.clock import ManualTimers
from tests.stand_ins.whole_pipeline import PipelineBench


class Bench(PipelineBench):
    """A pipeline with a tape; `pass_s` lets time go by, and its alarms ring."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms = ManualTimers(self.clock)
        self.batches: list[Batch] = []
        self.read = True
        self.tape = Tape(self.pipeline, clock=self.clock, alarm=self.alarms.after, endpoints_of=lambda _: ())

    def begin(self, seconds: float = 60.0, serial: int = 1) -> None:
        order = Order(
            serial=serial,
            began_s=self.clock.now(),
            until_s=self.clock.now() + seconds,
            epoch_s=0.0,
            limits=RecordingLimits(flush_s=0.1, tail_s=5.0),
            bodies=None,
        )
        self.tape.begin(order, 0, self.batches.append, lambda: self.read)

    def pass_s(self, span_s: float) -> None:
        for _ in range(round(span_s / 0.1)):
            self.alarms.advance(0.1)

    def serve(self) -> None:
        self.take()
        self.cluster.last.end(Answer(status=200))

    @property
    def lasts(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.last is not None]


def test_lines_are_handed_in_now_and_then() -> None:
    """Not one by one: each costs a message."""
    bench = Bench()
    bench.begin()
    bench.serve()
    bench.serve()
    assert bench.batches == []
    bench.pass_s(0.1)
    assert [batch.requests for batch in bench.batches] == [2]


def test_while_nobody_takes_them_lines_stay() -> None:
    """And go in one piece when they are taken again."""
    bench = Bench()
    bench.begin()
    bench.read = False
    bench.serve()
    bench.pass_s(1.0)
    assert bench.batches == []
    bench.read = True
    bench.pass_s(0.1)
    assert [batch.requests for batch in bench.batches] == [1]


def test_it_ends_at_its_time_where_nothing_is_under_way() -> None:
    """And leaves the pipeline as it was: nobody pays for a recording that is over."""
    bench = Bench()
    bench.begin(seconds=1.0)
    bench.pass_s(0.9)
    assert bench.pipeline.recorder is not None
    bench.pass_s(0.3)
    assert bench.pipeline.recorder is None
    assert len(bench.lasts) == 1


def test_it_waits_for_what_is_under_way_but_not_for_ever() -> None:
    """A black hole must not keep a recording open; what had not ended is counted."""
    bench = Bench()
    bench.begin(seconds=1.0)
    bench.take()
    bench.timers.advance = lambda _: None  # type: ignore[method-assign]
    bench.pass_s(5.5)
    assert bench.lasts == []
    bench.pass_s(1.0)
    (last,) = bench.lasts
    assert last.last is not None
    assert last.last.unfinished == 1


def test_what_is_under_way_when_it_is_closed_is_handed_in() -> None:
    """Then it ends, well before its time."""
    bench = Bench()
    bench.begin()
    bench.take()
    bench.pass_s(0.1)
    bench.tape.close()
    bench.pass_s(0.2)
    assert bench.lasts == []
    bench.cluster.last.end(Answer(status=200))
    bench.pass_s(0.2)
    (last,) = bench.lasts
    assert last.requests == 1


def test_a_stop_hands_in_the_rest_at_once_and_once() -> None:
    """Also where nobody takes lines now: it is the last chance."""
    bench = Bench()
    bench.begin()
    bench.read = False
    bench.serve()
    bench.tape.stop()
    bench.tape.stop()
    bench.tape.close()
    (last,) = bench.batches
    assert (last.requests, bench.pipeline.recorder) == (1, None)
    bench.pass_s(1.0)
    assert len(bench.batches) == 1


def test_a_new_recording_ends_the_one_before() -> None:
    """A process that missed the end of one must not mix them."""
    bench = Bench()
    bench.begin(serial=1)
    bench.serve()
    bench.begin(serial=2)
    bench.serve()
    bench.tape.stop()
    assert [(batch.serial, batch.requests) for batch in bench.lasts] == [(1, 1), (2, 1)]
