"""What pictures are decoded with, for all models of the process: a GPU holds few decoders.

It decides who has one; it decodes nothing. Whoever has one gives it back before it asks for another.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from workers.device import DEVICE_BATCHES
from workers.pytorch.nvjpeg import COUNT_MAX, Decoder

URGENT = -5  # a stream's priority: decoding is short, and the network waits for it

Bench = tuple[Decoder, Any]
"""A decoder and the stream that it works on."""


class Benches:
    """As many as batches run at once: made for the first model that comes, closed when the last leaves."""

    def __init__(self, count: int = DEVICE_BATCHES) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._models = 0
        self._free: queue.LifoQueue[Bench] = queue.LifoQueue()

    def join(self, device: torch.device) -> None:
        """A model will decode here. Raises NoHardwareDecoder."""
        with self._lock:
            if not self._models:
                self._make(device)
            self._models += 1

    def leave(self) -> None:
        """It will not any more. Waits for those that decode."""
        with self._lock:
            self._models -= 1
            if not self._models:
                self._close(self._count)

    @contextmanager
    def one(self) -> Iterator[Bench]:
        """One that nobody else has."""
        bench = self._free.get()
        try:
            yield bench
        finally:
            self._free.put(bench)

    def _make(self, device: torch.device) -> None:
        try:
            for _ in range(self._count):
                decoder = Decoder()
                stream = torch.cuda.Stream(device, priority=URGENT)  # type: ignore[no-untyped-call]
                self._free.put((decoder, stream))
                decoder.warm(COUNT_MAX)
        except BaseException:
            self._close(self._free.qsize())
            raise

    def _close(self, count: int) -> None:
        for _ in range(count):
            self._free.get()[0].close()


BENCHES = Benches()
"""Of all models in this process, which has one device."""
