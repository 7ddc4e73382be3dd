"""A run over many drawn cases: judges each, looks for leaks, keeps what fails, and says how far it is."""

import random
import time
from collections import Counter
from collections.abc import Callable

import msgspec

from sim.fuzz.case import CLUSTERS, EDGE, Case
from sim.fuzz.grammar import draw
from sim.fuzz.judges import Judges
from sim.fuzz.shrink import shrunk

LEAK_EVERY = 5_000
"""Looking through all objects takes as long as a few hundred cases."""

SAYS_EVERY_S = 10.0
LOOKS_AT_CLOCK_EVERY = 64
FAULTS_MAX = 20


class Found(msgspec.Struct, frozen=True):
    """A case that fails, made small, and what is wrong with it."""

    case: Case
    complaint: str


class Campaign:
    """`run` it; then `found` has what fails and `seen` what the cases came to; `tell` hears of it at once."""

    def __init__(
        self, seed: int, ends: tuple[str, ...] = (EDGE, CLUSTERS), judges: Judges | None = None
    ) -> None:
        self.seed = seed
        self.cases = 0
        self.seen: Counter[str] = Counter()
        self.found: list[Found] = []
        self.tell: Callable[[Found], None] = lambda _: None
        self._ends = ends
        self._rng = random.Random(seed)
        self._judges = judges or Judges()

    def run(self, cases: int, *, seconds: float = float("inf"), say: Callable[[str], None] = print) -> None:
        """Until so many cases are judged, the time is over, or too many fail."""
        began = said = time.monotonic()
        for number in range(cases):
            self._judge_one(self._ends[number % len(self._ends)])
            over = number == cases - 1 or len(self.found) >= FAULTS_MAX
            if not self.cases % LOOKS_AT_CLOCK_EVERY:
                now = time.monotonic()
                over = over or now - began > seconds
                if now - said > SAYS_EVERY_S:
                    said = now
                    rate = self.cases / (now - began)
                    say(f"{self.cases} of {cases} cases, {rate:.0f} a second, {len(self.found)} failed")
            if over or not self.cases % LEAK_EVERY:
                over = self._look_for_leaks() or over
            if over:
                break

    def _judge_one(self, end: str) -> None:
        case = draw(self._rng, end)
        self.cases += 1
        try:
            self.seen[f"{end}: {self._judges.judge(case)}"] += 1
        except Exception:  # noqa: BLE001 - whatever it is, it is told after the case is made small
            self._keep(case)

    def _keep(self, case: Case) -> None:
        small = shrunk(case, lambda each: bool(self._judges.complaint(each)))
        complaint = self._judges.complaint(small)
        name = f"found with seed {self.seed}, case {self.cases}"
        self._found(Found(msgspec.structs.replace(small, name=name), complaint))

    def _found(self, found: Found) -> None:
        self.found.append(found)
        self.tell(found)

    def _look_for_leaks(self) -> bool:
        leak = self._judges.leak()
        if leak:
            case = Case(end=EDGE, data=b"", name=f"one of the {LEAK_EVERY} before case {self.cases} leaks")
            self._found(Found(case, leak))
        return bool(leak)
