"""How fast a lane is sent: one at first, more while it is served, rests when it is not."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.offline.lanes import Lane, LaneLimits, Lanes, spread

LIMITS = LaneLimits(slots_max=4, rest_s=1.0, rest_s_max=8.0, lanes_max=2)


def test_a_lane_begins_with_one_ticket_and_adds_one_for_each_served() -> None:
    """Nothing is known of the fleet yet."""
    lane = Lane()
    seen = [lane.slots]
    for _ in range(5):
        lane.served(LIMITS)
        seen.append(lane.slots)
    assert seen == [1, 2, 3, 4, 4, 4]


def test_a_lane_admits_up_to_its_slots() -> None:
    """The slots are tickets in flight."""
    lane = Lane()
    assert lane.admits(0.0)
    lane.in_flight = 1
    assert not lane.admits(0.0)


def test_a_failure_halves_and_only_at_one_the_lane_rests() -> None:
    """One poisoned ticket among many served must not stop the others."""
    lane = Lane()
    for _ in range(3):
        lane.served(LIMITS)
    lane.failed(10.0, 0.5, LIMITS)
    assert (lane.slots, lane.resting_s(10.0)) == (2, 0.0)
    lane.failed(10.0, 0.5, LIMITS)
    assert (lane.slots, lane.resting_s(10.0)) == (1, 0.0)
    lane.failed(10.0, 0.5, LIMITS)
    assert lane.resting_s(10.0) == 0.75
    assert not lane.admits(10.7)
    assert lane.admits(10.75)


def test_rests_double_up_to_the_limit_and_begin_anew_after_an_answer() -> None:
    """A fleet that is down for an hour is asked once per longest rest."""
    lane, now, rests = Lane(), 0.0, []
    for _ in range(6):
        lane.failed(now, 1.0, LIMITS)
        rests.append(lane.resting_s(now))
        now += rests[-1]
    assert rests == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    lane.served(LIMITS)
    assert lane.admits(now)
    lane.slots = 1
    lane.failed(now, 1.0, LIMITS)
    assert lane.resting_s(now) == 1.0


def test_failures_of_tickets_sent_before_the_rest_do_not_lengthen_it() -> None:
    """Eight tickets that fail together are one sign, not eight."""
    lane = Lane()
    for _ in range(8):
        lane.failed(5.0, 1.0, LIMITS)
    assert lane.resting_s(5.0) == 1.0


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1e6))
def test_a_spread_delay_lies_between_half_and_whole(draw: float, delay_s: float) -> None:
    """Proxies that went down together must not come back together; nor at once."""
    assert delay_s / 2 <= spread(delay_s, draw) <= delay_s


def test_equal_labels_share_a_lane() -> None:
    """They are routed to the same rows."""
    lanes = Lanes(LIMITS)
    assert lanes.lane(("1",)) is lanes.lane(("1",))
    assert lanes.lane(("1",)) is not lanes.lane(("2",))


def test_the_lane_idle_for_longest_is_forgotten_first() -> None:
    """Labels may be many; a lane in flight keeps its count."""
    lanes = Lanes(LIMITS)
    one, two = lanes.lane(("1",)), lanes.lane(("2",))
    one.in_flight = 1
    lanes.lane(("3",))
    assert lanes.lane(("1",)) is one
    assert lanes.lane(("2",)) is not two


def test_lanes_in_flight_are_all_kept() -> None:
    """There are no more of them than tickets in flight, which are bounded."""
    lanes = Lanes(LIMITS)
    kept = [lanes.lane((str(n),)) for n in range(2)]
    for lane in kept:
        lane.in_flight = 1
    lanes.lane(("3",)).in_flight = 1
    assert [lanes.lane((str(n),)) for n in range(2)] == kept
