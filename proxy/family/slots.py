"""Which application has which slot of the ledger; decided by the supervisor alone, sent with each table.

An application keeps its slot as long as tables name it. The slot of one that a table dropped is free for
another only when every process has said, after that table, that nothing in it holds the slot any more:
requests keep the table that they began with.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from proxy.family.ledger import SLOTS_MAX


class Slots:
    """`reset` is called with a slot before a new owner has it. Slot 0 is nobody's."""

    def __init__(self, reset: Callable[[int], None]) -> None:
        self._reset = reset
        self._of: dict[str, int] = {}
        self._dropped: dict[str, int] = {}  # still somebody's, perhaps
        self._free: list[int] = []
        self._fresh = 1

    @property
    def used(self) -> range:
        """All slots that ever had an owner."""
        return range(1, self._fresh)

    def room(self, applications: Iterable[str]) -> bool:
        """Whether a table that names these can be served: with slots for all of them."""
        new = sum(name not in self._of and name not in self._dropped for name in applications)
        return new <= SLOTS_MAX - self._fresh + len(self._free)

    def of(self, application: str) -> int:
        """Its slot, given to it now if it has none; there is `room`."""
        slot = self._of.get(application)
        if slot is None:
            slot = self._dropped.pop(application, 0) or self._new()
            self._of[application] = slot
        return slot

    def find(self, application: str) -> int | None:
        """Its slot, if it has one."""
        return self._of.get(application) or self._dropped.get(application)

    def shown(self) -> dict[str, int]:
        """The slots of the table in service, by application."""
        return dict(self._of)

    def keep(self, applications: Iterable[str]) -> None:
        """A new table names these: all others are dropped."""
        staying = set(applications)
        for name in [name for name in self._of if name not in staying]:
            self._dropped[name] = self._of.pop(name)

    def release(self, held: AbstractSet[int]) -> None:
        """Every process has the table in service, and these slots are all that any of them holds."""
        for name in [name for name, slot in self._dropped.items() if slot not in held]:
            self._free.append(self._dropped.pop(name))

    def _new(self) -> int:
        if self._free:
            slot = self._free.pop()
        else:
            slot = self._fresh
            assert slot < SLOTS_MAX, "nobody asked whether there is room"
            self._fresh += 1
        self._reset(slot)
        return slot
