"""The front's port over another, with sets of models and with pictures that are fetched.

A request for one model that brings its own picture goes straight through. Another costs a task: its pictures
are fetched if the parameter `fetch` asks for it, shared out so that each is decoded once (`sharing.py`), and
given to each model. If one model fails, the request does, and the others' inferences are cancelled.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from workers.entry import Entry
from workers.errors import BadInput, Expired, NotReady
from workers.fetch.fetcher import Fetcher
from workers.oip.metadata import check_request
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.pool import Listed, Pool
from workers.ports import Tensors
from workers.several.counts import Counts
from workers.several.description import JOINT, Set
from workers.several.sharing import Shares, decodes_itself, needs_decoding, shares
from workers.statistics import ModelStatistics
from workers.tree.ledger import Ledger

FETCH = "fetch"


class SharingPool:
    """`front.port.Pool`. Owns the tasks of its requests."""

    def __init__(
        self,
        inner: Pool,
        sets: Sequence[Set],
        fetcher: Fetcher,
        ledger: Ledger,
    ) -> None:
        self._inner = inner
        self._sets = {each.entry.name: each for each in sets}
        self._fetcher = fetcher
        self._counts = {each.entry.name: Counts(ledger, number) for number, each in enumerate(sets)}
        self._tasks: set[asyncio.Task[Tensors]] = set()

    def find(self, name: str, version: str = "") -> Entry | None:
        found = self._sets.get(name)
        if found is None:
            return self._inner.find(name, version)
        return found.entry if version in ("", found.entry.version) else None

    def versions(self, name: str) -> list[str]:
        found = self._sets.get(name)
        return self._inner.versions(name) if found is None else [found.entry.version]

    @property
    def loaded(self) -> bool:
        return self._inner.loaded

    def index(self) -> list[Listed]:
        words = "a model of the set is not ready"
        sets = [(each.entry, self.ready(each.entry)) for each in self._sets.values()]
        rows = [Listed(entry=entry, ready=ready, reason="" if ready else words) for entry, ready in sets]
        return [*self._inner.index(), *rows]

    def infer(
        self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int = 0
    ) -> "asyncio.Future[Tensors]":
        found = self._sets.get(entry.name)
        if found is None and FETCH not in request.parameters:
            return self._inner.infer(entry, request, deadline_s, rank)
        if found is None:
            work = self._one(entry, request, deadline_s, rank)
        else:
            work = self._several(found, request, deadline_s, rank)
        task = asyncio.ensure_future(_by(deadline_s, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def ready(self, entry: Entry) -> bool:
        found = self._sets.get(entry.name)
        if found is None:
            return self._inner.ready(entry)
        members = [self._inner.find(name) for name in found.models]
        return all(member is not None and self._inner.ready(member) for member in members)

    async def prove(self, entry: Entry) -> bool:
        found = self._sets.get(entry.name)
        if found is None:
            return await self._inner.prove(entry)
        members = [self._inner.find(name) for name in found.models]
        return all([member is not None and await self._inner.prove(member) for member in members])

    def statistics(self, entry: Entry) -> ModelStatistics:
        counts = self._counts.get(entry.name)
        if counts is None:
            return self._inner.statistics(entry)
        members = [self._inner.find(name) for name in self._sets[entry.name].models]
        return counts.statistics([self._inner.statistics(each).shared for each in members if each])

    async def load_model(self, name: str, override: dict[str, Any] | None = None) -> None:
        await self._inner.load_model(name, override)

    async def unload_model(self, name: str) -> None:
        await self._inner.unload_model(name)

    async def _one(self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int) -> Tensors:
        fetched = await self._fetched(request)
        return await self._inner.infer(entry, fetched, deadline_s, rank)

    async def _several(
        self, each: Set, request: InferRequest, deadline_s: float | None, rank: int
    ) -> Tensors:
        counts = self._counts[each.entry.name]
        began_ns = time.perf_counter_ns()
        try:
            check_request(request, each.entry.inputs, each.entry.outputs)
            entries = [self._member(name) for name in _asked(each, request)]
            fetching = bool(request.parameters.get(FETCH))
            request = await self._fetched(request)
            raws = request.inputs[0].data.tolist()
            slow = needs_decoding(entries, raws)
            given = await asyncio.to_thread(shares, entries, raws) if slow else shares(entries, raws)
            counts.share(len(raws), len(entries), given, fetched=fetching)
            outputs = await self._ask(entries, request, given, deadline_s, rank)
        except BaseException:
            counts.failed(time.perf_counter_ns() - began_ns)
            raise
        counts.succeeded(time.perf_counter_ns() - began_ns)
        return outputs

    def _member(self, name: str) -> Entry:
        entry = self._inner.find(name)
        if entry is None:
            raise NotReady(f"the model '{name}' is not ready")
        return entry

    async def _ask(
        self, entries: list[Entry], request: InferRequest, given: Shares, deadline_s: float | None, rank: int
    ) -> Tensors:
        futures: list[asyncio.Future[Tensors]] = []
        gpu, cpu = bytes_array(given.gpu), bytes_array(given.cpu)
        try:
            for entry in entries:
                pictures = gpu if decodes_itself(entry) else cpu
                tensor = Tensor.of(entry.inputs[0].name, "BYTES", pictures)
                one = InferRequest(inputs=(tensor,), parameters=request.parameters)
                futures.append(self._inner.infer(entry, one, deadline_s, rank))
            results = [await future for future in futures]
        finally:
            for future in futures:
                future.cancel()
            await asyncio.gather(*futures, return_exceptions=True)
        return tuple(
            Tensor.of(f"{entry.name}{JOINT}{tensor.name}", tensor.datatype, tensor.data)
            for entry, tensors in zip(entries, results, strict=True)
            for tensor in tensors
        )

    async def _fetched(self, request: InferRequest) -> InferRequest:
        """The request with pictures in place of their URLs, if it asks for that."""
        if not request.parameters.get(FETCH):
            return request
        if not self._fetcher.limits.hosts:
            raise BadInput(
                "pictures are not fetched here: the server was started without hosts to fetch from"
            )
        inputs = [await self._fetch_all(tensor) for tensor in request.inputs]
        parameters = {key: value for key, value in request.parameters.items() if key != FETCH}
        return msgspec.structs.replace(request, inputs=tuple(inputs), parameters=parameters)

    async def _fetch_all(self, tensor: Tensor) -> Tensor:
        if tensor.datatype != "BYTES":
            return tensor
        limit = self._fetcher.limits.pictures_max
        texts = [raw.decode("utf-8", "replace") for raw in tensor.data.ravel().tolist()]
        if len(texts) > limit:
            raise BadInput(f"a request has {len(texts)} URLs; the limit is {limit}")
        tasks = [asyncio.ensure_future(self._fetcher.fetch(text)) for text in texts]
        try:
            raws = [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Tensor.of(tensor.name, "BYTES", bytes_array(raws).reshape(tensor.shape))


async def _by(deadline_s: float | None, work: Coroutine[Any, Any, Tensors]) -> Tensors:
    try:
        async with asyncio.timeout(None if deadline_s is None else deadline_s - time.monotonic()):
            return await work
    except TimeoutError as error:
        raise Expired("the deadline passed before the inference ended") from error


def _asked(each: Set, request: InferRequest) -> list[str]:
    """Models of which the request wants an output."""
    if not request.outputs:
        return list(each.models)
    wanted = {output.name for output in request.outputs}
    return [name for name in each.models if any(output.startswith(f"{name}{JOINT}") for output in wanted)]
