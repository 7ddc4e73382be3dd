"""The models as one front reaches them: admission, the way into the tree, and what the supervisor says of it.

It decides who may wait and what has expired; the work is done elsewhere, or right here for models that are
placed in the front. A full queue refuses at once: past its capacity a model server's response time
multiplies, so waiting longer helps nobody.
"""

import asyncio
import itertools
from collections.abc import Callable
from time import monotonic, perf_counter_ns, time_ns
from typing import Any

from workers.device import Device
from workers.entry import Entry
from workers.errors import Expired, ModelFailed, NotReady, Overloaded, Unusable, WorkerError
from workers.model import sample_request
from workers.oip.datatypes import BadTensor
from workers.oip.metadata import check_request
from workers.oip.tensors import InferRequest
from workers.pool import Key, Listed, key_of, rank_of
from workers.ports import Tensors
from workers.statistics import ModelStatistics
from workers.tree.desk import Desk
from workers.tree.form import prepared_parcel, request_parcel
from workers.tree.health import healthy
from workers.tree.journey import Journey
from workers.tree.ledger import FAILED, INFER, INFERENCES, LAST_MS, PENDING, SUCCEEDED_NS, SUCCESS, Ledger
from workers.tree.loading import LOAD_S_MAX
from workers.tree.messages import Asked
from workers.tree.served import Served
from workers.tree.slot import Step

WAIT_S_MAX = 120.0  # for a request that came without a deadline
PROVE_S_MAX = 10.0  # for a sample


class TreePool:
    """The port `Pool` over the tree. `tell` sends to the supervisor."""

    def __init__(self, desk: Desk, ledger: Ledger, device: Device, tell: Callable[[Asked], None]) -> None:
        self._desk = desk
        self._ledger = ledger
        self._device = device
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._served: dict[Key, Served] = {}
        self.stages: set[int] = set()  # seats
        self.loaded = False
        self._serials = itertools.count()
        self._asked: dict[int, asyncio.Future[str]] = {}
        self._flushing = False

    # -- what there is ------------------------------------------------------------------------------

    def find(self, name: str, version: str = "") -> Entry | None:
        if version:
            found = self._served.get((name, version))
            return None if found is None else found.known.entry
        entries = [served.known.entry for served in self._served.values() if served.known.entry.name == name]
        return max(entries, key=lambda entry: rank_of(entry.version), default=None)

    def versions(self, name: str) -> list[str]:
        return sorted((version for found, version in self._served if found == name), key=rank_of)

    def index(self) -> list[Listed]:
        entries = [served.known.entry for served in self._served.values()]
        return [self._listed(entry) for entry in entries]

    def _listed(self, entry: Entry) -> Listed:
        ready = self.ready(entry)
        return Listed(entry=entry, ready=ready, reason="" if ready else "not ready")

    def ready(self, entry: Entry) -> bool:
        served = self._served.get(key_of(entry))
        if served is None:
            return False
        if served.model is not None and served.health is not None:
            return served.health.failed == 0 or healthy(served.health.failed, 0.0)
        return any(self._well(served.known.row, seat) for seat in served.seats)

    def _well(self, row: int, seat: int) -> bool:
        """Whether a predictor's model answered lately."""
        column = self._desk.column(seat, self._ledger.columns)
        since_s = monotonic() - self._ledger.of(column, row, SUCCEEDED_NS) / 1e9
        return healthy(self._ledger.of(column, row, FAILED), since_s)

    async def prove(self, entry: Entry) -> bool:
        if not self.ready(entry):
            try:
                await self.infer(entry, sample_request(entry), monotonic() + PROVE_S_MAX)
            except (WorkerError, BadTensor):
                return False
        return self.ready(entry)

    def statistics(self, entry: Entry) -> ModelStatistics:
        served = self._served.get(key_of(entry))
        return ModelStatistics() if served is None else self._ledger.statistics(served.known.row)

    # -- inferences ---------------------------------------------------------------------------------

    def infer(
        self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int = 0
    ) -> "asyncio.Future[Tensors]":
        served = self._served.get(key_of(entry))
        if served is None or (not served.seats and served.model is None):
            raise NotReady(f"the model '{entry.name}' is not ready")
        now_s = monotonic()
        if deadline_s is None:
            deadline_s = now_s + WAIT_S_MAX
        elif now_s >= deadline_s:
            raise Expired("the deadline passed before the inference began")
        check_request(request, entry.inputs, entry.outputs)
        if served.model is not None:
            return self._infer_here(served, request)
        pending = self._ledger.sum(served.known.row, PENDING)
        if pending >= served.admitted_max:
            raise Overloaded(f"the model '{entry.name}' has {pending} requests pending")
        future: asyncio.Future[Tensors] = self._loop.create_future()
        journey = Journey(
            self._desk,
            self._ledger,
            served,
            future,
            deadline_s=deadline_s,
            rank=rank,
            rows=_rows(entry, request),
        )
        made = None if served.kind is None else served.kind.at_once(request)
        if made is not None:
            journey.begin(prepared_parcel(made, request), None, Step.PREDICT)
        else:
            journey.begin(request_parcel(request), self._stage() if served.known.prepared else None)
        journey.timer = self._loop.call_later(deadline_s - now_s, self._expire, journey)
        future.add_done_callback(lambda done: self._leave(journey) if done.cancelled() else None)
        self.flush_soon()
        return future

    def _expire(self, journey: Journey) -> None:
        journey.expire()
        self.flush_soon()

    def _leave(self, journey: Journey) -> None:
        journey.leave()
        self.flush_soon()

    def _stage(self) -> int | None:
        """The stage with the least to do."""
        return min(self.stages, key=self._desk.at, default=None)

    def _infer_here(self, served: Served, request: InferRequest) -> "asyncio.Future[Tensors]":
        assert served.model is not None
        assert served.health is not None
        future: asyncio.Future[Tensors] = self._loop.create_future()
        began_ns = perf_counter_ns()
        (result,) = served.model.infer_many((request,))
        failed = isinstance(result, ModelFailed)
        served.health.ran(monotonic(), succeeded=not isinstance(result, Exception), failed=failed)
        if isinstance(result, Exception):
            future.set_exception(result)
            return future
        future.set_result(result)
        row, ns = served.known.row, perf_counter_ns() - began_ns
        for field in (SUCCESS, INFER):
            self._ledger.add(row, field)
            self._ledger.add(row, field + 1, ns)
        self._ledger.add(row, INFERENCES, _rows(served.known.entry, request))
        self._ledger.set(row, LAST_MS, time_ns() // 1_000_000)
        return future

    def flush_soon(self) -> None:
        """Wake seats at the end of this turn of the loop: once for all that is sent in it."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._desk.flush()

    def collect(self) -> None:
        """Answers are there."""
        self._desk.collect()
        self.flush_soon()

    # -- what the supervisor says -------------------------------------------------------------------

    def serve(self, served: dict[Key, Served], *, loaded: bool) -> None:
        """From now on these models are there, and no others."""
        self._served = served
        self.loaded = self.loaded or loaded

    def told(self, serial: int, words: str) -> None:
        """How a load or an unload went."""
        future = self._asked.pop(serial, None)
        if future is not None and not future.done():
            future.set_result(words)

    async def load_model(self, name: str, override: dict[str, Any] | None = None) -> None:
        await self._ask(name, load=True, override=override)

    async def unload_model(self, name: str) -> None:
        await self._ask(name, load=False)

    async def _ask(self, name: str, *, load: bool, override: dict[str, Any] | None = None) -> None:
        serial = next(self._serials)
        future: asyncio.Future[str] = self._loop.create_future()
        self._asked[serial] = future
        self._tell(Asked(serial, name, load, override))
        try:
            words = await asyncio.wait_for(future, LOAD_S_MAX)
        except TimeoutError as error:
            raise Unusable(f"{name}: not loaded after {LOAD_S_MAX:.0f} s") from error
        finally:
            self._asked.pop(serial, None)
        if words:
            raise Unusable(words)


def _rows(entry: Entry, request: InferRequest) -> int:
    """What a request counts for: its rows where the model batches, else 1."""
    if entry.batching.max_batch_size <= 1 or not request.inputs or not request.inputs[0].shape:
        return 1
    return max(1, request.inputs[0].shape[0])
