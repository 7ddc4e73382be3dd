"""No labeler can fail a request: it is counted, logged once per burst, and gives its default labels."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelers import Payload
from proxy.labeling import (
    ERROR_CHARS_MAX,
    KINDS,
    STRIKES_MAX,
    STRIKES_WITHIN_S,
    SUSPENSION_S,
    Counts,
    Labeler,
    Labeling,
)
from proxy.watchdog import NoWatchdog, Overrun
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.whole_pipeline import PipelineBench

Call = Callable[[Payload], Any]


class Bench:
    """A labeling over a manual clock, with what it counted and logged."""

    def __init__(
        self, *calls: Call, default: tuple[str, ...] = ("44",), counts: Counts | None = None
    ) -> None:
        self.clock = ManualClock()
        self.log = RecordingLog()
        self.watchdog: Any = NoWatchdog()
        self.labeling = Labeling(
            [
                Labeler(use=f"l{number}", call=call, default=default, budget_s=0.02, line=3 + number)
                for number, call in enumerate(calls)
            ],
            clock=self.clock,
            log=self.log,
            watchdog=self.watchdog,
            counts=counts,
        )

    def label(self) -> tuple[str, ...]:
        return self.labeling.label(Payload())

    def counted(self, use: str = "l0") -> dict[str, int]:
        return {kind: count for (by, kind), count in self.labeling.events().items() if by == use and count}


def raising(error: BaseException) -> Call:
    def labeler(_: Payload) -> list[int]:
        raise error

    return labeler


def test_labels_are_the_union_in_order_of_first_appearance() -> None:
    """The table's order is the operator's."""
    bench = Bench(lambda _: [1, "b"], lambda _: ("b", 2), lambda _: [])
    assert bench.label() == ("1", "b", "2")
    assert [bench.counted(f"l{number}") for number in range(3)] == [{"ok": 1}] * 3


def test_a_label_that_is_yielded_twice_is_there_once() -> None:
    """By one labeler too."""
    assert Bench(lambda _: [7, "7", 7]).label() == ("7",)


def test_without_labelers_there_are_no_labels() -> None:
    """Rows for `*` still match."""
    assert Bench().label() == ()


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


@pytest.mark.parametrize(
    "error",
    [
        KeyError("scene"),
        RecursionError(),
        MemoryError(),
        SystemExit(1),
        GeneratorExit(),
        asyncio.CancelledError(),
        StopIteration(),
        BaseException("bare"),
        Unprintable(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_labeler_that_raises_gives_its_default_labels(error: BaseException) -> None:
    """Whatever it raises; and the others still count."""
    bench = Bench(raising(error), lambda _: [7])
    assert bench.label() == ("44", "7")
    assert bench.counted("l0") == {"raised": 1}
    (logged,) = bench.log.named("labeler_failed")
    assert logged["labeler"] == "l0"
    assert logged["error"].startswith(type(error).__name__)
    assert (logged["line"], logged["kind"], logged["default"]) == (3, "raised", ("44",))


def test_ctrl_c_is_not_a_labelers_error() -> None:
    """The one who runs the proxy must be able to end it."""
    with pytest.raises(KeyboardInterrupt):
        Bench(raising(KeyboardInterrupt())).label()


def half(_: Payload) -> Iterator[int]:
    yield 7
    raise KeyError("then this")


def endless(_: Payload) -> Iterator[int]:
    return itertools.count()


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda _: None, "nonsense"),
        (lambda _: "1125", "nonsense"),
        (lambda _: [1.5], "nonsense"),
        (lambda _: [7, "*"], "nonsense"),
        (endless, "nonsense"),
        (half, "raised"),
    ],
)
def test_nonsense_gives_the_default_labels_and_none_of_its_own(call: Call, kind: str) -> None:
    """Half an answer would route by chance."""
    bench = Bench(call)
    assert bench.label() == ("44",)
    assert bench.counted() == {kind: 1}


def test_an_overrun_that_is_seen_after_the_fact_gives_the_default_labels() -> None:
    """Where no watchdog can step in."""
    bench = Bench(lambda _: [7])
    clock = bench.clock

    def slow(_: Payload) -> list[int]:
        clock.time_s += 0.021
        return [7]

    bench = _with_clock(clock, slow)
    assert bench.label() == ("44",)
    assert bench.counted() == {"overran": 1}
    assert "21.0 ms" in bench.log.named("labeler_failed")[0]["error"]


def test_a_labeler_may_use_its_whole_budget() -> None:
    """The boundary is its own."""
    clock = ManualClock(0.0)

    def just(_: Payload) -> list[int]:
        clock.time_s = 0.02
        return [7]

    bench = _with_clock(clock, just)
    assert bench.label() == ("7",)
    assert bench.counted() == {"ok": 1}


class Recording(NoWatchdog):
    def __init__(self) -> None:
        self.calls: list[object] = []

    def arm(self, now: float, deadline: float) -> None:
        self.calls.append(deadline - now)

    def disarm(self) -> None:
        self.calls.append("disarmed")


@pytest.mark.parametrize("error", [None, KeyError(), Overrun(), KeyboardInterrupt()], ids=repr)
def test_the_watchdog_is_disarmed_however_a_labeler_ends(error: BaseException | None) -> None:
    """Armed on, it would strike the next one."""
    watchdog = Recording()
    bench = _with_clock(ManualClock(0.0), (lambda _: [7]) if error is None else raising(error), watchdog)
    with contextlib.suppress(KeyboardInterrupt):
        bench.label()
    assert watchdog.calls == [0.02, "disarmed"]


class Lenient(NoWatchdog):
    def blames(self, elapsed_s: float, budget_s: float) -> bool:
        return False


def test_labels_in_hand_count_when_it_was_the_process_that_stood_still() -> None:
    """The right labels, late, are better than the default ones; and such noise must not suspend a labeler."""
    clock = ManualClock()

    def stalled(_: Payload) -> list[int]:
        clock.time_s += 0.5
        return [7]

    bench = _with_clock(clock, stalled, watchdog=Lenient())
    assert [bench.label() for _ in range(STRIKES_MAX + 2)] == [("7",)] * (STRIKES_MAX + 2)
    assert bench.counted() == {"overran": STRIKES_MAX + 2}


def test_nonsense_that_comes_late_gives_the_default_labels_whoever_is_to_blame() -> None:
    """There are no labels in hand."""
    clock = ManualClock()

    def stalled(_: Payload) -> list[float]:
        clock.time_s += 0.5
        return [1.5]

    assert _with_clock(clock, stalled, watchdog=Lenient()).label() == ("44",)


def test_an_overrun_that_the_watchdog_broke_off_counts_whatever_the_clock_says() -> None:
    """The exception is the evidence."""
    bench = Bench(raising(Overrun()))
    assert bench.label() == ("44",)
    assert bench.counted() == {"overran": 1}


def test_a_labeler_that_overruns_again_and_again_is_suspended_and_tried_again() -> None:
    """Three hung requests are enough; ten seconds later it may have recovered."""
    asked: list[float] = []
    clock = ManualClock()

    def hanging(_: Payload) -> list[int]:
        asked.append(clock.time_s)
        raise Overrun

    bench = _with_clock(clock, hanging)
    for _ in range(STRIKES_MAX + 4):
        assert bench.label() == ("44",)
    assert len(asked) == STRIKES_MAX
    assert bench.counted() == {"overran": STRIKES_MAX, "suspended": 4}
    clock.time_s += SUSPENSION_S - 0.001
    bench.label()
    assert len(asked) == STRIKES_MAX
    clock.time_s += 0.001
    bench.label()
    assert len(asked) == STRIKES_MAX + 1


def test_overruns_that_lie_far_apart_do_not_suspend() -> None:
    """One an hour is no pattern."""
    clock = ManualClock()
    hangs = iter([True, False] * 3 * STRIKES_MAX)

    def now_and_then(_: Payload) -> list[int]:
        if next(hangs):
            raise Overrun
        return [7]

    bench = _with_clock(clock, now_and_then)
    for _ in range(3 * STRIKES_MAX):
        assert [bench.label(), bench.label()] == [("44",), ("7",)]
        clock.time_s += STRIKES_WITHIN_S / (STRIKES_MAX - 1)


def test_errors_do_not_suspend() -> None:
    """They cost no time, and the callers' payloads cause them."""
    bench = Bench(raising(KeyError()))
    for _ in range(50):
        bench.label()
    assert bench.counted() == {"raised": 50}


def test_a_burst_of_errors_is_logged_once_and_then_counted() -> None:
    """Thirty thousand lines a second would be the second fault."""
    bench = Bench(raising(KeyError("x" * 1000)))
    for _ in range(500):
        bench.label()
    assert len(bench.log.named("labeler_failed")) == 1
    assert len(bench.log.named("labeler_failed")[0]["error"]) == ERROR_CHARS_MAX
    bench.clock.time_s += 10.0
    bench.labeling.sweep()
    assert bench.log.named("labeler_failed")[1]["repeated"] == 499


def test_counters_outlive_a_reload_and_begin_at_zero() -> None:
    """A counter that falls looks like a restart; one that is missing cannot be alarmed on."""
    counts: Counts = Counter()
    before = Bench(lambda _: [7], counts=counts)
    before.label()
    before.labeling.sweep()  # as a reload does
    again = Bench(lambda _: [7], counts=counts)
    again.label()
    assert again.labeling.events() == {("l0", kind): 2 if kind == "ok" else 0 for kind in KINDS}


@given(
    st.lists(
        st.lists(st.integers() | st.text(max_size=5) | st.floats() | st.none() | st.booleans(), max_size=4)
        | st.none()
        | st.text(max_size=3),
        max_size=4,
    )
)
def test_whatever_labelers_yield_labels_come_out(results: list[Any]) -> None:
    """One row, one header, one metric: labels are safe in all of them."""
    bench = Bench(*(lambda _, result=result: result for result in results), default=("default",))
    labels = bench.label()
    assert len(set(labels)) == len(labels)
    assert all(type(label) is str and label.isascii() and label.isprintable() for label in labels)
    assert sum(bench.labeling.events().values()) == len(results)


def _with_clock(clock: ManualClock, call: Call, watchdog: Any = None) -> Bench:
    bench = Bench()
    bench.clock = clock
    bench.labeling = Labeling(
        [Labeler(use="l0", call=call, default=("44",), budget_s=0.02, line=3)],
        clock=clock,
        log=bench.log,
        watchdog=watchdog or NoWatchdog(),
    )
    return bench


def headed(payload: Payload) -> list[str]:
    """Says that it reads the head alone."""
    return [payload.model]


def cheating(payload: Payload) -> list[str]:
    """Says so too, and reads the body."""
    return [payload.body.decode()]


headed.reads = cheating.reads = "head"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("calls", "reads_head"), [((), True), ((headed,), True), ((headed, lambda _: [1]), False)]
)
def test_the_head_is_enough_where_it_is_for_all_labelers(calls: tuple[Call, ...], reads_head: bool) -> None:
    """One that wants the body makes the others wait for it."""
    assert Bench(*calls).labeling.reads_head is reads_head


def test_a_labeler_that_says_it_reads_the_head_and_reads_the_body_is_told_off() -> None:
    """At any time, not only under distress: it would give other labels then, and nobody would know why."""
    bench = Bench(cheating)
    whole = PipelineBench()
    whole.pipeline.snapshot.labeling = bench.labeling
    whole.take(body=b"8")
    assert bench.counted() == {"raised": 1}
    assert "reads the head alone" in bench.log.events[0][2]["error"]
    assert whole.pipeline.snapshot.table.plan(("44",), drained=False).tiers == ()
    assert whole.replies[0].labels == ("44",)
