"""The chain: what falls through, what does not, and that nothing is left behind."""

import math
import random

import pytest

from proxy.messages import Answer, Failure, Outcome, Request
from proxy.qos.gate import Bar, Gate
from proxy.qos.permits import Shortage
from proxy.routing.table import Application, BreakerLimits, Row
from proxy.tiers.chain import Chain
from proxy.tiers.ground import Ground
from proxy.tiers.outcome import FALLS_THROUGH
from tests.stand_ins.clock import ManualClock, ManualTimers
from tests.stand_ins.cluster import ManualCluster
from tests.stand_ins.permits import ScriptedPermits
from tests.unit.proxy.tiers.ways import OK, row, tiers_of

REQUEST = Request(id="r", method=b"POST", target=b"/v2/models/m/infer", arrived_s=1000.0)


class Way:
    """A chain over the given rows, with all that it stands on."""

    def __init__(
        self, *rows: Row, deadline_s: float = math.inf, rank: int | None = 0, **limits: Application
    ) -> None:
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.cluster = ManualCluster()
        self.gates = {
            each.application: Gate(
                limits.get(f"of_{each.application}")
                or Application(id=each.application, endpoints=(f"http://{each.application}",))
            )
            for each in rows
        }
        self.ended: list[Answer | None] = []
        self.rng = random.Random(1)
        ground = Ground(
            clock=self.clock,
            timers=self.timers,
            rng=self.rng,
            gates=self.gates,
            clusters={"http": self.cluster},
        )
        self.broke: list[Exception] = []
        self.chain = Chain(
            *(REQUEST, tiers_of(rows), 1000.0 + deadline_s, ground, rank, FALLS_THROUGH),
            done=self.ended.append,
            broke=self.broke.append,
        )

    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(attempt.application, attempt.outcome) for attempt in self.chain.attempts]

    def at_rest(self) -> bool:
        """Every permit back, no timer pending."""
        return self.timers.pending == 0 and all(gate.permits.in_flight == 0 for gate in self.gates.values())


def test_an_answer_ends_the_request() -> None:
    """The happy path: one call, one attempt."""
    way = Way(row("a"))
    way.chain.advance()
    way.clock.time_s += 0.05
    way.cluster.last.end(OK)
    assert way.ended == [OK]
    assert way.outcomes() == [("a", Outcome.OK)]
    assert way.chain.attempts[0].elapsed_s == pytest.approx(0.05)
    assert way.at_rest()


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.RESET, Outcome.GARBAGE, Outcome.THROTTLED])
def test_a_call_that_fails_falls_to_the_next_tier(outcome: Outcome) -> None:
    """Whatever the network did, the next tier may still serve."""
    way = Way(row("a"), row("b", tier=1))
    way.chain.advance()
    way.cluster.last.end(Failure(outcome=outcome, cause="x"))
    assert way.cluster.last.target.url == "http://b"
    way.cluster.last.end(OK)
    assert way.outcomes() == [("a", outcome), ("b", Outcome.OK)]
    assert way.at_rest()


@pytest.mark.parametrize("status", [401, 403, 408, 429, 450, 500, 502, 503, 504, 302])
def test_a_status_that_is_not_the_callers_fault_falls_through(status: int) -> None:
    """By the contract's list; a redirect is no answer either."""
    way = Way(row("a"), row("b", tier=1))
    way.chain.advance()
    way.cluster.last.end(Answer(status=status))
    way.cluster.last.end(OK)
    assert way.ended == [OK]


@pytest.mark.parametrize("status", [400, 404, 413, 415, 422])
def test_the_callers_own_error_goes_back_from_where_it_happened(status: int) -> None:
    """Another tier would only say the same, at its own cost."""
    way = Way(row("a"), row("b", tier=1))
    way.chain.advance()
    refusal = Answer(status=status, body=b"why")
    way.cluster.last.end(refusal)
    assert way.ended == [refusal]
    assert len(way.cluster.calls) == 1


def test_a_timeout_cancels_the_call_and_falls_through() -> None:
    """The row's timeout is the longest that an attempt may last."""
    way = Way(row("a", timeout_s=0.1), row("b", tier=1))
    way.chain.advance()
    way.timers.advance(0.099)
    assert way.chain.attempts == ()
    way.timers.advance(0.002)
    assert way.cluster.calls[0].cancelled
    assert way.outcomes() == [("a", Outcome.TIMEOUT)]
    way.cluster.last.end(OK)
    assert way.ended == [OK]
    assert way.at_rest()


def test_a_timeout_that_comes_late_does_not_speak_against_the_application() -> None:
    """One stall of the proxy would open the breakers of all its applications at once."""
    sick = Application(id="a", endpoints=("http://a",), breaker=BreakerLimits(consecutive=1))
    for late, bar in ((True, None), (False, Bar.BREAKER)):
        way = Way(row("a", timeout_s=0.1), row("b", tier=1), of_a=sick)
        way.timers.late = late
        way.chain.advance()
        way.timers.advance(0.1)
        assert way.outcomes() == [("a", Outcome.TIMEOUT)]
        assert way.gates["a"].bar(way.clock.now()) is bar
        way.cluster.last.end(OK)
        assert way.at_rest()


def test_an_attempt_is_told_the_rest_of_the_deadline_where_that_is_shorter() -> None:
    """The deadline is the whole request's."""
    way = Way(row("a", timeout_s=10), deadline_s=0.25)
    way.chain.advance()
    assert way.cluster.last.budget_s == pytest.approx(0.25)
    way.timers.advance(0.25)
    assert way.outcomes() == [("a", Outcome.TIMEOUT)]


def test_past_the_deadline_no_tier_is_tried() -> None:
    """A call that cannot be in time only costs its application."""
    way = Way(row("a", timeout_s=0.1), row("b", tier=1), deadline_s=0.1)
    way.chain.advance()
    way.timers.advance(0.1)
    assert way.ended == [None]
    assert way.chain.passed_over == [("b", Bar.DEADLINE)]
    assert len(way.cluster.calls) == 1


def test_after_the_last_tier_the_chain_ends_without_an_answer() -> None:
    """It never wraps: no tier is tried twice."""
    way = Way(row("a"), row("b", tier=1))
    way.chain.advance()
    way.cluster.last.end(Answer(status=500))
    way.cluster.last.end(Answer(status=500))
    assert way.ended == [None]
    assert len(way.cluster.calls) == 2
    assert way.at_rest()


def test_a_drained_row_is_passed_over_without_spending_an_attempt() -> None:
    """A drained application is healthy: it must not trip its breaker."""
    way = Way(row("a"), row("b", tier=1))
    way.gates["a"].drained = True
    way.chain.advance()
    assert way.cluster.last.target.url == "http://b"
    assert way.chain.passed_over == [("a", Bar.DRAINED)]
    assert way.chain.attempts == ()


def test_a_row_of_weight_0_is_never_drawn_even_alone() -> None:
    """Weight 0 is how an operator takes a row out of the split."""
    way = Way(row("a", weight=0))
    way.chain.advance()
    assert way.ended == [None]
    assert way.chain.passed_over == [("a", Bar.WEIGHT)]


def test_an_ineligible_row_gives_its_share_to_the_others() -> None:
    """Of 1:5, with the 5 drained, all go to the 1."""
    for _ in range(20):
        way = Way(row("a", weight=1), row("b", weight=5))
        way.gates["b"].drained = True
        way.chain.advance()
        assert way.cluster.last.target.url == "http://a"


def test_a_full_application_is_passed_over_and_its_slot_comes_back() -> None:
    """Concurrency is exact: look and take happen in one turn."""
    narrow = Application(id="a", endpoints=("http://a",), concurrency=1)
    way = Way(row("a"), of_a=narrow)
    other = Way(row("a"))
    other.chain._ground.gates = way.gates
    way.chain.advance()
    other.chain.advance()
    assert other.ended == [None]
    assert other.chain.passed_over == [("a", Bar.CONCURRENCY)]
    way.cluster.last.end(OK)
    assert way.gates["a"].bar(way.clock.now()) is None


def test_a_rate_that_is_used_up_is_passed_over() -> None:
    """At 10 calls a second the second call of a moment is one too many."""
    slow = Application(id="a", endpoints=("http://a",), rate=10, burst=1)
    way = Way(row("a"), of_a=slow)
    way.gates["a"].enter(way.clock.now(), 0.0)
    way.chain.advance()
    assert way.chain.passed_over == [("a", Bar.RATE)]


def test_a_breaker_that_opened_keeps_the_chain_away() -> None:
    """A sick application gets a rest, and its tier's traffic falls through at no cost."""
    sick = Application(id="a", endpoints=("http://a",), breaker=BreakerLimits(consecutive=1))
    way = Way(row("a"), of_a=sick)
    way.chain.advance()
    way.cluster.last.end(Answer(status=500))
    assert way.gates["a"].bar(way.clock.now()) is Bar.BREAKER


def test_a_servers_retry_after_is_honoured() -> None:
    """429 says load: the endpoint is left alone for as long as it asks."""
    way = Way(row("a"))
    way.chain.advance()
    way.cluster.last.end(Answer(status=429, headers=((b"Retry-After", b"3"),)))
    assert way.gates["a"].bar(way.clock.now() + 2.9) is Bar.HELD
    assert way.gates["a"].bar(way.clock.now() + 3.0) is None


def test_a_caller_that_leaves_ends_its_call_and_gives_everything_back() -> None:
    """And nothing is reported to it any more."""
    way = Way(row("a"), row("b", tier=1))
    way.chain.advance()
    way.chain.cancel()
    assert way.cluster.last.cancelled
    assert way.at_rest()
    way.timers.advance(10)
    assert way.ended == []


def test_cancelling_a_chain_that_is_not_calling_does_nothing() -> None:
    """The caller may leave while its ticket is being written."""
    way = Way(row("a"))
    way.chain.cancel()
    assert way.at_rest()


def test_the_less_loaded_of_two_endpoints_is_called() -> None:
    """Power of two choices: with two endpoints it is always the idler one."""
    twins = Application(id="a", endpoints=("http://one", "http://two"))
    way = Way(row("a"), of_a=twins)
    way.gates["a"].endpoints[0].pending = 5
    way.chain.advance()
    assert way.cluster.last.target.url == "http://two"


def test_a_held_endpoint_leaves_the_work_to_the_others() -> None:
    """Retry-After holds one endpoint, not the application."""
    trio = Application(id="a", endpoints=("http://one", "http://two", "http://three"))
    for held in range(3):
        way = Way(row("a"), of_a=trio)
        for place, endpoint in enumerate(way.gates["a"].endpoints):
            endpoint.held_until_s = 2000.0 if place != held else 0.0
        way.chain.advance()
        assert way.cluster.last.target.url == trio.endpoints[held]


def test_every_ordered_pair_of_endpoints_is_drawn() -> None:
    """No endpoint is left out by the arithmetic of the draw."""
    gate = Gate(Application(id="a", endpoints=tuple(f"http://{n}" for n in range(4))))
    drawn = set()
    for step in range(1200):
        taken = gate.enter(0.0, step / 1200)
        drawn.add(taken.endpoint.target.url)
        gate.leave(taken, Outcome.OK, 0.0)
    assert len(drawn) == 4


class TestABug:
    """Nobody waits for ever because of one, and nothing is kept."""

    def test_in_a_client_keeps_no_permit_and_no_probe(self) -> None:
        """An application whose permits leak is lost until a restart."""
        way = Way(row("a"), of_a=with_breaker(1))
        way.gates["a"].leave(way.gates["a"].enter(1000.0, 0.0), Outcome.FAILED, 1000.0)  # it rests a second
        way.clock.time_s += 2
        way.cluster.breaks = True
        with pytest.raises(ZeroDivisionError):
            way.chain.advance()
        assert way.at_rest()
        assert way.gates["a"].bar(way.clock.now()) is None, "the probe is still out"

    def test_in_the_next_tiers_client_is_told(self) -> None:
        """An exception that ends in the event loop's hands would leave the caller waiting."""
        way = Way(row("a"), row("b", tier=1))
        way.chain.advance()
        way.cluster.breaks = True
        way.cluster.last.end(Failure(outcome=Outcome.RESET, cause="test"))
        assert [type(error) for error in way.broke] == [ZeroDivisionError]
        assert way.at_rest()

    def test_after_a_timeout_is_told(self) -> None:
        """The timer wheel would report it, and the caller would wait on."""
        way = Way(row("a"), row("b", tier=1))
        way.chain.advance()
        way.cluster.breaks = True
        way.timers.advance(1.0)
        assert [type(error) for error in way.broke] == [ZeroDivisionError]
        assert way.at_rest()

    def test_in_whoever_is_answered_is_told(self) -> None:
        """The model server's connection is not to blame, and must not be closed for it."""
        way = Way(row("a"))
        way.chain._done = lambda _: divmod(1, 0)  # type: ignore[assignment, return-value]
        way.chain.advance()
        way.cluster.last.end(OK)
        assert [type(error) for error in way.broke] == [ZeroDivisionError]
        assert way.at_rest()


def with_breaker(consecutive: int) -> Application:
    return Application(id="a", endpoints=("http://a",), breaker=BreakerLimits(consecutive=consecutive))


def test_a_permit_lost_to_another_process_costs_no_attempt_and_the_draw_is_repeated() -> None:
    """The row is as ineligible as if it had been looked at a moment later; the others have its share."""
    seen = set()
    for seed in range(50):
        way = Way(row("a"), row("b"), row("c"), row("d", tier=1))
        way.rng.seed(seed)
        for name in ("a", "b"):
            way.gates[name].permits = ScriptedPermits(Shortage.CONCURRENCY)
        way.chain.advance()
        (call,) = way.cluster.calls
        call.end(OK)
        assert way.outcomes() == [("c", Outcome.OK)]
        passed = way.chain.passed_over
        assert passed in ([], [("a", Bar.CONCURRENCY)], [("b", Bar.CONCURRENCY)]) or len(passed) == 2
        assert way.at_rest()
        seen.add(tuple(name for name, _ in passed))
    assert {(), ("a",), ("b",), ("a", "b"), ("b", "a")} == seen


def test_a_tier_whose_last_permits_are_lost_is_passed_over() -> None:
    """Both of a tier with several rows, and of one with a single row."""
    way = Way(row("a"), row("b"), row("c", tier=1), row("d", tier=2))
    for name, short in (("a", Shortage.CONCURRENCY), ("b", Shortage.RATE), ("c", Shortage.RATE)):
        way.gates[name].permits = ScriptedPermits(short)
    way.chain.advance()
    way.cluster.last.end(OK)
    assert way.outcomes() == [("d", Outcome.OK)]
    assert sorted(way.chain.passed_over, key=lambda each: each[0]) == [
        ("a", Bar.CONCURRENCY),
        ("b", Bar.RATE),
        ("c", Bar.RATE),
    ]
    assert way.at_rest()


def test_a_request_whose_every_permit_is_lost_ends_without_an_attempt() -> None:
    """It goes to the queue, as when nothing was eligible from the start."""
    way = Way(row("a"))
    way.gates["a"].permits = ScriptedPermits(Shortage.CONCURRENCY)
    way.chain.advance()
    assert way.ended == [None]
    assert way.chain.attempts == ()
    assert way.chain.passed_over == [("a", Bar.CONCURRENCY)]


@pytest.mark.parametrize(("rank", "told"), [(0, 0), (3, 3), (None, -1)])
def test_the_model_server_is_told_the_rank(rank: int | None, told: int) -> None:
    """It serves the critical first too; a question has no class."""
    way = Way(row("a"), rank=rank)
    way.chain.advance()
    assert way.cluster.ranks == [told]
