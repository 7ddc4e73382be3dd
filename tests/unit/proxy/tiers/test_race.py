"""Hedges: when a second call is made, who wins, and that nothing is left behind."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.messages import Answer, Failure, Outcome
from proxy.qos.endpoint import Endpoint
from proxy.qos.hedge import Hedging
from proxy.qos.permits import Shortage
from proxy.tiers.zombie import ZOMBIE_S_MAX
from tests.stand_ins.permits import ScriptedPermits
from tests.unit.proxy.tiers.ways import OK, Asked, Ways, row

TWINS = ("http://one", "http://two")
TRIPLETS = (*TWINS, "http://three")
DOWN = Failure(outcome=Outcome.RESET, cause="test")
SOON_S, LATE_S = 0.01, 0.03


def ways(*rows: object, endpoints: tuple[str, ...] = TWINS, **limits: object) -> Ways:
    """One application whose calls take 10 ms, or the given rows; and hedges saved up."""
    made = Ways(*(rows or (row("a"),)), **{"endpoints": endpoints, "concurrency": 10, **limits})  # type: ignore[arg-type]
    for name in made.gates:
        made.learn(name, SOON_S)
    for _ in range(1_000):
        made.ground.hedging.called(made.clock.time_s)
    return made


def late(made: Ways, **asked: float) -> Asked:
    """A request whose call is late."""
    request = made.ask(hedged=True, **asked)  # type: ignore[arg-type]
    made.timers.advance(LATE_S)
    return request


class TestASecondCall:
    """Made once a call is late."""

    def test_goes_to_the_other_endpoint_and_is_not_made_before_the_call_is_late(self) -> None:
        """Late is longer than 95 of 100 lately took."""
        made = ways()
        made.ask(hedged=True)
        made.timers.advance(SOON_S - 0.001)
        assert len(made.cluster.calls) == 1
        made.timers.advance(0.002)
        first, second = made.cluster.calls
        assert {first.target.url, second.target.url} == set(TWINS)
        assert made.gates["a"].permits.in_flight == 2

    def test_is_given_what_is_left_of_the_first_ones_time(self) -> None:
        """Both together may not last longer than one."""
        made = ways()
        asked = late(made)
        assert made.cluster.calls[1].budget_s == pytest.approx(0.1 - SOON_S)
        made.timers.advance(0.1)
        assert asked.ended == [None]
        assert asked.outcomes == [("a", Outcome.TIMEOUT), ("a", Outcome.TIMEOUT)]
        assert made.gates["a"].permits.in_flight == 2, "two zombies"
        made.timers.advance(ZOMBIE_S_MAX)
        assert made.at_rest()

    def test_is_made_once(self) -> None:
        """However late both are."""
        made = ways(endpoints=TRIPLETS)
        late(made)
        made.timers.advance(0.06)
        assert len(made.cluster.calls) == 2

    @pytest.mark.parametrize("wins", [0, 1])
    def test_races_the_first_one_and_the_first_good_answer_wins(self, wins: int) -> None:
        """The other one is superseded; its permit is taken until its server has ended (I1)."""
        made = ways()
        asked = late(made)
        made.cluster.calls[wins].end(OK)
        assert asked.ended == [OK]
        assert asked.outcomes == [("a", Outcome.SUPERSEDED), ("a", Outcome.OK)]
        assert [each.hedge for each in asked.chain.attempts] == (
            [True, False] if wins == 0 else [False, True]
        )
        assert made.cluster.calls[1 - wins].abandoned
        assert made.gates["a"].permits.in_flight == 1
        made.cluster.calls[1 - wins].end(OK)
        assert asked.ended == [OK]
        assert made.at_rest()

    def test_is_told_apart_from_two_calls_one_after_the_other(self) -> None:
        """The attempts' spans overlap, and what is told of the time counts it once."""
        made = ways()
        asked = late(made)
        made.cluster.calls[1].end(OK)
        superseded, won = asked.chain.attempts
        assert superseded.elapsed_s == pytest.approx(LATE_S)
        assert won.elapsed_s == pytest.approx(LATE_S - SOON_S)

    @pytest.mark.parametrize("fails", [0, 1])
    def test_goes_on_when_the_other_one_fails(self, fails: int) -> None:
        """A failure is no answer as long as there may be one."""
        made = ways()
        asked = late(made)
        made.cluster.calls[fails].end(DOWN)
        assert asked.ended == []
        made.cluster.calls[1 - fails].end(OK)
        assert asked.ended == [OK]
        assert asked.outcomes == [("a", Outcome.RESET), ("a", Outcome.OK)]
        assert made.at_rest()

    def test_that_fails_like_the_first_one_falls_through_once(self) -> None:
        """The next tier is called once, not for each of them."""
        made = ways(row("a"), row("b", tier=1))
        asked = late(made)
        made.cluster.calls[0].end(DOWN)
        made.cluster.calls[1].end(Answer(status=500))
        made.cluster.calls[2].end(OK)
        assert asked.ended == [OK]
        assert asked.outcomes == [("a", Outcome.RESET), ("a", Outcome.FAILED), ("b", Outcome.OK)]
        assert len(made.cluster.calls) == 3
        assert made.at_rest()

    def test_may_be_told_of_the_callers_own_error_first(self) -> None:
        """The other one would say the same."""
        made = ways()
        asked = late(made)
        made.cluster.calls[1].end(Answer(status=422))
        assert [each.status for each in asked.ended if each] == [422]

    def test_is_given_up_with_the_first_one_when_the_caller_leaves(self) -> None:
        """Two zombies, whose permits come back."""
        made = ways()
        asked = late(made)
        asked.chain.cancel()
        for call in made.cluster.calls:
            assert call.abandoned
            call.end(OK)
        assert asked.ended == []
        assert made.at_rest()

    def test_that_is_not_made_yet_is_forgotten_with_the_first_one(self) -> None:
        """No timer stays, whether it was answered or left."""
        for end in (lambda made, asked: asked.chain.cancel(), lambda made, asked: None):
            made = ways()
            asked = made.ask(hedged=True)
            end(made, asked)
            made.cluster.last.end(OK)
            assert made.at_rest()
            assert len(made.cluster.calls) == 1


def quiet(made: Ways) -> None:
    """Nothing speaks against a second call."""


def unknown(made: Ways) -> None:
    made.clock.time_s += 5.0  # too long ago to know what calls take


def loaded(made: Ways) -> None:
    for _ in range(6):
        made.gates["a"].enter(made.clock.time_s, 0.0)


def spent(made: Ways) -> None:
    made.ground.hedging = Hedging(made.clock.time_s)


def fallen(made: Ways) -> None:
    while made.ground.budget.take(made.clock.time_s):
        pass


def stood_still(made: Ways) -> None:
    made.timers.late = True


def other_of(made: Ways) -> Endpoint:
    first = made.cluster.last.target.url
    (other,) = [each for each in made.gates["a"].endpoints if each.target.url != first]
    return other


def held(made: Ways) -> None:
    other_of(made).held_until_s = made.clock.time_s + 9.0


def other_down(made: Ways) -> None:
    for _ in range(5):
        other_of(made).health.settle(blamed=True, probe=False, now=made.clock.time_s)


def other_probed(made: Ways) -> None:
    other_down(made)
    made.clock.time_s += 1.5
    made.learn("a", SOON_S)


def rests(made: Ways) -> None:
    for _ in range(10):
        made.gates["a"].breaker.settle(blamed=True, probe=False, now=made.clock.time_s)


def to_be_probed(made: Ways) -> None:
    rests(made)
    made.clock.time_s += 1.5
    made.learn("a", SOON_S)


def drained(made: Ways) -> None:
    made.gates["a"].drained = True


def lost(made: Ways) -> None:
    in_flight = made.gates["a"].permits.in_flight
    made.gates["a"].permits = ScriptedPermits(Shortage.CONCURRENCY, Shortage.RATE)
    made.gates["a"].permits.concurrency = 10
    made.gates["a"].permits.in_flight = in_flight


@pytest.mark.parametrize("before", [unknown, spent])
def test_no_second_call_is_made_where_before_the_first_one(before: Callable[[Ways], None]) -> None:
    """What calls take is not known; or one in a hundred is used up."""
    made = ways()
    before(made)
    late(made)
    assert len(made.cluster.calls) == 1


@pytest.mark.parametrize(
    "then", [loaded, fallen, stood_still, held, other_down, other_probed, rests, to_be_probed, drained, lost]
)
def test_no_second_call_is_made_where_meanwhile(then: Callable[[Ways], None]) -> None:
    """The load is high, the budget is used up, nobody is there to go to, or a call there would be a probe."""
    made = ways(row("a", timeout_s=5.0))
    made.ask(hedged=True)
    then(made)
    made.timers.advance(LATE_S)
    assert len(made.cluster.calls) == 1


def test_a_second_call_is_made_where_nothing_speaks_against_it() -> None:
    """The twin of the two above."""
    made = ways(row("a", timeout_s=5.0))
    made.ask(hedged=True)
    quiet(made)
    made.timers.advance(LATE_S)
    assert len(made.cluster.calls) == 2


def test_a_second_call_is_one_of_the_hundredth_part() -> None:
    """Its token is taken: the next late call finds none."""
    made = ways(row("a", timeout_s=5.0), concurrency=100)
    made.ground.hedging = Hedging(made.clock.time_s)
    for _ in range(100):
        made.ground.hedging.called(made.clock.time_s)
    for _ in range(2):
        late(made)
        made.learn("a", SOON_S)
    assert len(made.cluster.calls) == 3


def test_a_call_that_is_very_late_is_looked_at_once_more() -> None:
    """One token is not spent on a call that is late by little."""
    made = ways(row("a", timeout_s=5.0))
    made.ground.hedging = Hedging(made.clock.time_s)
    for _ in range(100):
        made.ground.hedging.called(made.clock.time_s)
    made.ask(hedged=True)
    made.timers.advance(2 * SOON_S - 0.001)
    assert len(made.cluster.calls) == 1
    made.timers.advance(0.002)
    assert len(made.cluster.calls) == 2
    assert made.timers.pending == 2, "both calls' timeouts"


def test_a_second_call_may_be_had_only_when_the_first_one_is_very_late() -> None:
    """What stood against it at first may be over; it is looked twice, and no more."""
    made = ways(row("a", timeout_s=5.0))
    made.ask(hedged=True)
    made.gates["a"].drained = True
    made.timers.advance(SOON_S + 0.001)
    made.gates["a"].drained = False
    made.timers.advance(SOON_S)
    assert len(made.cluster.calls) == 2


def test_a_second_call_takes_no_permit_that_somebody_waits_for() -> None:
    """Nor does it wait for one."""
    made = ways(row("a", timeout_s=5.0), rate=20.0, burst=1)
    made.ask(hedged=True)
    waiting = made.ask(rank=1, deadline_s=1.0)
    made.gates["a"].service._learnt_s = made.clock.time_s
    assert made.gates["a"].line.waiting == 1
    made.timers.advance(LATE_S)
    assert len(made.cluster.calls) == 1
    assert waiting.ended == []


def test_a_class_that_is_not_hedged_calls_once() -> None:
    """It is for the table to ask for."""
    made = ways()
    made.ask()
    made.timers.advance(LATE_S)
    assert len(made.cluster.calls) == 1


def test_an_application_of_one_endpoint_is_not_hedged() -> None:
    """The server that is late would only have more to do."""
    made = ways(endpoints=TWINS[:1])
    late(made)
    assert len(made.cluster.calls) == 1


def test_a_deadline_that_most_calls_would_miss_is_not_hedged() -> None:
    """No call begins that is predicted to miss its deadline (I6)."""
    made = ways()
    made.ask(hedged=True, deadline_s=0.015)
    made.timers.advance(SOON_S + 0.0001)
    assert len(made.cluster.calls) == 1


class TestABug:
    """Nobody waits for ever because of one, and nothing is kept."""

    def test_in_the_client_ends_the_race(self) -> None:
        """The first call is given up: its answer would come to nobody."""
        made = ways()
        asked = made.ask(hedged=True)
        made.cluster.breaks = True
        made.timers.advance(LATE_S)
        assert [type(error) for error in asked.broke] == [ZeroDivisionError]
        made.cluster.last.end(OK)
        assert asked.ended == []
        assert made.at_rest()

    def test_in_whoever_is_answered_is_told(self) -> None:
        """Also behind a race."""
        made = ways()
        asked = late(made)
        asked.chain._done = lambda _: divmod(1, 0)  # type: ignore[assignment, return-value]
        made.cluster.calls[0].end(OK)
        assert [type(error) for error in asked.broke] == [ZeroDivisionError]
        made.cluster.calls[1].end(OK)
        assert made.at_rest()


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.floats(0.0, 0.2)), max_size=30), st.booleans())
def test_whatever_happens_a_request_ends_once_and_all_permits_come_back(
    steps: list[tuple[int, bool, float]], leaves: bool
) -> None:
    """Ends in any order, good or bad, at any time; a caller that may leave."""
    made = ways(row("a"), row("b", tier=1))
    asked = [made.ask(hedged=True) for _ in range(3)]
    for which, good, gap_s in steps:
        made.timers.advance(gap_s)
        under_way = [each for each in made.cluster.calls if not each.ended and not each.cancelled]
        if which < len(under_way):
            under_way[which].end(OK if good else DOWN)
        assert all(gate.permits.in_flight <= 10 for gate in made.gates.values())
    if leaves:
        asked[0].chain.cancel()
    made.timers.advance(10.0)
    assert all(len(each.ended) == 1 for each in asked[leaves:])
    assert len(asked[0].ended) <= 1
    assert not any(each.broke for each in asked)
    assert made.at_rest()
