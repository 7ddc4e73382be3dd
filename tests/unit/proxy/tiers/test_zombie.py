"""Calls that nobody waits for: their permits, their servers and their end."""

from proxy.messages import Answer, Failure, Outcome
from proxy.tiers.zombie import ZOMBIE_S_MAX
from tests.unit.proxy.tiers.ways import OK, Ways, row


def test_a_call_that_timed_out_keeps_its_permit_until_its_server_has_ended() -> None:
    """The server does not know that nobody waits: one call more would be one too many (I1)."""
    ways = Ways(row("a"), row("b", tier=1), concurrency=1)
    asked = ways.ask()
    ways.timers.advance(0.11)
    assert ways.cluster.calls[0].abandoned
    assert ways.gates["a"].permits.in_flight == 1
    ways.cluster.calls[1].end(OK)
    assert asked.outcomes == [("a", Outcome.TIMEOUT), ("b", Outcome.OK)]
    ways.cluster.calls[0].end(OK)
    assert asked.ended == [OK]
    assert ways.at_rest()


def test_what_a_zombie_took_is_learnt() -> None:
    """Else those who time out would never be known to be slow."""
    ways = Ways(row("a"), concurrency=100)
    for _ in range(30):
        ways.ask()
    ways.timers.advance(0.11)
    ways.timers.advance(0.09)
    for call in ways.cluster.calls:
        call.end(OK)
    assert 0.19 < ways.gates["a"].service.median_s(ways.clock.time_s) < 0.21


def test_what_a_zombie_took_is_learnt_of_its_endpoint_too() -> None:
    """Else the endpoint whose calls are given up would look like one that is quick."""
    ways = Ways(row("a"), concurrency=100, endpoints=("http://one", "http://two"))
    ways.ask()
    ways.timers.advance(0.2)
    ways.cluster.last.end(OK)
    peaks_s = [each.peak.peak_s(ways.clock.time_s) for each in ways.gates["a"].endpoints]
    assert sorted(round(each, 3) for each in peaks_s) == [0.0, 0.2]


def test_a_zombie_that_fails_teaches_nothing_and_gives_its_permit_back() -> None:
    """A lost connection is no service."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    ways.timers.advance(0.11)
    ways.cluster.last.end(Failure(outcome=Outcome.RESET, cause="x"))
    assert not ways.gates["a"].service._latest
    assert ways.at_rest()


def test_a_black_hole_does_not_keep_its_permits_for_ever() -> None:
    """After a while the connection is closed, and the permit is back (I9)."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    ways.timers.advance(0.11 + ZOMBIE_S_MAX)
    assert ways.cluster.last.cancelled
    assert ways.at_rest()


def test_who_waits_gets_the_permit_of_a_zombie_that_ended() -> None:
    """It is like any other (I4)."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    ways.timers.advance(0.11)
    second = ways.ask(deadline_s=1.0)
    ways.cluster.calls[0].end(OK)
    ways.cluster.calls[1].end(OK)
    assert second.ended == [OK]


def test_a_caller_that_leaves_leaves_a_zombie() -> None:
    """Its server works on just the same; the breaker hears nothing."""
    ways = Ways(row("a"), concurrency=1)
    asked = ways.ask()
    asked.chain.cancel()
    assert ways.gates["a"].permits.in_flight == 1
    ways.cluster.last.end(Answer(status=500))
    assert asked.ended == []
    assert ways.at_rest()


def test_where_nothing_is_limited_the_connection_is_closed_at_once() -> None:
    """There is no permit to keep."""
    ways = Ways(row("a"))
    ways.ask().chain.cancel()
    assert ways.cluster.last.cancelled
    assert ways.at_rest()
