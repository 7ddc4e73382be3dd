"""Loading models behind the back of a process that goes on working: one after the other, in a thread."""

import queue
from time import perf_counter

from workers.device import Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.model import Model
from workers.tree.bell import ring
from workers.tree.crew import Crew


class Loading:
    """Rings `bell` when there is something to take."""

    def __init__(self, ground: Ground, bell: int) -> None:
        self._ground = ground
        self._bell = bell
        self._crew = Crew(1, "load")
        self._done: queue.SimpleQueue[tuple[int, Model | Unusable, str]] = queue.SimpleQueue()

    def begin(self, number: int, entry: Entry) -> None:
        """Load a model, when those before it are."""
        self._crew.do(lambda: self._load(number, entry))

    def take(self) -> list[tuple[int, Model | Unusable, str]]:
        """Models that are proved, with a line on where and how fast; or why one cannot be used."""
        found = []
        while not self._done.empty():
            found.append(self._done.get())
        return found

    def _load(self, number: int, entry: Entry) -> None:
        began_s = perf_counter()
        try:
            model = Model(entry)
            where = model.initialise(self._ground)
        except Unusable as error:
            self._done.put((number, error, ""))
        except Exception as error:  # noqa: BLE001 - foreign code at import: told to the operator, as above
            self._done.put((number, Unusable(f"{entry.name}: {error!r}"), ""))
        else:
            seconds = perf_counter() - began_s
            self._done.put(
                (number, model, f"{entry.name} {entry.version}: ready on {where} in {seconds:.1f} s")
            )
        ring(self._bell)
