"""Permits that somebody else takes first, as often as the test says."""

from proxy.qos.permits import NOBODY, Shortage


class ScriptedPermits:
    """`qos.permits.Permitting`: there always seem to be some; `lost` is what the next takes find lacking."""

    concurrency = None

    def __init__(self, *lost: Shortage) -> None:
        self._lost = list(lost)
        self.in_flight = 0

    def limit(self, **_: object) -> None:
        """Its script is its limit."""

    def shortage(self, now: float) -> Shortage | None:
        return None

    def take(self, now: float) -> Shortage | None:
        if self._lost:
            return self._lost.pop(0)
        self.in_flight += 1
        return None

    def give_back(self) -> None:
        self.in_flight -= 1

    def await_as(self, rank: int, now: float) -> None:
        """Nobody listens."""

    def awaited(self, now: float) -> int:
        return NOBODY
