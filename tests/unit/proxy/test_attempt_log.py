"""What the log says of attempts that failed."""

from proxy.messages import Failure, Fallback, Outcome
from tests.stand_ins.whole_pipeline import PipelineBench as Bench


async def test_why_an_attempt_failed_is_logged_once_per_burst_and_not_told_to_the_caller() -> None:
    """An operator needs the network's words; they name addresses that are no caller's business."""
    bench = Bench()
    for _ in range(3):
        bench.take(fallback=Fallback.NONE)
        bench.cluster.last.end(Failure(outcome=Outcome.REFUSED, cause="no route to 10.0.0.1"))
        bench.fail(503)
    refused, failed = bench.log.named("attempt_failed")
    assert (refused["application"], refused["outcome"], refused["tier"]) == ("1", "refused", 0)
    assert (refused["cause"], refused["request_id"]) == ("no route to 10.0.0.1", "r-1")
    assert (failed["application"], failed["cause"]) == ("2", "status 503")
    assert not any(b"10.0.0.1" in reply.answer.body for reply in bench.replies)
    bench.clock.time_s += 10.0
    bench.pipeline.sweep()
    assert [fields.get("repeated") for fields in bench.log.named("attempt_failed")] == [None, None, 2, 2]


async def test_an_attempt_that_was_answered_is_no_event() -> None:
    """Neither a verdict nor the caller's own error says anything about the model server."""
    bench = Bench()
    bench.take()
    bench.fail(422)
    bench.take()
    bench.fail(200)
    assert not bench.log.named("attempt_failed")


async def test_what_failed_before_the_caller_left_is_counted_and_logged_too() -> None:
    """Callers that give up early must not hide a sick application."""
    bench = Bench()
    exchange = bench.take()
    bench.fail()
    exchange.cancel()
    assert bench.meters.attempts["1", "failed"] == 1
    assert [fields["outcome"] for fields in bench.log.named("attempt_failed")] == ["failed"]
