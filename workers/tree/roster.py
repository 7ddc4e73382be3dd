"""The models that there are: a number for each that was ever loaded, a row of the ledger for each now."""

from collections.abc import Sequence

from workers.entry import Entry
from workers.errors import Unusable
from workers.kinds import load_kind
from workers.tree.ledger import MODELS_MAX, Ledger
from workers.tree.messages import Known


class Roster:
    """Decides numbers and rows. `stages`: whether there are processes that prepare."""

    def __init__(self, ledger: Ledger, *, stages: bool) -> None:
        self._ledger = ledger
        self._stages = stages
        self._next = 0
        self._rows: dict[int, int] = {}  # row → number
        self.known: dict[int, Known] = {}

    def add(self, entries: Sequence[Entry]) -> list[Known]:
        """Take up models. Raises Unusable if there are too many."""
        free = [row for row in range(MODELS_MAX) if row not in self._rows]
        if len(free) < len(entries):
            raise Unusable(f"a server holds {MODELS_MAX} models at most, those that are replaced among them")
        added = []
        for entry, row in zip(entries, free, strict=False):
            front = entry.placement == "front"
            known = Known(self._next, row, entry, front, self._stages and prepares(entry))
            self._next += 1
            self._rows[row] = known.number
            self.known[known.number] = known
            self._ledger.clear_row(row)
            added.append(known)
        return added

    def remove(self, numbers: Sequence[int]) -> None:
        """Models that nobody uses any more."""
        for number in numbers:
            del self._rows[self.known.pop(number).row]


def prepares(entry: Entry) -> bool:
    """Whether stages pay: where pictures are decoded on the CPU. All else costs less than the hop.

    With a GPU that decodes, fronts send it what it takes; what it does not is for the stages, like a PNG.
    """
    reads = getattr(entry.options, "reads", "picture" if hasattr(entry.options, "pixels_max") else "")
    told = entry.decode != "gpu" or hasattr(load_kind(entry.kind), "at_once")
    return reads == "picture" and told and entry.placement == "predictor"
