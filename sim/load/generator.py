"""The open loop: sends each request when it is due, by the clock from the start, whatever the answers do.

Hot: some 50 µs a request on one core, kernel included (`python -m sim.bench.generator`).
"""

import asyncio
import time
from collections import deque

from sim.load.alarm import make_alarm
from sim.load.ends import TIMED_OUT, UNANSWERED, UNCONNECTED, UNSENT
from sim.load.limits import LoadLimits
from sim.load.line import NONE, Line
from sim.load.lines import Lines
from sim.load.record import Record
from sim.load.schedule import Schedule
from sim.load.stored import Requests

TURN_MAX = 16
"""Requests written in one turn of the loop, so that answers are read and written bytes leave in between."""

WELL = (200, 202)

SWEEP_S = 0.1
"""How often it is looked for requests without an answer."""


class Generator:
    """One process's share of a run, `seconds` long. `requests`: of each class, sent in turn, as bytes."""

    def __init__(
        self,
        schedule: Schedule,
        requests: Requests,
        address: tuple[str, int],
        seconds: float,
        limits: LoadLimits,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.record = Record(schedule)
        self.turned_to = 0  # requests
        self.ended = 0
        self.failed = 0  # ended neither with a 200 nor with a 202
        self._requests = requests
        self._seconds = seconds
        self._limits = limits
        self._loop = loop
        self._began_s = 0.0
        self._waiting: deque[int] = deque()  # numbers of what no connection is free for
        self._inflight: dict[int, Line] = {}  # the oldest first
        self._lines = Lines(self, address, limits.connections_max, self._free, self._refused)
        self._alarm = make_alarm(loop, self._tick)
        self._over = asyncio.Event()
        self._stopped = False
        self._closed = False  # what lines tell from now on is no longer the server's doing
        self._sweeping: asyncio.TimerHandle

    async def run(self, began_s: float) -> Record:
        """All of the schedule, from `began_s` of `time.monotonic` on; at most `drain_s_max` longer."""
        self._began_s = began_s
        self._alarm.set(began_s)
        self._sweeping = self._loop.call_later(SWEEP_S, self._sweep)
        ends_s = began_s + self._seconds + self._limits.drain_s_max
        try:
            await asyncio.wait_for(self._over.wait(), ends_s - time.monotonic())
        except TimeoutError:
            self._give_up()
        finally:
            self._closed = True
            if not self._stopped:
                self._alarm.close()
            self._sweeping.cancel()
            await self._lines.close()
        if self._stopped:
            self.record.cut(self.turned_to)
        return self.record

    def stop(self) -> None:
        """Send nothing more, and do not wait for what is on its way; what was not due yet is forgotten."""
        self._stopped = True
        self._alarm.close()
        self._give_up()
        self._over.set()

    # -- line.Desk ----------------------------------------------------------------------------------

    def answered(self, line: Line, number: int, status: int) -> None:
        if not self._closed:
            self._end(number, status)
            self._free(line)

    def lost(self, line: Line, number: int, end: int) -> None:
        self._lines.forget(line)
        if self._closed:
            return
        if number != NONE:
            self._end(number, end)
        if len(self._waiting) > self._lines.opening:
            self._lines.want()

    # -- sending ------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Send what is due."""
        if self._stopped:
            return
        record, began_s = self.record, self._began_s
        planned_s, lag_s = record.planned_s, record.lag_s
        idle = self._lines.idle
        number, count = self.turned_to, len(planned_s)
        until = min(number + TURN_MAX, count)
        now_s = time.monotonic() - began_s
        while number < until and planned_s[number] <= now_s:
            lag_s[number] = now_s - planned_s[number]
            if idle:
                self._send(idle.pop(), number, now_s)
            else:
                self._wait(number)
            number += 1
            now_s = time.monotonic() - began_s
        self.turned_to = number
        if number >= count:
            self._end_if_done()
        elif planned_s[number] <= now_s:
            self._loop.call_soon(self._tick)
        else:
            self._alarm.set(began_s + planned_s[number])

    def _send(self, line: Line, number: int, now_s: float) -> None:
        self.record.sent_s[number] = now_s
        self._inflight[number] = line
        variants = self._requests[self.record.kinds[number]]
        line.send(variants[number % len(variants)], number)

    def _wait(self, number: int) -> None:
        self._waiting.append(number)
        if not self._lines.want():
            self.record.held.append(number)

    def _free(self, line: Line) -> None:
        if self._waiting:
            self._send(line, self._waiting.popleft(), time.monotonic() - self._began_s)
        else:
            self._lines.idle.append(line)

    def _refused(self) -> None:
        if self._waiting:
            self._end(self._waiting.popleft(), UNCONNECTED)

    # -- ends ---------------------------------------------------------------------------------------

    def _end(self, number: int, end: int) -> None:
        record = self.record
        record.ended_s[number] = time.monotonic() - self._began_s
        record.ends[number] = end
        self._inflight.pop(number, None)
        self.ended += 1
        self.failed += end not in WELL
        if self.ended >= len(record):
            self._over.set()

    def _end_if_done(self) -> None:
        if self.ended >= len(self.record):
            self._over.set()

    def _sweep(self) -> None:
        """Give up what has had no answer for too long."""
        too_old_s = time.monotonic() - self._began_s - self._limits.answer_s_max
        old = []
        for number, line in self._inflight.items():
            if self.record.sent_s[number] > too_old_s:
                break
            old.append(line)
        for line in old:
            line.abort(TIMED_OUT)
        self._sweeping = self._loop.call_later(SWEEP_S, self._sweep)

    def _give_up(self) -> None:
        """The time is over: what is on its way has no answer, what waits was never sent."""
        for number in list(self._inflight):
            self._end(number, UNANSWERED)
        while self._waiting:
            self._end(self._waiting.popleft(), UNSENT)
