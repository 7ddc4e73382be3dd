"""A model as a front sees it: where it runs, how much may wait, and how large its answers are."""

from typing import Any

from workers.device import Device, shared
from workers.kinds import load_kind
from workers.model import Model
from workers.tree.health import Health
from workers.tree.messages import Known
from workers.tree.turns import DEVICE_BATCHES, places_of

ROOM_BYTES_MIN = 1024
SHRINK = 0.95  # of the size of answers, each time one was smaller: one giant must not make all rooms giant


class Served:
    """One model."""

    def __init__(self, known: Known, device: Device) -> None:
        self.known = known
        self.seats: tuple[int, ...] = ()  # of the predictors that have it
        self.open = 0  # requests on their way
        self.model: Model | None = None  # where it runs in this process
        self.health: Health | None = None
        entry = known.entry
        at_once = getattr(load_kind(entry.kind), "at_once", None)  # not every kind can
        self.kind: Any = load_kind(entry.kind)(entry) if at_once and entry.decode == "gpu" else None
        places = DEVICE_BATCHES if shared(device) and entry.concurrency is None else places_of(entry)
        self._admitted_each = entry.queued_max + places * entry.batching.max_batch_size
        self._rooms: dict[tuple[int, int], float] = {}

    @property
    def admitted_max(self) -> int:
        """Requests at once, over all predictors."""
        return self._admitted_each * max(1, len(self.seats))

    def room(self, step: int, length: int) -> int:
        """Bytes to keep for the answer to a request of `length` bytes: as the last ones of that size took."""
        known = self._rooms.get((step, length.bit_length()))
        return max(ROOM_BYTES_MIN, length if known is None else int(known))

    def took(self, step: int, length: int, written: int) -> None:
        """An answer took so much."""
        key = step, length.bit_length()
        self._rooms[key] = max(float(written), self._rooms.get(key, 0.0) * SHRINK)
