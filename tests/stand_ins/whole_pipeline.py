"""A whole pipeline over stand-ins: a manual clock, a manual cluster, labels as the test says."""

import asyncio
import random
from typing import Any

from labelers import Payload
from proxy.messages import Answer, Reply, Request
from proxy.observe.meters import Meters
from proxy.offline.memory import MemoryQueue
from proxy.pipeline import Pipeline
from proxy.routing.parse import parse_table
from proxy.routing.table import Table
from proxy.snapshot import SnapshotBuilder
from tests.stand_ins.clock import ManualClock, ManualTimers
from tests.stand_ins.cluster import ManualCluster
from tests.stand_ins.log import RecordingLog

TABLE = """
version: 1
applications:
  1: {endpoints: "http://one:1"}
  2: {endpoints: "http://two:1", model: known}
classes:
  - {name: urgent, label: [7], deadline: 50}
routes:
  - {application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: [7, 8]}
  - {application: 2, timeout: 100, weight: 1, priority: 1, clusterType: http, label: [8]}
"""


class GivenLabels:
    """Labels as the test says; the real ones have tests of their own."""

    def __init__(self) -> None:
        self.labels: tuple[str, ...] = ("8",)
        self.reads_head = False
        self.counts: dict[tuple[str, str], int] = {}

    def label(self, payload: Payload) -> tuple[str, ...]:
        return self.labels

    def sweep(self) -> None:
        """It has no bursts."""


class PipelineBench:
    """A pipeline with all that it stands on."""

    def __init__(self, queue: Any = None) -> None:
        table = parse_table(TABLE, {})
        assert isinstance(table, Table)
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.cluster = ManualCluster()
        self.labeling = GivenLabels()
        self.builder = SnapshotBuilder(
            clock=self.clock, timers=self.timers, rng=random.Random(1), clusters={"http": self.cluster}
        )
        snapshot = self.builder.build(table, self.labeling, None)  # type: ignore[arg-type]
        self.queue = queue if queue is not None else MemoryQueue(clock=self.clock)
        self.meters = Meters()
        self.log = RecordingLog()
        self.pipeline = Pipeline(
            snapshot=snapshot, queue=self.queue, clock=self.clock, meters=self.meters, log=self.log
        )
        self.replies: list[Reply] = []

    def take(self, **fields: Any) -> Any:
        request = Request(
            id="r-1", method=b"POST", target=b"/v2/models/m/infer", model="m", arrived_s=1000.0, **fields
        )
        return self.pipeline.take(request, self.replies.append)

    def screen(self) -> Reply | None:
        request = Request(id="r-1", method=b"POST", target=b"/v2/models/m/infer", model="m", arrived_s=1000.0)
        return self.pipeline.screen(request)

    def ask(self, model: str) -> None:
        request = Request(id="r-1", method=b"GET", target=b"/v2/models/m", model=model, arrived_s=1000.0)
        self.pipeline.ask(request, self.replies.append)

    def fail(self, status: int = 500) -> None:
        self.cluster.last.end(Answer(status=status))

    async def reply(self) -> Reply:
        for _ in range(100):
            if self.replies:
                break
            await asyncio.sleep(0)
        (reply,) = self.replies
        return reply
