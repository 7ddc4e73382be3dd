"""Whose batch runs next: the batchers of all models, and how many batches may run at once.

On a GPU all models take turns on one device, two batches at a time, so that one is collected while another
computes. On the CPU each model has places of its own, so that a slow one delays no other.
"""

import os
from collections.abc import Iterator, Sequence

import msgspec

from workers.batching.batcher import Batcher
from workers.batching.device import DeviceScheduler, Turn
from workers.batching.item import Item, Refusal
from workers.device import Device, shared
from workers.entry import Entry
from workers.tree.crew import Crew

DEVICE_BATCHES = 2


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch went, on the monotonic clock."""

    began_s: float
    ended_s: float
    tight: bool  # the memory was too small for it


class Group:
    """Models that share places."""

    def __init__(self, places: int, name: str, *, at_once: bool) -> None:
        self.scheduler: DeviceScheduler[int] = DeviceScheduler({})
        self.at_once = at_once  # a batch may run in the thread that does the books
        self.places = places
        self.running = 0
        self.ended_s = 0.0  # when the last batch had run
        self.crew = Crew(places, name)


class Turns:
    """All groups. A handle is waiting or running in at most one."""

    def __init__(self, device: Device) -> None:
        self._shared = Group(DEVICE_BATCHES, "device", at_once=False) if shared(device) else None
        self._groups: dict[int, Group] = {}
        self._distinct: list[Group] = []
        self._items: dict[int, tuple[int, Item]] = {}  # what waits or runs, with its model

    def add(self, number: int, entry: Entry) -> None:
        """A model is there."""
        own = self._shared if entry.device is None or shared(entry.device) else None
        group = own or Group(places_of(entry), entry.name, at_once=True)
        group.scheduler.add(number, Batcher(entry.batching))
        self._groups[number] = group
        self._settle()

    def remove(self, number: int) -> list[int]:
        """A model goes: the handles of what waited for it. What runs ends as usual."""
        of_it = [handle for handle, (of, _) in self._items.items() if of == number]
        waited = [handle for handle in of_it if self.drop(handle)]
        group = self._groups.pop(number)
        self._settle()
        group.scheduler.remove(number)
        if group is not self._shared:
            group.crew.dismiss()
        return waited

    def group(self, number: int) -> Group | None:
        """Where a model's batches run."""
        return self._groups.get(number)

    def open(self, number: int) -> bool:
        """Whether a batch of a model may run now, in the thread that does the books: nothing is before it."""
        group = self._groups[number]
        return group.at_once and group.running < group.places and not group.scheduler.batchers[number]

    def wait(self, number: int, item: Item, now_s: float) -> Refusal | None:
        """Let an item wait for its turn."""
        refusal = self._groups[number].scheduler.batchers[number].add(item, now_s)
        if refusal is None:
            self._items[item.handle] = number, item
        return refusal

    def drop(self, handle: int) -> bool:
        """Its caller left; whether it still waited."""
        found = self._items.get(handle)
        if found is None:
            return False
        batcher = self._groups[found[0]].scheduler.batchers[found[0]]
        before = len(batcher)
        batcher.drop(handle)
        if len(batcher) == before:
            return False  # it runs
        del self._items[handle]
        return True

    def take(self, now_s: float) -> Iterator[tuple[Group, Turn[int]]]:
        """The batches to run now; each has its place until `ended`."""
        for group in self._distinct:
            while group.running < group.places:
                turn = group.scheduler.take(now_s)
                if turn is None:
                    break
                group.running += 1
                yield group, turn

    def ended(self, group: Group, turn: Turn[int], ran: Ran | None) -> list[Item]:
        """Its place is free; the items that must wait again, in smaller batches. `ran` None: not all ran.

        On a device a batch may have waited for the one before: its time counts from the end of that.
        """
        group.running -= 1
        again: Sequence[int] = ()
        if ran is not None:
            began_s = max(ran.began_s, group.ended_s) if group is self._shared else ran.began_s
            group.ended_s = ran.ended_s
            took_s = max(0.0, ran.ended_s - began_s)
            again = group.scheduler.ended(turn, took_s, out_of_memory=ran.tight)
        items = {handle: self._items.pop(handle, None) for handle in turn.batch.handles}
        return [found[1] for handle in again if (found := items.get(handle)) is not None]

    def expired(self, now_s: float) -> list[int]:
        """Handles of what cannot end in time any more, each once."""
        found = [handle for group in self._distinct for _, handle in group.scheduler.expired(now_s)]
        for handle in found:
            self._items.pop(handle, None)
        return found

    def due_s(self, now_s: float) -> float | None:
        """When something may be taken, of the groups that have a free place; None: not before news."""
        times = (group.scheduler.due(now_s) for group in self._distinct if group.running < group.places)
        return min((time for time in times if time is not None), default=None)

    def _settle(self) -> None:
        self._distinct = list({id(group): group for group in self._groups.values()}.values())


def places_of(entry: Entry) -> int:
    """Batches of a model that run at once on the CPU."""
    return entry.concurrency or os.cpu_count() or 1
