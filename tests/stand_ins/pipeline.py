"""A pipeline for tests of the drain: answers as it is told, after as long as it is told."""

import asyncio
from collections.abc import Callable

from proxy.messages import Answer, Attempt, Outcome, Reply, Request, Verdict
from proxy.qos.guard import ALL_SERVED

Done = Callable[[Reply], None]


def served(body: bytes = b"ok", application: str = "1") -> Reply:
    """A model server answered."""
    return Reply(verdict=Verdict.SERVED, answer=Answer(status=200, body=body), application=application)


def exhausted(*outcomes: Outcome, application: str = "1") -> Reply:
    """No tier was left."""
    tried = tuple(Attempt(application=application, tier=0, outcome=each, elapsed_s=0.0) for each in outcomes)
    return Reply(verdict=Verdict.EXHAUSTED, answer=Answer(status=503), attempts=tried)


class ManualExchange:
    """One request on its way; its reply comes by timer, or never where `reply` is None."""

    def __init__(self, pipeline: "ManualPipeline", request: Request, done: Done) -> None:
        self.request = request
        self.cancelled = False
        self._pipeline = pipeline
        self._done = done
        reply = pipeline.behave(request)
        pipeline.in_flight += 1
        pipeline.in_flight_max = max(pipeline.in_flight_max, pipeline.in_flight)
        self._timer: asyncio.TimerHandle | None = None
        if reply is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(pipeline.latency_s, self.end, reply)

    def end(self, reply: Reply) -> None:
        self._pipeline.in_flight -= 1
        self._done(reply)

    def cancel(self) -> None:
        self.cancelled = True
        self._pipeline.in_flight -= 1
        if self._timer is not None:
            self._timer.cancel()


class ManualPipeline:
    """`Pipeline.take`, and what was asked of it."""

    def __init__(self) -> None:
        self.turned_away_from = ALL_SERVED
        self.behave: Callable[[Request], Reply | None] = lambda _: served()
        self.latency_s = 0.01
        self.exchanges: list[ManualExchange] = []
        self.sent_s: list[float] = []
        self.in_flight = 0
        self.in_flight_max = 0

    def screen(self, request: Request) -> Reply | None:
        return None

    def take(self, request: Request, done: Done) -> ManualExchange:
        self.sent_s.append(asyncio.get_running_loop().time())
        exchange = ManualExchange(self, request, done)
        self.exchanges.append(exchange)
        return exchange

    @property
    def requests(self) -> list[Request]:
        return [exchange.request for exchange in self.exchanges]


class InstantPipeline(ManualPipeline):
    """Calls back before `take` returns, as the real one may."""

    def take(self, request: Request, done: Done) -> ManualExchange:
        reply = self.behave(request)
        assert reply is not None
        self.behave = lambda _: None
        exchange = super().take(request, done)
        self.behave = lambda _: reply
        exchange.end(reply)
        return exchange
