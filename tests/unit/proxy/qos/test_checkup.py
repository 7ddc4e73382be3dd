"""What asking comes to: an endpoint is down after some bad checks in a row, and up after some good ones."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.checkup import JITTER, Checkup
from proxy.routing.table import HealthCheck


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_it_changes_when_so_many_in_a_row_say_so_and_only_then(heard: list[bool], down: int, up: int) -> None:
    """By a twin that looks back over all that was heard."""
    checkup = Checkup(HealthCheck(path="/", down=down, up=up))
    expected, since = False, 0  # since the last change
    for place, good in enumerate(heard, start=1):
        changed = checkup.hear(good)
        needed = up if expected else down
        latest = heard[max(since, place - needed) : place]
        if len(latest) == needed and all(each is expected for each in latest):
            expected, since = not expected, place
            assert changed
        else:
            assert not changed
        assert checkup.down is expected


def test_an_endpoint_is_well_until_it_is_known_not_to_be() -> None:
    """A new one would else wait for its checks, after each start of the proxy."""
    assert not Checkup(HealthCheck(path="/")).down


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 3))
def test_checks_come_at_their_interval_give_or_take_and_never_two_at_once(u: float, took_s: float) -> None:
    """Chance spreads the proxies that began together; a slow check puts the next one off."""
    checkup = Checkup(HealthCheck(path="/", every_s=2.0))
    assert 0.0 <= checkup.first_s(u) < 2.0
    from_begin_s = took_s + checkup.next_s(took_s, u)
    least_s = max(took_s, 2.0 * (1 - JITTER / 2))
    assert least_s - 1e-9 <= from_begin_s <= max(took_s, 2.0 * (1 + JITTER / 2)) + 1e-9
