"""A generator of constant rate: each request has a time at which it is due, and its latency counts from then.

A slow peer cannot slow it down, so what waits for a free connection is counted as the waiting that it is.
How late the generator itself was is told beside. A process of its own, on asyncio over select(2): epoll and
libuv round timers to a millisecond, which is longer than what is measured.

`python -m sim.bench.peers.openloop PORT FILE BYTES RATE SECONDS` prints one line of JSON.
"""

import asyncio
import gc
import selectors
import sys
import time
from collections import deque
from pathlib import Path

import httptools
import msgspec

CONNECTIONS = 64
WARM_UP_S = 0.3
"""Requests that are due in it are sent, and not counted."""

LAST_S_MAX = 2.0
"""How long the last answers are waited for."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; latencies from the due times."""

    requests: int  # answered with 2xx
    errors: int
    span_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    lag_p99_ms: float  # of the generator: from a due time to when it was attended to
    lag_max_ms: float


class Line(asyncio.Protocol):
    """One connection; at most one request is on its way on it."""

    def __init__(self, loop: "OpenLoop") -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._due_s: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes, due_s: float) -> None:
        """Send it now; it was due at `due_s`."""
        assert self._transport is not None
        self._due_s = due_s
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Of the parser: the answer is whole."""
        due_s, self._due_s = self._due_s, None
        if due_s is not None:
            status = self._parser.get_status_code()
            self._parser = httptools.HttpResponseParser(self)
            self._loop.answered(self, due_s, good=200 <= status < 300)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self._loop.lost(self, pending=self._due_s is not None)
        self._due_s = None

    def close(self) -> None:
        """No more."""
        if self._transport is not None:
            self._transport.abort()


class OpenLoop:
    """Sends `requests` in turn, one every 1/`rate` seconds."""

    def __init__(self, requests: list[bytes], rate: float) -> None:
        self._requests = requests
        self._rate = rate
        self._idle: deque[Line] = deque()
        self._waiting: deque[float] = deque()  # due times of what no connection is free for
        self._sent = 0
        self._turn = 0
        self._pending = 0
        self._over = asyncio.Event()
        self._began_s = 0.0
        self._count = 0
        self.latencies_s: list[tuple[float, float]] = []  # due time, latency
        self.lags_s: list[float] = []
        self.errors = 0

    async def run(self, port: int, seconds: float) -> Told:
        """Connect, send for so long after the warm-up, wait for the last answers."""
        loop = asyncio.get_running_loop()
        lines = [
            (await loop.create_connection(lambda: Line(self), "127.0.0.1", port))[1]
            for _ in range(CONNECTIONS)
        ]
        self._idle.extend(lines)
        self._count = round((WARM_UP_S + seconds) * self._rate)
        self._began_s = time.monotonic()
        self._tick()
        try:
            await asyncio.wait_for(self._over.wait(), WARM_UP_S + seconds + LAST_S_MAX)
        except TimeoutError:
            self.errors += self._pending + len(self._waiting)
        told = self.told(seconds)
        for line in lines:
            line.close()
        return told

    def answered(self, line: Line, due_s: float, *, good: bool) -> None:
        """Of a line: its request is done."""
        self._pending -= 1
        if good:
            self.latencies_s.append((due_s, time.monotonic() - due_s))
        else:
            self.errors += 1
        if self._waiting:
            self._send(line, self._waiting.popleft())
        else:
            self._idle.append(line)
        self._end_if_done()

    def lost(self, line: Line, *, pending: bool) -> None:
        """Of a line: the peer closed it."""
        if line in self._idle:
            self._idle.remove(line)
        if pending:
            self._pending -= 1
            self.errors += 1
            self._end_if_done()

    def told(self, seconds: float) -> Told:
        """The figures, the warm-up left out."""
        counted = sorted(span for due_s, span in self.latencies_s if due_s >= self._began_s + WARM_UP_S)
        lags = sorted(self.lags_s)
        return Told(
            requests=len(counted),
            errors=self.errors,
            span_s=seconds,
            p50_ms=quantile(counted, 0.5) * 1e3,
            p99_ms=quantile(counted, 0.99) * 1e3,
            p999_ms=quantile(counted, 0.999) * 1e3,
            lag_p99_ms=quantile(lags, 0.99) * 1e3,
            lag_max_ms=quantile(lags, 1.0) * 1e3,
        )

    def _tick(self) -> None:
        now = time.monotonic()
        while self._sent < self._count:
            due_s = self._began_s + self._sent / self._rate
            if due_s > now:
                loop = asyncio.get_running_loop()
                loop.call_at(loop.time() + due_s - now, self._tick)
                return
            self._sent += 1
            self._pending += 1
            self.lags_s.append(now - due_s)
            if self._idle:
                self._send(self._idle.popleft(), due_s)
            else:
                self._waiting.append(due_s)
            now = time.monotonic()
        self._end_if_done()

    def _send(self, line: Line, due_s: float) -> None:
        self._turn += 1
        line.send(self._requests[self._turn % len(self._requests)], due_s)

    def _end_if_done(self) -> None:
        if self._sent >= self._count and not self._pending:
            self._over.set()


def quantile(ordered: list[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed; 0 where there are none."""
    if not ordered:
        return 0.0
    place = -int(-share * len(ordered) // 1) - 1
    return ordered[min(max(place, 0), len(ordered) - 1)]


def main(arguments: list[str]) -> None:
    """Run once and print."""
    port, file, size, rate, seconds = arguments
    everything = Path(file).read_bytes()
    requests = [everything[at : at + int(size)] for at in range(0, len(everything), int(size))]
    gc.freeze()
    gc.disable()  # a pause of the generator would be counted against the peer
    with asyncio.Runner(loop_factory=_precise_loop) as runner:
        told = runner.run(OpenLoop(requests, float(rate)).run(int(port), float(seconds)))
    print(msgspec.json.encode(told).decode())


def _precise_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    main(sys.argv[1:])
