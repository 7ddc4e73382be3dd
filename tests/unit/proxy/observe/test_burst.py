"""A fault is logged at once; what follows is counted, and no count is lost."""

from proxy.observe.burst import KEYS_MAX, Burst
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = RecordingLog()
        self.burst = Burst("broke", clock=self.clock, log=self.log, window_s=10.0)

    def lines(self) -> list[tuple[object, object]]:
        return [(fields["n"], fields.get("repeated")) for fields in self.log.named("broke")]


def test_the_first_is_logged_at_once_and_the_rest_once_per_window() -> None:
    """The operator hears of it now, and how often later."""
    bench = Bench()
    for n in range(100):
        bench.burst.tell(("a",), n=n)
    assert bench.lines() == [(0, None)]
    bench.clock.time_s += 10.0
    bench.burst.flush()
    assert bench.lines() == [(0, None), (99, 99)]


def test_a_burst_that_goes_on_is_one_line_per_window() -> None:
    """Not two: the summary is the next window's first line."""
    bench = Bench()
    for n in range(31):
        bench.burst.tell(("a",), n=n)
        bench.clock.time_s += 1.0
    assert bench.lines() == [(0, None), (9, 9), (19, 10), (29, 10)]


def test_a_fault_that_was_quiet_for_a_window_is_logged_at_once_again() -> None:
    """It is a new one."""
    bench = Bench()
    bench.burst.tell(("a",), n=1)
    bench.clock.time_s += 10.0
    bench.burst.tell(("a",), n=2)
    assert bench.lines() == [(1, None), (2, None)]


def test_faults_are_told_apart_by_key() -> None:
    """One noisy labeler must not hide another."""
    bench = Bench()
    bench.burst.tell(("a",), n=1)
    bench.burst.tell(("b",), n=2)
    bench.burst.tell(("a",), n=3)
    assert bench.lines() == [(1, None), (2, None)]


def test_flushing_within_the_window_writes_nothing() -> None:
    """It may be called at any time."""
    bench = Bench()
    bench.burst.tell(("a",), n=1)
    bench.burst.tell(("a",), n=2)
    bench.clock.time_s += 9.0
    bench.burst.flush()
    assert bench.lines() == [(1, None)]


def test_too_many_keys_are_written_out_not_kept() -> None:
    """Memory has an end; counts are not lost with it."""
    bench = Bench()
    for n in range(KEYS_MAX):
        bench.burst.tell((str(n),), n=n)
    bench.burst.tell(("0",), n=-1)
    bench.burst.tell(("one more",), n=-2)
    assert bench.lines()[KEYS_MAX:] == [(-1, 1), (-2, None)]
    bench.burst.tell(("0",), n=-3)
    assert bench.lines()[-1] == (-3, None)
