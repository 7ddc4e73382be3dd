"""The models of this server: who may wait, what has expired, and whether a model is well.

Decides admission; where the work runs is `threads.py` or `processes.py`. A full queue refuses at once: past
its capacity a model server's response time multiplies, so waiting longer helps nobody.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import msgspec

from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import Expired, ModelFailed, NotReady, Overloaded
from workers.model import sample_request
from workers.oip.tensors import InferRequest
from workers.ports import Tensors
from workers.processes import Processes
from workers.threads import Key, Threads, key_of

FAILURES_DOUBTED = 3  # in a row; then a model must prove itself again before it counts as ready


class Runner(Protocol):
    """Where inferences run."""

    def load(self, tell: Callable[[str], None]) -> None:
        """Load and prove every model; blocks."""

    def capacity(self, entry: Entry) -> int:
        """Inferences of a model at once."""
        ...

    def ready(self, key: Key) -> bool:
        """Whether the model can be asked."""
        ...

    def submit(self, key: Key, request: InferRequest, gate: Callable[[], None]) -> "Future[Tensors]":
        """Start or queue an inference."""
        ...

    def stop_loading(self) -> None:
        """Let `load` return soon, from another thread."""

    def close(self) -> None:
        """End everything; blocks."""


class PoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one pool runs on."""

    device: Device = Device()
    processes: int = 1  # 1 = threads of this process


class Pool:
    """Admits inferences. `infer` belongs to the event loop's thread; futures end in others."""

    def __init__(
        self,
        entries: Sequence[Entry],
        limits: PoolLimits,
        clock: Callable[[], float],
        runner: Runner | None = None,
    ) -> None:
        self.entries = {key_of(entry): entry for entry in entries}
        self._clock = clock
        self._runner = runner or _runner(entries, limits)
        self._lock = threading.Lock()
        self._pending: Counter[Key] = Counter()
        self._failures: Counter[Key] = Counter()
        self.loaded = False

    def load(self, tell: Callable[[str], None]) -> None:
        """Load every model, a line on each; blocks. Raises Unusable."""
        self._runner.load(tell)
        self.loaded = True

    def find(self, name: str, version: str = "") -> Entry | None:
        """A model; without a version its highest."""
        if version:
            return self.entries.get((name, version))
        versions = [entry for (found, _), entry in self.entries.items() if found == name]
        return max(versions, key=lambda entry: _rank(entry.version), default=None)

    def versions(self, name: str) -> list[str]:
        """All versions of a model, lowest first."""
        return sorted((version for found, version in self.entries if found == name), key=_rank)

    def infer(self, entry: Entry, request: InferRequest, deadline_s: float | None) -> "Future[Tensors]":
        """Queue an inference. `deadline_s` is on the pool's clock.

        Raises Overloaded, NotReady or Expired at once; the future may raise Expired too, and what the
        model raises.
        """
        key = key_of(entry)
        if not self._runner.ready(key):
            raise NotReady(f"the model '{entry.name}' is not ready")
        gate = self._gate(deadline_s)
        gate()
        with self._lock:
            if self._pending[key] >= entry.queued_max + self._runner.capacity(entry):
                raise Overloaded(f"the model '{entry.name}' has {self._pending[key]} requests pending")
            self._pending[key] += 1
        try:
            future = self._runner.submit(key, request, gate)
        except BaseException:
            self._settle(key, failed=None)
            raise
        future.add_done_callback(lambda done: self._settle(key, failed=_failed(done)))
        return future

    def ready(self, entry: Entry) -> bool:
        """Whether the model is loaded, proved, and has not failed too often in a row since."""
        return self._runner.ready(key_of(entry)) and not self.doubted(entry)

    def doubted(self, entry: Entry) -> bool:
        """Whether the model failed too often in a row; `prove` can clear it."""
        return self._failures[key_of(entry)] >= FAILURES_DOUBTED

    def prove(self, entry: Entry) -> "Future[Tensors]":
        """Send the model's sample through it; success clears the doubt."""
        return self.infer(entry, sample_request(entry), None)

    def stop_loading(self) -> None:
        """Load no further model; `load` returns soon."""
        self._runner.stop_loading()

    def close(self) -> None:
        """Let running inferences finish, then give everything back; blocks."""
        self._runner.close()

    def _gate(self, deadline_s: float | None) -> Callable[[], None]:
        def check() -> None:
            if deadline_s is not None and self._clock() >= deadline_s:
                raise Expired("the deadline passed before the inference began")

        return check

    def _settle(self, key: Key, *, failed: bool | None) -> None:
        """Count an end. `failed` None: it says nothing about the model."""
        with self._lock:
            self._pending[key] -= 1
            if failed is not None:
                self._failures[key] = self._failures[key] + 1 if failed else 0


def _failed(future: "Future[Tensors]") -> bool | None:
    if future.cancelled():
        return None
    error = future.exception()
    if error is None:
        return False
    return True if isinstance(error, ModelFailed) else None


def _runner(entries: Sequence[Entry], limits: PoolLimits) -> Runner:
    if limits.processes <= 1:
        return Threads(entries, Ground(device=limits.device))
    threads = max(1, (os.cpu_count() or 1) // limits.processes)
    return Processes(entries, Ground(device=limits.device, threads=threads), limits.processes)


def _rank(version: str) -> tuple[int, str]:
    """Numbers by size, above all words."""
    return (int(version), "") if version.isdecimal() else (-1, version)
