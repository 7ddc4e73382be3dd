"""Labeling: runs a table's labelers on a payload. No labeler can fail a request.

One that raises, yields nonsense, or overruns its time budget is counted, logged once per burst, and gives
its default labels. One that overruns again and again is left alone for a while. Runs on the event loop, no
task and no await: about 3 µs a labeler besides what the labeler does.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from labelers import Payload
from labelers.bounded import Bounded
from labelers.errors import BadYield
from labelers.labels import Labeler as LabelerCall
from labelers.labels import collect, reads_head
from proxy.observe.burst import Burst
from proxy.observe.meters import Cell
from proxy.ports import Clock, Log
from proxy.watchdog import Overrun, Watching

OK, RAISED, NONSENSE, OVERRAN, SUSPENDED = KINDS = ("ok", "raised", "nonsense", "overran", "suspended")
"""What can happen to a labeler on one request."""

STRIKES_MAX = 3
STRIKES_WITHIN_S = 60.0
SUSPENSION_S = 10.0
"""Three overruns within a minute, and a labeler is not asked for ten seconds."""

ERROR_CHARS_MAX = 200

Counts = Counter[tuple[str, str]]
"""By labeler (its `use`) and kind; what has not happened is not in it."""

BURST_EVENT = "labeler_failed"


@dataclass(frozen=True, kw_only=True)
class Labeler:
    """A labeler with what the table says about it."""

    use: str
    call: LabelerCall
    default: tuple[str, ...] = ()
    budget_s: float = 0.02
    line: int = 0


class Labeling:
    """The labelers of one table. `counts` and `burst` outlive it: a reload passes the same ones on.

    Building one changes neither: most are built to see whether a table is good.
    """

    def __init__(
        self,
        labelers: Sequence[Labeler],
        *,
        clock: Clock,
        log: Log,
        watchdog: Watching,
        counts: Counts | None = None,
        burst: Burst | None = None,
    ) -> None:
        self.counts: Counts = Counter() if counts is None else counts
        self._burst = Burst(BURST_EVENT, clock=clock, log=log) if burst is None else burst
        self._never = {(labeler.use, kind): 0 for labeler in labelers for kind in KINDS}
        self.reads_head = all(reads_head(labeler.call) for labeler in labelers)
        self._stations = tuple(
            Station(labeler, clock=clock, watchdog=watchdog, counts=self.counts, burst=self._burst)
            for labeler in labelers
        )

    def label(self, payload: Payload) -> tuple[str, ...]:
        """The union of what the labelers yield, canonical, in order of first appearance. Never raises."""
        stations = self._stations
        if len(stations) == 1:
            labels = stations[0].ask(payload)
            return tuple(labels) if len(labels) < 2 else tuple(dict.fromkeys(labels))
        found: dict[str, None] = {}
        for station in stations:
            for label in station.ask(payload):
                found[label] = None
        return tuple(found)

    def events(self) -> dict[tuple[str, str], int]:
        """What happened since the start, by labeler and kind; 0 for what never did to one in service."""
        self._pour()
        return {**self._never, **self.counts}

    def sweep(self) -> None:
        """Log the counts of bursts that have ended."""
        self._pour()
        self._burst.flush()

    def _pour(self) -> None:
        for station in self._stations:
            if station.ok.count:
                self.counts[station.use, OK] += station.ok.count
                station.ok.count = 0


class Station:
    """One labeler at work: its counts, its strikes, its suspension."""

    __slots__ = (
        *("_budget_s", "_burst", "_call", "_counts", "_keys", "_labeler", "_now"),
        *("_bounded", "_strikes", "_suspended_until_s", "_watchdog", "ok", "use"),
    )

    def __init__(
        self, labeler: Labeler, *, clock: Clock, watchdog: Watching, counts: Counts, burst: Burst
    ) -> None:
        self._labeler = labeler
        self.use = labeler.use
        self._call = labeler.call
        self._bounded = labeler.call if isinstance(labeler.call, Bounded) else None
        self._budget_s = labeler.budget_s
        self._now = clock.now
        self._watchdog = watchdog
        self._counts = counts
        self._burst = burst
        self._keys = {kind: (labeler.use, kind) for kind in KINDS}
        self.ok = Cell()  # how often all was well, since it was last read
        self._strikes: list[float] = []  # when it overran, lately
        self._suspended_until_s = -math.inf

    def ask(self, payload: Payload) -> Sequence[str]:
        """Its labels for this payload, or its default labels. Never raises (but for Ctrl-C)."""
        began = self._now()
        if began < self._suspended_until_s:
            return self._fail(SUSPENDED, "it overran too often")
        kind = error = ""
        found: Sequence[str] = ()
        try:
            found = (
                self._ask_watched(payload, began) if self._bounded is None else self._bounded.labels(payload)
            )
        except Overrun:
            kind = OVERRAN
        except BadYield as caught:
            kind, error = NONSENSE, str(caught)
        except KeyboardInterrupt:
            raise
        except BaseException as caught:  # noqa: BLE001 - the user's code may raise anything
            # Nothing is awaited here: even a CancelledError is the labeler's own, not a cancellation.
            kind, error = RAISED, _describe(caught)
        elapsed_s = self._now() - began
        if elapsed_s > self._budget_s or kind == OVERRAN:
            return self._late(kind, elapsed_s, found)
        if kind:
            return self._fail(kind, error)
        self.ok.count += 1
        return found

    def _ask_watched(self, payload: Payload, began: float) -> list[str]:
        self._watchdog.arm(began, began + self._budget_s)
        try:
            return collect(self._call, payload)
        finally:
            self._watchdog.disarm()

    def _late(self, kind: str, elapsed_s: float, found: Sequence[str]) -> Sequence[str]:
        """Over the budget. Labels in hand count if it was the process that stood still, not the labeler."""
        to_blame = kind == OVERRAN or (
            self._bounded is None and self._watchdog.blames(elapsed_s, self._budget_s)
        )
        if to_blame:
            self._strike()
        took = f"{elapsed_s * 1000:.1f} ms, its budget is {self._budget_s * 1000:.1f} ms"
        default = self._fail(OVERRAN, f"it took {took}")
        return default if to_blame or kind else found

    def _strike(self) -> None:
        now = self._now()
        self._strikes = [struck for struck in self._strikes if now - struck < STRIKES_WITHIN_S] + [now]
        if len(self._strikes) >= STRIKES_MAX:
            self._strikes = []
            self._suspended_until_s = now + SUSPENSION_S

    def _fail(self, kind: str, error: str) -> tuple[str, ...]:
        labeler = self._labeler
        self._counts[self._keys[kind]] += 1
        self._burst.tell(
            (labeler.use, kind),
            labeler=labeler.use,
            kind=kind,
            error=error,
            line=labeler.line,
            default=labeler.default,
        )
        return labeler.default


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the user's exception, its `__str__` may raise too
        text = ""
    return f"{type(error).__name__}: {text}"[:ERROR_CHARS_MAX]
