"""Loading models behind the back of a process that goes on working: one after the other, in a thread."""

import queue
from time import monotonic, perf_counter
from typing import Final

from workers.device import Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.model import Model
from workers.tree.bell import ring
from workers.tree.crew import Crew
from workers.tree.running import Running

LOAD_S_MAX: Final = 900.0  # for a model: libraries that compile it take minutes


class Loading:
    """Rings `bell` when there is something to take."""

    def __init__(self, ground: Ground, bell: int) -> None:
        self._ground = ground
        self._bell = bell
        self._crew = Crew(1, "load")
        self._asked = 0  # models that are not taken yet
        self.running = Running()
        self._done: queue.SimpleQueue[tuple[int, Model | Unusable, str]] = queue.SimpleQueue()

    def begin(self, number: int, entry: Entry) -> None:
        """Load a model, when those before it are."""
        self._asked += 1
        self._crew.do(lambda: self._load(number, entry))

    def take(self) -> list[tuple[int, Model | Unusable, str]]:
        """Models that are proved, with a line on where and how fast; or why one cannot be used."""
        found = []
        while not self._done.empty():
            found.append(self._done.get())
        self._asked -= len(found)
        return found

    @property
    def busy(self) -> bool:
        """Whether anything is being loaded."""
        return self._asked > 0

    def _load(self, number: int, entry: Entry) -> None:
        began_s = perf_counter()
        errand = self.running.begin(f"loading '{entry.name}'", monotonic(), LOAD_S_MAX)
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
        self.running.end(errand)
        ring(self._bell)
