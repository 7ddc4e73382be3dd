"""Hedges as operators see them: counted by who won, told in the reply, and no failure of anybody."""

import pytest

from proxy.messages import Answer, Outcome
from tests.stand_ins.tables import parsed
from tests.stand_ins.whole_pipeline import TABLE, PipelineBench

HEDGED = TABLE.replace('"http://one:1"', '["http://one:1", "http://twin:1"], concurrency: 10').replace(
    "deadline: 50", "deadline: 50, hedge: true"
)


@pytest.mark.parametrize(("wins", "won"), [(0, "false"), (1, "true")])
def test_a_hedge_is_counted_by_whether_it_won_and_is_logged_as_no_failure(wins: int, won: str) -> None:
    """What it costs and what it brings: an operator turns it off by these."""
    bench = PipelineBench()
    snapshot = bench.builder.build(parsed(HEDGED), bench.labeling, None)  # type: ignore[arg-type]
    bench.pipeline.swap(snapshot)
    bench.labeling.labels = ("7",)
    for _ in range(1_000):
        snapshot.ground.hedging.called(bench.clock.time_s)
    for _ in range(30):
        snapshot.gates["1"].service.learn(0.01, bench.clock.time_s)
    bench.take()
    bench.timers.advance(0.02)
    bench.cluster.calls[wins].end(Answer(status=200))
    (reply,) = bench.replies
    assert [each.outcome for each in reply.attempts] == [Outcome.SUPERSEDED, Outcome.OK]
    assert (reply.application, reply.tier) == ("1", 0)
    assert bench.meters.hedges == {("1", won): 1}
    assert bench.meters.attempts == {("1", "superseded"): 1, ("1", "ok"): 1}
    assert bench.log.named("attempt_failed") == []
    assert bench.meters.overhead_seconds.total == pytest.approx(0.0, abs=1e-9)


def test_a_class_that_is_not_hedged_counts_none() -> None:
    """The twin: nothing is called twice."""
    bench = PipelineBench()
    bench.labeling.labels = ("7",)
    bench.take()
    bench.cluster.last.end(Answer(status=200))
    assert bench.meters.hedges == {}
