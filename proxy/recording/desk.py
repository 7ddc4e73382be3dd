"""The desk: the one recording of a proxy, asked for by an operator and gathered from all its processes.

Decides who may record what, when it has ended and whether it is complete. Never waits for the operator: what
is not read finds no room, is dropped, and the recording says so.
"""

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

import msgspec

from proxy.ports import Clock, Log
from proxy.recording.order import Batch, BodyOrder, Order, RecordingLimits, Wish
from proxy.recording.recorder import GATHERED
from proxy.recording.redaction import Rule, read_rule
from proxy.recording.rows import (
    ASKED,
    BYTES,
    GONE,
    REQUESTS,
    SHUTDOWN,
    TIME,
    VERSION,
    About,
    End,
    EndLine,
    Header,
)

LOOK_S = 0.25
"""How often the one who records is given what has gathered, and it is looked whether all is over."""


class Processes(Protocol):
    """All processes of the proxy, as the desk sees them; each has a number."""

    def record(self, order: Order) -> set[int]:
        """Tell all to record, also those that start later; who was told."""
        ...

    def close_recording(self) -> None:
        """Tell all to record nothing that arrives from now on, and to hand in the rest."""
        ...

    def forget_recording(self) -> None:
        """It is over: tell those that still record, and nobody who starts later."""
        ...


class BodyPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator allowed when the proxy was started. `redact`: rules that always hold."""

    allowed: bool = False
    redact: tuple[str, ...] = ()


class NotRecorded(Exception):
    """A recording that is not begun; with the HTTP status that says so."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Recording:
    """One recording under way. `lines` gives it to the one who asked for it."""

    def __init__(self, order: Order, processes: Processes, clock: Clock, wish: Wish) -> None:
        self._order = order
        self._processes = processes
        self._clock = clock
        self._wish = wish
        self._gathered: deque[bytes] = deque()
        self._gathered_bytes = 0
        self._bytes = 0
        self._requests = 0
        self._why = TIME
        self._until_s = order.until_s
        self._unfinished = 0
        self._dropped: Counter[str] = Counter()
        self._withheld: Counter[str] = Counter()
        self._lost = 0
        self._expected = processes.record(order)

    @property
    def over(self) -> bool:
        """Whether nothing more is to come: all have handed in the last, or it is too late for that."""
        limits = self._order.limits
        return not self._expected or self._clock.now() > self._until_s + limits.tail_s + limits.grace_s

    def close(self, why: str) -> None:
        """Record nothing that arrives from now on. The first reason stays."""
        now = self._clock.now()
        if now < self._until_s:
            self._why, self._until_s = why, now
            self._processes.close_recording()

    def expect(self, process: int) -> None:
        """A process began late, and records."""
        self._expected.add(process)

    def lose(self, process: int) -> None:
        """A process is gone; if it had not handed in its last lines, they are gone too."""
        if process in self._expected:
            self._expected.discard(process)
            self._lost += 1

    def hand_in(self, process: int, batch: Batch) -> None:
        """Take a batch of a process."""
        if batch.serial != self._order.serial:
            return
        if self._gathered_bytes + len(batch.lines) > self._order.limits.gathered_bytes_max:
            self._dropped[GATHERED] += batch.requests
        elif batch.requests:
            self._gathered.append(batch.lines)
            self._gathered_bytes += len(batch.lines)
            self._bytes += len(batch.lines)
            self._requests += batch.requests
        if batch.last is not None:
            self._expected.discard(process)
            self._unfinished += batch.last.unfinished
            self._dropped.update(batch.last.dropped)
            self._withheld.update(batch.last.withheld)
        if self._requests >= self._wish.requests:
            self.close(REQUESTS)
        elif self._bytes >= self._wish.bytes:
            self.close(BYTES)

    async def lines(self, about: About, rules: list[str]) -> AsyncGenerator[bytes, None]:
        """The header, then what gathers, then the end; empty where nothing has gathered for a while."""
        yield self._line(self._header(about, rules))
        while True:
            over = self.over
            yield self._take()
            if over:
                break
            await asyncio.sleep(LOOK_S)
        yield self._line(EndLine(end=self.end()))

    def end(self) -> End:
        """How it ended."""
        silent = len(self._expected)
        whole = not (self._dropped or self._unfinished or self._lost or silent)
        return End(
            why=self._why,
            complete=whole,
            seconds=round(self._until_s - self._order.began_s, 6),
            requests=self._requests,
            unfinished=self._unfinished,
            dropped=dict(self._dropped),
            withheld=dict(self._withheld),
            processes_lost=self._lost,
            processes_silent=silent,
        )

    def _take(self) -> bytes:
        gathered = b"".join(self._gathered)
        self._gathered.clear()
        self._gathered_bytes = 0
        return gathered

    def _header(self, about: About, rules: list[str]) -> Header:
        began_unix_s = self._order.began_s + self._order.epoch_s
        return Header(
            penstock_recording=VERSION,
            began=datetime.fromtimestamp(began_unix_s, UTC).isoformat(timespec="microseconds"),
            began_unix_s=round(began_unix_s, 6),
            seconds=self._wish.seconds,
            bodies=self._order.bodies is not None,
            rules=rules,
            about=about,
        )

    def _line(self, value: msgspec.Struct) -> bytes:
        return msgspec.json.encode(value) + b"\n"


class Desk:
    """`begin` a recording and read its `lines`; `finished` when nobody reads them any more."""

    def __init__(
        self,
        processes: Processes,
        *,
        about: Callable[[], About],
        policy: BodyPolicy,
        clock: Clock,
        log: Log,
        limits: RecordingLimits | None = None,
    ) -> None:
        self.limits = limits or RecordingLimits()
        self._processes = processes
        self._about = about
        self._policy = policy
        self._clock = clock
        self._log = log
        self._serial = 0
        self.recording: Recording | None = None

    def begin(self, wish: Wish) -> AsyncGenerator[bytes, None]:
        """Record; the lines. Raises NotRecorded."""
        rules = self._checked(wish)
        if self.recording is not None:
            raise NotRecorded(HTTPStatus.CONFLICT, "a recording is under way; there is one at a time")
        self._serial += 1
        now = self._clock.now()
        bodies = None
        if wish.bodies:
            bodies = BodyOrder(
                rules=tuple(rules.values()),
                binary=wish.binary,
                bytes_max=wish.body_bytes,
                key=secrets.token_bytes(16),
            )
        order = Order(
            serial=self._serial,
            began_s=now,
            until_s=now + wish.seconds,
            epoch_s=self._clock.wall() - now,
            limits=self.limits,
            bodies=bodies,
        )
        self.recording = Recording(order, self._processes, self._clock, wish)
        self._log.info("recording", seconds=wish.seconds, bodies=wish.bodies, rules=list(rules))
        return self.recording.lines(self._about(), list(rules))

    def finished(self) -> None:
        """Its lines have been read, or nobody reads them any more."""
        recording, self.recording = self.recording, None
        if recording is not None:
            recording.close(GONE)
            self._processes.forget_recording()
            end = recording.end()
            self._log.info("recorded", why=end.why, requests=end.requests, complete=end.complete)

    def hand_in(self, process: int, batch: Batch) -> None:
        """Take a batch of a process; one of an earlier recording is thrown away."""
        if self.recording is not None:
            self.recording.hand_in(process, batch)

    def expect(self, process: int) -> None:
        """A process began late, and was told to record."""
        if self.recording is not None:
            self.recording.expect(process)

    def lose(self, process: int) -> None:
        """A process is gone."""
        if self.recording is not None:
            self.recording.lose(process)

    def close(self, why: str = ASKED) -> bool:
        """End it; what is under way is still recorded. False where there is none."""
        if self.recording is not None:
            self.recording.close(why)
        return self.recording is not None

    def stop(self) -> None:
        """The proxy stops."""
        self.close(SHUTDOWN)
        self._processes.forget_recording()

    def _checked(self, wish: Wish) -> dict[str, Rule]:
        limits, policy = self.limits, self._policy
        known = (
            0 < wish.seconds <= limits.seconds_max
            and 0 < wish.requests <= limits.requests_max
            and 0 < wish.bytes <= limits.bytes_max
            and 0 < wish.body_bytes <= limits.body_bytes_max
            and len(wish.redact) <= limits.rules_max
        )
        if not known:
            text = (
                f"seconds, requests and bytes are above 0 and at most {limits.seconds_max:g},"
                f" {limits.requests_max} and {limits.bytes_max}; body_bytes at most {limits.body_bytes_max},"
                f" redact at most {limits.rules_max} rules"
            )
            raise NotRecorded(HTTPStatus.BAD_REQUEST, text)
        if not wish.bodies and (wish.redact or wish.binary):
            raise NotRecorded(
                HTTPStatus.BAD_REQUEST, "rules and binary are for bodies, which are not asked for"
            )
        if wish.bodies and not policy.allowed:
            text = "this proxy records no bodies: start it with --record-bodies to allow that"
            raise NotRecorded(HTTPStatus.FORBIDDEN, text)
        if not wish.bodies:
            return {}
        try:
            return {text: read_rule(text) for text in (*policy.redact, *wish.redact)}
        except ValueError as error:
            raise NotRecorded(HTTPStatus.BAD_REQUEST, str(error)) from error
