"""Counts of several processes: what each tells, and their sum."""

import msgspec
import pytest

from proxy.family.messages import Counts
from proxy.family.tally import Sum, counts_of
from proxy.messages import Answer, Attempt, Outcome, Reply, Verdict
from proxy.observe.meters import Meters


def reply(*outcomes: Outcome) -> Reply:
    attempts = tuple(
        Attempt(application="a", tier=tier, outcome=outcome, elapsed_s=0.01)
        for tier, outcome in enumerate(outcomes)
    )
    return Reply(
        verdict=Verdict.SERVED, answer=Answer(status=200), class_name="urgent", tier=1, attempts=attempts
    )


def meters() -> Meters:
    meters = Meters()
    meters.settle(reply(Outcome.TIMEOUT, Outcome.OK), 0.03)
    meters.passed_over["b", "rate"] = 4
    meters.hedges["a", "true"] = 6
    meters.faults[413] = 2
    meters.tickets["accepted"] = 3
    meters.traces["traced"] = 7
    meters.spans_dropped.update(queue=8, export=0)
    meters.connections = 5
    return meters


def sent(counts: Counts) -> Counts:
    """Over the wire and back."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(counts), type=Counts)


def test_the_sum_of_two_is_twice_each() -> None:
    """Nothing that one process counts is lost on the way."""
    counts = sent(counts_of(meters(), {("json-field", "ok"): 6, ("json-field", "raised"): 0}))
    total = Sum()
    total.add(counts)
    total.add(counts)
    assert total.meters.requests == {("urgent", "1", "served"): 2}
    assert total.meters.attempts == {("a", "timeout"): 2, ("a", "ok"): 2}
    assert total.meters.passed_over == {("b", "rate"): 8}
    assert total.meters.hedges == {("a", "true"): 12}
    assert total.meters.faults == {413: 4}
    assert total.meters.tickets == {"accepted": 6}
    assert total.meters.traces == {"traced": 14}
    assert total.meters.spans_dropped == {"queue": 16, "export": 0}
    assert total.meters.connections == 10
    assert total.labelers == {("json-field", "ok"): 12, ("json-field", "raised"): 0}
    assert sum(total.meters.request_seconds["urgent"].counts) == 2
    assert total.meters.request_seconds["urgent"].total == pytest.approx(0.06)
    assert sum(total.meters.overhead_seconds.counts) == 2


def test_a_process_that_has_ended_has_no_connections_but_all_its_counts() -> None:
    """Counters never fall; gauges do."""
    total = Sum()
    total.add(counts_of(meters(), {}), ended=True)
    assert total.meters.connections == 0
    assert total.counts().requests == {("urgent", "1", "served"): 1}


def test_each_answer_of_an_application_is_told() -> None:
    """The supervisor's drain tells a ticket that is poison from a fleet that is down by it."""
    served: list[str] = []
    meters = Meters(served.append)
    meters.settle(reply(Outcome.FAILED, Outcome.OK), 0.03)
    meters.settle(reply(Outcome.FAILED), 0.03)
    assert served == ["a"]
    assert meters.attempts == {("a", "failed"): 2, ("a", "ok"): 1}
