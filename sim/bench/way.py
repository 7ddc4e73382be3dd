"""What a request costs the proxy from bytes to bytes, without sockets and without the event loop.

`python -m sim.bench.way [ROUNDS]`: the real connections, service, pipeline and pools, over transports that
only take bytes. "In" is from a caller's bytes to those of the call to the model server, "out" from the model
server's bytes to those of the answer. Medians of rounds, in microseconds. With `--compiled` the same of the
compiled twin (`make compiled`), in turns, so that the machine's moods meet both.
"""

import asyncio
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from proxy.clock import LiveClock
from proxy.clusters.connection import Connection as ClientConnection
from proxy.clusters.http import HttpCluster
from proxy.clusters.limits import ClientLimits
from proxy.edge.connection import Connection
from proxy.edge.limits import EdgeLimits
from proxy.edge.service import Service
from proxy.loading import Loaded, Loader
from proxy.observe.logs import open_log
from proxy.observe.meters import Meters
from proxy.offline.memory import MemoryQueue
from proxy.pipeline import Pipeline
from proxy.snapshot import SnapshotBuilder
from proxy.timers import Wheel
from proxy.watchdog import Watchdog
from sim.bench.peers.payload import small_requests
from sim.bench.peers.penstock import COMPILED, ROWS, table
from sim.bench.peers.upstream import Upstreams

ROUNDS, REQUESTS, CONNECTIONS = 9, 6_000, 64

ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Thu, 26 Nov 2026 08:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: 33\r\nConnection: keep-alive\r\n\r\n"
    b'{"model_name":"a","outputs":[]}\r\n'
)


class Pipe:
    """A transport that takes bytes: the last ones, and when they came."""

    def __init__(self) -> None:
        self.last = b""
        self.at_ns = 0

    def write(self, data: bytes) -> None:
        """Take them."""
        self.at_ns = time.perf_counter_ns()
        self.last = data

    def get_write_buffer_size(self) -> int:
        """Nothing is ever left."""
        return 0

    def is_closing(self) -> bool:
        """Never."""
        return False

    def abort(self) -> None:
        """Nothing to close."""


class Way:
    """A proxy without sockets. `round` sends `REQUESTS` requests, one at a time, over many connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop, watchdog: Watchdog) -> None:
        log, clock, rng, meters = open_log("error"), LiveClock(), random.Random(0), Meters()
        self._upstreams = Upstreams(a=1, b=2, c=3)
        loaded = Loader(environ={}, clock=clock, log=log, watchdog=watchdog).load(
            Path("bench.yaml"), msgspec.json.encode(table(self._upstreams, ROWS))
        )
        assert isinstance(loaded, Loaded), loaded
        cluster = HttpCluster(loop=loop, clock=clock, limits=ClientLimits())
        timers = Wheel(now=clock.now, alarm=loop.call_later, report=_raise)
        builder = SnapshotBuilder(clock=clock, timers=timers, rng=rng, clusters={"http": cluster})
        queue = MemoryQueue(clock=clock)
        pipeline = Pipeline(
            snapshot=builder.build(loaded.table, loaded.labeling, None),
            queue=queue,
            clock=clock,
            meters=meters,
            log=log,
        )
        service = Service(
            pipeline=pipeline, queue=queue, clock=clock, rng=rng, meters=meters, log=log, version="0"
        )
        self._calls = {port: _kept_alive(cluster, f"http://127.0.0.1:{port}") for port in (1, 2)}
        self._callers = [_caller(service, clock) for _ in range(CONNECTIONS)]

    def round(self) -> tuple[float, float]:
        """Microseconds in and out, per request."""
        requests = small_requests()
        into_ns = out_ns = 0
        for number in range(REQUESTS):
            caller, answers = self._callers[number % CONNECTIONS]
            for _, calls in self._calls.values():
                calls.last = b""
            began_ns = time.perf_counter_ns()
            caller.data_received(requests[number % len(requests)])
            ((call, calls),) = [each for each in self._calls.values() if each[1].last]
            into_ns += calls.at_ns - began_ns
            began_ns = time.perf_counter_ns()
            call.data_received(ANSWER)
            out_ns += answers.at_ns - began_ns
            assert answers.last.startswith(b"HTTP/1.1 200 OK\r\n"), answers.last
        return into_ns / REQUESTS / 1000, out_ns / REQUESTS / 1000


def _kept_alive(cluster: HttpCluster, url: str) -> tuple[ClientConnection, Pipe]:
    pool, pipe = cluster._pool(url), Pipe()  # noqa: SLF001 - in place of a connection that is opened
    connection = pool._new()  # noqa: SLF001
    connection.connection_made(pipe)  # type: ignore[arg-type]
    pool._all.add(connection)  # noqa: SLF001
    pool._idle.append(connection)  # noqa: SLF001
    return connection, pipe


def _caller(service: Service, clock: LiveClock) -> tuple[Connection, Pipe]:
    pipe = Pipe()
    connection = Connection(service=service, limits=EdgeLimits(), clock=clock, connections=set())
    connection.connection_made(pipe)  # type: ignore[arg-type]
    return connection, pipe


def _raise(error: Exception) -> None:
    raise error


async def measure(rounds: int) -> list[tuple[float, float]]:
    """So many rounds, after one that is not counted."""
    watchdog = Watchdog()
    watchdog.start()
    try:
        way = Way(asyncio.get_running_loop(), watchdog)
        return [way.round() for _ in range(rounds + 1)][1:]
    finally:
        watchdog.stop()


def main() -> None:
    """Print the medians."""
    if "--compiled" in sys.argv:
        for _ in range(3):
            for path in ("", str(COMPILED)):
                print("compiled" if path else "plain", end="   ", flush=True)
                subprocess.run([sys.executable, "-P", __file__], env={"PYTHONPATH": f"{path}:."}, check=True)
        return
    found = uvloop.run(measure(ROUNDS))
    into, out = (statistics.median(each) for each in zip(*found, strict=True))
    fastest = min(sum(each) for each in found)
    print(f"in {into:6.2f}   out {out:6.2f}   both {into + out:6.2f} µs   (fastest round {fastest:.2f})")


if __name__ == "__main__":
    main()
