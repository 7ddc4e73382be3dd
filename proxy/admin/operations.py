"""What an operator can ask of a running proxy, apart from how it is asked."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import msgspec

from proxy.admin.census import Census
from proxy.errors import QueueFailed
from proxy.loading import Loaded
from proxy.observe.page import Page, Readings
from proxy.pipeline import Pipeline
from proxy.ports import OfflineQueue
from proxy.qos.breaker import State
from proxy.reload import Reloader
from proxy.routing.explain import explain
from proxy.routing.problems import Problems
from proxy.tickets import QueueStats

STATS_S_MAX = 1.0
"""How long the offline queue may take to count itself: a stuck disk must not hide the other metrics."""


class Operations:
    """The operator's calls. Reads states as they are; changes only what its method's name says."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        queue: OfflineQueue,
        reloader: Reloader,
        validate: Callable[[bytes], Loaded | Problems],
        accepting: Callable[[], bool],
        census: Census,
    ) -> None:
        self._pipeline = pipeline
        self._queue = queue
        self._reloader = reloader
        self._census = census
        self._validate = validate
        self._accepting = accepting

    def readiness(self) -> dict[str, Any]:
        """Whether traffic is accepted; a refused table shows here while the earlier one serves on."""
        return {
            "ready": self._accepting(),
            "table": {
                "generation": self._census.generation(),
                "last_reload_ok": not self._reloader.last_problems,
                "problems": self._reloader.last_problems.splitlines(),
            },
        }

    async def metrics(self) -> bytes:
        """The metrics page; without the queue's depth, and its bytes NaN, where the queue cannot say."""
        stats, counted = await asyncio.gather(self.queue_stats(), self._census.take())
        readings = Readings(
            applications=counted.applications,
            generation=self._census.generation(),
            reloads=self._reloader.counts,
            last_reload_ok=not self._reloader.last_problems,
            queue_depth={} if stats is None else stats.counts,
            queue_bytes=math.nan if stats is None else stats.stored_bytes,
            labelers=counted.labelers,
            processes=counted.processes,
            restarts=counted.restarts,
        )
        return Page(counted.meters, readings).render()

    def table(self) -> tuple[bytes, str, int]:
        """The table in service: its text, digest and generation."""
        snapshot = self._pipeline.snapshot
        return snapshot.table.source, snapshot.table.digest, snapshot.generation

    def validate(self, data: bytes) -> list[str]:
        """All problems of a table that is not in service."""
        result = self._validate(data)
        return list(result.lines("table")) if isinstance(result, Problems) else []

    async def reload(self) -> dict[str, Any]:
        """Read the table's file again, as SIGHUP does: how that ended, and what is in service then."""
        result = await self._reloader.reload("asked for", force=True)
        return {"reload": result.value, **self.readiness()["table"]}

    async def explain(self, labels: tuple[str, ...]) -> Any:
        """Where requests with these labels go now, and why not elsewhere, as all processes see it."""
        counted = await self._census.take()
        return explain(self._pipeline.snapshot.table, labels, counted.sights)

    async def applications(self) -> list[dict[str, Any]]:
        """Each application with its state and its limits; the breaker's state is a word."""
        counted = await self._census.take()
        gates = self._pipeline.snapshot.gates
        return [
            {
                "id": name,
                "endpoints": list(gates[name].application.endpoints),
                **msgspec.to_builtins(state),
                "breaker": State(state.breaker).name.lower(),
                "down": [each.target.url for each in gates[name].endpoints if each.health.down],
            }
            for name, state in counted.applications.items()
            if name in gates
        ]

    async def set_drained(self, application: str, *, drained: bool) -> bool:
        """Take an application out of service, or back in. False where the table has none of that id."""
        if application not in self._pipeline.snapshot.gates:
            return False
        await self._census.set_drained(application, drained)
        return True

    async def queue_stats(self) -> QueueStats | None:
        """Depth and bytes of the offline queue; None where it fails or takes too long."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._queue.stats()), STATS_S_MAX)
        except (QueueFailed, TimeoutError):
            return None
