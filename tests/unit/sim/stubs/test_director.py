"""Which behaviour the next request meets, and after how long."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.stubs.behaviours import (
    Exponential,
    Latency,
    Lognormal,
    Machines,
    Never,
    Ok,
    Refuse,
    Reset,
    Sequence,
    Slots,
    Sometimes,
    Status,
    Uniform,
)
from sim.stubs.director import direct, draw_s
from sim.world.noise import Shape
from sim.world.plan import Service


class Dice:
    """Gives the numbers it was handed, then fails."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = list(numbers)

    def random(self) -> float:
        return self.numbers.pop(0)

    def getrandbits(self, k: int, /) -> int:
        raise AssertionError(k)


def played(behaviour, times: int, rng=None) -> list:
    cue = direct(behaviour, rng or Dice())
    return [cue()[1] for _ in range(times)]


def test_a_sequence_ends_with_its_last_for_ever() -> None:
    """'Fails twice, then recovers' is the commonest story of a test."""
    assert played(Sequence(behaviours=(Reset(), Never(), Ok())), 5) == [Reset(), Never(), Ok(), Ok(), Ok()]


def test_a_cycle_begins_again() -> None:
    """A server that flaps."""
    assert played(Sequence(behaviours=(Reset(), Ok()), cycle=True), 5) == [
        Reset(),
        Ok(),
        Reset(),
        Ok(),
        Reset(),
    ]


def test_sequences_nest_and_each_keeps_its_own_place() -> None:
    """A part that is itself a sequence goes on where it was when its turn comes again."""
    inner = Sequence(behaviours=(Reset(), Never()), cycle=True)
    outer = Sequence(behaviours=(Ok(), inner), cycle=True)
    assert played(outer, 6) == [Ok(), Reset(), Ok(), Never(), Ok(), Reset()]


@pytest.mark.parametrize(("u", "expected"), [(0.0, Reset()), (0.2499, Reset()), (0.25, Ok()), (0.99, Ok())])
def test_a_fraction_is_met_below_its_bound_and_not_at_it(u, expected) -> None:
    """An inclusive draw would make a fraction of 0 fail now and then."""
    assert played(Sometimes(fraction=0.25, behaviour=Reset()), 1, Dice(u)) == [expected]


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, {Ok()}), (1.0, {Status(code=503)})])
def test_the_fractions_none_and_all_are_exact(fraction, expected) -> None:
    """A control group with one failure in a million is no control group."""
    mixed = Sometimes(fraction=fraction, behaviour=Status(code=503))
    assert set(played(mixed, 1000, random.Random(7))) == expected


@pytest.mark.parametrize(
    "behaviour",
    [
        Sequence(behaviours=(Ok(), Refuse())),
        Sometimes(fraction=0.5, behaviour=Refuse()),
        Latency(delay=1.0, then=Refuse()),
        Sequence(behaviours=()),
    ],
)
def test_what_cannot_be_carried_out_is_refused_at_once(behaviour) -> None:
    """A request that has arrived can no longer be refused a connection; a silent Ok would mislead a test."""
    with pytest.raises(ValueError, match=r"refuse|sequence"):
        direct(behaviour, Dice())


def test_latencies_add_up_and_wrap_any_behaviour() -> None:
    """Slow and then failing is what overload looks like."""
    cue = direct(Latency(delay=0.5, then=Latency(delay=Uniform(low_s=1, high_s=3), then=Reset())), Dice(0.25))
    assert cue() == (2.0, Reset())


@pytest.mark.parametrize(
    ("delay", "u", "expected"),
    [
        (0.25, None, 0.25),
        (Uniform(low_s=0.1, high_s=0.3), 0.5, 0.2),
        (Exponential(mean_s=2.0), 0.5, 1.3862943611),
        (Lognormal(median_s=0.2, sigma=1.0), 0.5, 0.2),
        (Lognormal(median_s=0.2, sigma=1.0), 0.8413447461, 0.5436563657),  # one sigma above: times e
    ],
)
def test_delays_are_drawn_by_inversion(delay, u, expected) -> None:
    """One random number each: the same seed must give the same run."""
    dice = Dice() if u is None else Dice(u)
    assert draw_s(delay, dice) == pytest.approx(expected)
    assert not dice.numbers


@given(st.integers(0, 2**32), st.sampled_from([Exponential(mean_s=0.1), Lognormal(median_s=0.1, sigma=2.0)]))
def test_no_draw_is_negative_or_fails(seed: int, delay) -> None:
    """Also at 0, which random() does give."""
    rng = random.Random(seed)
    assert all(draw_s(delay, rng) >= 0 for _ in range(20))
    assert draw_s(delay, Dice(0.0)) >= 0


def test_the_mean_of_an_exponential_is_its_mean() -> None:
    """A slip in the formula would make every load figure wrong by a factor."""
    rng = random.Random(11)
    assert statistics.fmean(draw_s(Exponential(mean_s=0.1), rng) for _ in range(20_000)) == pytest.approx(
        0.1, rel=0.05
    )


def cues(behaviour, arrivals_s: list[float]) -> list[tuple[float, object]]:
    clock = iter(arrivals_s)
    cue = direct(behaviour, random.Random(0), lambda: next(clock))
    return [cue() for _ in arrivals_s]


def test_requests_beyond_the_slots_wait_for_the_first_that_is_free() -> None:
    """Two slots of a second: the third and the fourth wait, one that comes later does not."""
    found = cues(Slots(slots=2, delay=1.0), [0.0, 0.0, 0.0, 0.5, 5.0])
    assert [delay_s for delay_s, _ in found] == [1.0, 1.0, 2.0, 1.5, 1.0]


def test_a_server_with_slots_gives_no_more_than_its_capacity() -> None:
    """Slots over service time, however many ask."""
    found = cues(Slots(slots=4, delay=0.02), [0.0] * 400)
    assert max(delay_s for delay_s, _ in found) == pytest.approx(400 * 0.02 / 4)


def test_where_too_many_wait_the_next_is_refused_at_once_until_one_is_served() -> None:
    """A queue without an end would answer everybody late."""
    behaviour = Slots(slots=1, delay=1.0, waiting_max=1)
    assert cues(behaviour, [0.0, 0.1, 0.2, 1.1]) == [
        (1.0, Ok()),
        (pytest.approx(1.9), Ok()),
        (0.0, Status(code=503)),
        (pytest.approx(1.9), Ok()),
    ]


def test_machines_of_a_fleet_take_longer_the_more_is_in_service() -> None:
    """As in virtual time: by what is in service when a request begins, itself included."""
    service = Service(base_s=1.0, each_s=0.5)
    found = cues(Machines(slots=3, service=service), [0.0, 0.0, 0.0, 0.0, 10.0])
    assert [delay_s for delay_s, _ in found] == [1.5, 2.0, 2.5, 1.5 + 2.5, 1.5]


def test_machines_of_a_fleet_spread_their_times_as_in_virtual_time() -> None:
    """The same quantiles are drawn from."""
    service = Service(base_s=0.02, shape=Shape.LOGNORMAL, sigma=0.5)
    drawn = cues(Machines(slots=1, service=service), [float(at) for at in range(4_000)])
    times_s = [delay_s for delay_s, _ in drawn]
    assert statistics.fmean(times_s) == pytest.approx(0.02, rel=0.03)
    assert statistics.stdev(map(math.log, times_s)) == pytest.approx(0.5, rel=0.05)


def test_a_server_without_slots_is_refused() -> None:
    """It would serve nobody, ever."""
    with pytest.raises(ValueError, match="at least one slot"):
        direct(Slots(slots=0, delay=1.0), random.Random(0), lambda: 0.0)
