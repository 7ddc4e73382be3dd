"""The wheel fires every timer once, never early, and holds nothing of a cancelled one."""

import gc
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.timers import CANCELLED_MAX, TICK_S, Wheel


class Alarms:
    """A loop's call_later under a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pending: list[Alarm] = []

    def call_later(self, delay: float, callback: Callable[[], None], /) -> "Alarm":
        alarm = Alarm(self.now + delay, callback)
        self.pending.append(alarm)
        return alarm

    def turn(self, to: float) -> None:
        while True:
            due = [alarm for alarm in self.pending if not alarm.cancelled and alarm.at <= to + 1e-9]
            if not due:
                break
            alarm = min(due, key=lambda each: each.at)
            self.pending.remove(alarm)
            self.now = max(self.now, alarm.at)
            alarm.callback()
        self.now = to


class Alarm:
    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def wheel_on(alarms: Alarms, errors: list[Exception]) -> Wheel:
    return Wheel(now=lambda: alarms.now, alarm=alarms.call_later, report=errors.append)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=1, max_size=60))
def test_each_timer_fires_once_within_a_tick_of_its_time_unless_cancelled(
    wanted: list[tuple[float, bool]],
) -> None:
    """A timer that fires early cuts a model server's time; one that never fires hangs a caller."""
    alarms, errors, fired = Alarms(), [], {}
    wheel = wheel_on(alarms, errors)
    entries = []
    for number, (delay, _) in enumerate(wanted):
        entries.append(wheel.after(delay, lambda n=number: fired.setdefault(n, alarms.now)))
    for entry, (_, cancelled) in zip(entries, wanted, strict=True):
        if cancelled:
            entry.cancel()
    alarms.turn(1004.0)
    kept = {number for number, (_, cancelled) in enumerate(wanted) if not cancelled}
    assert set(fired) == kept
    for number in kept:
        late = fired[number] - (1000.0 + wanted[number][0])
        assert -1e-9 <= late <= TICK_S + 1e-6
    assert not errors


def test_a_cancelled_timer_lets_go_of_what_it_held() -> None:
    """A body of a megabyte must not live on until the timeout that never came."""

    class Held:
        def fire(self) -> None:
            raise AssertionError

    alarms = Alarms()
    wheel = wheel_on(alarms, [])
    held = Held()
    gone = weakref.ref(held)
    entry = wheel.after(60.0, held.fire)
    entry.cancel()
    del held
    gc.collect()
    assert gone() is None


def test_a_call_back_that_raises_does_not_stop_the_others() -> None:
    """One request's bug must not leave a thousand others without their timeouts."""
    alarms, errors, fired = Alarms(), [], []
    wheel = wheel_on(alarms, errors)
    wheel.after(0.01, lambda: 1 / 0)
    wheel.after(0.01, lambda: fired.append(1))
    alarms.turn(1001.0)
    assert fired == [1]
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_a_timer_set_inside_a_call_back_fires_too() -> None:
    """The next tier's timeout is armed when the first tier's fires."""
    alarms, fired = Alarms(), []
    wheel = wheel_on(alarms, [])
    wheel.after(0.01, lambda: wheel.after(0.02, lambda: fired.append(alarms.now)))
    alarms.turn(1001.0)
    assert fired
    assert 1000.03 <= fired[0] <= 1000.033


def test_alarms_do_not_multiply() -> None:
    """Ever earlier timers must not leave a trail of loop timers behind."""
    alarms = Alarms()
    wheel = wheel_on(alarms, [])
    for step in range(100):
        wheel.after(2.0 - step * 0.01, lambda: None)
    assert sum(not alarm.cancelled for alarm in alarms.pending) == 1


def test_when_the_loop_stood_still_what_arrived_meanwhile_is_read_before_timers_fire() -> None:
    """An answer that waits in the socket while the process was stopped is not the model server's delay."""
    alarms, errors, fired = Alarms(), [], []
    wheel = wheel_on(alarms, errors)
    answered = wheel.after(0.1, lambda: fired.append("answered"))
    wheel.after(0.1, lambda: fired.append("silent"))
    alarms.now = 1000.3  # the loop comes back 200 ms late
    alarms.turn(1000.3)
    assert fired == []
    answered.cancel()  # what the sockets held is read now
    alarms.turn(1000.301)
    assert fired == ["silent"]


def test_call_backs_know_that_they_come_late() -> None:
    """A timeout that fires because the process stood still says nothing about the model server."""
    alarms, errors, late = Alarms(), [], []
    wheel = wheel_on(alarms, errors)
    for delay_s in (0.1, 0.2, 5.0):
        wheel.after(delay_s, lambda: late.append(wheel.late))
    alarms.turn(1000.15)
    alarms.now = 1000.4
    alarms.turn(1000.41)
    alarms.turn(1006.0)
    assert late == [False, True, False]


def test_a_loop_that_is_always_late_still_fires_its_timers() -> None:
    """The excuse is given once a turn, not for ever."""
    alarms, errors, fired = Alarms(), [], []
    wheel = wheel_on(alarms, errors)
    wheel.after(0.1, lambda: fired.append(1))
    for late in (1000.3, 1000.4):
        alarms.now = late
        alarms.turn(late)
    assert fired == [1]


def test_timers_that_were_cancelled_long_before_their_time_are_cleared_away() -> None:
    """Timeouts of ten minutes at thousands a second would else hold millions of them."""
    alarms, errors, fired = Alarms(), [], []
    wheel = wheel_on(alarms, errors)
    for number in range(4 * CANCELLED_MAX):
        alarms.now += 0.0001
        timer = wheel.after(600, lambda: None)
        if number % 1000:
            timer.cancel()
        else:
            wheel.after(700, lambda n=number: fired.append(n))
            timer.cancel()
    assert sum(map(len, wheel._slots.values())) < 2 * CANCELLED_MAX
    assert sorted(wheel._ticks) == sorted(wheel._slots)
    alarms.turn(alarms.now + 1000)
    assert fired == list(range(0, 4 * CANCELLED_MAX, 1000))
    assert (errors, wheel._slots, wheel._places, wheel.cancelled) == ([], {}, 0, 0)


@given(st.lists(st.tuples(st.floats(0, 0.1), st.booleans()), min_size=1, max_size=60))
def test_clearing_away_at_any_moment_loses_no_timer(wanted: list[tuple[float, bool]]) -> None:
    """Also from within a call-back, while a tick's timers are being fired."""
    alarms, errors = Alarms(), []
    wheel = wheel_on(alarms, errors)
    fired: list[int] = []

    def fire(number: int) -> None:
        fired.append(number)
        wheel.after(0.01, lambda: None).cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("proxy.timers.CANCELLED_MAX", 0)
        for number, (delay, cancelled) in enumerate(wanted):
            timer = wheel.after(delay, lambda n=number: fire(n))
            if cancelled:
                timer.cancel()
        alarms.turn(alarms.now + 1)
    assert errors == []
    assert sorted(fired) == [number for number, (_, cancelled) in enumerate(wanted) if not cancelled]


def test_what_has_been_read_is_handled_before_a_timeout_fires() -> None:
    """An answer that waits for the rest of its turn is not late: handling it cancels the timeout."""
    alarms, fired = Alarms(), list[str]()

    def answered() -> None:
        timeout.cancel()

    wheel = Wheel(
        now=lambda: alarms.now,
        alarm=alarms.call_later,
        report=pytest.fail,
        first=answered,
    )
    timeout = wheel.after(0.1, lambda: fired.append("timeout"))
    alarms.turn(1001.0)
    assert fired == []
