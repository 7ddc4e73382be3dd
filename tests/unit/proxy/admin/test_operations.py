"""What an operator can ask of a proxy, also while a part of it is in trouble."""

import asyncio
from typing import Any

from proxy.admin.census import OwnCensus
from proxy.admin.operations import Operations
from proxy.errors import QueueFailed
from proxy.labeling import Labeling
from proxy.observe.meters import Meters
from proxy.pipeline import Pipeline
from proxy.snapshot import SnapshotBuilder
from proxy.watchdog import NoWatchdog
from tests.stand_ins.clock import ManualClock, ManualTimers
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.tables import MINIMAL, parsed


class Reloads:
    counts: dict[str, int] = {}  # noqa: RUF012 - read only
    last_problems = ""


class OneQueue:
    """Says how it is as the test wants it: fails, or never answers."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def stats(self) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._error is not None:
            future.set_exception(self._error)
        return future


def operations(queue: OneQueue) -> Operations:
    clock, log = ManualClock(), RecordingLog()
    builder = SnapshotBuilder(clock=clock, timers=ManualTimers(clock), rng=None, clusters={})  # type: ignore[arg-type]
    labeling = Labeling((), clock=clock, log=log, watchdog=NoWatchdog())
    snapshot = builder.build(parsed(MINIMAL), labeling, None)
    meters = Meters()
    pipeline = Pipeline(snapshot=snapshot, queue=queue, clock=clock, meters=meters, log=log)  # type: ignore[arg-type]
    return Operations(
        pipeline=pipeline,
        queue=queue,  # type: ignore[arg-type]
        reloader=Reloads(),  # type: ignore[arg-type]
        census=OwnCensus(pipeline=pipeline, clock=clock),
        validate=lambda _: None,  # type: ignore[arg-type, return-value]
        accepting=lambda: True,
    )


async def test_metrics_are_to_be_had_while_the_queue_fails() -> None:
    """That is when an operator needs them."""
    page = (await operations(OneQueue(QueueFailed("disk"))).metrics()).decode()
    assert "penstock_table_generation 1" in page
    assert "penstock_queue_bytes NaN" in page
    assert "penstock_queue_depth{" not in page


async def test_metrics_are_to_be_had_while_the_queue_is_stuck(monkeypatch: Any) -> None:
    """A disk that hangs answers nothing at all."""
    monkeypatch.setattr("proxy.admin.operations.STATS_S_MAX", 0.001)
    page = (await operations(OneQueue()).metrics()).decode()
    assert "penstock_table_generation 1" in page


async def test_a_queue_that_cannot_say_has_no_stats() -> None:
    """Which is not the same as an empty one."""
    assert await operations(OneQueue(QueueFailed("disk"))).queue_stats() is None
