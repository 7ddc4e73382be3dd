"""START HERE: the way of a request.

    label → plan → chain of tiers (choose → permit → call) → reply
                                                           ↘ offline queue → ticket

The edge turns bytes into a `Request` and calls `Pipeline.take`; the drain does the same with parked
ones. The answer comes back once, through `done`, as a `Reply`. Pure decisions and call-backs: no
task, no await and no future as long as a model server answers. Budget: 15 µs in all.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final, Protocol

from labelers import Payload
from proxy.messages import Answer, Attempt, Fallback, Label, Outcome, Reply, Request, Verdict
from proxy.observe.burst import Burst
from proxy.observe.meters import Meters
from proxy.ports import NO_TRACES, Clock, Log, OfflineQueue, Recording, Tracer
from proxy.problem import problem
from proxy.qos.gate import SHORT, Bar
from proxy.qos.guard import ALL_SERVED
from proxy.routing.table import Plan
from proxy.snapshot import Snapshot
from proxy.tickets import Envelope, Put, Refusal, Refused
from proxy.tiers.chain import Chain
from proxy.tiers.deadline import deadline_of
from proxy.tiers.outcome import CATALOG_FALLS_THROUGH, FALLS_THROUGH

RETRY_AFTER_S = 1.0
"""What a caller is told to wait after a 503."""

PRESSED_S = 1.0
"""How long after an online request found no permit the queue's tickets stay where they are."""

Done = Callable[[Reply], None]


class Pressing(Protocol):
    """Where it is remembered that online requests found no permit. Times are monotonic seconds."""

    def press(self, now: float) -> None:
        """One found none."""
        ...

    def pressed_s(self) -> float:
        """When the last one found none."""
        ...


class Pressure:
    """`Pressing` for one process alone."""

    def __init__(self) -> None:
        self._short_s = -math.inf

    def press(self, now: float) -> None:
        self._short_s = now

    def pressed_s(self) -> float:
        return self._short_s


class Pipeline:
    """Takes requests. `snapshot` is replaced by a reload, in one assignment (`swap`)."""

    def __init__(
        self,
        *,
        snapshot: Snapshot,
        queue: OfflineQueue,
        clock: Clock,
        meters: Meters,
        log: Log,
        pressure: Pressing | None = None,
        tracer: Tracer = NO_TRACES,
    ) -> None:
        self.snapshot = snapshot
        self.queue = queue
        self.clock = clock
        self.now = clock.now
        self.meters = meters
        self.log = log
        self.failures = Burst("attempt_failed", clock=clock, log=log)  # by application and outcome
        self.pressure = pressure or Pressure()
        self.turned_away_from = ALL_SERVED  # this rank, and all that are less critical: `guarding.py`
        self.tracer: Tracer | None = None if tracer is NO_TRACES else tracer  # a call that does nothing costs
        self.recorder: Recording | None = None  # while an operator records: `recording/tape.py`

    def pressed(self) -> bool:
        """Whether online requests want all that there is: then the drain must not take any of it."""
        in_distress = self.turned_away_from != ALL_SERVED
        return in_distress or self.clock.now() - self.pressure.pressed_s() < PRESSED_S

    def sweep(self) -> None:
        """Log the counts of bursts that have ended: of failed attempts, and of labelers that failed."""
        self.failures.flush()
        self.snapshot.labeling.sweep()

    def swap(self, snapshot: Snapshot) -> None:
        """Serve by another table from now on; what the old one's labelers counted is kept."""
        self.snapshot.labeling.sweep()
        self.snapshot = snapshot

    def take(self, request: Request, done: Done) -> "Exchange":
        """Route an inference request; `done` is called once (perhaps before this returns)."""
        if self.recorder is not None:
            self.recorder.arrive(request)
        exchange = Exchange(self, request if self.tracer is None else self.tracer.begin(request), done)
        exchange.begin()
        return exchange

    def screen(self, request: Request) -> Reply | None:
        """The reply to a request that is turned away now; its body has not been read.

        None where it is not, and where labelers want the body: then it is labelled once that is here.
        """
        if not self.snapshot.labeling.reads_head:
            return None
        replies: list[Reply] = []
        Exchange(self, request, replies.append).screen()
        if not replies:
            return None
        if self.recorder is not None:
            self.recorder.arrive(request)
        return replies[0]

    def ask(self, request: Request, done: Done) -> "Exchange":
        """Put a question about a model to the applications, in table order, until one knows it."""
        exchange = Exchange(self, request if self.tracer is None else self.tracer.begin(request), done)
        exchange.begin_catalog()
        return exchange


class Exchange:
    """One request from its arrival to its reply. The steps stand in the order in which they happen."""

    __slots__ = ("_chain", "_done", "_labels", "_pipeline", "_plan", "_request", "_snapshot")

    def __init__(self, pipeline: Pipeline, request: Request, done: Done) -> None:
        self._pipeline = pipeline
        self._snapshot = pipeline.snapshot
        self._request = request
        self._done: Done | None = done
        self._chain: Chain | None = None
        self._labels: tuple[Label, ...] = ()
        self._plan: Plan

    def begin(self) -> None:
        """Label, plan, and start down the tiers."""
        request = self._request
        payload = self._label()
        if not self._plan.tiers:
            self._finish(Verdict.UNROUTABLE, problem(404, _no_row(self._labels, payload.problem)))
        elif self._plan.qos.rank >= self._pipeline.turned_away_from and not request.drained:
            self._turn_away()
        elif request.fallback is _AT_ONCE:
            self._park()
        else:
            self._snapshot.ground.budget.arrive(request.arrived_s)
            self._descend(FALLS_THROUGH, self._plan.qos.rank, self._tiers_done)

    def screen(self) -> None:
        """Turn it away, if it is of a class that is; else nothing has happened."""
        self._label()
        if self._plan.tiers and self._plan.qos.rank >= self._pipeline.turned_away_from:
            self._turn_away()

    def _label(self) -> Payload:
        """Label, and plan. Labelers that say they read the head alone are shown no body at any time."""
        request, snapshot = self._request, self._snapshot
        payload = Payload(
            model=request.model,
            version=request.version,
            block=request.block,
            coded=request.coded,
            body=None if snapshot.labeling.reads_head else request.body,
            id=request.id,
        )
        self._labels = snapshot.labeling.label(payload)
        self._plan = snapshot.table.plan(self._labels, request.drained)
        return payload

    def _turn_away(self) -> None:
        """The proxy itself is in distress: a ticket would only add to it."""
        self._pipeline.meters.passed_over["*", "guard"] += 1
        text = f"the proxy is overloaded, and turns requests of class '{self._plan.qos.name}' away"
        self._finish(Verdict.EXHAUSTED, problem(503, text))

    def begin_catalog(self) -> None:
        """Ask one application after the other; a question is never parked."""
        self._plan = self._snapshot.catalog.plan(self._request.model)
        self._descend(CATALOG_FALLS_THROUGH, None, self._catalog_done)

    def cancel(self) -> None:
        """The caller left. A queue write that has begun goes on."""
        if self._done is None:
            return
        self._done = None
        if self._chain is not None:
            self._chain.cancel()
            self._look_back(self._chain)
        reply = self._reply(Verdict.ABANDONED, Answer(status=499))
        elapsed_s = self._elapsed_s()
        self._pipeline.meters.settle(reply, elapsed_s)
        self._chain = None
        self._report(reply, elapsed_s)

    def _descend(
        self, falls: dict[Outcome, bool], rank: int | None, then: Callable[[Answer | None], None]
    ) -> None:
        request = self._request
        qos = self._plan.qos
        deadline = deadline_of(request, qos)
        ground = self._snapshot.ground
        self._chain = Chain(
            request, self._plan.tiers, deadline, ground, rank, falls, then, self._broke, qos.hedge
        )
        self._chain.advance()

    def _tiers_done(self, answer: Answer | None) -> None:
        if answer is not None:
            self._finish(_SERVED if answer.status < 300 else Verdict.REJECTED, answer)
        elif self._request.fallback is Fallback.NONE:
            self._finish(Verdict.EXHAUSTED, problem(503, f"no model server answered: {self._story()}"))
        else:
            self._park()

    def _catalog_done(self, answer: Answer | None) -> None:
        if answer is not None:
            self._finish(Verdict.SERVED, answer)
            return
        model = self._request.model
        if self._chain is not None and all(each.outcome is Outcome.REJECTED for each in self._chain.attempts):
            self._finish(Verdict.UNROUTABLE, problem(404, f"no application knows model '{model}'"))
        else:  # who did not answer may know it
            self._finish(Verdict.EXHAUSTED, problem(503, f"model '{model}': {self._story()}"))

    def _park(self) -> None:
        request = self._request
        envelope = Envelope(
            request_id=request.id,
            method=request.method,
            target=request.target,
            model=request.model,
            version=request.version,
            headers=request.headers,
            body=request.body,
            class_name=self._plan.qos.name,
            labels=self._labels,
            reason=self._story(),
            idempotency_key=request.idempotency_key,
        )
        self._pipeline.queue.put(envelope).add_done_callback(self._parked)

    def _parked(self, future: "asyncio.Future[Put]") -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is not None:  # the port promises values; a broken promise must not leave a caller waiting
            self._pipeline.log.error("queue_broke_its_promise", error=repr(error))
            put: Put = Refused(why=Refusal.BROKEN, message="the offline queue failed")
        else:
            put = future.result()
        if isinstance(put, Refused):
            self._pipeline.meters.tickets[put.why] += 1
            self._refuse(put)
            return
        self._pipeline.meters.tickets["accepted" if put.fresh else "known"] += 1
        answer = Answer(
            status=202,
            headers=(
                (b"Location", b"/v1/tickets/" + put.ticket.encode()),
                (b"Content-Type", b"application/json"),
            ),
            body=b'{"ticket": "%b", "status": "queued"}' % put.ticket.encode(),
        )
        self._finish(Verdict.PARKED, answer)

    def _refuse(self, refused: Refused) -> None:
        if refused.why is Refusal.MISMATCH:
            self._finish(Verdict.REJECTED, problem(422, refused.message))
            return
        text = f"no model server answered ({self._story()}), and no ticket is to be had: {refused.message}"
        self._finish(Verdict.EXHAUSTED, problem(503, text))

    def _broke(self, error: Exception) -> None:
        """A bug showed while the chain was called back: its caller is told, not left waiting."""
        self._pipeline.log.error("request_broke", error=repr(error), request_id=self._request.id)
        self._finish(Verdict.EXHAUSTED, problem(500, "internal error"))

    def _story(self) -> str:
        """The attempts and the applications passed over, in words: for people."""
        if self._chain is None:
            return "the caller asked for a ticket at once"
        tried = [f"{a.application}: {a.outcome}" for a in self._chain.attempts]
        passed = [f"{application}: passed over ({bar})" for application, bar in self._chain.passed_over]
        return ", ".join(tried + passed)

    def _finish(self, verdict: Verdict, answer: Answer) -> None:
        reply = self._reply(verdict, answer)
        if self._chain is not None:
            self._look_back(self._chain)
        done, self._done = self._done, None
        self._chain = None  # they hold each other, and the body: that must not wait for the collector
        if done is not None:
            elapsed_s = self._elapsed_s()
            self._pipeline.meters.settle(reply, elapsed_s)
            done(reply)
            self._report(reply, elapsed_s)  # the caller has its answer: nobody waits

    def _report(self, reply: Reply, elapsed_s: float) -> None:
        """Tell who follows requests, if anybody does."""
        pipeline = self._pipeline
        if pipeline.tracer is not None:
            pipeline.tracer.settle(self._request, reply)
        if pipeline.recorder is not None:
            pipeline.recorder.settle(self._request, reply, elapsed_s, self._plan.qos.deadline_s)

    def _look_back(self, chain: Chain) -> None:
        """Count what was passed over, and log what failed, with its cause: the caller is not told that."""
        pipeline = self._pipeline
        for application, bar in chain.passed_over:
            pipeline.meters.passed_over[application, bar] += 1
            if bar in SHORT and not self._request.drained:
                pipeline.pressure.press(pipeline.now())
        for attempt in chain.attempts:
            if attempt.hedge:
                pipeline.meters.hedges[attempt.application, _WON[attempt.outcome in _ANSWERED]] += 1
            if attempt.outcome not in _NO_FAILURE:
                pipeline.failures.tell(
                    (attempt.application, attempt.outcome),
                    application=attempt.application,
                    outcome=attempt.outcome,
                    cause=attempt.cause,
                    tier=attempt.tier,
                    request_id=self._request.id,
                )

    def _reply(self, verdict: Verdict, answer: Answer) -> Reply:
        attempts: tuple[Attempt, ...] = ()
        passed_over: tuple[tuple[str, Bar], ...] = ()
        application, tier = "", None
        if self._chain is not None:
            attempts, passed_over = self._chain.attempts, tuple(self._chain.passed_over)
            if attempts and attempts[-1].outcome in _ANSWERED:
                application, tier = attempts[-1].application, attempts[-1].tier
        retry_after_s = RETRY_AFTER_S if verdict is _EXHAUSTED else None
        return Reply(
            verdict=verdict,
            answer=answer,
            labels=self._labels,
            class_name=self._plan.qos.name,
            application=application,
            tier=tier,
            attempts=attempts,
            passed_over=passed_over,
            generation=self._snapshot.generation,
            retry_after_s=retry_after_s,
        )

    def _elapsed_s(self) -> float:
        return self._pipeline.now() - self._request.arrived_s


_ANSWERED: Final = (Outcome.OK, Outcome.REJECTED)
_NO_FAILURE: Final = (*_ANSWERED, Outcome.SUPERSEDED)
_WON: Final = {True: "true", False: "false"}
_AT_ONCE: Final = Fallback.AT_ONCE
_SERVED: Final = Verdict.SERVED
_EXHAUSTED: Final = Verdict.EXHAUSTED


def _no_row(labels: tuple[Label, ...], unread: str) -> str:
    """Why nothing matched; `unread` says what kept labelers from reading the body."""
    because = f" ({unread})" if unread else ""
    return f"no row matches this request; its labels: {', '.join(labels) or 'none'}{because}"
