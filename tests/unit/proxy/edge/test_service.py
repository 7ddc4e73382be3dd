"""The service: every message is answered once, whatever happens on the way."""

import random
from collections.abc import Callable
from typing import Any

from proxy.edge.limits import EdgeLimits
from proxy.edge.message import Message
from proxy.edge.service import Service
from proxy.messages import Answer, Reply, Request, Verdict
from proxy.observe.meters import Meters
from proxy.offline.memory import MemoryQueue
from proxy.qos.guard import ALL_SERVED
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog

BROKEN = Reply(verdict=Verdict.SERVED, answer=Answer(status=200), labels=("\ud800",))
"""No labeler can yield such a label; whatever else cannot be encoded is a bug just like it."""


class OnePipeline:
    """Keeps the way back to the caller; raises where it is told to."""

    def __init__(self) -> None:
        self.raises = False
        self.done: Callable[[Reply], None] | None = None

    turned_away_from = ALL_SERVED

    def screen(self, request: Request) -> None:
        return None

    def take(self, request: Request, done: Callable[[Reply], None]) -> Any:
        if self.raises:
            raise ZeroDivisionError
        self.done = done
        return None


class Counter:
    """A service, and what its caller got."""

    def __init__(self) -> None:
        self.pipeline = OnePipeline()
        self.log = RecordingLog()
        self.answers: list[tuple[bytes, bool]] = []
        clock = ManualClock()
        self.service = Service(
            pipeline=self.pipeline,  # type: ignore[arg-type]
            queue=MemoryQueue(clock=clock),
            clock=clock,
            rng=random.Random(1),
            meters=Meters(),
            log=self.log,
            version="1",
        )

    def infer(self) -> None:
        message = Message(EdgeLimits(), 0.0)
        message.add_target(b"/v2/models/m/infer")
        message.add_header(b"Host", b"a")
        message.end_head(b"POST", keep_alive=True)
        self.service.serve(message, lambda data, keep_alive: self.answers.append((data, keep_alive)))


async def test_a_bug_in_the_pipeline_answers_500() -> None:
    """Not silence."""
    counter = Counter()
    counter.pipeline.raises = True
    counter.infer()
    ((data, keep_alive),) = counter.answers
    assert data.startswith(b"HTTP/1.1 500 ")
    assert keep_alive
    assert counter.log.named("request_broke")


async def test_a_reply_that_cannot_be_written_answers_500() -> None:
    """It comes back from the event loop's call-backs, where no caller of ours would see it raise."""
    counter = Counter()
    counter.infer()
    assert counter.pipeline.done is not None
    counter.pipeline.done(BROKEN)
    ((data, _),) = counter.answers
    assert data.startswith(b"HTTP/1.1 500 ")
    assert counter.log.named("request_broke")
