"""The watchdog breaks off whatever hangs in a labeler, and never anything else.

These tests use the real signal: that it arrives inside hanging code is what they are about. A labeler that is
not broken off ends by itself after `HANG_S`, with the labels that no test expects.
"""

import asyncio
import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from labelers import Payload
from labelers.labels import collect
from proxy.clock import LiveClock
from proxy.labeling import Labeler, Labeling
from proxy.watchdog import BASELINE_S, SURELY_S, WARNINGS_MAX, NoWatchdog, Overrun, Watchdog
from tests.stand_ins.log import RecordingLog

HANG_S = 10.0
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog()
    watchdog.start()
    yield watchdog
    watchdog.stop()


def hung() -> Iterator[int]:
    """Endless for a test that fails, but not for the one who runs it."""
    ends_s = time.monotonic() + HANG_S
    while time.monotonic() < ends_s:
        yield 0


def loops(_: Payload) -> list[int]:
    for _moment in hung():
        pass
    return [7]


def sleeps(_: Payload) -> list[int]:
    time.sleep(HANG_S)
    return [7]


def waits_for_a_lock(_: Payload) -> list[int]:
    threading.Event().wait(HANG_S)
    return [7]


def yields_nothing(_: Payload) -> Iterator[int]:
    for _moment in hung():
        yield from ()
    yield 7


def hangs_while_cleaning_up(payload: Payload) -> Iterator[int]:
    try:
        yield 7
        yield None  # type: ignore[misc] # nonsense: the generator is closed
    finally:
        sleeps(payload)


def catches_everything(_: Payload) -> list[int]:
    for _moment in hung():
        try:
            time.sleep(1.0)
        except BaseException:  # noqa: BLE001 - that is the test
            continue
    return [7]


def catches_everything_twice(payload: Payload) -> list[int]:
    for _moment in hung():
        try:
            catches_everything(payload)
        except:  # noqa: E722
            continue
    return [7]


def matches_catastrophically(_: Payload) -> list[int]:
    assert re.match(r"(a+)+$", "a" * 60 + "b") is None  # for centuries
    return [7]


def adds_in_c(_: Payload) -> list[int]:
    ends_s = time.thread_time() + 0.05
    while time.thread_time() < ends_s:
        sum(range(200_000))
    return [7]


HANGING = [
    *(loops, sleeps, waits_for_a_lock, yields_nothing, hangs_while_cleaning_up, catches_everything),
    *(catches_everything_twice, matches_catastrophically, adds_in_c),
]


@pytest.mark.parametrize(
    "factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
@pytest.mark.parametrize("labeler", HANGING, ids=lambda labeler: labeler.__name__)
def test_a_labeler_that_hangs_is_broken_off(
    watchdog: Watchdog, labeler: Callable[[Payload], list[int]], factory: LoopFactory
) -> None:
    """It would hold every other request of the process. (C code is not broken off; it is late.)"""
    ended: list[bool] = []

    def observed(payload: Payload) -> list[int]:
        found = list(labeler(payload))
        ended.append(True)
        return found

    labeling = Labeling(
        [Labeler(use="hangs", call=observed, default=("44",), budget_s=0.01)],
        clock=LiveClock(),
        log=RecordingLog(),
        watchdog=watchdog,
    )

    async def request() -> tuple[str, ...]:
        labels = labeling.label(Payload())
        await asyncio.sleep(0)  # the loop goes on, and has nothing of the exception
        return labels

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(request()) == ("44",)
    assert labeling.counts["hangs", "overran"] == 1
    assert not ended or labeler is adds_in_c


def test_code_that_is_no_labeler_is_never_struck(watchdog: Watchdog) -> None:
    """A signal that comes between two labelers, or after the last, finds nobody to blame."""
    now = time.monotonic()
    watchdog.arm(now, now)  # overdue at once, and nobody below `collect`
    for _ in range(200):
        signal.raise_signal(signal.SIGALRM)
    watchdog.disarm()
    for _ in range(200):
        signal.raise_signal(signal.SIGALRM)
    assert watchdog.strikes == 0


def test_a_late_signal_does_not_hit_the_next_labeler(watchdog: Watchdog) -> None:
    """Its own time has only begun."""
    now = time.monotonic()
    watchdog.arm(now, now + 60.0)

    def labeler(_: Payload) -> list[int]:
        for _step in range(50):
            signal.raise_signal(signal.SIGALRM)
        return [7]

    assert collect(labeler, Payload()) == ["7"]
    watchdog.disarm()


class Rung:
    """A watchdog under clocks of the test's; `ring` is the signal."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.spent_s = 0.0
        self.watchdog = Watchdog(now=lambda: self.time_s, spent=lambda: self.spent_s)

    def ring(self, times: int) -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGALRM)
            signal.setitimer(signal.ITIMER_REAL, 0.0)  # however slow this machine is

    def collects(self, labeler: Callable[[Payload], list[int]]) -> list[str]:
        self.watchdog.start()
        try:
            self.watchdog.arm(self.time_s, self.time_s + 60.0)
            return list(collect(labeler, Payload()))
        finally:
            self.watchdog.disarm()
            self.watchdog.stop()


def test_a_labeler_is_not_struck_because_its_process_stood_still() -> None:
    """On a busy machine nothing may run for longer than any budget; its labels would be lost for nothing."""
    rung = Rung()

    def starved(_: Payload) -> list[int]:
        rung.time_s += 3600.0
        rung.ring(WARNINGS_MAX)
        return [7]

    assert rung.collects(starved) == ["7"]


def test_the_time_of_the_garbage_collector_is_not_the_labelers() -> None:
    """It runs wherever the next object happens to be made, and may take longer than any budget."""
    rung = Rung()

    def unlucky(_: Payload) -> list[int]:
        gc.callbacks.insert(0, slow)
        gc.collect()
        gc.callbacks.remove(slow)
        rung.ring(1)
        return [7]

    def slow(phase: str, _info: dict[str, int]) -> None:
        if phase == "stop":
            rung.spent_s += 60.0
            rung.time_s += 60.0
            rung.ring(1)  # it came while the collector ran, and is handled at the first step after it

    assert rung.collects(unlucky) == ["7"]


def test_a_labeler_that_waits_without_computing_is_struck_after_some_rings() -> None:
    """A lock, a socket, a sleep: it uses no processor, and holds every other request."""
    rung = Rung()

    def waits(_: Payload) -> list[int]:
        rung.time_s += 3600.0
        rung.ring(WARNINGS_MAX + 1)
        return [7]

    with pytest.raises(Overrun):
        rung.collects(waits)


def test_a_labeler_that_computed_through_its_budget_is_struck_at_the_first_ring() -> None:
    """There is no doubt."""
    rung = Rung()

    def computes(_: Payload) -> list[int]:
        rung.time_s += 61.0
        rung.spent_s += 61.0
        rung.ring(1)
        return [7]

    with pytest.raises(Overrun):
        rung.collects(computes)


def test_signals_at_any_moment_never_escape_the_labeling() -> None:
    """A storm of signals, and labelers that end just then: always labels, never an exception.

    In a process of its own: an exception that lands in the coverage tool would leave its lock held.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.proxy.signal_storm"],
        cwd=Path(__file__).parents[3],
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    asked, ok, overran = map(int, ended.stdout.split())
    assert ok + overran == asked
    assert overran > 100


def test_an_import_in_a_labeler_is_not_broken_off(watchdog: Watchdog, tmp_path: Path) -> None:
    """A module imported by half stays broken for the life of the process."""
    source = "import time\ntime.sleep(0.05)\nwhole = True\n"
    name = "penstock_slow_to_import"
    (tmp_path / f"{name}.py").write_text(source)

    def imports(_: Payload) -> list[int]:
        __import__(name)
        return [7]

    labeling = Labeling(
        [Labeler(use="imports", call=imports, default=("44",), budget_s=0.01)],
        clock=LiveClock(),
        log=RecordingLog(),
        watchdog=watchdog,
    )
    sys.path.insert(0, str(tmp_path))
    try:
        labeling.label(Payload())
        assert sys.modules[name].whole is True
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop(name, None)


def test_a_timer_that_other_code_took_away_is_wound_up_again(watchdog: Watchdog) -> None:
    """A library that uses the same timer must not switch the watchdog off for good."""
    now = time.monotonic()
    watchdog.arm(now, now + 0.001)
    watchdog.disarm()
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    later = time.monotonic() + 0.002
    watchdog.arm(later, later + 0.5)
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    watchdog.disarm()


def test_in_a_steady_stream_the_timer_is_wound_once(watchdog: Watchdog) -> None:
    """A system call for every request would cost more than the labeler."""
    now = time.monotonic()
    watchdog.arm(now, now + 60.0)
    watchdog.disarm()
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    watchdog.arm(now + 1.0, now + 61.0)
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= before
    watchdog.arm(now + 1.0, now + 1.5)
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= 0.5
    watchdog.disarm()


def test_a_watchdog_that_was_not_started_leaves_the_timer_alone() -> None:
    """Without a handler the signal would end the process."""
    watchdog = Watchdog()
    watchdog.arm(0.0, 0.001)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    watchdog.start()
    watchdog.stop()
    watchdog.arm(0.0, 0.001)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_it_starts_in_the_main_thread_only() -> None:
    """Python handles signals there; elsewhere it would silently watch nothing."""
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            Watchdog().start()
        except ValueError as error:
            caught.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


def test_who_stood_still_is_not_blamed_and_who_computed_is() -> None:
    """On a busy machine a process may not run for longer than any budget."""
    spent_s = [5.0]
    watchdog = Watchdog(now=lambda: 0.0, spent=lambda: spent_s[0])
    watchdog.arm(0.0, 0.02)
    spent_s[0] += 0.001
    assert not watchdog.blames(0.5, 0.02)
    watchdog.arm(1.0, 1.02)
    spent_s[0] += 0.022
    assert watchdog.blames(0.022, 0.02)
    watchdog.arm(2.0, 2.02)
    assert watchdog.blames(SURELY_S, 0.02)


def test_the_threads_own_time_is_read_once_in_a_while_and_the_age_of_the_reading_forgiven() -> None:
    """Reading it for every request would cost more than the rest of the watchdog."""
    spent_s = [5.0]
    watchdog = Watchdog(now=lambda: 0.0, spent=lambda: spent_s[0])
    watchdog.arm(1.0, 1.02)
    spent_s[0] += BASELINE_S  # other work, between the reading and the next labeler
    watchdog.arm(1.0 + BASELINE_S, 1.02 + BASELINE_S)
    spent_s[0] += 0.019
    assert not watchdog.blames(0.03, 0.02)
    spent_s[0] += 0.002
    assert watchdog.blames(0.03, 0.02)


def test_without_a_watchdog_the_clock_decides() -> None:
    """In virtual time there is nobody else."""
    assert NoWatchdog().blames(0.021, 0.02)
    assert not NoWatchdog().blames(0.02, 0.02)


def test_the_exception_passes_the_handlers_of_ordinary_labelers() -> None:
    """`except Exception` is common; it must not keep a hanging labeler alive."""
    assert not issubclass(Overrun, Exception)
