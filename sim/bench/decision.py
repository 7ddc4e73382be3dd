"""What one decision costs: label, plan, choose, permit, bookkeeping; no sockets. Medians of rounds.

`python -m sim.bench.decision`. "In all" is `Pipeline.take` to its reply, 64 requests at once on uvloop, over
model servers that answer on the loop's next turn; the stages are the same parts called by themselves, and
"the rest" is what remains: the objects of a request, its call-backs, the loop's turns. By tables of 6 and of
10,000 rows; the requests carry 60 labels in turn. One of two tiers, weights 10 and 50, permits in use.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from labelers import Payload
from proxy.clock import LiveClock
from proxy.loading import Loaded, Loader
from proxy.messages import Answer, Failure, Fallback, Outcome, Reply, Request, Target, Verdict
from proxy.observe.logs import open_log
from proxy.observe.meters import Meters
from proxy.offline.memory import MemoryQueue
from proxy.pipeline import Pipeline
from proxy.qos.gate import Gate, Pass
from proxy.routing.choose import choose
from proxy.snapshot import SnapshotBuilder
from proxy.timers import Wheel
from proxy.watchdog import Watchdog
from sim.bench.peers.payload import HEALTHY, LABELS, small_requests
from sim.bench.peers.penstock import ROWS, ROWS_FEW, table
from sim.bench.peers.upstream import TIMEOUT_MS, Upstreams

ROUNDS = 15
REQUESTS = 3_000
AT_ONCE = 64

ANSWER = Answer(
    status=200,
    headers=((b"Content-Type", b"application/json"),),
    body=b'{"model_name":"a","outputs":[]}',
)
IN_ALL, REST = "in all", "the rest"

Act = Callable[[int], object]
"""One step for the request of this number."""


class InstantCluster:
    """`ports.Cluster` whose model servers answer on the loop's next turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(
        self,
        target: Target,
        request: Request,
        budget_s: float,
        done: Callable[[Answer | Failure], None],
        rank: int = -1,
    ) -> "InstantCall":
        """Answer 200."""
        del rank
        assert target.url
        assert request.body
        assert budget_s > 0
        return InstantCall(self._loop.call_soon(done, ANSWER))


class InstantCall:
    """`ports.Call`: on its way for a turn of the loop."""

    def __init__(self, handle: asyncio.Handle) -> None:
        self.cancel = handle.cancel

    def abandon(self, ended: Callable[[bool], None]) -> None:
        self.cancel()
        ended(False)


class Bench:
    """One table's pipeline, with its parts at hand."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rows: int, watchdog: Watchdog) -> None:
        self._loop = loop
        log = open_log("error")
        clock, rng = LiveClock(), random.Random(0)
        self._clock, self._rng = clock, rng
        loader = Loader(environ={}, clock=clock, log=log, watchdog=watchdog)
        loaded = loader.load(Path("bench.yaml"), msgspec.json.encode(table(Upstreams(a=1, b=2, c=3), rows)))
        assert isinstance(loaded, Loaded), loaded
        self._loaded = loaded
        self._timers = Wheel(now=clock.now, alarm=loop.call_later, report=_raise)
        builder = SnapshotBuilder(
            clock=clock, timers=self._timers, rng=rng, clusters={"http": InstantCluster(loop)}
        )
        self.meters = Meters()
        self._pipeline = Pipeline(
            snapshot=builder.build(loaded.table, loaded.labeling, None),
            queue=MemoryQueue(clock=clock),
            clock=clock,
            meters=self.meters,
            log=log,
        )
        self.last: Reply | None = None

    async def measure(self) -> dict[str, float]:
        """Microseconds by stage, in the order of a request's way; `in all` comes last."""
        requests = self._requests()
        for step in self._stages(requests).values():
            step(0)  # plans are made, caches are warm
        await self._batch(requests)
        totals = [await self._batch(self._requests()) for _ in range(ROUNDS)]
        found = {name: _microseconds(act) for name, act in self._stages(requests).items()}
        in_all = statistics.median(totals)
        return {**found, REST: in_all - sum(found.values()), IN_ALL: in_all}

    def _requests(self) -> list[Request]:
        """Made afresh, for their deadlines count from now."""
        bodies = [request.partition(b"\r\n\r\n")[2] for request in small_requests()]
        return [
            Request(
                id=f"{number:032x}",
                method=b"POST",
                target=b"/v2/models/image-risk/infer",
                model=HEALTHY,
                headers=((b"Host", b"penstock.test"), (b"Content-Type", b"application/json")),
                body=bodies[number % len(bodies)],
                arrived_s=self._clock.now(),
                fallback=Fallback.NONE,
            )
            for number in range(REQUESTS)
        ]

    async def _batch(self, requests: list[Request]) -> float:
        """All through the pipeline, so many at once; microseconds each."""
        over = self._loop.create_future()
        waiting = iter(requests)
        left = len(requests)

        def done(reply: Reply) -> None:
            nonlocal left
            left -= 1
            self.last = reply
            request = next(waiting, None)
            if request is not None:
                self._pipeline.take(request, done)
            elif not left:
                over.set_result(None)

        began_ns = time.perf_counter_ns()
        for request in requests[:AT_ONCE]:
            next(waiting)
            self._pipeline.take(request, done)
        await over
        spent_ns = time.perf_counter_ns() - began_ns
        assert self.last is not None
        assert self.last.verdict is Verdict.SERVED, self.last
        return spent_ns / len(requests) / 1000

    def _stages(self, requests: list[Request]) -> dict[str, Act]:
        snapshot = self._pipeline.snapshot
        gates = snapshot.gates
        labels = [(str(label),) for label in LABELS]
        rows = snapshot.table.plan(labels[0], drained=False).tiers[0].rows
        gate = gates[rows[0].application]
        random_number = self._rng.random
        reply = self.last
        if reply is None:
            reply = Reply(verdict=Verdict.SERVED, answer=ANSWER)

        def label(number: int) -> object:
            request = requests[number]
            return snapshot.labeling.label(
                Payload(model=request.model, headers=request.headers, body=request.body, id=request.id)
            )

        def draw(_: int) -> object:
            now = self._clock.now()
            eligible = [row for row in rows if gates[row.application].bar(now) is None]
            return choose(eligible, random_number())

        return {
            "label: payload, JSON, json-field": label,
            "plan": lambda number: snapshot.table.plan(labels[number % len(labels)], drained=False),
            "choose: eligibility and draw": draw,
            "permit: take and give back": lambda _: self._permit(gate),
            "timeout: arm and cancel": lambda _: self._timers.after(TIMEOUT_MS / 1000, _nothing).cancel(),
            "bookkeeping: meters": lambda _: self.meters.settle(reply, 0.001),
        }

    def _permit(self, gate: Gate) -> None:
        now = self._clock.now()
        taken = gate.enter(now, 0.0)
        assert isinstance(taken, Pass)
        gate.leave(taken, Outcome.OK, now)


def _microseconds(act: Act) -> float:
    spans = []
    for _ in range(ROUNDS):
        began_ns = time.perf_counter_ns()
        for number in range(REQUESTS):
            act(number)
        spans.append((time.perf_counter_ns() - began_ns) / REQUESTS / 1000)
    return statistics.median(spans)


def _nothing() -> None:
    """A timeout that is cancelled before it comes."""


def _raise(error: Exception) -> None:
    raise error


async def measure_all(watchdog: Watchdog) -> dict[int, dict[str, float]]:
    """By the table's rows."""
    loop = asyncio.get_running_loop()
    return {rows: await Bench(loop, rows, watchdog).measure() for rows in (ROWS_FEW, ROWS)}


def main() -> None:
    """Print the table."""
    watchdog = Watchdog()
    watchdog.start()
    try:
        found = uvloop.run(measure_all(watchdog))
    finally:
        watchdog.stop()
    print(f"{'microseconds per request':36}" + "".join(f"{rows:>10,} rows" for rows in found))
    for stage in found[ROWS]:
        print(f"{stage:36}" + "".join(f"{stages[stage]:>15.2f}" for stages in found.values()))


if __name__ == "__main__":
    main()
