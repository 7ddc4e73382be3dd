"""One `penstock replay`: the plan is read, drawn, played, judged, and written into the report's folder."""

import asyncio
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from proxy.routing.problems import Problems
from sim.load.arrivals import Stored
from sim.load.crew import Told, run
from sim.load.limits import LoadLimits
from sim.load.mix import RequestClass
from sim.load.plan import Plan
from sim.load.stored import write_schedule
from sim.replay.errors import ReplayRefused
from sim.replay.faults import Done, make_faults
from sim.replay.outcome import Outcome, Ran, outcome_of
from sim.replay.parse import parse_plan
from sim.replay.payloads import requests_of
from sim.replay.plan import AbortRule, ReplayPlan
from sim.replay.proxywatch import ProxyWatch
from sim.replay.script import Script
from sim.replay.sight import Sight, read_sight

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What the display is told, twice a second."""

    at_s: float
    told: Told
    depth: float | None  # tickets in the proxy's queue; None where it is not known


Show = Callable[[Moment], None]


def load_plan(path: Path, *, scale: float = 0.0, target: str = "") -> ReplayPlan:
    """The plan in a file. Raises ReplayRefused with all of its problems."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ReplayRefused(f"{path}: {error.strerror or error}") from error
    plan = parse_plan(text, os.environ, scale=scale, target=target)
    if isinstance(plan, Problems):
        raise ReplayRefused("\n" + "\n".join(plan.lines(str(path))))
    return plan


def play(plan: ReplayPlan, script: Script, base: Path, show: Show) -> tuple[Outcome, Sight]:
    """Play it. Raises PlanRefused or ReplayRefused before anything is sent, GeneratorFailed."""
    with tempfile.TemporaryDirectory(prefix="penstock-replay-") as folder:
        left = plan.limits.payload_bytes_max
        requests = []
        for each in plan.classes:
            requests.append(requests_of(plan.target, each, base, plan.seed, left))
            left -= sum(map(len, requests[-1]))
        write_schedule(Path(folder), script.due_s.tobytes(), script.kinds.tobytes(), requests)
        ran = asyncio.run(_Playing(plan, _load(plan, script, folder), base, show).run())
        sight = read_sight(folder, plan.processes)
    return outcome_of(plan, script, sight, ran), sight


def _load(plan: ReplayPlan, script: Script, folder: str) -> Plan:
    limits = plan.limits
    return Plan(
        target=plan.target,
        arrivals=Stored(folder=folder, seconds=script.seconds),
        classes=tuple(
            RequestClass(name=each.name, weight=each.weight, deadline_ms=each.deadline_s * 1e3)
            for each in plan.classes
        ),
        seed=plan.seed,
        processes=plan.processes,
        limits=LoadLimits(
            requests_max=limits.requests_max,
            seconds_max=limits.seconds_max,
            connections_max=limits.connections_max,
            answer_s_max=limits.answer_s_max,
            drain_s_max=limits.drain_s_max,
        ),
        punctuality=plan.punctuality,
    )


class Abort:
    """Whether a run has failed for long enough to be ended: told of each moment. Pure."""

    def __init__(self, rule: AbortRule) -> None:
        self._rule = rule
        self._past: deque[tuple[float, Told]] = deque([(0.0, Told())])
        self.said = ""

    def told(self, at_s: float, told: Told) -> bool:
        """True once the rule holds."""
        past, rule = self._past, self._rule
        past.append((at_s, told))
        while len(past) > 1 and past[1][0] <= at_s - rule.for_s:
            past.popleft()
        since_s, before = past[0]
        ended, failed = told.ended - before.ended, told.failed - before.failed
        if at_s - since_s < rule.for_s or not ended or failed <= rule.failed_share * ended:
            return False
        self.said = (
            f"ended at {at_s:.1f} s: {failed:,} of the last {ended:,} requests failed in {rule.for_s:g} s,"
            f" more than {rule.failed_share:.0%}"
        )
        return True


class _Playing:
    """One run: the load, the faults and the look at the proxy, side by side."""

    def __init__(self, plan: ReplayPlan, load: Plan, base: Path, show: Show) -> None:
        self._plan = plan
        self._load = load
        self._base = base
        self._show = show
        self._began_s = time.monotonic()
        self._done: list[Done] = []
        self._abort = Abort(plan.abort) if plan.abort else None
        self._watch = ProxyWatch(plan.metrics, plan.metrics_every_s) if plan.metrics else None
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._interrupted = ""

    async def run(self) -> Ran:
        """To its end, or until it is interrupted; a second interrupt is not waited for."""
        for number in INTERRUPTS:
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt)
        began = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        try:
            result = await run(self._load, self._say, self._start, self._stop)
        finally:
            for task in self._tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*self._tasks)
        watch = self._watch
        return Ran(
            began=began,
            result=result,
            aborted=self._abort.said if self._abort else "",
            interrupted=self._interrupted,
            faults=self._done,
            samples=watch.samples if watch else [],
            samples_missed=watch.missed if watch else 0,
        )

    def _interrupt(self) -> None:
        for number in INTERRUPTS:
            asyncio.get_running_loop().remove_signal_handler(number)
        self._interrupted = f"interrupted at {max(0.0, time.monotonic() - self._began_s):.1f} s"
        self._stop.set()

    def _start(self, began_s: float) -> None:
        self._began_s = began_s
        if self._plan.faults:
            faults = make_faults(self._plan.faults, began_s, self._base, self._done)
            self._tasks.append(asyncio.create_task(faults))
        if self._watch is not None:
            self._tasks.append(asyncio.create_task(self._watch.run(began_s)))

    def _say(self, told: Told) -> None:
        at_s = time.monotonic() - self._began_s
        samples = self._watch.samples if self._watch else []
        depth = sum(samples[-1].depth.values()) if samples else None
        self._show(Moment(at_s=at_s, told=told, depth=depth))
        if self._abort is not None and not self._stop.is_set() and self._abort.told(at_s, told):
            self._stop.set()
