"""`penstock calibrate --fit`: a recording in, the text of a fleet description out."""

from pathlib import Path

import msgspec

from sim.fleet.writing import written
from sim.recordings.fitting import NETWORK_S, fitted
from sim.recordings.reading import read_recording


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed where: `notes` are for people."""

    text: str
    notes: list[str]


def fit(path: Path, *, network_s: float = NETWORK_S) -> Fit:
    """Raises RecordingUnreadable."""
    found = fitted(read_recording(path), path.name.partition(".")[0], network_s=network_s)
    return Fit(text=written(found.fleet), notes=found.notes)
