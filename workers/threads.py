"""Models in threads of this process: each model has its own few, so that a slow one delays no other."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter

from workers.device import Ground
from workers.entry import Entry
from workers.model import Model
from workers.oip.tensors import InferRequest
from workers.ports import Tensors

Key = tuple[str, str]
"""A model's name and version."""


def key_of(entry: Entry) -> Key:
    """Under what a model is found."""
    return entry.name, entry.version


class Threads:
    """Runs inferences of loaded models."""

    def __init__(self, entries: Sequence[Entry], ground: Ground) -> None:
        self._entries = entries
        self._ground = ground
        self._models: dict[Key, Model] = {}
        self._executors: dict[Key, ThreadPoolExecutor] = {}
        self._stopping = False

    def load(self, tell: Callable[[str], None]) -> None:
        """Load and prove every model, one after the other; blocks. Raises Unusable."""
        for entry in self._entries:
            if self._stopping:
                return
            start_s = perf_counter()
            model = Model(entry)
            where = model.initialise(self._ground)
            self._models[key_of(entry)] = model
            self._executors[key_of(entry)] = ThreadPoolExecutor(
                self.capacity(entry), thread_name_prefix=entry.name
            )
            tell(f"{entry.name} {entry.version}: ready on {where} in {perf_counter() - start_s:.1f} s")

    def capacity(self, entry: Entry) -> int:
        """How many inferences of a model run at once."""
        return entry.concurrency or os.cpu_count() or 1

    def ready(self, key: Key) -> bool:
        """Whether the model has been loaded and proved."""
        return key in self._executors

    def submit(self, key: Key, request: InferRequest, gate: Callable[[], None]) -> "Future[Tensors]":
        """Run an inference; `gate` is called right before and may raise in its place."""
        model = self._models[key]

        def work() -> Tensors:
            gate()
            return model.infer(request)

        return self._executors[key].submit(work)

    def stop_loading(self) -> None:
        """Load no further model."""
        self._stopping = True

    def close(self) -> None:
        """Drop what waits, let what runs finish, and release the models."""
        for executor in self._executors.values():
            executor.shutdown(wait=True, cancel_futures=True)
        for model in self._models.values():
            model.release()
        self._models.clear()
