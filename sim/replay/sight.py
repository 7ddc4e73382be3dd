"""What the processes of a run saw, request by request, as numpy arrays in the order of the plan."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.load.stored import record_path
from sim.shapes.sheet import Floats

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """Times in seconds from the start, below 0 where it never came to that; `ends` as in `sim/load`."""

    planned_s: Floats
    lag_s: Floats
    sent_s: Floats
    ended_s: Floats
    ends: npt.NDArray[np.int16]
    kinds: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.planned_s)

    @property
    def latency_s(self) -> Floats:
        """From the planned time to the end."""
        return self.ended_s - self.planned_s

    @property
    def service_s(self) -> Floats:
        """From the actual sending to the end."""
        return self.ended_s - self.sent_s

    def where(self, which: Flags) -> "Sight":
        """Those alone."""
        names = ("planned_s", "lag_s", "sent_s", "ended_s", "ends", "kinds")
        return Sight(**{name: getattr(self, name)[which] for name in names})


def read_sight(folder: str, processes: int) -> Sight:
    """The records of all processes, put together."""

    def whole(name: str, kind: npt.DTypeLike) -> npt.NDArray[np.generic]:
        parts = [np.fromfile(record_path(folder, each, name), dtype=kind) for each in range(processes)]
        return np.concatenate(parts)[order]

    order: npt.NDArray[np.intp] | slice = slice(None)
    planned_s = whole("planned_s", np.float64)
    order = np.argsort(planned_s, kind="stable")
    times = {name: whole(name, np.float64) for name in ("planned_s", "lag_s", "sent_s", "ended_s")}
    return Sight(**times, ends=whole("ends", np.int16), kinds=whole("kinds", np.uint8))  # type: ignore[arg-type]
