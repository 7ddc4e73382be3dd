"""`ports.Log` of a world: counts events; one that only a bug can cause is a violation."""

from typing import Any

from sim.world.watch import Watch

BUGS = frozenset(
    ("request_broke", "timer_broke", "drain_broke", "drain_could_not_send", "queue_broke_its_promise")
)


class WorldLog:
    """Keeps no text: a world has too many lines."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.counts: dict[str, int] = {}

    def debug(self, event: str, **fields: Any) -> None:
        self._count(event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._count(event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._count(event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._count(event, fields)

    def _count(self, event: str, fields: dict[str, Any]) -> None:
        self.counts[event] = self.counts.get(event, 0) + 1
        if event in BUGS:
            self._watch.add("no bug shows", f"{event}: {fields}")
