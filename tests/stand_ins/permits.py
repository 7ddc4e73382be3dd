"""Permits that somebody else takes first, as often as the test says."""

from proxy.qos.permits import Permits, Shortage


class ScriptedPermits(Permits):
    """`qos.permits.Permitting`: there always seem to be some; `lost` is what the next takes find lacking."""

    def __init__(self, *lost: Shortage) -> None:
        super().__init__(concurrency=None, rate=None, burst=None)
        self._lost = list(lost)

    def take(self, now: float) -> Shortage | None:
        return self._lost.pop(0) if self._lost else super().take(now)
