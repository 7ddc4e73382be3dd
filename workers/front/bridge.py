"""The front's port over a pool of threads or pipes: their futures end elsewhere and are brought to the loop.

Counts what it can see from here: whole times, no stages. Wakes the loop once for all that ended meanwhile.
"""

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import Any

from workers.entry import Entry
from workers.errors import Unusable
from workers.front.port import Duration, Standing, Statistics
from workers.oip.tensors import InferRequest
from workers.pool import Pool as ThreadedPool
from workers.ports import Tensors
from workers.threads import Key, key_of

Wanted = asyncio.Future[Tensors]


class Counts:
    """What one model did."""

    def __init__(self) -> None:
        self.last_ms = self.success = self.success_ns = self.fail = self.fail_ns = 0


class Bridge:
    """`front.port.Pool` over `workers.pool.Pool`. A model that is unloaded stays in memory, unasked."""

    def __init__(self, pool: ThreadedPool, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._entries = dict(pool.entries)
        self._unloaded: set[str] = set()
        self._counts: dict[Key, Counts] = {key: Counts() for key in pool.entries}
        self._ended: deque[tuple[Wanted, Future[Tensors], Counts, int]] = deque()
        self._lock = threading.Lock()
        self._woken = False

    def find(self, name: str, version: str = "") -> Entry | None:
        if name in self._unloaded:
            return None
        found = self._pool.find(name, version)
        return found and self._entries[key_of(found)]

    def versions(self, name: str) -> list[str]:
        return self._pool.versions(name)

    def index(self) -> list[Standing]:
        return [self._standing(entry) for entry in self._pool.entries.values()]

    def infer(self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int = 0) -> Wanted:
        del rank  # the queue here is first come, first served
        wanted: Wanted = self._loop.create_future()
        began_ns = time.perf_counter_ns()
        running = self._pool.infer(entry, request, deadline_s)
        counts = self._counts[key_of(entry)]
        running.add_done_callback(lambda done: self._end(wanted, done, counts, began_ns))
        wanted.add_done_callback(lambda done: done.cancelled() and running.cancel())
        return wanted

    def ready(self, entry: Entry) -> bool:
        return entry.name not in self._unloaded and self._pool.ready(entry)

    def statistics(self, entry: Entry) -> Statistics:
        counts = self._counts[key_of(entry)]
        done = Duration(count=counts.success, ns=counts.success_ns)
        return Statistics(
            last_inference_ms=counts.last_ms,
            inference_count=counts.success,
            execution_count=counts.success,
            success=done,
            fail=Duration(count=counts.fail, ns=counts.fail_ns),
            compute_infer=done,
        )

    async def load_model(self, name: str, override: dict[str, Any] | None = None) -> None:
        versions = self._pool.versions(name)
        if not versions:
            words = "failed to poll from model repository: there is no such model"
            raise Unusable(f"failed to load '{name}', {words}")
        if override:
            raise Unusable(f"failed to load '{name}': overriding the configuration is not offered")
        self._unloaded.discard(name)

    async def unload_model(self, name: str) -> None:
        if not self._pool.versions(name):
            raise Unusable(f"failed to unload '{name}': there is no such model")
        self._unloaded.add(name)

    def _standing(self, entry: Entry) -> Standing:
        wanted = entry.name not in self._unloaded
        ready = self.ready(entry)
        reason = "" if ready else ("not ready" if wanted else "unloaded")
        return Standing(name=entry.name, version=entry.version, ready=ready, reason=reason, wanted=wanted)

    def _end(self, wanted: Wanted, done: "Future[Tensors]", counts: Counts, began_ns: int) -> None:
        """In any thread."""
        with self._lock:
            self._ended.append((wanted, done, counts, began_ns))
            woken, self._woken = self._woken, True
        if not woken and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._bring)

    def _bring(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, deque()
            self._woken = False
        now_ns = time.perf_counter_ns()
        for wanted, done, counts, began_ns in ended:
            if wanted.done() or done.cancelled():
                if not wanted.done():
                    wanted.cancel()
                continue
            error = done.exception()
            if error is None:
                counts.success += 1
                counts.success_ns += now_ns - began_ns
                counts.last_ms = int(time.time() * 1000)
                wanted.set_result(done.result())
            else:
                counts.fail += 1
                counts.fail_ns += now_ns - began_ns
                wanted.set_exception(error)
