"""The proxy's own distress: seen by a timer that is late, or by memory that is short."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from proxy.guarding import BEAT_S, Guarding
from proxy.qos.guard import ALL_SERVED, INTERVAL_S
from tests.stand_ins.clock import ManualTimers
from tests.stand_ins.whole_pipeline import PipelineBench


class Guarded:
    """A pipeline, its guarding, and a loop that lags as the test says."""

    def __init__(self) -> None:
        self.bench = PipelineBench()
        self.timers = ManualTimers(self.bench.clock)
        self.lag_s = 0.0
        self.held_share = 0.0
        self.guarding = Guarding(
            pipeline=self.bench.pipeline,
            clock=self.bench.clock,
            alarm=self._alarm,
            held_share=lambda: self.held_share,
            log=self.bench.log,
        )
        self.guarding.beat()

    def _alarm(self, delay_s: float, fire: Callable[[], None]) -> object:
        return self.timers.after(delay_s + self.lag_s, fire)

    @property
    def turned_away_from(self) -> int:
        return self.bench.pipeline.turned_away_from


def test_a_loop_that_lags_for_long_turns_the_least_critical_away_and_lets_them_in_again() -> None:
    """Never the top class; and no class for a moment's stall."""
    guarded = Guarded()
    guarded.timers.advance(5 * BEAT_S)
    assert guarded.turned_away_from == ALL_SERVED
    guarded.lag_s = 0.2
    guarded.timers.advance(INTERVAL_S)
    assert guarded.turned_away_from == ALL_SERVED
    guarded.timers.advance(20 * INTERVAL_S)
    assert guarded.turned_away_from == 1
    guarded.lag_s = 0.0
    guarded.timers.advance(20 * INTERVAL_S)
    assert guarded.turned_away_from == ALL_SERVED
    guarded.guarding.stop()
    assert guarded.timers.pending == 0


def test_memory_that_is_short_does_so_too() -> None:
    """At 1.0 everybody would be refused, critical or not."""
    guarded = Guarded()
    guarded.held_share = 0.95
    guarded.timers.advance(3 * INTERVAL_S)
    assert guarded.turned_away_from == 1


async def test_who_is_turned_away_hears_why_and_is_no_ticket() -> None:
    """The top class is served, the rest is told to come back; tickets stay where they are."""
    bench = PipelineBench()
    bench.pipeline.turned_away_from = 1
    bench.labeling.labels = ("7",)
    bench.take()
    assert len(bench.cluster.calls) == 1
    bench.labeling.labels = ("8",)
    bench.take()
    (reply,) = bench.replies
    assert (reply.verdict, reply.answer.status, reply.retry_after_s) == ("exhausted", 503, 1.0)
    assert b"overloaded" in reply.answer.body
    assert bench.meters.passed_over["*", "guard"] == 1
    assert bench.pipeline.pressed()
    assert len(bench.cluster.calls) == 1


async def test_a_ticket_that_is_drained_is_not_turned_away() -> None:
    """It has its place in the queue, and the drain waits by itself."""
    bench = PipelineBench()
    bench.pipeline.turned_away_from = 1
    bench.take(drained=True)
    assert len(bench.cluster.calls) == 1


class TestTheHead:
    """Where labels are known by it."""

    def test_alone_turns_a_request_away_with_the_reply_that_it_would_have_had(self) -> None:
        """Counted the same too."""
        replies = []
        for reads_head in (True, False):
            bench = PipelineBench()
            bench.labeling.reads_head = reads_head
            bench.pipeline.turned_away_from = 1
            if reads_head:
                replies.append(bench.screen())
            else:
                bench.take()
                replies += bench.replies
            assert bench.meters.passed_over["*", "guard"] == 1
            assert bench.meters.requests == {("default", "", "exhausted"): 1}
        by_head, by_body = replies
        assert by_head is not None
        assert (by_head.verdict, by_head.answer) == (by_body.verdict, by_body.answer)
        assert (by_head.labels, by_head.retry_after_s) == (by_body.labels, by_body.retry_after_s)

    def test_of_the_top_class_is_let_pass_and_nothing_is_counted(self) -> None:
        """Its body is to come."""
        bench = PipelineBench()
        bench.labeling.reads_head = True
        bench.pipeline.turned_away_from = 1
        bench.labeling.labels = ("7",)
        assert bench.screen() is None
        assert not bench.meters.requests
        assert bench.replies == []

    @given(st.lists(st.sampled_from(["7", "8", "nobody's"]), max_size=3), st.sampled_from([1, 2, ALL_SERVED]))
    def test_decides_what_the_whole_request_would_have_come_to(
        self, labels: list[str], turned_away_from: int
    ) -> None:
        """Whatever its labels, and from whatever rank on: 503 at once, or later, or not at all."""
        bench = PipelineBench()
        bench.labeling.reads_head = True
        bench.labeling.labels = tuple(labels)
        bench.pipeline.turned_away_from = turned_away_from
        screened = bench.screen()
        bench.take()
        turned_away = [each for each in bench.replies if each.answer.status == 503]
        assert (screened is not None) == bool(turned_away)

    def test_without_a_row_is_let_pass(self) -> None:
        """It is told so once it is whole: 404, not 503."""
        bench = PipelineBench()
        bench.labeling.reads_head = True
        bench.pipeline.turned_away_from = 1
        bench.labeling.labels = ("nobody's",)
        assert bench.screen() is None

    def test_is_not_looked_at_where_labelers_want_the_body(self) -> None:
        """They must not be asked without it."""
        bench = PipelineBench()
        bench.pipeline.turned_away_from = 1
        bench.labeling.label = lambda payload: divmod(1, 0)  # type: ignore[method-assign, assignment, return-value]
        assert bench.screen() is None
