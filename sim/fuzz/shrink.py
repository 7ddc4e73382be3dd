"""Makes a failing case small: drops lines, then runs of bytes, as long as it still fails."""

from collections.abc import Callable, Iterator

import msgspec

from sim.fuzz.case import Case

TRIALS_MAX = 3000


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The smallest case found that still fails."""
    trials = 0
    while True:
        for data in _smaller(case.data):
            trials += 1
            smaller = msgspec.structs.replace(case, data=data, valid=False)
            if trials <= TRIALS_MAX and fails(smaller):
                case = smaller
                break
        else:
            return case


def _smaller(data: bytes) -> Iterator[bytes]:
    lines = data.split(b"\r\n")
    for span in (64, 8, 2, 1):
        for place in range(len(lines) - span + 1):
            yield b"\r\n".join(lines[:place] + lines[place + span :])
    for span in (256, 64, 16, 4, 1):
        for place in range(0, len(data), span):
            yield data[:place] + data[place + span :]
