"""What one request may cost: its deadline over the tiers, and calls beyond one for each request."""

import pytest

from proxy.messages import Failure, Outcome
from proxy.qos.budget import BALANCE_MAX
from proxy.qos.gate import Bar
from proxy.tiers.reserve import TIMER_S_MAX
from tests.unit.proxy.tiers.ways import OK, Ways, row

REFUSED = Failure(outcome=Outcome.REFUSED, cause="x")


class Spent:
    """`qos.budget.Spending` whose last token somebody else always takes first."""

    def limit(self, share: float, per_second: float, now: float) -> None:
        """It has none."""

    def arrive(self, now: float) -> None:
        """Nothing is paid in."""

    def affords(self, now: float) -> bool:
        return True

    def take(self, now: float) -> bool:
        return False


def test_a_black_hole_in_tier_0_leaves_tier_1_its_chance() -> None:
    """An attempt gets what the deadline leaves after the next tier's 95th percentile."""
    ways = Ways(row("a"), row("b", tier=1))
    ways.learn("b", 0.03)
    ways.ask(deadline_s=0.1)
    assert ways.cluster.last.budget_s == pytest.approx(0.07 - TIMER_S_MAX)
    ways.timers.advance(0.0681)
    assert ways.cluster.last.target.url == "http://b"
    assert ways.cluster.last.budget_s == pytest.approx(0.032)


def test_nothing_is_kept_for_a_tier_that_would_not_be_called_or_needs_most_of_it() -> None:
    """A chance for two where there is one for one alone would be none for both."""
    ways = Ways(row("a"), row("b", tier=1))
    ways.learn("b", 0.06)
    ways.ask(deadline_s=0.1)
    assert ways.cluster.last.budget_s == pytest.approx(0.1)
    ways.learn("b", 0.03)
    ways.gates["b"].drained = True
    ways.ask(deadline_s=0.1)
    assert ways.cluster.last.budget_s == pytest.approx(0.1)


def test_a_call_that_takes_far_longer_than_usual_leaves_the_next_tier_half_of_the_time() -> None:
    """Though nothing is known of that tier: it was not called while all was well."""
    ways = Ways(row("a", timeout_s=1.0), row("b", tier=1))
    ways.learn("a", 0.01)
    ways.ask(deadline_s=0.5)
    assert ways.cluster.last.budget_s == pytest.approx(0.25)
    ways.learn("a", 0.2)
    ways.ask(deadline_s=0.5)
    assert ways.cluster.last.budget_s == pytest.approx(0.4)
    ways.gates["b"].drained = True
    ways.ask(deadline_s=0.5)
    assert ways.cluster.last.budget_s == pytest.approx(0.5)


def test_the_wait_for_a_slot_of_the_next_tier_is_reckoned_in() -> None:
    """It is busy now: what it needs is a call's time and a slot's."""
    ways = Ways(row("a"), row("b", tier=1), concurrency=2)
    ways.learn("b", 0.02)
    ways.ask(deadline_s=0.1)
    assert ways.cluster.last.budget_s == pytest.approx(0.1 - 0.02 - 0.01 - TIMER_S_MAX)


def test_the_most_critical_leaves_a_probe_to_others_for_a_while() -> None:
    """It has a deadline to lose and another tier to go to; without one, or after a second, it probes."""
    ways = Ways(row("a"), row("b", tier=1))
    breaker = ways.gates["a"].breaker
    for _ in range(10):
        breaker.settle(blamed=True, probe=False, now=ways.clock.time_s)
    ways.clock.time_s += 1.5
    critical = ways.ask(0, 0.1)
    assert ways.cluster.last.target.url == "http://b"
    assert critical.chain.passed_over == [("a", Bar.BREAKER)]
    ways.ask(1, 0.1)
    assert ways.cluster.last.target.url == "http://a"
    ways.cluster.last.end(REFUSED)
    ways.clock.time_s += 2 + 1.1
    ways.ask(0, 0.1)
    assert ways.cluster.last.target.url == "http://a"


def test_an_application_whose_calls_take_longer_than_is_left_is_passed_over() -> None:
    """I6: no dispatch that is predicted to miss."""
    ways = Ways(row("a"), row("b", tier=1))
    ways.learn("a", 0.08)
    asked = ways.ask(deadline_s=0.05)
    assert ways.cluster.last.target.url == "http://b"
    assert asked.chain.passed_over == [("a", Bar.DEADLINE)]


def test_falling_through_ends_where_the_budget_does() -> None:
    """I7: a dead tier 0 must not double the load of all that is left."""
    ways = Ways(row("a"), row("b", tier=1))
    for gate in ways.gates.values():
        gate.breaker.limits = type(gate.breaker.limits)(consecutive=10**6, ratio=2.0)
    for _ in range(int(BALANCE_MAX)):
        ways.ask()
        ways.cluster.last.end(REFUSED)
        ways.cluster.last.end(OK)
    asked = ways.ask()
    ways.cluster.last.end(REFUSED)
    assert asked.ended == [None]
    assert asked.chain.passed_over == [("b", Bar.BUDGET)]


def test_a_fall_through_that_finds_no_tier_costs_nothing() -> None:
    """Every later tier is barred: no call is made, and the token is for one that is."""
    ways = Ways(row("a"), row("b", tier=1))
    for gate in ways.gates.values():
        gate.breaker.limits = type(gate.breaker.limits)(consecutive=10**6, ratio=2.0)
    ways.gates["b"].drained = True
    for _ in range(int(BALANCE_MAX) + 10):
        asked = ways.ask()
        ways.cluster.last.end(REFUSED)
        assert asked.chain.passed_over == [("b", Bar.DRAINED)]
    assert ways.ground.budget.affords(ways.clock.time_s)


def test_a_token_that_another_process_took_first_ends_the_fall_through() -> None:
    """Seen, and gone when the call was to be made: the permit goes back, and nobody is called."""
    ways = Ways(row("a"), row("b", tier=1), row("c", tier=2))
    asked = ways.ask()
    ways.ground.budget = Spent()
    ways.cluster.last.end(REFUSED)
    assert asked.ended == [None]
    assert asked.chain.passed_over == [("b", Bar.BUDGET), ("c", Bar.BUDGET)]
    assert ways.gates["b"].permits.in_flight == 0
    assert len(ways.cluster.calls) == 1


def test_a_throttled_attempt_and_the_last_one_cost_nothing() -> None:
    """No work was done; and where no call can follow none is paid for."""
    ways = Ways(row("a"), row("b", tier=1))
    for _ in range(int(BALANCE_MAX) + 10):
        ways.ask()
        ways.cluster.last.end(Failure(outcome=Outcome.THROTTLED, cause="x"))
        ways.cluster.last.end(Failure(outcome=Outcome.THROTTLED, cause="x"))
    assert ways.ground.budget.take(ways.clock.time_s)


def test_after_an_illness_an_application_gets_a_part_of_its_weight() -> None:
    """All at once would make it ill again."""
    ways = Ways(row("a"), row("b"))
    ways.gates["a"].ramp.restart(ways.clock.time_s)
    for _ in range(400):
        ways.ask()
    share = sum(call.target.url == "http://a" for call in ways.cluster.calls) / 400
    assert 0.04 < share < 0.16  # 0.1 to 1
