"""When a process is given up that is still there."""

import os

import pytest

from workers.tree.patience import BUSY_LOOKS_MAX, LOADING_LOOKS_MAX, LOOK_S, STILL_LOOKS_MAX, Patience
from workers.tree.pulse import Beat, Pulse, make_pulse


def beat(count: int = 1, *, loading: bool = False, allowed_s: float = 0.0) -> Beat:
    return Beat(count=count, loading=loading, allowed_s=allowed_s)


def looks_until_given_up(each: Beat, *, computes: bool, limit: int = 2000) -> int:
    """Looks at a loop that stands still, after the first one, which sees it move."""
    patience = Patience()
    patience.look(each, 1.0)
    for number in range(1, limit):
        if patience.look(each, 1.0 + number * computes):
            return number
    return limit


def test_one_that_neither_moves_nor_computes_is_given_up_after_a_few_looks() -> None:
    """Stopped, or waiting for a lock: a long batch computes."""
    assert looks_until_given_up(beat(), computes=False) == STILL_LOOKS_MAX


def test_what_it_is_allowed_for_a_batch_explains_no_standstill_without_work() -> None:
    """A minute for a batch must not mean a minute for a stopped process."""
    assert looks_until_given_up(beat(allowed_s=60.0), computes=False) == STILL_LOOKS_MAX


@pytest.mark.parametrize(("allowed_s", "looks"), [(0.0, BUSY_LOOKS_MAX), (60.0, 60.0 / LOOK_S)])
def test_one_that_computes_is_waited_for_as_long_as_it_said(allowed_s: float, looks: float) -> None:
    """A batch may keep the interpreter for itself, in a library that is not polite."""
    assert looks_until_given_up(beat(allowed_s=allowed_s), computes=True) == looks


@pytest.mark.parametrize("each", [beat(0), beat(5, loading=True)])
@pytest.mark.parametrize("computes", [True, False])
def test_one_that_starts_or_loads_is_waited_for_longer(each: Beat, *, computes: bool) -> None:
    """It reads from a disk, and libraries are imported in one piece; but not for ever."""
    looks = looks_until_given_up(each, computes=computes)
    assert looks == LOADING_LOOKS_MAX - (not each.count)  # before its work begins the first look counts too


def test_a_beat_starts_the_count_anew() -> None:
    """Slow is not dead."""
    patience = Patience()
    for number in range(10 * STILL_LOOKS_MAX):
        assert not patience.look(beat(1 + number // (STILL_LOOKS_MAX - 1)), 0.0)


def test_threads_that_wait_for_a_lock_do_not_compute() -> None:
    """They look for it a thousand times a second, which costs a little."""
    patience = Patience()
    patience.look(beat(allowed_s=60.0), 0.0)
    told = [patience.look(beat(allowed_s=60.0), 0.01 * number) for number in range(STILL_LOOKS_MAX)]
    assert [bool(words) for words in told] == [False] * (STILL_LOOKS_MAX - 1) + [True]


def test_processor_time_now_and_then_is_work() -> None:
    """A machine with more to do than it can gives each its turn late."""
    patience = Patience()
    patience.look(beat(allowed_s=60.0), 0.0)
    for number in range(5 * STILL_LOOKS_MAX):
        assert not patience.look(beat(allowed_s=60.0), float(1 + number // (STILL_LOOKS_MAX - 1)))


def test_a_pulse_shows_to_the_supervisor_what_the_process_wrote() -> None:
    """Through memory that both map."""
    file = make_pulse()
    process, supervisor = Pulse(file), Pulse(file)
    os.close(file)
    assert supervisor.look() == beat(0)
    process.beat()
    process.load(loading=True)
    process.allow(2.5)
    assert supervisor.look() == beat(1, loading=True, allowed_s=2.5)
    process.beat()
    process.load(loading=False)
    assert supervisor.look() == beat(2, allowed_s=2.5)
    process.close()
    supervisor.close()
