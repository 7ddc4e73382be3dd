"""Waiting for a permit: who does, who is next, and that nobody waits in vain."""

import gc

import pytest

from proxy.messages import Answer, Failure, Outcome
from proxy.qos import line as line_module
from proxy.qos.gate import Bar
from proxy.tiers.waiting import Waiting
from tests.unit.proxy.tiers.ways import OK, Ways, row


def test_a_request_with_a_deadline_waits_for_the_slot_that_comes_back() -> None:
    """A ticket is for what no cluster serves in time; in a moment this one does."""
    ways = Ways(row("a"), concurrency=1)
    first, second = ways.ask(), ways.ask(deadline_s=0.1)
    assert second.ended == []
    ways.cluster.calls[0].end(OK)
    ways.cluster.calls[1].end(OK)
    assert first.ended == second.ended == [OK]
    assert second.outcomes == [("a", Outcome.OK)]
    assert ways.at_rest()


def test_a_request_without_a_deadline_does_not_wait() -> None:
    """Nobody knows how long it may; the queue keeps it."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    assert ways.ask().ended == [None]


def test_a_drained_request_does_not_wait() -> None:
    """A ticket's place is the queue: it must not stand before an online request (I11)."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    assert ways.ask(deadline_s=1.0, drained=True).ended == [None]


def test_the_most_critical_waiter_gets_the_slot() -> None:
    """Though it came last (I2); then the earlier deadline."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    late, early, critical = ways.ask(1, 0.3), ways.ask(1, 0.2), ways.ask(0, 0.5)
    for served in (critical, early, late):
        ways.cluster.last.end(OK)
        assert ways.cluster.last.ended is False
        ways.clock.time_s += 0.01
        assert [each.chain._under_way is not None for each in (critical, early, late)].count(True) == 1
        assert served.chain._under_way is not None
    ways.cluster.last.end(OK)
    assert ways.at_rest()


def test_who_comes_while_others_wait_does_not_pass_them() -> None:
    """Of a rate a permit comes by time: who did not wait may not take it, unless more critical (I2, I4)."""
    ways = Ways(row("a"), rate=100.0, burst=1)
    ways.ask()
    waiting = ways.ask(1, 0.5)
    ways.clock.time_s += 0.0101  # the permit is there, and no timer has been
    same = ways.ask(1, 0.6)
    assert ways.gates["a"].permits.in_flight == 2  # the one that waited, not the one that came
    assert waiting.chain._under_way is not None
    assert same.chain._under_way is None
    assert (("a", Bar.LINE)) in same.chain.passed_over


def test_a_more_critical_one_that_comes_takes_the_permit_that_is_free() -> None:
    """Waiting is by class, not by arrival."""
    ways = Ways(row("a"), rate=100.0, burst=1)
    ways.ask()
    waiting = ways.ask(1, 0.5)
    ways.clock.time_s += 0.0101
    critical = ways.ask(0, 0.5)
    assert critical.chain._under_way is not None
    assert waiting.chain._under_way is None


def test_a_permit_that_comes_by_time_is_found() -> None:
    """Nothing ends that would tell of it: the pulse looks."""
    ways = Ways(row("a"), rate=100.0, burst=1)
    ways.ask()
    second = ways.ask(deadline_s=0.1)
    ways.timers.advance(0.0115)
    assert len(ways.cluster.calls) == 2
    for call in ways.cluster.calls:
        call.end(OK)
    assert second.ended == [OK]
    assert ways.at_rest()


def test_one_waits_for_all_tiers_that_lacked_a_permit_and_is_served_by_the_first() -> None:
    """Tier 0 comes free before tier 1: and no row, and no tier, is called twice."""
    ways = Ways(row("a"), row("b", tier=1), concurrency=1)
    one, two = ways.ask(), ways.ask()
    third = ways.ask(deadline_s=1.0)
    assert [call.target.url for call in ways.cluster.calls] == ["http://a", "http://b"]
    ways.cluster.calls[0].end(OK)
    assert ways.cluster.last.target.url == "http://a"
    assert ways.gates["b"].line.waiting == 0
    ways.cluster.last.end(Answer(status=500))  # it still may have tier 1, for which it waits
    assert third.ended == []
    ways.cluster.calls[1].end(OK)
    assert ways.cluster.last.target.url == "http://b"
    ways.cluster.last.end(Answer(status=500))
    assert third.ended == [None]
    assert third.outcomes == [("a", Outcome.FAILED), ("b", Outcome.FAILED)]
    assert one.ended == two.ended == [OK]
    assert ways.at_rest()


def test_other_rows_of_a_tier_that_was_called_are_not_waited_for() -> None:
    """Each tier is tried once."""
    ways = Ways(row("a"), row("b"), concurrency=1)
    ways.ask()
    ways.ask()
    third = ways.ask(deadline_s=1.0)
    ways.cluster.calls[0].end(OK)
    ways.cluster.last.end(Failure(outcome=Outcome.REFUSED, cause="x"))
    assert third.ended == [None]
    assert len(third.chain.attempts) == 1


def test_who_cannot_be_served_in_time_does_not_wait() -> None:
    """Ten are ahead, one takes 50 ms, 100 ms are left (I6): a ticket now is better than a ticket late."""
    ways = Ways(row("a", timeout_s=1.0), concurrency=1)
    ways.learn("a", 0.05)
    ways.ask()
    for _ in range(10):
        ways.ask(0, 10.0)
    hopeless = ways.ask(1, 0.1)
    assert hopeless.ended == [None]
    assert ways.gates["a"].line.waiting == 10


def test_who_waited_too_long_ends_while_the_next_tier_of_all_the_queue_still_has_its_chance() -> None:
    """Not at the deadline, but when what it waits for would come too late."""
    ways = Ways(row("a", timeout_s=1.0), concurrency=1)
    ways.learn("a", 0.04)
    ways.ask()
    second = ways.ask(deadline_s=0.1)
    ways.timers.advance(0.059)
    assert second.ended == []
    ways.timers.advance(0.0015)
    assert second.ended == [None]
    assert ways.gates["a"].line.waiting == 0


def test_a_permit_that_comes_too_late_goes_to_the_next_waiter() -> None:
    """Calls became slower meanwhile: looked at again when the permit is given."""
    ways = Ways(row("a", timeout_s=1.0), concurrency=1)
    ways.ask()
    hasty, patient = ways.ask(0, 0.05), ways.ask(1, 5.0)
    ways.learn("a", 0.2)
    ways.cluster.calls[0].end(OK)
    assert hasty.ended == [None]
    assert patient.chain._under_way is not None


@pytest.mark.parametrize(("rank_behind", "called"), [(0, "patient"), (1, "hasty")])
def test_of_two_alike_the_one_is_called_that_will_surely_be_served_in_time(
    rank_behind: int, called: str
) -> None:
    """Most calls take 50 ms, one in ten 200: 100 ms left are a good chance, 5 s a better one.

    Under overload whoever is next is nearly out of time: half of the permits would be spent in vain. But
    nobody who is less critical goes before it for that.
    """
    ways = Ways(row("a", timeout_s=1.0), concurrency=1)
    ways.ask()
    hasty, patient = ways.ask(0, 0.1), ways.ask(rank_behind, 5.0)
    for number in range(40):
        ways.gates["a"].service.learn(0.2 if number % 10 == 0 else 0.05, ways.clock.time_s)
    ways.cluster.calls[0].end(OK)
    assert (patient.chain._under_way is not None) is (called == "patient")
    assert (hasty.chain._under_way is not None) is (called == "hasty")
    assert hasty.ended == ([None] if called == "patient" else [])


@pytest.mark.parametrize(("left_s", "called"), [(0.0515, False), (0.0525, True)])
def test_what_could_be_answered_in_the_last_moment_leaves_its_permit_to_its_like(
    left_s: float, called: bool
) -> None:
    """The answer has a way to go, and its caller's clock began first: 3% of calls came back too late."""
    ways = Ways(row("a", timeout_s=1.0), concurrency=1)
    ways.ask()
    hasty = ways.ask(0, left_s)
    ways.ask(0, 5.0)
    ways.learn("a", 0.05)
    ways.cluster.calls[0].end(OK)
    assert (hasty.chain._under_way is not None) is called


def test_a_caller_that_leaves_leaves_every_line() -> None:
    """No permit is given to nobody."""
    ways = Ways(row("a"), row("b", tier=1), concurrency=1)
    ways.ask()
    ways.ask()
    third = ways.ask(deadline_s=1.0)
    third.chain.cancel()
    ways.cluster.calls[0].end(OK)
    ways.cluster.calls[1].end(OK)
    assert len(ways.cluster.calls) == 2
    assert third.ended == []
    assert ways.at_rest()


def test_who_is_sent_away_from_its_last_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an outcome: the caller must not wait for what will never be."""
    monkeypatch.setattr(line_module, "WAITERS_MAX", 1)
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    lesser = ways.ask(1, 1.0)
    greater = ways.ask(0, 1.0)
    assert lesser.ended == [None]
    assert greater.ended == []
    assert ways.ask(2, 1.0).ended == [None]  # full of more critical ones


def test_a_bug_in_a_call_that_was_waited_for_is_told_and_the_next_waiter_served() -> None:
    """It shows on the stack of somebody else's answer, which must not pay for it."""
    ways = Ways(row("a"), concurrency=1)
    first = ways.ask()
    second, third = ways.ask(deadline_s=1.0), ways.ask(deadline_s=1.0)
    ways.cluster.breaks = True
    ways.cluster.calls[0].end(OK)
    assert first.ended == [OK]
    assert [type(each) for each in second.broke + third.broke] == [ZeroDivisionError] * 2
    assert ways.at_rest()


def test_a_permit_that_another_process_took_is_waited_for_again() -> None:
    """Between the look and the take somebody was quicker: the place in the line stays."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    second = ways.ask(deadline_s=1.0)
    permits = ways.gates["a"].permits
    permits.in_flight = 0  # type: ignore[misc]
    taken = ways.gates["a"].permits.take
    ways.gates["a"].permits = Quicker(permits)  # type: ignore[assignment]
    ways.gates["a"].pump(ways.clock.time_s)
    assert second.ended == []
    assert ways.gates["a"].line.waiting == 1
    assert taken is not None


class Quicker:
    """Permits that look free, and are gone when they are taken."""

    def __init__(self, permits: object) -> None:
        self._permits = permits

    def __getattr__(self, name: str) -> object:
        return getattr(self._permits, name)

    def take(self, now: float) -> object:
        from proxy.qos.permits import Shortage

        return Shortage.CONCURRENCY


def test_a_bug_that_shows_when_a_wait_ends_is_told() -> None:
    """Nobody is on the stack then who could answer the caller."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    second = ways.ask(deadline_s=0.05)

    def breaks(answer: Answer | None) -> None:
        raise ZeroDivisionError

    second.chain._done = breaks
    ways.timers.advance(0.06)
    assert [type(each) for each in second.broke] == [ZeroDivisionError]


def test_who_loses_one_of_two_places_still_waits_in_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent away here, or too late for it: the other application may still serve."""
    monkeypatch.setattr(line_module, "WAITERS_MAX", 1)
    ways = Ways(row("a"), row("b", tier=1), concurrency=1)
    ways.ask()
    ways.ask()
    lesser = ways.ask(1, 1.0)
    ways.gates["b"].drained = True
    ways.ask(0, 1.0)  # takes the only place before a
    assert lesser.ended == []
    assert (ways.gates["a"].line.waiting, ways.gates["b"].line.waiting) == (1, 1)
    ways.gates["b"].drained = False
    assert ways.ask(2, 1.0).ended == [None]  # no place for it in either
    third = ways.ask(0, 0.5)
    assert third.ended == []
    assert lesser.ended == [None]


def test_a_request_that_waited_is_let_go_of_at_once() -> None:
    """With its body, which must not wait for the collector: under overload there are thousands of them."""
    ways = Ways(row("a"), concurrency=1)
    ways.ask()
    gc.collect()
    gc.disable()
    try:
        served, late = ways.ask(deadline_s=1.0), ways.ask(deadline_s=0.05)
        assert sum(type(each) is Waiting for each in gc.get_objects()) == 2
        ways.timers.advance(0.06)
        ways.cluster.calls[0].end(OK)
        ways.cluster.calls[1].end(OK)
        assert (served.ended, late.ended) == ([OK], [None])
        assert not any(type(each) is Waiting for each in gc.get_objects())
    finally:
        gc.enable()
