"""The closed loop: so many callers, each sends its next request once it has the answer to the last."""

import asyncio
import statistics
import time
from collections import Counter

from sim.calibrate.level import Level
from sim.calibrate.question import Question
from sim.load.ends import UNCONNECTED, word
from sim.load.line import NONE, Line
from sim.load.lines import Lines

OK = 200
LAST_S_MAX = 10.0
"""How long the last answers are waited for; what takes longer has failed."""

FAILURES_MAX = 1_000
"""A step with so many has told enough."""


class ClosedLoop:
    """One step. `requests_max` is what it may send."""

    def __init__(self, question: Question, concurrency: int, requests_max: int) -> None:
        self._question = question
        self._concurrency = concurrency
        self._requests_max = requests_max
        self._lines = Lines(self, question.address, concurrency, self._ask, self._refused)
        self._sent_s: dict[int, float] = {}  # of what is on its way
        self._until_s = 0.0
        self._failed = 0
        self._quiet = asyncio.Event()
        self._closed = False
        self.sent = 0
        self.ends: list[tuple[float, float, int]] = []  # when sent, when ended, how

    async def run(self) -> Level:
        """Ask for the step's time, then wait for the last answers."""
        began_s = time.monotonic()
        self._until_s = began_s + self._question.seconds
        for _ in range(self._concurrency):
            self._lines.want()
        try:
            await asyncio.wait_for(self._quiet.wait(), self._question.seconds + LAST_S_MAX)
        except TimeoutError:
            now_s = time.monotonic()
            self.ends += [(sent_s, now_s, NONE) for sent_s in self._sent_s.values()]
        finally:
            self._closed = True
            await self._lines.close()
        return self._level(began_s)

    # -- line.Desk ----------------------------------------------------------------------------------

    def answered(self, line: Line, number: int, status: int) -> None:
        if not self._closed:
            self._end(number, status)
            self._ask(line)

    def lost(self, line: Line, number: int, end: int) -> None:
        self._lines.forget(line)
        if self._closed:
            return
        if number != NONE:
            self._end(number, end)
        if self._over():
            self._end_if_quiet()
        else:
            self._lines.want()

    # -- asking -------------------------------------------------------------------------------------

    def _ask(self, line: Line) -> None:
        if self._over():
            self._end_if_quiet()
            return
        number, self.sent = self.sent, self.sent + 1
        self._sent_s[number] = time.monotonic()
        line.send(self._question.request, number)

    def _refused(self) -> None:
        now_s = time.monotonic()
        self.ends.append((now_s, now_s, UNCONNECTED))
        self._failed += 1
        if self._over():
            self._end_if_quiet()
        else:
            self._lines.want()

    def _end(self, number: int, end: int) -> None:
        self.ends.append((self._sent_s.pop(number), time.monotonic(), end))
        self._failed += end != OK

    def _over(self) -> bool:
        spent = self.sent >= self._requests_max or self._failed >= FAILURES_MAX
        return spent or time.monotonic() >= self._until_s

    def _end_if_quiet(self) -> None:
        if not self._sent_s:
            self._quiet.set()

    # -- the figures --------------------------------------------------------------------------------

    def _level(self, began_s: float) -> Level:
        """What ended after the warm-up and before the step's end; failures count whenever they come."""
        last_s = max((ended_s for _, ended_s, _ in self.ends), default=began_s)
        start_s, stop_s = began_s + self._question.warm_up_s, min(self._until_s, last_s)
        deadline_ms = self._question.deadline_ms or float("inf")
        counted = [each for each in self.ends if start_s < each[1] <= stop_s]
        took_ms = sorted((ended_s - sent_s) * 1e3 for sent_s, ended_s, end in counted if end == OK)
        good = sum(each <= deadline_ms for each in took_ms)
        return Level(
            concurrency=self._concurrency,
            seconds=max(stop_s - start_s, 1e-3),
            good=good,
            late=len(took_ms) - good,
            failed=self._failed,
            mean_ms=statistics.fmean(took_ms) if took_ms else 0.0,
            p50_ms=statistics.median(took_ms) if took_ms else 0.0,
            p99_ms=took_ms[int(0.99 * (len(took_ms) - 1))] if took_ms else 0.0,
            ends=dict(Counter("unanswered" if end == NONE else word(end) for *_, end in self.ends)),
        )
